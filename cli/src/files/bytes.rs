//! The bytes of files and pipes.

use super::STDIN;
use bytes::Bytes;
use memmap2::Mmap;
use std::fs::{self, File};
use std::io;
use tempfile::{SpooledData, SpooledTempFile};

/// The bytes of one input that are kept in memory where they come from no file of their own; more of
/// them go to a temporary file.
const IN_MEMORY: usize = 64 << 20;

/// What `write` writes.
pub(super) fn written(
    write: impl FnOnce(&mut SpooledTempFile) -> io::Result<()>,
) -> io::Result<Bytes> {
    let mut spool = SpooledTempFile::new(IN_MEMORY);
    write(&mut spool)?;
    match spool.into_inner() {
        SpooledData::InMemory(bytes) => Ok(bytes.into_inner().into()),
        SpooledData::OnDisk(file) => Ok(Bytes::from_owner(map(&file)?)),
    }
}

/// Maps a regular file that is not empty; what comes through standard input or a pipe is kept first.
pub(super) fn open(path: &str) -> Result<Bytes, String> {
    let kept = |mut from: &mut dyn io::Read| {
        let bytes = written(|spool| io::copy(&mut from, spool).map(|_| ()));
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
    map(&file).map(Bytes::from_owner).map_err(|error| error.to_string())
}

#[expect(
    unsafe_code,
    reason = "a copy instead would double the memory of batches as large as it; the map is \
              read-only, and a file that another process cuts meanwhile ends the program with \
              SIGBUS, as every memory-mapping reader of arrays has it"
)]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: nothing in this program writes to an input: outputs are new files that are renamed.
    unsafe { Mmap::map(file) }
}
