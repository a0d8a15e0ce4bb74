//! Operators by the type of their operands.

use naga::{BinaryOperator, RelationalFunction, ScalarKind, UnaryOperator};

use super::super::instruction::{Kind, Operation};
use super::masks::{AND, EQUAL, OR};

/// The second operand where the first holds, else the third.
pub(in super::super) const SELECT: Operation = Operation {
    wide: CHOICE.wide,
    kind: Kind::Select,
    // By bits: of a condition LLVM would make one load from either place, lane by lane.
    ..lanes!(|condition: u, accept: u, reject: u| -> u {
        (accept & condition) | (reject & !condition)
    })
};
const CHOICE: Operation =
    wide!(|condition, accept, reject| if condition != 0.0 { accept } else { reject });

// Those of floats that are done together with others.
pub(in super::super) const ADD: Operation = lanes!(|a: f, b: f| -> f { a + b }).of_kind(Kind::Add);
pub(in super::super) const SUBTRACT: Operation =
    lanes!(|a: f, b: f| -> f { a - b }).of_kind(Kind::Subtract);
pub(in super::super) const MULTIPLY: Operation =
    lanes!(|a: f, b: f| -> f { a * b }).of_kind(Kind::Multiply);
pub(in super::super) const LESS: Operation =
    lanes!(|a: f, b: f| -> b { a < b }).of_kind(Kind::Less);
pub(in super::super) const AT_MOST: Operation =
    lanes!(|a: f, b: f| -> b { a <= b }).of_kind(Kind::AtMost);
pub(in super::super) const GREATER: Operation =
    lanes!(|a: f, b: f| -> b { a > b }).of_kind(Kind::Greater);

pub(in super::super) fn unary(operator: UnaryOperator, kind: ScalarKind) -> Option<Operation> {
    let operation: Operation = match (operator, kind) {
        (UnaryOperator::Negate, ScalarKind::Float) => lanes!(|x: f| -> f { -x }),
        (UnaryOperator::Negate, ScalarKind::Sint) => lanes!(|x: i| -> i { x.wrapping_neg() }),
        (UnaryOperator::LogicalNot, ScalarKind::Bool) => lanes!(|x: b| -> b { !x }),
        (UnaryOperator::BitwiseNot, ScalarKind::Sint) => lanes!(|x: i| -> i { !x }),
        (UnaryOperator::BitwiseNot, ScalarKind::Uint) => lanes!(|x: u| -> u { !x }),
        _ => return None,
    };
    Some(operation)
}

/// An operator, where `kind` is the type of the left operand.
pub(in super::super) fn binary(operator: BinaryOperator, kind: ScalarKind) -> Option<Operation> {
    match kind {
        ScalarKind::Float => of_floats(operator),
        ScalarKind::Sint => of_signed(operator),
        ScalarKind::Uint => of_unsigned(operator),
        ScalarKind::Bool => of_booleans(operator),
        ScalarKind::AbstractInt | ScalarKind::AbstractFloat => None,
    }
}

macro_rules! comparison {
    ($operator:ident, $kind:ident) => {{
        let comparison: Operation = match $operator {
            BinaryOperator::Equal => lanes!(|a: $kind, b: $kind| -> b { a == b }),
            BinaryOperator::NotEqual => lanes!(|a: $kind, b: $kind| -> b { a != b }),
            BinaryOperator::Less => lanes!(|a: $kind, b: $kind| -> b { a < b }),
            BinaryOperator::LessEqual => lanes!(|a: $kind, b: $kind| -> b { a <= b }),
            BinaryOperator::Greater => lanes!(|a: $kind, b: $kind| -> b { a > b }),
            BinaryOperator::GreaterEqual => lanes!(|a: $kind, b: $kind| -> b { a >= b }),
            _ => return None,
        };
        comparison
    }};
}

fn of_floats(operator: BinaryOperator) -> Option<Operation> {
    let operation: Operation = match operator {
        BinaryOperator::Add => ADD,
        BinaryOperator::Subtract => SUBTRACT,
        BinaryOperator::Multiply => MULTIPLY,
        BinaryOperator::Divide => lanes!(|a: f, b: f| -> f { a / b }),
        BinaryOperator::Modulo => lanes!(|a: f, b: f| -> f { a % b }),
        BinaryOperator::Less => LESS,
        BinaryOperator::LessEqual => AT_MOST,
        BinaryOperator::Greater => GREATER,
        _ => comparison!(operator, f),
    };
    Some(operation)
}

/// Operators on integers: wrapped, x / 0 = x, x % 0 = 0, and shifts count modulo 32.
macro_rules! of_integers {
    ($name:ident, $kind:ident) => {
        fn $name(operator: BinaryOperator) -> Option<Operation> {
            let operation: Operation = match operator {
                BinaryOperator::Add => lanes!(|a: $kind, b: $kind| -> $kind { a.wrapping_add(b) }),
                BinaryOperator::Subtract => {
                    lanes!(|a: $kind, b: $kind| -> $kind { a.wrapping_sub(b) })
                }
                BinaryOperator::Multiply => {
                    lanes!(|a: $kind, b: $kind| -> $kind { a.wrapping_mul(b) })
                }
                BinaryOperator::Divide => lanes!(|a: $kind, b: $kind| -> $kind {
                    if b == 0 { a } else { a.wrapping_div(b) }
                }),
                BinaryOperator::Modulo => lanes!(|a: $kind, b: $kind| -> $kind {
                    if b == 0 { 0 } else { a.wrapping_rem(b) }
                }),
                BinaryOperator::And => lanes!(|a: $kind, b: $kind| -> $kind { a & b }),
                BinaryOperator::InclusiveOr => lanes!(|a: $kind, b: $kind| -> $kind { a | b }),
                BinaryOperator::ExclusiveOr => lanes!(|a: $kind, b: $kind| -> $kind { a ^ b }),
                BinaryOperator::ShiftLeft => {
                    lanes!(|a: $kind, b: u| -> $kind { a.wrapping_shl(b) })
                }
                BinaryOperator::ShiftRight => {
                    lanes!(|a: $kind, b: u| -> $kind { a.wrapping_shr(b) })
                }
                _ => comparison!(operator, $kind),
            };
            Some(operation)
        }
    };
}

of_integers!(of_signed, i);
of_integers!(of_unsigned, u);

fn of_booleans(operator: BinaryOperator) -> Option<Operation> {
    let operation: Operation = match operator {
        BinaryOperator::And | BinaryOperator::LogicalAnd => AND,
        BinaryOperator::InclusiveOr | BinaryOperator::LogicalOr => OR,
        BinaryOperator::ExclusiveOr | BinaryOperator::NotEqual => {
            lanes!(|a: u, b: u| -> u { a ^ b })
        }
        BinaryOperator::Equal => EQUAL,
        _ => return None,
    };
    Some(operation)
}

/// What combines the components.
pub(in super::super) fn relational(function: RelationalFunction) -> Option<Operation> {
    match function {
        RelationalFunction::All => of_booleans(BinaryOperator::And),
        RelationalFunction::Any => of_booleans(BinaryOperator::InclusiveOr),
        RelationalFunction::IsNan | RelationalFunction::IsInf => None,
    }
}
