//! The functions of the library.

use super::super::operations::{primitive, textbook};
use super::{TEXTS, assert_expression, assert_wide};

const NAMES: [&str; 68] = [
    "exponential",
    "exponential_minus_one",
    "logarithm",
    "logarithm_one_plus",
    "sigmoid",
    "log_sigmoid",
    "softplus",
    "softplus_sum",
    "softplus_sum_slope",
    "hyperbolic_tangent",
    "log_cosh",
    "power",
    "signed_power",
    "maximum",
    "minimum",
    "sign_of",
    "clamped",
    "silenced",
    "float_remainder",
    "is_less",
    "is_at_most",
    "is_equal",
    "hidden_zero",
    "hidden",
    "is_nan",
    "is_finite",
    "not_a_number",
    "infinity",
    "sine",
    "cosine",
    "tangent",
    "tangent_slope",
    "arcsine",
    "arccosine",
    "arctangent",
    "polar_angle",
    "polar_angle_slope",
    "hyperbolic_sine",
    "hyperbolic_cosine",
    "hyperbolic_tangent_slope",
    "inverse_hyperbolic_sine",
    "inverse_hyperbolic_cosine",
    "inverse_hyperbolic_tangent",
    "root_of_square_and_one",
    "integer_power",
    "exponential_of_number",
    "exponential_of_negative",
    "exponential_below",
    "exponential_minus_one_of_number",
    "exponential_minus_one_near_zero",
    "log_sum_exp",
    "log_sum_exp_slope",
    "error_function",
    "error_function_slope",
    "error_function_complement",
    "normal_density",
    "normal_cdf",
    "log_normal_cdf",
    "log_normal_cdf_slope",
    "log_gamma",
    "digamma",
    "trigamma",
    "log_beta",
    "digamma_difference",
    "bessel_i0e",
    "bessel_i0e_slope",
    "log_bessel_i0e",
    "log_bessel_i0e_slope",
];

fn is_known(name: &str) -> bool {
    primitive(name).or_else(|| textbook(name)).is_some()
}

#[test]
fn every_primitive_is_a_function_of_the_library() {
    let module = naga::front::wgsl::parse_str(&TEXTS.concat()).expect("valid");
    for name in NAMES {
        assert!(is_known(name), "{name} is no primitive");
        let mut functions = module.functions.iter();
        let found = functions.any(|(_, function)| function.name.as_deref() == Some(name));
        assert!(found, "the library has no fn {name}");
    }
    let primitives = module
        .functions
        .iter()
        .filter(|(_, function)| function.name.as_deref().is_some_and(is_known));
    assert_eq!(primitives.count(), NAMES.len());
}

#[test]
fn exponentials_and_logarithms() {
    assert_expression("exponential(p)", |p, _| p.exp());
    assert_expression("exponential_minus_one(p)", |p, _| p.exp_m1());
    assert_expression("logarithm(p)", |p, _| p.ln());
    assert_expression("logarithm_one_plus(p)", |p, _| p.ln_1p());
    assert_expression("hyperbolic_tangent(p)", |p, _| p.tanh());
}

#[test]
fn exponentials_of_some_numbers_do_not_round_in_float64() {
    let check = |name, expected: fn(f64) -> f64| {
        let text = format!("fn value(p: f32, t: f32) -> f32 {{ return {name}(p); }}");
        assert_wide(&text, |p, _| expected(p));
    };
    check("exponential_of_number", f64::exp);
    check("exponential_of_negative", f64::exp);
    check("exponential_below", |below| (-below).exp());
    check("exponential_minus_one_of_number", f64::exp_m1);
    check("exponential_minus_one_near_zero", f64::exp_m1);
}

#[test]
fn stable_forms_neither_cancel_nor_overflow() {
    assert_expression("sigmoid(p)", |p, _| {
        if p > 0.0 { 1.0 / (1.0 + (-p).exp()) } else { p.exp() / (1.0 + p.exp()) }
    });
    let softplus = |p: f64| if p > 40.0 { p } else { p.exp().ln_1p() };
    assert_expression("softplus(p)", |p, _| softplus(p));
    assert_expression("log_sigmoid(p)", |p, _| -softplus(-p));
    let part = |factor: f64, term: f64| {
        if factor == 0.0 && !term.is_nan() { 0.0 } else { factor * term }
    };
    let sum = |p: f64, t: f64| part(t, softplus(-p)) + part(1.0 - t, softplus(p));
    assert_expression("softplus_sum(p, t, 1.0 - t)", sum);
    let sigmoid = |p: f64| 1.0 / (1.0 + (-p).exp());
    let slope = move |p: f64, t: f64| (1.0 - t) * sigmoid(p) - t * sigmoid(-p);
    assert_wide(
        "fn value(p: f32, t: f32) -> f32 { return softplus_sum_slope(p, t, 1.0 - t); }",
        slope,
    );
    assert_expression("softplus_sum_slope(p, saturate(t), 1.0 - saturate(t))", |p, t| {
        slope(p, t.clamp(0.0, 1.0))
    });
    assert_expression("log_cosh(p)", |p, _| match p.abs() {
        // cosh^2 = 1 + sinh^2
        p if p < 40.0 => 0.5 * (p.sinh() * p.sinh()).ln_1p(),
        p => p - std::f64::consts::LN_2,
    });
}

#[test]
fn powers_have_the_corners_of_c() {
    assert_expression("power(p, t)", |p, t| match (p, t) {
        (_, 0.0) | (1.0, _) => 1.0,
        _ if p < 0.0 => f64::NAN,
        _ => p.abs().powf(t),
    });
    assert_expression(
        "power(not_a_number(), 0.0 * p)",
        |p, _| {
            if p.is_finite() { 1.0 } else { f64::NAN }
        },
    );
    assert_expression("power(-0.0, 3.0)", |_, _| 0.0);
}

#[test]
fn powers_of_any_base() {
    assert_expression("signed_power(p, t)", f64::powf);
    assert_expression("signed_power(p, floor(t))", |p, t| p.powf(t.floor()));
    assert_expression("signed_power(-0.0, 3.0) + p", |p, _| p);
}

#[test]
fn what_no_compiler_knows_is_what_it_is() {
    assert_expression("hidden(p) + hidden_zero(t)", |p, _| p);
    assert_expression("f32(is_less(p, t)) + 2.0 * f32(is_at_most(p, t))", |p, t| {
        f64::from(u8::from(p < t) + 2 * u8::from(p <= t))
    });
    assert_expression("f32(is_equal(p, t))", |p, t| f64::from(u8::from(p == t)));
}

#[test]
fn comparing_functions_carry_nan() {
    let carried = |p: f64, t: f64, x: f64| if p.is_nan() || t.is_nan() { f64::NAN } else { x };
    assert_expression("maximum(p, t)", |p, t| carried(p, t, p.max(t)));
    assert_expression("minimum(p, t)", |p, t| carried(p, t, p.min(t)));
    assert_expression("sign_of(p)", |p, _| if p == 0.0 { 0.0 } else { p.signum() });
    assert_expression("clamped(p, -1.0, 2.0)", |p, _| p.clamp(-1.0, 2.0));
    assert_expression("silenced(p, t)", |p, t| if p == 0.0 && !t.is_nan() { 0.0 } else { p * t });
    assert_expression("f32(is_nan(p)) + 2.0 * f32(is_finite(p))", |p, _| {
        f64::from(u8::from(p.is_nan()) + 2 * u8::from(p.is_finite()))
    });
    assert_expression("infinity() * p", |p, _| f64::INFINITY * p);
}

/// What is not in the list is run as it stands.
#[test]
fn other_functions_are_interpreted() {
    assert_expression("scaled(1.5, 0) * p", |p, _| 1.5 * p);
}
