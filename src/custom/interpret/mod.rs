//! WGSL functions on the CPU, in float64 or float32 and for many elements at once.
//!
//! A [`Program`] is made once from naga's representation of a text: everything that depends on the
//! text alone (types, names, addresses, what is not supported) is settled then, so that running it
//! cannot fail. It is code for a machine whose registers are columns of numbers, one for each element.
//! Every scalar of the text has a register of its own. There are two machines:
//!
//! - the wide one ([`machine`]) runs it as it stands, on [`LANES`] elements in float64: integers and
//!   booleans are float64 too, which holds them exactly, and lanes that take different branches are kept
//!   apart by a mask. It is the reference;
//! - the narrow one ([`narrow`]) runs what is made of it, on [`TILE`] elements in float32.
//!
//! Functions of `numeric.wgsl` with a name in [`operations::primitive`] are not run but are the
//! mathematics that they stand for.

mod instruction;
mod lower;
mod machine;
mod narrow;
mod operations;
mod program;
#[cfg(test)]
mod tests;

pub(crate) use instruction::{Column, LANES, TILE, Words};
pub(crate) use machine::Machine;
pub(crate) use narrow::{Code, Rooms, Traced};
pub(crate) use program::Program;
#[cfg(test)]
use program::Unsupported;
