//! One-shot evaluation of tensors in host memory, on a GPU or on the CPU.

use crate::clock::{Clock, Stamps};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernel::{Slot, Upstream};
use crate::loss::{Family, Loss};
use crate::plan::{Bindings, Plan, Request, Resolved, buffer, is_native};
use crate::reduction::Reduction;
use crate::status::Status;
use crate::tensor::{DType, Tensor, TensorKind};
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
}

impl Default for Batch<'_> {
    fn default() -> Self {
        Self {
            inputs: &[],
            reduction: Reduction::Mean,
            value: true,
            gradients: &[],
            upstream: None,
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
        }
    }
}

/// What a batch came to. All tensors are float32.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The loss, if it was wanted: a scalar, or with [`Reduction::None`] one for each term.
    pub value: Option<Tensor<'static>>,
    /// The gradients in the order asked for, each in its input's shape.
    pub gradients: Vec<(&'static str, Tensor<'static>)>,
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

    /// Evaluates a batch.
    ///
    /// # Errors
    /// If a name, option, shape or type does not fit, a class index is outside its range, a size
    /// is past the device's limits, or the device is lost.
    pub async fn evaluate(&self, loss: &dyn Loss, batch: &Batch<'_>) -> Result<Evaluation> {
        let inputs: Vec<(&str, Tensor<'_>)> =
            batch.inputs.iter().map(|(name, tensor)| (*name, native(tensor))).collect();
        let kinds: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
        let request = batch.request(&kinds);
        let resolved = Resolved::new(loss, &request)?;
        let upstream = batch.upstream.as_ref().map(native);
        if let Some(upstream) = &upstream {
            check_upstream(&resolved, upstream)?;
        }
        if let Family::Own(own) = loss.family() {
            own.check(&resolved, &resolved.placed(&inputs)?)?;
        }
        match self {
            Self::Gpu(gpu) => {
                let plan = || Plan::new(gpu, loss, &request);
                on_gpu(gpu, loss, &resolved, &inputs, upstream.as_ref(), plan).await
            }
            Self::Cpu => {
                let start = Instant::now();
                let outputs = crate::cpu::evaluate(loss, &resolved, &inputs, upstream.as_ref())?;
                let timings = Timings { kernels: start.elapsed(), ..Timings::default() };
                Ok(collect(&resolved, outputs, timings))
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
    let buffers = Buffers::new(gpu, resolved, inputs, upstream)?;
    // Uploads are carried out with the next submission: let them not count as the kernels'.
    submit(gpu, []).await?;
    let moved = Instant::now();

    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    buffers.encode(&plan, resolved, &mut encoder)?;
    submit(gpu, [encoder]).await?;
    let computed = Instant::now();

    let mut results = Vec::new();
    for ((slot, _), buffer) in resolved.outputs().iter().zip(&buffers.outputs) {
        results.push(download(gpu, buffer, resolved.bytes(*slot)).await?);
    }
    if let Some((i, _)) = resolved.layout.indices {
        let bytes = download::<[u8; 16]>(gpu, &buffers.status, 16).await?;
        let dtype = resolved.inputs[i].as_ref().map_or(DType::I64, |kind| kind.dtype);
        if let Some(status) = Status::from_bytes(bytes[0], dtype) {
            return Err(status.error(loss, resolved));
        }
    }
    let read_back = computed.elapsed();
    let stamped = match &buffers.stamps {
        Some(stamps) => stamps.elapsed(gpu).await?,
        None => None,
    };
    let (kernels, clock) =
        stamped.map_or((computed - moved, Clock::Wall), |time| (time, Clock::Timestamps));
    let (plan, upload) = (planned - start, moved - planned);
    Ok(collect(resolved, results, Timings { plan, upload, kernels, clock, read_back }))
}

/// What an evaluation holds on the device beside its plan.
struct Buffers<'a> {
    inputs: Vec<(&'a str, wgpu::Buffer)>,
    upstream: Option<wgpu::Buffer>,
    outputs: Vec<wgpu::Buffer>,
    status: wgpu::Buffer,
    stamps: Option<Stamps>,
}

impl<'a> Buffers<'a> {
    /// Makes the buffers, and starts the uploads.
    fn new(
        gpu: &Gpu,
        resolved: &Resolved,
        inputs: &[(&'a str, Tensor<'_>)],
        upstream: Option<&Tensor<'_>>,
    ) -> Result<Self> {
        let inputs = inputs.iter().filter(|(_, tensor)| !tensor.is_empty());
        let inputs = inputs
            .map(|(name, tensor)| Ok((*name, upload(gpu, tensor)?)))
            .collect::<Result<_>>()?;
        let upstream = upstream.filter(|tensor| !tensor.is_empty()).map(|t| upload(gpu, t));
        let upstream = upstream.transpose()?;
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        let outputs = resolved.outputs();
        let outputs = outputs
            .iter()
            .map(|(slot, _)| buffer(gpu, "wgloss output", resolved.bytes(*slot), usage))
            .collect::<Result<_>>()?;
        let status = buffer(gpu, "wgloss status", 16, usage)?;
        Ok(Self { inputs, upstream, outputs, status, stamps: Stamps::new(gpu)? })
    }

    fn encode(
        &self,
        plan: &Plan,
        resolved: &Resolved,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<()> {
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let inputs: Vec<_> =
            self.inputs.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
        let (mut value, mut gradients) = (None, Vec::new());
        for ((slot, _), buffer) in resolved.outputs().iter().zip(&self.outputs) {
            match slot {
                Slot::Gradient(i) => {
                    gradients.push((resolved.definition.inputs[*i].name, whole(buffer)))
                }
                _ => value = Some(whole(buffer)),
            }
        }
        let bindings = Bindings {
            inputs: &inputs,
            value,
            gradients: &gradients,
            upstream: self.upstream.as_ref().map(whole),
            status: Some(whole(&self.status)),
            timestamps: self.stamps.as_ref().map(Stamps::writes),
        };
        plan.encode(encoder, &bindings)?;
        if let Some(stamps) = &self.stamps {
            stamps.resolve(encoder);
        }
        Ok(())
    }
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
pub(crate) async fn download<T: bytemuck::Pod>(
    gpu: &Gpu,
    source: &wgpu::Buffer,
    size: u64,
) -> Result<Vec<T>> {
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
fn collect(resolved: &Resolved, results: Vec<Vec<f32>>, timings: Timings) -> Evaluation {
    let mut evaluation = Evaluation { value: None, gradients: Vec::new(), timings };
    for ((slot, shape), floats) in resolved.outputs().into_iter().zip(results) {
        let tensor = Tensor::from_floats(shape, floats);
        match slot {
            Slot::Gradient(i) => {
                evaluation.gradients.push((resolved.definition.inputs[i].name, tensor))
            }
            _ => evaluation.value = Some(tensor),
        }
    }
    evaluation
}
