//! What an interruption leaves: nothing, and the exit code that a shell expects.

use crate::common::{ended, folder, names, npy_f32, pipe, put, start, wait_for};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const EVAL: [&str; 8] = [
    "eval",
    "mse",
    "input=x.npy",
    "target=x.npy",
    "--grad=input=g.npy",
    "--grad=target=pipe",
    "--out=o.npy",
    "--backend",
];

/// An input whose gradient is more than a pipe holds, and a pipe.
fn waiting() -> TempDir {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(100000,)", &[1.5; 100_000]));
    pipe(folder.path(), "pipe");
    folder
}

fn kill(child: &Child, signal: &str) {
    let killed = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
    assert!(killed.expect("kill starts").success());
}

fn has_temporary(folder: &Path) -> bool {
    names(folder).iter().any(|name| name.starts_with(".wgloss-"))
}

#[test]
fn temporary_files_are_removed() {
    let cases = [("INT", 130, "cpu"), ("TERM", 143, "gpu"), ("HUP", 129, "cpu")];
    for (signal, code, backend) in cases {
        for reading in [false, true] {
            let folder = waiting();
            let child = start(folder.path(), &[&EVAL[..], &[backend]].concat());
            // It waits for a reader of the pipe, or for one to read on.
            wait_for("a temporary file", || has_temporary(folder.path()));
            let mut reader = None;
            if reading {
                let mut pipe = File::open(folder.path().join("pipe")).expect("a pipe");
                pipe.read_exact(&mut [0; 1000]).expect("a part of the gradient");
                reader = Some(pipe);
            }
            kill(&child, signal);
            let run = ended(child);
            drop(reader);
            assert_eq!((run.code, run.out.as_str()), (Some(code), ""), "{signal}: {run:?}");
            let line = format!("wgloss: interrupted by SIG{signal}; no file was written\n");
            assert_eq!(run.err, line);
            assert_eq!(names(folder.path()), ["pipe", "x.npy"], "{signal}");
        }
    }
}

#[test]
fn nothing_to_remove() {
    let folder = waiting();
    let child = start(folder.path(), &["eval", "mse", "input=pipe", "target=x.npy"]);
    // It is opened once the program reads it.
    let pipe = File::create(folder.path().join("pipe")).expect("a pipe");
    kill(&child, "INT");
    let run = ended(child);
    drop(pipe);
    assert_eq!((run.code, run.err.as_str()), (Some(130), "wgloss: interrupted by SIGINT\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn an_ignored_hangup_stays_ignored() {
    let folder = waiting();
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_wgloss");
    let line = format!("trap '' HUP; exec {program} {} cpu", EVAL.join(" "));
    command.args(["-c", &line]).current_dir(folder.path()).stdout(Stdio::piped());
    let child = command.spawn().expect("sh starts");
    wait_for("a temporary file", || has_temporary(folder.path()));
    kill(&child, "HUP");
    let gradient = std::fs::read(folder.path().join("pipe")).expect("a gradient");
    let run = ended(child);
    assert_eq!(run.code, Some(0), "{run:?}");
    let file = std::fs::read(folder.path().join("g.npy")).expect("the other gradient");
    assert_eq!((file.len(), gradient.len()), (400_128, 400_128));
    assert_eq!(names(folder.path()), ["g.npy", "o.npy", "pipe", "x.npy"]);
}

/// While it computes, not only while it waits.
#[test]
fn in_the_middle_of_the_work() {
    for backend in ["cpu", "gpu"] {
        let folder = folder();
        let mut file = File::create(folder.path().join("x.npy")).expect("a file");
        // A sparse file of 8 GiB of zeros.
        let header = npy_f32("(2147483648,)", &[]);
        file.write_all(&header).expect("the header");
        file.set_len(header.len() as u64 + (1 << 33)).expect("a sparse file");
        let eval = ["eval", "mse", "input=x.npy", "target=x.npy", "--backend", backend];
        let more = ["--totals", "t.json", "--device-memory", "64"];
        let child = start(folder.path(), &[&eval[..], &more].concat());
        wait_for("a temporary file", || has_temporary(folder.path()));
        std::thread::sleep(std::time::Duration::from_millis(400));
        kill(&child, "TERM");
        let run = ended(child);
        assert_eq!(run.code, Some(143), "{run:?}");
        assert_eq!(run.err, "wgloss: interrupted by SIGTERM; no file was written\n");
        assert_eq!(names(folder.path()), ["x.npy"]);
    }
}
