//! Random programs: their trees, their WGSL, and what they come to.

mod run;
mod text;
mod values;

use crate::common::Random;
use run::Run;
pub(crate) use text::NAMES;
pub(crate) use values::Type;
use values::Type::{Bool, Float, Signed, Unsigned};
use values::{HELPER, OPERATIONS, Operation, Value};

#[derive(Debug)]
enum Tree {
    Literal(Value),
    Name(usize),
    Operation(usize, Vec<Tree>),
}

#[derive(Debug)]
enum Statement {
    Let(usize, Tree),
    Var(usize, Tree),
    Assign(usize, Tree),
    If(Tree, Vec<Statement>, Vec<Statement>),
    /// A name that counts so many rounds, in which one more condition may go on to the next.
    For(usize, i32, Tree, Vec<Statement>),
    Switch(Tree, [Vec<Statement>; 3]),
    /// Returns where the condition holds.
    Return(Tree, Tree),
}

/// An argument: a number, or a vector of so many floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Argument {
    Number(Type),
    Vector(usize),
}

impl Argument {
    /// The types of its numbers.
    pub(crate) fn kinds(self) -> Vec<Type> {
        match self {
            Self::Number(kind) => vec![kind],
            Self::Vector(size) => vec![Float; size],
        }
    }
}

/// A function: the numbers of its arguments are the first names.
#[derive(Debug)]
struct Body {
    arguments: Vec<Argument>,
    /// The types of all names.
    names: Vec<Type>,
    statements: Vec<Statement>,
    result: Tree,
}

#[derive(Debug)]
pub(crate) struct Program {
    helper: Body,
    value: Body,
}

/// Noise of the size of float32's rounding.
pub(crate) struct Noise(Option<Random>);

impl Noise {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new(seed: u64) -> Self {
        Self(Some(Random(seed + 1)))
    }

    fn near(&mut self, x: f64) -> f64 {
        self.0.as_mut().map_or(x, |random| x * (1.0 + (random.unit() - 0.5) * 2f64.powi(-21)))
    }
}

/// Makes one function.
struct Maker<'r> {
    random: &'r mut Random,
    names: Vec<Type>,
    /// The names in scope, and whether they can be assigned to.
    scope: Vec<(usize, bool)>,
    /// Whether there is a helper to call.
    helps: bool,
}

impl<'r> Maker<'r> {
    fn new(random: &'r mut Random, helps: bool) -> Self {
        Self { random, names: Vec::new(), scope: Vec::new(), helps }
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.random.unit() * count as f64) as usize).min(count - 1)
    }

    fn name_of(&mut self, kind: Type) -> Option<usize> {
        let known: Vec<usize> =
            self.scope.iter().map(|own| own.0).filter(|&i| self.names[i] == kind).collect();
        (!known.is_empty()).then(|| known[self.below(known.len())])
    }

    fn literal(&mut self, kind: Type) -> Tree {
        const INTEGERS: [i32; 6] = [1, 3, 7, 255, 1_664_525, i32::MAX];
        let integer = INTEGERS[self.below(6)];
        Tree::Literal(match kind {
            Float => Value::Float(f64::from(integer % 64) / 16.0),
            Signed => Value::Signed(integer),
            Unsigned => Value::Unsigned(integer.cast_unsigned()),
            Bool => Value::Bool(integer % 2 == 0),
        })
    }

    /// A number as this type, where no name has it: a literal would be a constant.
    fn converted(&mut self, kind: Type) -> Tree {
        let is_it = |operation: &Operation| operation.0 == kind && operation.1 == [Float];
        match (OPERATIONS.iter().position(is_it), self.name_of(Float)) {
            (Some(operation), Some(name)) if kind != Bool => {
                Tree::Operation(operation, vec![Tree::Name(name)])
            }
            _ => self.literal(kind),
        }
    }

    /// A tree of this type, which is no literal.
    fn tree(&mut self, kind: Type, levels: usize) -> Tree {
        if levels == 0 || self.below(6) == 0 {
            return match self.name_of(kind) {
                Some(name) => Tree::Name(name),
                None => self.converted(kind),
            };
        }
        let fitting: Vec<usize> = (0..OPERATIONS.len())
            .filter(|&i| OPERATIONS[i].0 == kind && (self.helps || OPERATIONS[i].2 != HELPER))
            .collect();
        let operation = fitting[self.below(fitting.len())];
        let kinds = OPERATIONS[operation].1;
        let mut of = Vec::new();
        for (i, &kind) in kinds.iter().enumerate() {
            // A literal alone would be a constant expression, which may not wrap.
            let literal = i == 1 && kind != Bool && self.below(4) == 0;
            of.push(if literal { self.literal(kind) } else { self.tree(kind, levels - 1) });
        }
        Tree::Operation(operation, of)
    }

    fn declared(&mut self, kind: Type, changes: bool) -> usize {
        self.names.push(kind);
        self.scope.push((self.names.len() - 1, changes));
        self.names.len() - 1
    }

    fn kind(&mut self) -> Type {
        [Float, Float, Float, Signed, Signed, Unsigned, Bool][self.below(7)]
    }

    fn statement(&mut self, levels: usize) -> Statement {
        let most = if levels == 0 { 6 } else { 11 };
        match self.below(most) {
            0 => {
                // A let of a literal stays what it is.
                let kind = self.kind();
                let tree = self.literal(kind);
                Statement::Let(self.declared(kind, false), tree)
            }
            1 | 2 => {
                let kind = self.kind();
                let tree = self.tree(kind, 3);
                Statement::Let(self.declared(kind, false), tree)
            }
            3 => {
                let kind = self.kind();
                let tree = self.tree(kind, 2);
                Statement::Var(self.declared(kind, true), tree)
            }
            4 | 5 => {
                let known: Vec<usize> =
                    self.scope.iter().filter(|own| own.1).map(|own| own.0).collect();
                let name = known[self.below(known.len())];
                Statement::Assign(name, self.tree(self.names[name], 3))
            }
            6 | 7 => {
                let condition = self.tree(Bool, 2);
                let accept = self.block(levels - 1);
                let reject = if self.below(2) == 0 { self.block(levels - 1) } else { Vec::new() };
                Statement::If(condition, accept, reject)
            }
            8 => {
                let rounds = self.below(4) as i32;
                let count = self.scope.len();
                let name = self.declared(Signed, false);
                let goes_on = self.tree(Bool, 1);
                let body = self.block(levels - 1);
                self.scope.truncate(count);
                Statement::For(name, rounds, goes_on, body)
            }
            9 => {
                let selector = self.tree(Signed, 2);
                Statement::Switch(selector, [0, 1, 2].map(|_| self.block(levels - 1)))
            }
            _ => Statement::Return(self.tree(Bool, 2), self.tree(Float, 2)),
        }
    }

    fn block(&mut self, levels: usize) -> Vec<Statement> {
        let count = self.scope.len();
        let statements = (0..1 + self.below(3)).map(|_| self.statement(levels)).collect();
        self.scope.truncate(count);
        statements
    }

    /// Two floats, and others of all types.
    fn arguments(&mut self) -> Vec<Argument> {
        let mut all = vec![Argument::Number(Float), Argument::Number(Float)];
        for _ in 0..self.below(4) {
            let own = [
                Argument::Number(Float),
                Argument::Number(Signed),
                Argument::Number(Unsigned),
                Argument::Number(Bool),
                Argument::Vector(2),
                Argument::Vector(3),
                Argument::Vector(4),
            ][self.below(7)];
            let place = self.below(all.len() + 1);
            all.insert(place, own);
        }
        all
    }

    fn body(mut self, arguments: &[Argument]) -> Body {
        for kind in arguments.iter().flat_map(|own| own.kinds()) {
            self.declared(kind, false);
        }
        let mut statements = Vec::new();
        // One of each type, to begin with.
        let scaled = |own: &mut Self, text: &str| {
            let place = OPERATIONS
                .iter()
                .position(|operation| operation.2 == text && operation.1 == [Float]);
            let x = own.tree(Float, 1);
            Tree::Operation(place.expect("an operation"), vec![x])
        };
        let n = scaled(&mut self, "i32($)");
        statements.push(Statement::Var(self.declared(Signed, true), n));
        let u = scaled(&mut self, "u32($)");
        statements.push(Statement::Let(self.declared(Unsigned, false), u));
        let b = self.tree(Bool, 1);
        statements.push(Statement::Let(self.declared(Bool, false), b));
        let y = self.tree(Float, 2);
        statements.push(Statement::Var(self.declared(Float, true), y));
        for _ in 0..6 {
            statements.push(self.statement(2));
        }
        let result = self.tree(Float, 4);
        Body { arguments: arguments.to_vec(), names: self.names, statements, result }
    }
}

impl Program {
    pub(crate) fn random(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let numbers = [Float, Signed, Bool].map(Argument::Number);
        let helper = Maker::new(&mut random, false).body(&numbers);
        let mut maker = Maker::new(&mut random, true);
        let arguments = maker.arguments();
        let value = maker.body(&arguments);
        Self { helper, value }
    }

    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.helper.text("helper"), self.value.text("value"))
    }

    pub(crate) fn arguments(&self) -> &[Argument] {
        &self.value.arguments
    }

    pub(crate) fn value(&self, x: &[f64], noise: &mut Noise) -> f64 {
        let kinds = self.value.arguments.iter().flat_map(|own| own.kinds());
        let value = |(&x, kind): (&f64, Type)| match kind {
            Float => Value::Float(x),
            Signed => Value::Signed(x as i32),
            Unsigned => Value::Unsigned(x as u32),
            Bool => Value::Bool(x != 0.0),
        };
        let arguments = x.iter().zip(kinds).map(value).collect();
        Run { body: &self.value, helper: Some(&self.helper), names: arguments, noise }.result()
    }
}
