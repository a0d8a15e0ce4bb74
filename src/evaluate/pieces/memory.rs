//! The buffers on a device of the pieces that are under way.

use super::super::bound::{bound_outputs, denominator};
use super::{Pieces, Timings};
use crate::error::Result;
use crate::family::Share;
use crate::gpu::{Clock, ReadBack, Stamps, Upload, upload};
use crate::plan::{Bindings, Plan};
use crate::request::{Slot, Upstream};
use crate::tensor::DType;
use std::ops::Range;
use std::time::Duration;
use web_time::Instant;

/// What all pieces read.
pub(super) struct Shared {
    inputs: Vec<(&'static str, wgpu::Buffer)>,
    upstream: Option<wgpu::Buffer>,
    denominator: Option<wgpu::Buffer>,
}

impl Shared {
    pub(super) fn new(pieces: &Pieces<'_>, given: Option<[f32; 4]>) -> Result<Self> {
        let Pieces { gpu, resolved, ref inputs, ref cut, .. } = *pieces;
        let mut shared = Vec::new();
        for (i, tensor) in inputs.iter().enumerate() {
            let (Some(tensor), Share::All(_)) = (tensor, &cut.inputs[i]) else { continue };
            let name = resolved.definition.inputs[i].name;
            shared.push((name, upload(gpu, name, tensor, resolved.dtype(name)?)?));
        }
        let scalar =
            pieces.batch.upstream.as_ref().filter(|_| resolved.upstream == Upstream::Scalar);
        let upstream = scalar.map(|one| upload(gpu, "upstream", one, DType::F32));
        let denominator = given.map(|given| denominator(gpu, given)).transpose()?;
        Ok(Self { inputs: shared, upstream: upstream.transpose()?, denominator })
    }
}

/// The buffers of one piece, which another one takes over when it is done.
pub(super) struct Memory<'p> {
    /// What it was last used with.
    pub(super) plan: Option<&'p Plan>,
    inputs: Vec<(usize, Upload)>,
    upstream: Option<Upload>,
    pub(super) outputs: Vec<(Slot, ReadBack)>,
    pub(super) totals: Option<ReadBack>,
    stamps: Option<(Stamps, ReadBack)>,
}

impl<'p> Memory<'p> {
    /// For a whole piece, and totals of so many bytes: of the last piece they may be longer.
    pub(super) fn new(pieces: &Pieces<'_>, plan: &Plan, totals: u64) -> Result<Self> {
        let (gpu, resolved) = (pieces.gpu, plan.resolved());
        let cut = pieces.cut.inputs.iter().enumerate();
        let unit = |part: &Share| matches!(part, Share::Unit(_));
        let cut = cut.filter(|&(i, part)| unit(part) && resolved.inputs[i].is_some());
        let upload = |slot| Upload::new(gpu, &resolved.slot_name(slot), resolved.bytes(slot));
        let read = |slot| ReadBack::new(gpu, &resolved.slot_name(slot), resolved.bytes(slot));
        let inputs = cut.map(|(i, _)| Ok((i, upload(Slot::Input(i))?))).collect::<Result<_>>()?;
        let by_term = resolved.upstream == Upstream::Terms;
        let upstream = by_term.then(|| upload(Slot::Upstream)).transpose()?;
        let outputs =
            resolved.outputs().map(|slot| Ok((slot, read(slot)?))).collect::<Result<_>>()?;
        let name = resolved.slot_name(Slot::Totals);
        let totals = resolved.totals.then(|| ReadBack::new(gpu, &name, totals)).transpose()?;
        let stamps = match Stamps::new(gpu)? {
            Some(stamps) => Some((stamps, ReadBack::new(gpu, "timestamps", 16)?)),
            None => None,
        };
        Ok(Self { plan: None, inputs, upstream, outputs, totals, stamps })
    }

    /// Waits until the piece is computed, and all buffers are the host's.
    pub(super) async fn ready(&mut self, timings: &mut Timings) -> Result<()> {
        let start = Instant::now();
        let outputs = self.outputs.iter_mut().map(|(_, output)| output).chain(&mut self.totals);
        for output in outputs {
            output.ready().await?;
        }
        for upload in self.inputs.iter_mut().map(|(_, upload)| upload).chain(&mut self.upstream) {
            upload.ready().await?;
        }
        timings.clock = Clock::Wall;
        let mut kernels = start.elapsed();
        if let (Some((_, answer)), Some(plan)) = (&mut self.stamps, self.plan) {
            answer.ready().await?;
            let gpu = plan.gpu();
            if let Some(stamped) = answer.read(gpu, 16, |bytes| Ok(Stamps::elapsed(gpu, bytes)))? {
                (kernels, timings.clock) = (stamped, Clock::Timestamps);
            }
        }
        timings.kernels += kernels;
        Ok(())
    }

    /// Writes the inputs of a piece.
    pub(super) fn write(
        &mut self,
        pieces: &Pieces<'_>,
        plan: &'p Plan,
        units: Range<usize>,
    ) -> Result<Duration> {
        let start = Instant::now();
        self.plan = Some(plan);
        for (i, upload) in &self.inputs {
            let (Some(tensor), Share::Unit(unit)) = (pieces.inputs[*i], &pieces.cut.inputs[*i])
            else {
                continue;
            };
            let dtype = pieces.resolved.inputs[*i].as_ref().map_or(DType::F32, |kind| kind.dtype);
            upload.write(pieces.gpu, tensor, elements(unit, &units), dtype)?;
        }
        if let (Some(upload), Some(tensor)) = (&self.upstream, &pieces.batch.upstream) {
            let elements = elements(&pieces.cut.terms, &units);
            upload.write(pieces.gpu, tensor, elements, DType::F32)?;
        }
        Ok(start.elapsed())
    }

    /// Has the piece computed, and lets the host read the results when it is.
    pub(super) fn submit(
        &mut self,
        pieces: &Pieces<'_>,
        plan: &Plan,
        shared: &Shared,
    ) -> Result<()> {
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let (gpu, definition) = (pieces.gpu, pieces.resolved.definition);
        let mut encoder = gpu.encoder();
        self.inputs.iter().for_each(|(_, upload)| upload.record(&mut encoder));
        self.upstream.iter().for_each(|upload| upload.record(&mut encoder));
        let own = self.inputs.iter().map(|(i, u)| (definition.inputs[*i].name, whole(u.buffer())));
        let inputs: Vec<_> =
            own.chain(shared.inputs.iter().map(|(name, buffer)| (*name, whole(buffer)))).collect();
        let outputs = self.outputs.iter().map(|(slot, output)| (*slot, output.buffer()));
        let (value, gradients) = bound_outputs(pieces.resolved, outputs);
        let own = self.upstream.as_ref().map(Upload::buffer);
        let upstream = own.or(shared.upstream.as_ref()).map(whole);
        let bindings = Bindings {
            inputs: &inputs,
            value,
            gradients: &gradients,
            upstream: upstream.filter(|_| plan.resolved().upstream != Upstream::One),
            status: None,
            totals: self.totals.as_ref().map(|totals| whole(totals.buffer())),
            denominator: shared.denominator.as_ref().map(whole),
            count: None,
            timestamps: self.stamps.as_ref().map(|(stamps, _)| stamps.writes()),
        };
        plan.encode(&mut encoder, &bindings)?;
        if let Some((stamps, into)) = &self.stamps {
            stamps.resolve_into(&mut encoder, into.buffer());
        }
        let read = self.outputs.iter().map(|(_, output)| output).chain(&self.totals);
        read.for_each(|output| output.record(&mut encoder));
        let submission = gpu.checked("a submission", |_| {
            let submission = gpu.queue().submit([encoder.finish()]);
            let outputs = self.outputs.iter_mut().map(|(_, output)| output).chain(&mut self.totals);
            outputs.chain(self.stamps.iter_mut().map(|(_, into)| into)).for_each(ReadBack::map);
            self.inputs.iter_mut().for_each(|(_, upload)| upload.map_again());
            self.upstream.iter_mut().for_each(Upload::map_again);
            submission
        })?;
        gpu.drive(submission);
        Ok(())
    }
}

/// Where the units of a tensor lie among its elements.
fn elements(unit: &[usize], units: &Range<usize>) -> Range<usize> {
    let size: usize = unit.iter().product();
    units.start * size..units.end * size
}
