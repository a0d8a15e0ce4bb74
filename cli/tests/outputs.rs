//! Where outputs go: links, devices, pipes, and places that take none.

use crate::common::{Run, ended, folder, names, npy_f32, pipe, put, run, shell, start, wait_for};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use tempfile::TempDir;

const FILES: [&str; 6] = ["eval", "mse", "input=x.npy", "target=y.npy", "--backend", "cpu"];

/// Inputs whose gradients are more than a pipe holds, and one of them in g.npy.
fn good() -> TempDir {
    let folder = folder();
    let x: Vec<f32> = (0..50_000u16).map(f32::from).collect();
    put(folder.path(), "x.npy", npy_f32("(50000,)", &x));
    put(folder.path(), "y.npy", npy_f32("(50000,)", &[3.0; 50_000]));
    assert_eq!(eval(folder.path(), &["--grad", "input=g.npy"]).code, Some(0));
    folder
}

fn eval(folder: &Path, more: &[&str]) -> Run {
    run(folder, &[&FILES, more].concat())
}

fn gradient(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("g.npy")).expect("a gradient")
}

/// The loss is told, and what went wrong with a file.
#[track_caller]
fn failed(run: &Run, problem: &str) {
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.out.starts_with("loss     8.331583e8  (mse_loss, mean)\n"), "{run:?}");
    assert!(!run.out.contains("written"), "{run:?}");
    assert_eq!(run.err.lines().count(), 1, "{run:?}");
    assert!(run.err.starts_with(&format!("wgloss: error: {problem}")), "{run:?}");
}

#[test]
fn links_are_written_through() {
    let folder = good();
    fs::create_dir(folder.path().join("far")).expect("a folder");
    put(folder.path(), "far/old.npy", b"old");
    symlink("far/old.npy", folder.path().join("link.npy")).expect("a link");
    symlink("link.npy", folder.path().join("link2.npy")).expect("a link");
    symlink("far/new.npy", folder.path().join("dangling.npy")).expect("a link");
    for (link, target) in [("link2.npy", "far/old.npy"), ("dangling.npy", "far/new.npy")] {
        let run = eval(folder.path(), &["--grad", &format!("input={link}")]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(folder.path().join(link).is_symlink(), "{link}");
        let target = folder.path().join(target);
        assert!(!target.is_symlink());
        assert_eq!(fs::read(target).expect("a gradient"), gradient(folder.path()), "{link}");
    }
    assert_eq!(names(&folder.path().join("far")), ["new.npy", "old.npy"]);
    let same = eval(folder.path(), &["--grad", "input=link.npy", "--out", "link2.npy"]);
    assert!(same.err.contains("--out: link2.npy: already the file of --grad input"), "{same:?}");
}

#[test]
fn links_that_lead_nowhere() {
    let folder = good();
    symlink("b.npy", folder.path().join("a.npy")).expect("a link");
    symlink("a.npy", folder.path().join("b.npy")).expect("a link");
    symlink("no/c.npy", folder.path().join("c.npy")).expect("a link");
    symlink("x.npy", folder.path().join("d.npy")).expect("a link");
    let before = names(folder.path());
    let cases = [
        ("a.npy", "a link that leads to itself"),
        ("c.npy", "the folder no"),
        ("d.npy", "also the file of the input input"),
    ];
    for (link, problem) in cases {
        let run = eval(folder.path(), &["--out", link]);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains(&format!("--out: {link}: ")), "{run:?}");
        assert!(run.err.contains(problem), "{run:?}");
        assert_eq!(names(folder.path()), before);
    }
}

#[test]
fn devices_and_pipes_are_written_to() {
    let folder = good();
    let run = eval(folder.path(), &["--grad", "input=/dev/null", "--out", "o.npy"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let kind = fs::metadata("/dev/null").expect("a device").file_type();
    assert!(kind.is_char_device());

    // A link to a pipe as well, whatever their names end in.
    let pipe = pipe(folder.path(), "pipe");
    symlink("pipe", folder.path().join("link")).expect("a link");
    for name in ["pipe", "link"] {
        let child =
            start(folder.path(), &[&FILES[..], &["--grad", &format!("input={name}")]].concat());
        assert_eq!(fs::read(&pipe).expect("what was written"), gradient(folder.path()));
        assert_eq!(ended(child).code, Some(0));
        assert!(fs::metadata(&pipe).expect("a pipe").file_type().is_fifo());
    }
}

#[test]
fn standard_output_takes_an_array() {
    let folder = good();
    for place in ["-", "/dev/stdout"] {
        let child =
            start(folder.path(), &[&FILES[..], &["--grad", &format!("input={place}")]].concat());
        let output = child.wait_with_output().expect("the program ends");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(output.stdout, gradient(folder.path()), "{place}");
        let report = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(report.starts_with("loss ") && report.contains("written"), "{report}");
    }
    let both = eval(folder.path(), &["--grad", "input=-", "--out", "-"]);
    assert!(both.err.contains("--out: -: already the file of --grad input"), "{both:?}");
    // A report that nobody can read is no panic.
    let unheard =
        "exec $WGLOSS eval mse input=x.npy target=y.npy --grad input=- >o.npy 2>/dev/full";
    assert_eq!(shell(folder.path(), unheard).code, Some(0));
}

#[test]
fn a_reader_that_has_seen_enough() {
    let folder = good();
    let mut child = start(folder.path(), &[&FILES[..], &["--grad", "input=-"]].concat());
    let mut stdout = child.stdout.take().expect("standard output");
    stdout.read_exact(&mut [0; 10]).expect("ten bytes");
    drop(stdout);
    let run = ended(child);
    assert_eq!(run.code, Some(2), "{run:?}");
    let error = run.err.lines().last().expect("an error");
    assert!(error.starts_with("wgloss: error: --grad input: -: cannot be written"), "{run:?}");
    assert!(run.err.starts_with("loss "), "{run:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_costs_no_loss() {
    let folder = good();
    let before = names(folder.path());
    let full = ["--grad", "input=/dev/full", "--grad", "target=t.npy", "--out", "o.npy"];
    let run = eval(folder.path(), &full);
    failed(&run, "--grad input: /dev/full: cannot be written: No space left");
    assert_eq!(names(folder.path()), before);

    let run = eval(folder.path(), &["--out", "/dev/full", "--grad", "target=t.npy", "--json"]);
    assert_eq!((run.code, run.out.lines().count()), (Some(2), 1), "{run:?}");
    let report: serde_json::Value = serde_json::from_str(&run.out).expect("one object");
    assert!(report["value"].as_f64().is_some_and(|value| value > 8e8), "{run:?}");
    assert_eq!(report["error"]["kind"], "file");
    assert_eq!(report["outputs"], serde_json::json!([]));
    assert_eq!(names(folder.path()), before);

    // Files may grow to 4 KiB or less.
    for signal in ["", "trap '' XFSZ;"] {
        let line = format!("{signal} ulimit -f 4; exec $WGLOSS {}", FILES.join(" "));
        let run = shell(folder.path(), &format!("{line} --grad input=t.npy --out=o.npy"));
        failed(&run, "--grad input: t.npy: cannot be written: File too large");
        assert_eq!(names(folder.path()), before);
    }

    let run = shell(folder.path(), "$WGLOSS list >/dev/full");
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("standard output"), "{run:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_takes_no_file() {
    let folder = good();
    let run = eval(folder.path(), &["--out", "/proc/o.npy"]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    assert!(run.err.starts_with("wgloss: error: --out: /proc/o.npy: cannot be written"), "{run:?}");
}

#[test]
fn a_folder_that_vanishes() {
    let folder = good();
    let pipe = pipe(folder.path(), "pipe");
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).expect("a folder");
    let outputs = ["--out", "o.npy", "--grad", "input=inner/g.npy", "--grad", "target=pipe"];
    let child = start(folder.path(), &[&FILES[..], &outputs].concat());
    wait_for("a temporary file", || !names(&inner).is_empty());
    fs::remove_dir_all(&inner).expect("the folder goes");
    fs::read(&pipe).expect("what is written to the pipe");
    failed(&ended(child), "--grad input: inner/g.npy: cannot be written");
    assert_eq!(names(folder.path()), ["g.npy", "pipe", "x.npy", "y.npy"]);
}

/// Each of them would fit alone.
#[test]
fn outputs_that_do_not_fit_together_are_refused_before_the_work() {
    let folder = folder();
    let free = fs4::available_space(folder.path()).expect("a disk");
    let count = free / 10 * 6 / 4;
    let mut file = File::create(folder.path().join("x.npy")).expect("a file");
    let header = npy_f32(&format!("({count},)"), &[]);
    file.write_all(&header).expect("the header");
    file.set_len(header.len() as u64 + 4 * count).expect("a sparse file");
    let both = ["--grad=input=g.npy", "--out=o.npy"];
    let arguments = ["eval", "mse", "input=x.npy", "target=x.npy", "--backend", "cpu"];
    let run = run(folder.path(), &[&arguments[..], &both].concat());
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    let sizes = format!("o.npy: needs {0} bytes beside {0} of other outputs, ", 4 * count);
    assert!(run.err.contains(&sizes), "{run:?}");
    assert_eq!(names(folder.path()), ["x.npy"]);
}

/// A sparse file: its zeros take no room, but its gradient would.
#[test]
fn what_cannot_fit_is_refused_before_the_work() {
    let folder = folder();
    let mut file = File::create(folder.path().join("x.npy")).expect("a file");
    let header = npy_f32("(1099511627776,)", &[]);
    file.write_all(&header).expect("the header");
    file.set_len(header.len() as u64 + (1 << 42)).expect("a sparse file");
    for (output, argument) in
        [("--grad=input=g.npy", "--grad input: g"), ("--out=o.npy", "--out: o")]
    {
        let arguments = ["eval", "mse", "input=x.npy", "target=x.npy", "--backend", "cpu", output];
        let run = run(folder.path(), &arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        let sizes = format!("{argument}.npy: needs 4398046511104 bytes, ");
        assert!(
            run.err.contains(&sizes) && run.err.ends_with(" are free on the disk\n"),
            "{run:?}"
        );
        assert_eq!(names(folder.path()), ["x.npy"]);
    }
}
