//! Parts of a batch that are evaluated on their own, and their totals.

use crate::common::{Run, folder, names, npy_f32, put, run};
use serde_json::json;
use std::path::Path;

/// Numbers from -2 to 2.
fn numbers(first: usize, count: usize) -> Vec<f32> {
    let number = |i: usize| f32::from(i.wrapping_mul(2_654_435_761).to_le_bytes()[1]) / 64.0 - 2.0;
    (first..first + count).map(number).collect()
}

/// Writes the inputs of a batch.
fn batch(folder: &Path, count: usize) {
    let shape = format!("({count},)");
    put(folder, "p.npy", npy_f32(&shape, &numbers(0, count)));
    put(folder, "t.npy", npy_f32(&shape, &numbers(7, count)));
}

/// Evaluates rows with a loss and perhaps an option, and writes their totals.
fn evaluate(folder: &Path, loss: &str, rows: &str, totals: &str) -> f64 {
    let (loss, option) = loss.split_once(' ').map_or((loss, None), |(a, b)| (a, Some(b)));
    let arguments = ["eval", loss, "input=p.npy", "target=t.npy", "--totals", totals, "--json"];
    let rows = ["--rows", rows, "--backend", "cpu"];
    let run = run(folder, &[&arguments[..], &rows, option.as_slice()].concat());
    assert_eq!(run.json()["outputs"], json!([totals]));
    run.value()
}

fn total(folder: &Path, arguments: &[&str]) -> Run {
    run(folder, &[&["total"], arguments].concat())
}

#[test]
fn parts_in_any_order_have_the_loss_of_one_run() {
    let folder = folder();
    let at = folder.path();
    batch(at, 20_000);
    let whole = evaluate(at, "mse", "..", "whole.json");
    std::fs::create_dir(at.join("parts")).expect("a folder");
    let parts = [("b.totals", "8192..12288"), ("a.json", "..8192"), ("c.totals", "12288..12289")];
    for (name, rows) in parts.into_iter().chain([("d.json", "12289..")]) {
        evaluate(at, "mse", rows, &format!("parts/{name}"));
    }
    let orders: [&[&str]; 4] = [
        &["parts/d.json", "parts/b.totals", "parts/a.json", "parts/c.totals"],
        &["parts"],
        &["parts/*.totals", "parts/*.json"],
        &["whole.json"],
    ];
    for order in orders {
        let run = total(at, &[order, &["--json"]].concat());
        assert_eq!(run.err, "");
        let json = run.json();
        assert_eq!(json["value"].as_f64(), Some(whole), "bit for bit: {order:?}");
        assert_eq!((&json["loss"], &json["reduction"]), (&"mse_loss".into(), &"mean".into()));
        let counts = ["count", "kept", "of"].map(|name| json[name].as_u64());
        assert_eq!(counts, [Some(20_000); 3]);
        assert_eq!((&json["covered"], &json["missing"]), (&json!([[0, 20_000]]), &json!([])));
        assert_eq!(json["whole"], true);
    }
    let text = total(at, &["parts"]);
    let lines = ["(mse_loss, mean)", "sum ", "weight  20000", "count   20000", "kept    20000"];
    for part in lines.into_iter().chain(["rows    20000 of 20000"]) {
        assert!(text.out.contains(part), "{part}: {text:?}");
    }
    assert!(!text.out.contains("missing"), "{text:?}");
    assert!(names(at).iter().all(|name| !name.starts_with('.')), "temporary files");
}

#[test]
fn joined_totals_are_written_and_joined_on() {
    let folder = folder();
    let at = folder.path();
    batch(at, 10_000);
    let whole = evaluate(at, "l1", "..", "whole.json");
    for (name, rows) in [("a.json", "..100"), ("b.json", "100..5000"), ("c.totals", "5000..")] {
        evaluate(at, "l1", rows, name);
    }
    let first =
        total(at, &["c.totals", "a.json", "--partial", "--out", "ac.json", "--json"]).json();
    assert_eq!(first["missing"], json!([[100, 5000]]));
    assert_eq!(first["whole"], false);
    let all = total(at, &["b.json", "ac.json", "--out", "all", "--json"]);
    assert_eq!(all.value(), whole);
    assert_eq!(total(at, &["all", "--json"]).value(), whole);
    let text = std::fs::read_to_string(at.join("ac.json")).expect("a file");
    assert!(text.starts_with('{'), "{text}");
    assert!(std::fs::read(at.join("all")).expect("a file").starts_with(b"wgloss totals"));
    // The whole's mean, for the gradients of a part.
    let grad = ["--denominator", "all", "--grad", "input=g.npy", "--json", "--rows", "..100"];
    let part = run(at, &[&["eval", "l1", "input=p.npy", "target=t.npy"], &grad[..]].concat());
    assert!(part.value() < whole / 50.0, "{part:?}");
}

#[test]
fn missing_rows_are_told() {
    let folder = folder();
    let at = folder.path();
    batch(at, 300);
    evaluate(at, "l1", "..100", "a.json");
    evaluate(at, "l1", "150..200", "b.json");
    let run = total(at, &["b.json", "a.json", "--out", "ab.totals"]);
    assert_eq!(run.code, Some(4), "{run:?}");
    let line =
        "wgloss: error: 150 of 300 rows are missing: 100..150, 200..300; --partial accepts that";
    assert_eq!(run.err.trim_end(), line);
    let rows = "rows    150 of 300\nmissing 100..150, 200..300\n";
    assert!(run.out.contains("count   150") && run.out.contains(rows), "{run:?}");
    assert!(at.join("ab.totals").exists());
    let json = total(at, &["a.json", "b.json", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json.out).expect("one object");
    assert_eq!((json.code, &report["error"]["kind"]), (Some(4), &"incomplete".into()));
    assert_eq!(
        (&report["missing"], &report["of"]),
        (&json!([[100, 150], [200, 300]]), &json!(300))
    );
    let partial = total(at, &["a.json", "b.json", "--partial"]);
    assert_eq!((partial.code, partial.err.as_str()), (Some(0), ""));
    // At most some of the gaps are shown.
    let many = (0..40).map(|row| (format!("m{row}.json"), format!("{}..{}", 2 * row, 2 * row + 1)));
    for (name, rows) in many {
        evaluate(at, "l1", &rows, &name);
    }
    let run = total(at, &["m*.json"]);
    assert!(run.err.contains("260 of 300 rows are missing: 1..2, 3..4, "), "{run:?}");
    assert!(run.err.contains(" and 32 more; "), "{run:?}");
}

#[test]
fn rows_that_come_twice_are_refused() {
    let folder = folder();
    let at = folder.path();
    batch(at, 9000);
    for (name, rows) in [("a.json", "..5000"), ("b.totals", "4999.."), ("c.json", "5000..")] {
        evaluate(at, "mse", rows, name);
    }
    let cases = [
        (&["c.json", "a.json", "a.json"][..], ["FILE: a.json: beside a.json: ", "0..5000"]),
        (&["a.json", "b.totals"], ["FILE: b.totals: beside a.json: ", "4999..5000"]),
        (&["b.totals", "c.json"], ["FILE: c.json: beside b.totals: ", "5000..9000"]),
    ];
    for (files, parts) in cases {
        let run = total(at, &[files, &["--partial"]].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        for part in parts.into_iter().chain(["come twice"]) {
            assert!(run.err.contains(part), "{part}: {run:?}");
        }
    }
}

#[test]
fn what_does_not_add_up_is_refused() {
    let folder = folder();
    let at = folder.path();
    batch(at, 10);
    evaluate(at, "mse", "..5", "a.json");
    evaluate(at, "l1", "5..", "b.json");
    evaluate(at, "huber delta=1", "..5", "h.json");
    evaluate(at, "huber delta=100", "..5", "i.json");
    put(at, "c.json", "{\"loss\": 1}");
    put(at, "e.totals", &std::fs::read(at.join("b.json")).expect("a file")[..50]);
    put(at, "f.totals", "wgloss totals of another time");
    std::fs::create_dir(at.join("empty")).expect("a folder");
    let eval = ["eval", "mse", "input=p.npy", "target=t.npy", "--totals"];
    let cases = [
        (
            &["total", "a.json", "b.json"][..],
            "FILE: b.json: beside a.json: totals: mean of l1_loss",
        ),
        (
            &["total", "h.json", "i.json"],
            "FILE: i.json: beside h.json: totals: huber_loss with delta=100 is not valid, expected \
             huber_loss with delta=1",
        ),
        (&["total", "c.json"], "FILE: c.json: no totals: "),
        (&["total", "d.json"], "FILE: d.json: "),
        (&["total", "e.totals"], "FILE: e.totals: no totals: "),
        (&["total", "f.totals"], "FILE: f.totals: no totals: "),
        (&["total", "*.none"], "FILE: *.none: no file matches the pattern"),
        (&["total", "empty"], "FILE: empty: an empty folder"),
        (
            &[&eval[..], &["a.npy"]].concat(),
            "--totals: a.npy: the name ends in \"npy\", expected .json or .totals",
        ),
        (
            &[&eval[..], &["n.json", "--reduction", "none"]].concat(),
            "totals: with reduction none is not valid",
        ),
        (
            &[&eval[..4], &["--denominator", "b.json"]].concat(),
            "denominator: the totals of mean of l1",
        ),
        (
            &[&eval[..4], &["--denominator", "c.json"]].concat(),
            "--denominator: c.json: no totals: ",
        ),
    ];
    for (arguments, message) in cases {
        let run = run(at, arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains(message), "{message}: {run:?}");
    }
    assert!(!names(at).contains(&"n.json".into()));
}
