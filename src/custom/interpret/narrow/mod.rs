//! The narrow machine: programs in float32, a tile of elements at a time.
//!
//! A program is first written out ([`trace`]): calls become what they call, variables the values that they
//! hold, branches choices by masks, and equal values are one, so that a loss and its slopes share what they
//! can. What a request needs of that becomes [`Code`], whose registers are few, as they are used again: what
//! a tile is worked on with stays in the processor's cache. Each instruction is a loop over a tile in the
//! widest instructions of the processor. What two requests need at different times can be kept in between
//! ([`Traced::shared`]).

mod alive;
mod allocate;
mod code;
mod lanes;
mod masks;
mod shared;
mod trace;
mod traced;
mod walk;

pub(crate) use code::{Code, Rooms};
pub(crate) use traced::Traced;
