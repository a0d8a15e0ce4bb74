//! Sums of many numbers: the tree over them, and what totals keep of it.

use super::{Builder, TOTAL, TOTAL_WEIGHT, index};
use crate::error::Result;
use crate::kernel::{Destination, reduce};
use crate::order::FAN_IN;
use crate::request::{List, Slot};

/// The most numbers that are in the scratch at once, where they can be written bit by bit.
const MOST_AT_ONCE: u64 = 1 << 20;

/// Numbers in the scratch that are added up. Where they are too many to be held at once, one round
/// after the other is written and added up: the tree stays the same, as a round is a multiple of its
/// fan-in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    count: u64,
    /// Where the numbers are, and how many at once.
    place: u64,
    round: u64,
    /// Where the sums of FAN_IN neighbours are kept, if they are.
    neighbours: Option<u64>,
    /// Where the total goes.
    total: u64,
    /// Whether the numbers are the sums of blocks, and not terms.
    blocks: bool,
    /// Where the sums of blocks go in the totals, if these are wanted.
    totals: Option<u64>,
}

impl Sum {
    /// Whether the only number is the total itself, and is kept as such where it is computed.
    pub(crate) fn is_direct(&self) -> bool {
        self.blocks && self.count == 1
    }

    /// Where the number `i` goes.
    pub(crate) fn place(&self, i: u64) -> u64 {
        self.place + i % self.round
    }

    /// One past the last number of the round that `i` is in.
    pub(crate) fn end_of_round(&self, i: u64) -> u64 {
        (i / self.round + 1) * self.round
    }
}

impl Builder<'_> {
    /// Takes memory for the sums of blocks.
    pub(crate) fn block_sums(&mut self, count: u64, list: List, total: u64) -> Sum {
        let round = count.min(self.round());
        let place = if count == 1 { total } else { self.reserve(round) };
        let neighbours = (count > round).then(|| self.reserve(count.div_ceil(FAN_IN)));
        let totals = self.resolved.totals_place(list);
        Sum { count, place, round, neighbours, total, blocks: true, totals }
    }

    /// Takes memory for the losses of rows.
    pub(crate) fn row_sums(&mut self, count: u64) -> Sum {
        let round = count.min(self.round()).max(1);
        let place = self.reserve(round);
        self.sum_of(place, count, round)
    }

    fn sum_of(&mut self, place: u64, count: u64, round: u64) -> Sum {
        let totals = self.resolved.totals_place(List::Losses);
        let stored = totals.is_some() || count > round;
        let neighbours = stored.then(|| self.reserve(count.div_ceil(FAN_IN)));
        Sum { count, place, round, neighbours, total: TOTAL, blocks: false, totals }
    }

    /// What fits well into a binding, a multiple of the fan-in.
    fn round(&self) -> u64 {
        let binding = self.limits.max_storage_buffer_binding_size;
        (binding / 16 / FAN_IN * FAN_IN).clamp(FAN_IN, MOST_AT_ONCE)
    }

    /// The sum of no weights, where what divides by it runs all the same.
    pub(crate) fn push_no_weights(&mut self) -> Result<()> {
        if !self.resolved.sums_weights() {
            return Ok(());
        }
        let place = self.weights_place(TOTAL_WEIGHT);
        self.push_tree(0, 0, Destination::Scratch, place)
    }

    /// To be called when all numbers up to `end`, the end of a round or of all, are written.
    pub(crate) fn sum_round(&mut self, sum: &Sum, end: u64) -> Result<()> {
        let start = (end - 1) / sum.round * sum.round;
        if let (Some(totals), true) = (sum.totals, sum.blocks) {
            self.push_copy(sum.place, end - start, totals + start)?;
        }
        match sum.neighbours {
            Some(neighbours) => {
                let destination = neighbours + start / FAN_IN;
                self.push_level(sum.place, end - start, destination, Destination::Scratch)
            }
            None => Ok(()),
        }
    }

    /// Adds up what the rounds came to and keeps the total as `last` says.
    pub(crate) fn finish_sum(&mut self, sum: &Sum, last: Destination) -> Result<()> {
        if sum.is_direct() {
            return Ok(());
        }
        let Some(neighbours) = sum.neighbours else {
            return self.push_tree(sum.place, sum.count, last, sum.total);
        };
        let count = sum.count.div_ceil(FAN_IN);
        if let (Some(totals), false) = (sum.totals, sum.blocks) {
            self.push_copy(neighbours, count, totals)?;
        }
        self.push_tree(neighbours, count, last, sum.total)
    }

    /// Adds up the losses of all terms, which are in the scratch.
    pub(crate) fn push_losses(&mut self, place: u64, count: u64, last: Destination) -> Result<()> {
        let sum = self.sum_of(place, count, count.max(1));
        if count > 0 {
            self.sum_round(&sum, count)?;
        }
        self.finish_sum(&sum, last)
    }

    /// Adds the levels that sum `count` numbers of the scratch from `source` on. The last level
    /// keeps its sum as `last` says, at `total`.
    pub(crate) fn push_tree(
        &mut self,
        mut source: u64,
        mut count: u64,
        last: Destination,
        total: u64,
    ) -> Result<()> {
        while count > FAN_IN {
            let blocks = count.div_ceil(FAN_IN);
            let destination = self.reserve(blocks);
            self.push_level(source, count, destination, Destination::Scratch)?;
            (source, count) = (destination, blocks);
        }
        self.push_level(source, count, total, last)
    }

    fn push_level(
        &mut self,
        source: u64,
        count: u64,
        destination: u64,
        to: Destination,
    ) -> Result<()> {
        let groups = count.div_ceil(FAN_IN).max(1);
        let window = reduce::TreeWindow {
            count: index(count)?,
            source: index(source)?,
            destination: index(destination)?,
            width: self.width(groups)?,
            divisor: self.divisor(),
            weight: self.resolved.loss_weight,
        };
        self.push(reduce::tree(to), &window, &[], groups)
    }

    /// Copies sums of blocks into the totals.
    fn push_copy(&mut self, source: u64, count: u64, destination: u64) -> Result<()> {
        // Both ends of a window are where a binding may start.
        let most = (self.limits.max_storage_buffer_binding_size / 4 / 64).max(1) * 64;
        for first in (0..count).step_by(usize::try_from(most).unwrap_or(usize::MAX)) {
            let part = most.min(count - first);
            let groups = part.div_ceil(64);
            let (count, source) = (index(part)?, index(source + first)?);
            let window = reduce::CopyWindow { count, source, width: self.width(groups)? };
            let region = (Slot::Totals, 4 * (destination + first), 4 * part);
            self.push(reduce::copy(), &window, &[region], groups)?;
        }
        Ok(())
    }
}
