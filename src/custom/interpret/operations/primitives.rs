//! The functions of `numeric.wgsl` and `functions` as the mathematics that they approximate.

use std::f64::consts::FRAC_2_SQRT_PI;

use super::super::instruction::Operation;
use super::masks::COPY;
use super::operators::{AT_MOST, LESS};
use super::real::Real;
use super::special;
use super::whole::signed;

/// What a function of this name in `numeric.wgsl` stands for, in both machines.
pub(in super::super) fn primitive(name: &str) -> Option<Operation> {
    elementary(name).map(|operation| operation.costs(12)).or_else(|| arithmetic(name))
}

fn elementary(name: &str) -> Option<Operation> {
    let operation: Operation = match name {
        "exponential" => lanes!(|x: f| -> f { x.exponential() }),
        "exponential_minus_one" => lanes!(|x: f| -> f { x.exponential_minus_one() }),
        "logarithm" => lanes!(|x: f| -> f { x.logarithm() }),
        "logarithm_one_plus" => lanes!(|x: f| -> f { x.logarithm_one_plus() }),
        "sigmoid" => lanes!(|x: f| -> f { x.sigmoid() }),
        "log_sigmoid" => lanes!(|x: f| -> f { x.log_sigmoid() }),
        "softplus" => lanes!(|x: f| -> f { x.softplus() }),
        "softplus_sum" => lanes!(|x: f, yes: f, no: f| -> f { x.softplus_sum(yes, no) }),
        "softplus_sum_slope" => {
            lanes!(|x: f, yes: f, no: f| -> f { x.softplus_sum_slope(yes, no) })
        }
        "hyperbolic_tangent" => lanes!(|x: f| -> f { x.hyperbolic_tangent() }),
        "log_cosh" => lanes!(|x: f| -> f { x.log_cosh() }),
        "power" => lanes!(|base: f, exponent: f| -> f { base.power(exponent) }),
        "signed_power" => lanes!(|base: f, exponent: f| -> f { base.signed_power(exponent) }),
        "arctangent" => lanes!(|x: f| -> f { x.arctangent() }),
        _ => return None,
    };
    Some(operation)
}

fn arithmetic(name: &str) -> Option<Operation> {
    let operation: Operation = match name {
        "maximum" => lanes!(|a: f, b: f| -> f { a.larger(b) }),
        "minimum" => lanes!(|a: f, b: f| -> f { a.smaller(b) }),
        "sign_of" => lanes!(|x: f| -> f { x.sign() }),
        "clamped" => lanes!(|x: f, low: f, high: f| -> f { x.clamped(low, high) }),
        "float_remainder" => lanes!(|a: f, b: f| -> f { a % b }),
        "silenced" => lanes!(|factor: f, term: f| -> f { factor.silenced(term) }),
        "is_less" => LESS,
        "is_at_most" => AT_MOST,
        "is_equal" => lanes!(|a: f, b: f| -> b { a == b }),
        "hidden_zero" => lanes!(|_x: f| -> f { 0.0 }),
        "hidden" => COPY,
        "is_nan" => lanes!(|x: f| -> b { x.is_nan() }),
        "is_finite" => lanes!(|x: f| -> b { x.is_finite() }),
        "not_a_number" => lanes!(|_x: f| -> f { Real::of_wide(f64::NAN) }),
        "infinity" => lanes!(|_x: f| -> f { Real::of_wide(f64::INFINITY) }),
        _ => return None,
    };
    Some(operation)
}

/// The others, in float64: the narrow machine runs their text.
pub(in super::super) fn textbook(name: &str) -> Option<Operation> {
    let operation: Operation = match name {
        "integer_power" => wide!(|x, n| x.powi(signed(n))),
        // Their text counts on the rounding of float32.
        "exponential_of_number" | "exponential_of_negative" => wide!(|x| x.exp()),
        "exponential_below" => wide!(|below| (-below).exp()),
        "exponential_minus_one_of_number" | "exponential_minus_one_near_zero" => {
            wide!(|x| x.exp_m1())
        }
        _ => return trigonometric(name).or_else(|| special(name)),
    };
    Some(operation)
}

fn trigonometric(name: &str) -> Option<Operation> {
    let operation: Operation = match name {
        "sine" => wide!(|x| x.sin()),
        "cosine" => wide!(|x| x.cos()),
        "tangent" => wide!(|x| x.tan()),
        "tangent_slope" => wide!(|x| x.cos().powi(-2)),
        "arcsine" => wide!(|x| x.asin()),
        "arccosine" => wide!(|x| x.acos()),
        "polar_angle" => wide!(|y, x| y.atan2(x)),
        "polar_angle_slope" => wide!(|a, b| polar_angle_slope(a, b)),
        "hyperbolic_sine" => wide!(|x| x.sinh()),
        "hyperbolic_cosine" => wide!(|x| x.cosh()),
        "hyperbolic_tangent_slope" => wide!(|x| x.cosh().powi(-2)),
        "inverse_hyperbolic_sine" => wide!(|x| x.asinh()),
        "inverse_hyperbolic_cosine" => wide!(|x| x.acosh()),
        "inverse_hyperbolic_tangent" => wide!(|x| x.atanh()),
        "root_of_square_and_one" => wide!(|x| x.hypot(1.0)),
        _ => return None,
    };
    Some(operation)
}

fn special(name: &str) -> Option<Operation> {
    let operation: Operation = match name {
        "log_sum_exp" => wide!(|a, b| special::log_sum_exp(a, b)),
        "log_sum_exp_slope" => wide!(|a, b| special::log_sum_exp_slope(a, b)),
        "error_function" => wide!(|x| special::error_function(x)),
        "error_function_slope" => wide!(|x| FRAC_2_SQRT_PI * (-x * x).exp()),
        "error_function_complement" => wide!(|x| special::error_function_complement(x)),
        "normal_density" => wide!(|x| special::normal_density(x)),
        "normal_cdf" => wide!(|x| special::normal_cdf(x)),
        "log_normal_cdf" => wide!(|x| special::log_normal_cdf(x)),
        "log_normal_cdf_slope" => wide!(|x| special::log_normal_cdf_slope(x)),
        "log_gamma" => wide!(|x| special::log_gamma(x)),
        "digamma" => wide!(|x| special::digamma(x)),
        "trigamma" => wide!(|x| special::trigamma(x)),
        "log_beta" => wide!(|a, b| special::log_beta(a, b)),
        "digamma_difference" => wide!(|a, b| special::digamma_difference(a, b)),
        "bessel_i0e" => wide!(|x| special::bessel_i0e(x)),
        "bessel_i0e_slope" => wide!(|x| special::bessel_i0e_slope(x)),
        "log_bessel_i0e" => wide!(|x| special::log_bessel_i0e(x)),
        "log_bessel_i0e_slope" => wide!(|x| special::log_bessel_i0e_slope(x)),
        _ => return None,
    };
    Some(operation)
}

/// `a / (a^2 + b^2)`, 0 at the origin.
fn polar_angle_slope(a: f64, b: f64) -> f64 {
    if a == 0.0 && b == 0.0 { 0.0 } else { a / (a * a + b * b) }
}
