//! All tests of the program, in one program of their own.

mod common;

mod bench;
mod catalogue;
mod custom;
mod errors;
mod eval;
mod formats;
mod plot;
mod total;
