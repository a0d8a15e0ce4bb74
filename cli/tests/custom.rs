//! Losses from a user's WGSL file.

use crate::common::{bytes, data, folder, npy, npy_f32, put, read_npy, run};
use std::path::Path;

const HUBER: &str = "\
struct Parameters {
    delta: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let d = abs(p - t);
    if (d <= c.delta) {
        return 0.5 * d * d;
    }
    return c.delta * (d - 0.5 * c.delta);
}
";

#[test]
fn value_gradient_and_second_derivative() {
    let folder = folder();
    put(folder.path(), "huber.wgsl", HUBER);
    put(folder.path(), "p.npy", npy_f32("(4,)", &[0.125, 0.25, -1.0, 3.0]));
    put(folder.path(), "t.npy", npy_f32("(4,)", &[0.0; 4]));
    for backend in ["gpu", "cpu"] {
        let arguments = [
            "eval",
            "--custom",
            "huber.wgsl",
            "p=p.npy",
            "t=t.npy",
            "delta=0.5",
            "--reduction",
            "sum",
            "--grad",
            "p=g.npy",
            "--grad",
            "t=h.npy",
            "--second",
            "p=s.npy",
            "--json",
            "--backend",
            backend,
        ];
        let run = run(folder.path(), &arguments);
        let json = run.json();
        assert_eq!(json["value"], 0.007_812_5 + 0.03125 + 0.375 + 1.375, "{backend}");
        assert_eq!((&json["loss"], &json["options"]["delta"]), (&"huber".into(), &0.5.into()));
        let read = |name: &str| read_npy(&folder.path().join(name));
        assert_eq!(read("g.npy"), (vec![4], vec![0.125, 0.25, -0.5, 0.5]), "{backend}");
        assert_eq!(read("h.npy"), (vec![4], vec![-0.125, -0.25, 0.5, -0.5]), "{backend}");
        assert_eq!(read("s.npy"), (vec![4], vec![1.0, 1.0, 0.0, 0.0]), "{backend}");
    }
}

#[test]
fn mixed_derivatives_and_products_of_the_hessian() {
    let folder = folder();
    put(folder.path(), "f.wgsl", "fn value(p: f32, t: f32) -> f32 { return p * p * t; }");
    for (name, numbers) in
        [("p", [1.0, 2.0]), ("t", [5.0, 6.0]), ("v", [1.0, -1.0]), ("w", [3.0, 2.0])]
    {
        put(folder.path(), &format!("{name}.npy"), npy_f32("(2,)", &numbers));
    }
    let read = |name: &str| read_npy(&folder.path().join(name)).1;
    let eval = ["eval", "--custom", "f.wgsl", "p=p.npy", "t=t.npy", "--reduction", "sum", "--json"];
    for backend in ["gpu", "cpu"] {
        let own = ["--backend", backend, "--grad", "p=g.npy", "--grad", "t=h.npy"];
        let row = [&eval[..], &own, &["--derivative", "p"]].concat();
        let json = run(folder.path(), &row).json();
        assert_eq!((&json["loss"], &json["value"]), (&"f by p".into(), &34.0.into()), "{backend}");
        assert_eq!((read("g.npy"), read("h.npy")), (vec![10.0, 12.0], vec![2.0, 4.0]));
        let directions = ["--along", "p,t", "p_direction=v.npy", "t_direction=w.npy"];
        let product = [&eval[..], &own, &directions].concat();
        let json = run(folder.path(), &product).json();
        // 2 p t v + p^2 w
        assert_eq!(json["value"], 10.0 + 3.0 - 24.0 + 8.0, "{backend}");
        assert_eq!((read("g.npy"), read("h.npy")), (vec![16.0, -4.0], vec![2.0, -4.0]));
    }
    refused(folder.path(), &["show", "--custom", "f.wgsl", "--along", "q"], &["\"q\"", "p, t"]);
    refused(folder.path(), &["eval", "mse", "--derivative", "input", "input=p.npy"], &["--custom"]);
    let shown = run(folder.path(), &["show", "--custom", "f.wgsl", "--along", "t"]);
    assert!(shown.out.contains("inputs:     p*, t*, t_direction*"), "{}", shown.out);
}

#[test]
fn the_examples_run_on_real_data() {
    let files = ["p=diabetes_predictions.npy", "t=diabetes_targets.npy"];
    for (loss, parameters) in [
        ("charbonnier", &["epsilon=0.001"][..]),
        ("wing", &["width=10", "curvature=2"]),
        ("expectile", &["tau=0.9"]),
    ] {
        let path = format!("../losses/{loss}.wgsl");
        let arguments = [&["eval", "--json", "--custom", &path][..], &files, parameters].concat();
        let values = ["gpu", "cpu"].map(|backend| {
            run(&data(), &[&arguments[..], &["--backend", backend]].concat()).value()
        });
        assert!((values[0] / values[1] - 1.0).abs() < 1e-5, "{loss}: {values:?}");
    }
}

#[test]
fn show_prints_the_derived_gradient() {
    let folder = folder();
    put(folder.path(), "huber.wgsl", HUBER);
    let run = run(folder.path(), &["show", "--custom", "huber.wgsl"]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    for part in
        ["inputs:     p*, t*", "parameters: delta", "fn gradient(p: f32, t: f32, c: Parameters)"]
    {
        assert!(run.out.contains(part), "{part}: {}", run.out);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let folder = folder();
    put(folder.path(), "bad.wgsl", "fn value(p: f32) -> f32 {\n    return p + q;\n}\n");
    put(folder.path(), "huber.wgsl", HUBER);
    let check = |arguments: &[&str], parts: &[&str]| refused(folder.path(), arguments, parts);
    check(&["show", "--custom", "bad.wgsl"], &["bad.wgsl", "line 2, column 16", "`q`"]);
    check(&["eval", "--custom", "bad.wgsl", "p=p.npy"], &["bad.wgsl", "line 2, column 16"]);
    check(&["eval", "--custom", "none.wgsl", "p=p.npy"], &["--custom", "none.wgsl"]);
    check(&["eval", "--custom", "huber.wgsl", "p=p.npy"], &["delta", "missing"]);
    check(&["eval", "--custom", "huber.wgsl", "delta=x"], &["delta", "x is not valid", "a number"]);
    let nan = ["eval", "--custom", "huber.wgsl", "delta=nan", "p=p.npy", "t=p.npy"];
    check(&nan, &["delta", "NaN", "a number"]);
    check(&["eval", "--custom", "huber.wgsl", "mse_loss", "p=p.npy"], &["mse_loss", "p, t, delta"]);
    check(&["eval", "mse", "input=p.npy", "--second", "input=s.npy"], &["--custom"]);
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let run = run(folder, arguments);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    for part in parts {
        assert!(run.err.contains(part), "{part}: {}", run.err);
    }
}

const CENTRES: &str = "\
struct Parameters {
    weights: array<f32, 3>,
    shift: f32,
}

fn value(p: vec2<f32>, label: i32, counts: bool, c: Parameters) -> f32 {
    return select(0.0, c.weights[label] * p.x * p.y + c.shift, counts);
}
";

#[test]
fn vectors_integers_and_tables_of_files() {
    let folder = folder();
    put(folder.path(), "centres.wgsl", CENTRES);
    put(folder.path(), "p.npy", npy_f32("(2, 2)", &[1.0, 2.0, 3.0, 4.0]));
    put(folder.path(), "w.npy", npy_f32("(3,)", &[0.5, 2.0, -1.0]));
    put(folder.path(), "square.npy", npy_f32("(3, 1)", &[0.5, 2.0, -1.0]));
    put(folder.path(), "short.npy", npy_f32("(2,)", &[0.5, 2.0]));
    put(
        folder.path(),
        "label.npy",
        npy("'<i8'", false, "(2,)", &bytes(&[1i64, 2], i64::to_le_bytes)),
    );
    put(folder.path(), "counts.npy", npy("'|b1'", false, "(2,)", &[1, 0]));
    let files = ["p=p.npy", "label=label.npy", "counts=counts.npy", "shift=1"];
    let eval =
        [&["eval", "--custom", "centres.wgsl", "--json", "--grad", "p=g.npy"][..], &files].concat();
    for (table, backend) in [("--table=weights=w.npy", "cpu"), ("weights=0.5,2,-1", "gpu")] {
        let run = run(folder.path(), &[&eval[..], &[table, "--backend", backend]].concat());
        let json = run.json();
        assert_eq!(json["value"], 2.5, "{table}");
        assert_eq!(json["options"]["weights"], serde_json::json!([0.5, 2.0, -1.0]));
        let want = (vec![2, 2], vec![2.0, 1.0, 0.0, 0.0]);
        assert_eq!(read_npy(&folder.path().join("g.npy")), want, "{backend}");
    }
    let refused = |arguments: &[&str], parts: &[&str]| {
        let run = run(folder.path(), &[&eval[..], arguments].concat());
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.err);
        assert!(
            parts.iter().all(|part| run.err.contains(part) || run.out.contains(part)),
            "{}{}",
            run.err,
            run.out
        );
    };
    refused(&["--table=weights=short.npy"], &["weights", "2 numbers", "3 numbers"]);
    refused(&["--table=weights=square.npy"], &["weights", "[3, 1]", "one axis"]);
    refused(&["--table=weight=w.npy"], &["--table", "weight", "weights, shift"]);
    refused(&["--table=weights=none.npy"], &["weights", "none.npy"]);
    refused(&["--table=weights=w.npy", "weights=1,2,3"], &["weights", "2"]);
    refused(&["weights=1,2"], &["weights: 1,2 is not valid", "3 numbers"]);
    refused(&["weights=1,x,2"], &["weights", "1,x,2", "commas"]);
    refused(&[], &["weights", "missing"]);
}
