//! The loops over what comes out of a tile, each in the processor's widest instructions.

use crate::cpu::{ABREAST, Gathered, Group, Instructions, Join, Larger, Sum};
use pulp::{Scalar, Simd, WithSimd};
use std::marker::PhantomData;

/// The products of slopes with a factor.
pub(super) fn scale(instructions: Instructions, slopes: &[f32], scale: f32, places: &mut [f32]) {
    run(instructions, slopes.len(), Scaled { slopes, scale, places });
}

/// Fills all lanes.
pub(super) fn fill(instructions: Instructions, lanes: &mut [u32], word: u32) {
    run(instructions, lanes.len(), Filled { lanes, word });
}

/// The highest of the numbers; those that are NaN are passed over.
pub(super) fn highest(instructions: Instructions, numbers: &[f32]) -> f32 {
    joined::<Larger>(instructions, numbers)
}

pub(super) fn sum(instructions: Instructions, numbers: &[f32]) -> f32 {
    joined::<Sum>(instructions, numbers)
}

/// So many numbers are a few, for which it is not worth it to choose instructions.
const FEW: usize = 2 * ABREAST;

fn run<W: WithSimd>(instructions: Instructions, count: usize, loops: W) -> W::Output {
    if count < FEW { loops.with_simd(Scalar::new()) } else { instructions.run(loops) }
}

fn joined<J: Join>(instructions: Instructions, numbers: &[f32]) -> f32 {
    if numbers.len() < FEW {
        return numbers.iter().fold(J::START, |joined, &x| J::join(joined, x));
    }
    of_lanes::<J>(instructions.run(Joined { numbers, join: PhantomData::<J> }))
}

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
    join: PhantomData<J>,
}

impl<J: Join> WithSimd for Joined<'_, J> {
    type Output = Group;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Group {
        let mut lanes = [J::START; ABREAST];
        let (groups, rest) = self.numbers.as_chunks::<ABREAST>();
        for group in groups {
            lanes.iter_mut().zip(group).for_each(|(lane, &x)| *lane = J::join(*lane, x));
        }
        lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = J::join(*lane, x));
        lanes
    }
}

/// What the lanes come to: not inlined where they are, since LLVM would put them in the order that suits this.
#[inline(never)]
fn of_lanes<J: Join>(lanes: Group) -> f32 {
    let [number] = Gathered::joined::<J>([lanes], ABREAST);
    number
}
