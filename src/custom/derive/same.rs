//! What compilers see to be the same, and so to cancel.

use super::body::Body;
use super::term::{Node, Term};

/// So many addends of a sum are looked at.
const MOST: usize = 16;

impl Body<'_, '_> {
    /// What a name was given to.
    pub(super) fn meaning(&self, term: Term) -> Term {
        let mut term = term;
        while let Some(&meant) = self.meanings.get(&term) {
            term = meant;
        }
        term
    }

    /// Whether a compiler may see that two terms are the same, down to so many levels.
    pub(super) fn is_same(&self, a: Term, b: Term, levels: usize) -> bool {
        let (a, b) = (self.meaning(a), self.meaning(b));
        if a == b {
            return true;
        }
        let same = |a: Term, b: Term| levels > 0 && self.is_same(a, b, levels - 1);
        match (self.terms.node(a), self.terms.node(b)) {
            (&Node::Unary(own, a), &Node::Unary(other, b)) => own == other && same(a, b),
            (&Node::Binary(own, a, b), &Node::Binary(other, c, d)) if own == other => {
                let turns = matches!(own, "+" | "*");
                same(a, c) && same(b, d) || turns && same(a, d) && same(b, c)
            }
            (Node::Call(own, of), Node::Call(other, others)) => {
                let all = || of.iter().zip(others).all(|(&a, &b)| same(a, b));
                own == other && of.len() == others.len() && all()
            }
            (Node::Member(a, own), Node::Member(b, other)) => own == other && same(*a, *b),
            (&Node::Index(a, own), &Node::Index(b, other)) => same(a, b) && same(own, other),
            _ => false,
        }
    }

    /// Whether a sum, or a difference, has an addend and its opposite.
    pub(super) fn cancels(&self, a: Term, b: Term, sum: bool) -> bool {
        let (left, right) = (self.addends(a, true), self.addends(b, sum));
        left.iter().any(|(a, sign)| {
            right.iter().any(|(b, other)| sign != other && self.is_same(*a, *b, 8))
        })
    }

    /// The last addends of a sum, and whether they are added.
    fn addends(&self, term: Term, sign: bool) -> Vec<(Term, bool)> {
        let (mut found, mut left) = (Vec::new(), vec![(term, sign)]);
        while let Some((term, sign)) = left.pop().filter(|_| found.len() < MOST) {
            let term = self.meaning(term);
            match *self.terms.node(term) {
                Node::Binary("+", a, b) => left.extend([(a, sign), (b, sign)]),
                Node::Binary("-", a, b) => left.extend([(a, sign), (b, !sign)]),
                Node::Unary("-", x) => left.push((x, !sign)),
                Node::Number(_) => {}
                _ => found.push((term, sign)),
            }
        }
        found
    }

    /// Whether the constant factors of a product make one that float32 does not hold: compilers multiply
    /// them first.
    pub(super) fn overflows(&self, a: Term, b: Term) -> bool {
        let (mut left, mut factor, mut count) = (vec![a, b], 1.0, 0);
        while let Some(term) = left.pop().filter(|_| count < MOST) {
            let term = self.meaning(term);
            match *self.terms.node(term) {
                Node::Binary("*", a, b) => left.extend([a, b]),
                _ => factor *= self.terms.as_number(term).unwrap_or(1.0),
            }
            count += 1;
        }
        !factor.is_finite() || factor.abs() < f32::MIN_POSITIVE
    }

    /// Whether a square of this is what it is the root of.
    pub(super) fn is_root(&self, term: Term) -> bool {
        match self.terms.node(self.meaning(term)) {
            Node::Call(name, _) => name == "sqrt",
            _ => false,
        }
    }
}
