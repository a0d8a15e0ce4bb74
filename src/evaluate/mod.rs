//! One-shot evaluation of tensors in host memory, on a GPU or on the CPU.

mod gpu;
mod pieces;
pub mod reference;
mod reuse;

use crate::batch::Batch;
use crate::cpu;
use crate::error::{Error, Result};
use crate::family::{Loss, resolve};
use crate::gpu::{Clock, Gpu};
use crate::numbers::Spare;
use crate::request::{Resolved, Slot, Upstream, is_native};
use crate::tensor::{DType, Tensor};
use crate::totals::Totals;
use pieces::Pieces;
use std::borrow::Cow;
use std::time::Duration;
use web_time::Instant;

/// What a batch came to.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// The loss in float32, if it was wanted: a scalar, or with [`Reduction::None`](crate::Reduction::None) one for each
    /// term.
    pub value: Option<Tensor<'static>>,
    /// The gradients in the order asked for, each in its input's shape and of the batch's
    /// [`GradientType`](crate::GradientType).
    pub gradients: Vec<(&'static str, Tensor<'static>)>,
    /// The totals, if they were wanted.
    pub totals: Option<Totals>,
    /// Where the time went.
    pub timings: Timings,
}

impl Evaluation {
    /// The reduced loss; `None` if it was not wanted, or with [`Reduction::None`](crate::Reduction::None).
    pub fn scalar(&self) -> Option<f32> {
        let value = self.value.as_ref().filter(|value| value.shape().is_empty())?;
        value.to_f32().first().copied()
    }
}

/// Where an evaluation's time went, by the host's clock. On the CPU only the kernels take time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Checks, and compiling what was not compiled yet.
    pub plan: Duration,
    /// From host memory into buffers.
    pub upload: Duration,
    /// The kernels, by the clock that `clock` names.
    pub kernels: Duration,
    /// What timed the kernels.
    pub clock: Clock,
    /// From buffers into host memory.
    pub read_back: Duration,
}

impl Timings {
    /// Adds those of another evaluation.
    fn add(&mut self, other: Self) {
        self.plan += other.plan;
        self.upload += other.upload;
        self.kernels += other.kernels;
        self.clock = other.clock;
        self.read_back += other.read_back;
    }
}

/// Where losses are evaluated.
#[derive(Clone, Debug)]
pub enum Evaluator {
    /// On a GPU.
    Gpu(Gpu),
    /// In float32 on all cores.
    Cpu,
}

impl Evaluator {
    /// The fastest adapter, or the CPU and the reason why there is none.
    pub async fn auto() -> (Self, Option<Error>) {
        match Gpu::new().await {
            Ok(gpu) => (Self::Gpu(gpu), None),
            Err(error) => (Self::Cpu, Some(error)),
        }
    }

    /// Evaluates a batch. On a GPU, where a tensor is larger than the device's largest buffer, a
    /// pointwise loss without broadcasts, or a loss over rows, is evaluated in pieces, to the same
    /// bits.
    ///
    /// # Errors
    /// If a name, option, shape or type does not fit, a class index is outside its range, a size
    /// is past the device's limits, or the device is lost.
    pub async fn evaluate(&self, loss: &dyn Loss, batch: &Batch<'_>) -> Result<Evaluation> {
        self.evaluate_with(loss, batch, Spare::default()).await
    }

    async fn evaluate_with(
        &self,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        mut spare: Spare,
    ) -> Result<Evaluation> {
        let native = Batch {
            inputs: &batch.inputs.iter().map(|(name, t)| (*name, native(t))).collect::<Vec<_>>(),
            request: batch.request.clone(),
            upstream: batch.upstream.as_ref().map(native),
            denominator: batch.denominator,
        };
        let mut resolved = resolve(loss, &native.kinds(), &native.request()?)?;
        if let Some(totals) = batch.denominator {
            totals.check(&resolved)?;
            resolved.given = Some(totals.denominator());
        }
        if let Some(upstream) = &native.upstream {
            check_upstream(&resolved, upstream)?;
        }
        let inputs = resolved.placed(native.inputs)?;
        let family = loss.family();
        family.check(&resolved, &inputs)?;
        match self {
            Self::Gpu(gpu) => {
                let largest = gpu.limits().max_buffer_size;
                match Pieces::new(largest, loss, &resolved, &native)? {
                    Some(pieces) => pieces.evaluate(self).await,
                    None => gpu::evaluate(gpu, loss, resolved, &native).await,
                }
            }
            Self::Cpu => {
                let start = Instant::now();
                let upstream = cpu::factors(&resolved, native.upstream.as_ref());
                let outputs =
                    family.compute(&resolved, &inputs, upstream.as_deref(), &mut spare)?;
                let timings = Timings { kernels: start.elapsed(), ..Timings::default() };
                let results = resolved.output_kinds().zip(outputs.tensors);
                let results = results.map(|((_, kind), floats)| Tensor::rounded(kind, floats));
                let evaluation = collect(&resolved, results, timings);
                Ok(Evaluation { totals: outputs.totals, ..evaluation })
            }
        }
    }

    /// [`Evaluator::evaluate`], waiting for it.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_blocking(&self, loss: &dyn Loss, batch: &Batch<'_>) -> Result<Evaluation> {
        pollster::block_on(self.evaluate(loss, batch))
    }
}

/// The tensor itself, or rounded to float32 where kernels do not read its type.
fn native<'a>(tensor: &'a Tensor<'_>) -> Tensor<'a> {
    let (dtype, bytes) = if is_native(tensor.dtype()) {
        (tensor.dtype(), Cow::Borrowed(tensor.bytes()))
    } else {
        (DType::F32, Cow::Owned(bytemuck::cast_slice(&tensor.to_f32()).to_vec()))
    };
    Tensor::from_bytes(dtype, tensor.shape(), bytes).expect("the shape is that of the same tensor")
}

fn check_upstream(resolved: &Resolved, upstream: &Tensor<'_>) -> Result<()> {
    let terms = resolved.upstream == Upstream::Terms;
    let expected: &[usize] = if terms { &resolved.layout.output } else { &[] };
    if upstream.shape() != expected {
        return Err(Error::shape("upstream", upstream.shape(), format!("{expected:?}")));
    }
    if upstream.dtype() != DType::F32 {
        let got = upstream.dtype().to_string();
        return Err(Error::DType { argument: "upstream".into(), got, expected: "float32".into() });
    }
    Ok(())
}

/// Names the outputs.
fn collect(
    resolved: &Resolved,
    results: impl IntoIterator<Item = Tensor<'static>>,
    timings: Timings,
) -> Evaluation {
    let mut evaluation = Evaluation { value: None, gradients: Vec::new(), totals: None, timings };
    for (slot, tensor) in resolved.outputs().zip(results) {
        match slot {
            Slot::Gradient(i) => {
                evaluation.gradients.push((resolved.definition.inputs[i].name, tensor))
            }
            _ => evaluation.value = Some(tensor),
        }
    }
    evaluation
}
