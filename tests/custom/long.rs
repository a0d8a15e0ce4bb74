//! Long texts: what is deep gets names, and what would be too much for a compiler's stack is refused.

use super::case::{Case, check, leave};
use crate::common::{assert_agrees, tensor};
use std::fmt::Write;
use std::time::Instant;
use wgloss::{Batch, Custom, DType, Error, Evaluator, Reduction, Request};

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

/// What is made of each `let` uses the one before.
#[test]
fn thousands_of_statements() {
    let count = 4000;
    let mut body = "    let x0 = p;\n".to_string();
    for i in 1..=count {
        writeln!(body, "    let x{i} = 0.999 * x{} + p * 1e-3;", i - 1).expect("a string");
    }
    let source = format!("fn value(p: f32) -> f32 {{\n{body}    return x{count};\n}}\n");
    let inputs = [("p", tensor(DType::F32, &[1], &[2.0]))];
    let request = Request::with_gradients(&["p"]);
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let start = Instant::now();
    let loss = Custom::new(&source).expect("a loss");
    println!("{count} statements: made in {:.2} s", start.elapsed().as_secs_f64());
    let slope = (0..count).fold(1.0, |slope: f64, _| 0.999 * slope + 1e-3);
    let near = |got: f32, want: f64| (f64::from(got) - want).abs() < 1e-4 * want;
    let got = Evaluator::Cpu.evaluate_blocking(&loss, &batch).expect("an evaluation");
    assert!(near(got.value.expect("a value").to_f32()[0], 2.0 * slope));
    assert!(near(got.gradients[0].1.to_f32()[0], slope));
}

/// Texts of so many statements: variables that change, vectors, calls and branches.
fn of_statements(kind: &str, count: usize) -> String {
    let mut body = String::new();
    for i in 1..=count {
        let line = match kind {
            "variables" if i % 2 == 0 => "x = 0.999 * x + y * 1e-3;".into(),
            "variables" => "y += 0.01 * x;".into(),
            "vectors" => format!("let v{i} = 0.999 * v{} + p.yzx * 1e-3;", i - 1),
            "calls" => "x = f(x, y);".into(),
            _ => "if (x > 0.5) { x = 0.9 * x + y; }".to_string(),
        };
        writeln!(body, "    {line}").expect("a string");
    }
    format!(
        "fn f(x: f32, y: f32) -> f32 {{ return 0.999 * x + 1e-3 * y; }}
        fn value(p: vec3<f32>, t: f32) -> f32 {{
            var x = p.x - t;
            var y = t;
            let v0 = p * t;
        {body}
            return x * x + y + dot({}, p);
        }}",
        if kind == "vectors" { format!("v{count}") } else { "v0".into() }
    )
}

#[test]
fn derived_texts_grow_with_their_texts() {
    for kind in ["variables", "vectors", "calls", "branches"] {
        let [few, many] = [200, 400].map(|count| {
            let loss = Custom::new(&of_statements(kind, count));
            loss.unwrap_or_else(|e| panic!("{kind}: {e}")).derived().len()
        });
        // The names have more digits.
        assert!(many * 10 < few * 21, "{kind}: {few} bytes, then {many}");
    }
    Custom::new(&of_statements("vectors", 4000)).unwrap_or_else(|e| panic!("4,000 vectors: {e}"));
    // Browsers have limits of their own on how deep blocks go.
    let calls = Custom::new(&of_statements("calls", 4000));
    let calls = calls.unwrap_or_else(|e| panic!("4,000 calls: {e}"));
    let inputs =
        [("p", tensor(DType::F32, &[1, 3], &[1.0; 3])), ("t", tensor(DType::F32, &[1], &[1.0]))];
    leave("4000 calls", &calls, &inputs, &["p", "t"]);
}

/// Functions that call many others go on in blocks of their own, whatever leaves them early.
#[test]
fn rest_of_functions_in_blocks() {
    let calls = "        x = f(x, t);\n".repeat(150);
    let many = |early: &str| {
        format!(
            "fn f(x: f32, y: f32) -> f32 {{ return 0.9 * x + 0.1 * y * y; }}
            fn value(p: f32, t: f32) -> f32 {{
                var x = p;
        {calls}
                if (x > 0.125) {{
        {calls}
                    {early}
                }} else {{
                    x += t;
                }}
        {calls}
                return x * p;
            }}"
        )
    };
    let numbers: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 40) / 20.0 - 1.0).collect();
    let t: Vec<f64> = numbers.iter().rev().map(|x| 0.5 * x).collect();
    let inputs = [("p", tensor(DType::F32, &[40], &numbers)), ("t", tensor(DType::F32, &[40], &t))];
    for early in ["", "return 2.0 * x;", "if (t > 0.0) { return t * x; }"] {
        let loss = Custom::new(&many(early)).unwrap_or_else(|e| panic!("{early}: {e}"));
        assert!(loss.derived().matches("if (true) {").count() > 6, "{}", loss.derived());
        let request =
            Request { reduction: Reduction::None, ..Request::with_gradients(&["p", "t"]) };
        assert_agrees(early, &loss, &Batch { inputs: &inputs, request, ..Batch::default() });
    }
    // Where branches alone leave the function.
    let branches = format!(
        "fn f(x: f32, y: f32) -> f32 {{ return 0.9 * x + 0.1 * y * y; }}
        fn value(p: f32, t: f32) -> f32 {{
            var x = p;
            if (p > t) {{
        {calls}
                return x * p;
            }} else {{
                return t * p;
            }}
        }}"
    );
    let loss = Custom::new(&branches).unwrap_or_else(|e| panic!("{e}"));
    let request = Request { reduction: Reduction::None, ..Request::with_gradients(&["p", "t"]) };
    assert_agrees("branches", &loss, &Batch { inputs: &inputs, request, ..Batch::default() });
    let rows = format!(
        "struct Item {{ p: f32 }}
        struct Row {{ t: f32 }}
        fn f(x: f32, y: f32) -> f32 {{ return 0.9 * x + 0.1 * y * y; }}
        fn sums(item: Item, row: Row) -> f32 {{
            let t = row.t;
            var x = item.p;
        {calls}
            return x;
        }}
        fn value(sums: f32, row: Row) -> f32 {{ return sums * row.t; }}"
    );
    let loss = Custom::new(&rows).unwrap_or_else(|e| panic!("{e}"));
    assert!(loss.derived().contains("if (true) {"), "{}", loss.derived());
    let inputs =
        [("p", tensor(DType::F32, &[8, 5], &numbers)), ("t", tensor(DType::F32, &[8], &t[..8]))];
    let request = Request::with_gradients(&["p", "t"]);
    assert_agrees("rows", &loss, &Batch { inputs: &inputs, request, ..Batch::default() });
}
