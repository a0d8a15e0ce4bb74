//! What is evaluated at once: tensors in host memory, and what is asked of them.

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::request::{Part, Request, Resolved};
use crate::tensor::{Tensor, TensorKind};
use crate::totals::Totals;
use std::sync::atomic::AtomicBool;

/// A batch to evaluate: a [`Request`] with its tensors.
#[derive(Clone, Debug, Default)]
pub struct Batch<'a> {
    /// The inputs by name. float64 is rounded to float32.
    pub inputs: &'a [(&'a str, Tensor<'a>)],
    /// What is wanted.
    pub request: Request<'a>,
    /// What gradients are multiplied by: one number, or with reduction `none` one for each term; 1
    /// if absent. With one the request need not say so.
    pub upstream: Option<Tensor<'a>>,
    /// The totals of a whole batch that this is a part of: the mean divides by their weight instead
    /// of its own, so that the value is the part's share in the whole mean, and gradients are those
    /// of the whole mean. With them the request need not say so.
    pub denominator: Option<&'a Totals>,
    /// Where it lies in a larger batch, which its [`Totals`] then say; `None` for a batch of its own. On a
    /// GPU, a part whose first loss does not begin a block of 4096 has all its losses read back and added up
    /// by the host.
    pub part: Option<Part>,
    /// Set to true by another thread, it ends the evaluation with [`Error::Cancelled`]: on the CPU
    /// once the blocks, rows or sequences under way are done, which takes milliseconds but for very
    /// long ones, on a GPU once the pieces under way are. What a [`Sink`](crate::Sink) has taken stays
    /// taken.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use wgloss::{Batch, Error, Evaluator, Mse, Tensor};
    ///
    /// let cancel = AtomicBool::new(false);
    /// let (input, target) = ([1.0f32, 2.0], [0.0f32, 0.0]);
    /// let inputs = [
    ///     ("input", Tensor::from_slice(&input, [2])?),
    ///     ("target", Tensor::from_slice(&target, [2])?),
    /// ];
    /// let batch = Batch { inputs: &inputs, cancel: Some(&cancel), ..Batch::default() };
    /// assert!(Evaluator::Cpu.evaluate_blocking(&Mse, &batch).is_ok());
    /// // As a handler of Ctrl-C does.
    /// cancel.store(true, Ordering::Relaxed);
    /// let error = Evaluator::Cpu.evaluate_blocking(&Mse, &batch).err();
    /// assert_eq!(error, Some(Error::Cancelled));
    /// # Ok::<(), wgloss::Error>(())
    /// ```
    pub cancel: Option<&'a AtomicBool>,
}

impl<'a> Batch<'a> {
    /// The inputs' types and shapes.
    pub(crate) fn kinds(&self) -> Vec<(&'a str, TensorKind)> {
        self.inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect()
    }

    /// Where it lies in a larger batch, or that it is a whole one.
    pub(crate) fn place(&self, resolved: &Resolved) -> Result<Part> {
        let items = resolved.items();
        let Some(part) = self.part else { return Ok(Part { first: 0, of: Some(items) }) };
        part.check(items, resolved.terms_per_item())?;
        Ok(part)
    }

    /// Checks that it is still wanted.
    pub(crate) fn check_cancelled(&self) -> Result<()> {
        Cancel(self.cancel).check()
    }

    /// The request, with what the batch's own tensors say.
    pub(crate) fn request(&self) -> Result<Request<'a>> {
        let missing = |name: &str| Err(Error::argument(name, "none", "one, as requested"));
        let Request { upstream, denominator, .. } = self.request;
        if upstream && self.upstream.is_none() {
            return missing("upstream");
        }
        if denominator && self.denominator.is_none() {
            return missing("denominator");
        }
        for (name, asked) in
            [("accumulate", self.request.accumulate), ("counted", self.request.counted)]
        {
            if asked {
                let expected = "false: an evaluation has no buffers of the program's";
                return Err(Error::argument(name, "true", expected));
            }
        }
        let (upstream, denominator) = (self.upstream.is_some(), self.denominator.is_some());
        Ok(Request { upstream, denominator, ..self.request.clone() })
    }
}
