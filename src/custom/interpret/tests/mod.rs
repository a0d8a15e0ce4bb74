//! Texts against the same formulas in Rust, with different numbers in all lanes.

#![expect(clippy::cast_possible_truncation, reason = "numbers of float32 are wanted")]
#![expect(clippy::cast_precision_loss, reason = "small numbers")]

mod builtins;
mod endless;
mod integers;
mod primitives;
mod random;
mod refused;
mod statements;
mod values;

use super::{Column, LANES, Program, TILE, Unsupported, Words};
use crate::cpu::Instructions;
use crate::custom::library::TEXTS;

fn program(text: &str, names: &[&str]) -> Result<Program, Unsupported> {
    program_of(text, names, false)
}

fn program_of(text: &str, names: &[&str], narrow: bool) -> Result<Program, Unsupported> {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|error| {
        panic!("{}", error.emit_to_string(text));
    });
    let flags = naga::valid::ValidationFlags::all();
    let mut validator = naga::valid::Validator::new(flags, naga::valid::Capabilities::all());
    let info = validator.validate(&module).unwrap_or_else(|error| {
        panic!("{}", error.emit_to_string(text));
    });
    Program::new(&module, &info, names, narrow)
}

/// The columns of `value` in a text that is joined with the library.
fn evaluate(text: &str, arguments: &[&Column]) -> Vec<Column> {
    let program = program(&format!("{text}\n{}", TEXTS.concat()), &["value"]).expect("supported");
    let (taken, given) = program.columns(0);
    assert_eq!(taken, arguments.len());
    let result = program.machine(&[]).call(0, arguments).to_vec();
    assert_eq!(result.len(), given);
    result
}

/// The same of the narrow machine, of whose lanes the first ones are returned.
fn evaluate_narrow(text: &str, arguments: &[[u32; LANES]]) -> Vec<[u32; LANES]> {
    let text = format!("{text}\n{}", TEXTS.concat());
    let program = program_of(&text, &["value"], true).expect("supported");
    let (taken, given) = program.columns(0);
    assert_eq!(taken, arguments.len());
    let traced = program.traced(&[0], &[]).expect("small");
    let wanted: Vec<_> = (0..given).map(|column| traced.result((0, column))).collect();
    // An argument that is the same in all lanes is a parameter.
    let inputs = arguments.iter().take_while(|own| own.iter().any(|x| *x != own[0])).count();
    let code = traced.code(wanted, inputs);
    let parameters: Vec<u32> = arguments[inputs..].iter().map(|own| own[0]).collect();
    let mut rooms = code.rooms(&parameters);
    let columns: Vec<Words> = arguments[..inputs]
        .iter()
        .map(|own| std::array::from_fn(|lane| own[(lane * 67) % TILE % LANES]))
        .collect();
    let columns: Vec<&Words> = columns.iter().collect();
    // Twice, as registers hold what the first run left.
    code.run(&mut rooms, &columns, &[], Instructions::chosen(true));
    code.run(&mut rooms, &columns, &[], Instructions::chosen(false));
    let first: [usize; LANES] = std::array::from_fn(|lane| {
        let place = (0..TILE).find(|i| (i * 67) % TILE % LANES == lane);
        place.expect("every lane")
    });
    let result = |i| first.map(|place| code.result(&rooms, &columns, i)[place]);
    (0..given).map(result).collect()
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
    assert_wide(text, &expected);
    assert_narrow(text, expected);
}

/// The same in float64 alone.
#[track_caller]
fn assert_wide(text: &str, expected: impl Fn(f64, f64) -> f64) {
    let [p, t] = numbers();
    let found = &evaluate(text, &[&p, &t])[0];
    for lane in 0..LANES {
        let what = format!("{text} of {:?} and {:?}", p[lane], t[lane]);
        assert_close(&what, lane, found[lane], expected(p[lane], t[lane]));
    }
}

/// The same in float32, where nothing large cancels.
#[track_caller]
fn assert_narrow(text: &str, expected: impl Fn(f64, f64) -> f64) {
    let [p, t] = numbers().map(|x| x.map(|x| x as f32));
    let found = evaluate_narrow(text, &[p, t].map(|x| x.map(f32::to_bits)))[0];
    for lane in 0..LANES {
        let (p, t) = (p[lane], t[lane]);
        let (found, expected) = (f32::from_bits(found[lane]), expected(p.into(), t.into()));
        let near = (f64::from(found) - expected).abs() <= 1e-5 * expected.abs().max(1.0);
        let same = found == expected as f32 || found.is_nan() && expected.is_nan();
        assert!(same || near, "{text} of {p:?} and {t:?} is {found:?}, expected {expected:?}");
    }
}

/// The same for the one expression that `value` returns.
#[track_caller]
fn assert_expression(expression: &str, expected: impl Fn(f64, f64) -> f64) {
    assert_lanes(&format!("fn value(p: f32, t: f32) -> f32 {{ return {expression}; }}"), expected);
}
