//! The native module of the Python package: arrays in and out, and the loss that is called with them.
//!
//! The package's own Python makes a function of each loss of the catalogue; see `wgloss/_catalogue.py`.

mod arrays;
mod backends;
mod call;
mod catalogue;
mod custom;
mod errors;
mod evaluation;
mod interrupts;
mod loss;
mod options;
mod plan;
mod program;
mod results;
mod totals;
mod warnings;

/// The native part of `wgloss`, which is what to import.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use super::backends::{adapters, forked, get_default_backend, set_default_backend};
    #[pymodule_export]
    use super::custom::Custom;
    #[pymodule_export]
    use super::evaluation::{Evaluation, evaluate};
    #[pymodule_export]
    use super::loss::{Loss, catalogue, proper_name};
    #[pymodule_export]
    use super::plan::Plan;
    #[pymodule_export]
    use super::program::run;
    #[pymodule_export]
    use super::totals::Totals;

    /// The version of the package and of the library in it.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
