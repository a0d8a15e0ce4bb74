//! The main job, on real data.

use crate::common::{
    self, command, data, folder, names, npy_f32, put, read_npy, run, run_without_adapter,
};
use serde_json::Value;
use std::process::Stdio;

const DIGITS: [&str; 4] =
    ["eval", "cross_entropy", "input=digits_logits.npy", "target=digits_labels.npy"];

fn expected(name: &str) -> f64 {
    let text = std::fs::read_to_string(data().join("expected.json")).expect("expected.json");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    json[name].as_f64().expect("a number")
}

fn with<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [arguments, more].concat()
}

#[test]
fn digits_on_both_backends() {
    for backend in ["gpu", "cpu"] {
        let run = run(&data(), &with(&DIGITS, &["--backend", backend]));
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
        let first: Vec<_> = run.out.split_whitespace().take(2).collect();
        assert_eq!(first, ["loss", "0.2134168"]);
        for part in ["float32 [1797, 10]", "int64 [1797]", "mean", backend] {
            assert!(run.out.contains(part), "{part}: {}", run.out);
        }
    }
    for backend in ["auto", "gpu", "cpu"] {
        let value = run(&data(), &with(&DIGITS, &["--json", "--backend", backend])).value();
        assert!((value - expected("digits_cross_entropy_mean")).abs() < 1e-6, "{backend}: {value}");
    }
}

#[test]
fn diabetes() {
    for (loss, name) in [("mse", "diabetes_mse_mean"), ("l1_loss", "diabetes_l1_mean")] {
        for backend in ["gpu", "cpu"] {
            let files = ["input=diabetes_predictions.npy", "target=diabetes_targets.npy"];
            let arguments = with(&["eval", loss, "--json", "--backend", backend], &files);
            let value = run(&data(), &arguments).value();
            let error = (value / expected(name) - 1.0).abs();
            assert!(error < 1e-6, "{loss} on {backend}: {value}");
        }
    }
}

#[test]
fn json_says_what_was_done() {
    let more = ["label_smoothing=0.25", "--reduction", "sum", "--json", "--backend"];
    for backend in ["gpu", "cpu"] {
        let json = run(&data(), &with(&with(&DIGITS, &more), &[backend])).json();
        assert_eq!(json["loss"], "cross_entropy");
        assert_eq!(json["reduction"], "sum");
        assert_eq!(json["backend"], backend);
        assert_eq!(json["adapter"].is_null(), backend == "cpu");
        assert_eq!(json["inputs"]["input"]["shape"], serde_json::json!([1797, 10]));
        assert_eq!(json["inputs"]["target"]["dtype"], "int64");
        let options = serde_json::json!({
            "label_smoothing": 0.25, "ignore_index": -100, "softcap": 0.0, "z_loss": 0.0,
        });
        assert_eq!(json["options"], options);
        for part in ["plan", "upload", "kernels", "read_back"] {
            assert!(json["seconds"][part].as_f64().is_some_and(|time| time >= 0.0), "{part}");
        }
        let clocks = if backend == "gpu" { &["timestamps", "wall"][..] } else { &["wall"] };
        assert!(clocks.iter().any(|clock| json["clock"] == *clock), "{json}");
        assert_eq!(json["outputs"], serde_json::json!([]));
    }
}

#[test]
fn timings_are_printed_where_asked_for() {
    for backend in ["gpu", "cpu"] {
        let arguments = with(&DIGITS, &["--backend", backend]);
        let untimed = run(&data(), &arguments);
        let timed = run(&data(), &with(&arguments, &["--timings"]));
        let names = |run: &common::Run| -> Vec<String> {
            run.out.lines().map(|line| line.split(' ').next().unwrap_or("").to_string()).collect()
        };
        let clock = timed.out.lines().last().expect("a line").trim_start_matches("clock ").trim();
        assert!(clock == "wall" || (backend == "gpu" && clock == "timestamps"), "{timed:?}");
        for part in ["time ", "plan ", "upload ", "kernels ", "read-back ", " ms"] {
            assert!(timed.out.contains(part), "{part}: {timed:?}");
        }
        let more = [names(&untimed), vec!["time".into(), "clock".into()]].concat();
        assert_eq!(names(&timed), more);
    }
}

#[test]
fn numbers_that_json_lacks() {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(1,)", &[f32::NAN]));
    put(folder.path(), "y.npy", npy_f32("(1,)", &[0.0]));
    put(folder.path(), "z.npy", npy_f32("(1,)", &[f32::INFINITY]));
    for (file, text) in [("input=x.npy", "NaN"), ("input=z.npy", "Infinity")] {
        let arguments = ["eval", "l1", file, "target=y.npy", "--json", "--backend", "cpu"];
        assert_eq!(run(folder.path(), &arguments).json()["value"], text);
    }
}

#[test]
fn gradients_and_losses_are_written() {
    for backend in ["gpu", "cpu"] {
        let folder = folder();
        put(folder.path(), "x.npy", npy_f32("(2, 2)", &[1.0, 2.0, 3.0, 5.0]));
        put(folder.path(), "y.npy", npy_f32("(2, 2)", &[0.0, 2.0, 5.0, 1.0]));
        let arguments = ["eval", "mse", "input=x.npy", "target=y.npy", "--backend", backend];
        let outputs =
            ["--grad", "target=t.npy", "--grad=input=i=1.npy", "--out", "./losses.npy", "--json"];
        let json = run(folder.path(), &with(&arguments, &outputs)).json();
        assert_eq!(json["value"].as_f64(), Some(5.25));
        assert_eq!(json["outputs"], serde_json::json!(["t.npy", "i=1.npy", "./losses.npy"]));
        let read = |name| read_npy(&folder.path().join(name));
        assert_eq!(read("i=1.npy"), (vec![2, 2], vec![0.5, 0.0, -1.0, 2.0]));
        assert_eq!(read("t.npy"), (vec![2, 2], vec![-0.5, 0.0, 1.0, -2.0]));
        assert_eq!(read("losses.npy"), (vec![2, 2], vec![1.0, 0.0, 4.0, 16.0]));
        let left = ["i=1.npy", "losses.npy", "t.npy", "x.npy", "y.npy"];
        assert_eq!(names(folder.path()), left, "no temporary file is left");
    }
}

#[test]
fn unreduced_losses_in_brief() {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(1, 3)", &[1.0, 2.0, 4.0]));
    put(folder.path(), "y.npy", npy_f32("(1, 3)", &[0.0, 0.0, 1.0]));
    let arguments = ["eval", "l1", "input=x.npy", "target=y.npy", "--reduction", "none"];
    let text = run(folder.path(), &with(&arguments, &["--out", "l.npy"]));
    for part in ["3 losses of shape [1, 3]", "mean 2.000000", "min 1.000000", "max 3.000000"] {
        assert!(text.out.contains(part), "{part}: {text:?}");
    }
    assert_eq!(read_npy(&folder.path().join("l.npy")), (vec![1, 3], vec![1.0, 2.0, 3.0]));
    let json = run(folder.path(), &with(&arguments, &["--json"])).json();
    assert!(json["value"].is_null());
    let brief =
        serde_json::json!({"shape": [1, 3], "count": 3, "mean": 2.0, "min": 1.0, "max": 3.0});
    assert_eq!(json["losses"], brief);
}

#[test]
fn without_an_adapter() {
    let auto = run_without_adapter(&data(), &DIGITS);
    assert_eq!(auto.code, Some(0), "{auto:?}");
    assert!(auto.out.contains("0.2134168"), "{auto:?}");
    assert!(
        auto.out.contains("backend  cpu  (no GPU adapter was found: wgloss devices"),
        "{auto:?}"
    );
    assert!(auto.err.is_empty(), "{auto:?}");

    for more in [&["--backend", "gpu"][..], &["--adapter", "nobody's"]] {
        let run = run_without_adapter(&data(), &with(&DIGITS, more));
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert_eq!(run.err.lines().count(), 1, "{run:?}");
        for part in ["wgloss: error: ", "no usable GPU adapter", "found none", "install"] {
            assert!(run.err.contains(part), "{part}: {run:?}");
        }
    }
    let devices = run_without_adapter(&data(), &["devices"]);
    assert_eq!(devices.code, Some(2), "{devices:?}");
    assert!(devices.err.contains("install"), "{devices:?}");
}

#[test]
fn what_is_not_finite_is_told_with_its_place() {
    let folder = folder();
    let mut x = [1.0; 12];
    (x[5], x[7], x[11]) = (f32::NAN, f32::INFINITY, f32::NAN);
    put(folder.path(), "x.npy", npy_f32("(3, 4)", &x));
    put(folder.path(), "y.npy", npy_f32("(3, 4)", &[0.0; 12]));
    let found = "2 NaN, 1 infinite of 12 losses; the first is [1, 1], NaN";
    for backend in ["gpu", "cpu"] {
        for reduction in ["mean", "sum", "none"] {
            let arguments = ["eval", "mse", "input=x.npy", "target=y.npy", "--backend", backend];
            let arguments = with(&arguments, &["--grad=input=g.npy", "--reduction", reduction]);
            let lenient = run(folder.path(), &arguments);
            assert_eq!((lenient.code, lenient.err.as_str()), (Some(0), ""), "{lenient:?}");
            assert!(lenient.out.contains(&format!("not finite  {found}\n")), "{lenient:?}");

            let strict = run(folder.path(), &with(&arguments, &["--strict"]));
            assert_eq!((strict.code, &strict.out), (Some(3), &lenient.out), "{strict:?}");
            assert_eq!(strict.err, format!("wgloss: error: {found}\n"));

            let json = run(folder.path(), &with(&arguments, &["--strict", "--json"]));
            assert_eq!((json.code, &json.err), (Some(3), &strict.err), "{json:?}");
            let json: Value = serde_json::from_str(&json.out).expect("one object");
            let places = serde_json::json!({"nan": 2, "infinite": 1, "first": [1, 1]});
            assert_eq!(json["not_finite"], places, "{json}");
            assert_eq!(json["error"]["kind"], "not_finite", "{json}");
        }
    }
    let fine = ["eval", "mse", "input=y.npy", "target=y.npy", "--strict", "--json"];
    assert!(run(folder.path(), &fine).json()["not_finite"].is_null());
}

#[test]
fn broadcasts_are_told() {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(3, 1)", &[1.0, 2.0, 3.0]));
    put(folder.path(), "y.npy", npy_f32("(3,)", &[1.0, 2.0, 3.0]));
    for backend in ["gpu", "cpu"] {
        let arguments = ["eval", "mse", "input=x.npy", "target=y.npy", "--json"];
        let loud = run(folder.path(), &with(&arguments, &["--backend", backend]));
        let broadcast =
            serde_json::json!({"inputs": {"input": [3, 1], "target": [3]}, "terms": [3, 3]});
        assert_eq!(loud.json()["broadcast"], broadcast);
        assert_eq!(loud.err.lines().count(), 1, "{loud:?}");
        let note = "wgloss: note: input [3, 1] and target [3] broadcast to [3, 3]";
        assert!(loud.err.starts_with(note), "{loud:?}");
        let quiet = run(folder.path(), &with(&arguments, &["--backend", backend, "--quiet"]));
        assert_eq!(quiet.err, "");
        assert_eq!(quiet.json()["broadcast"], broadcast);
    }
}

/// Where the only adapter is software, as in a test without a GPU.
#[test]
fn software_is_used_where_it_is_asked_for() {
    let devices = run(&data(), &["devices"]);
    let software = devices.out.lines().filter(|line| line.trim().starts_with("device type"));
    if !software.clone().all(|line| line.ends_with("Cpu")) || software.count() == 0 {
        return;
    }
    let auto = run(&data(), &DIGITS);
    assert!(auto.out.contains("backend  cpu  (no hardware GPU: "), "{auto:?}");
    let json = run(&data(), &with(&DIGITS, &["--json"])).json();
    assert_eq!(json["backend"], "cpu");
    assert!(json["reason"].as_str().is_some_and(|why| why.contains("hardware")), "{json}");
    let asked = run(&data(), &with(&DIGITS, &["--json", "--backend", "gpu"])).json();
    assert_eq!((&asked["backend"], &asked["reason"]), (&"gpu".into(), &Value::Null));
}

#[test]
fn named_adapters() {
    let devices = run(&data(), &["devices"]);
    for part in ["max_buffer_size", "max_storage_buffer_binding_size", "driver", "features"] {
        assert!(devices.out.contains(part), "{part}: {devices:?}");
    }
    let name = devices.out.lines().next().expect("an adapter").to_uppercase();
    let json = run(&data(), &with(&DIGITS, &["--json", "--adapter", &name])).json();
    assert_eq!(json["adapter"]["name"].as_str().map(str::to_uppercase), Some(name));
    let nobody = run(&data(), &with(&DIGITS, &["--adapter", "nobody's"]));
    assert_eq!((nobody.code, nobody.out.as_str()), (Some(2), ""), "{nobody:?}");
    assert!(nobody.err.contains("nobody's"), "{nobody:?}");
}

#[test]
fn a_closed_standard_output_is_no_error() {
    for arguments in [&["list"][..], &["show", "cross_entropy"]] {
        let mut command = command(&data());
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the program ends");
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    }
}
