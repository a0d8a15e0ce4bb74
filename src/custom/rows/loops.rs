//! The loops over what comes out of a tile, each in the processor's widest instructions.

use crate::cpu::Instructions;
use pulp::{Scalar, Simd, WithSimd};
use std::ops::Add;

/// The products of slopes with a factor.
pub(super) fn scale(instructions: Instructions, slopes: &[f32], scale: f32, places: &mut [f32]) {
    run(instructions, slopes.len(), Scaled { slopes, scale, places });
}

/// Fills all lanes.
pub(super) fn fill(instructions: Instructions, lanes: &mut [u32], word: u32) {
    run(instructions, lanes.len(), Filled { lanes, word });
}

/// The highest of the numbers and one more; those that are NaN are passed over.
pub(super) fn higher(peak: f32, instructions: Instructions, numbers: &[f32]) -> f32 {
    larger(peak, joined(instructions, numbers, f32::MIN, larger))
}

pub(super) fn sum(instructions: Instructions, numbers: &[f32]) -> f32 {
    joined(instructions, numbers, 0.0, f32::add)
}

/// So many numbers are a few, for which it is not worth it to choose instructions.
const FEW: usize = 2 * ABREAST;

fn run<W: WithSimd>(instructions: Instructions, count: usize, loops: W) -> W::Output {
    if count < FEW { loops.with_simd(Scalar::new()) } else { instructions.run(loops) }
}

fn joined(
    instructions: Instructions,
    numbers: &[f32],
    start: f32,
    join: impl Fn(f32, f32) -> f32 + Copy,
) -> f32 {
    if numbers.len() < FEW {
        return numbers.iter().fold(start, |joined, &x| join(joined, x));
    }
    by_halves(instructions.run(Joined { numbers, start, join }), join)
}

/// The larger number; a second one that is NaN is passed over.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// As many numbers side by side as two of the widest instructions have.
const ABREAST: usize = 32;

/// A tile's slopes of a row on their way.
struct Scaled<'t> {
    slopes: &'t [f32],
    scale: f32,
    places: &'t mut [f32],
}

impl WithSimd for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { slopes, scale, places } = self;
        places.iter_mut().zip(slopes).for_each(|(place, slope)| *place = scale * slope);
    }
}

/// Lanes that hold the same.
struct Filled<'t> {
    lanes: &'t mut [u32],
    word: u32,
}

impl WithSimd for Filled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.lanes.fill(self.word);
    }
}

/// Numbers that are joined to others, each to the one so many before it.
struct Joined<'t, J> {
    numbers: &'t [f32],
    start: f32,
    join: J,
}

impl<J: Fn(f32, f32) -> f32> WithSimd for Joined<'_, J> {
    type Output = [f32; ABREAST];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [f32; ABREAST] {
        let Self { numbers, start, join } = self;
        let mut lanes = [start; ABREAST];
        let (groups, rest) = numbers.as_chunks::<ABREAST>();
        for group in groups {
            lanes.iter_mut().zip(group).for_each(|(lane, &x)| *lane = join(*lane, x));
        }
        lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = join(*lane, x));
        lanes
    }
}

/// What is left is joined by halves: not where the lanes are, since LLVM would put those in the order that suits
/// this.
#[inline(never)]
fn by_halves(mut lanes: [f32; ABREAST], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = ABREAST / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = join(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}
