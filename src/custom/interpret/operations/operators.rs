//! Operators by the type of their operands.

use naga::{BinaryOperator, RelationalFunction, ScalarKind, UnaryOperator};

use super::super::instruction::Operation;
use super::lane::{signed, truth, unsigned};

/// The second operand where the first is not 0, else the third.
pub(in super::super) const SELECT: Operation =
    lanes!(|condition, accept, reject| if condition != 0.0 { accept } else { reject });

pub(in super::super) fn unary(operator: UnaryOperator, kind: ScalarKind) -> Option<Operation> {
    let operation: Operation = match (operator, kind) {
        (UnaryOperator::Negate, ScalarKind::Float) => lanes!(|x| -x),
        (UnaryOperator::Negate, ScalarKind::Sint) => {
            lanes!(|x| f64::from(signed(x).wrapping_neg()))
        }
        (UnaryOperator::LogicalNot, ScalarKind::Bool) => lanes!(|x| truth(x == 0.0)),
        (UnaryOperator::BitwiseNot, ScalarKind::Sint) => lanes!(|x| f64::from(!signed(x))),
        (UnaryOperator::BitwiseNot, ScalarKind::Uint) => lanes!(|x| f64::from(!unsigned(x))),
        _ => return None,
    };
    Some(operation)
}

/// An operator, where `kind` is the type of the left operand.
pub(in super::super) fn binary(operator: BinaryOperator, kind: ScalarKind) -> Option<Operation> {
    let comparison: Operation = match operator {
        BinaryOperator::Equal => lanes!(|a, b| truth(a == b)),
        BinaryOperator::NotEqual => lanes!(|a, b| truth(a != b)),
        BinaryOperator::Less => lanes!(|a, b| truth(a < b)),
        BinaryOperator::LessEqual => lanes!(|a, b| truth(a <= b)),
        BinaryOperator::Greater => lanes!(|a, b| truth(a > b)),
        BinaryOperator::GreaterEqual => lanes!(|a, b| truth(a >= b)),
        _ => {
            return match kind {
                ScalarKind::Float => of_floats(operator),
                ScalarKind::Sint => of_signed(operator),
                ScalarKind::Uint => of_unsigned(operator),
                ScalarKind::Bool => of_booleans(operator),
                ScalarKind::AbstractInt | ScalarKind::AbstractFloat => None,
            };
        }
    };
    Some(comparison)
}

fn of_floats(operator: BinaryOperator) -> Option<Operation> {
    let operation: Operation = match operator {
        BinaryOperator::Add => lanes!(|a, b| a + b),
        BinaryOperator::Subtract => lanes!(|a, b| a - b),
        BinaryOperator::Multiply => lanes!(|a, b| a * b),
        BinaryOperator::Divide => lanes!(|a, b| a / b),
        BinaryOperator::Modulo => lanes!(|a, b| a % b),
        _ => return None,
    };
    Some(operation)
}

/// Operators on integers: wrapped, x / 0 = x, x % 0 = 0, and shifts count modulo 32.
macro_rules! of_integers {
    ($name:ident, $convert:ident) => {
        fn $name(operator: BinaryOperator) -> Option<Operation> {
            let operation: Operation = match operator {
                BinaryOperator::Add => {
                    lanes!(|a, b| f64::from($convert(a).wrapping_add($convert(b))))
                }
                BinaryOperator::Subtract => {
                    lanes!(|a, b| f64::from($convert(a).wrapping_sub($convert(b))))
                }
                BinaryOperator::Multiply => {
                    lanes!(|a, b| f64::from($convert(a).wrapping_mul($convert(b))))
                }
                BinaryOperator::Divide => lanes!(|a, b| match $convert(b) {
                    0 => a,
                    b => f64::from($convert(a).wrapping_div(b)),
                }),
                BinaryOperator::Modulo => lanes!(|a, b| match $convert(b) {
                    0 => 0.0,
                    b => f64::from($convert(a).wrapping_rem(b)),
                }),
                BinaryOperator::And => lanes!(|a, b| f64::from($convert(a) & $convert(b))),
                BinaryOperator::InclusiveOr => lanes!(|a, b| f64::from($convert(a) | $convert(b))),
                BinaryOperator::ExclusiveOr => lanes!(|a, b| f64::from($convert(a) ^ $convert(b))),
                BinaryOperator::ShiftLeft => {
                    lanes!(|a, b| f64::from($convert(a).wrapping_shl(unsigned(b))))
                }
                BinaryOperator::ShiftRight => {
                    lanes!(|a, b| f64::from($convert(a).wrapping_shr(unsigned(b))))
                }
                _ => return None,
            };
            Some(operation)
        }
    };
}

of_integers!(of_signed, signed);
of_integers!(of_unsigned, unsigned);

fn of_booleans(operator: BinaryOperator) -> Option<Operation> {
    let operation: Operation = match operator {
        BinaryOperator::And | BinaryOperator::LogicalAnd => {
            lanes!(|a, b| truth(a != 0.0 && b != 0.0))
        }
        BinaryOperator::InclusiveOr | BinaryOperator::LogicalOr => {
            lanes!(|a, b| truth(a != 0.0 || b != 0.0))
        }
        BinaryOperator::ExclusiveOr => lanes!(|a, b| truth(a != b)),
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
