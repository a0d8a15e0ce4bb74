//! A custom loss as one uses it: made of a source, its parameters set, a [`Loss`] like any other.

use super::cpu::OnCpu;
use super::derive::{DIRECTION, Wanted};
use super::made::{self, Made};
use super::number::Number;
use super::rows;
use super::signature::MOST_ARGUMENTS;
use crate::definition::{Definition, Options, Parameter, Setting, documentation};
use crate::error::{Error, Result, listed};
use crate::families::{self, pointwise};
use crate::family::{Family, Loss};
use std::borrow::Cow;
use std::fmt;

/// A loss of one's own: a WGSL function `value`, from which its gradient is derived.
///
/// `value` takes 1 to 16 numbers, whose names become those of the inputs, and optionally, last, a
/// struct `Parameters` of numbers, which are set by name. A number is `f32`; `i32`, `u32` or `bool`, of a
/// tensor of integers or booleans; or a vector, `vec2<f32>` to `vec4<f32>`, along a last dimension of
/// that size. Its inputs have any shape and broadcast, and it has what every loss has: reductions, gradients, totals, types, plans, both backends. See
/// [the chapter on custom losses](crate::guide::custom_losses).
///
/// With a struct `Item` it is a loss over rows: `shifts`, `peaks`, `sums`, `running_sums` and `second_sums` of an item
/// say what is gathered of a row, and `value` takes what came out.
///
/// What a source comes to (its kernels' text and its float64 program) is kept for the life of the
/// program, once for each source.
#[derive(Clone)]
pub struct Custom {
    made: &'static Made,
    numbers: Vec<Number>,
}

impl Custom {
    /// The loss that `fn value` of this WGSL is.
    ///
    /// # Errors
    /// [`Error::Custom`], with line and column: if the text is not valid WGSL, has no such function,
    /// has names that the kernels have too, or does what has no derivative by the first argument.
    pub fn new(source: &str) -> Result<Self> {
        Self::named("custom", source)
    }

    /// The same with a name, which totals and reports tell.
    ///
    /// # Errors
    /// As [`Custom::new`].
    pub fn named(name: &str, source: &str) -> Result<Self> {
        Ok(Self::of(made::made(name, source, true, &[])?))
    }

    fn of(made: &'static Made) -> Self {
        let unset = |own: &made::Parameter| Number::unset(own.kind, own.count.is_some());
        Self { made, numbers: made.parameters.iter().map(unset).collect() }
    }

    /// The same with WGSL's own `exp`, `log`, `pow`, `max` and so on instead of the library's
    /// accurate ones, which also carry NaN: as fast and as exact as the driver makes them.
    ///
    /// # Errors
    /// As [`Custom::new`].
    pub fn with_built_ins(self) -> Result<Self> {
        let definition = self.made.definition;
        let made = made::made(definition.name, &self.made.source, false, &self.inputs())?;
        Ok(Self { made, ..self })
    }

    /// Sets a parameter. Those of type `i32` and `u32` take whole numbers.
    ///
    /// # Errors
    /// If there is none of this name, it is an array, or it cannot be this number.
    pub fn set(&mut self, name: &str, value: f64) -> Result<()> {
        let place = self.place(name)?;
        if let Some(count) = self.made.parameters[place].count {
            return Err(Error::argument(name, value.to_string(), format!("{count} numbers")));
        }
        self.numbers[place] = Number::one(name, self.made.parameters[place].kind, value)?;
        Ok(())
    }

    /// Sets a parameter that is an array, `array<f32, N>`, of N numbers: a table, of which a kernel reads
    /// what it needs.
    ///
    /// # Errors
    /// If there is none of this name, it is no array of so many, or it cannot hold one of the numbers.
    pub fn set_table(&mut self, name: &str, numbers: &[f64]) -> Result<()> {
        let place = self.place(name)?;
        let made::Parameter { kind, count, .. } = self.made.parameters[place];
        if count != Some(numbers.len()) {
            let expected = count.map_or("a number".into(), |count| format!("{count} numbers"));
            return Err(Error::argument(name, format!("{} numbers", numbers.len()), expected));
        }
        self.numbers[place] = Number::array(name, kind, numbers)?;
        Ok(())
    }

    /// The place of a parameter.
    fn place(&self, name: &str) -> Result<usize> {
        let names = || self.made.parameters.iter().map(|own| own.name);
        let place = names().position(|own| own == name);
        place.ok_or_else(|| Error::unknown_name("parameter", name, names()))
    }

    /// The WGSL that the kernels are joined with: `value` and the derived `gradient`.
    pub fn derived(&self) -> &'static str {
        self.made.definition.shader.text
    }

    /// The loss that is this one's derivative by one of its arguments, or by a number of a vector
    /// (`"box.x"`), with the same parameters. Its own gradients are a row of the second derivative: by
    /// that argument the diagonal, by another one the mixed derivative by both.
    ///
    /// # Errors
    /// If there is no such argument, or no derivative by it.
    pub fn derivative(&self, argument: &str) -> Result<Self> {
        let (place, direction) = self.made.direction(argument)?;
        self.check_gradient(place)?;
        let name = format!("{} by {argument}", self.made.definition.name);
        self.derived_as(&name, &Wanted::Slope(direction), &self.inputs())
    }

    /// The loss that is this one's derivative along given directions of some of its arguments: the sum
    /// of each one's derivative times its direction, with the same parameters. The directions are
    /// inputs like the arguments, after all of them and in their order: that of `p` is called
    /// `p_direction` and has its type.
    ///
    /// Its gradients by the arguments are the product of the Hessian with the directions, and those by the
    /// directions are this loss's gradients.
    ///
    /// # Errors
    /// If there is no such argument, it comes twice or has no derivative, or if there are more than 16
    /// inputs.
    pub fn along(&self, arguments: &[&str]) -> Result<Self> {
        let definition = self.made.definition;
        let mut places = Vec::new();
        for argument in arguments {
            let place = definition.input(argument)?;
            if places.contains(&place) {
                return Err(Error::Repeated { argument: (*argument).into(), times: 2 });
            }
            self.check_gradient(place)?;
            places.push(place);
        }
        places.sort_unstable();
        let mut inputs = self.inputs();
        for &place in &places {
            let wanted = format!("{}_{DIRECTION}", definition.inputs[place].name);
            let others = (1..).map(|number| format!("{wanted}_{number}"));
            let mut names = std::iter::once(wanted.clone()).chain(others);
            inputs.extend(names.find(|name| !inputs.contains(name)));
        }
        let (count, most) = (inputs.len(), format!("at most {MOST_ARGUMENTS}"));
        if places.is_empty() {
            return Err(Error::argument("along", "no argument", "at least one"));
        }
        if count > MOST_ARGUMENTS {
            return Err(Error::argument("along", format!("{count} inputs with directions"), most));
        }
        let along: Vec<&str> = places.iter().map(|&place| definition.inputs[place].name).collect();
        let name = format!("{} along {}", definition.name, listed(along));
        self.derived_as(&name, &Wanted::Along(places), &inputs)
    }

    /// The loss that is this derivative, with the same parameters.
    fn derived_as(&self, name: &str, wanted: &Wanted, inputs: &[String]) -> Result<Self> {
        let text = self.made.derivative(wanted)?;
        let made = made::made(name, &text, self.made.accurate, inputs)?;
        Ok(Self { made, ..self.clone() })
    }

    /// The names of the inputs.
    fn inputs(&self) -> Vec<String> {
        self.made.definition.inputs.iter().map(|input| input.name.into()).collect()
    }

    /// The bits of the parameters but for arrays in their order.
    fn words(&self) -> Vec<u32> {
        self.numbers.iter().filter_map(Number::word).collect()
    }

    /// The parameters but for arrays in their order, as the interpreter takes them.
    fn numbers(&self) -> impl Iterator<Item = f64> {
        self.numbers.iter().filter_map(Number::number)
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.made.definition.name;
        f.debug_struct("Custom").field("name", name).field("numbers", &self.numbers).finish()
    }
}

impl Options for Custom {
    fn documentation(&self) -> String {
        let comment =
            self.made.source.trim_start().lines().map_while(|line| line.strip_prefix("//"));
        documentation(&comment.collect::<Vec<_>>().join("\n"))
    }

    fn options(&mut self) -> Vec<(&'static str, Setting<'_>)> {
        let names = self.made.parameters.iter().map(|own| own.name);
        let settings = self.numbers.iter_mut().map(Number::setting);
        names.zip(settings).collect()
    }

    fn validate(&self) -> Result<()> {
        for (own, number) in self.made.parameters.iter().zip(&self.numbers) {
            if !number.is_set() {
                let names = self.made.parameters.iter().map(|own| own.name);
                return Err(Error::Missing {
                    argument: own.name.into(),
                    loss: self.made.definition.name,
                    needed: format!("the parameters {}", listed(names)),
                });
            }
            if let (Some(count), Some(given)) = (own.count, number.count())
                && count != given
            {
                let (given, expected) = (format!("{given} numbers"), format!("{count} numbers"));
                return Err(Error::argument(own.name, given, expected));
            }
            if let Some((given, place)) = number.invalid() {
                let place = place.map_or(String::new(), |place| format!("[{place}]"));
                let name = format!("{}{place}", own.name);
                return Err(Error::argument(&name, given, number.expected()));
            }
        }
        Ok(())
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let mut own = self.clone();
        let value = |setting: Setting<'_>| match &setting {
            // A long array is told from others by its digest.
            Setting::Numbers(all) if all.len() > MOST_SHOWN => shown(all.len(), &setting.value()),
            Setting::Integers(all) if all.len() > MOST_SHOWN => shown(all.len(), &setting.value()),
            _ => setting.value(),
        };
        own.options().into_iter().map(|(name, setting)| (name, value(setting))).collect()
    }

    fn parameters(&self) -> Vec<(&'static str, Parameter)> {
        let values = self.made.parameters.iter().zip(&self.numbers);
        // Arrays are read from a buffer.
        let value =
            |(own, number): (&made::Parameter, &Number)| Some((own.name, number.parameter()?));
        values.filter_map(value).collect()
    }
}

/// The most numbers of an array that are shown.
const MOST_SHOWN: usize = 16;

fn shown(count: usize, text: &str) -> String {
    format!("{count} numbers of digest {:016x}", digest(text.bytes()))
}

/// FNV-1a: the standard library's hashes may change from one version to the next.
fn digest(bytes: impl Iterator<Item = u8>) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, step)
}

impl Loss for Custom {
    fn definition(&self) -> &'static Definition {
        self.made.definition
    }

    fn ignore_index(&self) -> Option<i64> {
        match self.numbers[self.made.ignored?] {
            Number::Signed(index) => Some(index),
            _ => None,
        }
    }

    fn digest(&self) -> Option<u64> {
        let table = self.made.definition.shader.table.iter();
        let table = table.flat_map(|word| word.to_le_bytes());
        Some(digest(self.derived().bytes().chain(table)))
    }

    fn table(&self) -> Cow<'static, [u32]> {
        let table = self.made.definition.shader.table;
        let own: Vec<u32> = self.numbers.iter().flat_map(Number::words).collect();
        match own.len() {
            0 => table.into(),
            // The parameters' own come first.
            count => [&own, table.get(count..).unwrap_or_default()].concat().into(),
        }
    }

    fn check_gradient(&self, input: usize) -> Result<()> {
        self.made.refusals[input].clone().map_or(Ok(()), Err)
    }

    fn may_give_up(&self) -> bool {
        self.made.loops()
    }

    fn family(&self) -> Box<dyn Family + '_> {
        let (numbers, words) = (self.numbers().collect(), self.words());
        match &self.made.runs {
            made::Runs::Terms(own) => {
                let on_cpu = OnCpu::new(self, self.made, (&own.0, &own.1), numbers, words);
                pointwise::run_by(self, on_cpu)
            }
            made::Runs::Rows(made) => {
                families::rows::run_by(self, rows::OnCpu::new(self, made, numbers, words))
            }
        }
    }
}
