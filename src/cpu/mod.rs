//! The CPU backend: float32 on all cores, with the kernels' blocks, tree and formulas.
//!
//! The loops over a block (`run_block`) and a row (`run_row`) are compiled for each instruction set,
//! which is chosen when the program runs; all that they call is inlined, since only so it is compiled
//! for it too.

mod block;
mod lanes;
pub mod numeric;
mod pointwise;
mod row;
mod rows;
mod stretch;
mod sums;

pub use block::Block;
pub use lanes::{Gathered, Join, Larger, Sum};
pub use row::{Item, Row, RowLoops, RowTask};

pub(crate) use block::run_block;
pub(crate) use lanes::{LANES, group, one_hot, store};
pub(crate) use row::run_row;
pub(crate) use rows::class_indices;

use crate::error::Result;
use crate::evaluate::Spare;
use crate::kernel::Slot;
use crate::loss::{Family, Loss};
use crate::numbers::Numbers;
use crate::plan::Resolved;
use crate::reduction::Divisor;
use crate::tensor::{Tensor, TensorKind};
use crate::totals::Totals;
use std::borrow::Cow;

/// What a request came to on the CPU.
#[derive(Debug)]
pub struct Outputs {
    /// The outputs, in the order of [`Resolved::outputs`].
    pub(crate) tensors: Vec<Numbers>,
    /// The totals, if they are wanted.
    pub(crate) totals: Option<Totals>,
}

impl Outputs {
    /// Names what each output is; `weights` are the terms' own, `None` where one is ignored.
    pub(crate) fn new(
        resolved: &Resolved,
        losses: &[f32],
        weights: &[Option<f32>],
        output: impl FnMut((Slot, TensorKind)) -> Numbers,
    ) -> Self {
        let totals = resolved.totals.then(|| Totals::of_terms(resolved, losses, weights));
        Self { tensors: resolved.outputs().into_iter().map(output).collect(), totals }
    }
}

/// Evaluates a request in float32.
pub(crate) fn evaluate(
    loss: &dyn Loss,
    resolved: &Resolved,
    inputs: &[(&str, Tensor<'_>)],
    upstream: Option<&Tensor<'_>>,
    spare: &mut Spare,
) -> Result<Outputs> {
    let tensors = resolved.placed(inputs)?;
    let upstream = factors(resolved, upstream);
    match loss.family() {
        Family::Pointwise(family) => {
            Ok(pointwise::evaluate(family, resolved, &tensors, upstream.as_deref(), spare))
        }
        Family::Rows(family) => {
            rows::evaluate(loss, family, resolved, &tensors, upstream.as_deref(), spare)
        }
        Family::Own(own) => own.evaluate(resolved, &tensors, upstream.as_deref(), spare),
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
    let mut count = sums.len();
    while count > 1 {
        for i in 0..count / 2 {
            sums[i] = sums[2 * i] + sums[2 * i + 1];
        }
        if count % 2 == 1 {
            sums[count / 2] = sums[count - 1];
        }
        count = count.div_ceil(2);
    }
    sums.first().copied().unwrap_or(0.0)
}

/// What divides the sum: given, known from the shapes, or the sum of the weights.
#[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
pub(crate) fn divisor(resolved: &Resolved, weight: impl FnOnce() -> f32) -> f32 {
    if let Some([divisor, ..]) = resolved.given {
        return divisor;
    }
    match resolved.layout.divisor {
        Divisor::Count(count) => count as f32,
        Divisor::Weights => weight(),
    }
}

/// The mean weight of the kept terms, where these have weights and the mean divides by them.
#[expect(clippy::cast_precision_loss, reason = "a number of rows in float32 arithmetic")]
pub(crate) fn mean_weight(resolved: &Resolved, divisor: f32, kept: usize) -> f32 {
    match resolved.given {
        Some([_, kept, ..]) => divisor / kept,
        None if resolved.layout.divisor == Divisor::Weights => divisor / kept as f32,
        None => 1.0,
    }
}
