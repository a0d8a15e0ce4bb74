//! A custom loss beside a formula in Rust: neither its value nor its slopes come from the library.

use crate::common::{Random, assert_close, backends, tensor};
use crate::kernels::assert_valid_everywhere;
use std::path::Path;
use wgloss::{Batch, Custom, DType, Plan, Reduction, Request, SourceOptions, Tensor, reference};

/// The names of the arguments.
pub(crate) const NAMES: [&str; 4] = ["p", "t", "q", "r"];
/// The points that are compared.
const POINTS: usize = 80;

/// A function of the arguments.
pub(crate) type Formula<'a> = dyn Fn(&[f64]) -> f64 + 'a;

/// What a source is compared with, and where.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) source: &'a str,
    /// From where to where each argument goes.
    pub(crate) ranges: &'a [(f64, f64)],
    pub(crate) formula: &'a Formula<'a>,
    /// The error that WGSL allows a driver's built-in functions, where it is more than ours.
    pub(crate) driver: f64,
}

/// `value` of the first arguments with this body.
pub(crate) fn function(arguments: usize, body: &str) -> String {
    let list: Vec<String> = NAMES[..arguments].iter().map(|name| format!("{name}: f32")).collect();
    format!("fn value({}) -> f32 {{\n{body}\n}}\n", list.join(", "))
}

/// The slope by an argument, by differences of the fourth order; none where steps of two sizes
/// disagree, as they do at a kink.
pub(crate) fn slope(formula: &Formula<'_>, x: &[f64], i: usize) -> Option<f64> {
    let at = |offset: f64| {
        let mut x = x.to_vec();
        x[i] += offset;
        formula(&x)
    };
    let by = |h: f64| (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
    let (wide, narrow) = (by(1e-3), by(4e-4));
    let near = (wide - narrow).abs() <= 2e-7 * (narrow.abs() + at(0.0).abs().max(0.1));
    (near && narrow.is_finite()).then_some(narrow)
}

#[track_caller]
fn assert_near(what: &str, got: f64, want: f64, size: f64) {
    let near = (got - want).abs() <= 1e-6 * (want.abs() + size);
    assert!(near || got.is_nan() && want.is_nan(), "{what}: got {got:e}, want {want:e}");
}

/// Columns of points in these ranges, which float32 holds.
#[allow(clippy::cast_possible_truncation, reason = "rounding to float32 is the purpose")]
pub(crate) fn points(ranges: &[(f64, f64)], random: &mut Random) -> Vec<Vec<f64>> {
    let mut column = |(low, high): (f64, f64)| -> Vec<f64> {
        (0..POINTS).map(|_| f64::from((low + (high - low) * random.unit()) as f32)).collect()
    };
    ranges.iter().map(|&range| column(range)).collect()
}

/// Inputs by name.
pub(crate) fn named(columns: &[Vec<f64>]) -> Vec<(&'static str, Tensor<'static>)> {
    let tensors = columns.iter().map(|column| tensor(DType::F32, &[column.len()], column));
    NAMES.into_iter().zip(tensors).collect()
}

/// Their terms, with all gradients.
pub(crate) fn terms_and_slopes<'a>(inputs: &'a [(&'static str, Tensor<'static>)]) -> Batch<'a> {
    let gradients = &NAMES[..inputs.len()];
    let request = Request { reduction: Reduction::None, gradients, ..Request::default() };
    Batch { inputs, request, ..Batch::default() }
}

/// The kernels are valid for Vulkan, Metal and DirectX 12; leaves their texts in `CARGO_TARGET_TMPDIR/custom_kernels`, where `.ci/tint` checks it
/// by the browsers' rules.
pub(crate) fn leave(
    what: &str,
    loss: &Custom,
    inputs: &[(&'static str, Tensor<'_>)],
    gradients: &[&str],
) {
    let kinds: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
    let request = Request::with_gradients(gradients);
    let sources =
        Plan::sources(loss, &kinds, &request, SourceOptions::default()).expect("a valid request");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("custom_kernels");
    std::fs::create_dir_all(&folder).expect("a folder for texts");
    let letter = |c: char| if c.is_alphanumeric() { c } else { '_' };
    let name: String = what.chars().map(letter).collect();
    for (i, source) in sources.iter().enumerate() {
        assert_valid_everywhere(source);
        let file = folder.join(format!("{name}_{i}.wgsl"));
        std::fs::write(file, format!("// {what}\n{}", source.text)).expect("a text");
    }
}

/// The loss and its slopes at these points agree with the formula in float64, and with each other on
/// both backends.
#[track_caller]
pub(crate) fn check_loss(loss: &Custom, case: &Case<'_>) {
    let columns = points(case.ranges, &mut Random(7));
    let inputs = named(&columns);
    let gradients = &NAMES[..columns.len()];
    let batch = Batch {
        inputs: &inputs,
        request: Request { reduction: Reduction::None, gradients, ..Request::default() },
        ..Batch::default()
    };
    let what = case.name;
    leave(what, loss, &inputs, gradients);
    let want = reference::evaluate(loss, &batch).unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut kinks = 0;
    for place in 0..POINTS {
        let x: Vec<f64> = columns.iter().map(|column| column[place]).collect();
        let value = (case.formula)(&x);
        assert_near(&format!("{what} of {x:?}"), want.value[place], value, 1e-3);
        for (i, (name, slopes)) in want.gradients.iter().enumerate() {
            let Some(slope) = slope(case.formula, &x, i) else {
                kinks += 1;
                continue;
            };
            assert_near(&format!("{what} of {x:?} by {name}"), slopes[place], slope, 1e-2);
        }
    }
    let most = POINTS * gradients.len() / 5;
    assert!(kinks <= most, "{what}: {kinks} slopes at kinks, more than {most}");
    for (name, backend) in backends() {
        let what = format!("{what} on {name}");
        let got = backend.evaluate_blocking(loss, &batch).unwrap_or_else(|e| panic!("{what}: {e}"));
        let value = got.value.as_ref().expect("a value");
        let mut pairs = vec![("value", value.to_f32(), &want.value)];
        for ((name, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
            pairs.push((name, got.to_f32(), want));
        }
        for (name, got, want) in pairs {
            let what = format!("{what}: {name}");
            let scale = want.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            if case.driver > 0.0 {
                for (&got, &want) in got.iter().zip(want) {
                    let error = (f64::from(got) - want).abs();
                    let most = case.driver * (1.0 + want.abs() + scale);
                    assert!(error <= most, "{what}: got {got:e}, want {want:e}");
                }
                continue;
            }
            assert_close(&what, &got, want, scale);
        }
    }
}

/// The same for the loss of the case's source, with the library's functions and with WGSL's own.
#[track_caller]
pub(crate) fn check(case: &Case<'_>) {
    let loss = Custom::new(case.source).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    check_loss(&loss, case);
    let loss = loss.with_built_ins().unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let name = format!("{} with built-ins", case.name);
    check_loss(&loss, &Case { name: &name, driver: case.driver.max(1e-5), ..*case });
}

/// A name, a text, the ranges of the arguments, and the formula.
pub(crate) type Row<'a> = (&'a str, &'a str, &'a [(f64, f64)], fn(&[f64]) -> f64);

// Ranges of one to four arguments.
pub(crate) const TWO: &[(f64, f64)] = &[(-3.0, 3.0), (-2.0, 4.0)];
pub(crate) const POSITIVE: &[(f64, f64)] = &[(0.5, 3.0), (0.25, 4.0)];
pub(crate) const FOUR: &[(f64, f64)] = &[(-3.0, 3.0), (-2.0, 4.0), (0.5, 2.0), (-1.0, 1.0)];

/// Checks rows whose texts are bodies of `value`.
#[track_caller]
pub(crate) fn check_bodies(rows: &[Row<'_>]) {
    for &(name, body, ranges, formula) in rows {
        let source = function(ranges.len(), body);
        check(&Case { name, source: &source, ranges, formula: &formula, driver: 0.0 });
    }
}

/// Checks rows whose texts are whole sources.
#[track_caller]
pub(crate) fn check_sources(rows: &[Row<'_>]) {
    for &(name, source, ranges, formula) in rows {
        check(&Case { name, source, ranges, formula: &formula, driver: 0.0 });
    }
}
