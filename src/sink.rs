//! Outputs that are taken as they are computed, instead of being kept in memory.

use crate::tensor::TensorKind;
use std::fmt;

/// An output that has more than one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// The unreduced loss.
    Value,
    /// The gradient of the input of this name.
    Gradient(&'static str),
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value => f.write_str("value"),
            Self::Gradient(input) => write!(f, "gradient {input}"),
        }
    }
}

/// Takes outputs as they are computed: files, pipes, or what adds them up. See
/// [`Evaluator::evaluate_to`](crate::Evaluator::evaluate_to).
pub trait Sink: Send {
    /// What will come, with its type and shape. Called once, when the request has been checked and
    /// before anything is computed: what has no room for it says so here.
    ///
    /// # Errors
    /// What ends the evaluation.
    fn begin(&mut self, outputs: &[(Output, TensorKind)]) -> std::io::Result<()>;

    /// The next elements of an output, little-endian. Those of each output come in order.
    ///
    /// # Errors
    /// What ends the evaluation.
    fn take(&mut self, output: Output, elements: &[u8]) -> std::io::Result<()>;

    /// So many terms of all have been computed: for those who wait. It begins anew where the terms are
    /// computed twice, as for the gradient of a weight by whose sum the mean divides.
    fn progress(&mut self, _done: u64, _all: u64) {}
}
