//! All tests of the program, in one program of their own.

mod common;

mod bench;
mod catalogue;
mod custom;
mod errors;
mod eval;
mod formats;
#[cfg(unix)]
mod interrupts;
#[cfg(unix)]
mod outputs;
mod parts;
#[cfg(unix)]
mod pipes;
mod plot;
mod shards;
mod streams;
mod tables;
mod total;
