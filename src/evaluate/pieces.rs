//! Batches that are larger than the memory they may take on a device: evaluated in pieces whose sums
//! add up to the same bits as one run, the next piece's upload beside the kernels of the one before.

use super::taken::Taken;
use super::{Evaluation, Timings};
use crate::batch::Batch;
use crate::cpu::LossSums;
use crate::error::Result;
use crate::family::{Cut, Loss, Part, resolve};
use crate::gpu::{Clock, Gpu, ReadBack, Stamps, Upload, buffer};
use crate::plan::{Bindings, Plan};
use crate::reduction::{Divisor, Reduction};
use crate::request::{Request, Resolved, Slot, Upstream};
use crate::tensor::{DType, Tensor, TensorKind};
use crate::totals::Totals;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;
use web_time::Instant;

/// The pieces that are under way at once: one is uploaded, one computed and one read.
const AT_ONCE: u64 = 3;

/// How a batch is cut along its elements or its items.
pub(super) struct Pieces<'a> {
    gpu: &'a Gpu,
    loss: &'a dyn Loss,
    /// The whole.
    resolved: &'a Resolved,
    batch: &'a Batch<'a>,
    inputs: Vec<Option<&'a Tensor<'a>>>,
    cut: Cut,
    /// How many units there are, and how many are a piece.
    count: usize,
    piece: usize,
}

/// What is wanted of all pieces.
#[derive(Clone, Copy)]
struct Wanted {
    /// The unreduced losses.
    losses: bool,
    /// What the reduced loss and the totals are made of.
    sums: bool,
    gradients: bool,
}

/// The sums so far: the losses of rows are added up here, those of elements by the kernels.
#[derive(Default)]
struct Sums {
    rows: LossSums,
    blocks: Option<Totals>,
    /// The terms that they are of.
    done: u64,
}

impl<'a> Pieces<'a> {
    /// How the batch is cut; `None` where it need not be, or cannot.
    pub(super) fn new(
        gpu: &'a Gpu,
        loss: &'a dyn Loss,
        resolved: &'a Resolved,
        batch: &'a Batch<'a>,
    ) -> Result<Option<Self>> {
        let largest = gpu.limits().max_buffer_size;
        let mut slots: Vec<Slot> = (0..resolved.inputs.len()).map(Slot::Input).collect();
        slots.extend(resolved.outputs());
        slots.push(Slot::Upstream);
        let sizes: Vec<u64> = slots.iter().map(|&slot| resolved.bytes(slot)).collect();
        // Beside the tensors there is as much memory for what is uploaded and read.
        let all = sizes.iter().fold(0u64, |sum, &size| sum.saturating_add(size)).saturating_mul(2);
        let fits = all <= gpu.memory() && sizes.iter().all(|&size| size <= largest);
        if fits || resolved.layout.terms == 0 {
            return Ok(None);
        }
        // Where the terms depend on a mean over the whole, they cannot be evaluated on their own.
        if loss.check_totals(&resolved.inputs).is_err() {
            return Ok(None);
        }
        let inputs = resolved.placed(batch.inputs)?;
        let Some(cut) = loss.family().cut(resolved, &inputs)? else {
            return Ok(None);
        };
        let size = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let Ok(terms) = usize::try_from(resolved.layout.terms) else { return Ok(None) };
        let count = terms / cut.terms.iter().product::<usize>();
        let mut widest = 8 * size(&cut.terms);
        let mut together = 2 * widest;
        for (i, part) in cut.inputs.iter().enumerate() {
            let (Part::Unit(unit), Some(kind)) = (part, &resolved.inputs[i]) else { continue };
            let bytes = size(unit) * kind.dtype.size() as u64;
            let gradients = if resolved.gradients.contains(&i) { 4 * size(unit) } else { 0 };
            widest = widest.max(bytes).max(gradients);
            together += bytes + gradients;
        }
        // Some room is left for what a piece is rounded up to.
        let most = (largest / widest / 2).min(gpu.memory() / AT_ONCE / 2 / together);
        let step = cut.step as u64;
        let piece = usize::try_from((most / step).max(1) * step).unwrap_or(usize::MAX);
        let is_shared = |part: &Part| matches!(part, Part::Shared(_));
        let shared = cut.inputs.iter().enumerate().filter(|(_, part)| is_shared(part));
        let mut shared = shared.map(|(i, _)| Slot::Input(i));
        let binds =
            piece as u64 * widest <= largest && shared.all(|s| resolved.bytes(s) <= largest);
        let own = Self { gpu, loss, resolved, batch, inputs, cut, count, piece };
        Ok((binds && piece < count).then_some(own))
    }

    pub(super) async fn evaluate(self, mut taken: Taken<'_>) -> Result<Evaluation> {
        let resolved = self.resolved;
        let reduces = resolved.reduction != Reduction::None;
        let wanted = Wanted {
            losses: !reduces && resolved.value,
            sums: reduces && (resolved.value || resolved.totals),
            gradients: !resolved.gradients.is_empty(),
        };
        let mut timings = Timings::default();
        let mut sums = Sums::default();
        let weights = &self.cut.weights;
        let own = Totals::new(resolved, Vec::new(), weights.blocks.clone(), weights.kept);
        let divides = reduces && resolved.reduction != Reduction::Sum;
        let mut given = resolved.given.or(divides.then(|| own.denominator()));
        let mut rest = wanted;
        if self.needs_mean() {
            // What the gradients are made of is known after all pieces only.
            let first = Wanted { gradients: false, sums: true, ..wanted };
            timings.add(self.run(first, given, &mut sums, &mut taken).await?);
            given = sums.totals(&self).map(|totals| totals.denominator());
            sums.done = 0;
            rest = Wanted { losses: false, sums: false, gradients: true };
        }
        timings.add(self.run(rest, given, &mut sums, &mut taken).await?);
        let mut evaluation = Evaluation { timings, ..Evaluation::default() };
        if let Some(totals) = sums.totals(&self).filter(|_| wanted.sums) {
            let divisor = resolved.given.map(|[divisor, ..]| divisor);
            let value = divisor.map_or(totals.value(), |divisor| totals.sum() / divisor);
            if resolved.value {
                let kind = TensorKind::new(DType::F32, []);
                evaluation.value = Some(Tensor::rounded(kind, vec![value].into()));
            }
            evaluation.totals = resolved.totals.then_some(totals);
        }
        taken.finish(resolved, &mut evaluation)?;
        Ok(evaluation)
    }

    /// Whether a gradient depends on the mean: that of a weight by whose sum the mean divides.
    fn needs_mean(&self) -> bool {
        let Resolved { definition, layout, given, gradients, .. } = self.resolved;
        let by_weight = gradients.iter().any(|&i| definition.inputs[i].role.is_weight());
        by_weight && layout.divisor == Divisor::Weights && given.is_none()
    }

    /// All pieces, one after the other.
    async fn run(
        &self,
        wanted: Wanted,
        given: Option<[f32; 4]>,
        sums: &mut Sums,
        taken: &mut Taken<'_>,
    ) -> Result<Timings> {
        let mut timings = Timings::default();
        let start = Instant::now();
        let plan = |count| {
            let resolved = self.piece(count, wanted, given)?;
            Plan::of_resolved(self.gpu, self.loss, resolved)
        };
        let whole = plan(self.piece)?;
        let rest = self.count % self.piece;
        let last = if rest > 0 { Some(plan(rest)?) } else { None };
        let shared = Shared::new(self, given).await?;
        timings.plan = start.elapsed();

        let mut under_way: VecDeque<Memory<'_>> = VecDeque::new();
        let mut free: Vec<Memory<'_>> = Vec::new();
        for first in (0..self.count).step_by(self.piece) {
            let units = first..self.count.min(first + self.piece);
            let plan = last.as_ref().filter(|_| units.len() < self.piece).unwrap_or(&whole);
            let mut next = free.pop().map_or_else(|| Memory::new(self, &whole), Ok)?;
            let full = under_way.len() as u64 + 1 == AT_ONCE;
            let mut oldest = if full { under_way.pop_front() } else { None };
            if let Some(oldest) = &mut oldest {
                oldest.ready(&mut timings).await?;
            }
            // One piece is written while another is read, and what is between them is computed.
            let (read, written) = rayon::join(
                || oldest.iter().try_fold(Duration::ZERO, |_, done| self.take(done, sums, taken)),
                || next.write(self, plan, units),
            );
            timings.read_back += read?;
            timings.upload += written?;
            next.submit(self, plan, &shared)?;
            under_way.push_back(next);
            free.extend(oldest);
        }
        for mut done in under_way {
            done.ready(&mut timings).await?;
            timings.read_back += self.take(&done, sums, taken)?;
        }
        Ok(timings)
    }

    /// Takes what a piece that is ready came to.
    fn take(
        &self,
        memory: &Memory<'_>,
        sums: &mut Sums,
        taken: &mut Taken<'_>,
    ) -> Result<Duration> {
        let start = Instant::now();
        let Memory { plan, outputs, totals, .. } = memory;
        let Some(plan) = plan else { return Ok(Duration::ZERO) };
        let resolved = plan.resolved();
        for (slot, output) in outputs {
            let reduced = *slot == Slot::Value && self.resolved.reduction != Reduction::None;
            output.read(self.gpu, resolved.output_size(*slot), |bytes| {
                if reduced {
                    sums.rows.add(&bytemuck::pod_collect_to_vec(bytes));
                    return Ok(());
                }
                taken.take(self.resolved, *slot, bytes)
            })?;
        }
        if let Some(totals) = totals {
            let own = totals.read(self.gpu, plan.totals_bytes(), |bytes| plan.totals(bytes))?;
            match &mut sums.blocks {
                Some(blocks) => blocks.merge(&own)?,
                none => *none = Some(own),
            }
        }
        sums.done += resolved.layout.terms;
        taken.progress(sums.done, self.resolved.layout.terms);
        Ok(start.elapsed())
    }

    /// The request of a piece of so many units.
    fn piece(&self, count: usize, wanted: Wanted, given: Option<[f32; 4]>) -> Result<Resolved> {
        let resolved = self.resolved;
        let mut inputs = Vec::new();
        for (i, kind) in resolved.inputs.iter().enumerate() {
            let Some(kind) = kind else { continue };
            let name = resolved.definition.inputs[i].name;
            let shape = match &self.cut.inputs[i] {
                Part::Unit(unit) => [&[count], &unit[..]].concat(),
                Part::Shared(shape) => shape.clone(),
            };
            inputs.push((name, TensorKind::new(kind.dtype, shape)));
        }
        let names = resolved.gradients.iter().filter(|_| wanted.gradients);
        let names: Vec<&str> = names.map(|&i| resolved.definition.inputs[i].name).collect();
        // A block of rows may be larger than a piece: their losses are added up on the host.
        let by_blocks = resolved.sums_blocks();
        let request = Request {
            reduction: if by_blocks { resolved.reduction } else { Reduction::None },
            value: wanted.losses || (wanted.sums && !by_blocks),
            totals: wanted.sums && by_blocks,
            gradients: &names,
            gradient_type: resolved.gradient_type,
            loss_scale: resolved.loss_scale,
            ..Request::default()
        };
        let mut piece = resolve(self.loss, &inputs, &request)?;
        piece.upstream = if wanted.gradients { resolved.upstream } else { Upstream::One };
        piece.denominator = given.is_some();
        piece.given = given;
        Ok(piece)
    }

    /// Where the units of a tensor lie among its elements.
    fn elements(&self, unit: &[usize], units: &Range<usize>) -> Range<usize> {
        let size: usize = unit.iter().product();
        units.start * size..units.end * size
    }
}

impl Sums {
    fn totals(&mut self, pieces: &Pieces<'_>) -> Option<Totals> {
        let resolved = pieces.resolved;
        if resolved.sums_blocks() {
            return self.blocks.clone().map(|blocks| blocks.of_batch(resolved));
        }
        let weights = &pieces.cut.weights;
        let kept = if resolved.layout.is_weighted() { weights.kept } else { resolved.layout.terms };
        let sums = std::mem::take(&mut self.rows).blocks();
        Some(Totals::new(resolved, sums, weights.blocks.clone(), kept))
    }
}

/// What all pieces read.
struct Shared {
    inputs: Vec<(&'static str, wgpu::Buffer)>,
    upstream: Option<wgpu::Buffer>,
    denominator: Option<wgpu::Buffer>,
}

impl Shared {
    async fn new(pieces: &Pieces<'_>, given: Option<[f32; 4]>) -> Result<Self> {
        let Pieces { gpu, resolved, ref inputs, ref cut, .. } = *pieces;
        let mut shared = Vec::new();
        for (i, tensor) in inputs.iter().enumerate() {
            let (Some(tensor), Part::Shared(_)) = (tensor, &cut.inputs[i]) else { continue };
            let name = resolved.definition.inputs[i].name;
            shared.push((name, crate::gpu::upload(gpu, name, tensor, resolved.dtype(name)?)?));
        }
        let scalar =
            pieces.batch.upstream.as_ref().filter(|_| resolved.upstream == Upstream::Scalar);
        let upstream = scalar.map(|one| crate::gpu::upload(gpu, "upstream", one, DType::F32));
        let denominator = given.map(|given| {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            let buffer = buffer(gpu, "wgloss denominator", 16, usage)?;
            gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(&given));
            Ok(buffer)
        });
        Ok(Self {
            inputs: shared,
            upstream: upstream.transpose()?,
            denominator: denominator.transpose()?,
        })
    }
}

/// The buffers of one piece, which another one takes over when it is done.
struct Memory<'p> {
    /// What it was last used with.
    plan: Option<&'p Plan>,
    inputs: Vec<(usize, Upload)>,
    upstream: Option<Upload>,
    outputs: Vec<(Slot, ReadBack)>,
    totals: Option<ReadBack>,
    stamps: Option<(Stamps, ReadBack)>,
}

impl<'p> Memory<'p> {
    /// For a whole piece.
    fn new(pieces: &Pieces<'_>, plan: &Plan) -> Result<Self> {
        let (gpu, resolved) = (pieces.gpu, plan.resolved());
        let cut = pieces.cut.inputs.iter().enumerate();
        let unit = |part: &Part| matches!(part, Part::Unit(_));
        let cut = cut.filter(|&(i, part)| unit(part) && resolved.inputs[i].is_some());
        let upload = |slot| Upload::new(gpu, &resolved.slot_name(slot), resolved.bytes(slot));
        let read = |slot| ReadBack::new(gpu, &resolved.slot_name(slot), resolved.bytes(slot));
        let inputs = cut.map(|(i, _)| Ok((i, upload(Slot::Input(i))?))).collect::<Result<_>>()?;
        let by_term = resolved.upstream == Upstream::Terms;
        let upstream = by_term.then(|| upload(Slot::Upstream)).transpose()?;
        let outputs =
            resolved.outputs().map(|slot| Ok((slot, read(slot)?))).collect::<Result<_>>()?;
        let totals = resolved.totals.then(|| read(Slot::Totals)).transpose()?;
        let stamps = match Stamps::new(gpu)? {
            Some(stamps) => Some((stamps, ReadBack::new(gpu, "wgloss timestamps", 16)?)),
            None => None,
        };
        Ok(Self { plan: None, inputs, upstream, outputs, totals, stamps })
    }

    /// Waits until the piece is computed, and all buffers are the host's.
    async fn ready(&mut self, timings: &mut Timings) -> Result<()> {
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
    fn write(
        &mut self,
        pieces: &Pieces<'_>,
        plan: &'p Plan,
        units: Range<usize>,
    ) -> Result<Duration> {
        let start = Instant::now();
        self.plan = Some(plan);
        for (i, upload) in &self.inputs {
            let (Some(tensor), Part::Unit(unit)) = (pieces.inputs[*i], &pieces.cut.inputs[*i])
            else {
                continue;
            };
            let dtype = pieces.resolved.inputs[*i].as_ref().map_or(DType::F32, |kind| kind.dtype);
            upload.write(pieces.gpu, tensor, pieces.elements(unit, &units), dtype)?;
        }
        if let (Some(upload), Some(tensor)) = (&self.upstream, &pieces.batch.upstream) {
            let elements = pieces.elements(&pieces.cut.terms, &units);
            upload.write(pieces.gpu, tensor, elements, DType::F32)?;
        }
        Ok(start.elapsed())
    }

    /// Has the piece computed, and lets the host read the results when it is.
    fn submit(&mut self, pieces: &Pieces<'_>, plan: &Plan, shared: &Shared) -> Result<()> {
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let (gpu, definition) = (pieces.gpu, pieces.resolved.definition);
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        self.inputs.iter().for_each(|(_, upload)| upload.record(&mut encoder));
        self.upstream.iter().for_each(|upload| upload.record(&mut encoder));
        let own = self.inputs.iter().map(|(i, u)| (definition.inputs[*i].name, whole(u.buffer())));
        let inputs: Vec<_> =
            own.chain(shared.inputs.iter().map(|(name, buffer)| (*name, whole(buffer)))).collect();
        let (mut value, mut gradients) = (None, Vec::new());
        for (slot, output) in &self.outputs {
            match slot {
                Slot::Gradient(i) => {
                    gradients.push((definition.inputs[*i].name, whole(output.buffer())))
                }
                _ => value = Some(whole(output.buffer())),
            }
        }
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
