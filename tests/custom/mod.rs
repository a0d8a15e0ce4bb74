//! Custom losses: what WGSL may say, what is derived from it, what is refused, and that they are
//! losses like the others.

#![allow(clippy::cast_precision_loss, reason = "small numbers")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]
#![allow(clippy::cast_sign_loss, reason = "numbers from 0 on")]

mod advice;
mod along;
mod batches;
mod built_ins;
pub(crate) mod case;
mod compounds;
mod errors;
mod faults;
mod functions;
mod geometry;
mod helpers;
mod inputs;
mod kinks;
mod language;
mod long;
mod loops;
mod mutations;
mod parameters;
mod plans;
mod program;
mod random;
mod rounds;
mod rows;
mod scopes;
mod tables;
mod tree;
mod typed;
