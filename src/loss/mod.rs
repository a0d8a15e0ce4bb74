//! The description of a loss: its names, inputs, options, mathematics and kernel.

mod definition;
mod family;
mod setting;

pub use definition::{Definition, Domain, Input, Role};
pub use family::{Own, Pointwise, RowTerms, Rows};
pub use setting::{Choice, Setting};

use crate::error::Result;
use crate::tensor::TensorKind;
use std::fmt::Debug;

/// A loss with its options set.
pub trait Loss: Debug + Send + Sync {
    /// The facts that do not depend on the options.
    fn definition(&self) -> &'static Definition;

    /// The options by PyTorch's names, to list and to set.
    fn options(&mut self) -> Vec<(&'static str, Setting<'_>)> {
        Vec::new()
    }

    /// Checks the options.
    ///
    /// # Errors
    /// If one is outside its range.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// The words of the shader's `Parameters`, in its order; empty where it has none.
    fn parameters(&self) -> Vec<u32> {
        Vec::new()
    }

    /// The target that marks a row as ignored.
    fn ignore_index(&self) -> Option<i64> {
        None
    }

    /// Whether totals of parts of a batch add up: not where a term depends on a mean over the batch.
    fn totals_merge(&self, _inputs: &[Option<TensorKind>]) -> bool {
        true
    }

    /// Checks that there is a gradient by an input, where the definition does not tell why not.
    ///
    /// # Errors
    /// Why there is none.
    fn check_gradient(&self, _input: usize) -> Result<()> {
        Ok(())
    }

    /// The family, with the loss's mathematics on the CPU.
    fn family(&self) -> Family<'_>;
}

/// The families of kernels; each has one skeleton.
#[derive(Debug)]
#[non_exhaustive]
pub enum Family<'a> {
    /// Each element for itself.
    Pointwise(&'a dyn Pointwise),
    /// A class or feature axis reduced per row.
    Rows(&'a dyn Rows),
    /// A loss with a layout and kernels of its own.
    Own(&'a dyn Own),
}
