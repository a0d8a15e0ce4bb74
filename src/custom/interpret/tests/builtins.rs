//! Each built-in function of floats against Rust's.

use super::{assert_expression, assert_wide};

fn carried(p: f64, t: f64, result: f64) -> f64 {
    if p.is_nan() || t.is_nan() { f64::NAN } else { result }
}

#[test]
fn comparing_functions_carry_nan() {
    assert_expression("abs(p)", |p, _| p.abs());
    assert_expression("min(p, t)", |p, t| carried(p, t, p.min(t)));
    assert_expression("max(p, t)", |p, t| carried(p, t, p.max(t)));
    assert_expression("clamp(p, -1.0, 2.0)", |p, _| p.clamp(-1.0, 2.0));
    assert_expression("clamp(1.0, p, 2.0)", |p, _| carried(p, p, p.clamp(1.0, 2.0)));
    assert_expression("saturate(p)", |p, _| p.clamp(0.0, 1.0));
    assert_expression("sign(p)", |p, _| if p == 0.0 { 0.0 } else { p.signum() });
    assert_expression("step(p, t)", |p, t| f64::from(u8::from(p <= t)));
    assert_expression("smoothstep(-1.0, 3.0, p)", |p, _| {
        let t = ((p + 1.0) / 4.0).clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    });
    assert_expression("mix(p, t, 0.25)", |p, t| p * 0.75 + t * 0.25);
    assert_expression("fma(p, t, 2.0)", |p, t| p * t + 2.0);
}

#[test]
fn rounding() {
    assert_expression("floor(p)", |p, _| p.floor());
    assert_expression("ceil(p)", |p, _| p.ceil());
    assert_expression("round(p)", |p, _| p.round_ties_even());
    assert_expression("round(2.5 + 0.0 * p)", |p, _| 2.0 + 0.0 * p);
    assert_expression("trunc(p)", |p, _| p.trunc());
    assert_expression("fract(p)", |p, _| p - p.floor());
    assert_expression("modf(p).fract * 100.0 + modf(p).whole", |p, _| {
        (p - p.trunc()) * 100.0 + p.trunc()
    });
    assert_expression("quantizeToF16(p)", |p, _| half::f16::from_f64(p).to_f64());
}

#[test]
fn exponents() {
    assert_expression("exp(p)", |p, _| p.exp());
    assert_expression("exp2(p)", |p, _| p.exp2());
    assert_expression("log(p)", |p, _| p.ln());
    assert_expression("log2(p)", |p, _| p.log2());
    assert_expression("sqrt(p)", |p, _| p.sqrt());
    assert_expression("inverseSqrt(p)", |p, _| 1.0 / p.sqrt());
    assert_expression("pow(abs(p), t)", |p, t| p.abs().powf(t));
    assert_expression("pow(p, 3.0)", |p, _| if p < 0.0 { f64::NAN } else { p.abs().powf(3.0) });
    assert_expression("ldexp(p, 5)", |p, _| p * 32.0);
    assert_expression("ldexp(p, -3)", |p, _| p / 8.0);
    // Past the end of float32.
    assert_wide("fn value(p: f32, t: f32) -> f32 { return ldexp(ldexp(p, 900), -900); }", |p, _| p);
    assert_expression("ldexp(p, -1500)", |p, _| if p.is_finite() { p * 0.0 } else { p });
    assert_expression("ldexp(frexp(p).fract, frexp(p).exp)", |p, _| p);
    assert_expression("abs(frexp(p).fract)", |p, _| match p.abs() {
        p if p == 0.0 || !p.is_finite() => p,
        p => p / (p.log2().floor() + 1.0).exp2(),
    });
    assert_expression("f32(frexp(p).exp)", |p, _| match p.abs() {
        p if p == 0.0 || !p.is_finite() => 0.0,
        p => p.log2().floor() + 1.0,
    });
}

#[test]
fn angles() {
    assert_expression("sin(p)", |p, _| p.sin());
    assert_expression("cos(p)", |p, _| p.cos());
    assert_expression("tan(p)", |p, _| p.tan());
    assert_expression("asin(p)", |p, _| p.asin());
    assert_expression("acos(p)", |p, _| p.acos());
    assert_expression("atan(p)", |p, _| p.atan());
    assert_expression("atan2(p, t)", |p, t| p.atan2(t));
    assert_expression("sinh(p)", |p, _| p.sinh());
    assert_expression("cosh(p)", |p, _| p.cosh());
    assert_expression("tanh(p)", |p, _| p.tanh());
    assert_expression("asinh(p)", |p, _| p.asinh());
    assert_expression("acosh(p)", |p, _| p.acosh());
    assert_expression("atanh(p)", |p, _| p.atanh());
    assert_expression("radians(p)", |p, _| p.to_radians());
    assert_expression("degrees(p)", |p, _| p.to_degrees());
}

#[test]
fn vectors() {
    let length = |p: f64, t: f64| (p * p + t * t).sqrt();
    assert_expression("dot(vec2(p, t), vec2(t, 3.0))", |p, t| p * t + t * 3.0);
    assert_expression("length(vec2(p, t))", length);
    assert_expression("length(p)", |p, _| (p * p).sqrt());
    assert_expression("distance(vec2(p, 1.0), vec2(0.0, t))", |p, t| length(p, 1.0 - t));
    assert_expression("normalize(vec2(p, t)).y", |p, t| t / length(p, t));
    assert_expression("cross(vec3(p, t, 1.0), vec3(2.0, p, 3.0)).x", |p, t| t * 3.0 - p);
    assert_expression("cross(vec3(p, t, 1.0), vec3(2.0, p, 3.0)).y", |p, _| 2.0 - p * 3.0);
    assert_expression("cross(vec3(p, t, 1.0), vec3(2.0, p, 3.0)).z", |p, t| p * p - t * 2.0);
    assert_expression("faceForward(vec2(p, t), vec2(t, 0.0), vec2(1.0, 9.0)).x", |p, t| {
        if t < 0.0 { p } else { 0.0 - p }
    });
    assert_expression("reflect(vec2(p, t), vec2(3.0, 2.0)).y", |p, t| {
        let dot = 3.0 * p + 2.0 * t;
        t - (dot + dot) * 2.0
    });
    assert_expression("mix(vec2(p, t), vec2(t, p), 0.25).y", |p, t| t * 0.75 + p * 0.25);
    assert_expression("max(vec2(p, 0.0), vec2(t, 1.0)).x", |p, t| carried(p, t, p.max(t)));
}
