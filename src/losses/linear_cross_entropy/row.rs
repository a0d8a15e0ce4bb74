//! A row on the CPU: the twin of `linear_cross_entropy.wgsl`.

mod tile;

use super::LinearCrossEntropy;
use crate::cpu::numeric;
use pulp::Arch;
use tile::{Gather, Slopes};

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
