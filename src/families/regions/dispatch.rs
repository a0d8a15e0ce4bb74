//! The dispatches of a loss over regions.

use super::formula::Activation;
use super::kernel::{FOLD, FoldsWindow, ItemsWindow, Spec, TermsWindow};
use super::shape::{INPUT, RegionShape, TARGET};
use crate::dispatch::limits::{check_rounds, storage_buffers};
use crate::dispatch::{Builder, MOST_ROUNDS, index};
use crate::error::Result;
use crate::kernel::{Declared, Kernel};
use crate::request::Slot;

/// The most classes whose sums a lane keeps.
const MOST_KEPT: u64 = 8;
/// The invocations of a workgroup.
const LANES: u64 = 64;

pub(super) fn build(
    activation: Activation,
    shape: RegionShape,
    builder: &mut Builder<'_>,
) -> Result<()> {
    let resolved = builder.resolved;
    let (sums, last) = (resolved.sums_losses(), builder.losses_destination());
    let terms = resolved.layout.terms;
    if terms == 0 {
        return if sums { builder.push_no_losses(last) } else { Ok(()) };
    }
    let numbers = Declared::of(resolved.definition.shader).sums.len() as u64;
    let group = kept(shape.counted(), numbers, builder.limits);
    let most = MOST_KEPT.min(builder.tuning.most_held.into());
    let spec = Spec {
        resolved,
        parameters: builder.parameters(),
        activation,
        shape,
        sums: numbers,
        group,
        patch: patch(shape.classes),
        holds: activation == Activation::Softmax
            && shape.classes <= most
            && group == shape.counted(),
    };
    check_classes(&spec)?;
    let patches = spec.patches();
    let place = builder.reserve(shape.items * shape.counted() * patches * numbers)?;
    let has_voxels = shape.items * shape.voxels > 0;
    let inputs = &[INPUT, TARGET];
    if has_voxels {
        let groups = Some(patches * shape.counted().div_ceil(spec.group));
        push_pass(
            builder,
            &spec,
            &Pass { kernel: spec.sums(), inputs, gradients: &[], place, groups },
        )?;
    }
    if has_voxels && shape.index {
        let (kernel, inputs, gradients) = (spec.status(), &[TARGET][..], &[][..]);
        push_pass(builder, &spec, &Pass { kernel, inputs, gradients, place, groups: None })?;
    }
    let place = push_folds(builder, &spec, place)?;
    let losses = if sums { builder.reserve(terms)? } else { 0 };
    let groups = terms.div_ceil(LANES);
    let window = TermsWindow {
        terms: index(terms)?,
        each: index(shape.each())?,
        classes: index(shape.counted())?,
        place: index(place)?,
        losses: index(losses)?,
        width: builder.width(groups)?,
        divisor: builder.divisor(),
        scale: resolved.scale(),
        weight: resolved.loss_weight,
    };
    builder.push(spec.terms(), &window, &[], groups)?;
    if sums {
        builder.push_losses(losses, terms, last)?;
    }
    if has_voxels {
        // As many as there are bindings beside the scratch.
        let most = storage_buffers(builder.limits).0.clamp(2, 3) as usize - 1;
        let groups = Some(shape.voxels.div_ceil(4 * LANES));
        for gradients in resolved.gradients.chunks(most) {
            let kernel = spec.slopes(gradients);
            push_pass(builder, &spec, &Pass { kernel, inputs, gradients, place, groups })?;
        }
    }
    Ok(())
}

/// The classes whose sums a lane keeps: as many in each workgroup, and no more than its memory holds.
fn kept(classes: u64, numbers: u64, limits: &wgpu::Limits) -> u64 {
    // Those of the lanes and of groups of them, beside the 288 bytes of reduce.wgsl.
    let bytes = (LANES + 8) * numbers * 4;
    let memory = u64::from(limits.max_compute_workgroup_storage_size);
    let most = (memory.saturating_sub(288) / bytes).clamp(1, MOST_KEPT);
    classes.div_ceil(classes.div_ceil(most))
}

/// The voxels that a workgroup adds up: fewer of so many classes that a lane would come near the end of its rounds.
fn patch(classes: u64) -> u64 {
    if classes <= 1024 { 8 * 4 * LANES } else { 4 * LANES }
}

/// A lane goes through all classes up to four times.
fn check_classes(spec: &Spec<'_>) -> Result<()> {
    let name = spec.resolved.definition.inputs[INPUT].name;
    check_rounds(name, spec.shape.classes, "classes", MOST_ROUNDS / 4)
}

/// Adds up the sums of patches, and returns where those of regions are.
fn push_folds(builder: &mut Builder<'_>, spec: &Spec<'_>, mut source: u64) -> Result<u64> {
    let (regions, mut patches) = (spec.shape.regions(), spec.patches());
    let mut count = if spec.shape.batch { spec.shape.items * patches } else { patches };
    while count != 1 {
        let groups = count.div_ceil(FOLD).max(1);
        let destination = builder.reserve(regions * groups * spec.sums)?;
        let window = FoldsWindow {
            regions: index(regions)?,
            count: index(count)?,
            patches: index(patches)?,
            groups: index(groups)?,
            source: index(source)?,
            destination: index(destination)?,
            width: builder.width(regions * groups)?,
        };
        builder.push(spec.folds(), &window, &[], regions * groups)?;
        (source, patches, count) = (destination, groups, groups);
    }
    Ok(source)
}

/// A pass over all items.
struct Pass<'a> {
    kernel: Kernel,
    inputs: &'a [usize],
    gradients: &'a [usize],
    /// Where in the scratch sums go, or factors are.
    place: u64,
    /// The workgroups of an item; `None` where one is enough for all.
    groups: Option<u64>,
}

/// Cuts a pass into windows that can be bound.
fn push_pass(builder: &mut Builder<'_>, spec: &Spec<'_>, pass: &Pass<'_>) -> Result<()> {
    let RegionShape { items, classes, voxels, .. } = spec.shape;
    let resolved = builder.resolved;
    let elements =
        |i: usize| if i == TARGET && spec.shape.index { voxels } else { classes * voxels };
    let size = |i: usize| resolved.inputs[i].as_ref().map_or(4, |kind| kind.dtype.size() as u64);
    // Each with its place among the skips, the bytes of an element and the elements of an item.
    let input = |&i: &usize| (Slot::Input(i), i, size(i), elements(i));
    let gradient = |&i: &usize| {
        (Slot::Gradient(i), 2 + i, resolved.gradient_dtype(i).size() as u64, elements(i))
    };
    let cuts: Vec<_> =
        pass.inputs.iter().map(input).chain(pass.gradients.iter().map(gradient)).collect();
    let alignment: u64 = builder.limits.min_storage_buffer_offset_alignment.into();
    // Less the bytes between an aligned offset and a window's start.
    let limit =
        builder.limits.max_storage_buffer_binding_size.min(1 << 31).saturating_sub(alignment);
    let widest = cuts.iter().map(|(_, _, size, elements)| size * elements).max().unwrap_or(4);
    let most = (limit / widest).max(1);
    // Places in the target are counted with 32 bits.
    index(items * voxels)?;
    let mut first = 0;
    while first < items {
        let count = most.min(items - first);
        let groups = pass.groups.map_or(1, |groups| groups * count);
        let mut window = ItemsWindow {
            items: index(count)?,
            first: index(first)?,
            classes: index(classes)?,
            voxels: index(voxels)?,
            patches: index(spec.patches())?,
            place: index(pass.place)?,
            width: builder.width(groups)?,
            ignored: resolved.ignored_index(),
            skips: [0; 4],
        };
        let mut regions = Vec::new();
        for &(slot, skip, size, elements) in &cuts {
            let start = first * elements * size;
            let skipped = start % alignment;
            let end = (start + count * elements * size).next_multiple_of(4);
            regions.push((slot, start - skipped, end - (start - skipped)));
            window.skips[skip] = index(skipped / size)?;
        }
        builder.push(pass.kernel.clone(), &window, &regions, groups)?;
        first += count;
    }
    Ok(())
}
