//! Terms as text: which of them get a name, and how each is written.

use super::term::{Kind, Node, Term, Terms};
use naga::keywords::wgsl::BUILTIN_IDENTIFIERS;
use std::collections::{HashMap, HashSet};

/// How tightly an operator binds; 0 where WGSL wants parentheses around every operation.
fn precedence(operator: &str) -> u8 {
    match operator {
        "*" | "/" | "%" => 2,
        "+" | "-" => 1,
        _ => 0,
    }
}

/// A term that nests this deeply gets a name: compilers refuse what nests deeper than they like.
const DEEPEST: usize = 32;

/// What is known of the terms below some roots.
#[derive(Default)]
struct Seen {
    uses: HashMap<Term, usize>,
    /// How deeply a term nests, down to names.
    depths: HashMap<Term, usize>,
    /// Each after those that it is made of.
    order: Vec<Term>,
    /// Constants that the compiler must not compute with.
    kept: HashSet<Term>,
}

impl Terms {
    /// The terms below `roots` that get a name, each after those that it is made of: those in
    /// `wanted`, what nests too deeply, what occurs more than once and is more than a name, and a
    /// constant of an operation on constants alone. Those in `named` have one.
    pub(super) fn shared(
        &self,
        roots: &[Term],
        wanted: &HashMap<Term, String>,
        named: &HashMap<Term, String>,
    ) -> Vec<Term> {
        let mut seen = Seen::default();
        for &root in roots {
            self.visit(root, named, &mut seen);
        }
        let Seen { uses, depths, mut order, kept } = seen;
        order.retain(|term| {
            let shared = uses[term] > 1 && !self.is_cheap(*term);
            let named = wanted.contains_key(term) || kept.contains(term);
            shared || depths[term] == DEEPEST || named
        });
        order
    }

    /// Returns how deeply the term nests, 0 for what has a name already.
    fn visit(&self, term: Term, named: &HashMap<Term, String>, seen: &mut Seen) -> usize {
        // What has a name is not looked into.
        if named.contains_key(&term) {
            return 0;
        }
        let count = seen.uses.entry(term).or_default();
        *count += 1;
        if *count == 1 {
            let children = self.children(term).into_iter();
            // What nests too deeply has a name, and so starts again.
            let depth = children.map(|child| self.visit(child, named, seen) % DEEPEST).max();
            seen.depths.insert(term, depth.unwrap_or_default() + 1);
            seen.kept.extend(self.kept_from_compiler(term));
            seen.order.push(term);
        }
        seen.depths.get(&term).copied().unwrap_or_default()
    }

    /// Of an operation on constants alone, the one that gets a name, which makes it a number of the
    /// running program: the compiler would compute with numbers of no type, and refuse results that
    /// wrap, are infinite or NaN.
    fn kept_from_compiler(&self, term: Term) -> Option<Term> {
        let children = match self.node(term) {
            Node::Unary("-", x) if self.as_number(*x).is_none() => vec![*x],
            Node::Unary("~", x) => vec![*x],
            Node::Binary(_, a, b) => vec![*a, *b],
            Node::Call(name, of) if !self.is_constructor(name, of) => of.clone(),
            _ => Vec::new(),
        };
        let constant = children.iter().all(|&child| self.is_constant(child));
        children.first().copied().filter(|_| constant)
    }

    /// Whether the compiler knows what a term is, without computing anything.
    pub(super) fn is_constant(&self, term: Term) -> bool {
        match self.node(term) {
            Node::Number(_) => true,
            Node::Name { kind, .. } => *kind == Kind::Constant,
            Node::Unary("-", x) => self.as_number(*x).is_some(),
            Node::Unary("!", x) | Node::Member(x, _) => self.is_constant(*x),
            Node::Index(base, index) => self.is_constant(*base) && self.is_place(*index),
            Node::Call(name, of) => {
                self.is_constructor(name, of) && of.iter().all(|&x| self.is_constant(x))
            }
            Node::Unary(..) | Node::Binary(..) => false,
        }
    }

    /// Whether an index is that of a member which the text names.
    fn is_place(&self, index: Term) -> bool {
        match self.node(index) {
            Node::Name { text, .. } => text.starts_with(|c: char| c.is_ascii_digit()),
            _ => false,
        }
    }

    /// Whether a call puts its arguments together, and computes nothing, or is one of a function that is
    /// no constant whatever it is given.
    fn is_constructor(&self, name: &str, of: &[Term]) -> bool {
        let converts = || match of {
            [x] => !matches!(self.node(*x), Node::Number(_) | Node::Name { .. }),
            _ => false,
        };
        match name.split_once('<') {
            Some(("bitcast", _)) => false,
            Some(("array", _)) => true,
            Some(_) => !converts(),
            None => !BUILTIN_IDENTIFIERS.contains(&name),
        }
    }

    fn is_cheap(&self, term: Term) -> bool {
        match self.node(term) {
            Node::Number(_) | Node::Name { .. } => true,
            Node::Unary("-", x) => self.is_cheap(*x),
            Node::Member(base, _) => self.is_cheap(*base),
            Node::Call(name, arguments) => arguments.is_empty() && name.ends_with('>'),
            _ => false,
        }
    }

    /// The text of a term, with names for those in `named`.
    pub(super) fn text(&self, term: Term, named: &HashMap<Term, String>) -> String {
        if let Some(name) = named.get(&term) {
            return name.clone();
        }
        self.own_text(term, named)
    }

    /// The same where the term itself is about to get its name.
    pub(super) fn own_text(&self, term: Term, named: &HashMap<Term, String>) -> String {
        let text = |term: Term| self.text(term, named);
        match self.node(term) {
            Node::Number(bits) => format!("{:?}", f32::from_bits(*bits)),
            Node::Name { text, .. } => text.clone(),
            Node::Unary(operator, x) => format!("{operator}{}", self.operand(*x, named, 3)),
            Node::Binary(operator, a, b) => {
                let own = precedence(operator);
                let (left, right) = if own == 0 { (3, 3) } else { (own, own + 1) };
                let left = self.operand(*a, named, left);
                format!("{left} {operator} {}", self.operand(*b, named, right))
            }
            Node::Call(name, of) => {
                // `f(a < b, c > (d))` would be a template.
                let argument = |(i, &x): (usize, &Term)| match self.node(x) {
                    Node::Binary("<", ..) if i + 1 < of.len() => self.operand(x, named, 1),
                    _ => text(x),
                };
                let arguments: Vec<String> = of.iter().enumerate().map(argument).collect();
                format!("{name}({})", arguments.join(", "))
            }
            Node::Member(base, name) => format!("{}.{name}", self.operand(*base, named, 4)),
            Node::Index(base, i) => format!("{}[{}]", self.operand(*base, named, 4), text(*i)),
        }
    }

    /// An operand, in parentheses where it binds less than `least`: 1 a sum, 2 a product, 3 a
    /// negative number or a minus, 4 what may have a member.
    fn operand(&self, term: Term, named: &HashMap<Term, String>, least: u8) -> String {
        let text = self.text(term, named);
        let own = match self.node(term) {
            _ if named.contains_key(&term) => 4,
            Node::Binary(operator, ..) => precedence(operator),
            Node::Unary(..) => 2,
            Node::Number(bits) if f32::from_bits(*bits).is_sign_negative() => 2,
            Node::Name { text, .. } if text.starts_with('-') => 2,
            _ => 4,
        };
        if own < least { format!("({text})") } else { text }
    }
}
