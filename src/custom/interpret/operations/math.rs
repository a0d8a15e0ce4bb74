//! Built-in functions that work on each component for itself.

use naga::{MathFunction, ScalarKind};

use super::super::instruction::Operation;
use super::bits;
use super::lane::{clamped, maximum, minimum, power, sign, signed, truth};

pub(in super::super) const SQUARE_ROOT: Operation = lanes!(|x| x.sqrt());
pub(in super::super) const TRUNCATE: Operation = lanes!(|x| x.trunc());
/// The two parts of frexp's result: x = fraction 2^exponent with |fraction| in [1/2, 1).
pub(in super::super) const FREXP_FRACTION: Operation = lanes!(|x| scaled(x, -exponent(x)));
pub(in super::super) const FREXP_EXPONENT: Operation = lanes!(|x| f64::from(exponent(x)));

/// The function of arguments whose first one has this type.
pub(in super::super) fn math(function: MathFunction, kind: ScalarKind) -> Option<Operation> {
    let of_any: Operation = match function {
        MathFunction::Min => lanes!(|a, b| minimum(a, b)),
        MathFunction::Max => lanes!(|a, b| maximum(a, b)),
        MathFunction::Clamp => lanes!(|x, low, high| clamped(x, low, high)),
        MathFunction::Sign => lanes!(|x| sign(x)),
        // Only -2^31 has no opposite, and is its own.
        MathFunction::Abs if kind == ScalarKind::Sint => {
            lanes!(|x| f64::from(signed(x).wrapping_abs()))
        }
        MathFunction::Abs => lanes!(|x| x.abs()),
        _ if kind == ScalarKind::Float => {
            return elementary(function).or_else(|| trigonometric(function));
        }
        _ => return bits::integer(function, kind),
    };
    Some(of_any)
}

fn elementary(function: MathFunction) -> Option<Operation> {
    let operation: Operation = match function {
        MathFunction::Saturate => lanes!(|x| clamped(x, 0.0, 1.0)),
        MathFunction::Floor => lanes!(|x| x.floor()),
        MathFunction::Ceil => lanes!(|x| x.ceil()),
        MathFunction::Round => lanes!(|x| x.round_ties_even()),
        MathFunction::Trunc => TRUNCATE,
        MathFunction::Fract => lanes!(|x| x - x.floor()),
        MathFunction::Step => lanes!(|edge, x| truth(edge <= x)),
        MathFunction::SmoothStep => lanes!(|low, high, x| smooth_step(low, high, x)),
        MathFunction::Mix => lanes!(|a, b, t| a * (1.0 - t) + b * t),
        // Two roundings: a float64 that is rounded once costs a slow call.
        MathFunction::Fma => lanes!(|a, b, c| a * b + c),
        MathFunction::Exp => lanes!(|x| x.exp()),
        MathFunction::Exp2 => lanes!(|x| x.exp2()),
        MathFunction::Log => lanes!(|x| x.ln()),
        MathFunction::Log2 => lanes!(|x| x.log2()),
        MathFunction::Pow => lanes!(|base, exponent| power(base, exponent)),
        MathFunction::Sqrt => SQUARE_ROOT,
        MathFunction::InverseSqrt => lanes!(|x| 1.0 / x.sqrt()),
        MathFunction::Ldexp => lanes!(|x, exponent| scaled(x, signed(exponent))),
        MathFunction::QuantizeToF16 => lanes!(|x| half::f16::from_f64(x).to_f64()),
        _ => return None,
    };
    Some(operation)
}

fn trigonometric(function: MathFunction) -> Option<Operation> {
    let operation: Operation = match function {
        MathFunction::Sin => lanes!(|x| x.sin()),
        MathFunction::Cos => lanes!(|x| x.cos()),
        MathFunction::Tan => lanes!(|x| x.tan()),
        MathFunction::Asin => lanes!(|x| x.asin()),
        MathFunction::Acos => lanes!(|x| x.acos()),
        MathFunction::Atan => lanes!(|x| x.atan()),
        MathFunction::Atan2 => lanes!(|y, x| y.atan2(x)),
        MathFunction::Sinh => lanes!(|x| x.sinh()),
        MathFunction::Cosh => lanes!(|x| x.cosh()),
        MathFunction::Tanh => lanes!(|x| x.tanh()),
        MathFunction::Asinh => lanes!(|x| x.asinh()),
        MathFunction::Acosh => lanes!(|x| x.acosh()),
        MathFunction::Atanh => lanes!(|x| x.atanh()),
        MathFunction::Radians => lanes!(|x| x.to_radians()),
        MathFunction::Degrees => lanes!(|x| x.to_degrees()),
        _ => return None,
    };
    Some(operation)
}

fn smooth_step(low: f64, high: f64, x: f64) -> f64 {
    let t = clamped((x - low) / (high - low), 0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
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
