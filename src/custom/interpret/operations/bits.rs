//! Built-in functions on the bits of integers.

use naga::{MathFunction, ScalarKind};

use super::super::instruction::Operation;
use super::lane::{signed, unsigned};

pub(super) fn integer(function: MathFunction, kind: ScalarKind) -> Option<Operation> {
    match kind {
        ScalarKind::Sint => of_signed(function),
        ScalarKind::Uint => of_unsigned(function),
        _ => None,
    }
}

/// The same functions for both types.
macro_rules! of_integers {
    ($name:ident, $convert:ident, $type:ident, $leading:ident) => {
        fn $name(function: MathFunction) -> Option<Operation> {
            let operation: Operation = match function {
                MathFunction::CountTrailingZeros => {
                    lanes!(|x| f64::from($convert(x).trailing_zeros()))
                }
                MathFunction::CountLeadingZeros => {
                    lanes!(|x| f64::from($convert(x).leading_zeros()))
                }
                MathFunction::CountOneBits => lanes!(|x| f64::from($convert(x).count_ones())),
                MathFunction::ReverseBits => lanes!(|x| f64::from($convert(x).reverse_bits())),
                MathFunction::FirstTrailingBit => lanes!(|x| match $convert(x) {
                    0 => f64::from(!(0 as $type)),
                    x => f64::from(x.trailing_zeros()),
                }),
                MathFunction::FirstLeadingBit => lanes!(|x| match $leading(x) {
                    0 => f64::from(!(0 as $type)),
                    x => f64::from(31 - x.leading_zeros()),
                }),
                MathFunction::ExtractBits => lanes!(|x, offset, count| {
                    let (offset, count) = field(offset, count);
                    if count == 0 {
                        0.0
                    } else {
                        f64::from(($convert(x) << (32 - offset - count)) >> (32 - count))
                    }
                }),
                MathFunction::InsertBits => lanes!(|x, bits, offset, count| {
                    let (offset, count) = field(offset, count);
                    if count == 0 {
                        x
                    } else {
                        let mask = (!(0 as $type)).unbounded_shl(count);
                        let mask = (!mask) << offset;
                        f64::from($convert(x) & !mask | ($convert(bits) << offset) & mask)
                    }
                }),
                _ => return None,
            };
            Some(operation)
        }
    };
}

of_integers!(of_signed, signed, i32, magnitude_bits);
of_integers!(of_unsigned, unsigned, u32, unsigned);

/// The bits of an i32 that differ from its sign.
fn magnitude_bits(x: f64) -> u32 {
    let x = signed(x);
    (x ^ (x >> 31)).cast_unsigned()
}

/// The part of a field of bits that lies within 32 bits.
fn field(offset: f64, count: f64) -> (u32, u32) {
    let offset = unsigned(offset).min(32);
    (offset, unsigned(count).min(32 - offset))
}
