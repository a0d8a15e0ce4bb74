//! A custom loss's parameters.

use super::case::{Case, check_loss, named};
use crate::common::{backends, tensor};
use wgloss::definition::Options;
use wgloss::{Batch, Custom, DType, Error, Loss, Reduction, Request};

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

const ARRAYS: &str = "struct Parameters { weights: array<f32, 3>, scale: f32, shifts: array<i32, 2>, bits: array<u32, 2> }
fn weight(c: Parameters, i: i32) -> f32 { return c.weights[i] * c.scale; }
fn value(p: f32, n: i32, c: Parameters) -> f32 {
    let all = c.weights;
    var sum = 0.0;
    for (var i = 0; i < 3; i++) { sum += all[i] * pow(p, f32(i)); }
    return sum + weight(c, n) * p + f32(c.shifts[1] >> 2u) * p + f32(c.bits[n & 1] >> 24u);
}";

fn set_arrays(loss: &mut Custom) {
    loss.set_table("weights", &[1.5, -2.0, 0.25]).expect("three numbers");
    loss.set("scale", 2.0).expect("a number");
    loss.set_table("shifts", &[0.0, -2_147_483_648.0]).expect("two integers");
    loss.set_table("bits", &[4_294_967_295.0, 16_777_217.0]).expect("two integers");
}

#[test]
fn arrays_are_read_from_a_buffer() {
    let mut loss = Custom::new(ARRAYS).expect("a loss");
    set_arrays(&mut loss);
    assert!(loss.derived().contains("table_words["), "{}", loss.derived());
    let p = [0.5, 2.0, -1.0, 3.0];
    let n = [0.0, 1.0, 2.0, 7.0];
    let inputs = vec![("p", tensor(DType::F32, &[4], &p)), ("n", tensor(DType::I32, &[4], &n))];
    let weights = [1.5, -2.0, 0.25];
    let shift = -536_870_912.0;
    let of = |i: usize| {
        let (p, weight) = (p[i], weights[(n[i] as usize).min(2)]);
        let bits = [255.0, 1.0][n[i] as usize & 1];
        let value = 1.5 - 2.0 * p + 0.25 * p * p + 2.0 * weight * p + shift * p + bits;
        (value, -2.0 + 0.5 * p + 2.0 * weight + shift)
    };
    let slope = loss.derivative("p").expect("a derivative");
    for (name, backend) in backends() {
        let request =
            Request { reduction: Reduction::None, gradients: &["p"], ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let got = backend.evaluate_blocking(&loss, &batch).expect("an evaluation");
        let by = backend.evaluate_blocking(&slope, &batch).expect("an evaluation");
        let values = got.value.expect("a value");
        let slopes = by.value.expect("a value");
        for i in 0..4 {
            let (value, slope) = of(i);
            let near = |got: f32, want: f64| (f64::from(got) - want).abs() <= 1e-6 * want.abs();
            assert!(near(values.to_f32()[i], value), "{name}: {:?}", values.to_f32());
            assert!(near(got.gradients[0].1.to_f32()[i], slope), "{name}, {i}");
            assert!(near(slopes.to_f32()[i], slope), "{name}, {i}");
        }
    }
    // Other numbers are another table, and not other kernels.
    let text = loss.derived();
    loss.set_table("weights", &[0.0; 3]).expect("three numbers");
    assert_eq!(loss.derived(), text);
}

#[test]
fn parameters_may_be_arrays_alone_and_long() {
    let text = "struct Parameters { edges: array<f32, 20000>, n: array<u32, 1> }
        fn at(c: Parameters, i: u32) -> f32 { return c.edges[i]; }
        fn value(p: f32, t: u32, c: Parameters) -> f32 {
            return p * at(c, t) + p * c.edges[t + 1u] + f32(c.n[0]);
        }";
    let mut loss = Custom::new(text).expect("a loss");
    let edges: Vec<f64> = (0..20_000).map(|i| f64::from(i) * 0.5).collect();
    loss.set_table("edges", &edges).expect("20,000 numbers");
    loss.set_table("n", &[3.0]).expect("one number");
    let t = [0.0, 19_998.0, 7.0];
    let inputs = vec![
        ("p", tensor(DType::F32, &[3], &[1.0, 2.0, 4.0])),
        ("t", tensor(DType::U16, &[3], &t)),
    ];
    let request = Request { reduction: Reduction::None, gradients: &["p"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("an evaluation");
        assert_eq!(*got.gradients[0].1.to_f32(), [0.5, 19_998.5, 7.5], "{name}");
        assert_eq!(*got.value.expect("a value").to_f32(), [3.5, 40_000.0, 33.0], "{name}");
    }
    let values = loss.values();
    assert!(values[0].1.starts_with("20000 numbers of digest"), "{values:?}");
    let mut other = loss.clone();
    other.set_table("edges", &edges.iter().map(|x| x + 1.0).collect::<Vec<_>>()).expect("numbers");
    assert_ne!(other.values(), values);
}

#[test]
fn arrays_that_do_not_fit() {
    let mut loss = Custom::new(ARRAYS).expect("a loss");
    let wrong: [(&str, &[f64], &[&str]); 6] = [
        ("weights", &[1.0, 2.0], &["weights", "2 numbers", "3 numbers"]),
        ("weights", &[1.0, f64::NAN, 2.0], &["weights[1]", "NaN", "a number"]),
        ("weights", &[1.0, 2.0, 1e300], &["weights[2]", "1e300", "3.4e38"]),
        ("shifts", &[0.5, 1.0], &["shifts[0]", "0.5", "whole number"]),
        ("bits", &[0.0, -1.0], &["bits[1]", "-1", "4294967295"]),
        ("scale", &[1.0], &["scale", "1 numbers", "a number"]),
    ];
    for (name, numbers, parts) in wrong {
        let error = loss.set_table(name, numbers).expect_err(name).to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    let error = loss.set("weights", 1.0).expect_err("an array").to_string();
    assert!(error.contains("weights") && error.contains("3 numbers"), "{error}");
    let error = loss.set_table("none", &[1.0]).expect_err("no such parameter").to_string();
    assert!(error.contains("none") && error.contains("weights, scale, shifts, bits"), "{error}");
    // One that is not set, and others by text.
    let missing = loss.validate().expect_err("none are set").to_string();
    assert!(missing.contains("weights"), "{missing}");
    set_arrays(&mut loss);
    loss.validate().expect("all are set");
    let mut set = |name: &str, text: &str| {
        let mut options = loss.options();
        let option = options.iter_mut().find(|(own, _)| *own == name).expect("an option");
        option.1.set(name, text)
    };
    set("weights", "1, 2.5,-3e2").expect("numbers");
    set("shifts", "1,-2").expect("numbers");
    let error = set("weights", "1,,3").expect_err("nothing between commas").to_string();
    assert!(error.contains("weights") && error.contains("1,,3"), "{error}");
    set("bits", "1,2,3").expect("numbers");
    let error = loss.validate().expect_err("too many").to_string();
    assert!(
        error.contains("bits") && error.contains("3 numbers") && error.contains("2 numbers"),
        "{error}"
    );
    assert_eq!(loss.values()[0], ("weights", "1,2.5,-300".into()));
}

#[test]
fn texts_about_arrays_of_parameters_that_are_refused() {
    let parameters = "struct Parameters { w: array<f32, 100> }";
    for (text, part) in [
        (format!("{parameters} fn value(p: f32, c: Parameters) -> f32 {{ var w = c.w; w[1] = p; return w[0]; }}"), "100 numbers"),
        (format!("{parameters} fn value(p: f32, c: Parameters) -> f32 {{ var d = c; return d.w[1] * p; }}"), "copy of the parameters"),
        ("struct Parameters { w: array<vec2<f32>, 2> } fn value(p: f32, c: Parameters) -> f32 { return p; }".into(), "nor an array"),
        ("struct Parameters { w: array<f32, 70000> } fn value(p: f32, c: Parameters) -> f32 { return p; }".into(), "70000 numbers"),
    ] {
        let error = Custom::new(&text).expect_err(part).to_string();
        assert!(error.contains(part), "{error}");
    }
}
