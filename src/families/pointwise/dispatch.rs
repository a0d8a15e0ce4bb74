//! The dispatches of a pointwise loss.

use super::gather;
use super::kernel::{Spec, Writes};
use super::shader;
use super::shape::{Access, Axis, Broadcast};
use super::windows::{self, PassWindow};
use crate::definition::{Definition, Input, Role};
use crate::dispatch::{Builder, FEW_BUFFERS, TOTAL, TOTAL_WEIGHT, index, narrow};
use crate::error::Result;
use crate::kernel::{Destination, Parameters};
use crate::order::BLOCK;
use crate::reduction::{Divisor, Reduction};
use crate::request::{List, Slot, Upstream};

/// What sums a tensor itself: the weights of a weighted mean.
static IDENTITY: Definition = Definition {
    name: "sum",
    aliases: &[],
    summary: "The elements of a tensor.",
    formula: "x",
    inputs: &[Input::new("x", Role::Elements)],
    arguments: &["x", "reduction"],
    reductions: &[Reduction::Sum],
    weighted_mean: false,
    shader: shader(include_str!("../../../shaders/identity.wgsl")),
};

/// The dispatches of a request; terms may be `long`.
pub(super) fn build(builder: &mut Builder<'_>, long: bool) -> Result<()> {
    let resolved = builder.resolved;
    let Broadcast { axes, access } = &Broadcast::of(resolved);
    let terms = resolved.layout.terms;
    let inputs = resolved.inputs.iter().zip(access);
    let spec = Spec {
        definition: resolved.definition,
        parameters: builder.parameters(),
        inputs: inputs.map(|(kind, access)| Some((kind.as_ref()?.dtype, (*access)?))).collect(),
        gradients: (0..access.len()).map(|i| resolved.gradient_dtype(i)).collect(),
        upstream: resolved.upstream,
        scratch_divisor: resolved.divisor_in_scratch(),
        by_weights: resolved.layout.divisor == Divisor::Weights,
        given_mean: resolved.denominator,
        counted: resolved.counted_terms(),
        fuses: builder.fuses,
        long,
    };
    let is_weight = |i: usize| resolved.definition.inputs[i].role.is_weight();
    let is_dense = |i: &usize| access[*i] == Some(Access::Dense) && !is_weight(*i);
    let (dense, gathered): (Vec<usize>, Vec<usize>) =
        resolved.gradients.iter().partition(|i| is_dense(i));
    if resolved.sums_weights() && terms > 0 {
        push_weights(builder, &spec)?;
    }
    // The gradient of a weight needs the mean that it is part of.
    let needs_mean = spec.by_weights && !spec.given_mean && gathered.iter().any(|&i| is_weight(i));
    let sums = resolved.sums_losses() || needs_mean;
    let last = builder.losses_destination();
    if terms == 0 {
        builder.push_no_weights()?;
        if sums {
            builder.push_no_losses(last)?;
        }
        return gathered.iter().try_for_each(|&i| {
            let columns = resolved.gradient_elements(i);
            if columns == 0 { Ok(()) } else { builder.push_columns(0, columns, 0, i) }
        });
    }
    let losses = resolved.reduction == Reduction::None && resolved.value;
    builder.in_place = match gathered.is_empty() {
        true => Ok(()),
        false => Err("the gradient of a broadcast input or of the weight reads all inputs again"),
    };
    push_passes(builder, &spec, axes, losses, sums.then_some(last), dense)?;
    gathered.iter().try_for_each(|&i| gather::push(builder, &spec, axes, i))
}

/// The sum of the weights, as the total of the weights.
fn push_weights(builder: &mut Builder<'_>, spec: &Spec<'_>) -> Result<()> {
    let place = |&i: &usize| spec.definition.inputs[i].role.is_weight() && spec.inputs[i].is_some();
    let Some(i) = (0..spec.inputs.len()).find(place) else { return Ok(()) };
    let Some(kind) = &builder.resolved.inputs[i] else { return Ok(()) };
    let sum = Spec {
        definition: &IDENTITY,
        parameters: Parameters::default(),
        inputs: vec![Some((kind.dtype, Access::Dense))],
        gradients: vec![],
        upstream: Upstream::One,
        scratch_divisor: false,
        by_weights: false,
        given_mean: false,
        counted: spec.counted,
        fuses: spec.fuses,
        long: false,
    };
    let count = kind.elements(spec.definition.inputs[i].name)?;
    let slots = [(Slot::Input(0), Slot::Input(i), kind.dtype.size() as u64)];
    let total = builder.weights_place(TOTAL_WEIGHT)?;
    let lists = [List::Weights, List::CutWeights];
    let work = Work { spec: &sum, count, slots: &slots, axes: &[], lists, total };
    work.push(builder, Writes { losses: false, sum: Some(Destination::Scratch), gradients: vec![] })
}

/// The pass over the data; where the device binds too few buffers at once, as few passes as it can be.
fn push_passes(
    builder: &mut Builder<'_>,
    spec: &Spec<'_>,
    axes: &[Axis],
    losses: bool,
    sum: Option<Destination>,
    gradients: Vec<usize>,
) -> Result<()> {
    let mut slots = vec![(Slot::Value, Slot::Value, 4), (Slot::Upstream, Slot::Upstream, 4)];
    for (i, input) in spec.inputs.iter().enumerate() {
        if let Some((dtype, Access::Dense)) = input {
            let width = spec.definition.inputs[i].role.width();
            slots.push((Slot::Input(i), Slot::Input(i), (dtype.size() * width) as u64));
            let size = (builder.resolved.gradient_dtype(i).size() * width) as u64;
            slots.push((Slot::Gradient(i), Slot::Gradient(i), size));
        }
    }
    // A single number is seen whole.
    if builder.resolved.reduction != Reduction::None {
        slots.retain(|slot| !matches!(slot.0, Slot::Value | Slot::Upstream));
    }
    let (count, lists) = (builder.resolved.layout.terms, [List::Losses, List::CutLosses]);
    let work = Work { spec, count, slots: &slots, axes, lists, total: TOTAL };
    let mut all = Writes { losses, sum, gradients };
    // Totals keep losses, beside their sum in the scratch.
    let keeps = builder.resolved.totals && sum.is_some();
    let widest = |writes: Writes| match keeps && writes.sum.is_some() {
        true => Writes { losses: true, sum: Some(Destination::Scratch), ..writes },
        false => writes,
    };
    let binds = |builder: &Builder<'_>, writes: Writes| {
        builder.binds(&work.spec.pass(&widest(writes), true))
    };
    // Long terms are evaluated in one pass, and derived in another.
    if spec.long && !all.gradients.is_empty() {
        work.push(builder, Writes { gradients: vec![], ..all.clone() })?;
        all = Writes { losses: false, sum: None, ..all };
    }
    if binds(builder, all.clone()) {
        return work.push(builder, all);
    }
    builder.in_place = Err(FEW_BUFFERS);
    let mut left = all.gradients.clone();
    let mut values = Writes { gradients: vec![], ..all };
    loop {
        // With the losses, or at least one.
        let least = usize::from(!values.losses && values.sum.is_none()).min(left.len());
        let with = |count: usize| Writes { gradients: left[..count].to_vec(), ..values.clone() };
        let most = (least..=left.len()).rev().find(|&count| binds(builder, with(count)));
        let count = most.unwrap_or(least);
        work.push(builder, with(count))?;
        left.drain(..count);
        if left.is_empty() {
            return Ok(());
        }
        values = Writes { losses: false, sum: None, gradients: vec![] };
    }
}

/// A pass over dense tensors, cut into windows that can be bound.
struct Work<'a> {
    spec: &'a Spec<'a>,
    count: u64,
    /// The kernel's slot of each dense tensor, the plan's slot of it, and its bytes an element.
    slots: &'a [(Slot, Slot, u64)],
    axes: &'a [Axis],
    /// What of totals the sum of its whole blocks is, and the terms of a cut one.
    lists: [List; 2],
    /// Where in the scratch the total goes.
    total: u64,
}

impl Work<'_> {
    fn push(&self, builder: &mut Builder<'_>, writes: Writes) -> Result<()> {
        if !writes.losses && writes.sum.is_none() && writes.gradients.is_empty() {
            return Ok(());
        }
        let blocks = self.count.div_ceil(BLOCK);
        let [list, cut_list] = self.lists;
        let sum = writes.sum.map(|_| builder.block_sums(blocks, list, self.total)).transpose()?;
        let direct = sum.is_some_and(|sum| sum.is_direct());
        let keep = writes.sum.map(|last| if direct { last } else { Destination::Scratch });
        // Totals keep the last terms, from this one on.
        let totals = (builder.resolved.totals && sum.is_some())
            .then(|| builder.resolved.totals_list(cut_list));
        let kept = totals.map_or(0, |_| self.count - builder.resolved.cut_terms());
        let slots = totals.map(|_| (Slot::Value, Slot::Totals, 4));
        let slots: Vec<_> = self.slots.iter().copied().chain(slots).collect();
        let [whole_pass, part_pass] = [false, true].map(|part| {
            let losses = writes.losses || (totals.is_some() && (part || kept == 0));
            let writes = Writes { losses, sum: keep, ..writes.clone() };
            self.spec.pass(&writes, part).with_slots(&slots)
        });
        let widest = slots.iter().map(|slot| slot.2).max().unwrap_or(4);
        // Within u32 even where the blocks of a two-dimensional dispatch overshoot.
        let limit = builder.limits.max_storage_buffer_binding_size.min(1 << 31);
        let most = (limit / widest / BLOCK).max(1) * BLOCK;
        let whole = self.count / BLOCK * BLOCK;
        // Only strided inputs are found by the element's place in the whole output.
        let strided = self.spec.inputs.iter().flatten().any(|(_, a)| *a == Access::Strided);
        let axes = if strided { self.axes } else { &[] };
        let mut first = 0;
        while first < self.count {
            let block = first / BLOCK;
            let end = sum.map_or(blocks, |sum| sum.end_of_round(block).min(blocks));
            let part = first == whole;
            let fits = most.min(whole.min(end * BLOCK) - first);
            let count = if part { self.count - whole } else { fits };
            let kernel = if part { &part_pass } else { &whole_pass };
            let groups = count.div_ceil(BLOCK);
            let place = if strided || self.spec.counted.is_some() { first } else { 0 };
            narrow("the broadcast inputs", place + count)?;
            let partials = sum.map_or(0, |sum| sum.place(block));
            let window = PassWindow {
                elements: index(count)?,
                first: index(place)?,
                destination: index(partials)?,
                width: builder.width(groups)?,
                divisor: builder.divisor(),
                scale: builder.resolved.scale(),
                weight: if totals.is_some() { 1.0 } else { builder.resolved.loss_weight },
                rank: index(axes.len() as u64)?,
                axes: windows::axes(axes)?,
                one: 1.0,
                ..PassWindow::default()
            };
            let own_totals = totals
                .filter(|_| first >= kept)
                .map(|(place, _)| (Slot::Totals, 4 * (place + first - kept), 4 * count));
            let regions: Vec<_> = self
                .slots
                .iter()
                .map(|&(_, slot, size)| (slot, first * size, (count * size).next_multiple_of(4)))
                .chain(own_totals)
                .collect();
            builder.push(kernel.clone(), &window, &regions, groups)?;
            first += count;
            if let Some(sum) = sum.filter(|_| first.div_ceil(BLOCK) == end) {
                builder.sum_round(&sum, end)?;
            }
        }
        match (sum, writes.sum) {
            (Some(sum), Some(last)) => builder.finish_sum(&sum, last),
            _ => Ok(()),
        }
    }
}
