//! What the CPU backend's loops share: float32 on all cores, in the kernels' order of additions, with
//! the kernels' elementary functions.
//!
//! The loops over a block or a row, each family's own, are compiled for each instruction set, which is
//! chosen when the program runs; all that they call is inlined, since only so it is compiled for it too.

mod flags;
mod instructions;
mod lanes;
mod matrices;
pub(crate) mod numeric;
mod results;
mod targets;
mod weights;
mod wholes;

pub(crate) use flags::check_flags;
pub(crate) use instructions::{Instructions, dispatch, fetch, is_brief};
pub(crate) use lanes::{ABREAST, Group, ZEROS, group, one_hot, store};
pub(crate) use lanes::{Gathered, Join, Larger, Sum};
pub(crate) use matrices::{matrix, matrix_mut, multiply};
pub(crate) use results::{Filled, Units, divisor, mean_weight};
pub(crate) use results::{Results, Work};
pub(crate) use targets::{Classes, check};
pub(crate) use weights::Weights;
pub(crate) use wholes::{check_wholes, lying, numbers, read};
