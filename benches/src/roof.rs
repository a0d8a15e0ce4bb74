//! The most that memory moves, by copying: the roof that workloads are compared with.

use crate::gpu::{Timer, buffer};
use crate::measure::{Effort, Sample, measure};
use crate::paged::Paged;
use rayon::prelude::*;
use std::time::Duration;
use web_time::Instant;
use wgloss::{Error, Gpu, Result, wgpu};

/// What is copied: in a browser less, whose tabs may hold little.
const BYTES: u64 = if cfg!(target_arch = "wasm32") { 128 << 20 } else { 256 << 20 };
/// What one dispatch copies, where the device binds so much.
const WINDOW: u64 = 128 << 20;
/// The bytes that a thread copies at once.
const ELEMENT: u64 = 16;
/// Threads of a workgroup, and how often each copies. No shape is the fastest everywhere.
const SHAPES: [[u32; 2]; 4] = [[256, 1], [256, 4], [64, 16], [64, 128]];

/// The bytes a second that a copy kernel reads and writes in the adapter's memory, in the fastest of
/// several shapes.
///
/// # Errors
/// If the device is lost.
pub async fn copy_bandwidth(gpu: &Gpu) -> Result<f64> {
    let limits = gpu.device().limits();
    let room = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(WINDOW);
    // Powers of 2 are whole workgroups of every shape.
    let window = 1 << room.ilog2();
    let windows = (BYTES / window).min(limits.max_buffer_size / window);
    let usage = wgpu::BufferUsages::STORAGE;
    let source = buffer(gpu, "source", windows * window, usage).await?;
    let destination = buffer(gpu, "destination", windows * window, usage).await?;
    let timer = Timer::new(gpu).await?;
    let time = async |shape, effort| {
        let copy = Copy::new(gpu, shape, window);
        let groups: Vec<_> =
            (0..windows).map(|i| copy.bind_group(gpu, &source, &destination, i)).collect();
        let run = async |runs| {
            timer.run(runs, |encoder, stamps| copy.record(encoder, stamps, &groups)).await
        };
        let times = measure(effort, run).await?;
        Ok::<_, Error>(times.median)
    };
    let mut fastest = (Duration::MAX, SHAPES[0]);
    for shape in SHAPES {
        fastest = fastest.min((time(shape, Effort::BRIEF).await?, shape));
    }
    Ok(rate(2 * windows * window, time(fastest.1, Effort::FULL).await?))
}

/// The bytes a second that `memcpy` on all cores reads and writes.
///
/// # Errors
/// [`Error::Refused`] if there is no memory for it.
pub async fn memcpy_bandwidth() -> Result<f64> {
    let (source, mut destination) = (bytes(1)?, bytes(0)?);
    let part = source.len().div_ceil(threads());
    let run = async |runs| {
        let start = Instant::now();
        for _ in 0..runs {
            let parts = destination.par_chunks_mut(part).zip(source.par_chunks(part));
            parts.for_each(|(to, from)| to.copy_from_slice(from));
            // Otherwise nothing would read what is copied, and nothing would have to be.
            std::hint::black_box(&destination);
        }
        Ok(Sample { wall: start.elapsed(), device: None, memory: None })
    };
    let times = measure(Effort::FULL, run).await?;
    Ok(rate(2 * BYTES, times.median))
}

/// What is copied on the CPU.
fn bytes(of: u8) -> Result<Paged<u8>> {
    let refused = |reason: &dyn ToString| Error::Refused {
        what: "memory to copy".into(),
        reason: reason.to_string(),
    };
    let count = usize::try_from(BYTES).map_err(|error| refused(&error))?;
    let mut made = Vec::new();
    made.try_reserve_exact(count).map_err(|error| refused(&error))?;
    made.resize(count, of);
    Ok(made.into())
}

/// The threads of the CPU backend.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

#[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
fn rate(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64()
}

/// The copy kernel in one shape.
struct Copy {
    pipeline: wgpu::ComputePipeline,
    window: u64,
    groups: u32,
}

impl Copy {
    fn new(gpu: &Gpu, [threads, each]: [u32; 2], window: u64) -> Self {
        let device = gpu.device();
        let module = device.create_shader_module(wgpu::include_wgsl!("copy.wgsl"));
        let constants = [("WORKGROUP", f64::from(threads)), ("EACH", f64::from(each))];
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("copy"),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                ..Default::default()
            },
            cache: None,
        });
        let groups = window / (ELEMENT * u64::from(threads * each));
        Self { pipeline, window, groups: u32::try_from(groups).unwrap_or(u32::MAX) }
    }

    fn bind_group(
        &self,
        gpu: &Gpu,
        source: &wgpu::Buffer,
        destination: &wgpu::Buffer,
        i: u64,
    ) -> wgpu::BindGroup {
        let size = std::num::NonZeroU64::new(self.window);
        let entry = |(binding, buffer)| wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset: i * self.window,
                size,
            }),
        };
        gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("copy"),
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &[(0, source), (1, destination)].map(entry),
        })
    }

    fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
        groups: &[wgpu::BindGroup],
    ) -> Result<()> {
        let label = Some("copy");
        let descriptor = wgpu::ComputePassDescriptor { label, timestamp_writes };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        pass.set_pipeline(&self.pipeline);
        for group in groups {
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(self.groups, 1, 1);
        }
        Ok(())
    }
}
