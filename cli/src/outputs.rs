//! Files that are written as what they hold is computed: whole, or not at all.

use crate::error::{Error, Result};
use crate::files::{Input, extension};
use crate::interrupts::{self, Guard};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use wgloss::TensorKind;
use wgloss_kit::files::npy;

/// What stands for standard output.
pub(crate) const STDOUT: &str = "-";

/// A file to write.
#[derive(Debug)]
pub(crate) struct Output {
    /// The argument that asked for it.
    pub(crate) argument: String,
    /// As given.
    pub(crate) path: String,
    /// The same in its folder's one absolute name, with links followed.
    pub(crate) place: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A new file, or one that is replaced.
    Regular,
    /// A device or a pipe, which is written to.
    Other,
    Stdout,
}

impl Output {
    /// Checks what can be known before there is anything to write; no endings are any.
    pub(crate) fn new(argument: String, path: &str, endings: &[&str]) -> Result<Self> {
        if path == STDOUT || path == "/dev/stdout" {
            let (path, place) = (path.into(), path.into());
            return Ok(Self { argument, path, place, kind: Kind::Stdout });
        }
        let problem = |problem: String| Error::file(&argument, path, problem);
        // Where it leads need not have a name, as what /dev/stdout and /dev/fd have.
        if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let (path, place) = (path.into(), path.into());
            return Ok(Self { argument, path, place, kind: Kind::Other });
        }
        // A link is written through, wherever it leads.
        let target = followed(Path::new(path)).map_err(|error| problem(error.to_string()))?;
        let place = match target.file_name() {
            Some(name) => folder(&target).map_err(|error| problem(error.to_string()))?.join(name),
            None => target,
        };
        if place.is_dir() {
            return Err(problem("a directory, expected a file or nothing".into()));
        }
        let ending = extension(path);
        if !endings.is_empty() && !endings.contains(&&*ending) {
            let expected: Vec<_> = endings.iter().map(|ending| format!(".{ending}")).collect();
            let expected = expected.join(" or ");
            return Err(problem(format!("the name ends in {ending:?}, expected {expected}")));
        }
        Ok(Self { argument, path: path.into(), place, kind: Kind::Regular })
    }

    /// Whether another output has the same place, where only one can be.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        self.place == other.place && self.kind != Kind::Other
    }

    /// Whether it goes to standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        self.kind == Kind::Stdout
    }

    /// Refuses to replace a file that is read.
    pub(crate) fn check_inputs(&self, inputs: &[Input]) -> Result<()> {
        // What does not exist yet has no canonical name, and is no input.
        let Ok(place) = fs::canonicalize(&self.place) else { return Ok(()) };
        let is_it = |path: &Path| fs::canonicalize(path).is_ok_and(|path| path == place);
        let same = |input: &&Input| input.paths().any(is_it);
        match inputs.iter().find(same) {
            Some(input) => {
                let problem =
                    format!("also the file of the input {}, expected another", input.name);
                Err(Error::file(&self.argument, &self.path, problem))
            }
            None => Ok(()),
        }
    }

    /// A file beside the place, which vanishes unless it is renamed.
    pub(crate) fn open(&self) -> Result<Writer<'_>> {
        let file = match self.kind {
            Kind::Stdout => Ok(Target::Direct(Box::new(io::stdout()))),
            Kind::Other => {
                let file = OpenOptions::new().write(true).open(&self.place);
                file.map(|file| Target::Direct(Box::new(file)))
            }
            Kind::Regular => temporary(&self.place),
        };
        let file = file.map_err(|error| self.problem(&error))?;
        Ok(Writer { output: self, file, problem: None })
    }

    /// Writes what is already whole.
    pub(crate) fn write_whole(&self, content: &[u8]) -> Result<()> {
        let mut writer = self.open()?;
        writer.write(content);
        save(vec![writer])
    }

    fn problem(&self, error: &io::Error) -> Error {
        Error::file(&self.argument, &self.path, format!("cannot be written: {error}"))
    }
}

/// Where the links of a path lead, if it is one.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("a link that leads to itself"))
}

fn folder(path: &Path) -> io::Result<PathBuf> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let parent = parent.unwrap_or(Path::new("."));
    let told = |error| io::Error::other(format!("the folder {}: {error}", parent.display()));
    let folder = fs::canonicalize(parent).map_err(told)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(io::Error::other(format!("{} is not a folder", parent.display())))
}

fn temporary(place: &Path) -> io::Result<Target> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wgloss-");
    // A temporary file is its owner's alone; a result is as open as any other new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let folder = place.parent().unwrap_or(Path::new("."));
    let (file, guard) = interrupts::guarded(|| builder.tempfile_in(folder))?;
    Ok(Target::Temporary(file, guard))
}

/// A file that is being written.
pub(crate) struct Writer<'a> {
    output: &'a Output,
    file: Target,
    /// The first thing that went wrong.
    problem: Option<Error>,
}

enum Target {
    Temporary(NamedTempFile, Guard),
    Direct(Box<dyn Write + Send>),
}

impl Writer<'_> {
    /// Writes the header of a .npy file of float32.
    pub(crate) fn begin(&mut self, shape: &[usize]) {
        match npy::header(shape) {
            Ok(header) => self.write(&header),
            Err(error) => self.problem = Some(self.output.problem(&error)),
        }
    }

    /// Writes what comes next. After an error nothing more is written.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.problem.is_some() {
            return;
        }
        let written = match &mut self.file {
            Target::Temporary(file, _) => file.as_file_mut().write_all(bytes),
            Target::Direct(file) => file.write_all(bytes),
        };
        self.problem = written.err().map(|error| self.output.problem(&error));
    }

    /// What has gone wrong first.
    pub(crate) fn problem(&mut self) -> Option<Error> {
        self.problem.take()
    }
}

/// Checks that disks have room for all arrays that will be written to them.
pub(crate) fn check_room(wanted: &[(&Writer<'_>, TensorKind)]) -> Result<()> {
    // What is wanted of each disk so far.
    let mut disks: Vec<(u64, u64)> = Vec::new();
    for (writer, kind) in wanted {
        let Target::Temporary(file, _) = &writer.file else { continue };
        let (Ok(disk), Ok(free)) = (disk(file.path()), fs4::available_space(file.path())) else {
            continue;
        };
        let bytes = bytes_of(kind);
        let place = disks.iter().position(|own| own.0 == disk).unwrap_or_else(|| {
            disks.push((disk, 0));
            disks.len() - 1
        });
        let before = disks[place].1;
        disks[place].1 = before.saturating_add(bytes);
        if disks[place].1 > free {
            let others = match before {
                0 => String::new(),
                _ => format!(" beside {before} of other outputs"),
            };
            let problem = format!("needs {bytes} bytes{others}, {free} are free on the disk");
            return Err(Error::file(&writer.output.argument, &writer.output.path, problem));
        }
    }
    Ok(())
}

fn bytes_of(kind: &TensorKind) -> u64 {
    let count = kind.shape.iter().map(|&size| size as u64).try_fold(1u64, u64::checked_mul);
    let bytes = count.and_then(|count| count.checked_mul(kind.dtype.size() as u64));
    bytes.unwrap_or(u64::MAX)
}

/// What tells the disk of a file from others.
#[cfg(unix)]
fn disk(file: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(file)?.dev())
}

/// All files count as on one disk.
#[cfg(not(unix))]
fn disk(_: &Path) -> io::Result<u64> {
    Ok(0)
}

/// Puts all files in their places, when all are whole: a full disk leaves none of them.
pub(crate) fn save(writers: Vec<Writer<'_>>) -> Result<()> {
    // A file is gone before its guard is.
    let (mut guards, mut whole) = (Vec::new(), Vec::new());
    for Writer { output, file, problem } in writers {
        if let Some(problem) = problem {
            return Err(problem);
        }
        match file {
            Target::Direct(mut file) => file.flush().map_err(|error| output.problem(&error))?,
            Target::Temporary(file, guard) => {
                whole.push((output, file));
                guards.push(guard);
            }
        }
    }
    interrupts::uninterrupted(|| rename(whole))
}

/// Gives all files their names, or none.
fn rename(files: Vec<(&Output, NamedTempFile)>) -> Result<()> {
    let mut renamed: Vec<&Output> = Vec::new();
    for (output, file) in files {
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
