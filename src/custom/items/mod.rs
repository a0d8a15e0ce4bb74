//! The structs and functions of a loss over rows as the user writes them.

mod numbers;
mod reading;
mod rename;
mod signature;

pub(super) use numbers::{By, Number, Step};
pub(super) use reading::{signature_of, value_of};
pub(super) use rename::rename;
pub(super) use signature::{Argument, Called, From, MOST_SUMS, Member, Signature, Struct};
