//! The errors.

use wgloss::Error as Refused;

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the library refuses, or would.
    #[error(transparent)]
    Library(#[from] Refused),
}

impl Error {
    /// What kind of error it is, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Library(error) => error.kind(),
        }
    }

    pub(crate) fn argument(
        argument: &str,
        got: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let argument = argument.into();
        Refused::Argument { argument, got: got.into(), expected: expected.into() }.into()
    }

    pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        Refused::unknown_name(what, name, known.iter().copied()).into()
    }
}
