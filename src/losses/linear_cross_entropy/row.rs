//! A row on the CPU: the twin of `linear_cross_entropy.wgsl`.

use super::LinearCrossEntropy;
use crate::cpu::{Gathered, Join, LANES, Larger, ONES, Sum, ZEROS, group, numeric, one_hot, store};
use pulp::{Arch, Simd, WithSimd};

/// What is known of a row after some tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statistics {
    /// The largest logit, m.
    peak: f32,
    /// Sum of exp(x - m) without the peaks themselves, and how many these are.
    others: f32,
    peaks: f32,
    /// Sum of the shares, and of share times (m - x); of a class index the smoothing only, until
    /// the row is finished.
    shares: f32,
    below: f32,
    /// The logit of the target class.
    picked: f32,
    /// What the slopes are multiplied by, and the slope of the z term by logsumexp.
    scale: f32,
    pull: f32,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            peak: f32::MIN,
            others: 0.0,
            peaks: 0.0,
            shares: 0.0,
            below: 0.0,
            picked: 0.0,
            scale: 0.0,
            pull: 0.0,
        }
    }
}

impl Statistics {
    #[inline(always)]
    fn move_to(&mut self, peak: f32) {
        if peak > self.peak {
            self.others = (self.others + self.peaks) * numeric::exp(self.peak - peak);
            self.peaks = 0.0;
            self.below += numeric::silenced(self.shares, peak - self.peak);
            self.peak = peak;
        }
    }

    /// A logit's exp(x - m), or that it is a peak.
    #[inline(always)]
    fn term(&self, x: f32) -> [f32; 2] {
        let at_peak = if x == self.peak { 1.0 } else { 0.0 };
        [numeric::exp_of_negative(x - self.peak) - at_peak, at_peak]
    }

    /// The sum of exp(x - m) without one peak.
    fn rest(&self) -> f32 {
        self.others + (self.peaks - 1.0)
    }
}

/// The options, the weights and the number of classes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formula<'a> {
    loss: LinearCrossEntropy,
    weight: Option<&'a [f32]>,
    classes: f32,
}

impl<'a> Formula<'a> {
    #[expect(clippy::cast_precision_loss, reason = "a number of classes in float32 arithmetic")]
    pub(super) fn new(
        loss: &LinearCrossEntropy,
        weight: Option<&'a [f32]>,
        classes: usize,
    ) -> Self {
        Self { loss: *loss, weight, classes: classes as f32 }
    }

    fn weight(&self, class: usize) -> f32 {
        self.weight.map_or(1.0, |weight| weight[class])
    }

    #[inline(always)]
    fn share(&self, q: f32, weight: f32) -> f32 {
        let smoothing = self.loss.label_smoothing;
        weight * ((1.0 - smoothing) * q + smoothing / self.classes)
    }

    /// Bounds logits by the softcap.
    pub(super) fn bound(&self, logits: &mut [f32]) {
        let cap = self.loss.softcap;
        if cap > 0.0 {
            logits.iter_mut().for_each(|x| *x = self.bounded(*x));
        }
    }

    #[inline(always)]
    fn bounded(&self, x: f32) -> f32 {
        let cap = self.loss.softcap;
        if cap > 0.0 { cap * numeric::tanh(x / cap) } else { x }
    }

    /// The derivative of the bound: 1 - tanh^2, by the exponential, which does not cancel.
    #[inline(always)]
    fn bound_slope(&self, x: f32) -> f32 {
        let cap = self.loss.softcap;
        if cap > 0.0 {
            let e = numeric::exp(-2.0 * (x / cap).abs());
            4.0 * e / ((1.0 + e) * (1.0 + e))
        } else {
            1.0
        }
    }

    /// Merges a tile into a row's statistics.
    pub(super) fn gather(&self, row: &mut Statistics, tile: &Tile<'_>, x: &[f32]) {
        Arch::new().dispatch(Gather { formula: self, row, tile, x });
        let place = tile.class.and_then(|class| class.checked_sub(tile.first));
        if let Some(&picked) = place.and_then(|place| x.get(place)) {
            row.picked = picked;
        }
    }

    /// The row's loss; its statistics get what the slopes need. `offset` was taken off all logits.
    pub(super) fn finish(
        &self,
        row: &mut Statistics,
        class: Option<usize>,
        scale: f32,
        (z_factor, offset): (f32, f32),
    ) -> f32 {
        let of_index =
            class.map_or(0.0, |class| (1.0 - self.loss.label_smoothing) * self.weight(class));
        let log_sum = numeric::ln_1p(row.rest());
        let mut value = row.below
            + numeric::silenced(row.shares, log_sum)
            + numeric::silenced(of_index, (row.peak - row.picked) + log_sum);
        row.shares += of_index;
        row.scale = scale;
        if self.loss.z_loss > 0.0 {
            let total = offset + (row.peak + log_sum);
            value += self.loss.z_loss * z_factor * total * total;
            row.pull = scale * z_factor * (2.0 * self.loss.z_loss * total);
        }
        value
    }

    /// The gradient of a probability whose class has the logit x.
    pub(super) fn by_target(&self, row: &Statistics, x: f32, class: usize) -> f32 {
        let factor = (1.0 - self.loss.label_smoothing) * self.weight(class);
        let below = row.peak - self.bounded(x);
        row.scale * numeric::silenced(factor, below + numeric::ln_1p(row.rest()))
    }

    /// Turns the logits of a tile into the loss's slopes by them.
    pub(super) fn slopes(&self, row: &Statistics, tile: &Tile<'_>, x: &mut [f32]) {
        Arch::new().dispatch(Slopes { formula: self, row, tile, x });
    }
}

/// A row's part of a tile of classes.
#[derive(Debug)]
pub(super) struct Tile<'a> {
    pub(super) first: usize,
    /// The row's class index, anywhere.
    pub(super) class: Option<usize>,
    /// The probabilities of the tile's classes; empty for a class index.
    pub(super) target: &'a [f32],
}

/// The loops of a tile, compiled for each instruction set.
struct Gather<'g> {
    formula: &'g Formula<'g>,
    row: &'g mut Statistics,
    tile: &'g Tile<'g>,
    x: &'g [f32],
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
            for i in 0..LANES {
                [x_of[i]].join::<Larger>(&mut lanes, i);
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
                for i in 0..LANES {
                    let [others, at_peak] = row.term(x_of[i]);
                    let share = formula.share(target[i], weights[i]);
                    let below = numeric::silenced(share, row.peak - x_of[i]);
                    [others, at_peak, share, below].join::<Sum>(&mut lanes, i);
                }
            } else {
                for i in 0..LANES {
                    let [others, at_peak] = row.term(x_of[i]);
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

/// The loop over the slopes of a tile, compiled for each instruction set.
struct Slopes<'g> {
    formula: &'g Formula<'g>,
    row: &'g Statistics,
    tile: &'g Tile<'g>,
    x: &'g mut [f32],
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
            for i in 0..LANES {
                let x = formula.bounded(x_of[i]);
                let share = formula.share(target[i], weights[i]);
                let p = numeric::exp_of_negative(x - row.peak) * (1.0 / sum);
                let slope = if x == row.peak && sum < 2.0 {
                    (row.shares - share) - row.shares * (rest / sum)
                } else {
                    row.shares * p - share
                };
                let slope = row.scale * slope + row.pull * p;
                slopes[i] = slope * formula.bound_slope(x_of[i]);
            }
            store(x, start, &slopes);
        }
    }
}
