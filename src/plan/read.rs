//! What an encoding came to, read back.

use super::Plan;
use super::bindings::{Bindings, Bound};
use super::pending::Pending;
use crate::error::{Error, Result};
use crate::gpu::Download;
use crate::request::{Resolved, Slot, Status};
use crate::tensor::{DType, Tensor};
use crate::totals::Totals;
use std::sync::Arc;

/// What an encoding of a plan came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The loss, if the request has it: a scalar, or with
    /// [`Reduction::None`](crate::Reduction::None) one for each term.
    pub value: Option<Tensor<'static>>,
    /// What was wrong with class indices, if the bindings have a status. [`Outcome::checked`] makes an
    /// error of it.
    pub status: Option<Status>,
    /// The totals, if the request has them, as [`Plan::totals`] has them.
    pub totals: Option<Totals>,
    resolved: Arc<Resolved>,
}

impl Outcome {
    /// The reduced loss; `None` if it was not wanted, or with
    /// [`Reduction::None`](crate::Reduction::None).
    pub fn scalar(&self) -> Option<f32> {
        let value = self.value.as_ref().filter(|value| value.shape().is_empty())?;
        value.to_f32().first().copied()
    }

    /// The same, if all class indices were in their range.
    ///
    /// # Errors
    /// [`Error::TargetOutOfRange`], as an evaluation has it. It names this plan's target, so look at
    /// the [status](Outcome::status) instead where several plans share one.
    pub fn checked(self) -> Result<Self> {
        match self.status {
            Some(status) => Err(status.error(&self.resolved)),
            None => Ok(self),
        }
    }

    /// Before anything is read; losses of no terms need no buffer.
    fn of_nothing(resolved: Arc<Resolved>) -> Self {
        let empty = resolved.value && resolved.bytes(Slot::Value) == 0;
        let kind = || resolved.output_kind(Slot::Value);
        let value = empty.then(|| Tensor::from_padded(kind(), Vec::new()));
        Self { value, status: None, totals: None, resolved }
    }

    fn take(&mut self, slot: Slot, bytes: &[u8]) {
        let resolved = &self.resolved;
        match slot {
            Slot::Value => {
                let kind = resolved.output_kind(slot);
                self.value = Some(Tensor::from_padded(kind, bytes.to_vec()));
            }
            Slot::Totals => {
                let words: Vec<u32> = bytemuck::pod_collect_to_vec(bytes);
                self.totals = Some(Totals::from_words(resolved, &words));
            }
            _ => {
                let dtype = resolved.indices_dtype().unwrap_or(DType::I64);
                self.status = Status::from_bytes(bytemuck::pod_read_unaligned(bytes), dtype);
            }
        }
    }
}

impl Plan {
    /// Reads back what the buffers of these bindings hold after all that was submitted so far: value,
    /// status and totals, those that there are. They are copied now, in a submission of its own through
    /// memory of the library's: what is submitted later may overwrite them and does not wait for the
    /// host. A thread of the library's polls the device. (Software drivers hold up any submission until
    /// the one before has run, and so this one.)
    ///
    /// The buffers have the usage `COPY_SRC`.
    ///
    /// ```
    /// # use wgloss::wgpu::util::DeviceExt as _;
    /// use wgloss::{Bindings, DType, Gpu, Mse, Plan, Request, TensorKind, wgpu};
    ///
    /// # let gpu = Gpu::new_blocking()?;
    /// # let buffer = |numbers: &[f32]| {
    /// #     gpu.device().create_buffer_init(&wgpu::util::BufferInitDescriptor {
    /// #         label: None,
    /// #         contents: bytemuck::cast_slice(numbers),
    /// #         usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
    /// #     })
    /// # };
    /// # let (input, target, loss) = (buffer(&[1.0, 2.0]), buffer(&[0.0, 0.0]), buffer(&[0.0]));
    /// let kinds = ["input", "target"].map(|name| (name, TensorKind::new(DType::F32, [2])));
    /// let plan = Plan::new(&gpu, &Mse, &kinds, &Request::default())?;
    /// let whole = wgpu::Buffer::as_entire_buffer_binding;
    /// let bindings = Bindings {
    ///     inputs: &[("input", whole(&input)), ("target", whole(&target))],
    ///     value: Some(whole(&loss)),
    ///     ..Bindings::default()
    /// };
    /// let mut encoder = gpu.device().create_command_encoder(&Default::default());
    /// plan.encode(&mut encoder, &bindings)?;
    /// gpu.queue().submit([encoder.finish()]);
    /// let outcome = plan.read(&bindings).wait()?; // or `.await`
    /// assert_eq!(outcome.scalar(), Some(2.5));
    /// # Ok::<(), wgloss::Error>(())
    /// ```
    ///
    /// # Errors
    /// The result has those of [`Plan::encode`], of a buffer without `COPY_SRC`, and of a device that
    /// is lost.
    pub fn read(&self, bindings: &Bindings<'_>) -> Pending<Outcome> {
        let started = self.start_reading(bindings);
        let (gpu, resolved) = (self.gpu.clone(), self.resolved.clone());
        Pending::new(async move {
            let (slots, download) = started?;
            let mut outcome = Outcome::of_nothing(resolved);
            let take = |i: usize, bytes: &[u8]| {
                outcome.take(slots[i], bytes);
                Ok(())
            };
            download.finish(&gpu, take).await?;
            Ok(outcome)
        })
    }

    fn start_reading(&self, bindings: &Bindings<'_>) -> Result<(Vec<Slot>, Download)> {
        let bound = Bound::new(self, bindings)?;
        self.gpu.check_alive("reading the results")?;
        let (mut slots, mut sources) = (Vec::new(), Vec::new());
        for slot in [Slot::Value, Slot::Report, Slot::Totals] {
            let Some(binding) = bound.given(slot) else { continue };
            if !binding.buffer.usage().contains(wgpu::BufferUsages::COPY_SRC) {
                let got = format!("a buffer of usage {:?}", binding.buffer.usage());
                let argument = self.resolved.slot_name(slot);
                return Err(Error::argument(&argument, got, "one with COPY_SRC"));
            }
            slots.push(slot);
            sources.push((binding, self.resolved.bytes(slot)));
        }
        let sources: Vec<_> =
            sources.iter().map(|(binding, size)| (binding.buffer, binding.offset, *size)).collect();
        let download = Download::start(&self.gpu, &sources)?;
        Ok((slots, download))
    }
}
