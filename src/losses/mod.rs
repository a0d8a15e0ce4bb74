//! The losses, one file each, under the names that PyTorch users know.

use crate::error::{Error, Result, listed};
use crate::loss::Loss;

/// What a loss's file needs.
mod prelude {
    pub(super) use super::check;
    pub(super) use crate::cpu::{Item, Row, numeric};
    pub(super) use crate::error::Result;
    pub(super) use crate::loss::{
        Definition, Domain, Family, Input, Loss, Pointwise, Role, Rows, Setting,
    };
    pub(super) use crate::reduction::Reduction;
    pub(super) use crate::reference::{self, RowLoss};

    pub(super) const REDUCTIONS: &[Reduction] = &[Reduction::None, Reduction::Mean, Reduction::Sum];
}

/// Each line is a file of this folder and the loss in it.
macro_rules! catalogue {
    ($($file:ident: $loss:ident),* $(,)?) => {
        $(mod $file; pub use $file::$loss;)*

        /// Every loss with its default options, in alphabetical order.
        pub fn catalogue() -> Vec<Box<dyn Loss>> {
            vec![$(Box::new($loss::default())),*]
        }
    };
}

catalogue! {
    binary_cross_entropy: BinaryCrossEntropy,
    binary_cross_entropy_with_logits: BinaryCrossEntropyWithLogits,
    cross_entropy: CrossEntropy,
    huber_loss: Huber,
    kl_div: KlDiv,
    l1_loss: L1,
    linear_cross_entropy: LinearCrossEntropy,
    mse_loss: Mse,
    nll_loss: Nll,
    smooth_l1_loss: SmoothL1,
}

/// The loss of this name or alias, with its default options.
///
/// # Errors
/// If there is none.
pub fn by_name(name: &str) -> Result<Box<dyn Loss>> {
    let known = |loss: &dyn Loss| {
        let definition = loss.definition();
        definition.name == name || definition.aliases.contains(&name)
    };
    catalogue().into_iter().find(|loss| known(loss.as_ref())).ok_or_else(|| Error::UnknownName {
        what: "loss",
        name: name.into(),
        known: listed(catalogue().iter().map(|loss| loss.definition().name)),
    })
}

/// Refuses an option that is not finite or not in its range.
fn check(name: &str, value: f32, expected: &str, valid: impl Fn(f32) -> bool) -> Result<()> {
    if value.is_finite() && valid(value) {
        return Ok(());
    }
    Err(Error::argument(name, value.to_string(), expected))
}
