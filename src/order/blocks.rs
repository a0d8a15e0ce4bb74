//! The sum of a batch's terms, as far as they are there: of whole blocks exact, of the others the terms
//! themselves, so that whoever has a block's other terms has its sum in its own order.

use super::{BLOCK, BLOCK_SIZE, Exact, Lanes, tree_sum, weight_block};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The order of the additions in a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// Of `pointwise.wgsl`.
    Lanes,
    /// A tree of neighbours.
    #[default]
    Tree,
    /// Of the weights in `check_rows.wgsl`.
    Rows,
}

/// The terms of a batch that have come.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockSums {
    pub(crate) order: Order,
    /// The sum of the blocks that are whole.
    pub(crate) whole: Exact,
    /// The neighbouring terms of other blocks, by the place of the first one in the batch. None touches
    /// others of its block.
    pub(crate) cuts: BTreeMap<u64, Vec<f32>>,
}

impl Order {
    /// The sum of a block, of which some terms from a place in it on are there; the others count as 0.
    fn sum_from(self, place: usize, terms: &[f32]) -> f32 {
        self.sum(&[&vec![0.0; place][..], terms].concat())
    }

    /// The sum of a block.
    fn sum(self, block: &[f32]) -> f32 {
        match self {
            Self::Lanes => Lanes::of(block).total(),
            Self::Tree => tree_sum(block.to_vec()),
            Self::Rows => weight_block(block),
        }
    }
}

impl BlockSums {
    pub(crate) fn new(order: Order) -> Self {
        Self { order, ..Self::default() }
    }

    /// All of these terms, the first of which has a place in a batch.
    pub(crate) fn of(order: Order, first: u64, terms: &[f32]) -> Self {
        let mut sums = Self::new(order);
        sums.add(first, terms);
        sums
    }

    /// Adds terms from a place on, none of which has come before.
    pub(crate) fn add(&mut self, first: u64, terms: &[f32]) {
        let before = (BLOCK_SIZE - within(first)) % BLOCK_SIZE;
        let (head, rest) = terms.split_at(before.min(terms.len()));
        let (blocks, tail) = rest.as_chunks::<BLOCK_SIZE>();
        self.add_cut(first, head);
        let sums = blocks.par_iter().with_min_len(16).map(|block| self.order.sum(block));
        let sums: Vec<f32> = sums.collect();
        sums.into_iter().for_each(|sum| self.add_block(sum));
        self.add_cut(first + (terms.len() - tail.len()) as u64, tail);
    }

    /// Adds the sum of a whole block.
    pub(crate) fn add_block(&mut self, sum: f32) {
        self.whole.add(sum);
    }

    /// Adds terms of one block, which may make it whole.
    fn add_cut(&mut self, first: u64, terms: &[f32]) {
        if terms.is_empty() {
            return;
        }
        let end = first + terms.len() as u64;
        let next = if end.is_multiple_of(BLOCK) { None } else { self.cuts.remove(&end) };
        let before = self.cuts.range_mut(first / BLOCK * BLOCK..first).next_back();
        let before = before.filter(|(start, own)| **start + own.len() as u64 == first);
        let (first, own) = match before {
            Some((&first, own)) => (first, own),
            None => (first, self.cuts.entry(first).or_default()),
        };
        own.extend_from_slice(terms);
        own.extend(next.into_iter().flatten());
        if own.len() == BLOCK_SIZE {
            let sum = self.order.sum(own);
            self.cuts.remove(&first);
            self.add_block(sum);
        }
    }

    /// Adds other terms.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.whole.merge(&other.whole);
        other.cuts.iter().for_each(|(&first, terms)| self.add_cut(first, terms));
    }

    /// The number of terms that are kept as they are.
    pub(crate) fn cut_terms(&self) -> u64 {
        self.cuts.values().map(|terms| terms.len() as u64).sum()
    }

    /// The same from another place on, which only what is cut can do if blocks begin elsewhere.
    pub(crate) fn moved(&self, from: u64, to: u64) -> Self {
        let mut moved = Self { whole: self.whole.clone(), ..Self::new(self.order) };
        self.cuts.iter().for_each(|(first, terms)| moved.add(first - from + to, terms));
        moved
    }

    /// Takes a last block that ends with the batch as a whole one, if all of it is there.
    pub(crate) fn end(&mut self, end: u64) {
        let start = end / BLOCK * BLOCK;
        let last = self.cuts.get(&start).filter(|terms| start + terms.len() as u64 == end);
        if let Some(sum) = last.map(|terms| self.order.sum(terms)) {
            self.cuts.remove(&start);
            self.add_block(sum);
        }
    }

    /// The sum of what is there, rounded once.
    pub(crate) fn total(&self) -> f32 {
        let mut all = self.whole.clone();
        let mut cuts = self.cuts.iter().peekable();
        while let Some((&first, terms)) = cuts.next() {
            let (block, place) = (first / BLOCK, within(first));
            let mut terms = terms.clone();
            while let Some((&next, more)) = cuts.next_if(|(next, _)| **next / BLOCK == block) {
                terms.resize(within(next) - place, 0.0);
                terms.extend_from_slice(more);
            }
            all.add(self.order.sum_from(place, &terms));
        }
        all.rounded()
    }
}

/// A NaN is the same as itself.
impl PartialEq for BlockSums {
    fn eq(&self, other: &Self) -> bool {
        let bits = |sums: &Self| -> Vec<(u64, Vec<u32>)> {
            let bits = |terms: &Vec<f32>| terms.iter().map(|term| term.to_bits()).collect();
            sums.cuts.iter().map(|(&first, terms)| (first, bits(terms))).collect()
        };
        self.order == other.order && self.whole == other.whole && bits(self) == bits(other)
    }
}

/// The place of a term in its block.
fn within(place: u64) -> usize {
    usize::try_from(place % BLOCK).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{BlockSums, Order};

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn terms(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i * 7_919 % 10_007) as f32 / 7.0).collect()
    }

    #[test]
    fn sums_do_not_depend_on_how_the_terms_come() {
        let terms = terms(20_000);
        for order in [Order::Lanes, Order::Tree, Order::Rows] {
            for first in [0, 1, 4095, 4096, 10_000] {
                let whole = BlockSums::of(order, first, &terms);
                assert!(whole.cut_terms() < 2 * 4096, "{order:?} from {first}");
                for step in [1, 1000, 4095, 4096, 4097, 9000, 20_000] {
                    let mut forwards = BlockSums::new(order);
                    let mut backwards = BlockSums::new(order);
                    let part =
                        |k: usize, part| BlockSums::of(order, first + (k * step) as u64, part);
                    let parts: Vec<_> =
                        terms.chunks(step).enumerate().map(|(k, terms)| part(k, terms)).collect();
                    parts.iter().for_each(|part| forwards.merge(part));
                    parts.iter().rev().for_each(|part| backwards.merge(part));
                    assert_eq!(forwards, whole, "{order:?} from {first} by {step}");
                    assert_eq!(backwards, whole, "{order:?} from {first} by {step}, backwards");
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_batch_makes_its_last_block_whole() {
        let terms = terms(5000);
        let mut sums = BlockSums::of(Order::Tree, 0, &terms);
        let total = sums.total();
        sums.end(5001);
        assert_eq!(sums.cuts.len(), 1, "a term is missing");
        sums.end(5000);
        assert_eq!((sums.cuts.len(), sums.total()), (0, total));
    }

    /// Terms of a block on both sides of a gap are added up in their places.
    #[test]
    fn what_is_missing_counts_as_nothing() {
        let mut terms = terms(4096);
        for order in [Order::Lanes, Order::Tree, Order::Rows] {
            let mut sums = BlockSums::of(order, 0, &terms[..100]);
            sums.add(300, &terms[300..4000]);
            sums.add(4090, &terms[4090..]);
            terms[100..300].fill(0.0);
            terms[4000..4090].fill(0.0);
            assert_eq!(sums.total(), BlockSums::of(order, 0, &terms).total(), "{order:?}");
        }
    }
}
