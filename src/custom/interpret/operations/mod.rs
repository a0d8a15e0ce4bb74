//! The operations of instructions, computed lane by lane.

#[macro_use]
mod lane;

mod bits;
mod conversions;
mod fused;
mod masks;
mod math;
mod operators;
mod primitives;
mod real;
mod special;
mod whole;

pub(super) use conversions::conversion;
pub(super) use fused::fused;
pub(super) use masks::{AND, AND_NOT, EQUAL, HOLDS, NOT, OR};
pub(super) use math::{FREXP_EXPONENT, FREXP_FRACTION, SQUARE_ROOT, TRUNCATE, math};
pub(super) use operators::{SELECT, binary, relational, unary};
pub(super) use primitives::{primitive, textbook};
pub(super) use whole::place;
