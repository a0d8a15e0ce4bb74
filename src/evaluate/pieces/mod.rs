//! Batches that are larger than the memory they may take on a device: evaluated in pieces whose sums
//! add up to the same bits as one run, the next piece's upload beside the kernels of the one before.

mod memory;

use super::taken::Taken;
use super::{Evaluation, Timings};
use crate::batch::Batch;
use crate::cancel::Cancel;
use crate::cpu::Weights;
use crate::error::Result;
use crate::family::{Cut, Loss, Share, resolve};
use crate::gpu::Gpu;
use crate::layout::Summed;
use crate::order::BlockSums;
use crate::plan::Plan;
use crate::reduction::Reduction;
use crate::request::{Part, Request, Resolved, Slot, Upstream};
use crate::tensor::{DType, Tensor, TensorKind};
use crate::totals::Totals;
use memory::{Memory, Shared};
use std::collections::VecDeque;
use std::time::Duration;
use web_time::Instant;

/// The pieces that are under way at once: one is uploaded, one computed and one read.
const AT_ONCE: usize = 3;

/// How a batch is cut along its elements or its items.
pub(super) struct Pieces<'a> {
    gpu: &'a Gpu,
    loss: &'a dyn Loss,
    /// The whole.
    resolved: &'a Resolved,
    batch: &'a Batch<'a>,
    inputs: Vec<Option<&'a Tensor<'a>>>,
    cut: Cut,
    weights: Weights,
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

/// The sums so far: losses that are not added up by the kernels are here.
struct Sums {
    losses: BlockSums,
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
        let mut sizes: Vec<u64> = slots.iter().map(|&slot| resolved.bytes(slot)).collect();
        if resolved.is_added_by_the_host() {
            sizes.push(resolved.layout.terms.saturating_mul(4));
        }
        // Beside the tensors there is as much memory for what is uploaded and read.
        let all = sizes.iter().fold(0u64, |sum, &size| sum.saturating_add(size)).saturating_mul(2);
        let fits = all <= gpu.memory() && sizes.iter().all(|&size| size <= largest);
        if fits || resolved.layout.terms == 0 {
            return Ok(None);
        }
        // Where the terms depend on a mean over the whole, they cannot be evaluated on their own.
        if !resolved.adds_up {
            return Ok(None);
        }
        let inputs = resolved.placed(batch.inputs)?;
        let Some(cut) = loss.family().cut(resolved) else { return Ok(None) };
        let size = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let Ok(terms) = usize::try_from(resolved.layout.terms) else { return Ok(None) };
        let count = terms / cut.terms.iter().product::<usize>();
        let mut widest = 8 * size(&cut.terms);
        let mut together = 2 * widest;
        for (i, part) in cut.inputs.iter().enumerate() {
            let (Share::Unit(unit), Some(kind)) = (part, &resolved.inputs[i]) else { continue };
            let bytes = size(unit) * kind.dtype.size() as u64;
            let gradients = if resolved.gradients.contains(&i) { 4 * size(unit) } else { 0 };
            widest = widest.max(bytes).max(gradients);
            together += bytes + gradients;
        }
        // Some room is left for what a piece is rounded up to.
        let most = (largest / widest / 2).min(gpu.memory() / AT_ONCE as u64 / 2 / together);
        let step = cut.step as u64;
        let piece = usize::try_from((most / step).max(1) * step).unwrap_or(usize::MAX);
        let is_shared = |part: &Share| matches!(part, Share::All(_));
        let shared = cut.inputs.iter().enumerate().filter(|(_, part)| is_shared(part));
        let mut shared = shared.map(|(i, _)| Slot::Input(i));
        let binds =
            piece as u64 * widest <= largest && shared.all(|s| resolved.bytes(s) <= largest);
        if !binds || piece >= count {
            return Ok(None);
        }
        // A class index outside its range is found here: a piece would not know its row in the whole.
        let weights = loss.family().weights(resolved, &inputs, Cancel(batch.cancel))?;
        Ok(Some(Self { gpu, loss, resolved, batch, inputs, cut, weights, count, piece }))
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
        let [order, _] = resolved.layout.summed.orders();
        let mut sums = Sums { losses: BlockSums::new(order), done: 0 };
        let divides = reduces && resolved.reduction != Reduction::Sum;
        let mut given =
            resolved.given.or(divides.then(|| self.totals(BlockSums::default()).denominator()));
        let mut rest = wanted;
        if resolved.needs_mean() {
            // What the gradients are made of is known after all pieces only.
            let first = Wanted { gradients: false, sums: true, ..wanted };
            timings.add(self.run(first, given, &mut sums, &mut taken).await?);
            given = Some(self.totals(sums.losses.clone()).denominator());
            sums.done = 0;
            rest = Wanted { losses: false, sums: false, gradients: true };
        }
        timings.add(self.run(rest, given, &mut sums, &mut taken).await?);
        let mut evaluation = Evaluation { timings, ..Evaluation::default() };
        if wanted.sums {
            let totals = self.totals(sums.losses);
            if resolved.value {
                let kind = TensorKind::new(DType::F32, []);
                let value = vec![totals.value_of(resolved)];
                evaluation.value = Some(Tensor::rounded(kind, value.into()));
            }
            evaluation.totals = resolved.totals.then_some(totals);
        }
        taken.finish(resolved, &mut evaluation)?;
        Ok(evaluation)
    }

    /// The totals of the whole, whose losses have this sum.
    fn totals(&self, losses: BlockSums) -> Totals {
        let Weights { sums, kept } = self.weights.clone();
        Totals::new(self.resolved, losses, sums, kept)
    }

    /// Whether kernels add the losses up: a piece of rows may have less than a block, and where the first
    /// block is cut, their blocks would not be those of the larger batch.
    fn by_kernels(&self) -> bool {
        let summed = self.resolved.layout.summed == Summed::Blocks;
        summed && self.resolved.begins_a_block()
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
            // Each set of buffers is met again and again.
            let plan = Plan::of_resolved(self.gpu, self.loss, resolved)?;
            Ok(plan.with_kept_sets(AT_ONCE))
        };
        let whole = plan(self.piece)?;
        let rest = self.count % self.piece;
        let last = if rest > 0 { Some(plan(rest)?) } else { None };
        let plans = last.iter().chain([&whole]);
        let totals = plans.map(Plan::totals_bytes).max().unwrap_or_default();
        let shared = Shared::new(self, given)?;
        timings.plan = start.elapsed();

        let mut under_way: VecDeque<Memory<'_>> = VecDeque::new();
        let mut free: Vec<Memory<'_>> = Vec::new();
        for first in (0..self.count).step_by(self.piece) {
            self.batch.check_cancelled()?;
            let units = first..self.count.min(first + self.piece);
            let plan = last.as_ref().filter(|_| units.len() < self.piece).unwrap_or(&whole);
            let mut next = free.pop().map_or_else(|| Memory::new(self, &whole, totals), Ok)?;
            let full = under_way.len() + 1 == AT_ONCE;
            let mut oldest = if full { under_way.pop_front() } else { None };
            if let Some(oldest) = &mut oldest {
                oldest.ready(&mut timings).await?;
            }
            // One piece is written while another is read, and what is between them is computed.
            let (read, written) = both(
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
            self.batch.check_cancelled()?;
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
        let place = self.resolved.first_term() + sums.done;
        for (slot, output) in outputs {
            let reduced = *slot == Slot::Value && self.resolved.reduction != Reduction::None;
            output.read(self.gpu, resolved.output_size(*slot), |bytes| {
                if reduced {
                    sums.losses.add(place, &bytemuck::pod_collect_to_vec::<u8, f32>(bytes));
                    return Ok(());
                }
                taken.take(self.resolved, *slot, bytes)
            })?;
        }
        if let Some(totals) = totals {
            let own = totals.read(self.gpu, plan.totals_bytes(), |bytes| plan.totals(bytes))?;
            let part = Part { first: place / resolved.terms_per_item(), of: None };
            sums.losses.merge(&own.at(part)?.into_losses());
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
                Share::Unit(unit) => [&[count], &unit[..]].concat(),
                Share::All(shape) => shape.clone(),
            };
            inputs.push((name, TensorKind::new(kind.dtype, shape)));
        }
        let names = resolved.gradients.iter().filter(|_| wanted.gradients);
        let names: Vec<&str> = names.map(|&i| resolved.definition.inputs[i].name).collect();
        let by_kernels = self.by_kernels();
        let request = Request {
            reduction: if by_kernels { resolved.reduction } else { Reduction::None },
            value: wanted.losses || (wanted.sums && !by_kernels),
            totals: wanted.sums && by_kernels,
            gradients: &names,
            gradient_type: resolved.gradient_type,
            // Sums are of losses without their weight.
            loss_scale: if wanted.losses { resolved.loss_scale } else { resolved.scale() },
            loss_weight: if wanted.losses { resolved.loss_weight } else { 1.0 },
            ..Request::default()
        };
        let mut piece = resolve(self.loss, &inputs, &request)?;
        piece.upstream = if wanted.gradients { resolved.upstream } else { Upstream::One };
        piece.denominator = given.is_some();
        piece.given = given;
        Ok(piece)
    }
}

/// Does both at once.
#[cfg(not(target_arch = "wasm32"))]
fn both<A: Send, B: Send>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    rayon::join(first, second)
}

/// Does one after the other: a browser's buffers stay on their thread.
#[cfg(target_arch = "wasm32")]
fn both<A, B>(first: impl FnOnce() -> A, second: impl FnOnce() -> B) -> (A, B) {
    (first(), second())
}
