//! The program's errors.

use serde_json::{Value, json};

/// The result of everything that can fail here.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What ends the program with exit code 2, 3 with --strict where a loss is not finite, or 4 where totals
/// are not of a whole batch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What the library refuses.
    #[error(transparent)]
    Library(#[from] wgloss::Error),
    /// A file cannot be read or written, or holds something else than it should.
    #[error("{argument}: {path}: {problem}")]
    File {
        /// The input, gradient or flag that names the file.
        argument: String,
        /// The file, as given.
        path: String,
        /// What was found, and what was expected.
        problem: String,
    },
    /// A loss is NaN or infinite, and was not to be.
    #[error("{0}")]
    NotFinite(String),
    /// Totals are not of a whole batch.
    #[error("{0}")]
    Incomplete(String),
    /// Standard output cannot be written.
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
    /// What went wrong, where a report of what was computed says so too.
    #[error(transparent)]
    Reported(Box<Error>),
    /// The command line is none of the program's.
    #[error("{0}")]
    Usage(String),
}

impl From<wgloss_kit::Error> for Error {
    fn from(error: wgloss_kit::Error) -> Self {
        match error {
            wgloss_kit::Error::Library(error) => error.into(),
        }
    }
}

impl From<clap::Error> for Error {
    /// What is wrong on one line, without the usage, which --help has.
    fn from(error: clap::Error) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let kept = |part: &&str| {
            !["Usage:", "For more information", "  tip: to pass"]
                .iter()
                .any(|p| part.starts_with(p))
        };
        let line = |part: &str| {
            let line = part.split_whitespace().collect::<Vec<_>>().join(" ");
            let near = line.split_once(" exists: ").or(line.split_once(" exist: "));
            let near = near.filter(|(tip, _)| tip.starts_with("tip: "));
            near.map(|(_, names)| format!("did you mean {names}?")).unwrap_or(line)
        };
        let lines = text.split("\n\n").filter(kept).map(line).chain(["see --help".into()]);
        Self::Usage(lines.collect::<Vec<_>>().join("; ").replace("?; ", "? "))
    }
}

impl Error {
    /// The program's exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::NotFinite(_) => 3,
            Self::Incomplete(_) => 4,
            Self::Reported(error) => error.code(),
            _ => 2,
        }
    }

    pub(crate) fn file(argument: &str, path: &str, problem: impl ToString) -> Self {
        let (argument, path) = (argument.into(), path.into());
        Self::File { argument, path, problem: problem.to_string() }
    }

    pub(crate) fn argument(
        argument: &str,
        got: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let argument = argument.into();
        wgloss::Error::Argument { argument, got: got.into(), expected: expected.into() }.into()
    }

    pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        wgloss::Error::unknown_name(what, name, known.iter().copied()).into()
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({ "kind": self.kind(), "message": self.line() })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Library(error) => error.kind(),
            Self::File { .. } => "file",
            Self::Output(_) => "output",
            Self::NotFinite(_) => "not_finite",
            Self::Incomplete(_) => "incomplete",
            Self::Reported(error) => error.kind(),
            Self::Usage(_) => "usage",
        }
    }

    /// The message on one line, whatever drivers and file names hold.
    pub(crate) fn line(&self) -> String {
        self.to_string().split(['\n', '\r']).map(str::trim).collect::<Vec<_>>().join(" ")
    }
}
