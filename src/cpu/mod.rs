//! The CPU backend: float32 on all cores, with the kernels' blocks, tree and formulas.

pub mod numeric;
mod pointwise;
mod rows;

pub use pointwise::Block;
pub use rows::{Gathered, Item, Row, RowTask};

pub(crate) use pointwise::run_block;
pub(crate) use rows::{class_indices, gather, run_row};

use crate::error::Result;
use crate::loss::{Family, Loss};
use crate::plan::Resolved;
use crate::tensor::Tensor;
use std::borrow::Cow;

/// Evaluates a request in float32; the outputs are in the order of [`Resolved::outputs`].
pub(crate) fn evaluate(
    loss: &dyn Loss,
    resolved: &Resolved,
    inputs: &[(&str, Tensor<'_>)],
    upstream: Option<&Tensor<'_>>,
) -> Result<Vec<Vec<f32>>> {
    let tensors = resolved.placed(inputs)?;
    let upstream = factors(resolved, upstream);
    match loss.family() {
        Family::Pointwise(family) => {
            Ok(pointwise::evaluate(family, resolved, &tensors, upstream.as_deref()))
        }
        Family::Rows(family) => {
            rows::evaluate(loss, family, resolved, &tensors, upstream.as_deref())
        }
        Family::Own(own) => own.evaluate(resolved, &tensors, upstream.as_deref()),
    }
}

/// The upstream gradient times the loss scale; `None` where both are 1.
fn factors<'a>(resolved: &Resolved, upstream: Option<&'a Tensor<'_>>) -> Option<Cow<'a, [f32]>> {
    let scale = resolved.loss_scale;
    if scale == 1.0 {
        return upstream.map(Tensor::to_f32);
    }
    let scaled = |upstream: &Tensor<'_>| upstream.to_f32().iter().map(|g| scale * g).collect();
    Some(upstream.map_or(vec![scale], scaled).into())
}

/// The sum as a binary tree of neighbours, a missing one counting as 0: the kernels' order.
pub(crate) fn tree_sum(mut sums: Vec<f32>) -> f32 {
    while sums.len() > 1 {
        sums = sums.chunks(2).map(|pair| pair.iter().sum()).collect();
    }
    sums.first().copied().unwrap_or(0.0)
}

/// What divides the sum: known from the shapes, or the sum of the weights.
#[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
pub(crate) fn divisor(resolved: &Resolved, weight: impl FnOnce() -> f32) -> f32 {
    match resolved.layout.divisor {
        crate::reduction::Divisor::Count(count) => count as f32,
        crate::reduction::Divisor::Weights => weight(),
    }
}
