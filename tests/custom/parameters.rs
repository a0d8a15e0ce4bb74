//! A custom loss's parameters.

use super::case::{Case, check_loss, named};
use crate::common::backends;
use wgloss::{Batch, Custom, Error, Loss};

const SOURCE: &str = "struct Parameters { scale: f32, power: i32, shift: u32, }
fn value(p: f32, t: f32, c: Parameters) -> f32 {
    var y = c.scale * t;
    for (var i = 0; i < abs(c.power); i++) { y *= p; }
    return select(y, -y, c.power < 0) + f32(c.shift >> 8u) / 16777216.0 * p;
}";

fn loss(scale: f64, power: f64, shift: f64) -> Custom {
    let mut loss = Custom::new(SOURCE).expect("a valid source");
    for (name, number) in [("scale", scale), ("power", power), ("shift", shift)] {
        loss.set(name, number).unwrap_or_else(|e| panic!("{name} = {number}: {e}"));
    }
    loss
}

#[test]
fn parameters_are_those_that_were_set() {
    let ranges = &[(-2.0, 2.0), (-3.0, 3.0)];
    for (scale, power, shift) in [(1.5, 3, 0x4000_0000u32), (-0.25, -2, 0), (2.0, 0, 4_294_967_295)]
    {
        let sign = if power < 0 { -1.0 } else { 1.0 };
        let formula = |x: &[f64]| {
            sign * scale * x[1] * x[0].powi(i32::abs(power))
                + f64::from(shift >> 8) / 16_777_216.0 * x[0]
        };
        let name = &format!("scale {scale}, power {power}, shift {shift}");
        let loss = loss(scale, power.into(), shift.into());
        let case = Case { name, source: SOURCE, ranges, formula: &formula, driver: 0.0 };
        check_loss(&loss, &case);
        let arguments = ["p", "t", "*", "scale", "power", "shift", "reduction"];
        assert_eq!(loss.definition().arguments, arguments);
        // The slope has the same ones.
        let slope = loss.derivative("t").expect("a slope by t");
        let formula = |x: &[f64]| sign * scale * x[0].powi(i32::abs(power));
        check_loss(&slope, &Case { formula: &formula, ..case });
    }
}

#[test]
fn numbers_that_parameters_cannot_be() {
    let mut own = loss(1.0, 1.0, 1.0);
    let wrong = [
        ("scale", f64::NAN, "a number"),
        ("power", 0.5, "a whole number from -2147483648"),
        ("power", 2_147_483_648.0, "a whole number"),
        ("power", f64::INFINITY, "a whole number"),
        ("power", f64::NAN, "a whole number"),
        ("shift", -1.0, "a whole number from 0 to 4294967295"),
        ("shift", 4_294_967_296.0, "a whole number"),
        ("shift", 1.25, "a whole number"),
    ];
    for (name, number, part) in wrong {
        let error = own.set(name, number).expect_err(name).to_string();
        let all = [name, &number.to_string(), part].iter().all(|part| error.contains(part));
        assert!(all, "{name} = {number}: {error}");
    }
    let error = own.set("delta", 1.0).expect_err("no such parameter");
    assert!(matches!(&error, Error::UnknownName { name, .. } if name == "delta"), "{error}");
    for part in ["scale", "power", "shift"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let mut none = Custom::new("fn value(p: f32) -> f32 { return p; }").expect("a valid source");
    let error = none.set("delta", 1.0).expect_err("no parameters").to_string();
    assert!(error.contains("none"), "{error}");
    // What was refused has changed nothing.
    let formula = |x: &[f64]| x[0] * x[1];
    let ranges = &[(-2.0, 2.0), (-3.0, 3.0)];
    check_loss(
        &own,
        &Case { name: "as before", source: SOURCE, ranges, formula: &formula, driver: 0.0 },
    );
}

#[test]
fn parameters_that_are_not_set() {
    let columns = [vec![1.0], vec![2.0]];
    let inputs = named(&columns);
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    for missing in ["scale", "power", "shift"] {
        let mut loss = Custom::new(SOURCE).expect("a valid source");
        for name in ["scale", "power", "shift"].into_iter().filter(|name| *name != missing) {
            loss.set(name, 1.0).expect("a valid number");
        }
        for (name, backend) in backends() {
            let error = backend.evaluate_blocking(&loss, &batch).expect_err("one is missing");
            assert!(
                matches!(&error, Error::Missing { argument, .. } if argument == missing),
                "{name}: {error}"
            );
        }
    }
}
