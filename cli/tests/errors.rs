//! Every error names the argument and what was found and expected, and leaves nothing behind.

use crate::common::{self, bytes, folder, npy, npy_f32, put, run, safetensors, zip};
use ::safetensors::Dtype;
use std::path::Path;
use tempfile::TempDir;

/// Good files: float32 [2, 3] in x.npy and y.npy, classes in t.npy.
fn good() -> TempDir {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(2, 3)", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    put(folder.path(), "y.npy", npy_f32("(2, 3)", &[0.0; 6]));
    put(folder.path(), "t.npy", npy("'<i8'", false, "(2,)", &bytes(&[2, 1], i64::to_le_bytes)));
    folder
}

fn check(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let before = common::names(folder);
    let plain = run(folder, arguments);
    assert_eq!((plain.code, plain.out.as_str()), (Some(2), ""), "{arguments:?}: {plain:?}");
    check_line(arguments, &plain, parts);
    assert_eq!(common::names(folder), before, "{arguments:?} left something");
}

/// One line on standard error.
fn check_line(arguments: &[&str], run: &common::Run, parts: &[&str]) {
    assert!(run.err.starts_with("wgloss: error: "), "{arguments:?}: {run:?}");
    assert_eq!(run.err.lines().count(), 1, "{arguments:?}: {run:?}");
    for part in parts {
        assert!(run.err.contains(part), "{arguments:?} lacks {part:?}: {}", run.err);
    }
}

/// `mse` of good files, with outputs, and what is wrong.
fn check_eval(wrong: &[&str], parts: &[&str]) {
    let outputs = ["--grad", "input=g.npy", "--out", "o.npy", "--backend", "cpu"];
    check(good().path(), &[&["eval", "mse"], wrong, &outputs].concat(), parts);
}

/// An input file with this content.
fn check_file(name: &str, content: impl AsRef<[u8]>, argument: &str, parts: &[&str]) {
    let folder = good();
    put(folder.path(), name, content);
    let input = format!("input={argument}");
    let outputs = ["--grad", "input=g.npy", "--out", "o.npy", "--backend", "cpu"];
    let parts = [&["input: ", name], parts].concat();
    check(
        folder.path(),
        &[&["eval", "mse", &input, "target=y.npy"], &outputs[..]].concat(),
        &parts,
    );
}

#[test]
fn names() {
    check(good().path(), &["eval", "msee", "a=b"], &["loss", "\"msee\"", "mse_loss"]);
    check(good().path(), &["show", "msee"], &["loss", "\"msee\"", "did you mean mse_loss?"]);
    check(good().path(), &["list", "hubr"], &["loss", "\"hubr\"", "did you mean huber_loss?"]);
    check(good().path(), &["bench", "mse_fwdb"], &["workload", "mean mse_fwd, mse_fwdbwd or "]);
    check(good().path(), &["show", "huber", "input=x.npy"], &["option", "\"input\"", "delta"]);
    let known = "input, target, weight";
    check_eval(&["input=x.npy", "targett=y.npy"], &["\"targett\"", "mean target?", known]);
    check_eval(&["input=x.npy", "y.npy"], &["\"y.npy\"", "NAME=VALUE", known]);
    check_eval(&["input=x.npy", "=y.npy"], &["\"=y.npy\"", "NAME=VALUE", known]);
    check_eval(&["input=x.npy", "target="], &["\"target=\"", "NAME=VALUE", known]);
    check_eval(&["input=x.npy", "target=y.npy", "input=y.npy"], &["input: ", "2 times", "once"]);
    check_eval(&["input=x.npy"], &["target: missing", "mse_loss needs input, target"]);
}

#[test]
fn options() {
    let files = ["eval", "huber", "input=x.npy", "target=y.npy", "--backend", "cpu"];
    let cases: [(&str, &[&str]); 9] = [
        ("delta=1e-50", &["delta: 1e-50 is not valid", "at least 1.4e-45"]),
        ("delta=1e60", &["delta: 1e60 is not valid", "at most 3.4e38"]),
        ("delta=-1e-9", &["delta: -1e-9 is not valid", "above 0"]),
        ("delta=0.00", &["delta: 0.00 is not valid", "above 0"]),
        ("detla=1", &["\"detla\"", "did you mean delta?"]),
        ("delta=big", &["delta: ", "big", "a number"]),
        ("delta=-1", &["delta: ", "-1", "above 0"]),
        ("delta=nan", &["delta: ", "nan", "above 0"]),
        ("gamma=1", &["\"gamma\"", "input, target, weight, delta"]),
    ];
    for (option, parts) in cases {
        check(good().path(), &[&files[..], &[option]].concat(), parts);
    }
    let kl_div = ["eval", "kl_div", "input=x.npy", "target=y.npy", "log_target=yes"];
    check(good().path(), &kl_div, &["log_target: ", "yes", "true or false"]);
    let mse = ["eval", "mse", "input=x.npy", "target=y.npy", "--reduction", "batchmean"];
    check(good().path(), &mse, &["reduction: ", "batchmean", "mean, sum, none"]);
    let adapter = ["--adapter", "llvmpipe", "--backend", "cpu"];
    check(
        good().path(),
        &[&files[..4], &adapter].concat(),
        &["--adapter: ", "llvmpipe", "--backend cpu"],
    );
}

#[test]
fn usage_is_told_as_all_errors_are() {
    let cases: [(&[&str], &[&str]); 5] = [
        (&["eval"], &["were not provided: <LOSS>; see --help"]),
        (&["evall"], &["unrecognized subcommand 'evall'", "did you mean 'eval'? see --help"]),
        (
            &["eval", "mse", "a=b", "--backend", "tpu"],
            &["'tpu'", "[possible values: auto, gpu, cpu]"],
        ),
        (&["eval", "mse", "--reduction", "meen"], &["'meen'", "mean, sum, batchmean", "'mean'"]),
        (&["eval", "mse", "--gard", "input=g.npy"], &["'--gard'", "'--grad'"]),
    ];
    for (arguments, parts) in cases {
        check(good().path(), arguments, parts);
        check_json(arguments, "usage", parts);
    }
    check_json(&["list", "--markdown"], "usage", &["'--json'", "'--markdown'"]);
}

/// With `--json` an error is an object on standard output too.
#[track_caller]
fn check_json(arguments: &[&str], kind: &str, parts: &[&str]) {
    let arguments = [arguments, &["--json"]].concat();
    let run = run(good().path(), &arguments);
    assert_eq!(run.code, Some(2), "{arguments:?}: {run:?}");
    check_line(&arguments, &run, parts);
    assert_eq!(run.out.lines().count(), 1, "{arguments:?}: {run:?}");
    let object: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(object["error"]["kind"], kind, "{arguments:?}: {run:?}");
    let message = object["error"]["message"].as_str().expect("a message");
    assert_eq!(run.err, format!("wgloss: error: {message}\n"));
}

#[test]
fn errors_are_json_where_results_are() {
    let eval = ["eval", "mse", "--backend", "cpu"];
    let cases: [(&[&str], &str, &str); 5] = [
        (&["input=x.npy", "target=no.npy"], "file", "target: no.npy"),
        (&["input=x.npy", "taregt=y.npy"], "unknown_name", "did you mean target?"),
        (&["input=x.npy"], "missing", "target: missing"),
        (&["input=x.npy", "target=y.npy", "input=x.npy"], "repeated", "2 times"),
        (&["input=x.npy", "target=x.npy", "--reduction", "batchmean"], "argument", "batchmean"),
    ];
    for (arguments, kind, part) in cases {
        check_json(&[&eval, arguments].concat(), kind, &[part]);
    }
    check_json(&["eval", "nll", "input=x.npy", "target=y.npy"], "dtype", &["float32", "integer"]);
    check_json(&["list", "nothing of the kind"], "unknown_name", &["nothing of the kind"]);
    check_json(&["total", "no.json"], "file", &["FILE: no.json"]);
    let nll = ["eval", "nll", "input=x.npy", "target=t9.npy", "--backend", "cpu", "--json"];
    let folder = good();
    put(folder.path(), "t9.npy", npy("'|u1'", false, "(2,)", &[1, 9]));
    let run = run(folder.path(), &nll);
    assert!(run.out.contains("\"target_out_of_range\"") && run.out.contains("target[1] is 9"));
}

#[test]
fn outputs() {
    let good_inputs = ["input=x.npy", "target=y.npy"];
    let cases: [(&[&str], &[&str]); 9] = [
        (&["--out", "o.txt"], &["--out: o.txt", "\"txt\"", ".npy"]),
        (&["--out", "npy"], &["--out: npy", "\"\"", ".npy"]),
        (&["--out", "no/o.npy"], &["--out: no/o.npy", "the folder no"]),
        (&["--out", "x.npy"], &["--out: x.npy", "also the file of the input input"]),
        (&["--out", "x.npy/o.npy"], &["--out: x.npy/o.npy", "not a folder"]),
        (&["--grad", "inputt=g.npy"], &["gradient", "\"inputt\"", "input, target"]),
        (&["--grad", "input"], &["--grad: ", "\"input\"", "NAME=VALUE"]),
        (&["--grad", "input=a.npy", "--grad", "input=b.npy"], &["--grad input", "2 times", "once"]),
        (&["--grad", "input=a.npy", "--out", "./a.npy"], &["--out: ./a.npy", "--grad input"]),
    ];
    for (wrong, parts) in cases {
        let arguments = [&["eval", "mse"], &good_inputs[..], wrong, &["--backend", "cpu"]].concat();
        check(good().path(), &arguments, parts);
    }
    let nll = ["eval", "nll", "input=x.npy", "target=t.npy", "--grad", "target=g.npy"];
    check(good().path(), &nll, &["gradient target", "int64", "differentiable"]);
    let weight = ["eval", "mse", "input=x.npy", "target=y.npy", "--grad", "weight=g.npy"];
    check(good().path(), &weight, &["gradient weight", "absent"]);
    let folder = good();
    std::fs::create_dir(folder.path().join("d.npy")).expect("a folder");
    let arguments = ["eval", "mse", "input=x.npy", "target=y.npy", "--out", "d.npy"];
    check(folder.path(), &arguments, &["--out: d.npy", "a directory"]);
}

#[test]
fn files_that_are_none() {
    check_eval(&["input=no.npy", "target=y.npy"], &["input: no.npy", "(os error 2)"]);
    check_eval(&["input=x.csv", "target=y.npy"], &["input: x.csv", "(os error 2)"]);
    let ending = ".npy, .npz, .safetensors, .parquet, .arrow or .feather";
    check_file("x", b"1,2,3", "x", &["input: x", "\"\"", ending]);
    check_file("x.csv", b"1,2,3", "x.csv", &["input: x.csv", "\"csv\"", ending]);
    let folder = good();
    std::fs::create_dir(folder.path().join("d.npy")).expect("a folder");
    let arguments = ["eval", "mse", "input=d.npy", "target=y.npy"];
    check(folder.path(), &arguments, &["input: d.npy", "an empty folder"]);
    check_file("e.npy", b"", "e.npy", &["empty", "0 bytes"]);
    check_file("e.npz", b"", "e.npz:a", &["empty", "0 bytes"]);
    check_file("e.safetensors", b"", "e.safetensors", &["empty", "0 bytes"]);
}

#[test]
fn broken_npy() {
    let whole = npy_f32("(2, 3)", &[0.0; 6]);
    let cut = &whole[..whole.len() - 1];
    check_file("b.npy", cut, "b.npy", &["cut short", "23 bytes", "expected 24", "[2, 3]"]);
    let long = [&whole[..], b"more"].concat();
    check_file("b.npy", long, "b.npy", &["too long", "28 bytes", "expected 24"]);
    check_file("b.npy", &whole[..20], "b.npy", &["header", "20 bytes"]);
    check_file("b.npy", &whole[..9], "b.npy", &["header", "9 bytes", "expected 12"]);
    check_file("b.npy", b"PK\x03\x04 and so on", "b.npy", &["not an .npy", "PK", "NUMPY"]);
    let huge = npy("'<f4'", false, "(99999999999, 99999999999)", b"");
    check_file("b.npy", huge, "b.npy", &["99999999999", "2^64"]);
    let deep = npy("[[[[[[[[[[['a']]]]]]]]]]]", false, "(1,)", b"");
    check_file("b.npy", deep, "b.npy", &["12 nested brackets", "expected 6"]);
    let words = npy("'<f4'", false, "(one,)", b"");
    check_file("b.npy", words, "b.npy", &["Python expression: \"{'descr': '<f4'", "(one,)"]);
    check_file("b.npy", npy("'f16'", false, "(1,)", b""), "b.npy", &["type string", "'f16'"]);
    check_file("b.npy", npy("'<f4'", false, "(-1,)", b""), "b.npy", &["size -1", "0 to 2^64"]);
    let long_header = npy(&format!("'<f4{}'", " ".repeat(20_000)), false, "(1,)", b"");
    check_file("b.npy", long_header, "b.npy", &["header has 20", "expected 10000"]);
}

#[test]
fn types_that_are_not_read() {
    let cases = [
        ("'<c8'", 8, "complex"),
        ("'<f16'", 16, "another size"),
        ("'<U3'", 12, "string"),
        ("'|S3'", 3, "string"),
        ("'|O'", 8, "Python objects"),
        ("'|V2'", 2, ".safetensors"),
        ("[('a', '<f4'), ('b', '<i4')]", 8, "structured"),
    ];
    for (descr, size, kind) in cases {
        let file = npy(descr, false, "(1,)", &vec![0; size]);
        check_file("b.npy", file, "b.npy", &[descr.trim_end_matches(']'), kind, "float32"]);
    }
    let complex = safetensors(&[("c", Dtype::C64, &[1], &[0; 8])]);
    check_file("c.safetensors", complex, "c.safetensors:c", &["C64", "\"c\"", "float32"]);
}

#[test]
fn broken_npz() {
    let x = npy_f32("(2, 3)", &[0.0; 6]);
    let whole = zip(&[("a.npy", &x), ("b.npy", &x)], true);
    check_file("b.npz", &whole, "b.npz:c", &["member \"c\"", "known: a, b"]);
    check_file("b.npz", &whole, "b.npz", &["2 members", "expected one", "a, b"]);
    check_file("b.npz", &whole[..whole.len() - 9], "b.npz:a", &["archive"]);
    check_file("b.npz", &x, "b.npz:a", &["not a readable .npz"]);
    check_file("b.npz", zip(&[], true), "b.npz", &["0 members", "none"]);
    let cut = zip(&[("a.npy", &x[..x.len() - 4])], false);
    check_file("b.npz", cut, "b.npz", &["cut short", "20 bytes", "expected 24"]);
    let mut rotten = zip(&[("a.npy", &x)], false);
    let place = rotten.windows(5).position(|part| part == b"NUMPY").expect("the member");
    rotten[place + 90] ^= 1;
    check_file("b.npz", rotten, "b.npz", &["\"a\"", "checksum"]);
}

#[test]
fn broken_safetensors() {
    let data = [0; 24];
    let whole =
        safetensors(&[("a", Dtype::F32, &[2, 3], &data), ("b", Dtype::F32, &[2, 3], &data)]);
    let name = "b.safetensors";
    check_file(name, &whole, "b.safetensors:c", &["tensor \"c\"", "known: a, b"]);
    check_file(name, &whole, name, &["2 tensors", "expected one", "a, b"]);
    let cut = &whole[..whole.len() - 1];
    check_file(name, cut, "b.safetensors:a", &["47 bytes", "expected 48"]);
    let long = [&whole[..], b"!"].concat();
    check_file(name, long, "b.safetensors:a", &["49 bytes", "expected 48"]);
    check_file(name, &whole[..5], "b.safetensors:a", &["5 bytes", "expected 8"]);
    check_file(name, &whole[..30], "b.safetensors:a", &["header", "22 follow"]);
    check_file(name, npy_f32("(1,)", &[0.0]), "b.safetensors:a", &["not a whole .safetensors"]);
}

#[test]
fn a_header_past_the_limit_of_safetensors() {
    let length = 100_000_001u64;
    let mut file = length.to_le_bytes().to_vec();
    file.resize(8 + usize::try_from(length).expect("64 bits") + 4, b' ');
    let limit = "100000001 bytes, expected 100000000 at most";
    check_file("b.safetensors", file, "b.safetensors:a", &["header has", limit]);
}

#[test]
fn one_of_thousands_of_members_is_suggested() {
    let names: Vec<String> = (0..3000).map(|i| format!("layers.{i}.weight")).collect();
    let data = [0; 4];
    let one = |name| (name, Dtype::F32, &[1][..], &data[..]);
    let tensors: Vec<_> = names.iter().map(|name| one(name.as_str())).collect();
    let many = safetensors(&tensors);
    let name = "many.safetensors";
    let near = "did you mean layers.17.weight, ";
    check_file(name, &many, "many.safetensors:layers.17.wieght", &[near, "3000 are known"]);
    check_file(name, &many, "many.safetensors:x", &["known: layers.0.weight, ", "2990 others"]);
    check_file(name, &many, name, &["3000 tensors", "layers.0.weight, ", " and 2990 others"]);
    let members: Vec<String> = (0..30).map(|i| format!("layers.{i}.weight.npy")).collect();
    let members: Vec<_> = members.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let zip = zip(&members, false);
    check_file("m.npz", &zip, "m.npz:layers.17.wieght", &[near, "30 are known"]);
    check_file("m.npz", &zip, "m.npz", &["30 members", "layers.0.weight, ", " and 20 others"]);
}

#[test]
fn what_the_library_refuses() {
    let shapes = ["input=x.npy", "target=t3.npy"];
    for backend in ["gpu", "cpu"] {
        let folder = good();
        put(folder.path(), "t3.npy", npy_f32("(2, 4)", &[0.0; 8]));
        put(folder.path(), "t5.npy", npy("'|u1'", false, "(2,)", &[1, 5]));
        let outputs = ["--grad", "input=g.npy", "--out", "o.npy", "--backend", backend];
        let mse = [&["eval", "mse"], &shapes[..], &outputs].concat();
        check(folder.path(), &mse, &["target", "[2, 3]", "[2, 4]"]);
        let nll = [&["eval", "nll", "input=x.npy", "target=t5.npy"], &outputs[..]].concat();
        check(folder.path(), &nll, &["target[1] is 5", "0 to 2"]);
        put(folder.path(), "s.npy", npy_f32("(1, 3, 2)", &[0.0; 6]));
        put(folder.path(), "s5.npy", npy("'|u1'", false, "(1, 2)", &[1, 5]));
        let rows = [&["eval", "nll", "input=s.npy", "target=s5.npy"], &outputs[..]].concat();
        check(folder.path(), &rows, &["target[0, 1] is 5", "0 to 2"]);
        let float = ["input=x.npy", "target=f.npy"];
        put(folder.path(), "f.npy", npy_f32("(2,)", &[0.0, 1.0]));
        for loss in ["nll", "cross_entropy"] {
            let float = [&["eval", loss], &float[..], &outputs].concat();
            check(folder.path(), &float, &["target", "float32", "target.astype(\"int64\")"]);
        }
        let integers = [&["eval", "mse", "input=t.npy", "target=t.npy"], &outputs[..]].concat();
        check(folder.path(), &integers, &["input", "int64", "float"]);
    }
}
