//! Built-in functions on the bits of integers.

use naga::{MathFunction, ScalarKind};

use super::super::instruction::Operation;

pub(super) fn integer(function: MathFunction, kind: ScalarKind) -> Option<Operation> {
    match kind {
        ScalarKind::Sint => of_signed(function),
        ScalarKind::Uint => of_unsigned(function),
        _ => None,
    }
}

/// The same functions for both types.
macro_rules! of_integers {
    ($name:ident, $kind:ident, $type:ident, $count:ident, $leading:ident) => {
        fn $name(function: MathFunction) -> Option<Operation> {
            let operation: Operation = match function {
                MathFunction::CountTrailingZeros => {
                    lanes!(|x: $kind| -> $kind { $count(x.trailing_zeros()) })
                }
                MathFunction::CountLeadingZeros => {
                    lanes!(|x: $kind| -> $kind { $count(x.leading_zeros()) })
                }
                MathFunction::CountOneBits => {
                    lanes!(|x: $kind| -> $kind { $count(x.count_ones()) })
                }
                MathFunction::ReverseBits => lanes!(|x: $kind| -> $kind { x.reverse_bits() }),
                MathFunction::FirstTrailingBit => lanes!(|x: $kind| -> $kind {
                    if x == 0 { !0 } else { $count(x.trailing_zeros()) }
                }),
                MathFunction::FirstLeadingBit => lanes!(|x: $kind| -> $kind {
                    let x = $leading(x);
                    if x == 0 { !0 } else { $count(31 - x.leading_zeros()) }
                }),
                MathFunction::ExtractBits => lanes!(|x: $kind, offset: u, count: u| -> $kind {
                    let (offset, count) = field(offset, count);
                    if count == 0 { 0 } else { (x << (32 - offset - count)) >> (32 - count) }
                }),
                MathFunction::InsertBits => {
                    lanes!(|x: $kind, bits: $kind, offset: u, count: u| -> $kind {
                        let (offset, count) = field(offset, count);
                        if count == 0 {
                            x
                        } else {
                            let mask = (!(0 as $type)).unbounded_shl(count);
                            let mask = (!mask) << offset;
                            x & !mask | (bits << offset) & mask
                        }
                    })
                }
                _ => return None,
            };
            Some(operation)
        }
    };
}

of_integers!(of_signed, i, i32, count_signed, magnitude_bits);
of_integers!(of_unsigned, u, u32, count_unsigned, count_unsigned);

#[inline(always)]
fn count_signed(bits: u32) -> i32 {
    bits.cast_signed()
}

#[inline(always)]
fn count_unsigned(bits: u32) -> u32 {
    bits
}

/// The bits of an i32 that differ from its sign.
#[inline(always)]
fn magnitude_bits(x: i32) -> u32 {
    (x ^ (x >> 31)).cast_unsigned()
}

/// The part of a field of bits that lies within 32 bits.
#[inline(always)]
fn field(offset: u32, count: u32) -> (u32, u32) {
    let offset = offset.min(32);
    (offset, count.min(32 - offset))
}
