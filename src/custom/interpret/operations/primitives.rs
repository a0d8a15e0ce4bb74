//! The functions of `numeric.wgsl` as the mathematics that they approximate.

use std::f64::consts::LN_2;

use super::super::instruction::Operation;
use super::lane::{clamped, maximum, minimum, power, sign, truth};

/// What a function of this name in `numeric.wgsl` stands for.
pub(in super::super) fn primitive(name: &str) -> Option<Operation> {
    let operation: Operation = match name {
        "exponential" => lanes!(|x| x.exp()),
        "exponential_minus_one" => lanes!(|x| x.exp_m1()),
        "logarithm" => lanes!(|x| x.ln()),
        "logarithm_one_plus" => lanes!(|x| x.ln_1p()),
        "sigmoid" => lanes!(|x| sigmoid(x)),
        "log_sigmoid" => lanes!(|x| minimum(x, 0.0) - (-x.abs()).exp().ln_1p()),
        "softplus" => lanes!(|x| softplus(x)),
        "softplus_sum" => lanes!(|x, yes, no| softplus_sum(x, yes, no)),
        "softplus_sum_slope" => lanes!(|x, yes, no| no * sigmoid(x) - yes * sigmoid(-x)),
        "hyperbolic_tangent" => lanes!(|x| x.tanh()),
        "log_cosh" => lanes!(|x| log_cosh(x)),
        "power" => lanes!(|base, exponent| power(base, exponent)),
        "signed_power" => lanes!(|base, exponent| base.powf(exponent)),
        "maximum" => lanes!(|a, b| maximum(a, b)),
        "minimum" => lanes!(|a, b| minimum(a, b)),
        "sign_of" => lanes!(|x| sign(x)),
        "clamped" => lanes!(|x, low, high| clamped(x, low, high)),
        "silenced" => lanes!(|factor, term| silenced(factor, term)),
        "is_less" => lanes!(|a, b| truth(a < b)),
        "is_at_most" => lanes!(|a, b| truth(a <= b)),
        "is_equal" => lanes!(|a, b| truth(a == b)),
        "hidden_zero" => lanes!(|_x| 0.0),
        "hidden" => lanes!(|x| x),
        "is_nan" => lanes!(|x| truth(x.is_nan())),
        "is_finite" => lanes!(|x| truth(x.is_finite())),
        "not_a_number" => lanes!(|_x| f64::NAN),
        "infinity" => lanes!(|_x| f64::INFINITY),
        _ => return None,
    };
    Some(operation)
}

fn softplus(x: f64) -> f64 {
    maximum(x, 0.0) + (-x.abs()).exp().ln_1p()
}

fn softplus_sum(x: f64, yes: f64, no: f64) -> f64 {
    silenced(yes, softplus(-x)) + silenced(no, softplus(x))
}

/// Through `e^-|x|`, which cannot overflow.
fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// Near 0 through cosh x - 1 = 2 sinh^2 (x / 2), where the other form cancels.
fn log_cosh(x: f64) -> f64 {
    let a = x.abs();
    if a < 1.0 {
        let half = (0.5 * a).sinh();
        (2.0 * half * half).ln_1p()
    } else {
        a - LN_2 + (-2.0 * a).exp().ln_1p()
    }
}

/// The product, where a factor of 0 silences even an infinite term; NaN stays.
fn silenced(factor: f64, term: f64) -> f64 {
    if factor == 0.0 && !term.is_nan() { 0.0 } else { factor * term }
}
