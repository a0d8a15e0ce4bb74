//! Terms as text: which of them get a name, and how each is written.

use super::term::{Node, Term, Terms};
use std::collections::HashMap;

/// How tightly an operator binds; 0 where WGSL wants parentheses around every operation.
fn precedence(operator: &str) -> u8 {
    match operator {
        "*" | "/" | "%" => 2,
        "+" | "-" => 1,
        _ => 0,
    }
}

impl Terms {
    /// The terms below `roots` that get a name, each after those that it is made of: those in
    /// `wanted`, and what occurs more than once and is more than a name. Those in `named` have one.
    pub(super) fn shared(
        &self,
        roots: &[Term],
        wanted: &HashMap<Term, String>,
        named: &HashMap<Term, String>,
    ) -> Vec<Term> {
        // What has a name is not looked into.
        let mut uses: HashMap<Term, usize> = named.keys().map(|&term| (term, 1)).collect();
        let mut order = Vec::new();
        for &root in roots {
            self.visit(root, &mut uses, &mut order);
        }
        order.retain(|term| wanted.contains_key(term) || uses[term] > 1 && !self.is_cheap(*term));
        order
    }

    fn visit(&self, term: Term, uses: &mut HashMap<Term, usize>, order: &mut Vec<Term>) {
        let count = uses.entry(term).or_default();
        *count += 1;
        if *count == 1 {
            self.children(term).into_iter().for_each(|child| self.visit(child, uses, order));
            order.push(term);
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
