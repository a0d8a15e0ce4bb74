//! The same batches on every machine, and the bits of what comes out.
//!
//! On the CPU these are the same everywhere, in WebAssembly too, but where a loss has a power, which is the
//! platform's own, or products of matrices, which a processor may fuse with the sums that they go into. On a GPU they are those of one driver
//! (Mesa's lavapipe): WGSL leaves it to a driver how some operations round.

use crate::curves::{Curve, points};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use wgloss::{Batch, Evaluation, Evaluator, Loss, Reduction, Request};

/// The terms of a batch: a whole block of a sum, and a part of one.
const TERMS: u16 = 4099;
/// What the tests found.
const PINNED: &str = include_str!("pinned.json");

/// The hashes of a loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The loss's name.
    pub loss: String,
    /// The hash on the CPU.
    pub cpu: String,
    /// The hash on lavapipe.
    pub gpu: String,
}

/// What the tests pin, a loss each.
///
/// # Panics
/// Never: the tests read the same text.
pub fn pinned() -> Vec<Pinned> {
    serde_json::from_str(PINNED).expect("the list of the tests")
}

/// The mean, or the sum where there is none, of a batch of the loss's curve, and all gradients.
///
/// # Errors
/// What the library refuses; a device may be too small or lost.
pub async fn evaluate(loss: Box<dyn Loss>, backend: &Evaluator) -> Result<Evaluation> {
    let curve = Curve::new(loss, &[], None)?;
    let [from, to] = curve.range();
    let inputs = curve.batch(&points(from, to, TERMS))?;
    let description = curve.description();
    let fields = description
        .inputs
        .iter()
        .filter(|field| field.present && !field.integers && !field.by.is_empty());
    let gradients: Vec<&str> = fields.map(|field| field.name).collect();
    let known = curve.loss().definition().reductions;
    let reduction = [Reduction::Mean, Reduction::Sum].into_iter().find(|own| known.contains(own));
    let reduction = reduction.unwrap_or_default();
    let request = Request { reduction, gradients: &gradients, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    Ok(backend.evaluate(curve.loss(), &batch).await?)
}

/// The hash of all bytes of an evaluation (FNV-1a of 64 bits).
pub fn hash(evaluation: &Evaluation) -> String {
    let gradients = evaluation.gradients.iter().map(|(_, tensor)| tensor);
    let bytes = evaluation.value.iter().chain(gradients).flat_map(|tensor| tensor.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The largest difference of two evaluations' numbers, in shares of the largest number of their tensor.
pub fn difference(one: &Evaluation, other: &Evaluation) -> f64 {
    let tensors = |evaluation: &Evaluation| -> Vec<Vec<f32>> {
        let gradients = evaluation.gradients.iter().map(|(_, tensor)| tensor);
        let all = evaluation.value.iter().chain(gradients);
        all.map(|tensor| tensor.to_f32().into_owned()).collect()
    };
    let share = |(one, other): (Vec<f32>, Vec<f32>)| {
        let size = one.iter().fold(0.0, |size: f64, x| size.max(f64::from(x.abs())));
        let apart = |(x, y): (&f32, &f32)| {
            if x.to_bits() == y.to_bits() { 0.0 } else { (f64::from(*x) - f64::from(*y)).abs() }
        };
        let apart = one.iter().zip(&other).map(apart).fold(0.0, f64::max);
        if apart == 0.0 { 0.0 } else { apart / size }
    };
    tensors(one).into_iter().zip(tensors(other)).map(share).fold(0.0, f64::max)
}
