//! Where there is no slope, or an infinite one next to it: what is said of it holds.

use super::case::{function, named};
use crate::common::{assert_close, backends};
use wgloss::{Batch, Custom, Reduction, Request, reference};

const NAN: f64 = f64::NAN;
const INFINITY: f64 = f64::INFINITY;

/// Value and slopes at a point, with the library's functions.
#[track_caller]
fn check_own(body: &str, x: &[f64], value: f64, slopes: &[f64]) -> Custom {
    let loss = Custom::new(&function(x.len(), body)).unwrap_or_else(|e| panic!("{body}: {e}"));
    check_loss(&loss, body, x, value, slopes);
    loss
}

/// With WGSL's own too, where nothing is NaN or infinite, which those need not carry.
#[track_caller]
fn check(body: &str, x: &[f64], value: f64, slopes: &[f64]) {
    let loss = check_own(body, x, value, slopes);
    if x.iter().chain(slopes).chain([&value]).copied().all(f64::is_finite) {
        let loss = loss.with_built_ins().unwrap_or_else(|e| panic!("{body}: {e}"));
        check_loss(&loss, &format!("{body} with built-ins"), x, value, slopes);
    }
}

#[track_caller]
fn check_loss(loss: &Custom, body: &str, x: &[f64], value: f64, slopes: &[f64]) {
    let columns: Vec<Vec<f64>> = x.iter().map(|&x| vec![x; 3]).collect();
    let inputs = named(&columns);
    let gradients: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
    let batch = Batch {
        inputs: &inputs,
        request: Request {
            reduction: Reduction::None,
            gradients: &gradients,
            ..Request::default()
        },
        ..Batch::default()
    };
    let what = format!("{body} of {x:?}");
    let want = reference::evaluate(loss, &batch).unwrap_or_else(|e| panic!("{what}: {e}"));
    let same =
        |a: f64, b: f64| (a - b).abs() <= 1e-7 * b.abs() || a == b || a.is_nan() && b.is_nan();
    assert!(same(want.value[1], value), "{what}: value {} is not {value}", want.value[1]);
    for ((name, got), &slope) in want.gradients.iter().zip(slopes) {
        assert!(same(got[1], slope), "{what}: slope {} by {name} is not {slope}", got[1]);
    }
    for (name, backend) in backends() {
        let what = format!("{what} on {name}");
        let got = backend.evaluate_blocking(loss, &batch).unwrap_or_else(|e| panic!("{what}: {e}"));
        let values = got.value.as_ref().expect("a value");
        assert_close(&format!("{what}: value"), &values.to_f32(), &[value; 3], 0.0);
        for ((name, got), &slope) in got.gradients.iter().zip(slopes) {
            assert_close(&format!("{what}: slope by {name}"), &got.to_f32(), &[slope; 3], 0.0);
        }
    }
}

#[test]
fn ties_and_ends() {
    check("return abs(p);", &[0.0], 0.0, &[0.0]);
    check("return abs(p);", &[-2.0], 2.0, &[-1.0]);
    for [larger, body] in [["2.0", "max(p, t)"], ["2.0", "min(p, t)"]] {
        check(&format!("return {larger} * {body};"), &[1.5, 1.5], 3.0, &[1.0, 1.0]);
    }
    check("return max(p, 1.5);", &[1.5], 1.5, &[0.5]);
    check("return min(0.0, p);", &[0.0], 0.0, &[0.5]);
    check("return max(3.0 * p, p);", &[0.0], 0.0, &[2.0]);
    check("let a = max(p, t); return max(a, p);", &[1.0, 1.0], 1.0, &[0.75, 0.25]);
    for end in [-1.0, 2.0] {
        check("return clamp(p, -1.0, 2.0);", &[end], end, &[1.0]);
    }
    check("return clamp(p, -1.0, 2.0);", &[2.5], 2.0, &[0.0]);
    check("return clamp(p, t, q);", &[1.0, 1.0, 2.0], 1.0, &[1.0, 0.0, 0.0]);
    check("return clamp(p, t, q);", &[0.5, 1.0, 2.0], 1.0, &[0.0, 1.0, 0.0]);
    check("return clamp(p, t, q);", &[2.5, 1.0, 2.0], 2.0, &[0.0, 0.0, 1.0]);
    check("return saturate(p);", &[0.0], 0.0, &[1.0]);
    check("return saturate(p);", &[1.0], 1.0, &[1.0]);
    check("return smoothstep(0.0, 1.0, p);", &[0.0], 0.0, &[0.0]);
    check(
        "return dot(max(vec2(p, t), vec2(t, p)), vec2(1.0, 3.0));",
        &[2.0, 2.0],
        8.0,
        &[2.0, 2.0],
    );
}

#[test]
fn jumps() {
    for name in ["sign", "floor", "ceil", "round", "trunc"] {
        check(&format!("return {name}(p) * t;"), &[0.0, 2.0], 0.0, &[0.0, 0.0]);
    }
    check("return round(p);", &[2.5], 2.0, &[0.0]);
    check("return round(p);", &[-1.5], -2.0, &[0.0]);
    check("return step(p, t);", &[1.0, 1.0], 1.0, &[0.0, 0.0]);
    check("return fract(p);", &[-0.25], 0.75, &[1.0]);
    check("return p % t;", &[-7.0, 2.0], -1.0, &[1.0, 3.0]);
    check("return sign(p) + p;", &[-2.0], -3.0, &[1.0]);
}

#[test]
fn zeros() {
    check("return length(vec2(p, t));", &[0.0, 0.0], 0.0, &[0.0, 0.0]);
    check("return length(p) + distance(vec3(p), vec3(t));", &[0.0, 0.0], 0.0, &[0.0, 0.0]);
    check("return distance(p, t);", &[1.0, 1.0], 0.0, &[0.0, 0.0]);
    check("return pow(p, t);", &[2.0, 0.0], 1.0, &[0.0, 2f64.ln()]);
    check_own("return pow(p, 0.0);", &[0.0], 1.0, &[0.0]);
    // Drivers make something else of pow(0, 0).
    check_own("return pow(p, t);", &[0.0, 0.0], 1.0, &[0.0, 0.0]);
    check_own("return pow(p, 2.0);", &[0.0], 0.0, &[0.0]);
    check_own("return pow(p, 1.0);", &[0.0], 0.0, &[1.0]);
    check_own("return pow(p, t);", &[0.0, 3.0], 0.0, &[0.0, 0.0]);
    check("return sqrt(p);", &[0.0], 0.0, &[INFINITY]);
    check("return log(p);", &[0.0], -INFINITY, &[INFINITY]);
    check("return silenced(p, log(t));", &[0.0, 0.0], 0.0, &[-INFINITY, 0.0]);
    check("return silenced(1.0, log(p));", &[1.0], 0.0, &[1.0]);
}

/// What is not taken does not matter, however bad its slope is.
#[test]
fn branches_that_are_not_taken() {
    check("return select(sqrt(p), 0.0, p == 0.0);", &[0.0], 0.0, &[0.0]);
    check("return select(t, sqrt(p), p > 0.0);", &[0.0, 2.0], 2.0, &[0.0, 1.0]);
    check("return select(log(p) * t, p, p <= 0.0);", &[-1.0, 2.0], -1.0, &[1.0, 0.0]);
    check("if (p > 0.0) { return log(p); } return 2.0 * p;", &[-1.0], -2.0, &[2.0]);
    check(
        "var y = 3.0 * p; if (p > 0.0) { y = p / t; } return y;",
        &[-1.0, 0.0],
        -3.0,
        &[3.0, 0.0],
    );
    check("let y = sqrt(p); if (p == 0.0) { return t; } return y;", &[0.0, 1.5], 1.5, &[0.0, 1.0]);
    check("return max(t, select(1.0 / p, 0.0, p == 0.0));", &[0.0, 1.0], 1.0, &[0.0, 1.0]);
    check("return select(p, t, p == t);", &[2.0, 2.0], 2.0, &[0.0, 1.0]);
    check(
        "return dot(select(sqrt(vec2(p, t)), vec2(0.0), vec2(p, t) == vec2(0.0)), vec2(1.0));",
        &[0.0, 4.0],
        2.0,
        &[0.0, 0.25],
    );
    check("return clamp(sqrt(p), 1.0, 2.0);", &[0.0], 1.0, &[0.0]);
    check("return max(sqrt(p), 1.0);", &[0.0], 1.0, &[0.0]);
    check(
        "return switched(p, t);\n}\nfn switched(p: f32, t: f32) -> f32 {\nswitch i32(p) { case 0: { return t; } default: { return log(p) * t; } }",
        &[0.0, 2.0],
        2.0,
        &[0.0, 1.0],
    );
}

/// NaN is carried through the functions that lose it on some drivers.
#[test]
fn not_a_number() {
    for body in
        ["max(p, 0.0)", "min(p, t)", "clamp(p, 0.0, 1.0)", "saturate(p)", "sign(p)", "abs(p)"]
    {
        check(&format!("return {body} + 0.0 * t;"), &[NAN, 1.0], NAN, &[]);
    }
    check("return step(0.0, p);", &[NAN], NAN, &[]);
    check("return smoothstep(0.0, 1.0, p);", &[NAN], NAN, &[]);
    check("return abs(p) + log(p);", &[NAN], NAN, &[NAN]);
    check("return exp(p) * t;", &[NAN, 1.0], NAN, &[NAN, NAN]);
    check("return select(p, 1.0, is_nan(p));", &[NAN], 1.0, &[0.0]);
}
