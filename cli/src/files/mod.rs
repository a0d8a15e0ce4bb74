//! Arrays in files: `.npy`, members of `.npz` and of `.safetensors`, columns of `.parquet` and of
//! Arrow's files; one file, or many that hold the rows of one array.

mod array;
mod bytes;
mod columns;
#[cfg(test)]
mod fuzz;
mod rows;
mod shards;

pub(crate) use rows::{Reader, Rows};
pub(crate) use shards::list;
pub(crate) use wgloss_kit::files::extension;

use crate::error::{Error, Result};
use ::bytes::Bytes;
use columns::{Column, ipc, parquet};
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use wgloss::{DType, Tensor, TensorKind};
use wgloss_kit::files::{self, Keep, READABLE};

/// What stands for standard input.
const STDIN: &str = "-";

/// An input's array, by the heads of its files.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) name: &'static str,
    /// The file and its member, as given.
    pub(crate) file: String,
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    shards: Vec<Shard>,
}

/// A file that holds some rows of an array, or all.
#[derive(Debug)]
struct Shard {
    path: String,
    rows: Range<usize>,
    /// Only of an input that is one file. Others are opened when their rows are read, and closed.
    content: Option<Content>,
}

/// Where the elements of a file's array are.
#[derive(Clone, Debug)]
enum Content {
    /// In the file or in memory, as they are needed.
    Array(Bytes),
    Column(Column),
}

impl Input {
    /// Opens an array. What does not lie in a file as it is needed is put there: what a `.npz` holds
    /// compressed, what comes through a pipe, and what is in another order. Of many files only the
    /// heads are read, and of tables the footers.
    pub(crate) fn open(name: &'static str, file: &str) -> Result<Self> {
        let (path, _) = split_member(file);
        let problem = |problem| Error::file(name, path, problem);
        match shards::list(path).map_err(problem)? {
            Some(paths) => Self::join(name, file, &paths),
            None => Self::read(name, file, bytes::open(path).map_err(problem)?),
        }
    }

    /// The same by the heads of its files alone.
    pub(crate) fn head(name: &'static str, file: &str) -> Result<Self> {
        let (path, _) = split_member(file);
        let paths = shards::list(path).map_err(|problem| Error::file(name, path, problem))?;
        Self::join(name, file, &paths.unwrap_or_else(|| vec![path.into()]))
    }

    /// Finds an array in a file's bytes.
    fn read(name: &'static str, file: &str, bytes: Bytes) -> Result<Self> {
        let (path, member) = split_member(file);
        let found = content(path, bytes, member).map_err(|p| Error::file(name, path, p))?;
        let (TensorKind { dtype, shape }, content) = found;
        let rows = 0..shape.first().copied().unwrap_or(1);
        let shards = vec![Shard { path: path.into(), rows, content: Some(content) }];
        Ok(Self { name, file: file.into(), dtype, shape, shards })
    }

    /// The rows of files, one after another.
    fn join(name: &'static str, file: &str, paths: &[String]) -> Result<Self> {
        let (_, member) = split_member(file);
        let (mut shards, mut all): (Vec<Shard>, Option<(TensorKind, &str)>) = (Vec::new(), None);
        let mut first = 0usize;
        for path in paths {
            let problem = |problem: String| Error::file(name, path, problem);
            let head = bytes::open(path).and_then(|bytes| head(path, &bytes, member));
            let head = head.map_err(problem)?;
            let rows = match head.shape.first() {
                Some(&rows) => rows,
                None if paths.len() == 1 => 1,
                None => return Err(problem("one number without rows, expected rows".into())),
            };
            match &all {
                Some((other, of)) => {
                    shards::check(&head, other)
                        .map_err(|differs| problem(format!("{differs} as in {of}")))?;
                    // A file without rows need not know how long they are.
                    if other.shape[0] == 0 {
                        all = Some((head, path));
                    }
                }
                None => all = Some((head, path)),
            }
            let end =
                first.checked_add(rows).ok_or_else(|| problem("more than 2^64 rows".into()))?;
            shards.push(Shard { path: path.clone(), rows: first..end, content: None });
            first = end;
        }
        let (mut kind, _) = all.ok_or_else(|| {
            Error::file(name, split_member(file).0, "no files, expected one at least")
        })?;
        if let Some(rows) = kind.shape.first_mut() {
            *rows = first;
        }
        let TensorKind { dtype, shape } = kind;
        Ok(Self { name, file: file.into(), dtype, shape, shards })
    }

    /// The files, without their members.
    pub(crate) fn paths(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.shards.iter().map(|shard| Path::new(&shard.path))
    }

    /// How many files hold these rows.
    pub(crate) fn files_of(&self, rows: &Range<usize>) -> usize {
        let touched = |shard: &&Shard| shard.rows.start < rows.end && rows.start < shard.rows.end;
        self.shards.iter().filter(touched).count()
    }

    pub(crate) fn kind(&self) -> TensorKind {
        TensorKind::new(self.dtype, self.shape.as_slice())
    }

    /// The number of rows; that of a single number is 1.
    pub(crate) fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The bytes of a row.
    pub(crate) fn row_bytes(&self) -> usize {
        let sizes = self.shape.iter().skip(1);
        sizes.fold(self.dtype.size(), |bytes, &size| bytes.saturating_mul(size))
    }

    /// Whether all elements lie one after another, in a mapped file or in memory.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(&self.shards[..], [Shard { content: Some(Content::Array(_)), .. }])
    }

    /// So many rows as a tensor.
    pub(crate) fn tensor<'b>(&self, rows: &'b Rows, count: usize) -> Result<Tensor<'b>> {
        let mut shape = self.shape.clone();
        if let Some(rows) = shape.first_mut() {
            *rows = count;
        }
        Ok(Tensor::from_bytes(self.dtype, shape, Cow::Borrowed(&**rows))?)
    }
}

/// The type, the shape and the elements of the array in a file.
fn content(
    path: &str,
    bytes: Bytes,
    member: Option<&str>,
) -> Result<(TensorKind, Content), String> {
    let format = match Format::of(path, &bytes)? {
        Format::Arrays(format) => format,
        Format::Parquet => {
            return Ok(column(Column::Parquet(parquet::Column::open(bytes, member)?)));
        }
        Format::Ipc => return Ok(column(Column::Ipc(ipc::Column::open(bytes, member)?))),
    };
    let written: &Keep<'_> = &|write| bytes::written(|spool| write(spool));
    let (array, bytes) = format.find(bytes, member, written)?;
    let content = array::in_order(&array, &bytes).map_err(|error| error.to_string())?;
    Ok((TensorKind::new(array.dtype, array.shape), Content::Array(content)))
}

fn column(column: Column) -> (TensorKind, Content) {
    (TensorKind::new(column.dtype(), column.shape()), Content::Column(column))
}

/// The type and the shape of the array in a file, by its head.
fn head(path: &str, bytes: &Bytes, member: Option<&str>) -> Result<TensorKind, String> {
    match Format::of(path, bytes)? {
        Format::Arrays(format) => Ok(format.head(bytes, member)?),
        Format::Parquet | Format::Ipc => Ok(content(path, bytes.clone(), member)?.0),
    }
}

/// The formats of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Arrays(files::Format),
    Parquet,
    Ipc,
}

impl Format {
    /// By the name's ending, and of what has none (standard input, a pipe) by how it begins.
    fn of(path: &str, bytes: &[u8]) -> Result<Self, String> {
        match &*extension(path) {
            "parquet" => Ok(Self::Parquet),
            "arrow" | "feather" => Ok(Self::Ipc),
            "" if bytes.starts_with(parquet::MAGIC) => Ok(Self::Parquet),
            "" if bytes.starts_with(ipc::MAGIC) => Ok(Self::Ipc),
            other => files::Format::of(path, bytes).map(Self::Arrays).ok_or_else(|| {
                format!(
                    "the name ends in {other:?}, expected .npy, .npz, .safetensors, .parquet, \
                     .arrow or .feather"
                )
            }),
        }
    }
}

/// The endings of files of several arrays.
const OF_MEMBERS: [&str; 5] = ["npz", "safetensors", "parquet", "arrow", "feather"];

/// The file and the member: `a.npz:b` is `b` in `a.npz`, `-:b` that in standard input and `folder/:b`
/// that in the files of a folder, any other colon is part of the name.
fn split_member(file: &str) -> (&str, Option<&str>) {
    let colons = file.match_indices(':').map(|(place, _)| place);
    let mut members = colons.map(|place| (&file[..place], &file[place + 1..]));
    let holds_members = |path: &str| {
        let ending = extension(path);
        path == STDIN
            || OF_MEMBERS.contains(&&*ending)
            || ending.is_empty() && shards::are_many(path) && !Path::new(file).exists()
    };
    match members.find(|(path, _)| holds_members(path)) {
        Some((path, member)) => (path, Some(member)),
        None => (file, None),
    }
}

/// Whether an array comes through standard input.
pub(crate) fn is_stdin(file: &str) -> bool {
    split_member(file).0 == STDIN
}
