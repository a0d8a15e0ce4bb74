//! The functions of `numeric.wgsl` and `functions` as the mathematics that they approximate.

use std::f64::consts::{FRAC_2_SQRT_PI, LN_2};

use super::super::instruction::Operation;
use super::lane::{clamped, maximum, minimum, power, sign, signed, truth};
use super::special;

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
        _ => return trigonometric(name).or_else(|| special(name)),
    };
    Some(operation)
}

fn trigonometric(name: &str) -> Option<Operation> {
    let operation: Operation = match name {
        "sine" => lanes!(|x| x.sin()),
        "cosine" => lanes!(|x| x.cos()),
        "tangent" => lanes!(|x| x.tan()),
        "tangent_slope" => lanes!(|x| x.cos().powi(-2)),
        "arcsine" => lanes!(|x| x.asin()),
        "arccosine" => lanes!(|x| x.acos()),
        "arctangent" => lanes!(|x| x.atan()),
        "polar_angle" => lanes!(|y, x| y.atan2(x)),
        "polar_angle_slope" => lanes!(|a, b| polar_angle_slope(a, b)),
        "hyperbolic_sine" => lanes!(|x| x.sinh()),
        "hyperbolic_cosine" => lanes!(|x| x.cosh()),
        "hyperbolic_tangent_slope" => lanes!(|x| x.cosh().powi(-2)),
        "inverse_hyperbolic_sine" => lanes!(|x| x.asinh()),
        "inverse_hyperbolic_cosine" => lanes!(|x| x.acosh()),
        "inverse_hyperbolic_tangent" => lanes!(|x| x.atanh()),
        "root_of_square_and_one" => lanes!(|x| x.hypot(1.0)),
        _ => return None,
    };
    Some(operation)
}

fn special(name: &str) -> Option<Operation> {
    let operation: Operation = match name {
        "integer_power" => lanes!(|x, n| x.powi(signed(n))),
        "log_sum_exp" => lanes!(|a, b| special::log_sum_exp(a, b)),
        "log_sum_exp_slope" => lanes!(|a, b| special::log_sum_exp_slope(a, b)),
        "error_function" => lanes!(|x| special::error_function(x)),
        "error_function_slope" => lanes!(|x| FRAC_2_SQRT_PI * (-x * x).exp()),
        "error_function_complement" => lanes!(|x| special::error_function_complement(x)),
        "normal_density" => lanes!(|x| special::normal_density(x)),
        "normal_cdf" => lanes!(|x| special::normal_cdf(x)),
        "log_normal_cdf" => lanes!(|x| special::log_normal_cdf(x)),
        "log_normal_cdf_slope" => lanes!(|x| special::log_normal_cdf_slope(x)),
        "log_gamma" => lanes!(|x| special::log_gamma(x)),
        "digamma" => lanes!(|x| special::digamma(x)),
        "trigamma" => lanes!(|x| special::trigamma(x)),
        "log_beta" => lanes!(|a, b| special::log_beta(a, b)),
        "digamma_difference" => lanes!(|a, b| special::digamma_difference(a, b)),
        "bessel_i0e" => lanes!(|x| special::bessel_i0e(x)),
        "bessel_i0e_slope" => lanes!(|x| special::bessel_i0e_slope(x)),
        "log_bessel_i0e" => lanes!(|x| special::log_bessel_i0e(x)),
        "log_bessel_i0e_slope" => lanes!(|x| special::log_bessel_i0e_slope(x)),
        _ => return None,
    };
    Some(operation)
}

/// `a / (a^2 + b^2)`, 0 at the origin.
fn polar_angle_slope(a: f64, b: f64) -> f64 {
    if a == 0.0 && b == 0.0 { 0.0 } else { a / (a * a + b * b) }
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
