//! Sums of many numbers: of blocks, each a tree, and of these exactly, and what totals keep of it.

use super::{Builder, TOTAL, TOTAL_COUNT, TOTAL_WEIGHT, index};
use crate::error::Result;
use crate::kernel::reduce::Addends;
use crate::kernel::{Destination, reduce};
use crate::layout::Summed;
use crate::order::{BLOCK, DIGIT_WORDS, FAN_IN};
use crate::request::{List, Slot};

/// The most numbers that are in the scratch at once, where they can be written bit by bit.
const MOST_AT_ONCE: u64 = 1 << 20;
/// The block sums that a workgroup of `exact_sum.wgsl` adds up.
const GROUP: u64 = 256;

/// Numbers in the scratch that are added up. Where they are too many to be held at once, one round
/// after the other is written and added up: a round is whole blocks, or whole groups of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    addends: Addends,
    count: u64,
    /// Where the numbers are, and how many at once.
    place: u64,
    round: u64,
    /// Where the sums of neighbouring terms are kept, if they are not the total themselves.
    neighbours: Option<u64>,
    /// Where the exact sums of groups of blocks are kept, if there are several.
    parts: Option<u64>,
    /// Where the total goes.
    total: u64,
    /// What of totals it is, if these are wanted.
    list: Option<List>,
}

impl Sum {
    /// Whether the only number is the total itself, and is kept as such where it is computed.
    pub(crate) fn is_direct(&self) -> bool {
        self.addends == Addends::Blocks && self.count == 1 && self.list.is_none()
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
    pub(crate) fn block_sums(&mut self, count: u64, list: List, total: u64) -> Result<Sum> {
        let list = self.resolved.totals.then_some(list);
        let sum = Sum {
            addends: Addends::Blocks,
            count,
            place: total,
            round: count.min(self.round(GROUP)).max(1),
            neighbours: None,
            parts: self.reserve_parts(count)?,
            total,
            list,
        };
        if sum.is_direct() { Ok(sum) } else { Ok(Sum { place: self.reserve(sum.round)?, ..sum }) }
    }

    /// Takes memory for the losses of rows.
    pub(crate) fn row_sums(&mut self, count: u64) -> Result<Sum> {
        let round = count.min(self.round(BLOCK)).max(1);
        let place = self.reserve(round)?;
        self.sum_of(place, count, round)
    }

    fn sum_of(&mut self, place: u64, count: u64, round: u64) -> Result<Sum> {
        let list = self.resolved.totals.then_some(List::Losses);
        let stored = list.is_some() || count > FAN_IN;
        let neighbours = stored.then(|| self.reserve(count.div_ceil(FAN_IN)));
        Ok(Sum {
            addends: Addends::Neighbours,
            count,
            place,
            round,
            neighbours: neighbours.transpose()?,
            parts: self.reserve_parts(count.div_ceil(BLOCK))?,
            total: TOTAL,
            list,
        })
    }

    /// Takes memory for the exact sums of groups of blocks.
    fn reserve_parts(&mut self, blocks: u64) -> Result<Option<u64>> {
        let words = blocks.div_ceil(GROUP) * DIGIT_WORDS as u64;
        (blocks > GROUP).then(|| self.reserve(words)).transpose()
    }

    /// What fits well into a binding, a multiple of some numbers.
    fn round(&self, of: u64) -> u64 {
        let binding = self.limits.max_storage_buffer_binding_size;
        (binding / 16 / of * of).clamp(of, MOST_AT_ONCE)
    }

    /// The sum of no weights, where what divides by it runs all the same.
    pub(crate) fn push_no_weights(&mut self) -> Result<()> {
        if !self.resolved.sums_weights() {
            return Ok(());
        }
        let mut totals = vec![(List::Weights, self.weights_place(TOTAL_WEIGHT)?)];
        if self.resolved.totals && self.resolved.totals_list(List::Kept).1 > 0 {
            totals.push((List::Kept, TOTAL_COUNT));
        }
        totals.into_iter().try_for_each(|(list, total)| {
            let sum = self.block_sums(0, list, total)?;
            self.finish_sum(&sum, Destination::Scratch)
        })
    }

    /// The sum of no losses, by the kernel that adds up some.
    pub(crate) fn push_no_losses(&mut self, last: Destination) -> Result<()> {
        let sum = match self.resolved.layout.summed {
            Summed::Blocks => self.block_sums(0, List::Losses, TOTAL)?,
            Summed::Terms => self.sum_of(TOTAL, 0, 1)?,
        };
        self.finish_sum(&sum, last)
    }

    /// To be called when all numbers up to `end`, the end of a round or of all, are written.
    pub(crate) fn sum_round(&mut self, sum: &Sum, end: u64) -> Result<()> {
        let start = (end - 1) / sum.round * sum.round;
        match sum.addends {
            Addends::Neighbours => {
                let kept = sum.count - self.resolved.cut_terms();
                if sum.list.is_some() && end > kept {
                    let first = start.max(kept);
                    self.push_copy(sum.place(first), end - first, first - kept)?;
                }
                let Some(neighbours) = sum.neighbours else { return Ok(()) };
                let destination = neighbours + start / FAN_IN;
                self.push_tree(sum.place, end - start, destination, Destination::Scratch)
            }
            Addends::Blocks => {
                let Some(parts) = sum.parts else { return Ok(()) };
                let own = (end - start).min(self.whole(sum) - start);
                let destination = parts + start / GROUP * DIGIT_WORDS as u64;
                self.push_parts(sum, own, destination)
            }
        }
    }

    /// Whether the last block is added up apart: totals keep the terms of one that is cut.
    fn is_cut(&self, sum: &Sum) -> bool {
        let cut = !self.resolved.layout.terms.is_multiple_of(BLOCK);
        cut && matches!(sum.list, Some(List::Losses | List::Weights))
    }

    /// The blocks but one that is added up apart.
    fn whole(&self, sum: &Sum) -> u64 {
        let blocks = match sum.addends {
            Addends::Blocks => sum.count,
            Addends::Neighbours => sum.count.div_ceil(BLOCK),
        };
        blocks - u64::from(self.is_cut(sum))
    }

    /// Adds up what the rounds came to and keeps the total as `last` says.
    pub(crate) fn finish_sum(&mut self, sum: &Sum, last: Destination) -> Result<()> {
        if sum.is_direct() {
            return Ok(());
        }
        if sum.addends == Addends::Neighbours && sum.neighbours.is_none() {
            return self.push_tree(sum.place, sum.count, sum.total, last);
        }
        let whole = self.whole(sum);
        if let (Addends::Neighbours, Some(parts)) = (sum.addends, sum.parts) {
            self.push_parts(sum, whole, parts)?;
        }
        let count = if sum.parts.is_some() { whole.div_ceil(GROUP) } else { whole };
        let rest = match sum.addends {
            _ if !self.is_cut(sum) => 0,
            Addends::Blocks => whole % sum.round + 1,
            Addends::Neighbours => whole + 1,
        };
        let window = reduce::ExactWindow {
            count: index(count)?,
            parts: index(sum.parts.unwrap_or_default())?,
            rest: index(rest)?,
            destination: index(sum.total)?,
            width: 1,
            divisor: self.divisor(),
            weight: self.resolved.loss_weight,
            ..self.numbers(sum)?
        };
        let region = sum.list.map(|list| {
            let (place, length) = self.resolved.totals_list(list);
            (Slot::Totals, 4 * place, 4 * length)
        });
        let kernel =
            reduce::exact_total(sum.addends, sum.parts.is_some(), sum.list.is_some(), last);
        self.push(kernel, &window, region.as_slice(), 1)
    }

    /// Where the numbers of a sum are, for `exact_sum.wgsl`.
    fn numbers(&self, sum: &Sum) -> Result<reduce::ExactWindow> {
        let numbers = index(sum.neighbours.unwrap_or(sum.place))?;
        let neighbours = match sum.addends {
            Addends::Blocks => 0,
            Addends::Neighbours => index(sum.count.div_ceil(FAN_IN))?,
        };
        Ok(reduce::ExactWindow { numbers, neighbours, ..Default::default() })
    }

    /// Adds up groups of so many whole blocks.
    fn push_parts(&mut self, sum: &Sum, blocks: u64, destination: u64) -> Result<()> {
        let groups = blocks.div_ceil(GROUP);
        if groups == 0 {
            return Ok(());
        }
        let window = reduce::ExactWindow {
            count: index(blocks)?,
            destination: index(destination)?,
            width: self.width(groups)?,
            ..self.numbers(sum)?
        };
        self.push(reduce::exact_parts(sum.addends), &window, &[], groups)
    }

    /// Adds up the losses of all terms, which are in the scratch.
    pub(crate) fn push_losses(&mut self, place: u64, count: u64, last: Destination) -> Result<()> {
        if count == 0 {
            return self.push_no_losses(last);
        }
        let sum = self.sum_of(place, count, count)?;
        self.sum_round(&sum, count)?;
        self.finish_sum(&sum, last)
    }

    /// Adds up groups of neighbours.
    fn push_tree(
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

    /// Copies losses that totals keep, to their place among these.
    fn push_copy(&mut self, source: u64, count: u64, place: u64) -> Result<()> {
        let list = self.resolved.totals_list(List::CutLosses).0 + place;
        // Both ends of a window are where a binding may start.
        let most = (self.limits.max_storage_buffer_binding_size / 4 / 64).max(1) * 64;
        for first in (0..count).step_by(usize::try_from(most).unwrap_or(usize::MAX)) {
            let part = most.min(count - first);
            let groups = part.div_ceil(64);
            let (count, source) = (index(part)?, index(source + first)?);
            let window = reduce::CopyWindow { count, source, width: self.width(groups)? };
            let region = (Slot::Totals, 4 * (list + first), 4 * part);
            self.push(reduce::copy(), &window, &[region], groups)?;
        }
        Ok(())
    }
}
