//! The lists of sums that the kernels write for totals.

use crate::kernel::{BLOCK, FAN_IN};
use crate::plan::Resolved;
use crate::reduction::{Divisor, Reduction};
use crate::shape::FamilyLayout;

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

pub(super) fn is_pointwise(resolved: &Resolved) -> bool {
    matches!(resolved.layout.family, FamilyLayout::Pointwise { .. })
}

impl Resolved {
    /// Whether the losses are summed.
    pub(crate) fn sums_losses(&self) -> bool {
        self.reduction != Reduction::None && (self.value || self.totals)
    }

    /// Whether the weights are summed.
    pub(crate) fn sums_weights(&self) -> bool {
        let divides = self.layout.divisor == Divisor::Weights && !self.denominator;
        divides || (self.layout.weighted && self.totals)
    }

    /// Whether the divisor is in the scratch, and not known from the shapes.
    pub(crate) fn divisor_in_scratch(&self) -> bool {
        self.denominator || self.layout.divisor == Divisor::Weights
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
    pub(super) fn totals_list(&self, list: List) -> (u64, u64) {
        let pointwise = is_pointwise(self);
        let losses = self.layout.terms.div_ceil(if pointwise { BLOCK } else { FAN_IN });
        let (weights, kept) = match (self.layout.weighted, pointwise) {
            (false, _) => (0, 0),
            (true, true) => (self.weight_elements().div_ceil(BLOCK), 0),
            (true, false) => [self.layout.terms.div_ceil(BLOCK); 2].into(),
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
        let pointwise = self.layout.weighted && is_pointwise(self);
        pointwise && self.weight_elements() != self.layout.terms
    }

    fn weight_elements(&self) -> u64 {
        let roles = self.definition.inputs.iter().map(|input| input.role);
        let weight =
            roles.zip(&self.inputs).find(|(role, kind)| role.is_weight() && kind.is_some());
        let kind = weight.and_then(|(_, kind)| kind.as_ref());
        kind.and_then(|kind| crate::tensor::elements(&kind.shape)).unwrap_or(0)
    }
}
