//! Arrays in files: `.npy`, members of `.npz` and of `.safetensors`.

#[cfg(test)]
mod fuzz;
mod npy;
mod npz;
mod order;
mod safetensors;

use crate::error::{Error, Result};
use memmap2::Mmap;
use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tempfile::{SpooledData, SpooledTempFile};
use wgloss::{DType, Tensor};

/// What can be read, for messages.
const READABLE: &str = "float16, float32, float64, bool or an integer type of 8 to 64 bits";

/// What stands for standard input.
const STDIN: &str = "-";

/// An array's type and shape, and where in some bytes its elements are.
struct Array {
    dtype: DType,
    shape: Vec<usize>,
    range: Range<usize>,
    big_endian: bool,
    fortran: bool,
}

/// An input's file.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) name: &'static str,
    /// The file and its member, as given.
    pub(crate) file: String,
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    bytes: Bytes,
    /// Where the elements are.
    range: Range<usize>,
}

impl Input {
    /// Opens an array. What does not lie in a file as it is needed is put there: what a `.npz` holds
    /// compressed, what comes through a pipe, and what is in another order.
    pub(crate) fn open(name: &'static str, file: &str) -> Result<Self> {
        let (path, _) = split_member(file);
        let bytes = open(path).map_err(|problem| Error::file(name, path, problem))?;
        Self::read(name, file, bytes)
    }

    /// Finds an array in a file's bytes.
    fn read(name: &'static str, file: &str, bytes: Bytes) -> Result<Self> {
        let (path, member) = split_member(file);
        let problem = |problem: String| Error::file(name, path, problem);
        let (array, bytes) = match Format::of(path, &bytes).map_err(problem)? {
            Format::Npy => (npy::parse(&bytes).map_err(problem)?, bytes),
            Format::Npz => {
                let (bytes, range) = npz::open(bytes, member).map_err(problem)?;
                let mut array = npy::parse(&bytes[range.clone()]).map_err(problem)?;
                array.range = array.range.start + range.start..array.range.end + range.start;
                (array, bytes)
            }
            Format::Safetensors => (safetensors::find(&bytes, member).map_err(problem)?, bytes),
        };
        let (bytes, range) = array.in_order(bytes).map_err(|error| problem(error.to_string()))?;
        let Array { dtype, shape, .. } = array;
        Ok(Self { name, file: file.into(), dtype, shape, bytes, range })
    }

    /// The file, without its member.
    pub(crate) fn path(&self) -> &Path {
        Path::new(split_member(&self.file).0)
    }

    /// The array.
    pub(crate) fn tensor(&self) -> Result<Tensor<'_>> {
        let bytes = &self.bytes[self.range.clone()];
        Ok(Tensor::from_bytes(self.dtype, self.shape.as_slice(), Cow::Borrowed(bytes))?)
    }
}

/// The formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Npy,
    Npz,
    Safetensors,
}

impl Format {
    /// By the name's ending, and of what has none (standard input, a pipe) by how it begins.
    fn of(path: &str, bytes: &[u8]) -> Result<Self, String> {
        match &*extension(path) {
            "npy" => Ok(Self::Npy),
            "npz" => Ok(Self::Npz),
            "safetensors" => Ok(Self::Safetensors),
            "" if bytes.starts_with(npy::MAGIC) => Ok(Self::Npy),
            "" if bytes.starts_with(b"PK") => Ok(Self::Npz),
            "" if bytes.get(8) == Some(&b'{') => Ok(Self::Safetensors),
            other => {
                Err(format!("the name ends in {other:?}, expected .npy, .npz or .safetensors"))
            }
        }
    }
}

/// Bytes in a file, or in memory where they are few.
#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// The bytes of one input that are kept in memory where they come from no file of their own; more of
/// them go to a temporary file.
const IN_MEMORY: usize = 64 << 20;
/// The bytes of all inputs that are put in order in memory: a temporary file is as slow as its disk.
static FOR_ORDER: AtomicUsize = AtomicUsize::new(768 << 20);

/// The bytes that are put in order at a time.
const PANEL: usize = 32 << 20;

impl Bytes {
    /// What `write` writes.
    fn written(write: impl FnOnce(&mut SpooledTempFile) -> io::Result<()>) -> io::Result<Self> {
        let mut spool = SpooledTempFile::new(IN_MEMORY);
        write(&mut spool)?;
        match spool.into_inner() {
            SpooledData::InMemory(bytes) => Ok(Self::Owned(bytes.into_inner())),
            SpooledData::OnDisk(file) => Ok(Self::Mapped(map(&file)?)),
        }
    }
}

impl Array {
    /// The elements in row-major order and little-endian.
    fn in_order(&self, bytes: Bytes) -> io::Result<(Bytes, Range<usize>)> {
        let (from, size) = (&bytes[self.range.clone()], self.dtype.size());
        if (!self.big_endian && !self.fortran) || from.is_empty() {
            return Ok((bytes, self.range.clone()));
        }
        let put = |to: &mut dyn Write| {
            let mut write = |panel: &mut [u8]| {
                if self.big_endian {
                    order::swap_bytes(panel, size);
                }
                to.write_all(panel)
            };
            if self.fortran {
                return order::row_major(from, size, &self.shape, PANEL, &mut write);
            }
            let mut panel = Vec::new();
            for part in from.chunks(PANEL) {
                panel.clear();
                panel.extend_from_slice(part);
                write(&mut panel)?;
            }
            Ok(())
        };
        let left = |left: usize| left.checked_sub(from.len());
        let ordered = if FOR_ORDER.fetch_update(Relaxed, Relaxed, left).is_ok() {
            let mut all = Vec::with_capacity(from.len());
            put(&mut all)?;
            Bytes::Owned(all)
        } else {
            Bytes::written(|spool| put(spool))?
        };
        let range = 0..self.range.len();
        Ok((ordered, range))
    }
}

/// The file and the member: `a.npz:b` is `b` in `a.npz` and `-:b` that in standard input, any other
/// colon is part of the name.
fn split_member(file: &str) -> (&str, Option<&str>) {
    let colons = file.match_indices(':').map(|(place, _)| place);
    let mut members = colons.map(|place| (&file[..place], &file[place + 1..]));
    let holds_members =
        |path: &str| path == STDIN || matches!(&*extension(path), "npz" | "safetensors");
    match members.find(|(path, _)| holds_members(path)) {
        Some((path, member)) => (path, Some(member)),
        None => (file, None),
    }
}

/// Whether an array comes through standard input.
pub(crate) fn is_stdin(file: &str) -> bool {
    split_member(file).0 == STDIN
}

/// What follows the last dot of the file's name, in lower case.
pub(crate) fn extension(path: &str) -> String {
    let extension = Path::new(path).extension().unwrap_or_default();
    extension.to_string_lossy().to_lowercase()
}

/// Maps a regular file that is not empty; what comes through standard input or a pipe is kept first.
fn open(path: &str) -> Result<Bytes, String> {
    let kept = |mut from: &mut dyn io::Read| {
        let bytes = Bytes::written(|spool| io::copy(&mut from, spool).map(|_| ()));
        let bytes = bytes.map_err(|error| error.to_string())?;
        if bytes.is_empty() {
            return Err("nothing comes through it: 0 bytes, expected an array".into());
        }
        Ok(bytes)
    };
    if path == STDIN {
        return kept(&mut io::stdin());
    }
    let kind = fs::metadata(path).map_err(|error| error.to_string())?;
    if kind.is_dir() {
        return Err("a directory, expected a file".into());
    }
    if kind.is_file() && kind.len() == 0 {
        return Err("the file is empty: 0 bytes, expected an array".into());
    }
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    if !kind.is_file() {
        return kept(&mut file);
    }
    map(&file).map(Bytes::Mapped).map_err(|error| error.to_string())
}

#[expect(
    unsafe_code,
    reason = "a copy instead would double the memory of batches as large as it; the map is \
              read-only, and a file that another process cuts meanwhile ends the program with \
              SIGBUS, as every memory-mapping reader of arrays has it"
)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: nothing in this program writes to an input: outputs are new files that are renamed.
    unsafe { Mmap::map(file) }
}
