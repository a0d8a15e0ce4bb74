//! One evaluation on a GPU: uploads, a plan, and what is read back.

use super::{Evaluation, Timings, collect};
use crate::clock::{Clock, Stamps};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::kernel::Slot;
use crate::loss::Loss;
use crate::numbers::Numbers;
use crate::plan::{Bindings, Plan, Resolved, buffer};
use crate::status::Status;
use crate::tensor::{DType, Tensor};
use crate::transfer::{download, submit, upload};
use web_time::Instant;

pub(super) async fn evaluate(
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
    let buffers = Buffers::new(gpu, resolved, inputs, upstream, plan.totals_bytes())?;
    // Uploads are carried out with the next submission: let them not count as the kernels'.
    submit(gpu, []).await?;
    let moved = Instant::now();

    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    buffers.encode(&plan, resolved, &mut encoder)?;
    submit(gpu, [encoder]).await?;
    let computed = Instant::now();

    let mut results = Vec::new();
    for ((slot, kind), buffer) in resolved.outputs().into_iter().zip(&buffers.outputs) {
        let size = resolved.bytes(slot);
        results.push(match kind.dtype {
            DType::F32 => {
                Tensor::rounded(kind, download(gpu, buffer, size, Numbers::of_bytes).await?)
            }
            _ => Tensor::from_padded(kind, download(gpu, buffer, size, <[u8]>::to_vec).await?),
        });
    }
    if let Some((i, _)) = resolved.layout.indices {
        let bytes = download(gpu, &buffers.status, 16, bytemuck::pod_read_unaligned).await?;
        let dtype = resolved.inputs[i].as_ref().map_or(DType::I64, |kind| kind.dtype);
        if let Some(status) = Status::from_bytes(bytes, dtype) {
            return Err(status.error(loss, resolved));
        }
    }
    let mut totals = None;
    if resolved.totals {
        let words = download(gpu, &buffers.totals, plan.totals_bytes(), <[u8]>::to_vec).await?;
        totals = Some(plan.totals(&words)?);
    }
    let read_back = computed.elapsed();
    let stamped = match &buffers.stamps {
        Some(stamps) => stamps.elapsed(gpu).await?,
        None => None,
    };
    let (kernels, clock) =
        stamped.map_or((computed - moved, Clock::Wall), |time| (time, Clock::Timestamps));
    let (plan, upload) = (planned - start, moved - planned);
    let timings = Timings { plan, upload, kernels, clock, read_back };
    Ok(Evaluation { totals, ..collect(resolved, results, timings) })
}

/// What an evaluation holds on the device beside its plan.
struct Buffers<'a> {
    inputs: Vec<(&'a str, wgpu::Buffer)>,
    upstream: Option<wgpu::Buffer>,
    outputs: Vec<wgpu::Buffer>,
    status: wgpu::Buffer,
    totals: wgpu::Buffer,
    denominator: wgpu::Buffer,
    stamps: Option<Stamps>,
}

impl<'a> Buffers<'a> {
    /// Makes the buffers, and starts the uploads.
    fn new(
        gpu: &Gpu,
        resolved: &Resolved,
        inputs: &[(&'a str, Tensor<'_>)],
        upstream: Option<&Tensor<'_>>,
        totals_bytes: u64,
    ) -> Result<Self> {
        let inputs = inputs.iter().filter(|(_, tensor)| !tensor.is_empty());
        let inputs = inputs
            .map(|(name, tensor)| Ok((*name, upload(gpu, name, tensor)?)))
            .collect::<Result<_>>()?;
        let upstream =
            upstream.filter(|tensor| !tensor.is_empty()).map(|t| upload(gpu, "upstream", t));
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
        let totals = buffer(gpu, "wgloss totals", totals_bytes, usage)?;
        let denominator = buffer(gpu, "wgloss denominator", 16, usage)?;
        if let Some(given) = resolved.given {
            gpu.queue().write_buffer(&denominator, 0, bytemuck::cast_slice(&given));
        }
        let stamps = Stamps::new(gpu)?;
        Ok(Self { inputs, upstream, outputs, status, totals, denominator, stamps })
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
            totals: resolved.totals.then(|| whole(&self.totals)),
            denominator: resolved.denominator.then(|| whole(&self.denominator)),
            timestamps: self.stamps.as_ref().map(Stamps::writes),
        };
        plan.encode(encoder, &bindings)?;
        if let Some(stamps) = &self.stamps {
            stamps.resolve(encoder);
        }
        Ok(())
    }
}
