//! A program, and what keeps a text from becoming one.

use super::instruction::{Block, Function, Number};

/// What a text uses that cannot be evaluated here.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{what} is not supported")]
pub(crate) struct Unsupported {
    /// What it is, in words.
    pub(crate) what: String,
    /// Where it is in the text.
    pub(crate) span: naga::Span,
}

impl Unsupported {
    pub(super) fn new(what: impl Into<String>, span: naga::Span) -> Self {
        Self { what: what.into(), span }
    }
}

/// Functions that can be called, any number of times and from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(super) functions: Vec<Function>,
    /// For each name that was asked for, the place of its function.
    pub(super) entries: Vec<usize>,
    /// Sets the private variables.
    pub(super) start: Block,
    /// The registers of private variables.
    pub(super) private: Vec<usize>,
    pub(super) registers: usize,
    /// Registers that hold one number for ever.
    pub(super) constants: Vec<(usize, Number)>,
}

impl Program {
    /// Whether there is a private variable, which counts.
    pub(crate) fn counts(&self) -> bool {
        !self.private.is_empty()
    }

    /// How many columns a function takes and how many it gives: structs, arrays and vectors count
    /// with all their scalars. `entry` is the place of its name among those given to
    /// [`new`](Self::new).
    #[cfg(test)]
    pub(super) fn columns(&self, entry: usize) -> (usize, usize) {
        let function = &self.functions[self.entries[entry]];
        (function.arguments.len(), function.result.len())
    }
}
