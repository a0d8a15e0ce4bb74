//! The loops over a row's part of a tile of classes.

use super::{Formula, Statistics, Tile};
use crate::cpu::{ABREAST, Gathered, Join, Larger, Sum, group, numeric, one_hot, store};
use pulp::{Simd, WithSimd};

/// The loops of a tile, compiled for each instruction set.
pub(super) struct Gather<'g> {
    pub(super) formula: &'g Formula<'g>,
    pub(super) row: &'g mut Statistics,
    pub(super) tile: &'g Tile<'g>,
    pub(super) x: &'g [f32],
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { formula, row, tile, x } = self;
        let whole = x.len() - x.len() % ABREAST;
        for (first, end) in [(0, whole), (whole, x.len())] {
            let mut lanes = <[f32; 1]>::lanes::<Larger>();
            for start in (first..end).step_by(ABREAST) {
                for (i, &x) in group(x, start, 0.0).iter().enumerate() {
                    [x].join::<Larger>(&mut lanes, i);
                }
            }
            let [largest] = <[f32; 1]>::joined::<Larger>(lanes, end - first);
            row.move_to(Larger::join(row.peak, largest));
        }
        let weights = formula.weight.map_or(&[][..], |weight| &weight[tile.first..]);
        let shared = !tile.target.is_empty() || formula.loss.label_smoothing != 0.0;
        let mut sums = <[f32; 4]>::start::<Sum>();
        for (first, end) in [(0, whole), (whole, x.len())] {
            let mut lanes = <[f32; 4]>::lanes::<Sum>();
            for start in (first..end).step_by(ABREAST) {
                let x = group(x, start, 0.0);
                if shared {
                    let weights = group(weights, start, 1.0);
                    let target = group(tile.target, start, 0.0);
                    for (i, &x) in x.iter().enumerate() {
                        let [others, at_peak] = row.term(x);
                        let share = formula.share(target[i], weights[i]);
                        let below = numeric::silenced(share, row.peak - x);
                        [others, at_peak, share, below].join::<Sum>(&mut lanes, i);
                    }
                } else {
                    for (i, &x) in x.iter().enumerate() {
                        let [others, at_peak] = row.term(x);
                        [others, at_peak, 0.0, 0.0].join::<Sum>(&mut lanes, i);
                    }
                }
            }
            sums = sums.with::<Sum>(<[f32; 4]>::joined::<Sum>(lanes, end - first));
        }
        let [others, peaks, shares, below] = sums;
        row.others += others;
        row.peaks += peaks;
        row.shares += shares;
        row.below += below;
    }
}

/// A probability below 2^-100 is nothing beside that of the peak, but its products with small
/// numbers would be denormal, on which processors multiply up to a hundred times slower.
const NEGLIGIBLE: f32 = 7.888609e-31;

/// The loop over the slopes of a tile, compiled for each instruction set.
pub(super) struct Slopes<'g> {
    pub(super) formula: &'g Formula<'g>,
    pub(super) row: &'g Statistics,
    pub(super) tile: &'g Tile<'g>,
    pub(super) x: &'g mut [f32],
}

impl WithSimd for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { formula, row, tile, x } = self;
        let (rest, sum) = (row.rest(), row.others + row.peaks);
        let weights = formula.weight.map_or(&[][..], |weight| &weight[tile.first..]);
        let mut slopes = [0.0; ABREAST];
        for start in (0..x.len()).step_by(ABREAST) {
            let x_of = group(x, start, 0.0);
            let weights = group(weights, start, 1.0);
            let class = tile.class.and_then(|class| class.checked_sub(tile.first));
            let target = match class {
                Some(class) => one_hot(class, start),
                None => group(tile.target, start, 0.0),
            };
            for (i, place) in slopes.iter_mut().enumerate() {
                let x = formula.bounded(x_of[i]);
                let share = formula.share(target[i], weights[i]);
                let p = numeric::exp_of_negative(x - row.peak) * (1.0 / sum);
                let p = if p < NEGLIGIBLE { 0.0 } else { p };
                let slope = if x == row.peak && sum < 2.0 {
                    (row.shares - share) - row.shares * (rest / sum)
                } else {
                    row.shares * p - share
                };
                let slope = row.scale * slope + row.pull * p;
                *place = slope * formula.bound_slope(x_of[i]);
            }
            store(x, start, &slopes);
        }
    }
}
