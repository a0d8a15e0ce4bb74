//! What a request comes to on the CPU, and the factors in it.

use crate::numbers::Numbers;
use crate::reduction::Divisor;
use crate::request::{Resolved, Slot};
use crate::tensor::Tensor;
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
        output: impl FnMut(Slot) -> Numbers,
    ) -> Self {
        let totals = resolved.totals.then(|| Totals::of_terms(resolved, losses, weights));
        Self { tensors: resolved.outputs().map(output).collect(), totals }
    }
}

/// The upstream gradient times the loss scale; `None` where both are 1.
pub(crate) fn factors<'a>(
    resolved: &Resolved,
    upstream: Option<&'a Tensor<'_>>,
) -> Option<Cow<'a, [f32]>> {
    let scale = resolved.loss_scale;
    if scale == 1.0 {
        return upstream.map(Tensor::to_f32);
    }
    let scaled = |upstream: &Tensor<'_>| upstream.to_f32().iter().map(|g| scale * g).collect();
    Some(upstream.map_or(vec![scale], scaled).into())
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
