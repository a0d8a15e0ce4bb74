//! Conversions of values and of bits.

use naga::ScalarKind;

use super::super::instruction::Operation;
use super::lane::{signed, truth, unsigned};

/// From one type to another of 32 bits, or to and from booleans; `bits` are kept rather than the
/// value. Floats become the nearest integer towards 0 that both types have, NaN becomes 0.
pub(in super::super) fn conversion(
    from: ScalarKind,
    to: ScalarKind,
    bits: bool,
) -> Option<Operation> {
    use ScalarKind::{Bool, Float, Sint, Uint};
    let operation: Operation = match (from, to) {
        (Float, Sint) if bits => lanes!(|x| f64::from(bits_of(x).cast_signed())),
        (Float, Uint) if bits => lanes!(|x| f64::from(bits_of(x))),
        (Sint, Float) if bits => lanes!(|x| of_bits(signed(x).cast_unsigned())),
        (Uint, Float) if bits => lanes!(|x| of_bits(unsigned(x))),
        (Float, Sint) => lanes!(|x| f64::from(signed(x).min(2_147_483_520))),
        (Float, Uint) => lanes!(|x| f64::from(unsigned(x).min(4_294_967_040))),
        (Sint, Uint) => lanes!(|x| f64::from(signed(x).cast_unsigned())),
        (Uint, Sint) => lanes!(|x| f64::from(unsigned(x).cast_signed())),
        (Float | Sint | Uint, Bool) => lanes!(|x| truth(x != 0.0)),
        (Float, Float) | (Sint, Sint) | (Uint, Uint) | (Bool, Bool) => lanes!(|x| x),
        (Sint | Uint | Bool, Float) | (Bool, Sint | Uint) => lanes!(|x| x),
        _ => return None,
    };
    Some(operation)
}

#[expect(clippy::cast_possible_truncation, reason = "the bits are those of the nearest f32")]
fn bits_of(x: f64) -> u32 {
    (x as f32).to_bits()
}

fn of_bits(bits: u32) -> f64 {
    f64::from(f32::from_bits(bits))
}
