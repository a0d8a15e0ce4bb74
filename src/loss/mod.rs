//! What a loss says of itself: its names, inputs, options, mathematics and kernel.

mod definition;
mod family;
mod options;
mod setting;
mod typed;

pub use definition::{Definition, Domain, Input, Role, Shader};
pub use family::{Own, Pointwise, RowTerms, Rows};
pub use options::{Options, Parameter};
pub use setting::{Choice, Setting};
pub use typed::{FromNamed, Named, Names, Typed};
pub(crate) use typed::{give, given};

use crate::error::Result;
use crate::tensor::TensorKind;
use std::fmt::Debug;

/// A loss with its options set.
pub trait Loss: Options + Debug + Send + Sync {
    /// The facts that do not depend on the options.
    fn definition(&self) -> &'static Definition;

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
