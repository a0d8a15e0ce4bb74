//! The corners: where wgloss is right and PyTorch 2.15 is not, and where both agree.

mod catalogue;
mod distillation;
mod elements;
mod preference;
mod rows;

use crate::common::{self, tensor};
use wgloss::{Batch, DType, Evaluation, Loss, Reduction, Request, Tensor};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn floats(shape: &[usize], numbers: &[f64]) -> Tensor<'static> {
    tensor(DType::F32, shape, numbers)
}

/// The unreduced losses and the first input's gradient, on each backend.
fn evaluated(
    loss: &dyn Loss,
    inputs: &[(&str, Tensor<'_>)],
    reduction: Reduction,
) -> Vec<(&'static str, Vec<f32>, Vec<f32>)> {
    let first = [loss.definition().inputs[0].name];
    let batch = Batch {
        inputs,
        request: Request { reduction, gradients: &first, ..Request::default() },
        ..Batch::default()
    };
    let run = |(name, backend): (&'static str, wgloss::Evaluator)| {
        let got: Evaluation = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
        let value = got.value.expect("wanted").to_f32().to_vec();
        (name, value, got.gradients[0].1.to_f32().to_vec())
    };
    common::backends().into_iter().map(run).collect()
}

/// Equal, where NaN equals NaN.
#[track_caller]
fn assert_same(what: &str, got: &[f32], want: &[f64]) {
    let same =
        |(got, want): (&f32, &f64)| f64::from(*got) == *want || (got.is_nan() && want.is_nan());
    let all = got.len() == want.len() && got.iter().zip(want).all(same);
    assert!(all, "{what}: got {got:?}, want {want:?}");
}
