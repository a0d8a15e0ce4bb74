//! Long texts: what is deep gets names, and what would be too much for a compiler's stack is refused.

use super::case::{Case, check};
use std::fmt::Write;
use wgloss::{Custom, Error};

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
