//! From a user's `value` to WGSL with its gradient: forward-mode derivation on naga's IR.
//!
//! Each function is written anew, expression by expression, with its slopes in the directions of the
//! arguments ([`dual`]). Equal terms are one term and get a name if they are used more than once
//! ([`term`]), a slope of 0 is no term at all, and lines that nothing reads are left out
//! ([`lines`]). A helper function is written once for each set of arguments that have slopes.

mod arithmetic;
mod body;
mod built_ins;
mod control;
mod declare;
mod dual;
mod expression;
mod functions;
mod lines;
mod rules;
mod same;
mod special;
mod statement;
mod tables;
mod term;
mod text;
mod types;
mod vectors;
mod writer;

use super::refusal::Refusal;
use super::source::Source;
use super::words::identifiers;
use crate::families::pointwise::Slopes;
use body::{Gradient, Member, Returns};
pub(super) use dual::Directions;
use naga::{Block, Function, Handle, Statement};
use std::collections::HashSet;
pub(super) use writer::DIRECTION;
use writer::Writer;

type Result<T> = std::result::Result<T, Refusal>;

/// What is to be written.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// `value`, and `gradient` by these arguments, which come back so; and both in one where that is worth it.
    Loss(Vec<usize>, Slopes),
    /// A `value` that is the derivative in this direction.
    Slope(usize),
    /// A `value` that is the derivative along directions, which it takes for these arguments after all
    /// others.
    Along(Vec<usize>),
}

/// WGSL for what is wanted, and the words of tables that it reads from `table_words`. No name in it is one of `reserved`, but for the user's own functions.
pub(super) fn write(
    source: &Source,
    accurate: bool,
    wanted: &Wanted,
    reserved: &HashSet<String>,
) -> Result<(String, Vec<u32>)> {
    let mut writer = Writer::new(source, accurate, matches!(wanted, Wanted::Loss(..)), reserved);
    let entry = source.entry;
    match wanted {
        Wanted::Loss(by, slopes) => {
            let of = |argument: usize| source.directions(argument);
            let gradient = match slopes {
                Slopes::Alone => Gradient::alone(by.iter().flat_map(|&i| of(i))),
                Slopes::Together => {
                    let all = 0..source.arguments.len();
                    let own = all.map(|i| of(i).next().filter(|_| by.contains(&i)));
                    Gradient::of(own.collect())
                }
                Slopes::Members => {
                    let name = writer.unique("Gradient", &HashSet::new());
                    let member = |&i: &usize| Member {
                        name: source.arguments[i].name.clone(),
                        by: of(i).map(Some).collect(),
                    };
                    Gradient { name: Some(name), members: by.iter().map(member).collect() }
                }
            };
            writer.entry(entry, "value", &source.active(0..0), Returns::Value)?;
            let active = source.active(by.iter().flat_map(|&i| of(i)));
            match shares(source) {
                true => writer.value_and_gradient(entry, &active, gradient)?,
                false => writer.gradient(entry, &active, gradient)?,
            }
        }
        Wanted::Slope(by) => {
            let returns = Returns::Slopes(Gradient::alone([*by]));
            writer.entry(entry, "value", &source.active([*by]), returns)?;
        }
        Wanted::Along(arguments) => {
            writer.along();
            let returns = Returns::Slopes(Gradient::alone([0]));
            writer.entry(entry, "value", &source.active_along(arguments), returns)?;
        }
    }
    Ok(writer.finish(&["value", "gradient"]))
}

/// From so many bytes on a text is long.
const LONG: usize = 4 << 10;

/// Whether a kernel has value and gradient in one: where compilers take long for each, and where lanes branch, as what
/// follows is found once in straight code only. Of that, short, llvmpipe makes slower kernels so: of the focal loss of a
/// sigmoid by a third.
fn shares(source: &Source) -> bool {
    let functions = &source.module.functions;
    let mut own = functions.iter().filter(|(at, _)| source.is_own(functions.get_span(*at)));
    source.text.len() > LONG || own.any(|(_, function)| branches(&function.body))
}

fn branches(block: &Block) -> bool {
    block.iter().any(|statement| match statement {
        Statement::If { .. } | Statement::Switch { .. } | Statement::Loop { .. } => true,
        Statement::Block(block) => branches(block),
        _ => false,
    })
}

/// A function of a loss over rows, to be written.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) function: Handle<Function>,
    /// What it is called once it is written.
    pub(super) name: String,
    /// The struct of its value and its slopes in some directions, if these are wanted.
    pub(super) slopes: Option<(String, Directions)>,
}

/// What comes of some stages.
#[derive(Debug)]
pub(super) struct Stages<'s> {
    writer: Writer<'s>,
    /// In which directions each has slopes, and for each direction which of its scalars, as bits.
    pub(super) found: Vec<(Directions, Vec<u64>)>,
}

impl Stages<'_> {
    /// The variable in which rounds of loops are counted down, where there are loops.
    pub(super) fn counter(&self) -> Option<String> {
        self.writer.counter.clone()
    }

    /// What a text calls of them, with the parameters, which kernels have even where no function takes them; and
    /// the words of tables.
    pub(super) fn called(self, text: &str) -> (String, Vec<u32>) {
        self.writer.finish(&identifiers(text).chain(["Parameters"]).collect::<Vec<_>>())
    }
}

/// Writes some stages.
pub(super) fn write_stages<'s>(
    source: &'s Source,
    accurate: bool,
    stages: &[Stage],
    reserved: &'s HashSet<String>,
) -> Result<Stages<'s>> {
    let mut writer = Writer::new(source, accurate, true, reserved);
    let mut found = Vec::new();
    for Stage { function, name, slopes } in stages {
        let arguments = source.module.functions[*function].arguments.len();
        found.push(match slopes {
            Some((kind, by)) => {
                let own =
                    |i| source.rows.as_ref().map_or(0, |rows| rows.directions_of(*function, i));
                let active: Vec<Directions> = (0..arguments).map(|i| own(i) & by).collect();
                writer.whole(*function, name, kind, &active)?
            }
            None => {
                writer.entry(*function, name, &vec![0; arguments], Returns::Value)?;
                (0, Vec::new())
            }
        });
    }
    if let Some(ty) = source.parameters_type.filter(|ty| !writer.is_left_out(*ty)) {
        writer.type_name(ty, source.place())?;
    }
    Ok(Stages { writer, found })
}
