//! How large kernels are once all functions are inlined, as drivers do: the time that a compiler takes
//! may grow faster than that.

use naga::{Block, Constant, Expression, Function, Handle, Literal, Module, Statement, TypeInner};
use std::collections::HashMap;

/// What an entry point and all that it calls come to, each function as often as it is called. A loop
/// counts as one round, and a branch that a constant rules out not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    /// Places where the flow of control parts: `if`, `switch`, loops, `&&` and `||`.
    pub(super) branches: usize,
    /// The numbers that operations compute.
    pub(super) operations: usize,
}

impl Size {
    /// The more of each.
    pub(super) fn most(self, other: Self) -> Self {
        Self {
            branches: self.branches.max(other.branches),
            operations: self.operations.max(other.operations),
        }
    }
}

impl std::ops::Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            branches: self.branches + other.branches,
            operations: self.operations + other.operations,
        }
    }
}

impl std::iter::Sum for Size {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| sum + one)
    }
}

const BRANCH: Size = Size { branches: 1, operations: 0 };

pub(super) fn size(module: &Module, info: &naga::valid::ModuleInfo) -> Size {
    let mut called = HashMap::new();
    // A function stands behind those that it calls.
    for (handle, function) in module.functions.iter() {
        let count = Counted { module, function, info: &info[handle], called: &called };
        let count = count.of_block(&function.body);
        called.insert(handle, count);
    }
    let function = &module.entry_points[0].function;
    let count = Counted { module, function, info: info.get_entry_point(0), called: &called };
    count.of_block(&function.body)
}

/// A function that is counted, with those that it calls.
struct Counted<'a> {
    module: &'a Module,
    function: &'a Function,
    info: &'a naga::valid::FunctionInfo,
    called: &'a HashMap<Handle<Function>, Size>,
}

impl Counted<'_> {
    fn of_block(&self, block: &Block) -> Size {
        block.iter().map(|statement| self.of_statement(statement)).sum()
    }

    fn of_statement(&self, statement: &Statement) -> Size {
        match statement {
            Statement::Emit(range) => {
                let operations = range.clone().map(|handle| self.numbers(handle)).sum();
                Size { operations, ..Size::default() }
            }
            Statement::Block(block) => self.of_block(block),
            Statement::If { condition, accept, reject } => match self.constant(*condition) {
                Some(true) => self.of_block(accept),
                Some(false) => self.of_block(reject),
                None => BRANCH + self.of_block(accept) + self.of_block(reject),
            },
            Statement::Switch { cases, .. } => {
                cases.iter().map(|case| BRANCH + self.of_block(&case.body)).sum()
            }
            Statement::Loop { body, continuing, .. } => {
                BRANCH + self.of_block(body) + self.of_block(continuing)
            }
            Statement::Call { function, .. } => self.called[function],
            _ => Size::default(),
        }
    }

    /// The numbers that an operation computes.
    fn numbers(&self, handle: Handle<Expression>) -> usize {
        let operation = matches!(
            self.function.expressions[handle],
            Expression::Binary { .. }
                | Expression::Unary { .. }
                | Expression::Select { .. }
                | Expression::Math { .. }
                | Expression::Relational { .. }
                | Expression::As { convert: Some(_), .. }
        );
        let numbers = match self.info[handle].ty.inner_with(&self.module.types) {
            TypeInner::Vector { size, .. } => *size as usize,
            TypeInner::Matrix { columns, rows, .. } => *columns as usize * *rows as usize,
            _ => 1,
        };
        if operation { numbers } else { 0 }
    }

    /// What a condition is, where that is a constant.
    fn constant(&self, condition: Handle<Expression>) -> Option<bool> {
        let value = match self.function.expressions[condition] {
            Expression::Constant(constant) => {
                let Constant { init, .. } = self.module.constants[constant];
                &self.module.global_expressions[init]
            }
            ref other => other,
        };
        match value {
            Expression::Literal(Literal::Bool(holds)) => Some(*holds),
            _ => None,
        }
    }
}
