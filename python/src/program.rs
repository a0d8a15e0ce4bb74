//! The program.

use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs the program `wgloss` with these arguments, of which the first one is its name; its exit code.
#[pyfunction]
pub(crate) fn run(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| wgloss_cli::run(arguments))
}
