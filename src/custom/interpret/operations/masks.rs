//! What the narrow machine does with masks, whose words have all bits alike.

use super::super::instruction::{Kind, Operation};

pub(in super::super) const AND: Operation = lanes!(|a: u, b: u| -> u { a & b }).of_kind(Kind::And);
pub(in super::super) const AND_NOT: Operation = lanes!(|a: u, b: u| -> u { a & !b });
pub(in super::super) const OR: Operation = lanes!(|a: u, b: u| -> u { a | b });
pub(in super::super) const NOT: Operation = lanes!(|a: u| -> u { !a });
pub(in super::super) const EQUAL: Operation = lanes!(|a: w, b: w| -> b { a == b });
/// A flag, of which any bit may be set, as a mask.
pub(in super::super) const HOLDS: Operation = lanes!(|a: u| -> b { a != 0 });
pub(in super::super) const COPY: Operation = lanes!(|a: w| -> w { a }).of_kind(Kind::Copy);
