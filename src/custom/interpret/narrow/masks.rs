//! Which lanes do something, while a program is written out.

use super::super::operations::{AND, AND_NOT, NOT, OR, SELECT};
use super::lanes::Mask;
use super::trace::Trace;
use super::traced::Origin;

impl Trace<'_> {
    /// A condition, which may be known.
    fn known(&self, condition: usize) -> Mask {
        match self.origins[condition] {
            Origin::Constant(0) => Mask::None,
            Origin::Constant(_) => Mask::All,
            _ => Mask::Some(condition),
        }
    }

    /// The lanes of these where a condition holds.
    pub(super) fn and(&mut self, mask: Mask, condition: usize) -> Mask {
        match (mask, self.known(condition)) {
            (Mask::None, _) | (_, Mask::None) => Mask::None,
            (Mask::All, other) => other,
            (mask, Mask::All) => mask,
            (Mask::Some(a), Mask::Some(b)) if a == b => mask,
            (Mask::Some(a), Mask::Some(b)) => Mask::Some(self.apply(AND, &[a, b])),
        }
    }

    /// The lanes of these where a condition does not hold.
    pub(super) fn and_not(&mut self, mask: Mask, condition: usize) -> Mask {
        match (mask, self.known(condition)) {
            (Mask::None, _) | (_, Mask::All) => Mask::None,
            (mask, Mask::None) => mask,
            (Mask::All, Mask::Some(b)) => {
                let not = self.apply(NOT, &[b]);
                self.opposites.insert(not, b);
                Mask::Some(not)
            }
            (Mask::Some(a), Mask::Some(b)) if a == b => Mask::None,
            (Mask::Some(a), Mask::Some(b)) => Mask::Some(self.apply(AND_NOT, &[a, b])),
        }
    }

    pub(super) fn both(&mut self, a: Mask, b: Mask) -> Mask {
        match b {
            Mask::All => a,
            Mask::None => Mask::None,
            Mask::Some(b) => self.and(a, b),
        }
    }

    pub(super) fn either(&mut self, a: Mask, b: Mask) -> Mask {
        match (a, b) {
            (Mask::All, _) | (_, Mask::All) => Mask::All,
            (Mask::None, other) | (other, Mask::None) => other,
            (Mask::Some(a), Mask::Some(b)) if a == b => Mask::Some(a),
            (Mask::Some(a), Mask::Some(b)) => Mask::Some(self.apply(OR, &[a, b])),
        }
    }

    /// The first value in these lanes, the second one in others; there may be none yet.
    pub(super) fn blend(&mut self, mask: Mask, value: usize, old: Option<usize>) -> Option<usize> {
        match (mask, old) {
            (Mask::None, old) => old,
            (Mask::All, _) | (_, None) => Some(value),
            (Mask::Some(mask), Some(old)) => Some(self.choice(mask, value, old)),
        }
    }

    pub(super) fn choice(&mut self, condition: usize, accept: usize, reject: usize) -> usize {
        if accept == reject {
            return accept;
        }
        match (self.known(condition), self.opposites.get(&condition)) {
            (Mask::All, _) => accept,
            (Mask::None, _) => reject,
            (_, Some(&opposite)) => self.apply(SELECT, &[opposite, reject, accept]),
            _ => self.apply(SELECT, &[condition, accept, reject]),
        }
    }

    /// A mask as a value.
    pub(super) fn mask_value(&mut self, mask: Mask) -> usize {
        match mask {
            Mask::All => self.constant(u32::MAX),
            Mask::None => self.constant(0),
            Mask::Some(value) => value,
        }
    }
}
