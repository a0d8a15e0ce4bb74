//! Evaluation into the memory of an earlier one.

use super::{Evaluation, Evaluator};
use crate::batch::Batch;
#[cfg(not(target_arch = "wasm32"))]
use crate::cancel::Cancel;
use crate::error::Result;
use crate::family::Loss;
use crate::numbers::Spare;
use crate::tensor::Tensor;

impl From<Evaluation> for Spare {
    fn from(evaluation: Evaluation) -> Self {
        let gradients = evaluation.gradients.into_iter().map(|(_, tensor)| tensor);
        gradients.chain(evaluation.value).filter_map(Tensor::into_numbers).collect()
    }
}

impl Evaluator {
    /// [`Evaluator::evaluate`] into an earlier evaluation, whose outputs it replaces. On the CPU,
    /// float32 outputs of the same sizes take over the memory, which for large ones is faster: new
    /// memory costs a page fault for each 2 MiB on Linux, where it lies in large pages, and for each
    /// 4 KiB elsewhere. After an error nothing is left in the evaluation.
    ///
    /// ```
    /// use wgloss::{Batch, Evaluation, Evaluator, Mse, Request, Tensor};
    ///
    /// let mut evaluation = Evaluation::default();
    /// for step in 0..3 {
    ///     let (input, target) = ([step as f32; 1000], [0.0f32; 1000]);
    ///     let batch = Batch {
    ///         inputs: &[
    ///             ("input", Tensor::from_slice(&input, [1000])?),
    ///             ("target", Tensor::from_slice(&target, [1000])?),
    ///         ],
    ///         request: Request::with_gradients(&["input"]),
    ///         ..Batch::default()
    ///     };
    ///     Evaluator::Cpu.evaluate_into_blocking(&Mse, &batch, &mut evaluation)?;
    ///     assert_eq!(evaluation.scalar(), Some((step * step) as f32));
    /// }
    /// # Ok::<(), wgloss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub async fn evaluate_into(
        &self,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        evaluation: &mut Evaluation,
    ) -> Result<()> {
        let spare = Spare::from(std::mem::take(evaluation));
        *evaluation = self.evaluate_with(loss, batch, spare, None).await?;
        Ok(())
    }

    /// [`Evaluator::evaluate_into`], waiting for it.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_into_blocking(
        &self,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        evaluation: &mut Evaluation,
    ) -> Result<()> {
        Cancel(batch.cancel).block_on(self.evaluate_into(loss, batch, evaluation))
    }
}
