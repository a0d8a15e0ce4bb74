//! A custom loss as one uses it: made of a source, its parameters set, a [`Loss`] like any other.

use super::made::{self, Made};
use crate::definition::{Definition, Options, Parameter, Setting, check_held, documentation};
use crate::error::{Error, Result, listed};
use crate::families::pointwise;
use crate::family::{Family, Loss};
use naga::ScalarKind;
use std::fmt;

/// A loss of one's own: a WGSL function `value`, from which its gradient is derived.
///
/// `value` takes 1 to 16 numbers, whose names become those of the inputs, and optionally, last, a
/// struct `Parameters` of numbers, which are set by name. A number is `f32`; `i32`, `u32` or `bool`, of a
/// tensor of integers or booleans; or a vector, `vec2<f32>` to `vec4<f32>`, along a last dimension of
/// that size. Its inputs have any shape and broadcast, and it has what every loss has: reductions, gradients, totals, types, plans, both backends. See
/// [the chapter on custom losses](crate::guide::custom_losses).
///
/// What a source comes to (its kernels' text and its float64 program) is kept for the life of the
/// program, once for each source.
#[derive(Clone)]
pub struct Custom {
    pub(super) made: &'static Made,
    numbers: Vec<Number>,
}

/// A parameter's number; a NaN of its own and `i64::MIN` stand for one that has not been set.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Float(f32),
    Signed(i64),
    Unsigned(i64),
}

/// A NaN that no arithmetic and no text gives.
const UNSET: f32 = f32::from_bits(0x7fc0_0bad);

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
        Ok(Self::of(made::made(name, source, true)?))
    }

    fn of(made: &'static Made) -> Self {
        let unset = |kind| match kind {
            ScalarKind::Sint => Number::Signed(i64::MIN),
            ScalarKind::Uint => Number::Unsigned(i64::MIN),
            _ => Number::Float(UNSET),
        };
        let numbers = made.parameters.iter().map(|(_, kind)| unset(*kind)).collect();
        Self { made, numbers }
    }

    /// The same with WGSL's own `exp`, `log`, `pow`, `max` and so on instead of the library's
    /// accurate ones, which also carry NaN: as fast and as exact as the driver makes them.
    ///
    /// # Errors
    /// As [`Custom::new`].
    pub fn with_built_ins(self) -> Result<Self> {
        let made = made::made(self.made.definition.name, &self.made.source, false)?;
        Ok(Self { made, ..self })
    }

    /// Sets a parameter. Those of type `i32` and `u32` take whole numbers.
    ///
    /// # Errors
    /// If there is none of this name, or it cannot be this number.
    #[expect(clippy::cast_possible_truncation, reason = "parameters are f32; integers are checked")]
    pub fn set(&mut self, name: &str, value: f64) -> Result<()> {
        let names = || self.made.parameters.iter().map(|(name, _)| *name);
        let Some(place) = names().position(|own| own == name) else {
            return Err(Error::unknown_name("parameter", name, names()));
        };
        let number = match self.numbers[place] {
            Number::Float(_) => {
                let (text, number) = (format!("{value:e}"), value as f32);
                check_held(name, &text, number, value == 0.0, value.is_finite())?;
                Number::Float(number)
            }
            Number::Signed(_) => Number::Signed(value as i64),
            Number::Unsigned(_) => Number::Unsigned(value as i64),
        };
        let whole = matches!(number, Number::Float(_)) || value.fract() == 0.0;
        if !whole || !number.is_valid() {
            return Err(Error::argument(name, value.to_string(), number.expected()));
        }
        self.numbers[place] = number;
        Ok(())
    }

    /// The WGSL that the kernels are joined with: `value` and the derived `gradient`.
    pub fn derived(&self) -> &'static str {
        self.made.definition.shader.text
    }

    /// The loss that is this one's derivative by one of its arguments, or by a number of a vector
    /// (`"box.x"`), with the same parameters. Its own gradient by that argument is the diagonal of the
    /// second derivative.
    ///
    /// # Errors
    /// If there is no such argument, or no derivative by it.
    pub fn derivative(&self, argument: &str) -> Result<Self> {
        let definition = self.made.definition;
        let (place, direction) = self.made.direction(argument)?;
        self.check_gradient(place)?;
        let name = format!("{} by {argument}", definition.name);
        let made = made::made(&name, &self.made.slope(direction)?, self.made.accurate)?;
        Ok(Self { made, ..self.clone() })
    }

    /// The words of tables.
    pub(super) fn table(&self) -> &[u32] {
        self.made.definition.shader.table
    }

    /// The bits of the parameters in their order.
    pub(super) fn words(&self) -> Vec<u32> {
        self.numbers.iter().map(|number| number.word()).collect()
    }

    /// The parameters in their order, as the interpreter takes them.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.numbers.iter().map(|number| match *number {
            Number::Float(x) => x.into(),
            #[expect(clippy::cast_precision_loss, reason = "integers of 32 bits")]
            Number::Signed(x) | Number::Unsigned(x) => x as f64,
        })
    }
}

impl Number {
    #[expect(clippy::cast_possible_truncation, reason = "integers are checked")]
    #[expect(clippy::cast_sign_loss, reason = "integers are checked")]
    fn word(self) -> u32 {
        match self {
            Self::Float(x) => x.to_bits(),
            Self::Signed(x) => (x as i32).cast_unsigned(),
            Self::Unsigned(x) => x as u32,
        }
    }

    fn is_valid(self) -> bool {
        match self {
            Self::Float(x) => !x.is_nan(),
            Self::Signed(x) => i32::try_from(x).is_ok(),
            Self::Unsigned(x) => u32::try_from(x).is_ok(),
        }
    }

    fn is_set(self) -> bool {
        match self {
            Self::Float(x) => x.to_bits() != UNSET.to_bits(),
            Self::Signed(x) | Self::Unsigned(x) => x != i64::MIN,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Float(_) => "a number, and not NaN",
            Self::Signed(_) => "a whole number from -2147483648 to 2147483647",
            Self::Unsigned(_) => "a whole number from 0 to 4294967295",
        }
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
        let names = self.made.parameters.iter().map(|(name, _)| *name);
        let settings = self.numbers.iter_mut().map(|number| match number {
            Number::Float(x) => Setting::Number(x),
            Number::Signed(x) | Number::Unsigned(x) => Setting::Integer(x),
        });
        names.zip(settings).collect()
    }

    fn validate(&self) -> Result<()> {
        for ((name, _), number) in self.made.parameters.iter().zip(&self.numbers) {
            if !number.is_set() {
                let names = self.made.parameters.iter().map(|(name, _)| *name);
                return Err(Error::Missing {
                    argument: (*name).into(),
                    loss: self.made.definition.name,
                    needed: format!("the parameters {}", listed(names)),
                });
            }
            if !number.is_valid() {
                let given = match number {
                    Number::Float(x) => x.to_string(),
                    Number::Signed(x) | Number::Unsigned(x) => x.to_string(),
                };
                return Err(Error::argument(name, given, number.expected()));
            }
        }
        Ok(())
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let mut own = self.clone();
        own.options().into_iter().map(|(name, value)| (name, value.value())).collect()
    }

    fn parameters(&self) -> Vec<(&'static str, Parameter)> {
        let names = self.made.parameters.iter().map(|(name, _)| *name);
        let values = self.numbers.iter().map(|number| match *number {
            Number::Float(x) => x.into(),
            Number::Signed(x) | Number::Unsigned(x) => x.into(),
        });
        names.zip(values).collect()
    }
}

impl Loss for Custom {
    fn definition(&self) -> &'static Definition {
        self.made.definition
    }

    fn digest(&self) -> Option<u64> {
        // FNV-1a: the standard library's hashes may change from one version to the next.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let table = self.made.definition.shader.table.iter();
        let table = table.flat_map(|word| word.to_le_bytes());
        Some(self.derived().bytes().chain(table).fold(0xcbf2_9ce4_8422_2325, step))
    }

    fn check_gradient(&self, input: usize) -> Result<()> {
        self.made.refusals[input].clone().map_or(Ok(()), Err)
    }

    fn may_give_up(&self) -> bool {
        self.made.loops()
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}
