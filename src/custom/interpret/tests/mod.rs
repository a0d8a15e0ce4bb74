//! Texts against the same formulas in Rust, with different numbers in all lanes.

mod builtins;
mod endless;
mod integers;
mod primitives;
mod random;
mod refused;
mod statements;
mod values;

use super::{Column, LANES, Program, Unsupported};
use crate::custom::library::TEXTS;

fn program(text: &str, names: &[&str]) -> Result<Program, Unsupported> {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|error| {
        panic!("{}", error.emit_to_string(text));
    });
    let flags = naga::valid::ValidationFlags::all();
    let mut validator = naga::valid::Validator::new(flags, naga::valid::Capabilities::all());
    let info = validator.validate(&module).unwrap_or_else(|error| {
        panic!("{}", error.emit_to_string(text));
    });
    Program::new(&module, &info, names, &[])
}

/// The columns of `value` in a text that is joined with the library.
fn evaluate(text: &str, arguments: &[&Column]) -> Vec<Column> {
    let program = program(&format!("{text}\n{}", TEXTS.concat()), &["value"]).expect("supported");
    let (taken, given) = program.columns(0);
    assert_eq!(taken, arguments.len());
    let result = program.machine().call(0, arguments).to_vec();
    assert_eq!(result.len(), given);
    result
}

/// Numbers of every kind: tiny, large, equal in both columns, near 1 and at halves.
fn numbers() -> [Column; 2] {
    let some = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        1.5,
        2.5,
        -2.5,
        3.0,
        0.1,
        -0.7,
        1e-9,
        -1e-9,
        1e-30,
        20.0,
        -20.0,
        700.0,
        -700.0,
        1e9,
        -3e10,
        0.999_999_9,
        1.000_000_000_001,
        6.25,
        7.0,
        -3.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        0.25,
        -8.0,
        100.25,
    ];
    let p = std::array::from_fn(|lane| some[lane % some.len()]);
    let t = std::array::from_fn(|lane| some[(lane * 5 + lane / 32) % some.len()]);
    [p, t]
}

/// 0, 1, 2, ...
fn count() -> Column {
    std::array::from_fn(|lane| f64::from(u8::try_from(lane).expect("64 lanes")))
}

#[track_caller]
fn assert_close(what: &str, lane: usize, found: f64, expected: f64) {
    let same = found == expected || found.is_nan() && expected.is_nan();
    let near = (found - expected).abs() <= 1e-14 * expected.abs();
    assert!(same || near, "{what}: lane {lane} is {found:?}, expected {expected:?}");
}

/// Compares the column of `fn value(p: f32, t: f32) -> f32` with a formula.
#[track_caller]
fn assert_lanes(text: &str, expected: impl Fn(f64, f64) -> f64) {
    let [p, t] = numbers();
    let found = &evaluate(text, &[&p, &t])[0];
    for lane in 0..LANES {
        let what = format!("{text} of {:?} and {:?}", p[lane], t[lane]);
        assert_close(&what, lane, found[lane], expected(p[lane], t[lane]));
    }
}

/// The same for the one expression that `value` returns.
#[track_caller]
fn assert_expression(expression: &str, expected: impl Fn(f64, f64) -> f64) {
    assert_lanes(&format!("fn value(p: f32, t: f32) -> f32 {{ return {expression}; }}"), expected);
}
