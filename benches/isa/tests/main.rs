//! The program, on a kernel of its own.

use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

/// Twice the numbers of a buffer, four at once.
const KERNEL: &str = "\
@group(0) @binding(0) var<storage, read_write> numbers: array<vec4<f32>>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    for (var i = id.x; i < arrayLength(&numbers); i += 4096u) {
        numbers[i] *= 2.0;
    }
}
";

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wgloss-isa"));
    command.env("XDG_RUNTIME_DIR", env::temp_dir()).args(arguments);
    command.output().expect("the program runs")
}

fn has_radv() -> bool {
    let all = fs::read_dir("/usr/share/vulkan/icd.d").into_iter().flatten();
    let names = all.filter_map(|entry| Some(entry.ok()?.file_name()));
    names.into_iter().any(|name| name.to_string_lossy().starts_with("radeon_icd"))
}

#[test]
fn kernels_are_held_to_limits() {
    if !has_radv() {
        println!("Mesa's driver for AMD's GPUs is not there.");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("isa");
    let kernels = folder.join("float32");
    fs::create_dir_all(&kernels).expect("a folder");
    fs::write(kernels.join("twice.1.twice.wgsl"), KERNEL).expect("a file");
    let [limits, place] =
        [folder.join("limits.txt"), folder].map(|path| path.display().to_string());
    let arguments = ["--chips", "navi21", "--limits", &limits, &place];
    let written = run(&[&["--write"], &arguments[..]].concat());
    let out = String::from_utf8_lossy(&written.stdout);
    assert!(written.status.success(), "{written:?}");
    let line = out.lines().last().expect("a line");
    assert!(line.starts_with("navi21 ") && line.ends_with(" float32 twice.1.twice"), "{out}");
    assert!(line.contains(" 0 0 0 1 0 0 0 1 "), "one load and one store of 16 bytes: {out}");
    assert!(run(&arguments).status.success());
    // With fewer instructions allowed than there are.
    let text = fs::read_to_string(&limits).expect("limits");
    let less = text.lines().map(|line| match line.strip_suffix(" twice.1.twice") {
        Some(_) => "    0    -    -    -    -    -   twice.1.twice",
        None => line,
    });
    fs::write(&limits, less.collect::<Vec<_>>().join("\n")).expect("limits");
    let refused = run(&arguments);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("for 16 bytes, at most 0"), "{told}");
}

#[test]
fn what_is_asked_for_is_checked() {
    for (arguments, told) in [
        (&["--chips", "navi20", "x"][..], "--chips: navi20 is none of navi21"),
        (&["--chip", "x"], "--chip is not known"),
        (&["--limits"], "--limits: its value is missing"),
        (&[], "FOLDER"),
    ] {
        let refused = run(arguments);
        let line = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && line.contains(told), "{line}");
    }
}
