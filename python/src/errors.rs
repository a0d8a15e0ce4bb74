//! The library's errors as Python's.

use pyo3::PyErr;
use pyo3::exceptions::{
    PyIndexError, PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PyTypeError, PyValueError,
};
use wgloss::Error;

/// The exception that says what the library says.
pub(crate) fn raised(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::TargetOutOfRange { .. } => PyIndexError::new_err(message),
        Error::DType { .. } | Error::Missing { .. } | Error::Repeated { .. } => {
            PyTypeError::new_err(message)
        }
        Error::Memory { .. } => PyMemoryError::new_err(message),
        Error::Cancelled => PyKeyboardInterrupt::new_err(message),
        Error::NoAdapter { .. }
        | Error::DeviceLost { .. }
        | Error::Refused { .. }
        | Error::Background { .. }
        | Error::Sink { .. } => PyRuntimeError::new_err(message),
        _ => PyValueError::new_err(message),
    }
}

/// That a keyword argument has no such name.
pub(crate) fn unknown_keyword<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> PyErr {
    PyTypeError::new_err(Error::unknown_name(what, name, known).to_string())
}
