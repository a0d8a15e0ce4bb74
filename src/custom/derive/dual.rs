//! A value with its derivatives in the directions of the loss's arguments: one for a number, and one for
//! each number of a vector.

use super::term::{Term, Terms};

/// As many directions as the most and widest arguments have.
pub(super) const MOST: usize = 64;

/// The derivatives in all directions; `None` is 0.
pub(super) type Slopes = [Option<Term>; MOST];

/// Some directions, as bits.
pub(in crate::custom) type Directions = u64;

/// Each of these directions.
pub(super) fn each(directions: Directions) -> impl Iterator<Item = usize> {
    (0..MOST).filter(move |k| directions >> k & 1 == 1)
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Dual {
    pub(super) value: Term,
    pub(super) slopes: Slopes,
}

impl Dual {
    pub(super) fn constant(value: Term) -> Self {
        Self { value, slopes: [None; MOST] }
    }

    pub(super) fn is_constant(&self) -> bool {
        self.slopes.iter().all(Option::is_none)
    }

    /// The same operation on the value and on the slopes: a linear one.
    pub(super) fn map(self, mut f: impl FnMut(Term) -> Term) -> Self {
        Self { value: f(self.value), slopes: self.slopes.map(|slope| slope.map(&mut f)) }
    }

    /// The directions with a slope.
    pub(super) fn directions(&self) -> Directions {
        (0..MOST).filter(|&k| self.slopes[k].is_some()).map(|k| 1 << k).sum()
    }

    /// A component of a vector of so many; where its slope is 0, it has none.
    pub(super) fn component(self, size: usize, i: usize, terms: &mut Terms) -> Self {
        let own = self.map(|x| terms.component(x, size, i));
        Self { slopes: own.slopes.map(|slope| slope.filter(|&x| !terms.is_zero(x))), ..own }
    }

    /// Joins the slopes of two in each direction.
    pub(super) fn both(
        a: Self,
        b: Self,
        terms: &mut Terms,
        mut join: impl FnMut(&mut Terms, Option<Term>, Option<Term>) -> Option<Term>,
    ) -> Slopes {
        std::array::from_fn(|k| join(terms, a.slopes[k], b.slopes[k]))
    }

    /// The same value with slopes of the other sign.
    pub(super) fn mirrored(mut self, terms: &mut Terms) -> Self {
        self.slopes = self.slopes.map(|slope| slope.map(|slope| terms.negative(slope)));
        self
    }

    pub(super) fn negative(self, terms: &mut Terms) -> Self {
        let value = terms.unary("-", self.value);
        Self { value, ..self }.mirrored(terms)
    }

    pub(super) fn sum(a: Self, b: Self, terms: &mut Terms) -> Self {
        let value = terms.binary("+", a.value, b.value);
        Self { value, slopes: Self::both(a, b, terms, Terms::maybe_sum) }
    }

    pub(super) fn difference(a: Self, b: Self, terms: &mut Terms) -> Self {
        let value = terms.binary("-", a.value, b.value);
        Self { value, slopes: Self::both(a, b, terms, Terms::maybe_difference) }
    }

    pub(super) fn product(a: Self, b: Self, terms: &mut Terms) -> Self {
        let value = terms.binary("*", a.value, b.value);
        if let Some(factor) = terms.times(a.value, b.value) {
            // Of k x x it is 2 k x' x.
            let twice = terms.number(2.0 * factor);
            let slopes = b.slopes.map(|slope| {
                slope.map(|slope| {
                    let slope = terms.product(twice, slope);
                    terms.product(slope, b.value)
                })
            });
            return Self { value, slopes };
        }
        let slopes = Self::both(a, b, terms, |terms, by_a, by_b| {
            let by_a = by_a.map(|slope| terms.product(slope, b.value));
            let by_b = by_b.map(|slope| terms.product(a.value, slope));
            terms.maybe_sum(by_a, by_b)
        });
        Self { value, slopes }
    }

    /// `(a' - (a / b) b') / b`: no square of the divisor that could overflow.
    pub(super) fn quotient(a: Self, b: Self, terms: &mut Terms) -> Self {
        let value = terms.binary("/", a.value, b.value);
        let slopes = Self::both(a, b, terms, |terms, by_a, by_b| {
            let by_b = by_b.map(|slope| terms.product(value, slope));
            let above = terms.maybe_difference(by_a, by_b)?;
            Some(terms.quotient(above, b.value))
        });
        Self { value, slopes }
    }

    /// What is left of `a / b`, which is `a - trunc(a / b) b`. That whole number is what the rest is next to.
    pub(super) fn remainder(value: Term, a: Self, b: Self, terms: &mut Terms) -> Self {
        let slopes = Self::both(a, b, terms, |terms, by_a, by_b| {
            let by_b = by_b.map(|slope| {
                let divided = terms.binary("-", a.value, value);
                let quotient = terms.binary("/", divided, b.value);
                // Rounded by names that are set aside for derivatives.
                let (half, sign) = (terms.number(0.5), terms.call("sign", vec![quotient]));
                let half = terms.product(half, sign);
                let moved = terms.sum(quotient, half);
                let whole = terms.call("trunc", vec![moved]);
                terms.product(whole, slope)
            });
            terms.maybe_difference(by_a, by_b)
        });
        Self { value, slopes }
    }
}

impl Terms {
    pub(super) fn maybe_sum(&mut self, a: Option<Term>, b: Option<Term>) -> Option<Term> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.sum(a, b)),
            (a, b) => a.or(b),
        }
    }

    pub(super) fn maybe_difference(&mut self, a: Option<Term>, b: Option<Term>) -> Option<Term> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.difference(a, b)),
            (a, None) => a,
            (None, Some(b)) => Some(self.negative(b)),
        }
    }
}
