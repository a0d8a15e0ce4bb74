//! The dispatches of a loss over rows.

use super::builder::{Builder, TOTAL, TOTAL_WEIGHT, words};
use crate::error::{Error, Result};
use crate::kernel::rows::{Losses, Outputs, Spec};
use crate::kernel::{BLOCK, Keep, Slot};
use crate::reduction::Reduction;
use crate::shape::{FamilyLayout, RowShape};

/// llvmpipe ends an invocation after 65,535 rounds of its loops, silently.
const MOST_ROUNDS: u64 = 60_000;

pub(super) fn build(builder: &mut Builder<'_>, ignored: Option<i64>) -> Result<()> {
    let resolved = builder.resolved;
    let FamilyLayout::Rows(shape) = resolved.layout.family else {
        unreachable!("a loss over rows has a layout of rows");
    };
    let spec = Spec {
        definition: resolved.definition,
        parameters: builder.has_parameters(),
        inputs: resolved.inputs.iter().map(|kind| Some(kind.as_ref()?.dtype)).collect(),
        shape,
        upstream: resolved.upstream,
        weighted: builder.weighted(),
    };
    check_classes(&spec)?;
    // No index is the lowest i32, which stands for what does not fit.
    let ignored = ignored.and_then(|i| i32::try_from(i).ok()).unwrap_or(i32::MIN);
    let terms = resolved.layout.terms;
    let reduced = resolved.reduction != Reduction::None;
    if terms > 0 && shape.index {
        push_check(builder, &spec, ignored)?;
    }
    let losses = match (resolved.value, reduced) {
        (false, _) => None,
        (true, false) => Some(Losses::Value),
        (true, true) => Some(Losses::Scratch),
    };
    let scratch = if losses == Some(Losses::Scratch) { builder.reserve(terms) } else { 0 };
    let outputs = Outputs { losses, gradients: resolved.gradients.clone() };
    if terms > 0 && (losses.is_some() || !outputs.gradients.is_empty()) {
        push_rows(builder, &spec, &outputs, scratch, ignored)?;
    }
    if losses == Some(Losses::Scratch) {
        let keep = Keep::Value { weighted: spec.weighted };
        builder.push_tree(scratch, terms, keep, TOTAL)?;
    }
    Ok(())
}

fn check_classes(spec: &Spec<'_>) -> Result<()> {
    let RowShape { classes, .. } = spec.shape;
    // Three passes over the row's quads.
    let limit = MOST_ROUNDS / 3 * spec.shape.lanes().threads * 4;
    if classes <= limit {
        return Ok(());
    }
    Err(Error::Limit {
        argument: spec.definition.inputs[0].name.into(),
        got: classes,
        unit: "classes",
        limit,
        name: "rounds of a loop",
    })
}

/// Checks the class indices and sums their weights.
pub(crate) fn push_check(builder: &mut Builder<'_>, spec: &Spec<'_>, ignored: i32) -> Result<()> {
    let rows = builder.resolved.layout.terms;
    let blocks = rows.div_ceil(BLOCK);
    let one = blocks == 1;
    let sum = spec.weighted.then_some(Keep::Partial);
    let partials = if one || sum.is_none() { TOTAL_WEIGHT } else { builder.reserve(blocks) };
    let slots = slots_per_row(builder, spec, &[]);
    let targets: Vec<_> = slots.into_iter().filter(|slot| slot.1).collect();
    let size = targets.first().map_or(4, |slot| slot.2);
    let limit = builder.limits.max_storage_buffer_binding_size;
    let window = (limit / size / BLOCK).max(1) * BLOCK;
    let mut first = 0;
    while first < rows {
        let count = window.min(rows - first);
        let groups = count.div_ceil(BLOCK);
        let width = builder.width(groups)?.into();
        let mut uniform =
            words(&[count, first, partials + first / BLOCK, width, spec.shape.classes])?;
        uniform.extend_from_slice(&ignored.to_le_bytes());
        let region = |&(slot, _, size): &(Slot, bool, u64)| {
            (slot, first * size, (count * size).next_multiple_of(4))
        };
        let regions: Vec<_> = targets.iter().map(region).collect();
        builder.push(spec.check(sum), &uniform, &regions, groups)?;
        first += count;
    }
    if sum.is_some() && !one {
        builder.push_tree(partials, blocks, Keep::Partial, TOTAL_WEIGHT)?;
    }
    Ok(())
}

/// The tensors that are cut with the rows: slot, whether it is the class index, bytes a row.
fn slots_per_row(
    builder: &Builder<'_>,
    spec: &Spec<'_>,
    gradients: &[usize],
) -> Vec<(Slot, bool, u64)> {
    let classes = spec.shape.classes;
    let mut slots: Vec<(Slot, bool, u64)> = Vec::new();
    for (i, kind) in builder.resolved.inputs.iter().enumerate() {
        let Some(kind) = kind else { continue };
        let size = kind.dtype.size() as u64;
        if spec.is_index(i) {
            slots.push((Slot::Input(i), true, size));
        } else if spec.runs_over_classes(i) {
            slots.push((Slot::Input(i), false, size * classes));
        }
    }
    slots.extend(gradients.iter().map(|&i| (Slot::Gradient(i), false, 4 * classes)));
    if builder.resolved.reduction == Reduction::None {
        slots.push((Slot::Value, false, 4));
        slots.push((Slot::Upstream, false, 4));
    }
    slots
}

/// The pass over the rows, cut at whole batch items into windows that can be bound.
fn push_rows(
    builder: &mut Builder<'_>,
    spec: &Spec<'_>,
    outputs: &Outputs,
    scratch: u64,
    ignored: i32,
) -> Result<()> {
    let RowShape { classes, inner, .. } = spec.shape;
    let kernel = spec.pass(outputs);
    let slots = slots_per_row(builder, spec, &outputs.gradients);
    let batch = builder.resolved.layout.terms / inner;
    let alignment: u64 = builder.limits.min_storage_buffer_offset_alignment.into();
    // The batch items after which every tensor is at an aligned byte again.
    let unit = slots.iter().map(|slot| alignment / gcd(alignment, slot.2 * inner)).max();
    let unit = unit.unwrap_or(1);
    let widest = slots.iter().map(|slot| slot.2 * inner).max().unwrap_or(4);
    let limit = builder.limits.max_storage_buffer_binding_size.min(1 << 31);
    let window = (limit / widest / unit).max(1) * unit;
    let lanes = spec.shape.lanes();
    let mut item = 0;
    while item < batch {
        let items = window.min(batch - item);
        let (first, rows) = (item * inner, items * inner);
        let groups = rows.div_ceil(lanes.rows);
        let width = builder.width(groups)?.into();
        let mut uniform = words(&[rows, first, scratch + first, width])?;
        uniform.extend_from_slice(&builder.divisor().to_le_bytes());
        uniform.extend(words(&[classes, inner])?);
        uniform.extend_from_slice(&ignored.to_le_bytes());
        let region = |&(slot, _, size): &(Slot, bool, u64)| {
            (slot, first * size, (rows * size).next_multiple_of(4))
        };
        let regions: Vec<_> = slots.iter().map(region).collect();
        builder.push(kernel.clone(), &uniform, &regions, groups)?;
        item += items;
    }
    Ok(())
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
