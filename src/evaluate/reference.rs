//! The textbook formulas in float64, term by term: slow, plain, and what the tests compare with.
//!
//! ```
//! use wgloss::{Batch, Mse, Tensor, reference};
//!
//! let input = Tensor::from_slice(&[1.0f32, 2.0], [2])?;
//! let target = Tensor::from_slice(&[0.0f32, 0.0], [2])?;
//! let inputs = [("input", input), ("target", target)];
//! let answer = reference::evaluate(&Mse, &Batch { inputs: &inputs, ..Batch::default() })?;
//! assert_eq!(answer.value, [2.5]);
//! # Ok::<(), wgloss::Error>(())
//! ```

pub use crate::terms::Answer;

use crate::batch::Batch;
use crate::error::Result;
use crate::family::{Loss, resolve};
use crate::tensor::Tensor;

/// Evaluates a batch. Class indices outside their range are not looked for: such rows are NaN.
///
/// # Errors
/// If a name, option, shape or type does not fit.
pub fn evaluate(loss: &dyn Loss, batch: &Batch<'_>) -> Result<Answer> {
    let resolved = resolve(loss, &batch.kinds(), &batch.request()?)?;
    let mut inputs = vec![None; resolved.inputs.len()];
    for (name, tensor) in batch.inputs {
        inputs[resolved.definition.input(name)?] = Some(tensor.to_f64());
    }
    let terms = loss.family().reference(&resolved, &inputs);
    let upstream = batch.upstream.as_ref().map(Tensor::to_f64);
    Ok(terms.reduced(&resolved, upstream.as_deref()))
}
