//! Names that meet: in scopes that the derived text does not have, and of WGSL's own functions.

use super::case::{Case, Row, TWO, check, check_bodies};
use wgloss::{Batch, Custom, Error, Request, reference};

#[track_caller]
fn check_sources(rows: &[Row<'_>]) {
    for &(name, source, ranges, formula) in rows {
        check(&Case { name, source, ranges, formula: &formula, driver: 0.0 });
    }
}

#[test]
fn vectors_of_variables_that_change() {
    check_bodies(&[
        (
            "a product",
            "var x = p; let v = vec2<f32>(x); x = x + 10.0; let w = v * vec2<f32>(t, 2.0); return w.x + w.y + x;",
            TWO,
            |x| x[0] * x[1] + 2.0 * x[0] + x[0] + 10.0,
        ),
        (
            "a quotient, in a block",
            "var x = p; let v = vec3(x * t); if (t > 0.0) { x = 2.0; } return dot(v / vec3(1.0, 2.0, 4.0), vec3(1.0)) * x;",
            TWO,
            |x| 1.75 * x[0] * x[1] * if x[1] > 0.0 { 2.0 } else { x[0] },
        ),
    ]);
}

#[test]
fn variables_named_like_functions() {
    check_bodies(&[
        ("an argument of sinh", "let cosh = p * 0.3; return sinh(cosh);", &[(-3.0, 3.0)], |x| {
            (0.3 * x[0]).sinh()
        }),
        (
            "an inner one",
            "var y = 0.0; { var sqrt = p * 0.5; sqrt *= p; y = sqrt; } return sqrt(y + 1.0);",
            TWO,
            |x| (0.5 * x[0] * x[0] + 1.0).sqrt(),
        ),
        ("of a length", "let dot = p * 2.0; return length(vec2(dot, t));", TWO, |x| {
            (4.0 * x[0] * x[0] + x[1] * x[1]).sqrt()
        }),
    ]);
}

#[test]
fn arguments_named_like_results() {
    let source = "fn value(value_of: f32, result: f32) -> f32 {
        var x = value_of;
        for (var i = 0; i < 3; i++) { x *= result; }
        return x;
    }";
    let loss = Custom::new(source).expect("a loss");
    let inputs = [("value_of", 2.0), ("result", 3.0)]
        .map(|(name, x)| (name, crate::common::tensor(wgloss::DType::F32, &[1], &[x])));
    let gradients = &["value_of", "result"];
    let batch =
        Batch { inputs: &inputs, request: Request::with_gradients(gradients), ..Batch::default() };
    let got = reference::evaluate(&loss, &batch).expect("an answer");
    assert_eq!(got.value, [54.0]);
    assert_eq!([got.gradients[0].1[0], got.gradients[1].1[0]], [27.0, 54.0]);
}

#[test]
fn functions_that_derivatives_call() {
    for (source, place) in
        [("fn cos(x: f32) -> f32 { return x; } fn value(p: f32) -> f32 { return sin(p); }", (1, 4))]
    {
        match Custom::new(source) {
            Err(Error::Custom { line, column, reason }) => {
                assert_eq!((line, column), place, "{source}: {reason}");
                assert!(reason.contains("rename yours"), "{source}: {reason}");
            }
            other => panic!("{source}: {other:?}"),
        }
    }
}

#[test]
fn letters_with_marks() {
    check_bodies(&[("a mark", "let x\u{304} = p * t; return x\u{304} * x\u{304};", TWO, |x| {
        (x[0] * x[1]).powi(2)
    })]);
}

#[test]
fn comparisons_beside_each_other() {
    check_sources(&[(
        "no template",
        "fn h(a: bool, b: bool) -> f32 { return select(1.0, 2.0, a && b); }
        fn value(p: f32, t: f32) -> f32 { return p * h((p < t), (t > (p + 1.0))); }",
        TWO,
        |x| if x[1] > x[0] + 1.0 { 2.0 * x[0] } else { x[0] },
    )]);
}

#[test]
fn whole_numbers_beside_others_in_structs() {
    check_sources(&[(
        "their bits, and vectors of them",
        "struct S { x: f32, n: i32 }
        fn value(p: f32, t: f32) -> f32 {
            var a = S(p, 2);
            var b = S(t, 3);
            a.x *= 2.0;
            let v = vec3<i32>(vec2<i32>(a.n, 1), b.n);
            return a.x * f32(v.x) + b.x * f32(v.z) * f32(bitcast<u32>(a.n));
        }",
        TWO,
        |x| 4.0 * x[0] + 6.0 * x[1],
    )]);
}

/// A call that the left side keeps from being made is not made in the gradient either.
#[test]
fn loops_behind_conditions() {
    check_sources(&[
        (
            "and",
            "fn count(p: f32) -> f32 {
                var x = p; var n = 0.0;
                loop { if (x > -0.5 && x < 0.5) { break; } x -= 1.0; n += p; }
                return n;
            }
            fn value(p: f32, t: f32) -> f32 {
                if (p >= 0.0 && t > -5.0 && count(p) > 3.0) { return p * p * t; }
                return p;
            }",
            TWO,
            |x| if x[0] > 1.5 && x[0] * x[0].round() > 3.0 { x[0] * x[0] * x[1] } else { x[0] },
        ),
        (
            "or",
            "fn count(p: f32) -> f32 {
                var x = p; var n = 0.0;
                loop { if (x > -0.5 && x < 0.5) { break; } x -= 1.0; n += p; }
                return n;
            }
            fn value(p: f32, t: f32) -> f32 {
                let few = p < 0.0 || count(p) <= 3.0;
                return select(p * p * t, p, few && t > -5.0);
            }",
            TWO,
            |x| if x[0] > 1.5 && x[0] * x[0].round() > 3.0 { x[0] * x[0] * x[1] } else { x[0] },
        ),
    ]);
}
