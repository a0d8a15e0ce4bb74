//! The lists of sums that the kernels write for totals.

use super::Resolved;
use crate::layout::Weights;
use crate::order::{BLOCK, DIGIT_WORDS};
use crate::reduction::{Divisor, Reduction};

/// Binding offsets are multiples of this many words on every device.
const ALIGNMENT: u64 = 64;

/// What the kernels write for totals, one list after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// The digits of the exact sum of the losses of whole blocks.
    Losses,
    /// The same of the weights.
    Weights,
    /// The same of the numbers of kept rows of all blocks.
    Kept,
    /// The losses of the last block if it is cut, or all if the first one is.
    CutLosses,
    /// Their weights.
    CutWeights,
}

/// In this order.
const LISTS: [List; 5] =
    [List::Losses, List::Weights, List::Kept, List::CutLosses, List::CutWeights];

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
        self.counted.then(|| self.terms_per_item())
    }

    /// Whether the first term begins a block of the larger batch.
    pub(crate) fn begins_a_block(&self) -> bool {
        self.first_term().is_multiple_of(BLOCK)
    }

    /// Whether the losses are added up by the host of a GPU: the blocks of a larger batch are not those of
    /// the kernels where it cuts the first one.
    pub(crate) fn is_added_by_the_host(&self) -> bool {
        self.sums_losses() && !self.begins_a_block()
    }

    /// Whether a gradient depends on the mean: that of a weight by whose sum the mean divides.
    pub(crate) fn needs_mean(&self) -> bool {
        let inputs = &self.definition.inputs;
        let by_weight = self.gradients.iter().any(|&i| inputs[i].role.is_weight());
        by_weight && self.layout.divisor == Divisor::Weights && self.given.is_none()
    }

    /// The last terms, which totals keep as they are.
    pub(crate) fn cut_terms(&self) -> u64 {
        let terms = self.layout.terms;
        if self.begins_a_block() { terms % BLOCK } else { terms }
    }

    /// The words of the totals.
    pub(crate) fn totals_words(&self) -> u64 {
        if !self.totals {
            return 0;
        }
        let (place, length) = self.totals_list(List::CutWeights);
        place + length
    }

    /// Where a list starts in the totals, and how many words it has.
    pub(crate) fn totals_list(&self, list: List) -> (u64, u64) {
        let cut = self.cut_terms();
        let length = |list| match (list, self.layout.weights) {
            (List::Losses, _) => DIGIT_WORDS as u64,
            (List::Weights, Weights::Elements(_) | Weights::Kept) => DIGIT_WORDS as u64,
            (List::Kept, Weights::Kept) => DIGIT_WORDS as u64,
            (List::CutLosses, _) => cut,
            (List::CutWeights, Weights::Elements(_) | Weights::Kept) => cut,
            _ => 0,
        };
        let before = LISTS.into_iter().take_while(|&own| own != list);
        let place = before.map(|own| length(own).next_multiple_of(ALIGNMENT)).sum();
        (place, length(list))
    }

    /// Whether the mean divides by the sum of weights that several terms share: parts of a batch
    /// would each count them.
    pub(crate) fn weight_is_shared(&self) -> bool {
        matches!(self.layout.weights, Weights::Elements(elements) if elements != self.layout.terms)
    }
}
