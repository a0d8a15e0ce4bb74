//! What is said to those who write what WGSL has not.

use super::errors::check;
use wgloss::{Custom, Error};

/// What is said of what WGSL has not.
#[test]
fn words_of_other_languages() {
    let words = [
        ("log1p(p)", "logarithm_one_plus(x)"),
        ("expm1(p)", "exponential_minus_one(x)"),
        ("f32(isnan(p))", "is_nan(x)"),
        ("f32(isinf(p))", "!is_finite(x)"),
        ("relu(p)", "max(x, 0.0)"),
        ("square(p)", "x * x"),
        ("log10(p)", "0.4342945 * log(x)"),
        ("logsigmoid(p)", "log_sigmoid(x)"),
        ("clip(p, 0.0, 1.0)", "clamp(x, low, high)"),
        ("where(p > 0.0, p, 0.0)", "select(no, yes, condition)"),
        ("float(p)", "f32(x)"),
        ("PI * p", "3.1415927"),
        ("sigmod(p)", "is sigmoid meant?"),
        ("Abs(p)", "is abs meant?"),
        ("soft_plus(p)", "is softplus meant?"),
    ];
    for (call, part) in words {
        let marked = format!("fn value(p: f32) -> f32 {{ return ▸{call}; }}");
        let marked = marked.replace("▸f32(is", "f32(▸is");
        check(&[(&marked, part)]);
    }
    check(&[
        ("fn value(p: f32) -> f32 { return p *▸* 2.0; }", "pow(x, y)"),
        ("fn value(p: f32) -> f32 { return ▸p ^ 2.0; }", "pow(x, y)"),
        ("fn value(p: f32) -> f32 { return ▸p ^ 2; }", "pow(x, y)"),
        ("fn value(p: f32) -> f32 { let k = 2; return ▸k * p; }", "f32(...)"),
        ("fn value(p: f32) -> f32 { return ▸p + 1i; }", "f32(...)"),
        ("fn value(p: f32) -> f32 { return ▸p * (p > 0.0); }", "select(0.0, 1.0, ...)"),
        ("fn value(p: f32) -> f32 { return p > 0.0 ▸? p : 0.0; }", "select(no, yes, condition)"),
        ("fn value(p: f32) -> f32 { if (p > 0.0 ▸and p < 1.0) { return 1.0; } return p; }", "&&"),
        ("fn value(p: f32) -> f32 { float ▸d = p; return d; }", "let"),
        (
            "struct Parameters { k: i32 }\nfn value(p: f32, c: Parameters) -> f32 { return ▸c.k * p; }",
            "f32(...)",
        ),
    ]);
}

/// What people write who think of another language.
#[test]
fn other_languages() {
    check(&[
        (
            "fn value(p: f32) -> f32 { var s = p; for ▸i in 0..3 { s += p; } return s; }",
            "a loop is for (var i = 0; i < count; i++)",
        ),
        (
            "fn value(p: f32) -> f32 { if (p > 0.0) { return p; } elif (p < 1.0) ▸{ return 1.0; } return p; }",
            "it is else if (condition)",
        ),
        ("fn value(p: f32) -> f32 { return torch.log▸(p); }", "called by their names alone"),
        ("fn value(p: f32) -> f32 { return p.abs▸(); }", "called by their names alone"),
        ("fn value(p: f32)▸: f32 { return p; }", "what a function gives comes after ->"),
        ("fn value(p: f32) -> f32 { let ▸mut q = p; return q; }", "declared with var"),
        ("▸# The square.\nfn value(p: f32) -> f32 { return p * p; }", "comments begin with //"),
        (
            "struct Parameters { gamma: f32 ▸= 2.0 }\nfn value(p: f32, c: Parameters) -> f32 { return p; }",
            "parameters are set by who calls the loss",
        ),
        ("fn value(p: ▸float) -> f32 { return p; }", "here it is f32"),
        ("fn value(p: ▸f64) -> f32 { return f32(p); }", "f64 is not supported"),
        ("fn value(p: f32) { ▸return p; }", "not of the type that the function says"),
        (
            "struct Item { p: f32 }\nfn sums(item: Item, row: ▸Row) -> f32 { return item.p; }\nfn value(sums: f32) -> f32 { return sums; }",
            "it is declared with struct Row",
        ),
        (
            "fn value(p: f32) -> f32 { if (p > 0.0 ▸or p < -1.0) { return p; } return 0.0; }",
            "joined with &&",
        ),
    ]);
}

/// What looks alike and is something else gets none of that.
#[test]
fn advice_that_would_be_wrong() {
    for (text, not) in [
        ("// 1 where it counts, 0 where not.\nfunc value(p: f32) -> f32 { return p; }", "&&"),
        ("fn value(p: f32) -> f32 { return 0.5(p - 1.0); }", "names alone"),
        ("fn value(p: f32) -> f32: { return p; }", "comes after"),
        (
            "fn value(p: f32) -> f32 { for (var i = beginning; i < 3; i++) { } return p; }",
            "a loop is",
        ),
        ("const g: f32 == 2.0;\nfn value(p: f32) -> f32 { return g * p; }", "members have"),
        ("// In f64 there.\nfn value(p: f32, t: i64) -> f32 { return p; }", "f64 is not"),
    ] {
        let error = Custom::new(text).expect_err("it is refused").to_string();
        assert!(!error.contains(not), "{text}\n{error}");
    }
    let text = "fn value(p: f32) { // return the loss\n    return p;\n}";
    match Custom::new(text) {
        Err(Error::Custom { line, column, .. }) => assert_eq!((line, column), (2, 5)),
        other => panic!("{other:?}"),
    }
}
