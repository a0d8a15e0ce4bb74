//! A row on the CPU: the twin of `linear_cross_entropy.wgsl`.

use super::LinearCrossEntropy;
use crate::cpu::numeric;

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
    fn move_to(&mut self, peak: f32) {
        if peak > self.peak {
            self.others = (self.others + self.peaks) * numeric::exp(self.peak - peak);
            self.peaks = 0.0;
            self.below += numeric::silenced(self.shares, peak - self.peak);
            self.peak = peak;
        }
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

    fn share(&self, q: f32, class: usize) -> f32 {
        let smoothing = self.loss.label_smoothing;
        self.weight(class) * ((1.0 - smoothing) * q + smoothing / self.classes)
    }

    /// Bounds logits by the softcap.
    pub(super) fn bound(&self, logits: &mut [f32]) {
        let cap = self.loss.softcap;
        if cap > 0.0 {
            logits.iter_mut().for_each(|x| *x = self.bounded(*x));
        }
    }

    fn bounded(&self, x: f32) -> f32 {
        let cap = self.loss.softcap;
        if cap > 0.0 { cap * numeric::tanh(x / cap) } else { x }
    }

    /// The derivative of the bound: 1 - tanh^2, by the exponential, which does not cancel.
    fn bound_slope(&self, x: f32) -> f32 {
        let cap = self.loss.softcap;
        if cap > 0.0 {
            let e = numeric::exp(-2.0 * (x / cap).abs());
            4.0 * e / ((1.0 + e) * (1.0 + e))
        } else {
            1.0
        }
    }

    /// Merges the logits of a tile, whose first class is `first`, into a row's statistics.
    pub(super) fn gather(
        &self,
        row: &mut Statistics,
        x: &[f32],
        first: usize,
        class: Option<usize>,
        target: Option<&[f32]>,
    ) {
        let largest = gather(x.len(), [f32::MIN], f32::max, |c| [x[c]])[0];
        row.move_to(largest.max(row.peak));
        let peak = row.peak;
        let others = |c: usize| {
            let at_peak = if x[c] == peak { 1.0 } else { 0.0 };
            [numeric::exp(x[c] - peak) - at_peak, at_peak]
        };
        let sums = if target.is_none() && self.loss.label_smoothing == 0.0 {
            gather(
                x.len(),
                [0.0; 4],
                |a, b| a + b,
                |c| {
                    let [others, at_peak] = others(c);
                    [others, at_peak, 0.0, 0.0]
                },
            )
        } else {
            gather(
                x.len(),
                [0.0; 4],
                |a, b| a + b,
                |c| {
                    let [others, at_peak] = others(c);
                    let share = self.share(target.map_or(0.0, |target| target[c]), first + c);
                    [others, at_peak, share, numeric::silenced(share, peak - x[c])]
                },
            )
        };
        row.others += sums[0];
        row.peaks += sums[1];
        row.shares += sums[2];
        row.below += sums[3];
        if let Some(&picked) = class.and_then(|class| x.get(class.checked_sub(first)?)) {
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
    pub(super) fn slopes(
        &self,
        row: &Statistics,
        logits: &mut [f32],
        first: usize,
        class: Option<usize>,
        target: Option<&[f32]>,
    ) {
        let (rest, sum) = (row.rest(), row.others + row.peaks);
        for (c, place) in logits.iter_mut().enumerate() {
            let x = self.bounded(*place);
            let one = if class == Some(first + c) { 1.0 } else { 0.0 };
            let share = self.share(target.map_or(one, |target| target[c]), first + c);
            let p = numeric::exp(x - row.peak) / sum;
            let slope = if x == row.peak && sum < 2.0 {
                (row.shares - share) - row.shares * (rest / sum)
            } else {
                row.shares * p - share
            };
            *place = (row.scale * slope + row.pull * p) * self.bound_slope(*place);
        }
    }
}

fn gather<const N: usize>(
    count: usize,
    start: [f32; N],
    join: impl Fn(f32, f32) -> f32,
    term: impl Fn(usize) -> [f32; N],
) -> [f32; N] {
    let mut all = start;
    for c in 0..count {
        let t = term(c);
        for k in 0..N {
            all[k] = join(all[k], t[k]);
        }
    }
    all
}
