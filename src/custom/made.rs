//! A source made into WGSL for kernels and a program in float64: once, and kept.

use super::blocks::in_blocks;
use super::compiled::Compiled;
use super::derive::{self, Wanted};
use super::interpret::Program;
use super::items::Signature;
use super::kernels;
use super::library::with_called;
use super::parsed::parse;
use super::refusal::Refusal;
use super::rows;
use super::signature::{self, Kind};
use super::source::Source;
use crate::definition::{Definition, Input, Role, Shader};
use crate::error::{Error, Result, listed};
use crate::families::pointwise::kernel::VALUE_AND_GRADIENT;
use crate::families::pointwise::{self, Slopes};
use crate::kernel::{Declared, TABLE};
use crate::reduction::Reduction;
use naga::{ScalarKind, Span};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// The places of the functions in the program.
pub(super) const VALUE: usize = 0;
pub(super) const GRADIENT: usize = 1;

/// The results that a request needs on the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) value: bool,
    /// The inputs whose slopes are, as bits.
    pub(super) slopes: u32,
    /// The rounds of loops that are left after the value.
    pub(super) rounds: bool,
}

/// A member of `Parameters`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: ScalarKind,
    /// How many numbers an array has.
    pub(super) count: Option<usize>,
}

/// What the CPU runs.
#[derive(Debug)]
pub(super) enum Runs {
    /// Of a loss of elements, in float64 and in float32.
    Terms(Box<(Program, Compiled<Asked>)>),
    Rows(Box<rows::Rows>),
}

/// What a source comes to.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) source: String,
    pub(super) accurate: bool,
    pub(super) definition: &'static Definition,
    pub(super) parameters: Vec<Parameter>,
    /// For each argument, why there is no derivative by it.
    pub(super) refusals: Vec<Option<Error>>,
    /// The parameter that is the class index of rows that are ignored.
    pub(super) ignored: Option<usize>,
    pub(super) runs: Runs,
    /// Whether the gradient's function gives the value too, before it.
    pub(super) shares: bool,
    parsed: Source,
    reserved: HashSet<String>,
}

type Known = HashMap<(String, String, bool, Vec<String>), &'static Made>;

static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// What this source comes to: made if it has not been, and kept, as a [`Definition`] is for ever. Its
/// inputs have these names; without any, those of the text.
pub(super) fn made(
    name: &str,
    source: &str,
    accurate: bool,
    inputs: &[String],
) -> Result<&'static Made> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    let key = (name.to_string(), source.to_string(), accurate, inputs.to_vec());
    if let Some(made) = known.get(&key) {
        return Ok(made);
    }
    let made: &'static Made = Box::leak(Box::new(Made::new(name, source, accurate, inputs)?));
    known.insert(key, made);
    Ok(made)
}

impl Made {
    fn new(name: &str, text: &str, accurate: bool, inputs: &[String]) -> Result<Self> {
        // Editors of Windows begin files with a mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut source = Source::new(text)?;
        if let Some(signature) = source.rows.clone() {
            return Self::over_rows(name, text, source, &signature, accurate);
        }
        source.rename(inputs);
        let arguments = source.arguments.iter();
        let all = arguments.map(|own| Input::new(kept(&own.name), own.kind.role())).collect();
        let parameters = parameters(&source);
        let plain = definition(name, all, &parameters, of_terms("", Vec::new()));
        let reserved = kernels::check(&source, &plain)?;
        let attempt = |by: &[usize], slopes| {
            derive::write(&source, accurate, &Wanted::Loss(by.to_vec(), slopes), &reserved)
                .map_err(|refusal| refusal.error(text))
        };
        let kinds = source.arguments.iter().map(|argument| argument.kind);
        let floats: Vec<usize> =
            kinds.clone().enumerate().filter(|(_, own)| own.is_float()).map(|(i, _)| i).collect();
        let inputs_by = |by: &[usize]| -> Vec<Input> {
            let inputs = plain.inputs.iter().enumerate();
            inputs.map(|(i, own)| if by.contains(&i) { *own } else { own.constant() }).collect()
        };
        let derive_by = |by: &[usize]| attempt(by, Slopes::of(inputs_by(by).iter()));
        // Most texts have slopes by all their floats, which need not be tried one by one.
        let all = derive_by(&floats);
        let refusal = |(i, kind): (usize, Kind)| match kind.is_float() {
            true if all.is_ok() => None,
            true => attempt(&[i], Slopes::Alone).err(),
            false => Some(source.no_derivative(i)),
        };
        let refusals: Vec<Option<Error>> = kinds.clone().enumerate().map(refusal).collect();
        let first = kinds.clone().position(Kind::is_float).unwrap_or_default();
        if let Some(error) = &refusals[first] {
            return Err(error.clone());
        }
        let by: Vec<usize> = (0..refusals.len()).filter(|&i| refusals[i].is_none()).collect();
        let inputs = inputs_by(&by);
        let (derived, table) = all.or_else(|_| derive_by(&by))?;
        let declared = if table.is_empty() { "" } else { TABLE };
        let (module, info) = parse(&[&derived, declared].concat()).map_err(|error| {
            let reason = format!("what is derived from this is not valid: {error}");
            Refusal::new(source.place(), reason).error(text)
        })?;
        let mut functions = module.functions.iter();
        let shares = functions.any(|(_, own)| own.name.as_deref() == Some(VALUE_AND_GRADIENT));
        let names = ["value", if shares { VALUE_AND_GRADIENT } else { "gradient" }];
        let interpreted = |narrow| Program::new(&module, &info, &names, narrow);
        let roles = inputs.iter().map(|input| input.role);
        let flags: Vec<bool> =
            roles.flat_map(|role| std::iter::repeat_n(role == Role::Flags, role.width())).collect();
        let both = interpreted(false).and_then(|program| {
            Ok((program, interpreted(true)?.traced(&[VALUE, GRADIENT], &flags)?))
        });
        let (program, traced) = both.map_err(|error| {
            // The same of the user's own text has a place there.
            match Program::new(&source.module, &source.info, &["value"], false) {
                Err(own) => Refusal::new(own.span, own.to_string()).error(text),
                Ok(_) => {
                    let reason = format!("of its gradient, {error}");
                    Refusal::new(source.place(), reason).error(text)
                }
            }
        })?;
        let compiled = Compiled::new(traced);
        let shader = of_terms(&in_blocks(&with_called(&derived)), table);
        // A long text takes long to read once more.
        let is_own = |span: Span| span.to_range().is_some_and(|place| place.start < derived.len());
        Declared::keep(shader, &module, is_own);
        let definition = definition(name, inputs, &parameters, shader);
        Ok(Self {
            source: text.into(),
            accurate,
            definition: Box::leak(Box::new(definition)),
            parameters,
            refusals,
            ignored: None,
            runs: Runs::Terms(Box::new((program, compiled))),
            shares,
            parsed: source,
            reserved,
        })
    }

    fn over_rows(
        name: &str,
        text: &str,
        source: Source,
        signature: &Signature,
        accurate: bool,
    ) -> Result<Self> {
        let rows::Made { inputs, refusals, text: derived, table, rows } =
            rows::make(&source, signature, accurate, kept)?;
        let parameters = parameters(&source);
        let shader = rows::shader(kept(&derived), table.leak(), &rows);
        let ignored = parameters.iter().position(|own| {
            own.name == "ignore_index" && own.kind == ScalarKind::Sint && own.count.is_none()
        });
        let ignored = ignored.filter(|_| inputs.iter().any(|input| input.role == Role::Index));
        let definition = definition(name, inputs, &parameters, shader);
        let definition = Definition { weighted_mean: ignored.is_some(), ..definition };
        let definition = &*Box::leak(Box::new(definition));
        Ok(Self {
            source: text.into(),
            accurate,
            definition,
            parameters,
            refusals,
            ignored,
            runs: Runs::Rows(Box::new(rows)),
            shares: false,
            parsed: source,
            reserved: HashSet::new(),
        })
    }

    /// The error that loops go on for too long with these numbers.
    pub(super) fn too_many_rounds(&self, numbers: &[f64]) -> Error {
        let mut rest = numbers;
        let mut number = |input: &Input| {
            let (own, others) = rest.split_at(input.role.width().min(rest.len()));
            rest = others;
            match own {
                [x] => format!("{} = {x}", input.name),
                _ => format!("{} = {own:?}", input.name),
            }
        };
        let numbers: Vec<String> = self.definition.inputs.iter().map(&mut number).collect();
        let reason = format!(
            "with {} the loops take more than {} rounds in all, which is as many as every \
             driver makes",
            listed(numbers.iter().map(|x| &**x)),
            self.parsed.rounds()
        );
        Refusal::new(self.parsed.first_loop().unwrap_or_default(), reason).error(&self.parsed.text)
    }

    /// Whether there is a loop.
    pub(super) fn loops(&self) -> bool {
        match &self.runs {
            Runs::Terms(own) => own.0.counts(),
            Runs::Rows(own) => own.loops(),
        }
    }

    /// The direction of an argument, or of a number of a vector: `p`, or `box.x`.
    pub(super) fn direction(&self, argument: &str) -> Result<(usize, usize)> {
        if let Runs::Rows(_) = self.runs {
            let reason = "the derivative of a loss over rows is no loss over rows";
            return Err(Refusal::new(self.parsed.place(), reason).error(&self.source));
        }
        let (name, number) = match argument.split_once('.') {
            Some((name, number)) => (name, Some(number)),
            None => (argument, None),
        };
        let place = self.definition.input(name)?;
        let directions = self.parsed.directions(place);
        let numbers = &["x", "y", "z", "w"][..self.definition.inputs[place].role.width()];
        let along = match number {
            None if numbers.len() == 1 => 0,
            _ => {
                let known =
                    numbers.iter().position(|own| Some(*own) == number && numbers.len() > 1);
                known.ok_or_else(|| {
                    let all = numbers.iter().map(|own| format!("{name}.{own}"));
                    let all: Vec<String> =
                        all.take(if numbers.len() > 1 { 4 } else { 0 }).collect();
                    let all = if all.is_empty() { vec![name.to_string()] } else { all };
                    Error::argument("derivative", argument, listed(all.iter().map(|x| &**x)))
                })?
            }
        };
        Ok((place, directions.start + along))
    }

    /// WGSL whose `value` is this derivative.
    pub(super) fn derivative(&self, wanted: &Wanted) -> Result<String> {
        derive::write(&self.parsed, self.accurate, wanted, &self.reserved)
            .map(|(text, _)| text)
            .map_err(|error| error.error(&self.source))
    }
}

fn definition(
    name: &str,
    inputs: Vec<Input>,
    parameters: &[Parameter],
    shader: Shader,
) -> Definition {
    let names = inputs.iter().map(|input| input.name);
    let by_name = parameters.iter().map(|own| own.name);
    let arguments: Vec<_> =
        names.clone().chain(["*"]).chain(by_name).chain(["reduction"]).collect();
    Definition {
        name: kept(name),
        aliases: &[],
        summary: "A custom loss.",
        formula: kept(&format!("value({})", listed(names))),
        inputs: inputs.leak(),
        arguments: arguments.leak(),
        reductions: &[Reduction::Mean, Reduction::Sum, Reduction::None],
        weighted_mean: false,
        shader,
    }
}

fn of_terms(text: &str, table: Vec<u32>) -> Shader {
    let text = kept(text);
    let shader = match &*table.leak() {
        [] => pointwise::shader(text),
        table => pointwise::shader_with_table(text, table),
    };
    Shader { knows_zero: false, ..shader }
}

fn parameters(source: &Source) -> Vec<Parameter> {
    let parameter = |own: &signature::Parameter| Parameter {
        name: kept(&own.name),
        kind: own.kind.kind,
        count: own.count,
    };
    source.parameters.iter().map(parameter).collect()
}

fn kept(text: &str) -> &'static str {
    text.to_string().leak()
}
