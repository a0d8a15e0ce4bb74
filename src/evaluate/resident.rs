//! Batches whose tensors stay on a device.

use super::buffers::{Buffers, UPSTREAM};
use super::taken::Taken;
use super::{Evaluation, Timings, check_upstream};
#[cfg(not(target_arch = "wasm32"))]
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::family::{Loss, resolve};
use crate::gpu::{Gpu, flush, submit};
use crate::plan::Plan;
use crate::request::{Request, Slot, Upstream};
use crate::tensor::{Tensor, TensorKind};
#[cfg(not(target_arch = "wasm32"))]
use std::sync::atomic::AtomicBool;
use web_time::Instant;

/// A batch whose tensors stay on a GPU: for loops that change some of its inputs, or none, and for
/// measurements of the kernels without the transfers.
///
/// ```
/// use wgloss::{DType, Gpu, Mse, Request, Resident, Tensor, TensorKind};
///
/// let gpu = Gpu::new_blocking()?;
/// let kinds = ["input", "target"].map(|name| (name, TensorKind::new(DType::F32, [2])));
/// let mut batch = Resident::new(&gpu, &Mse, &kinds, &Request::with_gradients(&["input"]))?;
/// batch.upload("target", &Tensor::from_slice(&[0.0f32, 0.0], [2])?)?;
/// for step in 0..3 {
///     batch.upload("input", &Tensor::from_slice(&[step as f32; 2], [2])?)?;
///     batch.run_blocking(1, None)?;
/// }
/// let evaluation = batch.read_blocking()?;
/// assert_eq!(evaluation.scalar(), Some(4.0));
/// assert_eq!(evaluation.gradients[0].1.to_f32()[..], [2.0, 2.0]);
/// # Ok::<(), wgloss::Error>(())
/// ```
#[derive(Debug)]
pub struct Resident {
    gpu: Gpu,
    plan: Plan,
    buffers: Buffers,
    /// The inputs in the types and shapes that they are given in.
    given: Vec<(&'static str, TensorKind)>,
    /// The inputs that have not been uploaded yet.
    missing: Vec<&'static str>,
    has_run: bool,
    timings: Timings,
}

/// The runs of one submission: so many that the host is not waited for, and so few that they need no
/// memory to speak of.
const AT_ONCE: u32 = 256;

impl Resident {
    /// Plans a loss for inputs of these types and shapes, and makes the buffers. float64, and numbers in
    /// integers, are rounded to float32 as they are uploaded.
    ///
    /// With [`Request::upstream`] the upstream gradient is uploaded as `"upstream"`.
    ///
    /// # Errors
    /// If an option, name, type or shape does not fit, or a size is past the device's limits; and for a
    /// request with `denominator`, `accumulate` or `counted`, which need buffers of a program's own.
    pub fn new(
        gpu: &Gpu,
        loss: &dyn Loss,
        inputs: &[(&str, TensorKind)],
        request: &Request<'_>,
    ) -> Result<Self> {
        let Request { denominator, accumulate, counted, .. } = *request;
        for (name, asked) in
            [("denominator", denominator), ("accumulate", accumulate), ("counted", counted)]
        {
            if asked {
                let expected = "false: a resident batch has no buffers of the program's";
                return Err(Error::argument(name, "true", expected));
            }
        }
        let start = Instant::now();
        let resolved = resolve(loss, inputs, request)?;
        let given: Vec<_> = resolved
            .definition
            .inputs
            .iter()
            .zip(&resolved.inputs)
            .filter_map(|(input, kind)| Some((input.name, kind.clone()?)))
            .collect();
        let mut missing: Vec<_> = given.iter().map(|(name, _)| *name).collect();
        missing.extend((resolved.upstream != Upstream::One).then_some(UPSTREAM));
        let plan = Plan::of_resolved(gpu, loss, resolved.native())?.with_kept_sets(1);
        let buffers = Buffers::new(gpu, &plan)?;
        let timings = Timings { plan: start.elapsed(), ..Timings::default() };
        Ok(Self { gpu: gpu.clone(), plan, buffers, given, missing, has_run: false, timings })
    }

    /// Puts an input into its place, to be read by the runs that follow.
    ///
    /// # Errors
    /// If there is no such input, or it has another type or shape than was planned, or the device is lost.
    pub fn upload(&mut self, name: &str, tensor: &Tensor<'_>) -> Result<()> {
        let start = Instant::now();
        let resolved = self.plan.resolved();
        if name == UPSTREAM && resolved.upstream != Upstream::One {
            check_upstream(resolved, tensor)?;
        } else {
            let known = self.given.iter().map(|(name, _)| *name);
            let Some((_, kind)) = self.given.iter().find(|(own, _)| *own == name) else {
                return Err(Error::unknown_name("input", name, known));
            };
            if tensor.shape() != kind.shape {
                let expected = format!("{:?}, as planned", kind.shape);
                return Err(Error::shape(name, tensor.shape(), expected));
            }
            if tensor.dtype() != kind.dtype {
                let expected = format!("{}, as planned", kind.dtype);
                let (argument, got) = (name.into(), tensor.dtype().to_string());
                return Err(Error::DType { argument, got, expected });
            }
        }
        self.buffers.write(&self.gpu, resolved, name, tensor)?;
        // What it is copied through is freed once that is carried out, and not only with the next run.
        flush(&self.gpu)?;
        self.missing.retain(|own| *own != name);
        self.timings.upload += start.elapsed();
        Ok(())
    }

    /// Runs the kernels so many times, one after the other, and waits for them.
    ///
    /// # Errors
    /// If an input has not been uploaded, `times` is 0, or the device is lost.
    pub async fn run(&mut self, times: u32) -> Result<()> {
        if let Some(missing) = self.missing.first() {
            return Err(Error::argument(missing, "nothing", "its data, uploaded before the run"));
        }
        if times == 0 {
            return Err(Error::argument("times", "0", "1 or more"));
        }
        self.has_run = false;
        // Uploads are carried out with the next submission: let them not count as the kernels'.
        submit(&self.gpu, []).await?;
        let start = Instant::now();
        for first in (0..times).step_by(AT_ONCE as usize) {
            let mut encoder = self.gpu.encoder();
            if first == 0 {
                self.buffers.clear_status(&mut encoder);
            }
            let last = times.min(first.saturating_add(AT_ONCE));
            self.buffers.encode(&self.plan, &mut encoder, first..last, times)?;
            submit(&self.gpu, [encoder]).await?;
        }
        self.timings.kernels = start.elapsed();
        self.has_run = true;
        Ok(())
    }

    /// Reads back what the last run came to. Its totals are those of the first items of a batch of unknown
    /// size: [`Totals::at`](crate::Totals::at) puts them into another place. The times are those of planning, of all uploads, of the last
    /// run, all its times together, and of this.
    ///
    /// # Errors
    /// If there was no run, a class index is outside its range, or the device is lost.
    pub async fn read(&mut self) -> Result<Evaluation> {
        if !self.has_run {
            return Err(Error::argument("read", "nothing", "a run before"));
        }
        let start = Instant::now();
        let resolved = self.plan.resolved();
        let mut taken = Taken::new(None);
        let results = self.buffers.read(&self.gpu, resolved, &mut taken).await?;
        let (kernels, clock) = results.kernels(self.timings.kernels);
        let totals = results.totals.map(|words| self.plan.totals(&words)).transpose()?;
        let timings = Timings { kernels, clock, read_back: start.elapsed(), ..self.timings };
        let mut evaluation = Evaluation { totals, timings, ..Evaluation::default() };
        if let Some(value) = results.value {
            evaluation.put(resolved, Slot::Value, value);
        }
        taken.finish(resolved, &mut evaluation)?;
        Ok(evaluation)
    }

    /// [`Resident::run`], waiting for it, as long as another thread does not set `cancel`: then the device
    /// goes on, and nobody waits for it.
    ///
    /// # Errors
    /// As [`Resident::run`], and [`Error::Cancelled`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run_blocking(&mut self, times: u32, cancel: Option<&AtomicBool>) -> Result<()> {
        Cancel(cancel).block_on(self.run(times))
    }

    /// [`Resident::read`], waiting for it.
    ///
    /// # Errors
    /// As [`Resident::read`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read_blocking(&mut self) -> Result<Evaluation> {
        pollster::block_on(self.read())
    }
}
