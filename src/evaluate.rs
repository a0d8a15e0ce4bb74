//! One-shot evaluation of tensors in host memory, on a GPU or on the CPU.

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::gradient::GradientType;
use crate::kernel::{Slot, Upstream};
use crate::loss::{Family, Loss};
use crate::pieces::Pieces;
use crate::plan::{Bindings, Plan, Request, Resolved, buffer, is_native};
use crate::reduction::Reduction;
use crate::status::Status;
use crate::tensor::{DType, Tensor, TensorKind};
use crate::totals::Totals;
use std::borrow::Cow;
use std::time::Duration;
use web_time::Instant;

/// A batch to evaluate.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// The inputs by name. float64 is rounded to float32.
    pub inputs: &'a [(&'a str, Tensor<'a>)],
    /// How the terms are combined.
    pub reduction: Reduction,
    /// Whether the loss itself is wanted.
    pub value: bool,
    /// The inputs whose gradients are wanted.
    pub gradients: &'a [&'a str],
    /// What gradients are multiplied by: one number, or with [`Reduction::None`] one for each
    /// term; 1 if absent.
    pub upstream: Option<Tensor<'a>>,
    /// Whether [`Totals`] are wanted; not with [`Reduction::None`].
    pub totals: bool,
    /// The totals of a whole batch that this is a part of: the mean divides by their weight instead
    /// of its own, so that the value is the part's share in the whole mean, and gradients are those
    /// of the whole mean.
    pub denominator: Option<&'a Totals>,
    /// The type of the gradients.
    pub gradient_type: GradientType,
    /// What gradients, but not the value, are multiplied by in float32 before they are rounded to
    /// their type: finite and not 0.
    pub loss_scale: f32,
}

impl Default for Batch<'_> {
    fn default() -> Self {
        Self {
            inputs: &[],
            reduction: Reduction::Mean,
            value: true,
            gradients: &[],
            upstream: None,
            totals: false,
            denominator: None,
            gradient_type: GradientType::Float32,
            loss_scale: 1.0,
        }
    }
}

impl Batch<'_> {
    /// The same without data; `kinds` are the inputs' types and shapes.
    pub(crate) fn request<'a>(&'a self, kinds: &'a [(&'a str, TensorKind)]) -> Request<'a> {
        Request {
            inputs: kinds,
            reduction: self.reduction,
            value: self.value,
            gradients: self.gradients,
            upstream: self.upstream.is_some(),
            totals: self.totals,
            denominator: self.denominator.is_some(),
            gradient_type: self.gradient_type,
            loss_scale: self.loss_scale,
        }
    }
}

/// What a batch came to.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// The loss in float32, if it was wanted: a scalar, or with [`Reduction::None`] one for each
    /// term.
    pub value: Option<Tensor<'static>>,
    /// The gradients in the order asked for, each in its input's shape and of the batch's
    /// [`GradientType`].
    pub gradients: Vec<(&'static str, Tensor<'static>)>,
    /// The totals, if they were wanted.
    pub totals: Option<Totals>,
    /// Where the time went.
    pub timings: Timings,
}

impl Evaluation {
    /// The reduced loss; `None` if it was not wanted, or with [`Reduction::None`].
    pub fn scalar(&self) -> Option<f32> {
        let value = self.value.as_ref().filter(|value| value.shape().is_empty())?;
        value.to_f32().first().copied()
    }
}

/// Wall-clock times of an evaluation. On the CPU only the kernels take time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Checks, and compiling what was not compiled yet.
    pub plan: Duration,
    /// From host memory into buffers.
    pub upload: Duration,
    /// The kernels, from their submission to their end.
    pub kernels: Duration,
    /// From buffers into host memory.
    pub read_back: Duration,
}

impl Timings {
    /// Adds those of another evaluation.
    pub(crate) fn add(&mut self, other: Self) {
        self.plan += other.plan;
        self.upload += other.upload;
        self.kernels += other.kernels;
        self.read_back += other.read_back;
    }
}

/// Where losses are evaluated.
#[derive(Clone, Debug)]
pub enum Backend {
    /// On a GPU.
    Gpu(Gpu),
    /// In float32 on all cores.
    Cpu,
}

impl Backend {
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
        let inputs: Vec<(&str, Tensor<'_>)> =
            batch.inputs.iter().map(|(name, tensor)| (*name, native(tensor))).collect();
        let kinds: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
        let request = batch.request(&kinds);
        let mut resolved = Resolved::new(loss, &request)?;
        resolved.given = batch.denominator.map(Totals::denominator);
        let upstream = batch.upstream.as_ref().map(native);
        if let Some(upstream) = &upstream {
            check_upstream(&resolved, upstream)?;
        }
        if let Family::Own(own) = loss.family() {
            own.check(&resolved, &resolved.placed(&inputs)?)?;
        }
        match self {
            Self::Gpu(gpu) => {
                let largest = gpu.limits().max_buffer_size;
                let upstream = upstream.as_ref();
                let pieces = Pieces::new(largest, loss, &resolved, batch, &inputs, upstream);
                if let Some(pieces) = pieces {
                    return pieces.evaluate(self).await;
                }
                let plan = || Plan::new(gpu, loss, &request);
                on_gpu(gpu, loss, &resolved, &inputs, upstream, plan).await
            }
            Self::Cpu => {
                let start = Instant::now();
                let outputs = crate::cpu::evaluate(loss, &resolved, &inputs, upstream.as_ref())?;
                let timings = Timings { kernels: start.elapsed(), ..Timings::default() };
                let results = resolved.outputs().into_iter().zip(outputs.tensors);
                let results = results.map(|((_, kind), floats)| Tensor::rounded(kind, floats));
                let evaluation = collect(&resolved, results.collect(), timings);
                Ok(Evaluation { totals: outputs.totals, ..evaluation })
            }
        }
    }

    /// [`Backend::evaluate`], waiting for it.
    ///
    /// # Errors
    /// As [`Backend::evaluate`].
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

async fn on_gpu(
    gpu: &Gpu,
    loss: &dyn Loss,
    resolved: &Resolved,
    inputs: &[(&str, Tensor<'_>)],
    upstream: Option<&Tensor<'_>>,
    plan: impl FnOnce() -> Result<Plan>,
) -> Result<Evaluation> {
    let start = Instant::now();
    let plan = plan()?;
    let planned = Instant::now();
    let mut uploaded = Vec::new();
    for (name, tensor) in inputs.iter().filter(|(_, tensor)| !tensor.is_empty()) {
        uploaded.push((*name, upload(gpu, tensor)?));
    }
    let upstream = upstream.filter(|tensor| !tensor.is_empty()).map(|t| upload(gpu, t));
    let upstream = upstream.transpose()?;
    let outputs = resolved.outputs();
    let usage =
        wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffers = outputs
        .iter()
        .map(|(slot, _)| buffer(gpu, "wgloss output", resolved.bytes(*slot), usage))
        .collect::<Result<Vec<_>>>()?;
    let status = buffer(gpu, "wgloss status", 16, usage)?;
    let totals = buffer(gpu, "wgloss totals", plan.totals_bytes(), usage)?;
    let denominator = buffer(gpu, "wgloss denominator", 16, usage)?;
    if let Some(given) = resolved.given {
        gpu.queue().write_buffer(&denominator, 0, bytemuck::cast_slice(&given));
    }
    // Uploads are carried out with the next submission: let them not count as the kernels'.
    submit(gpu, []).await?;
    let moved = Instant::now();

    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let own = [&status, &totals, &denominator];
    encode(&plan, resolved, &mut encoder, &uploaded, upstream.as_ref(), &buffers, own)?;
    submit(gpu, [encoder]).await?;
    let computed = Instant::now();

    let mut results = Vec::new();
    for ((slot, kind), buffer) in outputs.into_iter().zip(&buffers) {
        let size = resolved.bytes(slot);
        results.push(match kind.dtype {
            DType::F32 => Tensor::rounded(kind, download(gpu, buffer, size).await?),
            _ => Tensor::from_padded(kind, download(gpu, buffer, size).await?),
        });
    }
    if let Some((i, _)) = resolved.layout.indices {
        let bytes = download::<[u8; 16]>(gpu, &status, 16).await?;
        let dtype = resolved.inputs[i].as_ref().map_or(DType::I64, |kind| kind.dtype);
        if let Some(status) = Status::from_bytes(bytes[0], dtype) {
            return Err(status.error(loss, resolved));
        }
    }
    let timings = Timings {
        plan: planned - start,
        upload: moved - planned,
        kernels: computed - moved,
        read_back: computed.elapsed(),
    };
    let mut evaluation = collect(resolved, results, timings);
    if resolved.totals {
        let words = download::<u8>(gpu, &totals, plan.totals_bytes()).await?;
        evaluation.totals = Some(plan.totals(&words)?);
    }
    Ok(evaluation)
}

fn encode(
    plan: &Plan,
    resolved: &Resolved,
    encoder: &mut wgpu::CommandEncoder,
    inputs: &[(&str, wgpu::Buffer)],
    upstream: Option<&wgpu::Buffer>,
    outputs: &[wgpu::Buffer],
    [status, totals, denominator]: [&wgpu::Buffer; 3],
) -> Result<()> {
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let inputs: Vec<_> = inputs.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
    let (mut value, mut gradients) = (None, Vec::new());
    for ((slot, _), buffer) in resolved.outputs().iter().zip(outputs) {
        match slot {
            Slot::Gradient(i) => {
                gradients.push((resolved.definition.inputs[*i].name, whole(buffer)))
            }
            _ => value = Some(whole(buffer)),
        }
    }
    plan.encode(
        encoder,
        &Bindings {
            inputs: &inputs,
            value,
            gradients: &gradients,
            upstream: upstream.map(whole),
            status: Some(whole(status)),
            totals: resolved.totals.then(|| whole(totals)),
            denominator: resolved.denominator.then(|| whole(denominator)),
            timestamps: None,
        },
    )
}

fn upload(gpu: &Gpu, tensor: &Tensor<'_>) -> Result<wgpu::Buffer> {
    let bytes = tensor.bytes();
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let buffer = buffer(gpu, "wgloss input", bytes.len() as u64, usage)?;
    // Only whole words can be copied: the rest of the last one is padding.
    let whole = bytes.len() / 4 * 4;
    gpu.checked("an upload", |_| {
        gpu.queue().write_buffer(&buffer, 0, &bytes[..whole]);
        if whole < bytes.len() {
            let mut last = [0; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            gpu.queue().write_buffer(&buffer, whole as u64, &last);
        }
    })?;
    Ok(buffer)
}

/// Submits, and waits until everything submitted so far has run.
async fn submit<const N: usize>(gpu: &Gpu, encoders: [wgpu::CommandEncoder; N]) -> Result<()> {
    let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
    gpu.checked("a submission", |_| {
        gpu.queue().submit(encoders.map(wgpu::CommandEncoder::finish));
        gpu.queue().on_submitted_work_done(move || {
            let _ = sender.send(());
        });
    })?;
    drive(gpu);
    receiver.receive().await.ok_or_else(|| lost("running the kernels", "no answer"))
}

/// Copies a buffer to the host.
async fn download<T: bytemuck::Pod>(gpu: &Gpu, source: &wgpu::Buffer, size: u64) -> Result<Vec<T>> {
    let doing = "reading the results";
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = buffer(gpu, "wgloss read-back", size, usage)?;
    let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
    gpu.checked(doing, |device| {
        let mut encoder = device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(source, 0, &staging, 0, Some(size));
        gpu.queue().submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            let _ = sender.send(result);
        });
    })?;
    drive(gpu);
    let answer = receiver.receive().await.ok_or_else(|| lost(doing, "no answer"))?;
    answer.map_err(|error| lost(doing, error))?;
    let view = staging.get_mapped_range(..).map_err(|error| lost(doing, error))?;
    let view = &view[..usize::try_from(size).expect("mapped memory fits into memory")];
    let mut data = vec![T::zeroed(); view.len() / size_of::<T>()];
    bytemuck::cast_slice_mut(&mut data).copy_from_slice(view);
    Ok(data)
}

fn lost(doing: &'static str, reason: impl ToString) -> Error {
    Error::DeviceLost { doing: doing.into(), reason: reason.to_string() }
}

/// Makes callbacks come. A browser's event loop does so itself; elsewhere somebody must poll, and a
/// thread does it so that an executor is never blocked.
fn drive(gpu: &Gpu) {
    #[cfg(not(target_arch = "wasm32"))]
    {
        let device = gpu.device().clone();
        std::thread::spawn(move || {
            // A failed poll is a lost device, which the callbacks tell of.
            let _ = device.poll(wgpu::PollType::wait_indefinitely());
        });
    }
    #[cfg(target_arch = "wasm32")]
    let _ = gpu;
}

/// Names the outputs.
fn collect(resolved: &Resolved, results: Vec<Tensor<'static>>, timings: Timings) -> Evaluation {
    let mut evaluation = Evaluation { value: None, gradients: Vec::new(), totals: None, timings };
    for ((slot, _), tensor) in resolved.outputs().into_iter().zip(results) {
        match slot {
            Slot::Gradient(i) => {
                evaluation.gradients.push((resolved.definition.inputs[i].name, tensor))
            }
            _ => evaluation.value = Some(tensor),
        }
    }
    evaluation
}
