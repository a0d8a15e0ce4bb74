//! A workload on a GPU: what timed runs need is there before them.

use crate::data::Data;
use crate::measure::Sample;
use crate::workload::{Workload, bytes};
use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};
use std::time::Duration;
use web_time::Instant;
use wgloss::{Bindings, DType, Error, Gpu, Plan, Result, TensorKind, wgpu};

/// A workload's plan with its inputs and outputs in device memory.
#[derive(Debug)]
pub struct OnGpu {
    plan: Plan,
    inputs: Vec<(&'static str, wgpu::Buffer)>,
    value: wgpu::Buffer,
    gradients: Vec<(&'static str, wgpu::Buffer)>,
    timer: Timer,
}

impl OnGpu {
    /// Plans the workload and uploads its inputs.
    ///
    /// # Errors
    /// If the device's limits do not allow it, or it is lost.
    pub async fn new(gpu: &Gpu, workload: &Workload, dtype: DType, data: &Data) -> Result<Self> {
        let kinds = workload.kinds(dtype);
        let plan = plan(gpu, workload, &kinds)?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let mut inputs = Vec::new();
        for (name, tensor) in data.tensors()? {
            let made = buffer(gpu, name, bytes(&tensor.kind()), usage).await?;
            gpu.queue().write_buffer(&made, 0, tensor.bytes());
            // The copy that waits for the upload is freed before the next one is made.
            finish(gpu, []).await?;
            inputs.push((name, made));
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let value = buffer(gpu, "value", 4, usage).await?;
        let mut gradients = Vec::new();
        for (name, kind) in kinds.iter().filter(|(name, _)| workload.gradients.contains(name)) {
            gradients.push((*name, buffer(gpu, name, bytes(kind), usage).await?));
        }
        Ok(Self { plan, inputs, value, gradients, timer: Timer::new(gpu).await? })
    }

    /// Checks that a buffer of the device has room for each of the workload's inputs and outputs.
    ///
    /// # Errors
    /// [`Error::Limit`] if it has not, with the limit.
    pub fn check_sizes(gpu: &Gpu, workload: &Workload, dtype: DType) -> Result<()> {
        let kinds = workload.kinds(dtype);
        kinds.iter().try_for_each(|(name, kind)| check_size(gpu, name, bytes(kind)))
    }

    /// The same with a plan of its own, over the same inputs and outputs.
    ///
    /// # Errors
    /// As for [`OnGpu::new`].
    pub async fn planned_by(&self, gpu: &Gpu, workload: &Workload, dtype: DType) -> Result<Self> {
        let kinds = workload.kinds(dtype);
        Ok(Self {
            plan: plan(gpu, workload, &kinds)?,
            inputs: self.inputs.clone(),
            value: self.value.clone(),
            gradients: self.gradients.clone(),
            timer: Timer::new(gpu).await?,
        })
    }

    /// So many runs: encodes them, submits and waits.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn run(&self, runs: u32) -> Result<Sample> {
        self.timer.run(runs, |encoder, timestamps| self.encode(encoder, timestamps)).await
    }

    /// One run of which everything is told that the device refuses: a browser tells of it later than
    /// a plan is made and encoded.
    ///
    /// # Errors
    /// If there is something, or the device is lost.
    pub async fn check(&self) -> Result<()> {
        let device = self.timer.gpu.device();
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let ran = self.run(1).await;
        let told = [validation.pop().await, memory.pop().await];
        match told.into_iter().flatten().next() {
            Some(error) => Err(refused("the workload", &error)),
            None => ran.map(drop),
        }
    }

    /// Records the plan.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        timestamps: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) -> Result<()> {
        let (inputs, gradients) = (whole(&self.inputs), whole(&self.gradients));
        let bindings = Bindings {
            inputs: &inputs,
            value: Some(self.value.as_entire_buffer_binding()),
            gradients: &gradients,
            timestamps,
            ..Bindings::default()
        };
        self.plan.encode(encoder, &bindings)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The loss of the last run.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn value(&self) -> Result<f32> {
        let gpu = &self.timer.gpu;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = buffer(gpu, "read-back", 4, usage).await?;
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.value, 0, &staging, 0, 4);
        finish(gpu, [encoder]).await?;
        read(gpu, &staging).await
    }
}

/// A plan that meets the same buffers again and again.
fn plan(gpu: &Gpu, workload: &Workload, kinds: &[(&str, TensorKind)]) -> Result<Plan> {
    let plan = Plan::new(gpu, workload.loss.as_ref(), kinds, &workload.request())?;
    Ok(plan.with_kept_sets(1))
}

fn whole<'a>(
    buffers: &'a [(&'static str, wgpu::Buffer)],
) -> Vec<(&'static str, wgpu::BufferBinding<'a>)> {
    buffers.iter().map(|(name, buffer)| (*name, buffer.as_entire_buffer_binding())).collect()
}

/// Times what is recorded, by the host's clock and the GPU's.
#[derive(Debug)]
pub(crate) struct Timer {
    gpu: Gpu,
    stamps: Option<Stamps>,
}

/// The timestamps of the first pass's begin and the last one's end, and where they are read.
#[derive(Debug)]
struct Stamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl Timer {
    pub(crate) async fn new(gpu: &Gpu) -> Result<Self> {
        let stamps = match gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            true => Some(Stamps::new(gpu).await?),
            false => None,
        };
        Ok(Self { gpu: gpu.clone(), stamps })
    }

    /// Runs what `record` records, so many times.
    pub(crate) async fn run(
        &self,
        runs: u32,
        record: impl Fn(
            &mut wgpu::CommandEncoder,
            Option<wgpu::ComputePassTimestampWrites<'_>>,
        ) -> Result<()>,
    ) -> Result<Sample> {
        let start = Instant::now();
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        for run in 0..runs {
            let ends = [run == 0, run + 1 == runs];
            record(&mut encoder, self.stamps.as_ref().and_then(|stamps| stamps.writes(ends)))?;
        }
        finish(&self.gpu, [encoder]).await?;
        let wall = start.elapsed();
        let device = match &self.stamps {
            Some(stamps) => stamps.elapsed(&self.gpu).await?,
            None => None,
        };
        Ok(Sample { wall, device, memory: None })
    }
}

impl Stamps {
    async fn new(gpu: &Gpu) -> Result<Self> {
        let queries = gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count: 2,
        });
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = buffer(gpu, "timestamps", 16, usage).await?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        Ok(Self { queries, resolved, staging: buffer(gpu, "timestamps", 16, usage).await? })
    }

    /// For a pass that is the first, the last, both or neither.
    fn writes(&self, [first, last]: [bool; 2]) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        (first || last).then(|| wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: first.then_some(0),
            end_of_pass_write_index: last.then_some(1),
        })
    }

    /// What they tell of the last run, asked for outside of what the host's clock timed. Drivers
    /// that do not write them leave 0.
    async fn elapsed(&self, gpu: &Gpu) -> Result<Option<Duration>> {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.staging, 0, 16);
        finish(gpu, [encoder]).await?;
        let [begin, end]: [u64; 2] = read(gpu, &self.staging).await?;
        let ticks = end.checked_sub(begin).filter(|&ticks| begin > 0 && ticks > 0);
        let period = f64::from(gpu.queue().get_timestamp_period());
        #[expect(clippy::cast_precision_loss, reason = "2^53 ticks take months")]
        let seconds = ticks.map(|ticks| ticks as f64 * period * 1e-9);
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
    }
}

/// Submits, and waits for the end of everything submitted so far.
pub(crate) async fn finish<const N: usize>(
    gpu: &Gpu,
    encoders: [wgpu::CommandEncoder; N],
) -> Result<()> {
    let (sender, receiver) = oneshot_channel();
    gpu.queue().submit(encoders.map(wgpu::CommandEncoder::finish));
    gpu.queue().on_submitted_work_done(move || {
        // The receiver waits below.
        let _ = sender.send(());
    });
    answer(gpu, receiver).await
}

/// What a mappable buffer begins with.
async fn read<T: bytemuck::Pod>(gpu: &Gpu, staging: &wgpu::Buffer) -> Result<T> {
    let (sender, receiver) = oneshot_channel();
    staging.map_async(wgpu::MapMode::Read, .., move |result| {
        // As above.
        let _ = sender.send(result);
    });
    answer(gpu, receiver).await?.map_err(lost)?;
    let value = bytemuck::pod_read_unaligned(&staging.get_mapped_range(..).map_err(lost)?);
    staging.unmap();
    Ok(value)
}

/// What the device calls back with. Where it is polled, that is before the polling ends, and nothing
/// else is waited for; in a browser polling does nothing, and the event loop calls back.
async fn answer<T: 'static>(gpu: &Gpu, receiver: OneshotReceiver<T>) -> Result<T> {
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).map_err(lost)?;
    receiver.receive().await.ok_or_else(|| lost("no answer"))
}

fn lost(reason: impl ToString) -> Error {
    Error::DeviceLost { doing: "timing".into(), reason: reason.to_string() }
}

fn refused(what: &str, error: &wgpu::Error) -> Error {
    Error::Refused { what: what.into(), reason: error.to_string() }
}

/// A buffer, if the device has room for it.
pub(crate) async fn buffer(
    gpu: &Gpu,
    name: &str,
    size: u64,
    usage: wgpu::BufferUsages,
) -> Result<wgpu::Buffer> {
    check_size(gpu, name, size)?;
    let device = gpu.device();
    let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(name),
        size,
        usage,
        mapped_at_creation: false,
    });
    match scope.pop().await {
        Some(error) => Err(refused(name, &error)),
        None => Ok(buffer),
    }
}

fn check_size(gpu: &Gpu, name: &str, size: u64) -> Result<()> {
    let limit = gpu.device().limits().max_buffer_size;
    if size <= limit {
        return Ok(());
    }
    let (argument, unit, name) = (name.into(), "bytes in one buffer", "max_buffer_size");
    Err(Error::Limit { argument, got: size, unit, limit, name })
}
