//! Rows of an input, wherever they lie.

use super::{Content, Input, Shard, bytes, columns, content, split_member};
use crate::error::{Error, Result};
use ::bytes::Bytes;
use std::ops::{Deref, Range};

/// The elements of some rows.
#[derive(Debug)]
pub(crate) enum Rows {
    /// In a mapped file.
    Lie(Bytes),
    /// Copied or decoded from files.
    Read(Vec<u8>),
}

impl Deref for Rows {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Lie(bytes) => bytes,
            Self::Read(bytes) => bytes,
        }
    }
}

impl Rows {
    /// The memory of what is needed no longer, for what is read next.
    pub(crate) fn into_spare(self) -> Vec<u8> {
        match self {
            Self::Lie(_) => Vec::new(),
            Self::Read(mut bytes) => {
                bytes.clear();
                bytes
            }
        }
    }
}

/// Reads rows of an input. Those that are asked for in order are decoded once, and one file at a time
/// is open.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    input: &'a Input,
    /// A file, by its place, and what is open of it.
    open: Option<(usize, Open)>,
}

#[derive(Debug)]
enum Open {
    Array(Bytes),
    Column(Box<columns::Decoder>),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a Input) -> Self {
        Self { input, open: None }
    }

    /// The elements of these rows: where they lie, or in `spare`, which is empty.
    pub(crate) fn rows(&mut self, rows: Range<usize>, spare: Vec<u8>) -> Result<Rows> {
        let shards = &self.input.shards;
        let first = shards.partition_point(|shard| shard.rows.end <= rows.start);
        let row_bytes = self.input.row_bytes();
        let needed = row_bytes.saturating_mul(rows.len());
        let mut read = spare;
        let mut lies = None;
        for (place, shard) in shards.iter().enumerate().skip(first) {
            let start = rows.start.max(shard.rows.start);
            let end = rows.end.min(shard.rows.end);
            if shard.rows.start >= rows.end {
                break;
            }
            if start >= end {
                continue;
            }
            let own = start - shard.rows.start..end - shard.rows.start;
            let problem = |problem: String| Error::file(self.input.name, &shard.path, problem);
            let room = |read: &mut Vec<u8>| {
                read.try_reserve_exact(needed - read.len())
                    .map_err(|_| problem(format!("its rows need {needed} bytes of memory")))
            };
            match opened(&mut self.open, self.input, place)? {
                Open::Array(bytes) => {
                    let part = bytes.slice(own.start * row_bytes..own.end * row_bytes);
                    if start == rows.start && end == rows.end {
                        lies = Some(part);
                        break;
                    }
                    room(&mut read)?;
                    read.extend_from_slice(&part);
                }
                Open::Column(column) => {
                    room(&mut read)?;
                    column.append(own, &mut read).map_err(problem)?;
                }
            }
        }
        Ok(lies.map_or(Rows::Read(read), Rows::Lie))
    }
}

/// What is open of a file.
fn opened<'o>(
    open: &'o mut Option<(usize, Open)>,
    input: &Input,
    place: usize,
) -> Result<&'o mut Open> {
    let content = match open.take() {
        Some((other, content)) if other == place => content,
        before => {
            // Closed before the next is opened.
            drop(before);
            let shard = &input.shards[place];
            let content = shard.content.clone().map_or_else(|| reopen(input, shard), Ok)?;
            match content {
                Content::Array(bytes) => Open::Array(bytes),
                Content::Column(column) => Open::Column(Box::new(column.decoder())),
            }
        }
    };
    Ok(&mut open.insert((place, content)).1)
}

/// Opens a file whose head has been read.
fn reopen(input: &Input, shard: &Shard) -> Result<Content> {
    let problem = |problem| Error::file(input.name, &shard.path, problem);
    let (_, member) = split_member(&input.file);
    let found = bytes::open(&shard.path).and_then(|bytes| content(&shard.path, bytes, member));
    let (kind, content) = found.map_err(problem)?;
    let (rows, row) = (shard.rows.len(), input.shape.get(1..).unwrap_or_default());
    let same = match kind.shape.split_first() {
        Some((own, other)) => *own == rows && (rows == 0 || other == row),
        None => input.shape.is_empty(),
    };
    if kind.dtype != input.dtype || !same {
        let dtype = input.dtype;
        return Err(problem(format!(
            "changed while it was read: {} {:?}, expected {rows} rows of {dtype} {row:?}",
            kind.dtype, kind.shape
        )));
    }
    Ok(content)
}
