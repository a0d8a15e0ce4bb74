//! The weights of a batch's terms, where a mean divides by their sum.

use crate::error::Result;
use crate::order::{BLOCK, BLOCK_SIZE, BlockSums, Order};
use rayon::prelude::*;
use std::ops::Range;

/// The weights of terms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// Their sum.
    pub(crate) sums: BlockSums,
    /// The number of terms that are not ignored.
    pub(crate) kept: u64,
}

impl Weights {
    /// Those of so many terms, the first of which has a place in a larger batch. `read` gives some of
    /// them, 0 for ignored terms, and how many are not ignored.
    pub(crate) fn of(
        order: Order,
        first: u64,
        count: usize,
        read: impl Fn(Range<usize>) -> Result<(Vec<f32>, u64)> + Sync,
    ) -> Result<Self> {
        let within = usize::try_from(first % BLOCK).unwrap_or_default();
        let block = |k: usize| {
            let (start, end) = (k * BLOCK_SIZE, (k + 1) * BLOCK_SIZE);
            let own = start.max(within) - within..(end - within).min(count);
            let (weights, kept) = read(own.clone())?;
            let sums = BlockSums::of(order, first + own.start as u64, &weights);
            Ok(Self { sums, kept })
        };
        let none = || Self { sums: BlockSums::new(order), kept: 0 };
        let blocks = if count == 0 { 0 } else { (within + count).div_ceil(BLOCK_SIZE) };
        let blocks = (0..blocks).into_par_iter().map(block);
        blocks.try_reduce(none, |a, b| Ok(a.and(&b)))
    }

    fn and(mut self, other: &Self) -> Self {
        self.sums.merge(&other.sums);
        self.kept += other.kept;
        self
    }
}
