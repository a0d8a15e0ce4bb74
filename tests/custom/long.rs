//! Long texts: what is deep gets names, and what would be too much for a compiler's stack is refused.

use super::case::{Case, check};
use crate::common::{backends, tensor};
use std::fmt::Write;
use std::time::Instant;
use wgloss::{Batch, Custom, DType, Error, Request};

/// `value` of one argument with this result.
fn value(result: &str) -> String {
    format!("fn value(p: f32) -> f32 {{\n    return {result};\n}}")
}

#[test]
fn products_of_many_factors() {
    let mut product = "1.0".to_string();
    for i in 0..200 {
        write!(product, " * (1.0 + p * {i}e-4)").expect("a string");
    }
    let formula = |x: &[f64]| (0..200).map(|i| 1.0 + x[0] * f64::from(i) * 1e-4).product();
    let source = value(&product);
    check(&Case {
        name: "factors",
        source: &source,
        ranges: &[(-1.0, 1.0)],
        formula: &formula,
        driver: 0.0,
    });
}

#[test]
fn constants_that_overflow() {
    let loss = Custom::new(&value("p * 3e38 * 3e38")).expect("a loss");
    assert!(loss.derived().contains("return infinity();"), "{}", loss.derived());
}

#[test]
fn statements_of_too_many_words() {
    // On the stack of a thread, which is smaller than that of a program.
    let made = |terms: usize| {
        let source = value(&format!("p{}", " + p * 1.5".repeat(terms)));
        std::thread::spawn(move || Custom::new(&source)).join().expect("no panic")
    };
    assert!(made(490).is_ok(), "{:?}", made(490));
    for terms in [600, 20_000] {
        match made(terms) {
            Err(Error::Custom { line: 2, column: 5, reason }) => {
                assert!(reason.contains("3000 words"), "{reason}");
            }
            other => panic!("{terms} terms: {other:?}"),
        }
    }
}

/// `let`s that each use the one before.
fn lets(count: usize) -> String {
    let mut body = "    let x0 = p;\n".to_string();
    for i in 1..=count {
        let half = i / 2;
        writeln!(body, "    let x{i} = 0.999 * x{} + p * x{half} * 1e-3;", i - 1)
            .expect("a string");
    }
    format!("fn value(p: f32) -> f32 {{\n{body}    return x{count};\n}}\n// {:?}\n", Instant::now())
}

/// The seconds until a loss of so many statements is made, and until each backend has a first result.
fn seconds(count: usize) -> Vec<f64> {
    let source = lets(count);
    let start = Instant::now();
    let loss = Custom::new(&source).expect("a loss");
    let mut all = vec![start.elapsed().as_secs_f64()];
    let p = tensor(DType::F32, &[8], &[0.5; 8]);
    let inputs = [("p", p)];
    let request = Request::with_gradients(&["p"]);
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let start = Instant::now();
        backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{name}: {e}"));
        all.push(start.elapsed().as_secs_f64());
    }
    println!("{count} statements: {all:.2?} s");
    all
}

/// With the square of the statements it would be 16 times as long.
#[test]
fn compile_times_are_linear_in_the_statements() {
    seconds(10);
    let (few, many) = (seconds(1000), seconds(4000));
    for (few, many) in few.into_iter().zip(many) {
        assert!(many < 10.0 * few + 0.5, "{many} s, not about 4 times {few} s");
    }
}
