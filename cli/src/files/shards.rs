//! Folders and patterns of files that hold the rows of one array.

use super::STDIN;
use glob::{MatchOptions, glob_with};
use std::fs;
use std::path::{Path, PathBuf};
use wgloss::TensorKind;

/// The files of a folder or a pattern, in the order of their names' bytes; `None` of what is one file.
pub(crate) fn list(path: &str) -> Result<Option<Vec<String>>, String> {
    if !are_many(path) {
        return Ok(None);
    }
    let mut files = if Path::new(path).is_dir() { folder(path)? } else { matches(path)? };
    files.sort();
    Ok(Some(files))
}

/// Whether a path is a folder or a pattern. A file whose name looks like a pattern is that file.
pub(super) fn are_many(path: &str) -> bool {
    if path == STDIN {
        return false;
    }
    match fs::metadata(path) {
        Ok(found) => found.is_dir(),
        Err(_) => path.contains(['*', '?', '[']),
    }
}

/// The files of a folder, but for hidden ones and those whose names begin with `_`, which writers leave
/// beside the data (`_SUCCESS`).
fn folder(path: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(path).map_err(|error| error.to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") || name.as_encoded_bytes().starts_with(b"_") {
            continue;
        }
        let file = entry.path();
        if file.is_dir() {
            return Err(format!(
                "holds the folder {}, expected files alone: a pattern such as '{}' reads those of \
                 folders",
                name.display(),
                Path::new(path).join("*/*.npy").display()
            ));
        }
        files.push(text(file)?);
    }
    if files.is_empty() {
        return Err("an empty folder, expected files".into());
    }
    Ok(files)
}

/// The files that a pattern matches; hidden ones only where it says so.
fn matches(pattern: &str) -> Result<Vec<String>, String> {
    let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::new() };
    let paths = glob_with(pattern, options).map_err(|error| format!("no pattern: {error}"))?;
    let files = paths.map(|path| text(path.map_err(|error| error.to_string())?));
    let files = files.collect::<Result<Vec<_>, String>>()?;
    if files.is_empty() {
        return Err("no file matches the pattern, expected one at least".into());
    }
    Ok(files)
}

fn text(path: PathBuf) -> Result<String, String> {
    let path = path.into_os_string().into_string();
    path.map_err(|name| format!("the file {} has no name in UTF-8", name.display()))
}

/// Says how rows differ from those of another file.
pub(super) fn check(own: &TensorKind, other: &TensorKind) -> Result<(), String> {
    let empty = own.shape.first() == Some(&0) || other.shape.first() == Some(&0);
    if own.dtype == other.dtype && (empty || own.shape.get(1..) == other.shape.get(1..)) {
        return Ok(());
    }
    let rows = |kind: &TensorKind| format!("rows of {} {:?}", kind.dtype, &kind.shape[1..]);
    Err(format!("{}, expected {}", rows(own), rows(other)))
}
