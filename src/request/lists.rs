//! The lists of sums that the kernels write for totals.

use super::Resolved;
use crate::layout::{Summed, Weights};
use crate::order::BLOCK;
use crate::reduction::{Divisor, Reduction};

/// Binding offsets are multiples of this many words on every device.
const ALIGNMENT: u64 = 64;

/// What the kernels write for totals, one list after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// The sums of the losses: of blocks, or of FAN_IN rows.
    Losses,
    /// The sums of blocks of weights.
    Weights,
    /// The numbers of kept rows of blocks.
    Kept,
}

impl Resolved {
    /// Whether the losses are summed.
    pub(crate) fn sums_losses(&self) -> bool {
        self.reduction != Reduction::None && (self.value || self.totals)
    }

    /// Whether the weights are summed.
    pub(crate) fn sums_weights(&self) -> bool {
        let divides = self.layout.divisor == Divisor::Weights && !self.denominator;
        divides || (self.layout.is_weighted() && self.totals)
    }

    /// Whether the divisor is in the scratch, and not known from the shapes.
    pub(crate) fn divisor_in_scratch(&self) -> bool {
        let counts = self.counted && !matches!(self.reduction, Reduction::None | Reduction::Sum);
        self.denominator || counts || self.layout.divisor == Divisor::Weights
    }

    /// How many terms an item has, where the number of items is in a buffer.
    pub(crate) fn counted_terms(&self) -> Option<u64> {
        let items = self.layout.output.first().map_or(1, |&items| items as u64);
        self.counted.then(|| self.layout.terms / items.max(1))
    }

    /// The words of the totals.
    pub(crate) fn totals_words(&self) -> u64 {
        if !self.totals {
            return 0;
        }
        let (place, length) = self.totals_list(List::Kept);
        place + length
    }

    /// Where a list starts in the totals, if these are wanted.
    pub(crate) fn totals_place(&self, list: List) -> Option<u64> {
        self.totals.then(|| self.totals_list(list).0)
    }

    /// Where a list starts in the totals, and how many words it has.
    pub(crate) fn totals_list(&self, list: List) -> (u64, u64) {
        let losses = self.layout.terms.div_ceil(self.layout.summed.terms());
        let blocks = |elements: u64| elements.div_ceil(BLOCK);
        let (weights, kept) = match self.layout.weights {
            Weights::None => (0, 0),
            Weights::Elements(elements) => (blocks(elements), 0),
            Weights::Kept => [blocks(self.layout.terms); 2].into(),
        };
        let after_losses = losses.next_multiple_of(ALIGNMENT);
        match list {
            List::Losses => (0, losses),
            List::Weights => (after_losses, weights),
            List::Kept => (after_losses + weights.next_multiple_of(ALIGNMENT), kept),
        }
    }

    /// Whether the mean divides by the sum of weights that several terms share: parts of a batch
    /// would each count them.
    pub(crate) fn weight_is_shared(&self) -> bool {
        matches!(self.layout.weights, Weights::Elements(elements) if elements != self.layout.terms)
    }

    /// Whether totals hold sums of whole blocks as the kernels write them.
    pub(crate) fn sums_blocks(&self) -> bool {
        self.layout.summed == Summed::Blocks
    }
}
