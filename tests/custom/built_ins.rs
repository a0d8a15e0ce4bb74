//! Built-in functions and those of numeric.wgsl, of numbers and of vectors, each beside the same in
//! Rust.

use super::case::{Case, NAMES, check, check_bodies, function};

type Range = (f64, f64);
/// A function, the ranges of its arguments, the same in Rust, and the error that drivers may make.
type Row = (&'static str, &'static [Range], fn(&[f64]) -> f64, f64);

const ANY: Range = (-3.0, 3.0);
const UNIT: Range = (-0.9, 0.9);
const ABOVE: Range = (0.25, 4.0);
/// What WGSL allows of sine, cosine and the functions that inherit from them, asin and acos:
/// 2^-11 and 6.77e-5 absolute, or 4096 units of the last place.
const TRIGONOMETRIC: f64 = 5e-4;

fn call(name: &str, arguments: &[String]) -> String {
    format!("{name}({})", arguments.join(", "))
}

/// The function of the arguments as they are.
#[track_caller]
fn check_numbers(&(name, ranges, formula, driver): &Row) {
    let arguments: Vec<String> = NAMES[..ranges.len()].iter().map(ToString::to_string).collect();
    let source = function(ranges.len(), &format!("return {};", call(name, &arguments)));
    check(&Case { name, source: &source, ranges, formula: &formula, driver });
}

/// The function of vectors whose components lie at other places of the same ranges.
#[track_caller]
fn check_vectors(&(name, ranges, formula, driver): &Row, size: usize) {
    const SHARES: [f64; 4] = [1.0, 0.5, 0.25, -0.5];
    const WEIGHTS: [f64; 4] = [1.0, -2.0, 0.5, 3.0];
    let middles: Vec<f64> = ranges.iter().map(|(low, high)| 0.5 * (low + high)).collect();
    let vector = |i: usize| {
        let component =
            |share: f64| format!("{share:?} * {} + {:?}", NAMES[i], (1.0 - share) * middles[i]);
        format!(
            "vec{size}({})",
            SHARES[..size].iter().map(|s| component(*s)).collect::<Vec<_>>().join(", ")
        )
    };
    let vectors: Vec<String> = (0..ranges.len()).map(vector).collect();
    let weights = WEIGHTS[..size].iter().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(", ");
    let body = format!("return dot(vec{size}({weights}), {});", call(name, &vectors));
    let of = |x: &[f64]| -> f64 {
        let at = |share: f64| -> Vec<f64> {
            x.iter().zip(&middles).map(|(x, middle)| share * x + (1.0 - share) * middle).collect()
        };
        let terms = SHARES.iter().zip(WEIGHTS).take(size);
        terms.map(|(&share, weight)| weight * formula(&at(share))).sum()
    };
    let what = format!("{name} of vec{size}");
    let source = function(ranges.len(), &body);
    check(&Case { name: &what, source: &source, ranges, formula: &of, driver });
}

const JUMPS: &[Row] = &[
    ("abs", &[ANY], |x| x[0].abs(), 0.0),
    ("min", &[ANY, ANY], |x| x[0].min(x[1]), 0.0),
    ("max", &[ANY, ANY], |x| x[0].max(x[1]), 0.0),
    ("clamp", &[ANY, (-2.0, -1.0), (0.5, 2.0)], |x| x[0].clamp(x[1], x[2]), 0.0),
    ("saturate", &[(-1.0, 2.0)], |x| x[0].clamp(0.0, 1.0), 0.0),
    ("sign", &[ANY], |x| x[0].signum(), 0.0),
    ("floor", &[ANY], |x| x[0].floor(), 0.0),
    ("ceil", &[ANY], |x| x[0].ceil(), 0.0),
    ("round", &[ANY], |x| x[0].round_ties_even(), 0.0),
    ("trunc", &[ANY], |x| x[0].trunc(), 0.0),
    ("fract", &[ANY], |x| x[0] - x[0].floor(), 0.0),
    ("step", &[ANY, ANY], |x| if x[0] <= x[1] { 1.0 } else { 0.0 }, 0.0),
    (
        "smoothstep",
        &[(-1.0, -0.5), (0.5, 2.0), ANY],
        |x| {
            let u = ((x[2] - x[0]) / (x[1] - x[0])).clamp(0.0, 1.0);
            u * u * (3.0 - 2.0 * u)
        },
        0.0,
    ),
    ("mix", &[ANY, ABOVE, UNIT], |x| x[0] + (x[1] - x[0]) * x[2], 0.0),
    ("fma", &[ANY, ABOVE, UNIT], |x| x[0] * x[1] + x[2], 0.0),
];

const POWERS: &[Row] = &[
    ("exp", &[ANY], |x| x[0].exp(), 0.0),
    ("exp2", &[ANY], |x| x[0].exp2(), 0.0),
    ("log", &[ABOVE], |x| x[0].ln(), 0.0),
    ("log2", &[ABOVE], |x| x[0].log2(), 0.0),
    ("pow", &[ABOVE, ANY], |x| x[0].powf(x[1]), 0.0),
    ("sqrt", &[ABOVE], |x| x[0].sqrt(), 0.0),
    ("inverseSqrt", &[ABOVE], |x| 1.0 / x[0].sqrt(), 0.0),
    ("sinh", &[ANY], |x| x[0].sinh(), 0.0),
    ("cosh", &[ANY], |x| x[0].cosh(), 0.0),
    ("tanh", &[ANY], |x| x[0].tanh(), 0.0),
    ("asinh", &[ANY], |x| x[0].asinh(), 0.0),
    ("acosh", &[(1.5, 4.0)], |x| x[0].acosh(), 0.0),
    ("atanh", &[UNIT], |x| x[0].atanh(), 0.0),
];

const ANGLES: &[Row] = &[
    ("sin", &[ANY], |x| x[0].sin(), TRIGONOMETRIC),
    ("cos", &[ANY], |x| x[0].cos(), TRIGONOMETRIC),
    ("tan", &[(-1.2, 1.2)], |x| x[0].tan(), TRIGONOMETRIC),
    ("asin", &[UNIT], |x| x[0].asin(), TRIGONOMETRIC),
    ("acos", &[UNIT], |x| x[0].acos(), TRIGONOMETRIC),
    ("atan", &[ANY], |x| x[0].atan(), TRIGONOMETRIC),
    ("atan2", &[ANY, ABOVE], |x| x[0].atan2(x[1]), TRIGONOMETRIC),
    ("radians", &[ANY], |x| x[0].to_radians(), 0.0),
    ("degrees", &[ANY], |x| x[0].to_degrees(), 0.0),
];

#[test]
fn jumps_of_numbers() {
    JUMPS.iter().for_each(check_numbers);
}

#[test]
fn powers_of_numbers() {
    POWERS.iter().for_each(check_numbers);
}

#[test]
fn angles_of_numbers() {
    ANGLES.iter().for_each(check_numbers);
}

#[test]
fn vectors() {
    for (i, row) in [JUMPS, POWERS, ANGLES].into_iter().flatten().enumerate() {
        check_vectors(row, 2 + i % 3);
    }
    for row in JUMPS {
        [2, 3, 4].into_iter().for_each(|size| check_vectors(row, size));
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn functions_of_numeric_wgsl() {
    let rows: &[Row] = &[
        ("exponential", &[ANY], |x| x[0].exp(), 0.0),
        ("exponential_minus_one", &[ANY], |x| x[0].exp_m1(), 0.0),
        ("logarithm", &[ABOVE], |x| x[0].ln(), 0.0),
        ("logarithm_one_plus", &[(-0.5, 3.0)], |x| x[0].ln_1p(), 0.0),
        ("sigmoid", &[ANY], |x| sigmoid(x[0]), 0.0),
        ("log_sigmoid", &[ANY], |x| sigmoid(x[0]).ln(), 0.0),
        ("softplus", &[ANY], |x| x[0].exp().ln_1p(), 0.0),
        ("log_cosh", &[ANY], |x| x[0].cosh().ln(), 0.0),
        ("hyperbolic_tangent", &[ANY], |x| x[0].tanh(), 0.0),
        ("power", &[ABOVE, ANY], |x| x[0].powf(x[1]), 0.0),
        ("maximum", &[ANY, ANY], |x| x[0].max(x[1]), 0.0),
        ("minimum", &[ANY, ANY], |x| x[0].min(x[1]), 0.0),
        ("sign_of", &[ANY], |x| x[0].signum(), 0.0),
        ("clamped", &[ANY, (-2.0, -1.0), (0.5, 2.0)], |x| x[0].clamp(x[1], x[2]), 0.0),
        ("silenced", &[ANY, ABOVE], |x| x[0] * x[1], 0.0),
    ];
    rows.iter().for_each(check_numbers);
    check_bodies(&[
        ("is_nan", "return select(p * p, 0.0, is_nan(p));", &[ANY], |x| x[0] * x[0]),
        ("is_finite", "return select(0.0, p * p, is_finite(p));", &[ANY], |x| x[0] * x[0]),
    ]);
}

#[test]
fn powers_with_constants() {
    const ONE: &[Range] = &[ABOVE];
    check_bodies(&[
        ("a square", "return pow(p, 2.0);", ONE, |x| x[0] * x[0]),
        ("a cube", "return pow(p, 3.0);", ONE, |x| x[0].powi(3)),
        ("a root", "return pow(p, 0.5);", ONE, |x| x[0].sqrt()),
        ("a reciprocal", "return pow(p, -1.0);", ONE, |x| 1.0 / x[0]),
        ("itself", "return pow(p, 1.0);", ONE, |x| x[0]),
        ("nothing", "return pow(p, 0.0);", ONE, |_| 1.0),
        ("of a constant", "return pow(2.5, p);", ONE, |x| 2.5f64.powf(x[0])),
        ("by itself", "return pow(p, p);", ONE, |x| x[0].powf(x[0])),
    ]);
}
