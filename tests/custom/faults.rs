//! Small texts at the edges of WGSL and of float32: the same numbers on both backends.

use super::case::NAMES;
use crate::common::{backends, tensor};
use std::f32::consts::SQRT_2;
use wgloss::{Batch, Custom, DType, Loss, Reduction, Request};

/// What a text comes to for these columns of its inputs.
pub(crate) struct Row<'a> {
    pub(crate) source: &'a str,
    pub(crate) parameters: &'a [(&'a str, f64)],
    pub(crate) columns: &'a [&'a [f32]],
    /// The value, then the slopes by each input.
    pub(crate) want: &'a [&'a [f32]],
}

/// The value and the slopes of a text, on each backend.
pub(crate) fn evaluated(
    source: &str,
    parameters: &[(&str, f64)],
    columns: &[&[f32]],
) -> [(&'static str, Vec<Vec<f32>>); 2] {
    let mut loss = Custom::new(source).unwrap_or_else(|e| panic!("{source}: {e}"));
    for (name, number) in parameters {
        loss.set(name, *number).unwrap_or_else(|e| panic!("{source}: {e}"));
    }
    let inputs = loss.definition().inputs;
    let tensors: Vec<_> = inputs
        .iter()
        .zip(columns)
        .map(|(input, column)| {
            let column: Vec<f64> = column.iter().map(|&x| x.into()).collect();
            (input.name, tensor(DType::F32, &[column.len()], &column))
        })
        .collect();
    let gradients: Vec<&str> =
        inputs.iter().filter(|input| input.differentiable).map(|input| input.name).collect();
    let batch = Batch {
        inputs: &tensors,
        request: Request {
            reduction: Reduction::None,
            gradients: &gradients,
            ..Request::default()
        },
        ..Batch::default()
    };
    backends().map(|(name, backend)| {
        let got =
            backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{source}: {e}"));
        let slopes = got.gradients.iter().map(|(_, slopes)| slopes.to_f32().to_vec());
        let value = got.value.as_ref().expect("a value").to_f32().to_vec();
        (name, [value].into_iter().chain(slopes).collect())
    })
}

fn is_near(got: f32, want: f32) -> bool {
    got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= 4e-7 * want.abs()
}

/// Checks all rows on both backends, and tells of all that are wrong at once.
#[track_caller]
pub(crate) fn check(rows: &[Row<'_>]) {
    let mut wrong = String::new();
    for Row { source, parameters, columns, want } in rows {
        for (backend, got) in evaluated(source, parameters, columns) {
            for (i, (got, want)) in got.iter().zip(*want).enumerate() {
                let near = got.iter().zip(*want).all(|(&got, &want)| is_near(got, want));
                if got.len() != want.len() || !near {
                    let what = if i == 0 { "value" } else { NAMES[i - 1] };
                    wrong += &format!("{source}\n    {backend}, {what}: {got:?}, want {want:?}\n");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// `value` of `p` alone, and its slopes.
fn of_p<'a>(source: &'a str, columns: &'a [&'a [f32]], want: &'a [&'a [f32]]) -> Row<'a> {
    Row { source, parameters: &[], columns, want }
}

const TWO: &[&[f32]] = &[&[1.0, -3.0]];

/// What a `let` holds is an i32, u32 or f32, whose arithmetic wraps, and is not computed beforehand.
#[test]
fn concrete_numbers() {
    check(&[
        of_p(
            "fn value(p: f32) -> f32 { let k = 2147483647; let w = k + 1; return p * f32(w); }",
            TWO,
            &[&[-2_147_483_648.0, 6_442_450_944.0], &[-2_147_483_648.0; 2]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let a = 1013904223; let h = a * 1664525; return p * f32(h >> 8u); }",
            TWO,
            &[&[713_013.0, -2_139_039.0], &[713_013.0; 2]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let a = 0.25; return p * mix(1.0, a, 0.3); }",
            TWO,
            &[&[0.775, -2.325], &[0.775; 2]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let eps = 0.0; return select(p, 1.0 / eps, p > 100.0); }",
            &[&[1.0, 200.0]],
            &[&[1.0, f32::INFINITY], &[1.0, 0.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let k = 4294967295u; let w = k + 2u; return p * f32(w); }",
            TWO,
            &[&[1.0, -3.0], &[1.0; 2]],
        ),
        of_p(
            "const K: i32 = 2147483647; fn value(p: f32) -> f32 { let k = K; return p * f32(k + K); }",
            TWO,
            &[&[-2.0, 6.0], &[-2.0; 2]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let zero = 0; let one = 7; return p * f32(one / zero + one % zero); }",
            TWO,
            &[&[7.0, -21.0], &[7.0; 2]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let zero: i32 = 0; let n = i32(p); return f32(n / zero) + f32(n % zero); }",
            TWO,
            &[&[1.0, -3.0], &[0.0; 2]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let by = 33u; let n = i32(p); return p * f32((n << by) >> by); }",
            TWO,
            &[&[1.0, 9.0], &[1.0, -3.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let least = -2147483648; let other = -1; return p * f32(-least) + f32(least / other) + f32(abs(least)); }",
            &[&[0.0]],
            &[&[-4_294_967_296.0], &[-2_147_483_648.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let n = -1; return p * f32(u32(n)) + f32(bitcast<u32>(n)); }",
            &[&[0.0]],
            &[&[4_294_967_296.0], &[4_294_967_296.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let v = vec2(2147483647, 3); let w = v + vec2(1, 1); return p * f32(w.x) + f32(w.y); }",
            &[&[0.0]],
            &[&[4.0], &[-2_147_483_648.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let a = 3e38; let b = a * 10.0; let c = sqrt(-a); let d = log(-1.0 * a); return select(p, b, p > 1.0) + select(0.0, c, p > 2.0) + select(0.0, d, p > 3.0) + select(0.0, acos(a), p > 4.0); }",
            &[&[1.0, 2.0, 3.0, 4.0]],
            &[&[1.0, f32::INFINITY, f32::NAN, f32::NAN], &[1.0, 0.0, 0.0, 0.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let big = 3e38; let d = p / 0.0; return select(d, p * big + p * big, p < 2.0); }",
            &[&[1.0, 3.0]],
            &[&[f32::INFINITY; 2], &[f32::INFINITY; 2]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let k = 3; switch k { case 3: { return p * 2.0; } default: { return p; } } }",
            TWO,
            &[&[2.0, -6.0], &[2.0; 2]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let low = 2.0; let high = 1.0; var m = 2; return clamp(p, low, high) * 0.0 + p + f32(m) + f32(clamp(i32(p), m, 1)); }",
            &[&[1.0]],
            &[&[4.0], &[1.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let c = 300; let d = ldexp(p, c); let n = -300; return ldexp(d, n) + f32(countOneBits(c)) + f32(select(c, n, n < c)); }",
            &[&[0.0]],
            &[&[-296.0]],
        ),
    ]);
}

/// An index below 0 is a large number; one outside is moved to the last element.
#[test]
fn indices_outside() {
    check(&[
        of_p(
            "fn value(p: f32) -> f32 { var a = array<f32, 3>(1.0, 2.0, 3.0); a[i32(p)] *= p; return a[0] + 10.0 * a[1] + 100.0 * a[2]; }",
            &[&[0.0, 1.0, 2.0, 3.0, 300.0, -1.0, -300.0]],
            &[
                &[320.0, 321.0, 621.0, 921.0, 90_021.0, -279.0, -89_979.0],
                &[1.0, 20.0, 300.0, 300.0, 300.0, 300.0, 300.0],
            ],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let i = 7; let j = -1; var a = array<f32, 3>(p, 2.0, 3.0 * p); let b = a; a[j] += 1.0; return a[i] + b[j]; }",
            &[&[2.0]],
            &[&[13.0], &[6.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { let v = vec3(1.0, 2.0, p); var w = v; w[i32(p)] = 5.0; return v[u32(p + 3.0)] + w[2]; }",
            &[&[4.0]],
            &[&[9.0], &[1.0]],
        ),
    ]);
}

const NAN: f32 = f32::NAN;
const INFINITY: f32 = f32::INFINITY;
/// Numbers of every kind.
const KINDS: &[&[f32]] = &[&[2.0, 0.0, -1.0, INFINITY, -INFINITY, NAN]];

/// Of NaN nothing holds but that it is not equal, whatever a driver makes of the negation.
#[test]
fn comparisons_of_nan() {
    for (condition, want) in [
        ("p != p", [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
        ("p == p", [1.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        ("p < 1.0", [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]),
        ("!(p < 1.0)", [1.0, 0.0, 0.0, 1.0, 0.0, 1.0]),
        ("!(p <= 1.0)", [1.0, 0.0, 0.0, 1.0, 0.0, 1.0]),
        ("!(p > 1.0)", [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]),
        ("!(p >= 2.0)", [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]),
        ("!(p != 2.0)", [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        ("!(p < 0.0) && !(p > 0.0)", [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
        ("!(p < 0.0 || p >= 0.0)", [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
        ("bool(p)", [1.0, 0.0, 1.0, 1.0, 1.0, 1.0]),
        ("any(vec2(p, 1.0) != vec2(p, 1.0))", [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
        ("!all(vec2(p, 1.0) < vec2(9.0, 2.0))", [0.0, 0.0, 0.0, 1.0, 0.0, 1.0]),
        ("i32(p) == 0", [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
        ("u32(p) == 0u", [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]),
        ("i32(p) == 2147483520 || i32(p) < -2147483520", [0.0, 0.0, 0.0, 1.0, 1.0, 0.0]),
        ("u32(p) == 4294967040u", [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
    ] {
        for text in [
            format!("fn value(p: f32) -> f32 {{ if ({condition}) {{ return 1.0; }} return 0.0; }}"),
            format!(
                "fn value(p: f32) -> f32 {{ let c = {condition}; return select(0.0, 1.0, c); }}"
            ),
            format!("fn value(p: f32) -> f32 {{ return select(0.0, 1.0, {condition}); }}"),
        ] {
            check(&[of_p(&text, KINDS, &[&want, &[0.0; 6]])]);
        }
    }
}

#[test]
fn losses_that_leave_nan_out() {
    let columns: &[&[f32]] = &[&[1.0, 2.0, NAN], &[3.0, NAN, 5.0]];
    let want: &[&[f32]] = &[&[4.0, 0.0, NAN], &[-4.0, 0.0, NAN], &[4.0, 0.0, NAN]];
    for source in [
        "fn value(p: f32, t: f32) -> f32 { if (t != t) { return 0.0; } return (p - t) * (p - t); }",
        "fn value(p: f32, t: f32) -> f32 { if (t == t) { return (p - t) * (p - t); } return 0.0; }",
        "fn value(p: f32, t: f32) -> f32 { let d = p - t; return select(d * d, 0.0, t != t); }",
        "fn value(p: f32, t: f32) -> f32 { if (!(t > -1000.0) && !(t <= -1000.0)) { return 0.0; } return pow(p - t, 2.0); }",
    ] {
        check(&[Row { source, parameters: &[], columns, want }]);
    }
}

/// What compilers would take for 0, or for what is left.
#[test]
fn nan_through_arithmetic() {
    let zero_or_nan = [0.0, 0.0, 0.0, NAN, NAN, NAN];
    for body in [
        "return p - p;",
        "return 0.0 * p;",
        "return p * 0.0;",
        "let z = 0.0; return p * z;",
        "var z = 0.0; return p * z;",
        "return -p + p;",
        "let q = p; return q - p;",
        "var q = p; q -= p; return q;",
        "var q = 1.0; q = p; let r = q; return r - p;",
        "return (p + 2.0) - p - 2.0;",
        "return 2.0 * p - p * 2.0;",
        "return (vec2(p, 1.0) - vec2(p, 1.0)).x;",
        "return (vec2(p, 1.0) * 0.0).x;",
        "return dot(vec2(p, 1.0) - vec2(p, 1.0), vec2(1.0));",
        "return own(p, p);",
        "let d = p - 1.0; return own(d, d);",
    ] {
        let source = format!(
            "fn own(a: f32, b: f32) -> f32 {{ return a - b; }}\nfn value(p: f32) -> f32 {{ {body} }}"
        );
        for (backend, got) in evaluated(&source, &[], KINDS) {
            let near = got[0].iter().zip(&zero_or_nan).all(|(&got, &want)| is_near(got, want));
            assert!(near, "{backend}, {body}: {:?}", got[0]);
        }
    }
    for (body, want) in [
        ("return select(1.0, 2.0, is_nan(p - p));", [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]),
        ("return p / p;", [1.0, NAN, 1.0, NAN, NAN, NAN]),
        ("let q = p; return 0.0 / q;", [0.0, NAN, 0.0, 0.0, 0.0, NAN]),
        ("return p / 0.0;", [INFINITY, NAN, -INFINITY, INFINITY, -INFINITY, NAN]),
        ("return 0.0 * sqrt(p);", [0.0, 0.0, NAN, NAN, NAN, NAN]),
        ("return sqrt(p) * sqrt(p);", [2.0, 0.0, NAN, INFINITY, NAN, NAN]),
        ("let r = sqrt(p); return r * r;", [2.0, 0.0, NAN, INFINITY, NAN, NAN]),
        ("return log(p) * 0.0;", [0.0, NAN, NAN, NAN, NAN, NAN]),
        ("return exp(log(p));", [2.0, 0.0, NAN, INFINITY, NAN, NAN]),
        ("return 1.0 / (1.0 / p);", [2.0, 0.0, -1.0, INFINITY, -INFINITY, NAN]),
        ("return p * 3e38 * 10.0;", [INFINITY, 0.0, -INFINITY, INFINITY, -INFINITY, NAN]),
        (
            "return p * 3e38 * 3e38 * 2e-38 * 2e-38;",
            [INFINITY, 0.0, -INFINITY, INFINITY, -INFINITY, NAN],
        ),
        ("return p / 8e37 * 8e37;", [2.0, 0.0, -1.0, INFINITY, -INFINITY, NAN]),
        ("return exp(p * 60.0) * exp(-40.0 * p);", [INFINITY, 1.0, 0.0, NAN, NAN, NAN]),
    ] {
        let source = format!("fn value(p: f32) -> f32 {{ {body} }}");
        for (backend, got) in evaluated(&source, &[], KINDS) {
            let near =
                |(&got, &want): (&f32, &f32)| is_near(got, want) || (got - want).abs() < 1e-5;
            assert!(got[0].iter().zip(&want).all(near), "{backend}, {body}: {:?}", got[0]);
        }
    }
    // Of the slope too.
    check(&[of_p(
        "fn value(p: f32) -> f32 { return 0.0 * sqrt(p); }",
        &[&[4.0, -1.0, 0.0]],
        &[&[0.0, NAN, 0.0], &[0.0, NAN, NAN]],
    )]);
}

#[test]
fn parameters_of_zero() {
    const BY: &str = "struct Parameters { sigma: f32 }
        fn value(p: f32, c: Parameters) -> f32 { return p / c.sigma; }";
    const TIMES: &str = "struct Parameters { sigma: f32 }
        fn value(p: f32, c: Parameters) -> f32 { return log(p) * c.sigma; }";
    let parameters: &[(&str, f64)] = &[("sigma", 0.0)];
    check(&[
        Row {
            source: BY,
            parameters,
            columns: &[&[1.0, -2.0, 0.0]],
            want: &[&[INFINITY, -INFINITY, NAN], &[INFINITY; 3]],
        },
        Row {
            source: TIMES,
            parameters,
            columns: &[&[1.0, 0.0, -1.0]],
            want: &[&[0.0, NAN, NAN], &[0.0, NAN, 0.0]],
        },
    ]);
}

/// Whole exponents take any base, and the slope is a number where the value is one.
#[test]
fn powers_of_any_base() {
    let columns: &[&[f32]] = &[&[-3.0, -1.0, 0.0, 2.0, NAN]];
    let square: &[&[f32]] = &[&[9.0, 1.0, 0.0, 4.0, NAN], &[-6.0, -2.0, 0.0, 4.0, NAN]];
    let cube: &[&[f32]] = &[&[-27.0, -1.0, 0.0, 8.0, NAN], &[27.0, 3.0, 0.0, 12.0, NAN]];
    let fifth: &[&[f32]] = &[&[-243.0, -1.0, 0.0, 32.0, NAN], &[405.0, 5.0, 0.0, 80.0, NAN]];
    let one: &[&[f32]] = &[&[-3.0, -1.0, 0.0, 2.0, NAN], &[1.0; 5]];
    let zero: &[&[f32]] = &[&[1.0; 5], &[0.0; 5]];
    let root: &[&[f32]] =
        &[&[NAN, NAN, 0.0, SQRT_2, NAN], &[NAN, NAN, INFINITY, 0.25 * SQRT_2, NAN]];
    let reciprocal: &[&[f32]] =
        &[&[-1.0 / 3.0, -1.0, INFINITY, 0.5, NAN], &[-1.0 / 9.0, -1.0, -INFINITY, -0.25, NAN]];
    for (exponent, want) in [
        (2.0, square),
        (3.0, cube),
        (5.0, fifth),
        (1.0, one),
        (0.0, zero),
        (0.5, root),
        (-1.0, reciprocal),
    ] {
        let literal = format!("fn value(p: f32) -> f32 {{ return pow(p, {exponent:?}); }}");
        check(&[of_p(&literal, columns, want)]);
        let set = "struct Parameters { k: f32 }
            fn value(p: f32, c: Parameters) -> f32 { return pow(p, c.k); }";
        check(&[Row { source: set, parameters: &[("k", exponent)], columns, want }]);
    }
    check(&[Row {
        source: "fn value(p: f32, t: f32) -> f32 { return pow(p, t); }",
        parameters: &[],
        columns: &[&[0.0, 0.0, 0.0, 2.0, -2.0], &[0.0, 2.0, -1.0, 3.0, 3.0]],
        want: &[
            &[1.0, 0.0, INFINITY, 8.0, -8.0],
            &[0.0, 0.0, -INFINITY, 12.0, 12.0],
            &[0.0, 0.0, -INFINITY, 5.545_177_5, NAN],
        ],
    }]);
}

/// A vector that the user makes of a number is one, also beside a number.
#[test]
fn vectors_of_one_number() {
    const ROOT_2: f32 = std::f32::consts::SQRT_2;
    const ROOT_3: f32 = 1.732_050_8;
    check(&[
        of_p(
            "fn value(p: f32) -> f32 { return length(p * vec2(1.0)); }",
            TWO,
            &[&[ROOT_2, 3.0 * ROOT_2], &[ROOT_2, -ROOT_2]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { return length(vec3(p) * 0.5); }",
            TWO,
            &[&[0.5 * ROOT_3, 1.5 * ROOT_3], &[0.5 * ROOT_3, -0.5 * ROOT_3]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { return dot(p * vec3(0.5), vec3(p)) + (p * vec2(2.0)).y; }",
            TWO,
            &[&[3.5, 7.5], &[5.0, -7.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { return length(vec2(p) / 2.0) + length(p / vec2(2.0, 2.0)); }",
            TWO,
            &[&[ROOT_2, 3.0 * ROOT_2], &[ROOT_2, -ROOT_2]],
        ),
        Row {
            source: "struct Parameters { sigma: f32 }
                fn value(p: f32, c: Parameters) -> f32 { return p * length(c.sigma * vec3(1.0)); }",
            parameters: &[("sigma", 3.0)],
            columns: TWO,
            want: &[&[3.0 * ROOT_3, -9.0 * ROOT_3], &[3.0 * ROOT_3, 3.0 * ROOT_3]],
        },
    ]);
}

/// The remainder is exact, whatever the quotient is, and the length of a number is its size.
#[test]
fn remainders_and_lengths_of_numbers() {
    let mut state = 7u32;
    let mut number = || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        f32::from_bits(state ^ state >> 15)
    };
    let mut pairs: Vec<(f32, f32)> = (0..20_000).map(|_| (number(), number())).collect();
    let near = |i: i32| 1000.0 + i as f32 * 0.37;
    pairs.extend((0..2000).map(|i| (near(i), 0.1 + (i % 91) as f32 * 0.01)));
    for x in [0.0, -0.0, 1.0, 3.0, 3e38, 1e20, 1e-37, f32::MIN_POSITIVE, INFINITY, NAN] {
        pairs.extend([0.0, 1.0, 3.0, 1e-20, 2e-38, 3e38, INFINITY, NAN].map(|y| (x, y)));
    }
    let (p, t): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
    let text = "fn value(p: f32, t: f32) -> f32 { return p % t; }";
    for (backend, got) in evaluated(text, &[], &[&p, &t]) {
        for ((&p, &t), &got) in p.iter().zip(&t).zip(&got[0]) {
            let want = p % t;
            // A device may count denormal numbers as 0.
            let is_small = [p, t, want].iter().any(|x| x.is_subnormal());
            let same = got.to_bits() == want.to_bits() || want.is_nan() || is_small;
            assert!(same, "{backend}: {p:e} % {t:e}: {got:e}, {want:e}");
        }
    }
    // Many of them in a loop, of which drivers take so many rounds and no more.
    let many = "fn value(p: f32, t: f32) -> f32 {
        var count = 0.0;
        for (var i = 0; i < 3900; i++) { count += select(1.0, 2.0, (p + f32(i)) % t > 2.0); }
        return count + 0.0 * p;
    }";
    for (backend, got) in evaluated(many, &[], &[&[1e20; 8], &[1e-20; 8]]) {
        assert_eq!(got[0], [3900.0; 8], "{backend}");
    }
    check(&[
        Row {
            source: text,
            parameters: &[],
            columns: &[&[7.5, -7.5, 1e6, 2.0], &[2.0, 2.0, 0.3, -3.0]],
            want: &[
                &[1.5, -1.5, 1e6 % 0.3, 2.0],
                &[1.0; 4],
                &[-3.0, 3.0, -((1e6f32 - 1e6 % 0.3) / 0.3).round(), 0.0],
            ],
        },
        of_p(
            "fn value(p: f32) -> f32 { return length(p) + distance(p, 0.0); }",
            &[&[1e20, -1e-25, 0.0, -3.0]],
            &[&[2e20, 2e-25, 0.0, 6.0], &[2.0, -2.0, 0.0, -2.0]],
        ),
        of_p(
            "fn value(p: f32) -> f32 { return dot(vec2(p, 7.5) % vec2(2.0, p), vec2(1.0, 10.0)); }",
            &[&[3.5, 5.0]],
            &[&[1.5 + 5.0, 1.0 + 25.0], &[1.0 - 20.0, 1.0 - 10.0]],
        ),
    ]);
}
