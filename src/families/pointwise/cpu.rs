//! The pointwise family on the CPU.

use super::block::{Block, OfBlocks, Runs};
use super::gathered::{Gather, SPAN};
use super::operand::Operand;
use super::shape::{Access, Broadcast, MOST_INPUTS};
use crate::cancel::Cancel;
use crate::cpu::{Filled, Results, Units, Weights, Work, divisor, is_brief};
use crate::definition::Role;
use crate::error::Result;
use crate::numbers::no_memory;
use crate::order::{BLOCK, BLOCK_SIZE, BlockSums, Order};
use crate::reduction::{Divisor, Reduction};
use crate::request::{Resolved, Slot, Upstream};
use crate::tensor::Tensor;
use std::ops::Range;

pub(super) fn evaluate(
    formula: &dyn Runs,
    work: &Work<'_>,
    results: &mut Results<'_>,
) -> Result<()> {
    let resolved = work.resolved;
    let Broadcast { axes, access } = &Broadcast::of(resolved);
    let roles: Vec<Role> = resolved.definition.inputs.iter().map(|input| input.role).collect();
    let operand = |i: usize| Some(Operand::new(work.inputs[i]?, access[i]?, axes, i, roles[i]));
    let is_weight: Vec<bool> = roles.iter().map(|role| role.is_weight()).collect();
    let arguments: Vec<usize> = (0..is_weight.len()).filter(|&i| !is_weight[i]).collect();
    let mut absent = [1.0; MOST_INPUTS];
    for (absent, &i) in absent.iter_mut().zip(&arguments) {
        *absent = resolved.definition.inputs[i].role.absent();
    }
    let weight_place = is_weight.iter().position(|&is| is);
    let weights = weights(resolved, &work.inputs, work.cancel)?;
    let divisor = divisor(resolved, || weights.sums.total());
    let by_term = resolved.upstream == Upstream::Terms;
    let upstream = work.upstream.as_deref();
    let scale = upstream.filter(|_| !by_term).map_or(1.0, |upstream| upstream[0]) / divisor;
    let count = usize::try_from(resolved.layout.terms).unwrap_or(usize::MAX);
    let pass = Pass {
        formula,
        operands: arguments.iter().map(|&i| operand(i)).collect(),
        absent,
        weight: weight_place.and_then(operand),
        upstream: upstream.filter(|_| by_term).unwrap_or(&[]),
        scale,
        count,
        place: resolved.first_term(),
        keeps_cut: resolved.totals,
        cancel: work.cancel,
    };

    // What is gathered takes windows of whole spans, so that its sums do not depend on them.
    let gathers = resolved.gradients.iter().any(|&i| access[i] != Some(Access::Dense));
    let step = if gathers { SPAN } else { BLOCK_SIZE };
    // Where the blocks of a larger batch are other ones, losses are kept until they are added up.
    let apart = resolved.sums_losses() && !resolved.begins_a_block();
    let numbers = match (apart, gathers) {
        (true, _) => 16,
        (false, true) => 4,
        (false, false) => 1,
    };
    let units = Units { count, numbers, step };
    let reduces = resolved.reduction != Reduction::None;
    let mut sums = None;
    let by_weight = resolved.gradients.iter().any(|&i| is_weight[i]);
    let less_mean = by_weight && resolved.layout.divisor == Divisor::Weights;
    if less_mean && resolved.given.is_none() {
        // The gradient of the weight needs the mean of all terms.
        let sums = sums.insert(results.sums());
        results.fill(&[], units, |window, _| pass.add(sums, window, Places::default()))?;
    }
    let mean = match (resolved.given, &sums) {
        (Some([_, _, mean, _]), _) => mean,
        (None, Some(sums)) => sums.total() / divisor,
        (None, None) => 0.0,
    };
    let offset = if less_mean { scale * mean } else { 0.0 };

    let unreduced = (!reduces && resolved.value).then_some(Slot::Value);
    let (dense, strided): (Vec<usize>, Vec<usize>) =
        resolved.gradients.iter().partition(|&&i| access[i] == Some(Access::Dense));
    let dense = dense.into_iter().map(Slot::Gradient);
    let direct: Vec<Slot> = unreduced.into_iter().chain(dense).collect();
    let mut gathered = Vec::new();
    for i in strided {
        let size = usize::try_from(resolved.gradient_elements(i)).unwrap_or(usize::MAX);
        let offset = if is_weight[i] { offset } else { 0.0 };
        if count == 0 {
            results.put(Slot::Gradient(i), vec![-offset; size].into())?;
            continue;
        }
        let gather = Gather::new(axes, i, roles[i].width(), size, offset)
            .map_err(|bytes| no_memory(resolved.slot_name(Slot::Gradient(i)), bytes))?;
        gathered.push((gather, Vec::new()));
    }
    let width = |slot| if let Slot::Gradient(i) = slot { roles[i].width() } else { 1 };
    let outputs: Vec<Filled> = direct
        .iter()
        .map(|&slot| Filled::each(slot, width(slot)))
        .chain(gathered.iter().map(|(gather, _)| gather.filled()))
        .collect();
    let needs_sums = resolved.sums_losses() && sums.is_none();
    let mut own_sums = needs_sums.then(|| results.sums());
    results.fill(&outputs, units, |window, slices| {
        let mut slices = slices.into_iter();
        let mut places = Places::default();
        for (&slot, slice) in direct.iter().zip(&mut slices) {
            places.put(slot, slice, &arguments);
        }
        // A gathered one has it taken off its sums.
        places.offset = if places.unweighted.is_empty() { 0.0 } else { offset };
        for (gather, terms) in &mut gathered {
            terms.resize(window.len() * width(gather.filled().slot), 0.0);
            places.put(gather.filled().slot, terms, &arguments);
        }
        let first = window.start;
        match &mut own_sums {
            Some(sums) => pass.add(sums, window, places)?,
            None => pass.run(window, false, places).map(drop)?,
        }
        for ((gather, terms), slice) in gathered.iter_mut().zip(slices) {
            gather.add(first * width(gather.filled().slot), terms, slice);
        }
        Ok(())
    })?;
    if let Some(sums) = own_sums.or(sums).filter(|_| reduces) {
        results.put_sums(sums, divisor, &weights);
    }
    Ok(())
}

/// The sums of a weight's blocks, where the mean divides by the sum of weights.
pub(super) fn weights(
    resolved: &Resolved,
    inputs: &[Option<&Tensor<'_>>],
    cancel: Cancel<'_>,
) -> Result<Weights> {
    let wanted = resolved.totals || resolved.layout.divisor == Divisor::Weights;
    let place = resolved.definition.inputs.iter().position(|input| input.role.is_weight());
    let weight = place.and_then(|place| inputs[place]);
    let Some(weight) = weight.filter(|_| wanted && resolved.layout.is_weighted()) else {
        return Ok(Weights::default());
    };
    // One that several terms share has no place in a larger batch.
    let first = if resolved.weight_is_shared() { 0 } else { resolved.first_term() };
    Weights::of(Order::Lanes, first, weight.len(), |own| {
        cancel.check()?;
        let mut numbers = vec![0.0; own.len()];
        weight.read(own.start, &mut numbers);
        // Terms of the pointwise family are all kept.
        Ok((numbers, own.len() as u64))
    })
}

struct Pass<'a> {
    formula: &'a dyn Runs,
    /// The arguments, absent ones included.
    operands: Vec<Option<Operand<'a>>>,
    /// What those count as.
    absent: [f32; MOST_INPUTS],
    weight: Option<Operand<'a>>,
    upstream: &'a [f32],
    scale: f32,
    count: usize,
    /// The first term's place in a larger batch.
    place: u64,
    /// Whether the terms of blocks that are cut are wanted.
    keeps_cut: bool,
    cancel: Cancel<'a>,
}

/// Where the numbers of a window go; what is not wanted is empty.
#[derive(Default)]
struct Places<'a> {
    losses: &'a mut [f32],
    gradients: [&'a mut [f32]; MOST_INPUTS],
    /// The losses without their weight, times the scale: the gradient of the weight.
    unweighted: &'a mut [f32],
    /// What is taken off them.
    offset: f32,
}

impl<'a> Places<'a> {
    /// Those of the first terms, and those of the others; an element of each argument has so many numbers.
    fn split_at(self, terms: usize, widths: [usize; MOST_INPUTS]) -> (Self, Self) {
        let split = |all: &'a mut [f32], width: usize| {
            let middle = all.len().min(terms * width);
            all.split_at_mut(middle)
        };
        let Self { losses, gradients, unweighted, offset } = self;
        let ((losses, other_losses), (unweighted, others_unweighted)) =
            (split(losses, 1), split(unweighted, 1));
        let mut first = Self { losses, unweighted, offset, ..Self::default() };
        let mut rest =
            Self { losses: other_losses, unweighted: others_unweighted, offset, ..Self::default() };
        for (k, (own, width)) in gradients.into_iter().zip(widths).enumerate() {
            (first.gradients[k], rest.gradients[k]) = split(own, width);
        }
        (first, rest)
    }

    fn put(&mut self, slot: Slot, places: &'a mut [f32], arguments: &[usize]) {
        let component = |i: usize| arguments.iter().position(|&argument| argument == i);
        match slot {
            Slot::Gradient(i) => match component(i) {
                Some(component) => self.gradients[component] = places,
                None => self.unweighted = places,
            },
            _ => self.losses = places,
        }
    }
}

impl Pass<'_> {
    /// Computes a window of whole blocks, and adds up its losses.
    fn add(&self, sums: &mut BlockSums, window: Range<usize>, places: Places<'_>) -> Result<()> {
        let place = |first: usize| self.place + first as u64;
        if !self.place.is_multiple_of(BLOCK) {
            // The blocks of the larger batch are other ones.
            let mut losses = vec![0.0; window.len()];
            let first = window.start;
            self.run(window, false, Places { losses: &mut losses, ..places })?;
            sums.add(place(first), &losses);
            return Ok(());
        }
        let whole = self.count / BLOCK_SIZE * BLOCK_SIZE;
        let cut = whole.max(window.start)..window.end;
        let keeps = self.keeps_cut && !cut.is_empty();
        let blocks = self.run(window, true, places)?;
        let blocks = &blocks[..blocks.len() - usize::from(keeps)];
        blocks.iter().for_each(|&sum| sums.add_block(sum));
        if keeps {
            let mut losses = vec![0.0; cut.len()];
            self.run(cut, false, Places { losses: &mut losses, ..Places::default() })?;
            sums.add(place(whole), &losses);
        }
        Ok(())
    }

    /// The numbers of an element of each argument.
    fn widths(&self) -> [usize; MOST_INPUTS] {
        std::array::from_fn(|k| {
            let operand = self.operands.get(k).and_then(Option::as_ref);
            operand.map_or(1, Operand::width)
        })
    }

    /// Computes a window of whole blocks, and returns their sums if they are wanted.
    fn run(&self, window: Range<usize>, sums: bool, places: Places<'_>) -> Result<Vec<f32>> {
        let blocks = window.len().div_ceil(BLOCK_SIZE);
        let mut all_sums = vec![0.0; if sums { blocks } else { 0 }];
        // Fewer blocks take less time than another core takes to begin.
        let most = (blocks / (16 * rayon::current_num_threads())).max(4);
        self.share(window, &mut all_sums, places, most)?;
        Ok(all_sums)
    }

    /// Computes a window of whole blocks, on other cores too where there are more than so many of them.
    fn share(
        &self,
        window: Range<usize>,
        sums: &mut [f32],
        places: Places<'_>,
        most: usize,
    ) -> Result<()> {
        let blocks = window.len().div_ceil(BLOCK_SIZE);
        if blocks <= most {
            return self.run_all(window, sums, places);
        }
        let half = blocks / 2;
        let terms = half * BLOCK_SIZE;
        let (first, rest) = places.split_at(terms, self.widths());
        let (first_sums, rest_sums) = sums.split_at_mut(half.min(sums.len()));
        let middle = window.start + terms;
        let (first, rest) = rayon::join(
            || self.share(window.start..middle, first_sums, first, most),
            || self.share(middle..window.end, rest_sums, rest, most),
        );
        first.and(rest)
    }

    /// Computes a window of whole blocks, one behind the other.
    fn run_all(&self, window: Range<usize>, sums: &mut [f32], places: Places<'_>) -> Result<()> {
        let Places { losses, gradients, unweighted, offset } = places;
        let mut losses = losses.chunks_mut(BLOCK_SIZE);
        let mut widths = self.widths().into_iter();
        let mut gradients = gradients.map(|gradient| {
            let width = widths.next().unwrap_or(1);
            gradient.chunks_mut(BLOCK_SIZE * width)
        });
        let mut unweighted = unweighted.chunks_mut(BLOCK_SIZE);
        let mut sums = sums.iter_mut();
        let mut rooms = std::array::from_fn(|_| Vec::new());
        let mut run = self.formula.blocks(is_brief(self.count));
        for first in window.step_by(BLOCK_SIZE) {
            self.cancel.check()?;
            let (losses, sum, unweighted) = (losses.next(), sums.next(), unweighted.next());
            let gradients = gradients.each_mut().map(Iterator::next);
            self.run_one(&mut run, &mut rooms, first, losses, sum, gradients, unweighted, offset);
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the places of one block, apart")]
    fn run_one(
        &self,
        run: &mut OfBlocks<'_>,
        rooms: &mut [Vec<f32>; MOST_INPUTS + 1],
        first: usize,
        losses: Option<&mut [f32]>,
        sum: Option<&mut f32>,
        gradients: [Option<&mut [f32]>; MOST_INPUTS],
        unweighted: Option<&mut [f32]>,
        offset: f32,
    ) {
        let count = BLOCK_SIZE.min(self.count - first);
        let [rooms @ .., weight_room] = rooms;
        let mut arguments = [&[][..]; MOST_INPUTS];
        for ((argument, operand), room) in arguments.iter_mut().zip(&self.operands).zip(rooms) {
            if let Some(operand) = operand {
                *argument = operand.block(first, count, room);
            }
        }
        let weight = match &self.weight {
            Some(weight) => weight.block(first, count, weight_room),
            None => &[],
        };
        let upstream = self.upstream.get(first..first + count).unwrap_or_default();
        let scale = self.scale;
        let (widths, absent) = (self.widths(), self.absent);
        let mut block = Block {
            count,
            arguments,
            widths,
            absent,
            weight,
            upstream,
            scale,
            losses,
            sum,
            gradients,
        };
        run(&mut block);
        if let Some(unweighted) = unweighted {
            let mut block = Block {
                weight: &[],
                losses: Some(unweighted),
                sum: None,
                gradients: [const { None }; MOST_INPUTS],
                ..block
            };
            run(&mut block);
            let factors = upstream.iter().copied().chain(std::iter::repeat(1.0));
            for (term, factor) in unweighted.iter_mut().zip(factors) {
                *term = *term * (scale * factor) - offset;
            }
        }
    }
}
