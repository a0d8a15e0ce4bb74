//! Refused texts: what cannot be evaluated is an error that names it.

use super::program;

fn assert_refused(text: &str, expected: &str, marked: &str) {
    let error = program(text, &["value"]).expect_err("not supported");
    let message = error.to_string();
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    let span = error.span.to_range().map_or("", |range| &text[range]);
    assert!(span.contains(marked), "{span:?} is not {marked:?}");
}

#[test]
fn unsupported_types() {
    assert_refused(
        "fn value(p: f32) -> f32 { var m = mat2x2(p, p, p, p); return m[0].x; }",
        "the type",
        "m",
    );
    assert_refused(
        "fn value(p: f32) -> f32 { return (mat2x2(p, p, p, p) * vec2(p)).x; }",
        "the type Matrix",
        "mat2x2(p, p, p, p)",
    );
    assert_refused(
        "fn inside(x: ptr<function, f32>) -> f32 { return *x; }
        fn value(p: f32) -> f32 { var x = p; return inside(&x); }",
        "the type Pointer",
        "fn inside",
    );
    assert_refused(
        "fn value(p: f32) -> f32 { var a: array<f32, 100000>; a[3] = p; return a[3]; }",
        "the type",
        "a",
    );
    assert_refused(
        "fn value(p: f32) -> f32 { var a: array<f32, 40000>; var b: array<f32, 40000>; return p; }",
        "more than 65535 scalars",
        "b",
    );
}

#[test]
fn unsupported_variables() {
    assert_refused(
        "@group(0) @binding(0) var<storage> data: array<f32>;
        fn value(p: f32) -> f32 { return p + data[0]; }",
        "variable \"data\"",
        "data",
    );
    assert_refused(
        "var<workgroup> shared_sum: f32; fn value(p: f32) -> f32 { return p + shared_sum; }",
        "variable \"shared_sum\"",
        "shared_sum",
    );
    assert_refused(
        "override size: f32; fn value(p: f32) -> f32 { return p + size; }",
        "expression Override",
        "",
    );
}

#[test]
fn unsupported_statements_and_functions() {
    assert_refused(
        "fn value(p: f32) -> f32 { workgroupBarrier(); return p; }",
        "statement ControlBarrier",
        "workgroupBarrier",
    );
    assert_refused(
        "fn value(p: f32) -> f32 { return p + dpdx(p); }",
        "expression Derivative",
        "dpdx",
    );
    assert_refused(
        "fn value(p: f32) -> f32 { return unpack2x16float(u32(p)).x; }",
        "built-in function Unpack2x16float",
        "unpack2x16float",
    );
    assert_refused("fn other(p: f32) -> f32 { return p; }", "without fn value", "");
}

#[test]
fn calls_are_not_nested_for_ever() {
    let mut text = "fn g0(p: f32) -> f32 { return p; }".to_owned();
    for i in 1..100 {
        text += &format!("fn g{i}(p: f32) -> f32 {{ return g{}(p); }}", i - 1);
    }
    text += "fn value(p: f32) -> f32 { return g99(p); }";
    assert_refused(&text, "a call inside of 64 others", "");
}

/// Structs of two structs each: 2^28 scalars within the size that naga allows.
#[test]
fn large_structs_are_refused_at_once() {
    let mut text = "struct S0 { a: f32 }".to_owned();
    for i in 1..28 {
        text += &format!("struct S{i} {{ a: S{0}, b: S{0} }}", i - 1);
    }
    text += "fn value(p: f32) -> f32 { var s: S27; return p; }";
    assert_refused(&text, "the type S27", "");
}
