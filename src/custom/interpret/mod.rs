//! WGSL functions on the CPU, in float64 or float32 and for many elements at once.
//!
//! A [`Program`] is made once from naga's representation of a text: everything that depends on the
//! text alone (types, names, addresses, what is not supported) is settled then, so that running it
//! cannot fail. It is code for a machine whose registers are columns of [`LANES`] numbers. Every
//! scalar of the text has a register of its own; an f32 is a float64, which the narrow machine rounds to
//! float32 after each operation, and integers and booleans are float64 too, which holds them exactly. Each instruction is a loop over the
//! lanes, and lanes that take different branches are kept apart by a mask.
//!
//! Functions of `numeric.wgsl` with a name in [`operations::primitive`] are not run but are the
//! mathematics that they stand for.

mod instruction;
mod lower;
mod machine;
mod operations;
mod program;
#[cfg(test)]
mod tests;

pub(crate) use instruction::{Column, LANES};
pub(crate) use machine::Machine;
pub(crate) use program::Program;
#[cfg(test)]
use program::Unsupported;
