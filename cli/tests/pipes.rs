//! Inputs that come through standard input and pipes.

use crate::common::{
    self, command, ended, folder, npy_f32, pipe, put, run, safetensors, start, zip,
};
use safetensors::Dtype;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

const X: [f32; 4] = [1.0, 2.0, 3.0, 5.0];

fn formats() -> [(&'static str, Vec<u8>); 4] {
    let (x, other) = (npy_f32("(2, 2)", &X), npy_f32("(1,)", &[0.0]));
    let bytes = common::bytes(&X, f32::to_le_bytes);
    [
        ("", x.clone()),
        ("", zip(&[("x.npy", &x)], true)),
        (":x", zip(&[("other.npy", &other), ("x.npy", &x)], false)),
        (":x", safetensors(&[("x", Dtype::F32, &[2, 2], &bytes)])),
    ]
}

/// Writes to what the program reads, which may stop before the end.
fn eval_of(folder: &Path, input: &str, bytes: &[u8]) -> common::Run {
    let mut command = command(folder);
    command.args(["eval", "mse", &format!("input={input}"), "target=y.npy", "--json"]);
    command.args(["--backend", "cpu"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let _ = child.stdin.take().expect("standard input").write_all(bytes);
    ended(child)
}

#[test]
fn standard_input_in_every_format() {
    let folder = folder();
    put(folder.path(), "y.npy", npy_f32("(2, 2)", &[0.0, 2.0, 5.0, 1.0]));
    for (member, bytes) in formats() {
        let report = eval_of(folder.path(), &format!("-{member}"), &bytes).json();
        assert_eq!(report["value"].as_f64(), Some(5.25), "{report}");
        assert_eq!(report["inputs"]["input"]["shape"], serde_json::json!([2, 2]));
    }
    let lacks = eval_of(folder.path(), "-:z", &formats()[2].1);
    assert!(
        lacks.err.contains("input: -: member \"z\" is not known; known: other, x"),
        "{lacks:?}"
    );
    let text = eval_of(folder.path(), "-", b"1,2,3\n");
    assert_eq!(text.code, Some(2), "{text:?}");
    assert!(text.err.contains("input: -: "), "{text:?}");
    let nothing = eval_of(folder.path(), "-", b"");
    assert!(nothing.err.contains("input: -: nothing comes through it: 0 bytes"), "{nothing:?}");
    let cut = &formats()[0].1;
    let cut = eval_of(folder.path(), "-", &cut[..cut.len() - 1]);
    assert!(cut.err.contains("input: -: the file is cut short: 15 bytes"), "{cut:?}");
}

#[test]
fn named_pipes_in_every_format() {
    let folder = folder();
    put(folder.path(), "y.npy", npy_f32("(2, 2)", &[0.0, 2.0, 5.0, 1.0]));
    let names = ["p", "p.npz", "q.npz", "p.safetensors"];
    for (name, (member, bytes)) in names.iter().zip(formats()) {
        let path = pipe(folder.path(), name);
        let input = format!("input={name}{member}");
        let arguments = ["eval", "mse", &input, "target=y.npy", "--json", "--backend", "cpu"];
        let child = start(folder.path(), &arguments);
        std::fs::write(&path, bytes).expect("it is read");
        assert_eq!(ended(child).value(), 5.25, "{name}");
    }
    let child = start(folder.path(), &["eval", "mse", "input=p", "target=y.npy"]);
    std::fs::write(folder.path().join("p"), b"").expect("it is read");
    let run = ended(child);
    assert!(run.err.contains("input: p: nothing comes through it: 0 bytes"), "{run:?}");
}

#[test]
fn two_inputs_cannot_both_be_read() {
    let folder = folder();
    for target in ["target=-", "target=-:y"] {
        let run = run(folder.path(), &["eval", "mse", "input=-", target]);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert_eq!(run.err, "wgloss: error: input and target both read standard input\n");
    }
}
