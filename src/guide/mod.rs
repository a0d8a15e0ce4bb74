//! The guide: chapters on what no single type can tell.
//!
//! [The front page](crate#examples) has examples to start with.

pub mod browsers;
pub mod custom_losses;
pub mod embedding;
pub mod large_batches;
pub mod numbers;
pub mod time_and_memory;
