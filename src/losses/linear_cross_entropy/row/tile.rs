//! The loops over a row's part of a tile of classes.

use super::{Formula, Statistics, Tile};
use crate::cpu::{Gathered, Join, LANES, Larger, ONES, Sum, ZEROS, group, numeric, one_hot, store};
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
        let mut rooms = [ZEROS; 3];
        let [room, weight_room, target_room] = &mut rooms;
        let mut lanes = <[f32; 1]>::splat(f32::MIN);
        for start in (0..x.len()).step_by(LANES) {
            let before = (x.len() - start < LANES).then_some(lanes);
            let x_of = group(x, start, room, &ZEROS);
            for (i, &x) in x_of.iter().enumerate() {
                [x].join::<Larger>(&mut lanes, i);
            }
            if let Some(before) = before {
                <[f32; 1]>::restore(&mut lanes, &before, x.len() - start);
            }
        }
        let [largest] = <[f32; 1]>::joined::<Larger>(lanes);
        row.move_to(Larger::join(row.peak, largest));
        let weights = formula.weight.map_or(&[][..], |weight| &weight[tile.first..]);
        let shared = !tile.target.is_empty() || formula.loss.label_smoothing != 0.0;
        let mut lanes = <[f32; 4]>::splat(0.0);
        for start in (0..x.len()).step_by(LANES) {
            let before = (x.len() - start < LANES).then_some(lanes);
            let x_of = group(x, start, room, &ZEROS);
            if shared {
                let weights = group(weights, start, weight_room, &ONES);
                let target = group(tile.target, start, target_room, &ZEROS);
                for (i, &x) in x_of.iter().enumerate() {
                    let [others, at_peak] = row.term(x);
                    let share = formula.share(target[i], weights[i]);
                    let below = numeric::silenced(share, row.peak - x);
                    [others, at_peak, share, below].join::<Sum>(&mut lanes, i);
                }
            } else {
                for (i, &x) in x_of.iter().enumerate() {
                    let [others, at_peak] = row.term(x);
                    [others, at_peak, 0.0, 0.0].join::<Sum>(&mut lanes, i);
                }
            }
            if let Some(before) = before {
                <[f32; 4]>::restore(&mut lanes, &before, x.len() - start);
            }
        }
        let [others, peaks, shares, below] = <[f32; 4]>::joined::<Sum>(lanes);
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
        let mut rooms = [ZEROS; 3];
        let mut slopes = ZEROS;
        for start in (0..x.len()).step_by(LANES) {
            let [room, weight_room, target_room] = &mut rooms;
            let x_of = group(x, start, room, &ZEROS);
            let weights = group(weights, start, weight_room, &ONES);
            let class = tile.class.and_then(|class| class.checked_sub(tile.first));
            let target = match class {
                Some(class) => one_hot(class, start, target_room),
                None => group(tile.target, start, target_room, &ZEROS),
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
