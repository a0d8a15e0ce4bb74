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
use body::Returns;
pub(super) use functions::ROUNDS;
use std::collections::HashSet;
use writer::Writer;

type Result<T> = std::result::Result<T, Refusal>;

/// What is to be written.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// `value`, and `gradient` by these arguments.
    Loss(Vec<usize>),
    /// A `value` that is the derivative by this argument.
    Slope(usize),
}

/// WGSL for what is wanted, and the words of tables that it reads from `table_words`. No name in it is one of `reserved`, but for the user's own functions.
pub(super) fn write(
    source: &Source,
    accurate: bool,
    wanted: &Wanted,
    reserved: &HashSet<String>,
) -> Result<(String, Vec<u32>)> {
    let mut writer = Writer::new(source, accurate, matches!(wanted, Wanted::Loss(_)), reserved);
    let entry = source.entry;
    match wanted {
        Wanted::Loss(by) => {
            writer.entry(entry, "value", &[], Returns::Value)?;
            let size = if by.len() == 1 { 1 } else { source.arguments.len() };
            let returns = Returns::Slopes { of: by.clone(), size };
            writer.entry(entry, "gradient", by, returns)?;
        }
        Wanted::Slope(by) => {
            writer.entry(entry, "value", &[*by], Returns::Slopes { of: vec![*by], size: 1 })?;
        }
    }
    Ok(writer.finish())
}
