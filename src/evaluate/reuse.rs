//! Evaluation into the memory of an earlier one.

use super::{Backend, Batch, Evaluation};
use crate::error::Result;
use crate::loss::Loss;
use crate::numbers::Numbers;

/// The memory of an earlier evaluation's outputs.
#[derive(Debug, Default)]
pub struct Spare(Vec<Numbers>);

impl Spare {
    /// So many numbers, of any value.
    pub(crate) fn numbers(&mut self, size: usize) -> Numbers {
        match self.0.iter().position(|numbers| numbers.len() == size) {
            Some(place) => self.0.swap_remove(place),
            None => Numbers::zeros(size),
        }
    }
}

impl From<Evaluation> for Spare {
    fn from(evaluation: Evaluation) -> Self {
        let gradients = evaluation.gradients.into_iter().map(|(_, tensor)| tensor);
        Self(gradients.chain(evaluation.value).filter_map(|t| t.into_numbers()).collect())
    }
}

impl Backend {
    /// [`Backend::evaluate`] into an earlier evaluation, whose outputs it replaces. On the CPU,
    /// float32 outputs of the same sizes take over the memory, which for large ones is faster: new
    /// memory costs a page fault for each 2 MiB on Linux, where it lies in large pages, and for each
    /// 4 KiB elsewhere. After an error nothing is left in the evaluation.
    ///
    /// ```
    /// use wgloss::{Backend, Batch, Evaluation, Mse, Tensor};
    ///
    /// let mut evaluation = Evaluation::default();
    /// for step in 0..3 {
    ///     let (input, target) = ([step as f32; 1000], [0.0f32; 1000]);
    ///     let batch = Batch {
    ///         inputs: &[
    ///             ("input", Tensor::from_slice(&input, [1000])?),
    ///             ("target", Tensor::from_slice(&target, [1000])?),
    ///         ],
    ///         gradients: &["input"],
    ///         ..Batch::default()
    ///     };
    ///     Backend::Cpu.evaluate_into_blocking(&Mse, &batch, &mut evaluation)?;
    ///     assert_eq!(evaluation.scalar(), Some((step * step) as f32));
    /// }
    /// # Ok::<(), wgloss::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Backend::evaluate`].
    pub async fn evaluate_into(
        &self,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        evaluation: &mut Evaluation,
    ) -> Result<()> {
        let spare = Spare::from(std::mem::take(evaluation));
        *evaluation = self.evaluate_with(loss, batch, spare).await?;
        Ok(())
    }

    /// [`Backend::evaluate_into`], waiting for it.
    ///
    /// # Errors
    /// As [`Backend::evaluate`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_into_blocking(
        &self,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        evaluation: &mut Evaluation,
    ) -> Result<()> {
        pollster::block_on(self.evaluate_into(loss, batch, evaluation))
    }
}
