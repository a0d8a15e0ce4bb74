//! Runs the program and writes the files it reads.

use serde_json::Value;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::{Child, Stdio};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Run {
    /// The report of a run with `--json`.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).expect("JSON")
    }

    /// The loss of a run with `--json`.
    pub(crate) fn value(&self) -> f64 {
        self.json()["value"].as_f64().expect("a number")
    }
}

/// The program, in a folder.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wgloss"));
    // Without it the Vulkan loader complains on standard error.
    command.current_dir(folder).env("XDG_RUNTIME_DIR", std::env::temp_dir());
    command
}

/// The same where no signal is ignored, whatever the tests were started with: what runs in the
/// background or under nohup ignores some.
#[cfg(unix)]
fn interruptible(folder: &Path) -> Command {
    if !cfg!(target_os = "linux") {
        return command(folder);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=INT,TERM,HUP", env!("CARGO_BIN_EXE_wgloss")]);
    command.current_dir(folder).env("XDG_RUNTIME_DIR", std::env::temp_dir());
    command
}

/// Runs the program in a folder.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Run {
    command(folder).args(arguments).output().expect("the program starts").into()
}

/// Starts the program in a folder, with its output kept.
#[cfg(unix)]
pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = interruptible(folder);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// What a started program comes to.
#[cfg(unix)]
pub(crate) fn ended(child: Child) -> Run {
    child.wait_with_output().expect("the program ends").into()
}

/// Runs a line of the shell, where `$WGLOSS` is the program.
#[cfg(unix)]
pub(crate) fn shell(folder: &Path, line: &str) -> Run {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir(folder).env("WGLOSS", env!("CARGO_BIN_EXE_wgloss"));
    command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
    command.output().expect("sh starts").into()
}

/// Makes a named pipe.
#[cfg(unix)]
pub(crate) fn pipe(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo starts").success());
    path
}

/// Waits for what another process does.
#[cfg(unix)]
pub(crate) fn wait_for(what: &str, done: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed().as_secs() < 30, "waited for {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Runs the program where it finds no adapter.
pub(crate) fn run_without_adapter(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = command(folder);
    for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        command.env(name, "/nonexistent/icd.json");
    }
    command.env("WGPU_BACKEND", "vulkan").args(arguments);
    command.output().expect("the program starts").into()
}

/// The folder of real inputs.
pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data")
}

/// An empty folder that vanishes.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Writes a file.
pub(crate) fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(folder.join(name), bytes).expect("the file is written");
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

/// A `.npy` file of version 1.0; `shape` is in Python's words, such as `(3,)`.
pub(crate) fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), data].concat()
}

/// A float32 `.npy` file.
pub(crate) fn npy_f32(shape: &str, data: &[f32]) -> Vec<u8> {
    npy("'<f4'", false, shape, &bytes(data, f32::to_le_bytes))
}

/// Numbers as bytes.
pub(crate) fn bytes<T: Copy, const N: usize>(data: &[T], convert: fn(T) -> [u8; N]) -> Vec<u8> {
    data.iter().flat_map(|&x| convert(x)).collect()
}

/// The numbers in a float32 `.npy` file that the program wrote, and its header.
pub(crate) fn read_npy(path: &Path) -> (Vec<u64>, Vec<f32>) {
    let bytes = fs::read(path).expect("the file is there");
    let file = npyz::NpyFile::new(&bytes[..]).expect("an .npy file");
    (file.shape().to_vec(), file.into_vec().expect("float32"))
}

/// A zip archive.
pub(crate) fn zip(members: &[(&str, &[u8])], compressed: bool) -> Vec<u8> {
    use zip::CompressionMethod::{Deflated, Stored};
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method = if compressed { Deflated } else { Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in members {
        writer.start_file(*name, options).expect("a member");
        writer.write_all(bytes).expect("its bytes");
    }
    writer.finish().expect("an archive").into_inner()
}

/// A `.safetensors` file.
pub(crate) fn safetensors(tensors: &[(&str, safetensors::Dtype, &[usize], &[u8])]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, dtype, shape, data)| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.to_vec(), data);
        (*name, view.expect("a tensor"))
    });
    safetensors::serialize(views, None).expect("a file")
}
