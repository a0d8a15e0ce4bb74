//! The order of additions, which GPU and CPU share: blocks of terms, each in a fixed order, whose sums are
//! added up without rounding, in any.

mod blocks;
mod exact;
mod lanes;

pub(crate) use blocks::{BlockSums, Order};
#[cfg(feature = "serde")]
pub(crate) use exact::Special;
pub(crate) use exact::{DIGIT_WORDS, Exact};
pub(crate) use lanes::Lanes;

/// The elements whose sum is one block's, in `reduce.wgsl`.
pub(crate) const BLOCK: u64 = 4096;
/// The same, where it counts what lies in memory.
#[expect(clippy::cast_possible_truncation, reason = "4096")]
pub(crate) const BLOCK_SIZE: usize = BLOCK as usize;
/// The neighbours that `tree.wgsl` adds.
pub(crate) const FAN_IN: u64 = 1024;
/// The terms that one invocation of `gather.wgsl` or `sum_columns.wgsl` adds.
pub(crate) const SERIAL: u64 = 64;

/// The sum as a binary tree of neighbours, a missing one counting as 0: the kernels' order.
pub(crate) fn tree_sum(mut sums: Vec<f32>) -> f32 {
    let mut count = sums.len();
    while count > 1 {
        for i in 0..count / 2 {
            sums[i] = sums[2 * i] + sums[2 * i + 1];
        }
        if count % 2 == 1 {
            sums[count / 2] = sums[count - 1];
        }
        count = count.div_ceil(2);
    }
    sums.first().copied().unwrap_or(0.0)
}

/// The sum of the weights of a block of rows, of which ignored ones have none, in the order of
/// `check_rows.wgsl`: each lane takes every 64th row.
fn weight_block(weights: &[f32]) -> f32 {
    let mut lanes = vec![0.0; 64];
    for rows in weights.chunks(64) {
        lanes.iter_mut().zip(rows).for_each(|(sum, row)| *sum += row);
    }
    tree_sum(lanes)
}
