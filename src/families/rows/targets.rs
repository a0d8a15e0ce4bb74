//! The pass over class indices, before that over the rows.

use super::kernel::{Check, Weighed};
use crate::dispatch::{Builder, Sum, TOTAL_COUNT, TOTAL_WEIGHT, index};
use crate::error::Result;
use crate::kernel::{Destination, uniform};
use crate::order::BLOCK;
use crate::request::{List, Slot};

uniform! {
    /// The window of `check_rows.wgsl`.
    pub(super) struct CheckWindow {
        rows: u32,
        first: u32,
        destination: u32,
        width: u32,
        classes: u32,
        ignored: i32,
        counts: u32,
        weights: u32,
    }
}

/// Checks the class indices of so many rows and sums the rows' weights.
pub(crate) fn push_check(builder: &mut Builder<'_>, rows: u64, check: &Check) -> Result<()> {
    let resolved = builder.resolved;
    let blocks = rows.div_ceil(BLOCK);
    let sums = |builder: &mut Builder<'_>, list, usual| {
        let total = builder.weights_place(usual)?;
        builder.block_sums(blocks, list, total)
    };
    let weights =
        resolved.sums_weights().then(|| sums(builder, List::Weights, TOTAL_WEIGHT)).transpose()?;
    let counted = weights.is_some() && (check.counts || resolved.totals);
    let counts = counted.then(|| sums(builder, List::Kept, TOTAL_COUNT)).transpose()?;
    let place_of = |sum: &Option<Sum>, block| sum.as_ref().map_or(0, |sum| sum.place(block));
    if check.index.is_none() && weights.is_none() {
        return Ok(());
    }
    let size = check.integers().map_or(4, |(_, dtype)| dtype.size() as u64);
    let own = if let Weighed::Scratch(place) = check.weight { place } else { 0 };
    let limit = builder.limits.max_storage_buffer_binding_size;
    // Kept weights have 4 bytes.
    let widest = if resolved.totals { size.max(4) } else { size };
    let most = (limit / widest / BLOCK).max(1) * BLOCK;
    // Totals keep the last weights, from this one on.
    let kept = rows - resolved.cut_terms();
    let (list, _) = resolved.totals_list(List::CutWeights);
    let mut first = 0;
    while first < rows {
        let block = first / BLOCK;
        let end = weights.map_or(rows, |sum| (sum.end_of_round(block) * BLOCK).min(rows));
        let mut count = most.min(end - first);
        if resolved.totals && first < kept {
            count = count.min(kept - first);
        }
        let groups = count.div_ceil(BLOCK);
        let window = CheckWindow {
            rows: index(count)?,
            first: index(first)?,
            destination: index(place_of(&weights, block))?,
            width: builder.width(groups)?,
            classes: index(check.classes)?,
            ignored: resolved.ignored_index(),
            counts: index(place_of(&counts, block))?,
            weights: index(own)?,
        };
        let mut regions = Vec::new();
        if let Some((input, _)) = check.integers() {
            let bytes = (count * size).next_multiple_of(4);
            regions.push((Slot::Input(input), first * size, bytes));
        }
        let cut = weights.is_some() && resolved.totals && first >= kept;
        regions.extend(cut.then(|| (Slot::Totals, 4 * (list + first - kept), 4 * count)));
        let kernel = check.kernel(weights.is_some(), counted, cut);
        builder.push(kernel, &window, &regions, groups)?;
        first += count;
        // Both have the same rounds.
        for sum in weights.iter().chain(&counts).filter(|_| first == end) {
            builder.sum_round(sum, end.div_ceil(BLOCK))?;
        }
    }
    let mut sums = weights.iter().chain(&counts);
    sums.try_for_each(|sum| builder.finish_sum(sum, Destination::Scratch))
}
