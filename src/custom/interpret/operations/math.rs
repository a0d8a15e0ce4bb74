//! Built-in functions that work on each component for itself.

use naga::{MathFunction, ScalarKind};

use super::super::instruction::{Kind, Operation};
use super::bits;
use super::masks::COPY;
use super::real::Real;
use super::whole::signed;

pub(in super::super) const SQUARE_ROOT: Operation = lanes!(|x: f| -> f { x.sqrt() });
pub(in super::super) const TRUNCATE: Operation = lanes!(|x: f| -> f { x.trunc() });
pub(in super::super) const ABS: Operation = lanes!(|x: f| -> f { x.abs() }).of_kind(Kind::Absolute);
/// The two parts of frexp's result: x = fraction 2^exponent with |fraction| in [1/2, 1).
pub(in super::super) const FREXP_FRACTION: Operation = rounded!(|x| scaled(x, -exponent(x)));
pub(in super::super) const FREXP_EXPONENT: Operation = lanes!(|x: f| -> i { exponent(x.wide()) });

/// The function of arguments whose first one has this type.
pub(in super::super) fn math(function: MathFunction, kind: ScalarKind) -> Option<Operation> {
    let operation: Operation = match (function, kind) {
        (MathFunction::Min, ScalarKind::Sint) => lanes!(|a: i, b: i| -> i { a.min(b) }),
        (MathFunction::Min, ScalarKind::Uint) => lanes!(|a: u, b: u| -> u { a.min(b) }),
        (MathFunction::Max, ScalarKind::Sint) => lanes!(|a: i, b: i| -> i { a.max(b) }),
        (MathFunction::Max, ScalarKind::Uint) => lanes!(|a: u, b: u| -> u { a.max(b) }),
        (MathFunction::Clamp, ScalarKind::Sint) => {
            lanes!(|x: i, low: i, high: i| -> i { x.max(low).min(high) })
        }
        (MathFunction::Clamp, ScalarKind::Uint) => {
            lanes!(|x: u, low: u, high: u| -> u { x.max(low).min(high) })
        }
        (MathFunction::Sign, ScalarKind::Sint) => lanes!(|x: i| -> i { x.signum() }),
        // Only -2^31 has no opposite, and is its own.
        (MathFunction::Abs, ScalarKind::Sint) => lanes!(|x: i| -> i { x.wrapping_abs() }),
        (MathFunction::Abs, ScalarKind::Uint) => COPY,
        (_, ScalarKind::Float) => {
            return arithmetic(function)
                .or_else(|| elementary(function).map(|own| own.costs(12)))
                .or_else(|| trigonometric(function).map(|own| own.costs(30)));
        }
        _ => return bits::integer(function, kind),
    };
    Some(operation)
}

fn arithmetic(function: MathFunction) -> Option<Operation> {
    let operation: Operation = match function {
        MathFunction::Min => lanes!(|a: f, b: f| -> f { a.smaller(b) }),
        MathFunction::Max => lanes!(|a: f, b: f| -> f { a.larger(b) }),
        MathFunction::Clamp => lanes!(|x: f, low: f, high: f| -> f { x.clamped(low, high) }),
        MathFunction::Sign => lanes!(|x: f| -> f { x.sign() }).of_kind(Kind::Sign),
        MathFunction::Abs => ABS,
        MathFunction::Saturate => lanes!(|x: f| -> f { x.clamped(0.0, 1.0) }),
        MathFunction::Floor => lanes!(|x: f| -> f { x.floor() }),
        MathFunction::Ceil => lanes!(|x: f| -> f { x.ceil() }),
        MathFunction::Round => lanes!(|x: f| -> f { x.round_ties_even() }),
        MathFunction::Trunc => TRUNCATE,
        MathFunction::Fract => lanes!(|x: f| -> f { x - x.floor() }),
        MathFunction::Step => lanes!(|edge: f, x: f| -> f { if edge <= x { 1.0 } else { 0.0 } }),
        MathFunction::SmoothStep => lanes!(|low: f, high: f, x: f| -> f {
            let t = ((x - low) / (high - low)).clamped(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        }),
        MathFunction::Mix => lanes!(|a: f, b: f, t: f| -> f { a * (1.0 - t) + b * t }),
        // A float64 that is rounded once costs a slow call.
        MathFunction::Fma => rounded!(|a, b, c| a * b + c),
        _ => return None,
    };
    Some(operation)
}

fn elementary(function: MathFunction) -> Option<Operation> {
    let operation: Operation = match function {
        MathFunction::Exp => lanes!(|x: f| -> f { x.exponential() }).of_kind(Kind::Exponential),
        MathFunction::Exp2 => rounded!(|x| x.exp2()),
        MathFunction::Log => lanes!(|x: f| -> f { x.logarithm() }),
        MathFunction::Log2 => rounded!(|x| x.log2()),
        MathFunction::Pow => lanes!(|base: f, exponent: f| -> f { base.power(exponent) }),
        MathFunction::Sqrt => SQUARE_ROOT,
        MathFunction::InverseSqrt => lanes!(|x: f| -> f { 1.0 / x.sqrt() }),
        MathFunction::Ldexp => {
            lanes!(|x: f, exponent: i| -> f { Real::of_wide(scaled(x.wide(), exponent)) })
        }
        MathFunction::QuantizeToF16 => rounded!(|x| half::f16::from_f64(x).to_f64()),
        _ => return None,
    };
    Some(operation)
}

fn trigonometric(function: MathFunction) -> Option<Operation> {
    let operation: Operation = match function {
        MathFunction::Sin => rounded!(|x| x.sin()),
        MathFunction::Cos => rounded!(|x| x.cos()),
        MathFunction::Tan => rounded!(|x| x.tan()),
        MathFunction::Asin => rounded!(|x| x.asin()),
        MathFunction::Acos => rounded!(|x| x.acos()),
        MathFunction::Atan => lanes!(|x: f| -> f { x.arctangent() }),
        MathFunction::Atan2 => rounded!(|y, x| y.atan2(x)),
        MathFunction::Sinh => rounded!(|x| x.sinh()),
        MathFunction::Cosh => rounded!(|x| x.cosh()),
        MathFunction::Tanh => lanes!(|x: f| -> f { x.hyperbolic_tangent() }),
        MathFunction::Asinh => rounded!(|x| x.asinh()),
        MathFunction::Acosh => rounded!(|x| x.acosh()),
        MathFunction::Atanh => rounded!(|x| x.atanh()),
        MathFunction::Radians => rounded!(|x| x.to_radians()),
        MathFunction::Degrees => rounded!(|x| x.to_degrees()),
        _ => return None,
    };
    Some(operation)
}

/// x 2^exponent, in two steps because 2^exponent alone may be outside float64.
fn scaled(x: f64, exponent: i32) -> f64 {
    let exponent = exponent.clamp(-2000, 2000);
    let half = exponent / 2;
    x * 2.0f64.powi(half) * 2.0f64.powi(exponent - half)
}

/// One more than the exponent of the largest power of two in |x|. It is 0 where there is none.
fn exponent(x: f64) -> i32 {
    if x == 0.0 || !x.is_finite() {
        return 0;
    }
    if x.is_subnormal() {
        return exponent(x * 2.0f64.powi(100)) - 100;
    }
    signed(f64::from(u16::try_from(x.abs().to_bits() >> 52).unwrap_or(0))) - 1022
}
