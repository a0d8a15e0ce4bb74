//! One evaluation on a GPU: uploads, a plan, and what is read back.

use super::bound::{bound_outputs, denominator};
use super::pieces::Pieces;
use super::taken::Taken;
use super::{Evaluation, Timings};
use crate::batch::Batch;
use crate::error::Result;
use crate::family::Loss;
use crate::gpu::{Clock, Download, Gpu, Stamps, buffer, submit, upload};
use crate::plan::{Bindings, Plan};
use crate::request::{Resolved, Slot, Status};
use crate::sink::Sink;
use crate::tensor::{DType, Tensor};
use std::time::Duration;
use web_time::Instant;

/// Evaluates a batch whose names, types and shapes have been checked, in pieces where it is large.
pub(super) async fn evaluate(
    gpu: &Gpu,
    loss: &dyn Loss,
    resolved: Resolved,
    batch: &Batch<'_>,
    sink: Option<&mut dyn Sink>,
) -> Result<Evaluation> {
    let resolved = resolved.native();
    let taken = Taken::new(sink);
    match Pieces::new(gpu, loss, &resolved, batch)? {
        Some(pieces) => pieces.evaluate(taken).await,
        None => evaluate_whole(gpu, loss, resolved, batch, taken).await,
    }
}

async fn evaluate_whole(
    gpu: &Gpu,
    loss: &dyn Loss,
    resolved: Resolved,
    batch: &Batch<'_>,
    mut taken: Taken<'_>,
) -> Result<Evaluation> {
    let start = Instant::now();
    let plan = Plan::of_resolved(gpu, loss, resolved)?;
    let planned = Instant::now();
    let buffers = Buffers::new(gpu, &plan, batch)?;
    // Uploads are carried out with the next submission: let them not count as the kernels'.
    submit(gpu, []).await?;
    let moved = Instant::now();

    let mut encoder = gpu.encoder();
    buffers.encode(&plan, &mut encoder)?;
    submit(gpu, [encoder]).await?;
    let computed = Instant::now();

    let resolved = plan.resolved();
    let results = buffers.read(gpu, resolved, &mut taken).await?;
    let totals = results.totals.map(|words| plan.totals(&words)).transpose()?;
    let (kernels, clock) = match results.stamped {
        Some(time) => (time, Clock::Timestamps),
        None => (computed - moved, Clock::Wall),
    };
    let (plan_time, upload) = (planned - start, moved - planned);
    let read_back = computed.elapsed();
    let timings = Timings { plan: plan_time, upload, kernels, clock, read_back };
    let mut evaluation = Evaluation { totals, timings, ..Evaluation::default() };
    if let Some(value) = results.value {
        evaluation.put(resolved, Slot::Value, value);
    }
    taken.progress(resolved.layout.terms, resolved.layout.terms);
    taken.finish(resolved, &mut evaluation)?;
    Ok(evaluation)
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

/// What comes back from the device, but for arrays.
#[derive(Default)]
struct Results {
    /// The reduced loss.
    value: Option<Tensor<'static>>,
    totals: Option<Vec<u8>>,
    /// The kernels' time, where the device tells it.
    stamped: Option<Duration>,
}

/// What the bytes of a buffer are.
enum Part {
    Status(DType),
    Output(Slot),
    Totals,
    Stamps,
}

impl<'a> Buffers<'a> {
    /// Makes the buffers, and starts the uploads.
    fn new(gpu: &Gpu, plan: &Plan, batch: &Batch<'a>) -> Result<Self> {
        let resolved = plan.resolved();
        let inputs = batch.inputs.iter().filter(|(_, tensor)| !tensor.is_empty());
        let inputs = inputs
            .map(|(name, tensor)| Ok((*name, upload(gpu, name, tensor, resolved.dtype(name)?)?)))
            .collect::<Result<_>>()?;
        let upstream = batch.upstream.as_ref().filter(|tensor| !tensor.is_empty());
        let upstream =
            upstream.map(|tensor| upload(gpu, "upstream", tensor, DType::F32)).transpose()?;
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        let outputs = resolved
            .outputs()
            .map(|slot| buffer(gpu, &resolved.slot_name(slot), resolved.bytes(slot), usage))
            .collect::<Result<_>>()?;
        let status = buffer(gpu, "status", 16, usage)?;
        let totals = resolved.totals.then(|| buffer(gpu, "totals", plan.totals_bytes(), usage));
        let denominator = resolved.given.map(|given| denominator(gpu, given));
        let (totals, denominator) = (totals.transpose()?, denominator.transpose()?);
        let stamps = Stamps::new(gpu)?;
        Ok(Self { inputs, upstream, outputs, status, totals, denominator, stamps })
    }

    fn encode(&self, plan: &Plan, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let resolved = plan.resolved();
        let inputs: Vec<_> =
            self.inputs.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
        let (value, gradients) = bound_outputs(resolved, resolved.outputs().zip(&self.outputs));
        let bindings = Bindings {
            inputs: &inputs,
            value,
            gradients: &gradients,
            upstream: self.upstream.as_ref().map(whole),
            status: Some(whole(&self.status)),
            totals: self.totals.as_ref().map(whole),
            denominator: self.denominator.as_ref().map(whole),
            count: None,
            timestamps: self.stamps.as_ref().map(Stamps::writes),
        };
        plan.encode(encoder, &bindings)?;
        if let Some(stamps) = &self.stamps {
            stamps.resolve(encoder);
        }
        Ok(())
    }

    /// Reads all results back in one submission.
    async fn read(&self, gpu: &Gpu, resolved: &Resolved, taken: &mut Taken<'_>) -> Result<Results> {
        let (mut parts, mut sources) = (Vec::new(), Vec::new());
        // It comes first: where there was a bad class index, nothing else is taken.
        if let Some(dtype) = resolved.indices_dtype() {
            parts.push(Part::Status(dtype));
            sources.push((&self.status, 0, 16));
        }
        for (slot, buffer) in resolved.outputs().zip(&self.outputs) {
            parts.push(Part::Output(slot));
            sources.push((buffer, 0, resolved.bytes(slot)));
        }
        if let Some(totals) = &self.totals {
            parts.push(Part::Totals);
            sources.push((totals, 0, resolved.bytes(Slot::Totals)));
        }
        if let Some(stamps) = &self.stamps {
            parts.push(Part::Stamps);
            let (buffer, size) = stamps.source();
            sources.push((buffer, 0, size));
        }
        let mut results = Results::default();
        let take = |i: usize, bytes: &[u8]| {
            match parts[i] {
                Part::Status(dtype) => {
                    let bytes = bytemuck::pod_read_unaligned(bytes);
                    if let Some(status) = Status::from_bytes(bytes, dtype) {
                        return Err(status.error(resolved));
                    }
                }
                Part::Output(slot) if resolved.is_array(slot) => {
                    // Without what pads the last word.
                    let size = usize::try_from(resolved.output_size(slot)).unwrap_or(bytes.len());
                    taken.take(resolved, slot, &bytes[..size])?;
                }
                Part::Output(slot) => {
                    let kind = resolved.output_kind(slot);
                    results.value = Some(Tensor::from_padded(kind, bytes.to_vec()));
                }
                Part::Totals => results.totals = Some(bytes.to_vec()),
                Part::Stamps => results.stamped = Stamps::elapsed(gpu, bytes),
            }
            Ok(())
        };
        Download::start(gpu, &sources)?.finish(gpu, take).await?;
        Ok(results)
    }
}
