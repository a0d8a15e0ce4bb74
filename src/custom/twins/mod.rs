//! The functions of a loss over rows as the user writes them, which take structs, and their twins, which take numbers:
//! those are derived.

mod numbers;
mod reading;
mod signature;
mod twin;

pub(super) use numbers::{By, Number};
pub(super) use signature::{Called, From, Signature};
pub(super) use twin::{rename, twin};
