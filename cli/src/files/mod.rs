//! Arrays in files: `.npy`, members of `.npz` and of `.safetensors`.

mod npy;
mod npz;
mod safetensors;

use crate::error::{Error, Result};
use memmap2::Mmap;
use std::borrow::Cow;
use std::fs::{self, File};
use std::ops::Range;
use std::path::Path;
use wgloss::{DType, Tensor};

/// What can be read, for messages.
const READABLE: &str = "float16, float32, float64 or an integer type of 8 to 64 bits";

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
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap, Range<usize>),
    Owned(Vec<u8>),
}

impl Input {
    /// Opens an array; only what a `.npz` holds, and what is in another order, is copied.
    pub(crate) fn open(name: &'static str, file: &str) -> Result<Self> {
        let (path, member) = split_member(file);
        let problem = |problem: String| Error::file(name, path, problem);
        let extension = extension(path);
        if !matches!(&*extension, "npy" | "npz" | "safetensors") {
            return Err(problem(format!(
                "the name ends in {extension:?}, expected .npy, .npz or .safetensors"
            )));
        }
        let map = open(path).map_err(problem)?;
        let (array, bytes) = match &*extension {
            "npy" => (npy::parse(&map).map_err(problem)?, None),
            "npz" => {
                let bytes = npz::extract(&map, member).map_err(problem)?;
                (npy::parse(&bytes).map_err(problem)?, Some(bytes))
            }
            _ => (safetensors::find(&map, member).map_err(problem)?, None),
        };
        let bytes = array.place(map, bytes);
        Ok(Self { name, file: file.into(), dtype: array.dtype, shape: array.shape, bytes })
    }

    /// The file, without its member.
    pub(crate) fn path(&self) -> &Path {
        Path::new(split_member(&self.file).0)
    }

    /// The array.
    pub(crate) fn tensor(&self) -> Result<Tensor<'_>> {
        let bytes = match &self.bytes {
            Bytes::Mapped(map, range) => &map[range.clone()],
            Bytes::Owned(bytes) => bytes,
        };
        Ok(Tensor::from_bytes(self.dtype, self.shape.as_slice(), Cow::Borrowed(bytes))?)
    }
}

impl Array {
    /// The elements in row-major order and little-endian.
    fn place(&self, map: Mmap, extracted: Option<Vec<u8>>) -> Bytes {
        let size = self.dtype.size();
        let plain = !self.big_endian && !self.fortran;
        let mut bytes = match extracted {
            None if plain => return Bytes::Mapped(map, self.range.clone()),
            None => map[self.range.clone()].to_vec(),
            Some(mut bytes) => {
                bytes.drain(..self.range.start);
                bytes
            }
        };
        if self.big_endian {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        if self.fortran {
            bytes = row_major(&bytes, size, &self.shape);
        }
        Bytes::Owned(bytes)
    }
}

/// Column-major elements in row-major order.
fn row_major(bytes: &[u8], size: usize, shape: &[usize]) -> Vec<u8> {
    let mut result = Vec::with_capacity(bytes.len());
    let mut index = vec![0; shape.len()];
    let mut source = 0;
    for _ in 0..bytes.len() / size {
        result.extend_from_slice(&bytes[source * size..(source + 1) * size]);
        // Counts up the last axis first; `stride` is the source's, whose last axis is the slowest.
        let mut stride: usize = shape.iter().product();
        for axis in (0..shape.len()).rev() {
            stride /= shape[axis];
            index[axis] += 1;
            source += stride;
            if index[axis] < shape[axis] {
                break;
            }
            source -= index[axis] * stride;
            index[axis] = 0;
        }
    }
    result
}

/// The file and the member: `a.npz:b` is `b` in `a.npz`, any other colon is part of the name.
fn split_member(file: &str) -> (&str, Option<&str>) {
    let colons = file.match_indices(':').map(|(place, _)| place);
    let mut members = colons.map(|place| (&file[..place], &file[place + 1..]));
    match members.find(|(path, _)| matches!(&*extension(path), "npz" | "safetensors")) {
        Some((path, member)) => (path, Some(member)),
        None => (file, None),
    }
}

/// What follows the last dot of the file's name, in lower case.
pub(crate) fn extension(path: &str) -> String {
    let extension = Path::new(path).extension().unwrap_or_default();
    extension.to_string_lossy().to_lowercase()
}

/// Maps a regular file that is not empty.
fn open(path: &str) -> Result<Mmap, String> {
    // Asked before opening, which would wait for ever for a pipe's other end.
    let kind = fs::metadata(path).map_err(|error| error.to_string())?;
    if kind.is_dir() {
        return Err("a directory, expected a file".into());
    }
    if !kind.is_file() {
        return Err("a device or pipe, expected a regular file".into());
    }
    if kind.len() == 0 {
        return Err("the file is empty: 0 bytes, expected an array".into());
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    map(&file).map_err(|error| error.to_string())
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

/// Joins names for a message.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
