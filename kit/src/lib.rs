//! What wgloss's program and its page have in common: the catalogue as JSON, options set by text, the
//! curves of losses, arrays in the bytes of files, and counts of histograms.
//!
//! It opens no files, draws nothing and waits for nothing, so that it runs in a browser as well.

pub mod catalogue;
pub mod curves;
mod error;
pub mod files;
pub mod histogram;
pub mod numbers;
pub mod options;
pub mod pinned;

pub use error::{Error, Result};
