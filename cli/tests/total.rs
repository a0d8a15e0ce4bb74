//! Parts of a batch in files of their own.

use crate::common::{folder, names, npy_f32, put, run};

/// Numbers from -2 to 2.
fn numbers(first: usize, count: usize) -> Vec<f32> {
    let number = |i: usize| f32::from(i.wrapping_mul(2_654_435_761).to_le_bytes()[1]) / 64.0 - 2.0;
    (first..first + count).map(number).collect()
}

/// Evaluates a part with a loss and perhaps an option, and writes its totals.
fn evaluate(folder: &std::path::Path, loss: &str, name: &str, first: usize, count: usize) -> f64 {
    let shape = format!("({count},)");
    put(folder, &format!("{name}-p.npy"), npy_f32(&shape, &numbers(first, count)));
    put(folder, &format!("{name}-t.npy"), npy_f32(&shape, &numbers(first + 7, count)));
    let [input, target, totals] =
        [format!("input={name}-p.npy"), format!("target={name}-t.npy"), format!("{name}.json")];
    let (loss, option) = loss.split_once(' ').map_or((loss, None), |(a, b)| (a, Some(b)));
    let arguments = ["eval", loss, &input, &target, "--totals", &totals, "--json"];
    let run = run(folder, &arguments.into_iter().chain(option).collect::<Vec<_>>());
    assert_eq!(run.json()["outputs"], serde_json::json!([totals]));
    run.value()
}

#[test]
fn whole_blocks_have_the_loss_of_one_run() {
    let folder = folder();
    let whole = evaluate(folder.path(), "mse", "whole", 0, 20_000);
    for (name, first, count) in [("a", 0, 8192), ("b", 8192, 4096), ("c", 12_288, 7712)] {
        evaluate(folder.path(), "mse", name, first, count);
    }
    let total = run(folder.path(), &["total", "a.json", "b.json", "c.json", "--json"]);
    assert_eq!(total.err, "");
    let json = total.json();
    assert_eq!(json["value"].as_f64(), Some(whole), "bit for bit");
    assert_eq!((&json["loss"], &json["reduction"]), (&"mse_loss".into(), &"mean".into()));
    assert_eq!((json["count"].as_u64(), json["kept"].as_u64()), (Some(20_000), Some(20_000)));
    let text = run(folder.path(), &["total", "whole.json"]);
    for part in ["(mse_loss, mean)", "sum ", "weight  20000", "count   20000", "kept    20000"] {
        assert!(text.out.contains(part), "{part}: {text:?}");
    }
    assert!(names(folder.path()).iter().all(|name| !name.starts_with('.')), "temporary files");
}

#[test]
fn parts_of_blocks_are_added_up_with_a_note() {
    let folder = folder();
    let whole = evaluate(folder.path(), "l1", "whole", 0, 300);
    evaluate(folder.path(), "l1", "a", 0, 100);
    evaluate(folder.path(), "l1", "b", 100, 200);
    let total = run(folder.path(), &["total", "a.json", "b.json", "--json"]);
    assert!((total.value() / whole - 1.0).abs() < 1e-6, "{total:?}");
    assert_eq!(total.err.lines().count(), 1, "{total:?}");
    assert!(total.err.contains("before b.json ends within a block of 4096"), "{total:?}");
}

#[test]
fn what_does_not_add_up_is_refused() {
    let folder = folder();
    evaluate(folder.path(), "mse", "a", 0, 10);
    evaluate(folder.path(), "l1", "b", 0, 10);
    evaluate(folder.path(), "huber delta=1", "h", 0, 10);
    evaluate(folder.path(), "huber delta=100", "i", 0, 10);
    put(folder.path(), "c.json", "{\"loss\": 1}");
    let text = std::fs::read_to_string(folder.path().join("a.json")).expect("totals");
    let mut older: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let fields = older.as_object_mut().expect("an object");
    fields.retain(|field, _| !["options", "inputs", "classes"].contains(&field.as_str()));
    put(folder.path(), "o.json", older.to_string());
    let eval = ["eval", "mse", "input=a-p.npy", "target=a-t.npy", "--totals"];
    let cases = [
        (
            &["total", "a.json", "b.json"][..],
            "FILE: b.json: totals: mean of l1_loss without weights",
        ),
        (
            &["total", "h.json", "i.json"],
            "FILE: i.json: totals: huber_loss with delta=100 is not valid, expected huber_loss with \
             delta=1",
        ),
        (&["total", "o.json"], "FILE: o.json: no totals: totals of an older form"),
        (&["total", "c.json"], "FILE: c.json: no totals: "),
        (&["total", "d.json"], "FILE: d.json: "),
        (
            &[&eval[..], &["a.npy"]].concat(),
            "--totals: a.npy: the name ends in \"npy\", expected .json",
        ),
        (
            &[&eval[..], &["e.json", "--reduction", "none"]].concat(),
            "totals: with reduction none is not valid",
        ),
    ];
    for (arguments, message) in cases {
        let run = run(folder.path(), arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains(message), "{message}: {run:?}");
    }
    assert!(!names(folder.path()).contains(&"e.json".into()));
}
