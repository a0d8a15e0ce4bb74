//! Conversions of values and of bits.

use naga::ScalarKind;

use super::super::instruction::{Lanes, Operation};
use super::masks::COPY;
use super::real::Real;
use super::whole::{signed, unsigned};

/// From one type to another of 32 bits, or to and from booleans; `bits` are kept rather than the
/// value. Floats become the nearest integer towards 0 that both types have, NaN becomes 0.
pub(in super::super) fn conversion(
    from: ScalarKind,
    to: ScalarKind,
    bits: bool,
) -> Option<Operation> {
    use ScalarKind::{Bool, Float, Sint, Uint};
    let operation: Operation = match (from, to) {
        (Float, Sint) if bits => of_same_bits(|to, [x, ..]| {
            to.iter_mut().zip(x).for_each(|(to, &x)| *to = bits_of(x).cast_signed().into());
        }),
        (Float, Uint) if bits => of_same_bits(|to, [x, ..]| {
            to.iter_mut().zip(x).for_each(|(to, &x)| *to = bits_of(x).into());
        }),
        (Sint, Float) if bits => of_same_bits(|to, [x, ..]| {
            to.iter_mut().zip(x).for_each(|(to, &x)| *to = of_bits(signed(x).cast_unsigned()));
        }),
        (Uint, Float) if bits => of_same_bits(|to, [x, ..]| {
            to.iter_mut().zip(x).for_each(|(to, &x)| *to = of_bits(unsigned(x)));
        }),
        (Float, Sint) => lanes!(|x: f| -> i { x.to_signed().min(2_147_483_520) }),
        (Float, Uint) => lanes!(|x: f| -> u { x.to_unsigned().min(4_294_967_040) }),
        (Sint, Uint) => lanes!(|x: i| -> u { x.cast_unsigned() }),
        (Uint, Sint) => lanes!(|x: u| -> i { x.cast_signed() }),
        (Float, Bool) => lanes!(|x: f| -> b { x != 0.0 }),
        (Sint, Bool) => lanes!(|x: i| -> b { x != 0 }),
        (Uint, Bool) => lanes!(|x: u| -> b { x != 0 }),
        (Float, Float) | (Sint, Sint) | (Uint, Uint) | (Bool, Bool) => COPY,
        (Sint, Float) => lanes!(|x: i| -> f { Real::of_signed(x) }),
        (Uint, Float) => lanes!(|x: u| -> f { Real::of_unsigned(x) }),
        (Bool, Float) => lanes!(|x: b| -> f { if x { 1.0 } else { 0.0 } }),
        (Bool, Sint) => lanes!(|x: b| -> i { i32::from(x) }),
        (Bool, Uint) => lanes!(|x: b| -> u { u32::from(x) }),
        _ => return None,
    };
    Some(operation)
}

/// What changes nothing in the narrow machine, whose columns are bits.
fn of_same_bits(wide: Lanes) -> Operation {
    Operation { wide, ..COPY }
}

#[expect(clippy::cast_possible_truncation, reason = "the bits are those of the nearest f32")]
fn bits_of(x: f64) -> u32 {
    (x as f32).to_bits()
}

fn of_bits(bits: u32) -> f64 {
    f64::from(f32::from_bits(bits))
}
