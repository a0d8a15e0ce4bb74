//! What is on a device beside a plan: a buffer for each tensor.

use super::bound::{bound_outputs, denominator};
use super::taken::Taken;
use crate::error::Result;
use crate::gpu::{Clock, Download, Gpu, Stamps, buffer, write};
use crate::plan::{Bindings, Plan};
use crate::request::{Resolved, Slot, Status, Upstream};
use crate::tensor::{DType, Tensor};
use std::ops::Range;
use std::time::Duration;

/// What the upstream gradient is called among the inputs.
pub(super) const UPSTREAM: &str = "upstream";

/// The buffers of a plan, one for each tensor.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Those that have elements.
    inputs: Vec<(&'static str, wgpu::Buffer)>,
    upstream: Option<wgpu::Buffer>,
    outputs: Vec<wgpu::Buffer>,
    status: wgpu::Buffer,
    totals: Option<wgpu::Buffer>,
    denominator: Option<wgpu::Buffer>,
    stamps: Option<Stamps>,
}

/// What comes back from the device, but for arrays.
#[derive(Default)]
pub(super) struct Results {
    /// The reduced loss.
    pub(super) value: Option<Tensor<'static>>,
    pub(super) totals: Option<Vec<u8>>,
    /// The kernels' time, where the device tells it.
    stamped: Option<Duration>,
}

impl Results {
    /// How long the kernels took, by the device's clock or else the host's.
    pub(super) fn kernels(&self, by_the_host: Duration) -> (Duration, Clock) {
        match self.stamped {
            Some(time) => (time, Clock::Timestamps),
            None => (by_the_host, Clock::Wall),
        }
    }
}

/// What the bytes of a buffer are.
enum Part {
    Status(DType),
    Output(Slot),
    Totals,
    Stamps,
}

impl Buffers {
    /// Makes the buffers. Inputs hold nothing yet.
    pub(super) fn new(gpu: &Gpu, plan: &Plan) -> Result<Self> {
        let resolved = plan.resolved();
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let mut inputs = Vec::new();
        for (i, input) in resolved.definition.inputs.iter().enumerate() {
            let size = resolved.bytes(Slot::Input(i));
            if resolved.inputs[i].is_some() && size > 0 {
                inputs.push((input.name, buffer(gpu, input.name, size, usage)?));
            }
        }
        let size = resolved.bytes(Slot::Upstream);
        let upstream = (resolved.upstream != Upstream::One && size > 0)
            .then(|| buffer(gpu, UPSTREAM, size, usage));
        let usage = usage | wgpu::BufferUsages::COPY_SRC;
        let outputs = resolved
            .outputs()
            .map(|slot| buffer(gpu, &resolved.slot_name(slot), resolved.bytes(slot), usage))
            .collect::<Result<_>>()?;
        let status = buffer(gpu, "status", 16, usage)?;
        let totals = resolved.totals.then(|| buffer(gpu, "totals", plan.totals_bytes(), usage));
        let denominator = resolved.given.map(|given| denominator(gpu, given));
        let (upstream, totals) = (upstream.transpose()?, totals.transpose()?);
        let denominator = denominator.transpose()?;
        let stamps = Stamps::new(gpu)?;
        Ok(Self { inputs, upstream, outputs, status, totals, denominator, stamps })
    }

    /// Starts the upload of an input, or of the upstream gradient, whose shape has been checked.
    pub(super) fn write(
        &self,
        gpu: &Gpu,
        resolved: &Resolved,
        name: &str,
        tensor: &Tensor<'_>,
    ) -> Result<()> {
        if tensor.is_empty() {
            return Ok(());
        }
        if let Some(upstream) = self.upstream.as_ref().filter(|_| name == UPSTREAM) {
            return write(gpu, upstream, tensor, DType::F32);
        }
        let dtype = resolved.dtype(name)?;
        let own = self.inputs.iter().find(|(own, _)| *own == name);
        own.map_or(Ok(()), |(_, buffer)| write(gpu, buffer, tensor, dtype))
    }

    /// Records the plan for some of so many times, one after the other. The first and the last one of all
    /// are stamped.
    pub(super) fn encode(
        &self,
        plan: &Plan,
        encoder: &mut wgpu::CommandEncoder,
        some: Range<u32>,
        all: u32,
    ) -> Result<()> {
        let ends = some.end == all;
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let inputs: Vec<_> =
            self.inputs.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
        let outputs = plan.resolved().outputs().zip(&self.outputs);
        let (value, gradients) = bound_outputs(plan.resolved(), outputs);
        for time in some {
            let (first, last) = (time == 0, time + 1 == all);
            let stamps = self.stamps.as_ref().filter(|_| first || last);
            let bindings = Bindings {
                inputs: &inputs,
                value: value.clone(),
                gradients: &gradients,
                upstream: self.upstream.as_ref().map(whole),
                status: Some(whole(&self.status)),
                totals: self.totals.as_ref().map(whole),
                denominator: self.denominator.as_ref().map(whole),
                count: None,
                timestamps: stamps.map(|stamps| stamps.writes_of(first, last)),
            };
            plan.encode(encoder, &bindings)?;
        }
        if let Some(stamps) = self.stamps.as_ref().filter(|_| ends) {
            stamps.resolve(encoder);
        }
        Ok(())
    }

    /// Forgets what was wrong with class indices.
    pub(super) fn clear_status(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(&self.status, 0, None);
    }

    /// Reads all results back in one submission.
    pub(super) async fn read(
        &self,
        gpu: &Gpu,
        resolved: &Resolved,
        taken: &mut Taken<'_>,
    ) -> Result<Results> {
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
