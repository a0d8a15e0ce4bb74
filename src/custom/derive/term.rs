//! Terms: WGSL expressions as a graph, in which equal ones are one, so that what a value and its
//! derivatives share is written once.

use std::collections::HashMap;
use std::num::NonZeroU32;

/// An expression, by its place in [`Terms`], from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Term(NonZeroU32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// A finite f32, by its bits.
    Number(u32),
    /// A name or a literal.
    Name {
        text: String,
        kind: Kind,
    },
    Unary(&'static str, Term),
    Binary(&'static str, Term, Term),
    Call(String, Vec<Term>),
    /// A member, or components of a vector.
    Member(Term, String),
    Index(Term, Term),
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// What the compiler knows: a literal, or a constant of the module.
    Constant,
    /// The same wherever it is read.
    Fixed,
    /// A variable: it may hold something else after the next statement.
    Variable,
}

#[derive(Debug, Default)]
pub(super) struct Terms {
    nodes: Vec<Node>,
    known: HashMap<Node, Term>,
}

impl Terms {
    /// Equal terms made from now on are not those made before: variables have changed.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    fn make(&mut self, node: Node) -> Term {
        if let Some(&term) = self.known.get(&node) {
            return term;
        }
        self.nodes.push(node.clone());
        let number = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let term = Term(NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX));
        self.known.insert(node, term);
        term
    }

    pub(super) fn node(&self, term: Term) -> &Node {
        &self.nodes[term.0.get() as usize - 1]
    }

    pub(super) fn number(&mut self, x: f32) -> Term {
        self.make(Node::Number(x.to_bits()))
    }

    /// A name that always stands for the same.
    pub(super) fn name(&mut self, text: impl Into<String>) -> Term {
        self.make(Node::Name { text: text.into(), kind: Kind::Fixed })
    }

    /// A literal, or the name of a constant.
    pub(super) fn literal(&mut self, text: impl Into<String>) -> Term {
        self.make(Node::Name { text: text.into(), kind: Kind::Constant })
    }

    pub(super) fn variable(&mut self, text: impl Into<String>) -> Term {
        self.make(Node::Name { text: text.into(), kind: Kind::Variable })
    }

    pub(super) fn call(&mut self, function: impl Into<String>, arguments: Vec<Term>) -> Term {
        self.make(Node::Call(function.into(), arguments))
    }

    pub(super) fn member(&mut self, base: Term, name: impl Into<String>) -> Term {
        self.make(Node::Member(base, name.into()))
    }

    pub(super) fn index(&mut self, base: Term, index: Term) -> Term {
        self.make(Node::Index(base, index))
    }

    pub(super) fn unary(&mut self, operator: &'static str, x: Term) -> Term {
        self.make(Node::Unary(operator, x))
    }

    /// The operation as it stands.
    pub(super) fn binary(&mut self, operator: &'static str, a: Term, b: Term) -> Term {
        self.make(Node::Binary(operator, a, b))
    }

    pub(super) fn as_number(&self, term: Term) -> Option<f32> {
        match self.node(term) {
            Node::Number(bits) => Some(f32::from_bits(*bits)),
            _ => None,
        }
    }

    /// Where a term is a number times another one, that number, of which there is twice as much.
    pub(super) fn times(&self, term: Term, other: Term) -> Option<f32> {
        match *self.node(term) {
            Node::Binary("*", number, own) if own == other => {
                self.as_number(number).filter(|x| (2.0 * x).is_finite())
            }
            _ => None,
        }
    }

    pub(super) fn is_zero(&self, term: Term) -> bool {
        self.as_number(term) == Some(0.0)
    }

    /// The numbers of a slope of a vector of which some are 0: those of one that follows from few numbers.
    pub(super) fn sparse(&self, slope: Term) -> Option<&[Term]> {
        match self.node(slope) {
            Node::Call(name, of) if name.starts_with("vec") => {
                (of.len() > 1 && of.iter().any(|&x| self.is_zero(x))).then_some(of)
            }
            _ => None,
        }
    }

    /// Whether a term is a whole number from 1 to 31.
    pub(super) fn is_small_number(&self, term: Term) -> bool {
        match self.node(term) {
            Node::Name { text, .. } => {
                text.trim_end_matches('u').parse().is_ok_and(|x: u32| (1..32).contains(&x))
            }
            _ => false,
        }
    }

    /// Where a term is a minus of another, that other.
    fn negated(&self, term: Term) -> Option<Term> {
        match *self.node(term) {
            Node::Unary("-", x) => Some(x),
            _ => None,
        }
    }

    /// Where a term is the opposite of a condition, that condition.
    pub(super) fn inverted(&self, term: Term) -> Option<Term> {
        match *self.node(term) {
            Node::Unary("!", x) => Some(x),
            _ => None,
        }
    }

    /// The components of a vector, as far as they can be told apart.
    pub(super) fn component(&mut self, vector: Term, size: usize, i: usize) -> Term {
        match self.node(vector) {
            Node::Call(name, of) if name.starts_with("vec") && of.len() == size => of[i],
            Node::Call(name, of) if name.starts_with("vec") && of.len() == 1 => of[0],
            _ => self.member(vector, ["x", "y", "z", "w"][i]),
        }
    }

    /// The part at a place of a struct or array of this type, where it is put together.
    pub(super) fn part(&self, whole: Term, kind: &str, i: usize) -> Option<Term> {
        match self.node(whole) {
            Node::Call(name, of) if name == kind => of.get(i).copied(),
            _ => None,
        }
    }

    // Of derivatives, which are mostly sums and products with 1 and -1. A 0 is no term at all.

    pub(super) fn negative(&mut self, x: Term) -> Term {
        if let (Node::Call(name, _), Some(of)) = (self.node(x), self.sparse(x)) {
            let (name, mut of) = (name.clone(), of.to_vec());
            for x in &mut of {
                *x = if self.is_zero(*x) { *x } else { self.negative(*x) };
            }
            return self.call(name, of);
        }
        match (self.negated(x), self.as_number(x)) {
            (Some(inner), _) => inner,
            (_, Some(number)) => self.number(-number),
            _ => self.unary("-", x),
        }
    }

    pub(super) fn product(&mut self, a: Term, b: Term) -> Term {
        if let Some(a) = self.negated(a) {
            let product = self.product(a, b);
            return self.negative(product);
        }
        if let Some(b) = self.negated(b) {
            let product = self.product(a, b);
            return self.negative(product);
        }
        match (self.as_number(a), self.as_number(b)) {
            (Some(1.0), _) => b,
            (_, Some(1.0)) => a,
            (Some(-1.0), _) => self.negative(b),
            (_, Some(-1.0)) => self.negative(a),
            (Some(x), Some(y)) if (x * y).is_finite() => self.number(x * y),
            // WGSL has no such constant.
            (Some(x), Some(y)) => {
                let infinity = self.call("infinity", Vec::new());
                if x * y < 0.0 { self.unary("-", infinity) } else { infinity }
            }
            // Signs outside, where they meet.
            (Some(x), None) if x.is_sign_negative() => {
                let number = self.number(-x);
                let product = self.product(number, b);
                self.negative(product)
            }
            // Numbers in front, where they meet.
            (None, Some(_)) => self.product(b, a),
            (Some(x), None) => match *self.node(b) {
                Node::Binary("*", inner, rest) => match self.as_number(inner) {
                    Some(y) if (x * y).is_finite() => {
                        let number = self.number(x * y);
                        self.product(number, rest)
                    }
                    _ => self.binary("*", a, b),
                },
                _ => self.binary("*", a, b),
            },
            _ => match self.known.get(&Node::Binary("*", b, a)) {
                Some(&same) => same,
                None => self.binary("*", a, b),
            },
        }
    }

    pub(super) fn quotient(&mut self, a: Term, b: Term) -> Term {
        if let (Some(x), Some(y)) = (self.as_number(a), self.as_number(b))
            && (x / y).is_finite()
        {
            return self.number(x / y);
        }
        match (self.negated(a), self.as_number(b)) {
            (_, Some(1.0)) => a,
            (Some(inner), _) => {
                let quotient = self.quotient(inner, b);
                self.negative(quotient)
            }
            _ => self.binary("/", a, b),
        }
    }

    pub(super) fn sum(&mut self, a: Term, b: Term) -> Term {
        if let (Some(x), Some(y)) = (self.as_number(a), self.as_number(b))
            && (x + y).is_finite()
        {
            return self.number(x + y);
        }
        if a == b {
            let two = self.number(2.0);
            return self.product(two, a);
        }
        match (self.negated(a), self.negated(b)) {
            (_, Some(b)) => self.difference(a, b),
            (Some(a), None) => self.difference(b, a),
            _ => self.binary("+", a, b),
        }
    }

    pub(super) fn difference(&mut self, a: Term, b: Term) -> Term {
        if let (Some(x), Some(y)) = (self.as_number(a), self.as_number(b))
            && (x - y).is_finite()
        {
            return self.number(x - y);
        }
        match (self.negated(a), self.negated(b)) {
            (_, Some(b)) => self.sum(a, b),
            (Some(a), None) => {
                let sum = self.sum(a, b);
                self.negative(sum)
            }
            _ => self.binary("-", a, b),
        }
    }

    /// `yes` where the condition holds, else `no`.
    pub(super) fn choice(&mut self, condition: Term, yes: Term, no: Term) -> Term {
        if yes == no { yes } else { self.call("select", vec![no, yes, condition]) }
    }

    pub(super) fn children(&self, term: Term) -> Vec<Term> {
        match self.node(term) {
            Node::Number(_) | Node::Name { .. } => Vec::new(),
            Node::Unary(_, x) | Node::Member(x, _) => vec![*x],
            Node::Binary(_, a, b) | Node::Index(a, b) => vec![*a, *b],
            Node::Call(_, arguments) => arguments.clone(),
        }
    }

    /// Whether a term is a name or a number that stays what it is, perhaps negative.
    pub(super) fn is_simple(&self, term: Term) -> bool {
        match self.node(term) {
            Node::Number(_) => true,
            Node::Name { kind, .. } => *kind != Kind::Variable,
            Node::Unary("-", x) => self.is_simple(*x),
            Node::Member(base, _) => self.is_simple(*base),
            _ => false,
        }
    }
}
