//! One evaluation on a GPU: uploads, a plan, and what is read back.

use super::{Evaluation, Timings, collect};
use crate::batch::Batch;
use crate::error::Result;
use crate::family::Loss;
use crate::gpu::{Clock, Gpu, Stamps, buffer, download, submit, upload};
use crate::numbers::Numbers;
use crate::plan::{Bindings, Plan};
use crate::request::{Resolved, Slot, Status};
use crate::tensor::{DType, Tensor, TensorKind};
use std::time::Duration;
use web_time::Instant;

pub(super) async fn evaluate(
    gpu: &Gpu,
    loss: &dyn Loss,
    resolved: Resolved,
    batch: &Batch<'_>,
) -> Result<Evaluation> {
    let start = Instant::now();
    let plan = Plan::of_resolved(gpu, loss, resolved)?;
    let planned = Instant::now();
    let buffers = Buffers::new(gpu, &plan, batch)?;
    // Uploads are carried out with the next submission: let them not count as the kernels'.
    submit(gpu, []).await?;
    let moved = Instant::now();

    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    buffers.encode(&plan, &mut encoder)?;
    submit(gpu, [encoder]).await?;
    let computed = Instant::now();

    let results = buffers.read(gpu, plan.resolved()).await?;
    if let Some(status) = results.status {
        return Err(status.error(plan.resolved()));
    }
    let totals = results.totals.map(|words| plan.totals(&words)).transpose()?;
    let read_back = computed.elapsed();
    let (kernels, clock) = match results.stamped {
        Some(time) => (time, Clock::Timestamps),
        None => (computed - moved, Clock::Wall),
    };
    let (plan_time, upload) = (planned - start, moved - planned);
    let timings = Timings { plan: plan_time, upload, kernels, clock, read_back };
    Ok(Evaluation { totals, ..collect(plan.resolved(), results.outputs, timings) })
}

/// What an evaluation holds on the device beside its plan.
struct Buffers<'a> {
    inputs: Vec<(&'a str, wgpu::Buffer)>,
    upstream: Option<wgpu::Buffer>,
    outputs: Vec<wgpu::Buffer>,
    status: wgpu::Buffer,
    totals: Option<wgpu::Buffer>,
    denominator: Option<wgpu::Buffer>,
    stamps: Option<Stamps>,
}

/// What comes back from the device.
#[derive(Default)]
struct Results {
    outputs: Vec<Tensor<'static>>,
    status: Option<Status>,
    totals: Option<Vec<u8>>,
    /// The kernels' time, where the device tells it.
    stamped: Option<Duration>,
}

/// What the bytes of a buffer are.
enum Part {
    Output(TensorKind),
    Status(DType),
    Totals,
    Stamps,
}

impl<'a> Buffers<'a> {
    /// Makes the buffers, and starts the uploads.
    fn new(gpu: &Gpu, plan: &Plan, batch: &Batch<'a>) -> Result<Self> {
        let resolved = plan.resolved();
        let inputs = batch.inputs.iter().filter(|(_, tensor)| !tensor.is_empty());
        let inputs = inputs
            .map(|(name, tensor)| Ok((*name, upload(gpu, name, tensor)?)))
            .collect::<Result<_>>()?;
        let upstream = batch.upstream.as_ref().filter(|tensor| !tensor.is_empty());
        let upstream = upstream.map(|tensor| upload(gpu, "upstream", tensor)).transpose()?;
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        let outputs = resolved
            .outputs()
            .map(|slot| buffer(gpu, "wgloss output", resolved.bytes(slot), usage))
            .collect::<Result<_>>()?;
        let status = buffer(gpu, "wgloss status", 16, usage)?;
        let totals =
            resolved.totals.then(|| buffer(gpu, "wgloss totals", plan.totals_bytes(), usage));
        let denominator = resolved.given.map(|given| {
            let buffer = buffer(gpu, "wgloss denominator", 16, usage)?;
            gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(&given));
            Ok(buffer)
        });
        let (totals, denominator) = (totals.transpose()?, denominator.transpose()?);
        let stamps = Stamps::new(gpu)?;
        Ok(Self { inputs, upstream, outputs, status, totals, denominator, stamps })
    }

    fn encode(&self, plan: &Plan, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let resolved = plan.resolved();
        let inputs: Vec<_> =
            self.inputs.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
        let (mut value, mut gradients) = (None, Vec::new());
        for (slot, buffer) in resolved.outputs().zip(&self.outputs) {
            match slot {
                Slot::Gradient(i) => {
                    gradients.push((resolved.definition.inputs[i].name, whole(buffer)))
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
            totals: self.totals.as_ref().map(whole),
            denominator: self.denominator.as_ref().map(whole),
            timestamps: self.stamps.as_ref().map(Stamps::writes),
        };
        plan.encode(encoder, &bindings)?;
        if let Some(stamps) = &self.stamps {
            stamps.resolve(encoder);
        }
        Ok(())
    }

    /// Reads all results back in one submission.
    async fn read(&self, gpu: &Gpu, resolved: &Resolved) -> Result<Results> {
        let outputs = resolved.output_kinds().zip(&self.outputs);
        let (mut parts, mut sources): (Vec<Part>, Vec<_>) = outputs
            .map(|((slot, kind), buffer)| (Part::Output(kind), (buffer, resolved.bytes(slot))))
            .unzip();
        if let Some(indices) = resolved.layout.indices {
            let kind = resolved.inputs[indices.input].as_ref();
            parts.push(Part::Status(kind.map_or(DType::I64, |kind| kind.dtype)));
            sources.push((&self.status, 16));
        }
        if let Some(totals) = &self.totals {
            parts.push(Part::Totals);
            sources.push((totals, resolved.bytes(Slot::Totals)));
        }
        if let Some(stamps) = &self.stamps {
            parts.push(Part::Stamps);
            sources.push(stamps.source());
        }
        let mut results = Results::default();
        download(gpu, &sources, |i, bytes| match &parts[i] {
            Part::Output(kind) => results.outputs.push(match kind.dtype {
                DType::F32 => Tensor::rounded(kind.clone(), Numbers::of_bytes(bytes)),
                _ => Tensor::from_padded(kind.clone(), bytes.to_vec()),
            }),
            Part::Status(dtype) => {
                results.status = Status::from_bytes(bytemuck::pod_read_unaligned(bytes), *dtype);
            }
            Part::Totals => results.totals = Some(bytes.to_vec()),
            Part::Stamps => results.stamped = Stamps::elapsed(gpu, bytes),
        })
        .await?;
        Ok(results)
    }
}
