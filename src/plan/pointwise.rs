//! The dispatches of a pointwise loss.

use super::builder::{Builder, TOTAL, TOTAL_WEIGHT, narrow, words};
use crate::error::Result;
use crate::kernel::pointwise::{Outputs, Spec};
use crate::kernel::{BLOCK, Keep, SERIAL, Slot, Upstream};
use crate::loss::{Definition, Input, Role};
use crate::reduction::Reduction;
use crate::shape::{Access, Axis, FamilyLayout, MOST_AXES};

/// What sums a tensor itself: the weights of a weighted mean.
static IDENTITY: Definition = Definition {
    name: "sum",
    aliases: &[],
    summary: "The elements of a tensor.",
    formula: "x",
    inputs: &[Input::new("x", Role::Elements)],
    reductions: &[Reduction::Sum],
    weighted_mean: false,
    shader: include_str!("../../shaders/identity.wgsl"),
};

pub(super) fn build(builder: &mut Builder<'_>) -> Result<()> {
    let resolved = builder.resolved;
    let FamilyLayout::Pointwise { axes, access } = &resolved.layout.family else {
        unreachable!("a pointwise loss has a pointwise layout");
    };
    let terms = resolved.layout.terms;
    let inputs = resolved.inputs.iter().zip(access);
    let spec = Spec {
        definition: resolved.definition,
        parameters: builder.has_parameters(),
        inputs: inputs.map(|(kind, access)| Some((kind.as_ref()?.dtype, (*access)?))).collect(),
        upstream: resolved.upstream,
        weighted: builder.weighted(),
    };
    let is_weight = |i: usize| resolved.definition.inputs[i].role.is_weight();
    let is_dense = |i: &usize| access[*i] == Some(Access::Dense) && !is_weight(*i);
    let (dense, gathered): (Vec<usize>, Vec<usize>) =
        resolved.gradients.iter().partition(|i| is_dense(i));
    if spec.weighted && terms > 0 {
        push_weights(builder, &spec)?;
    }
    // The gradient of a weight needs the mean that it is part of.
    let needs_mean = spec.weighted && gathered.iter().any(|&i| is_weight(i));
    let sums = resolved.reduction != Reduction::None && (resolved.value || needs_mean);
    let last = if resolved.value { Keep::Value { weighted: spec.weighted } } else { Keep::Partial };
    if terms == 0 {
        if sums {
            builder.push_tree(0, 0, last, TOTAL)?;
        }
        return gathered.iter().try_for_each(|&i| {
            let columns = resolved.bytes(Slot::Gradient(i)) / 4;
            if columns == 0 { Ok(()) } else { builder.push_columns(0, columns, 0, i) }
        });
    }
    let losses = resolved.reduction == Reduction::None && resolved.value;
    builder.in_place = match gathered.is_empty() {
        true => Ok(()),
        false => Err("the gradient of a broadcast input or of the weight reads all inputs again"),
    };
    push_passes(builder, &spec, axes, losses, sums.then_some(last), dense)?;
    gathered.iter().try_for_each(|&i| push_gather(builder, &spec, axes, i))
}

/// The sum of the weights, as the total of the weights.
fn push_weights(builder: &mut Builder<'_>, spec: &Spec<'_>) -> Result<()> {
    let place = |&i: &usize| spec.definition.inputs[i].role.is_weight() && spec.inputs[i].is_some();
    let Some(i) = (0..spec.inputs.len()).find(place) else { return Ok(()) };
    let Some(kind) = &builder.resolved.inputs[i] else { return Ok(()) };
    let sum = Spec {
        definition: &IDENTITY,
        parameters: false,
        inputs: vec![Some((kind.dtype, Access::Dense))],
        upstream: Upstream::One,
        weighted: false,
    };
    let count = kind.elements(spec.definition.inputs[i].name)?;
    let slots = [(Slot::Input(0), Slot::Input(i), kind.dtype.size() as u64)];
    let work = Work { spec: &sum, count, slots: &slots, axes: &[], total: TOTAL_WEIGHT };
    work.push(builder, Outputs { losses: false, sum: Some(Keep::Partial), gradients: vec![] })
}

/// The pass over the data; where the device binds too few buffers at once, one for each gradient.
fn push_passes(
    builder: &mut Builder<'_>,
    spec: &Spec<'_>,
    axes: &[Axis],
    losses: bool,
    sum: Option<Keep>,
    gradients: Vec<usize>,
) -> Result<()> {
    let mut slots = vec![(Slot::Value, Slot::Value, 4), (Slot::Upstream, Slot::Upstream, 4)];
    for (i, input) in spec.inputs.iter().enumerate() {
        if let Some((dtype, Access::Dense)) = input {
            slots.push((Slot::Input(i), Slot::Input(i), dtype.size() as u64));
            slots.push((Slot::Gradient(i), Slot::Gradient(i), 4));
        }
    }
    // A single number is seen whole.
    if builder.resolved.reduction != Reduction::None {
        slots.retain(|slot| !matches!(slot.0, Slot::Value | Slot::Upstream));
    }
    let work =
        Work { spec, count: builder.resolved.layout.terms, slots: &slots, axes, total: TOTAL };
    let all = Outputs { losses, sum, gradients };
    let most = builder.limits.max_storage_buffers_per_shader_stage as usize;
    if work.spec.pass(&all, true).storage_buffers() <= most {
        return work.push(builder, all);
    }
    builder.in_place = Err("the device binds too few buffers at once for a single pass");
    work.push(builder, Outputs { gradients: vec![], ..all.clone() })?;
    all.gradients.iter().try_for_each(|&i| {
        work.push(builder, Outputs { losses: false, sum: None, gradients: vec![i] })
    })
}

/// A pass over dense tensors, cut into windows that can be bound.
struct Work<'a> {
    spec: &'a Spec<'a>,
    count: u64,
    /// The kernel's slot of each dense tensor, the plan's slot of it, and its bytes an element.
    slots: &'a [(Slot, Slot, u64)],
    axes: &'a [Axis],
    /// Where in the scratch the total goes.
    total: u64,
}

impl Work<'_> {
    fn push(&self, builder: &mut Builder<'_>, outputs: Outputs) -> Result<()> {
        if !outputs.losses && outputs.sum.is_none() && outputs.gradients.is_empty() {
            return Ok(());
        }
        let blocks = self.count.div_ceil(BLOCK);
        let one = blocks == 1;
        let partials = if one { self.total } else { builder.reserve(blocks) };
        let sum = outputs.sum.map(|keep| if one { keep } else { Keep::Partial });
        let outputs_here = Outputs { sum, ..outputs.clone() };
        let widest = self.slots.iter().map(|slot| slot.2).max().unwrap_or(4);
        // Within u32 even where the blocks of a two-dimensional dispatch overshoot.
        let limit = builder.limits.max_storage_buffer_binding_size.min(1 << 31);
        let window = (limit / widest / BLOCK).max(1) * BLOCK;
        let whole = self.count / BLOCK * BLOCK;
        // Only strided inputs are found by the element's place in the whole output.
        let strided = self.spec.inputs.iter().flatten().any(|(_, a)| *a == Access::Strided);
        let axes = if strided { self.axes } else { &[] };
        let mut first = 0;
        while first < self.count {
            let part = first == whole;
            let count = if part { self.count - whole } else { window.min(whole - first) };
            let kernel = self.spec.pass(&outputs_here, part).with_slots(self.slots);
            let groups = count.div_ceil(BLOCK);
            let place = if strided { first } else { 0 };
            narrow("the broadcast inputs", place + count)?;
            let header = [count, place, partials + first / BLOCK, builder.width(groups)?.into()];
            let mut uniform = words(&header)?;
            uniform.extend_from_slice(&builder.divisor().to_le_bytes());
            uniform.extend(words(&[axes.len() as u64, 0, 0])?);
            uniform.extend(axes_words(axes)?);
            let regions: Vec<_> = self
                .slots
                .iter()
                .map(|&(_, slot, size)| (slot, first * size, (count * size).next_multiple_of(4)))
                .collect();
            builder.push(kernel, &uniform, &regions, groups)?;
            first += count;
        }
        match outputs.sum {
            Some(last) if !one => builder.push_tree(partials, blocks, last, self.total),
            _ => Ok(()),
        }
    }
}

/// The gradient of an input that was broadcast, or of the weight.
fn push_gather(
    builder: &mut Builder<'_>,
    spec: &Spec<'_>,
    axes: &[Axis],
    input: usize,
) -> Result<()> {
    let mut flat = 1;
    let (mut kept, mut summed) = (Vec::new(), Vec::new());
    for axis in axes {
        let steps = if axis.strides[input] == 0 { &mut summed } else { &mut kept };
        steps.push((axis.size, flat));
        flat *= axis.size;
    }
    narrow("the broadcast inputs", flat)?;
    let product = |steps: &[(u64, u64)]| steps.iter().map(|step| step.0).product::<u64>();
    let (segments, places) = (product(&kept), product(&summed));
    let outputs = segments * places.div_ceil(SERIAL);
    let direct = places <= SERIAL;
    let destination = if direct { 0 } else { builder.reserve(outputs) };
    let groups = outputs.div_ceil(64);
    let width = builder.width(groups)?.into();
    let mut uniform = words(&[outputs, segments, places, destination, width])?;
    uniform.extend_from_slice(&builder.divisor().to_le_bytes());
    let ranks = [axes.len(), kept.len(), summed.len(), 0, 0, 0];
    uniform.extend(words(&ranks.map(|rank| rank as u64))?);
    uniform.extend(axes_words(axes)?);
    for steps in [&kept, &summed] {
        let mut all = [0; 4 * MOST_AXES];
        for (place, &(size, stride)) in all.chunks_exact_mut(4).zip(steps) {
            place[..2].copy_from_slice(&[size, stride]);
        }
        uniform.extend(words(&all)?);
    }
    builder.push(spec.gather(input, direct), &uniform, &[], groups)?;
    if direct {
        return Ok(());
    }
    builder.push_columns(destination, segments, places.div_ceil(SERIAL), input)
}

/// The axes as the kernels' `array<Axis, 8>`.
fn axes_words(axes: &[Axis]) -> Result<Vec<u8>> {
    let mut all = [0; 8 * MOST_AXES];
    for (place, axis) in all.chunks_exact_mut(8).zip(axes) {
        place[0] = axis.size;
        place[1..5].copy_from_slice(&axis.strides);
    }
    words(&all)
}
