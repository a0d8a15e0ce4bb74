//! Texts that are refused, with the line and column of the user's own text.

use wgloss::{Custom, Error, Request};

/// Stands in the texts where the error is.
const HERE: char = '▸';

/// The error of a text from which the mark is taken, beside the line and column of the mark.
fn error_of(marked: &str) -> (Option<Error>, (usize, usize)) {
    let before = marked.split(HERE).next().expect("a first part");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().expect("a last line").chars().count() + 1;
    let text = marked.replace(HERE, "");
    (Custom::new(&text).err(), (line, column))
}

/// Checks texts, each with a mark, beside a part of the reason.
#[track_caller]
pub(super) fn check(rows: &[(&str, &str)]) {
    let mut wrong = String::new();
    for (marked, part) in rows {
        let (error, place) = error_of(marked);
        let right = match &error {
            Some(Error::Custom { line, column, reason }) => {
                (*line, *column) == place && reason.contains(part)
            }
            _ => false,
        };
        if !right {
            let said = error.map_or("nothing".into(), |error| error.to_string());
            wrong += &format!("{marked}\n    {place:?} {part}\n    {said}\n");
        }
    }
    assert!(wrong.is_empty(), "texts, places and reasons, and what was said:\n{wrong}");
}

#[test]
fn texts_that_are_no_wgsl() {
    check(&[
        ("▸", "fn value(...) -> f32 is missing"),
        ("▸  \n// nothing\n", "fn value(...) -> f32 is missing"),
        ("fn value(p: f32) -> f32 { return p +▸; }", "expected"),
        ("fn value(p: f32) -> f32 {\n    return p ▸}", "expected"),
        ("fn value(p: f32) -> f32 {\n\treturn ▸unknown * p;\n}", "no definition in scope"),
        (
            "fn value(p: f32) -> f32 {\r\n    // größer ≥ 0\r\n    return ▸x;\r\n}",
            "no definition in scope",
        ),
        ("fn value(p: f32) -> f32 { /* größer ≥ 0 */ return ▸x; }", "no definition in scope"),
        ("fn value(p: f32) -> f32 { return ▸p + 1i; }", ""),
        ("fn value(p: f32) -> f32 { return ▸p > 0.0; }", ""),
        ("fn value(p: f32) -> f32 { let ▸x: i32 = p; return p; }", ""),
        ("fn value(p: f32) -> f32 { return p; }\n▸}", "expected"),
        ("fn value(p: f32) -> f32 { return p; ▸", "expected }"),
        (
            "fn value(p: f32, t: f32) -> f32 {\n    return p - t;\n▸",
            "{ of line 1, column 33 is not",
        ),
        ("fn value(p: f32) -> f32 { return max(p, 1.0▸; }", "expected `)`"),
        ("fn value(p: f32) -> f32 { return max(p, 1.0▸", "( of line 1, column 37 is not closed"),
        ("fn value(p: f32, t: f32) -> f32 { return p; /* note }▸", "/* of line 1, column 45"),
        ("fn value(p: f32) -> f32 { return p; } fn ▸", "the text ends here"),
        (
            "fn value(p: f32, t: f32) -> f32 {\n    let d = p - t;\n    if (d > 0.0) { return d; }\n▸}\n",
            "without a value",
        ),
        ("fn value(p: f32, target: f32) -> f32 { return ▸targets; }", "is target meant?"),
        (
            "▸struct Parameters { target: f32 }\nfn value(p: f32, c: Parameters) -> f32 { return p; }",
            "reserved",
        ),
        ("fn value(p: f32) -> f32 { let ▸loop = p; return p; }", "reserved"),
        ("fn value(p: f32) -> f32 { let ▸filter = p; return p; }", "give it another name"),
        ("fn value(▸ref: f32) -> f32 { return 1.0; }", "reserved"),
        ("fn value(p: f32) -> f32 { return f(p); } fn ▸f(x: f32) -> f32 { return value(x); }", ""),
        ("fn value(p: f32) -> f32 { let x = ▸1.0 / 0.0; return p; }", ""),
        (
            "fn value(▸p: f32) -> f32 { if (p) { return 1.0; } return p; }",
            "The `if` condition is not",
        ),
        ("@▸bogus fn value(p: f32) -> f32 { return p; }", ""),
    ]);
}

/// Nothing of the library's text is in a message, and a place is one of the user's text.
#[test]
fn messages_are_of_the_own_text() {
    let text = "fn square(x: f32) -> f32 { return x * x; }
fn value(p: f32, t: f32) -> f32 {
    let d = p - t;
    if (d > 0.0) { return square(d); }
    return 0.5 * square(d);
}";
    for end in 1..text.len() {
        match Custom::new(&text[..end]) {
            Err(Error::Custom { line, column, reason }) => {
                let last = text[..end].matches('\n').count() + 1;
                assert!(line <= last && column <= 80 && reason.len() < 300, "{end}: {reason}");
                for own in ["is_nan", "bitcast", "BITS_OF", "const LOG2"] {
                    assert!(!reason.contains(own), "{end}: {reason}");
                }
            }
            other => panic!("{end}: {other:?}"),
        }
    }
}

#[test]
fn what_value_is_not() {
    check(&[
        ("▸fn loss(p: f32) -> f32 { return p; }", "fn value(...) -> f32 is missing"),
        ("▸// value\nstruct value { p: f32 }", "fn value(...) -> f32 is missing"),
        ("▸fn value(p: f32) { }", "something else than f32"),
        ("// first\n▸fn value(p: f32) -> i32 { return 1; }", "something else than f32"),
        ("▸fn value(p: f32) -> vec2<f32> { return vec2(p); }", "something else than f32"),
        ("▸fn value() -> f32 { return 1.0; }", "0 arguments"),
        (
            "▸fn value(a: f32, b: f32, c: f32, d: f32, e: f32, f: f32, g: f32, h: f32, i: f32,
                j: f32, k: f32, l: f32, m: f32, n: f32, o: f32, p: i32, q: bool) -> f32 { return a; }",
            "17 arguments, expected 1 to 16",
        ),
        ("▸fn value(p: i32) -> f32 { return 1.0; }", "no argument of f32"),
        ("▸fn value(p: f32, t: vec2<i32>) -> f32 { return p; }", "argument t"),
        ("▸fn value(p: f32, t: mat2x2<f32>) -> f32 { return p; }", "argument t"),
        ("▸fn value(p: f32, t: array<f32, 4>) -> f32 { return p; }", "argument t"),
        (
            "struct Parameters { d: f32 }\n▸fn value(c: Parameters, p: f32) -> f32 { return p; }",
            "argument c",
        ),
        ("struct Other { d: f32 }\n▸fn value(p: f32, c: Other) -> f32 { return p; }", "argument c"),
        (
            "struct Parameters { d: f32 }\n▸fn value(c: Parameters) -> f32 { return c.d; }",
            "0 arguments",
        ),
        (
            "▸struct Parameters { d: vec2<f32> }\nfn value(p: f32, c: Parameters) -> f32 { return p; }",
            "parameter d",
        ),
        (
            "▸struct Parameters { d: array<bool, 2> }\nfn value(p: f32, c: Parameters) -> f32 { return p; }",
            "parameter d",
        ),
        (
            "▸struct Parameters { flag: bool }\nfn value(p: f32, c: Parameters) -> f32 { return p; }",
            "parameter flag",
        ),
    ]);
}

#[test]
fn what_belongs_to_kernels() {
    check(&[
        (
            "@group(0) @binding(0) ▸var<storage, read> a: array<f32>;\nfn value(p: f32) -> f32 { return p * a[0]; }",
            "a is a binding",
        ),
        (
            "@group(0) @binding(0) ▸var a: texture_2d<f32>;\nfn value(p: f32) -> f32 { return p; }",
            "a is a binding",
        ),
        (
            "▸var<private> a: f32;\nfn value(p: f32) -> f32 { a = p; return a; }",
            "outside of functions",
        ),
        ("▸var<workgroup> a: f32;\nfn value(p: f32) -> f32 { return a; }", ""),
        (
            "▸var<workgroup> a: atomic<u32>;\nfn value(p: f32) -> f32 { return f32(atomicAdd(&a, 1u)) * p; }",
            "",
        ),
        ("▸override a: f32 = 1.0;\nfn value(p: f32) -> f32 { return p * a; }", "a is an override"),
        (
            "fn value(p: f32) -> f32 { return p; }\n@compute @workgroup_size(1) ▸fn run() { }",
            "run is an entry point",
        ),
        ("fn value(p: f32) -> f32 { return p; }\n▸} @compute @workgroup_size(1) fn run() {", ""),
        ("fn value(p: f32) -> f32 { ▸workgroupBarrier(); return p; }", ""),
        ("fn value(p: f32) -> f32 { return ▸dpdx(p); }", ""),
        ("fn value(p: f32) -> f32 { if (p > 0.0) { ▸discard; } return p; }", ""),
    ]);
}

#[test]
fn what_has_no_derivative() {
    check(&[
        ("fn value(p: f32) -> f32 {\n    return f32(▸bitcast<u32>(p));\n}", "bits of a number"),
        ("fn value(p: f32) -> f32 { return ▸quantizeToF16(p); }", "no rule"),
        ("fn value(p: f32) -> f32 { return ▸modf(p).fract; }", "modf"),
        ("fn value(p: f32) -> f32 { return ▸frexp(p).fract; }", "frexp"),
        ("fn value(p: f32) -> f32 { let m = ▸mat2x2<f32>(p, 0.0, 0.0, p); return m[0].x; }", ""),
        ("fn value(p: f32) -> f32 { return (vec2(p) * ▸mat2x2<f32>(1.0, 0.0, 0.0, 1.0)).x; }", ""),
        (
            "fn value(p: f32) -> f32 { var y = p; ▸f(&y); return y; }\nfn f(y: ptr<function, f32>) { *y = 2.0; }",
            "",
        ),
        (
            "fn value(p: f32) -> f32 { var y = p; let a = array<f32, 2>(p, y); var b = a; let z = &▸b[1]; return *z; }",
            "pointer",
        ),
        ("fn value(p: f32) -> f32 { ▸loop { } return p; }", "never ends"),
        (
            "fn value(p: f32) -> f32 { var y = p;\n    ▸loop { y = y * 0.5; continuing { y += 1.0; } }\n    return y; }",
            "never ends",
        ),
        (
            "fn value(p: f32) -> f32 { ▸loop { switch 1 { case 1: { break; } default: { } } } return p; }",
            "never ends",
        ),
        ("fn value(p: f32) -> f32 { ▸loop { loop { break; } } return p; }", "never ends"),
        ("fn value(p: f32) -> f32 { return f32(▸1.0h) * p; }", ""),
        ("fn value(p: f32) -> f32 { return unpack2x16float(▸pack2x16float(vec2(p))).x; }", ""),
        (
            "fn value(p: f32) -> f32 { return f(p, 1.0) * f(1.0, p); }\nfn f(a: f32, b: f32) -> f32 {\n  return ▸quantizeToF16(a) * b; }",
            "no rule",
        ),
        (
            "fn value(p: f32) -> f32 { return ▸exponential_core(p); }",
            "exponential_core has no rule",
        ),
    ]);
}

#[test]
fn names_that_are_taken() {
    check(&[
        (
            "fn ▸sigmoid(x: f32) -> f32 { return x; }\nfn value(p: f32) -> f32 { return sigmoid(p); }",
            "wgloss's own",
        ),
        ("const ▸LN_2 = 0.5;\nfn value(p: f32) -> f32 { return p; }", "wgloss's own"),
        (
            "fn ▸main(x: f32) -> f32 { return x; }\nfn value(p: f32) -> f32 { return main(p); }",
            "name main",
        ),
        (
            "struct ▸Window { x: f32 }\nfn value(p: f32) -> f32 { return Window(p).x; }",
            "name Window",
        ),
        (
            "fn value(p: f32) -> f32 { return evaluate(p); }\nfn ▸evaluate(x: f32) -> f32 { return x; }",
            "name evaluate",
        ),
        ("const ▸BLOCK = 3.0;\nfn value(p: f32) -> f32 { return BLOCK * p; }", "name BLOCK"),
        ("alias ▸Axis = f32;\nfn value(p: Axis) -> f32 { return p; }", "name Axis"),
        (
            "fn ▸p_at(x: f32) -> f32 { return x; }\nfn value(p: f32) -> f32 { return p_at(p); }",
            "name p_at",
        ),
        (
            "fn ▸gradient(x: f32) -> f32 { return x; }\nfn value(p: f32) -> f32 { return gradient(p); }",
            "name gradient",
        ),
        (
            "fn ▸max(x: f32, y: f32) -> f32 { return x; }\nfn value(p: f32) -> f32 { return max(p, p); }",
            "name max",
        ),
        ("struct ▸f32 { x: i32 }\nfn value(p: f32) -> f32 { return p; }", ""),
        (
            "struct Parameters { d: f32, ▸d: f32 }\nfn value(p: f32, c: Parameters) -> f32 { return p; }",
            "",
        ),
        ("fn value(p: f32, ▸p: f32) -> f32 { return p; }", ""),
    ]);
}

#[test]
fn derivatives_that_are_missing() {
    let text = "fn value(p: f32, t: f32) -> f32 {\n    return p * quantizeToF16(t);\n}";
    let loss = Custom::new(text).expect("it has a derivative by p");
    let definition = wgloss::Loss::definition(&loss);
    let slopes: Vec<bool> = definition.inputs.iter().map(|input| input.differentiable).collect();
    assert_eq!(slopes, [true, false]);
    let error = loss.derivative("t").expect_err("no derivative by t");
    assert!(matches!(error, Error::Custom { line: 2, column: 16, .. }), "{error}");
    let error = loss.derivative("u").expect_err("no such argument");
    assert!(error.to_string().contains('u'), "{error}");
    let columns = [vec![1.0, 2.0], vec![3.0, 4.0]];
    let inputs = super::case::named(&columns);
    let batch = |gradients| wgloss::Batch {
        inputs: &inputs,
        request: Request { gradients, ..wgloss::Batch::default().request.clone() },
        ..wgloss::Batch::default()
    };
    for (name, backend) in crate::common::backends() {
        let error =
            backend.evaluate_blocking(&loss, &batch(&["p", "t"])).expect_err("no slope by t");
        assert!(matches!(error, Error::Custom { line: 2, column: 16, .. }), "{name}: {error}");
        let got = backend.evaluate_blocking(&loss, &batch(&["p"])).expect("a gradient of p");
        assert_eq!(*got.gradients[0].1.to_f32(), [1.5, 2.0], "{name}");
    }
}

/// Whatever is called like a word of WGSL's declarations is another name in the kernels, or refused here.
#[test]
fn names_like_words_of_declarations() {
    for name in [
        "uniform",
        "storage",
        "read",
        "write",
        "read_write",
        "workgroup",
        "private",
        "function",
        "perspective",
        "vertex",
        "i",
        "f",
        "quad",
        "scale",
        "parameters",
        "options",
        "window",
    ] {
        for text in [
            format!(
                "fn {name}(x: f32) -> f32 {{ return 0.5 * x * x; }}\nfn value(p: f32, t: f32) -> f32 {{ return {name}(p - t); }}"
            ),
            format!(
                "struct {name} {{ x: f32 }}\nfn value(p: f32, t: f32) -> f32 {{ return {name}(p).x - t; }}"
            ),
            format!(
                "const {name}: f32 = 2.0;\nfn value(p: f32, t: f32) -> f32 {{ return {name} * p - t; }}"
            ),
            format!(
                "fn value(p: f32, t: f32) -> f32 {{ let {name} = p * t; return {name} * {name}; }}"
            ),
        ] {
            let loss = match Custom::new(&text) {
                Ok(loss) => loss,
                Err(Error::Custom { line: 1, reason, .. }) => {
                    assert!(reason.contains("rename yours"), "{text}: {reason}");
                    continue;
                }
                other => panic!("{text}: {other:?}"),
            };
            let columns = [vec![1.0, 2.0], vec![3.0, 4.0]];
            let inputs = super::case::named(&columns);
            let request = Request::with_gradients(&["p", "t"]);
            let batch = wgloss::Batch { inputs: &inputs, request, ..wgloss::Batch::default() };
            for (backend, evaluator) in crate::common::backends() {
                let got = evaluator.evaluate_blocking(&loss, &batch);
                got.unwrap_or_else(|e| panic!("{backend}: {text}: {e}"));
            }
        }
    }
}

/// `target` is a reserved word of WGSL, and what most losses call their second input.
#[test]
fn a_target() {
    let text = "fn half(target: f32) -> f32 { let tarGet = target; return 0.5 * tarGet * target; }
        fn value(input: f32, target: f32) -> f32 { return half(input - target); }";
    let loss = Custom::new(text).expect("a loss");
    let names: Vec<_> = wgloss::Loss::definition(&loss).inputs.iter().map(|own| own.name).collect();
    assert_eq!(names, ["input", "target"]);
    let columns = [("input", 3.0), ("target", 1.0)]
        .map(|(name, x)| (name, crate::common::tensor(wgloss::DType::F32, &[1], &[x])));
    let request = Request::with_gradients(&names);
    let batch = wgloss::Batch { inputs: &columns, request, ..wgloss::Batch::default() };
    for (name, backend) in crate::common::backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("an answer");
        assert_eq!(got.scalar(), Some(2.0), "{name}");
        let slopes: Vec<f32> = got.gradients.iter().map(|(_, x)| x.to_f32()[0]).collect();
        assert_eq!(slopes, [2.0, -2.0], "{name}");
    }
    assert!(loss.derivative("target").is_ok());
}

/// An argument is called as one likes: inside it has another name, if it must.
#[test]
fn names_of_arguments() {
    for name in [
        "value",
        "gradient",
        "select",
        "max",
        "cos",
        "bool",
        "f32",
        "vec2",
        "is_nan",
        "exponential",
        "uniform",
        "main",
        "window",
        "scale",
        "evaluate",
        "options",
        "loss",
        "x",
        "größe",
        "read",
    ] {
        for text in [
            format!("fn value({name}: f32, t: f32) -> f32 {{ return {name} * {name} - sin(t); }}"),
            format!(
                "struct Parameters {{ k: f32 }} fn value({name}: f32, t: f32, c: Parameters) -> f32 {{ var y = {name}; for (var i = 0; i < 2; i++) {{ y = y * {name} + c.k - c.k; }} return y - sin(t) + {name} * {name} - y; }}"
            ),
        ] {
            let mut loss = Custom::new(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            let _ = loss.set("k", 1.0);
            let names: Vec<_> =
                wgloss::Loss::definition(&loss).inputs.iter().map(|own| own.name).collect();
            assert_eq!(names, [name, "t"]);
            let columns = [(names[0], 3.0), ("t", 0.0)]
                .map(|(name, x)| (name, crate::common::tensor(wgloss::DType::F32, &[1], &[x])));
            let request = Request::with_gradients(&names);
            let batch = wgloss::Batch { inputs: &columns, request, ..wgloss::Batch::default() };
            for (backend, evaluator) in crate::common::backends() {
                let got = evaluator.evaluate_blocking(&loss, &batch);
                let got = got.unwrap_or_else(|e| panic!("{backend}: {text}: {e}"));
                assert_eq!(got.scalar(), Some(9.0), "{backend}: {text}");
                let slopes: Vec<f32> = got.gradients.iter().map(|(_, x)| x.to_f32()[0]).collect();
                assert_eq!(slopes, [6.0, -1.0], "{backend}: {text}");
            }
            loss.derivative(name).unwrap_or_else(|e| panic!("{text}: {e}"));
        }
    }
}

/// A mark at the beginning, as some editors write it, is no part of the text.
#[test]
fn a_mark_of_the_encoding() {
    let text = "\u{feff}// A loss.\nfn value(p: f32) -> f32 { return p; }";
    let loss = Custom::new(text).expect("a loss");
    assert_eq!(wgloss::definition::Options::documentation(&loss), "A loss.");
}

/// What is too large is so at a line of the own text.
#[test]
fn arrays_that_are_too_large() {
    check(&[(
        "fn value(p: f32, t: f32) -> f32 {\n    ▸var a: array<f32, 65536>; a[u32(abs(p))] = t; return a[1];\n}",
        "",
    )]);
}
