//! Files that are written: whole, or not at all.

use crate::error::{Error, Result};
use crate::files::{Input, extension};
use npyz::WriterBuilder;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use wgloss::{Tensor, Totals};

/// What a file is to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// In a .npy file.
    Array(&'a Tensor<'static>),
    /// In a .json file.
    Totals(&'a Totals),
    /// As it is.
    Text(&'a str),
    /// As they are.
    Bytes(&'a [u8]),
}

/// A file to write.
#[derive(Debug)]
pub(crate) struct Output {
    /// The argument that asked for it.
    pub(crate) argument: String,
    /// As given.
    pub(crate) path: String,
    /// The same in its folder's one absolute name.
    pub(crate) place: PathBuf,
    folder: PathBuf,
}

impl Output {
    /// Checks what can be known before there is anything to write.
    pub(crate) fn new(argument: String, path: &str, expected: &str) -> Result<Self> {
        let problem = |problem: String| Error::file(&argument, path, problem);
        let ending = extension(path);
        let name = Path::new(path).file_name().filter(|_| ending == expected);
        let Some(name) = name else {
            return Err(problem(format!("the name ends in {ending:?}, expected .{expected}")));
        };
        if Path::new(path).is_dir() {
            return Err(problem("a directory, expected a file or nothing".into()));
        }
        let parent = Path::new(path).parent().filter(|parent| *parent != Path::new(""));
        let parent = parent.unwrap_or(Path::new("."));
        let folder = fs::canonicalize(parent)
            .map_err(|error| problem(format!("the folder {}: {error}", parent.display())))?;
        if !folder.is_dir() {
            return Err(problem(format!("{} is not a folder", parent.display())));
        }
        let place = folder.join(name);
        Ok(Self { argument, path: path.into(), place, folder })
    }

    /// Refuses to replace a file that is read.
    pub(crate) fn check_inputs(&self, inputs: &[Input]) -> Result<()> {
        // What does not exist yet has no canonical name, and is no input.
        let Ok(place) = fs::canonicalize(&self.place) else { return Ok(()) };
        let same = |input: &&Input| fs::canonicalize(input.path()).is_ok_and(|path| path == place);
        match inputs.iter().find(same) {
            Some(input) => {
                let problem =
                    format!("also the file of the input {}, expected another", input.name);
                Err(Error::file(&self.argument, &self.path, problem))
            }
            None => Ok(()),
        }
    }

    fn problem(&self, error: &io::Error) -> Error {
        Error::file(&self.argument, &self.path, format!("cannot be written: {error}"))
    }

    /// Writes a new file beside the place, which vanishes unless it is renamed.
    fn write(&self, content: Content<'_>) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".wgloss-");
        // A temporary file is its owner's alone; a result is as open as any other new file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(&self.folder)?;
        let mut buffered = BufWriter::new(file.as_file_mut());
        match content {
            Content::Array(tensor) => {
                let shape: Vec<u64> = tensor.shape().iter().map(|&size| size as u64).collect();
                let options = npyz::WriteOptions::<f32>::new().default_dtype().shape(&shape);
                let mut writer = options.writer(&mut buffered).begin_nd()?;
                writer.extend(tensor.to_f32().iter().copied())?;
                writer.finish()?;
            }
            Content::Totals(totals) => serde_json::to_writer(&mut buffered, totals)?,
            Content::Text(text) => buffered.write_all(text.as_bytes())?,
            Content::Bytes(bytes) => buffered.write_all(bytes)?,
        }
        buffered.flush()?;
        drop(buffered);
        Ok(file)
    }
}

/// Writes all files, then renames all: a full disk leaves none of them.
pub(crate) fn save<'a>(files: impl Iterator<Item = (&'a Output, Content<'a>)>) -> Result<()> {
    let mut written = Vec::new();
    for (output, content) in files {
        written.push((output, output.write(content).map_err(|error| output.problem(&error))?));
    }
    let mut renamed: Vec<&Output> = Vec::new();
    for (output, file) in written {
        if let Err(error) = file.persist(&output.place) {
            for other in renamed {
                // The first error is the one to tell of.
                let _ = fs::remove_file(&other.place);
            }
            return Err(output.problem(&error.error));
        }
        renamed.push(output);
    }
    Ok(())
}
