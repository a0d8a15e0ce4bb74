//! A workload on a GPU: what timed runs need is there before them.

use crate::data::Data;
use crate::measure::Sample;
use crate::workload::{Workload, bytes};
use std::time::{Duration, Instant};
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
    pub fn new(gpu: &Gpu, workload: &Workload, dtype: DType, data: &Data) -> Result<Self> {
        let kinds = workload.kinds(dtype);
        let plan = plan(gpu, workload, &kinds)?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let mut inputs = Vec::new();
        for (name, tensor) in data.tensors()? {
            let made = buffer(gpu, name, bytes(&tensor.kind()), usage)?;
            gpu.queue().write_buffer(&made, 0, tensor.bytes());
            // The copy that waits for the upload is freed before the next one is made.
            finish(gpu, [])?;
            inputs.push((name, made));
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let value = buffer(gpu, "value", 4, usage)?;
        let gradients = kinds.iter().filter(|(name, _)| workload.gradients.contains(name));
        let gradients = gradients
            .map(|(name, kind)| Ok((*name, buffer(gpu, name, bytes(kind), usage)?)))
            .collect::<Result<_>>()?;
        Ok(Self { plan, inputs, value, gradients, timer: Timer::new(gpu)? })
    }

    /// The same with a plan of its own, over the same inputs and outputs.
    ///
    /// # Errors
    /// As for [`OnGpu::new`].
    pub fn planned_by(&self, gpu: &Gpu, workload: &Workload, dtype: DType) -> Result<Self> {
        let kinds = workload.kinds(dtype);
        Ok(Self {
            plan: plan(gpu, workload, &kinds)?,
            inputs: self.inputs.clone(),
            value: self.value.clone(),
            gradients: self.gradients.clone(),
            timer: Timer::new(gpu)?,
        })
    }

    /// One run: encodes, submits and waits.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn run(&self) -> Result<Sample> {
        self.timer.run(|encoder, timestamps| self.encode(encoder, timestamps))
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
    pub fn value(&self) -> Result<f32> {
        let gpu = &self.timer.gpu;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = buffer(gpu, "read-back", 4, usage)?;
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.value, 0, &staging, 0, 4);
        finish(gpu, [encoder])?;
        read(gpu, &staging)
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

/// The two timestamps of a pass, and where they are read.
#[derive(Debug)]
struct Stamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl Timer {
    pub(crate) fn new(gpu: &Gpu) -> Result<Self> {
        let stamped = gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY);
        let stamps = stamped.then(|| Stamps::new(gpu)).transpose()?;
        Ok(Self { gpu: gpu.clone(), stamps })
    }

    /// Runs what `record` records.
    pub(crate) fn run(
        &self,
        record: impl FnOnce(
            &mut wgpu::CommandEncoder,
            Option<wgpu::ComputePassTimestampWrites<'_>>,
        ) -> Result<()>,
    ) -> Result<Sample> {
        let start = Instant::now();
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        record(&mut encoder, self.stamps.as_ref().map(Stamps::writes))?;
        finish(&self.gpu, [encoder])?;
        let wall = start.elapsed();
        let device = match &self.stamps {
            Some(stamps) => stamps.elapsed(&self.gpu)?,
            None => None,
        };
        Ok(Sample { wall, device })
    }
}

impl Stamps {
    fn new(gpu: &Gpu) -> Result<Self> {
        let queries = gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count: 2,
        });
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = buffer(gpu, "timestamps", 16, usage)?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        Ok(Self { queries, resolved, staging: buffer(gpu, "timestamps", 16, usage)? })
    }

    fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// What they tell of the last run, asked for outside of what the host's clock timed. Drivers
    /// that do not write them leave 0.
    fn elapsed(&self, gpu: &Gpu) -> Result<Option<Duration>> {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.staging, 0, 16);
        finish(gpu, [encoder])?;
        let [begin, end]: [u64; 2] = read(gpu, &self.staging)?;
        let ticks = end.checked_sub(begin).filter(|&ticks| begin > 0 && ticks > 0);
        let period = f64::from(gpu.queue().get_timestamp_period());
        #[expect(clippy::cast_precision_loss, reason = "2^53 ticks take months")]
        let seconds = ticks.map(|ticks| ticks as f64 * period * 1e-9);
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
    }
}

/// Submits, and waits for the end of everything submitted so far.
pub(crate) fn finish<const N: usize>(gpu: &Gpu, encoders: [wgpu::CommandEncoder; N]) -> Result<()> {
    gpu.queue().submit(encoders.map(wgpu::CommandEncoder::finish));
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).map_err(lost)?;
    Ok(())
}

/// What a mappable buffer begins with.
fn read<T: bytemuck::Pod>(gpu: &Gpu, staging: &wgpu::Buffer) -> Result<T> {
    let (sender, receiver) = std::sync::mpsc::channel();
    staging.map_async(wgpu::MapMode::Read, .., move |result| {
        // The receiver waits below.
        let _ = sender.send(result);
    });
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).map_err(lost)?;
    receiver.recv().map_err(lost)?.map_err(lost)?;
    let value = bytemuck::pod_read_unaligned(&staging.get_mapped_range(..).map_err(lost)?);
    staging.unmap();
    Ok(value)
}

fn lost(reason: impl ToString) -> Error {
    Error::DeviceLost { doing: "timing".into(), reason: reason.to_string() }
}

/// A buffer, if the device has room for it.
pub(crate) fn buffer(
    gpu: &Gpu,
    name: &str,
    size: u64,
    usage: wgpu::BufferUsages,
) -> Result<wgpu::Buffer> {
    let device = gpu.device();
    let limit = device.limits().max_buffer_size;
    if size > limit {
        let (argument, unit, name) = (name.into(), "bytes", "max_buffer_size");
        return Err(Error::Limit { argument, got: size, unit, limit, name });
    }
    let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(name),
        size,
        usage,
        mapped_at_creation: false,
    });
    match pollster::block_on(scope.pop()) {
        Some(error) => Err(Error::Refused { what: name.into(), reason: error.to_string() }),
        None => Ok(buffer),
    }
}
