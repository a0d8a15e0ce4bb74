//! Arrays in the bytes of files: `.npy`, members of `.npz` and tensors of `.safetensors`.

mod array;
pub mod npy;
mod npz;
mod order;
mod safetensors;

pub use array::Array;

use bytes::Bytes;
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use wgloss::{Tensor, TensorKind};

/// What can be read, for messages.
pub const READABLE: &str = "float16, float32, float64, bool or an integer type of 8 to 64 bits";

/// What is wrong with a file, for a message that names it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Problem(String);

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self(problem)
    }
}

impl From<Problem> for String {
    fn from(Problem(problem): Problem) -> Self {
        problem
    }
}

/// Writes bytes.
pub type Put<'a> = dyn FnMut(&mut dyn Write) -> io::Result<()> + 'a;

/// Keeps what is written: in memory, or where there is more room.
pub type Keep<'a> = dyn Fn(&mut Put<'_>) -> io::Result<Bytes> + 'a;

/// The formats of files of arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// NumPy's `.npy`.
    Npy,
    /// NumPy's `.npz`.
    Npz,
    /// Hugging Face's `.safetensors`.
    Safetensors,
}

impl Format {
    /// By the name's ending, and of what has none by how it begins.
    pub fn of(path: &str, bytes: &[u8]) -> Option<Self> {
        match &*extension(path) {
            "npy" => Some(Self::Npy),
            "npz" => Some(Self::Npz),
            "safetensors" => Some(Self::Safetensors),
            "" if bytes.starts_with(npy::MAGIC) => Some(Self::Npy),
            "" if bytes.starts_with(b"PK") => Some(Self::Npz),
            "" if bytes.get(8) == Some(&b'{') => Some(Self::Safetensors),
            _ => None,
        }
    }

    /// The array of this name, or the only one, and the bytes in which it lies. What is compressed is
    /// kept decompressed.
    ///
    /// # Errors
    /// If there is no such array, or it cannot be read.
    pub fn find(
        self,
        bytes: Bytes,
        member: Option<&str>,
        keep: &Keep<'_>,
    ) -> Result<(Array, Bytes), Problem> {
        let (array, bytes) = match self {
            Self::Npy => (npy::parse(&bytes, bytes.len())?, bytes),
            Self::Npz => {
                let bytes = npz::open(&bytes, member, keep)?;
                (npy::parse(&bytes, bytes.len())?, bytes)
            }
            Self::Safetensors => (safetensors::find(&bytes, member)?, bytes),
        };
        Ok((array, bytes))
    }

    /// The type and the shape of that array, by its head.
    ///
    /// # Errors
    /// If there is no such array, or it cannot be read.
    pub fn head(self, bytes: &Bytes, member: Option<&str>) -> Result<TensorKind, Problem> {
        let array = match self {
            Self::Npy => npy::parse(bytes, bytes.len())?,
            Self::Npz => npz::head(bytes, member)?,
            Self::Safetensors => safetensors::find(bytes, member)?,
        };
        Ok(TensorKind::new(array.dtype, array.shape))
    }

    fn known(path: &str, bytes: &[u8]) -> Result<Self, Problem> {
        Self::of(path, bytes).ok_or_else(|| {
            let ending = extension(path);
            Problem(format!("the name ends in {ending:?}, expected .npy, .npz or .safetensors"))
        })
    }
}

/// What follows the last dot of the file's name, in lower case.
pub fn extension(path: &str) -> String {
    let extension = Path::new(path).extension().unwrap_or_default();
    extension.to_string_lossy().to_lowercase()
}

/// An array of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name, in a file of several.
    pub member: Option<String>,
    /// What is known of it.
    #[serde(flatten)]
    pub head: Head,
}

/// What is known of an array without its elements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Head {
    /// It can be read.
    Array {
        /// The name of the type, such as `float32`.
        dtype: String,
        /// The shape.
        shape: Vec<usize>,
    },
    /// It cannot.
    Problem {
        /// Why not.
        problem: String,
    },
}

impl Listed {
    fn new(member: Option<&str>, array: Result<Array, String>) -> Self {
        let head = match array {
            Ok(array) => Head::Array { dtype: array.dtype.to_string(), shape: array.shape },
            Err(problem) => Head::Problem { problem },
        };
        Self { member: member.map(Into::into), head }
    }
}

/// The arrays of a file, by its name and its bytes.
///
/// # Errors
/// If the file is none of arrays, or is damaged as a whole.
pub fn list(path: &str, bytes: &Bytes) -> Result<Vec<Listed>, Problem> {
    Ok(match Format::known(path, bytes)? {
        Format::Npy => vec![Listed::new(None, Ok(npy::parse(bytes, bytes.len())?))],
        Format::Npz => npz::list(bytes)?,
        Format::Safetensors => safetensors::list(bytes)?,
    })
}

/// The elements of an array, in row-major order and little-endian.
#[derive(Clone, Debug)]
pub struct Elements {
    /// Their type, and the array's shape.
    pub kind: TensorKind,
    /// Their bytes.
    pub bytes: Bytes,
}

impl Elements {
    /// The array as a tensor.
    ///
    /// # Errors
    /// If there are fewer or more bytes than the kind has, which those of a file have.
    pub fn tensor(&self) -> wgloss::Result<Tensor<'_>> {
        Tensor::from_bytes(self.kind.dtype, self.kind.shape.as_slice(), &*self.bytes)
    }
}

/// Reads an array of a file, the one of this name or the only one: where its elements lie, or in memory.
///
/// # Errors
/// If there is no such array, or it cannot be read.
pub fn read(path: &str, bytes: &Bytes, member: Option<&str>) -> Result<Elements, Problem> {
    let format = Format::known(path, bytes)?;
    let (array, bytes) = format.find(bytes.clone(), member, &in_memory)?;
    let elements = array.in_order(&bytes, &in_memory).map_err(|error| error.to_string())?;
    Ok(Elements { kind: TensorKind::new(array.dtype, array.shape), bytes: elements })
}

fn in_memory(write: &mut Put<'_>) -> io::Result<Bytes> {
    let mut memory = Memory(Vec::new());
    write(&mut memory)?;
    Ok(memory.0.into())
}

/// Memory as far as there is some.
struct Memory(Vec<u8>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_reserve(bytes.len()).map_err(io::Error::other)?;
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
