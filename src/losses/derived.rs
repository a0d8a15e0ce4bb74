//! The definitions of losses behind a linear layer, which are made of those of what is behind it.

use crate::definition::{Definition, Input, Shader};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What is their own.
pub(super) struct Own {
    /// What follows the other's summary, and its formula.
    pub(super) summary: &'static str,
    pub(super) formula: &'static str,
    pub(super) inputs: Vec<Input>,
    pub(super) arguments: Vec<&'static str>,
    pub(super) shader: Shader,
}

/// The definition of `linear_NAME`, made once.
pub(super) fn linear(
    of: &'static Definition,
    own: fn(&'static Definition) -> Own,
) -> &'static Definition {
    static KNOWN: Mutex<BTreeMap<&str, &Definition>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(of.name).or_insert_with(|| Box::leak(Box::new(made(of, own(of)))))
}

fn made(of: &'static Definition, own: Own) -> Definition {
    let text = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    Definition {
        name: text(format!("linear_{}", of.name)),
        aliases: &[],
        summary: text(format!("{}: {}", of.summary.trim_end_matches('.'), own.summary)),
        formula: text(format!("{}, {}", of.formula, own.formula)),
        inputs: own.inputs.leak(),
        arguments: own.arguments.leak(),
        shader: own.shader,
        ..*of
    }
}
