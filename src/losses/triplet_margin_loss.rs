use super::prelude::*;

options! {
    /// Hinge that wants an anchor nearer to a positive than to a negative:
    /// `max(0, margin + d(anchor, positive) - d(anchor, negative))` with the p-norm distance
    /// `d(a, b) = |a - b + eps|_p`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `anchor`, `positive`, `negative` | `[D]` or `[N, D]` (or `[..., D]`), the same | differentiable |
    ///
    /// The losses have the shape of `anchor` without its last dimension. The gradient is 0 at the
    /// kink and for a distance of 0; with `swap`, a tie of the negative distances shares it.
    /// Differences are scaled before they are raised to a power, so that none overflows or
    /// vanishes.
    ///
    /// Source: PyTorch's `torch.nn.functional.triplet_margin_loss`; V. Balntas et al., "Learning
    /// shallow convolutional feature descriptors with triplet losses", 2016.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct TripletMargin {
        /// How much nearer the positive is to be; above 0.
        pub margin: f32 = 1.0, ABOVE_ZERO;
        /// The power of the norm: 0 or more, `inf` included.
        pub p: f32 = 2.0, Valid("0 or more, or inf", |p| p >= 0.0);
        /// What is added to each difference.
        pub eps: f32 = 1e-6, FINITE;
        /// Whether the negative distance is the smaller one of those from anchor and from positive.
        pub swap: bool = false;
    }
    parameters |loss| {
        exponent = if loss.p.is_finite() { loss.p } else { 0.0 };
        infinite = loss.p.is_infinite();
    }
}

inputs! {
    of TripletMargin;
    differentiable {
        /// The vectors that the others are compared with.
        anchor: T = Features,
        /// The vectors that are to be near.
        positive: T = Features,
        /// The vectors that are to be farther away.
        negative: T = Features,
    }
}

static DEFINITION: Definition = Definition {
    name: "triplet_margin_loss",
    aliases: &["triplet_margin"],
    summary: "Hinge that wants an anchor nearer to a positive than to a negative.",
    formula: "max(0, margin + d(anchor, positive) - d(anchor, negative)), d(a, b) = |a - b + eps|_p",
    inputs: INPUTS,
    arguments: &["anchor", "positive", "negative", "margin", "p", "eps", "swap", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: rows::shader(include_str!("../../shaders/rows/triplet_margin_loss.wgsl")),
};

impl Loss for TripletMargin {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

impl TripletMargin {
    /// The last one matters with `swap` only.
    #[inline(always)]
    fn differences(&self, item: Item) -> [f32; 3] {
        let Item { first: a, second: p, third: n, .. } = item;
        let last = if self.swap { p - n + self.eps } else { 0.0 };
        [a - p + self.eps, a - n + self.eps, last]
    }

    /// What differences are measured in: the peak, or for squares, which cannot overflow then, a
    /// power of two, by which nothing is rounded.
    #[inline(always)]
    fn unit(&self, peak: f32) -> f32 {
        if self.p == 2.0 { numeric::power_of_two_within(peak) } else { peak }
    }

    /// A size in units.
    #[inline(always)]
    fn ratio(&self, difference: f32, peak: f32) -> f32 {
        if self.p == 2.0 {
            difference.abs() * (1.0 / self.unit(peak))
        } else if peak == 0.0 {
            difference.abs()
        } else {
            difference.abs() / peak
        }
    }

    /// What is summed: an infinite power counts the components at the peak, power 0 those that are
    /// not 0.
    #[inline(always)]
    fn term(&self, r: f32) -> f32 {
        let counted = if self.p == 0.0 { r != 0.0 } else { r == 1.0 };
        if self.p != 0.0 && self.p.is_finite() {
            raised(r, self.p)
        } else if r.is_nan() {
            r
        } else {
            f32::from(u8::from(counted))
        }
    }

    /// What a sum comes to: the norm in units, or a number of components.
    #[inline(always)]
    fn root(&self, sum: f32) -> f32 {
        if self.p == 2.0 {
            sum.sqrt()
        } else if self.p != 0.0 && self.p.is_finite() {
            numeric::power(sum, 1.0 / self.p)
        } else {
            sum
        }
    }

    /// The distances of finished sums.
    #[inline(always)]
    fn distances(&self, peaks: [f32; 3], sums: [f32; 3]) -> [f32; 3] {
        let one = |peak: f32, sum: f32| {
            if self.p == 0.0 {
                sum
            } else if self.p.is_finite() || sum.is_nan() {
                self.unit(peak) * sum
            } else {
                self.unit(peak)
            }
        };
        [one(peaks[0], sums[0]), one(peaks[1], sums[1]), one(peaks[2], sums[2])]
    }

    #[inline(always)]
    fn excess(&self, d: [f32; 3]) -> f32 {
        let negative = if self.swap { numeric::min_nan(d[1], d[2]) } else { d[1] };
        self.margin + (d[0] - negative)
    }

    /// The derivative of a distance by its difference; that of a single component has no rounding.
    #[inline(always)]
    fn slope(&self, row: &Row, difference: f32, peak: f32, sum: f32) -> f32 {
        let r = self.ratio(difference, peak);
        if peak == 0.0 || self.p == 0.0 {
            0.0
        } else if self.p == 2.0 {
            let part = difference * (1.0 / self.unit(peak)) * (1.0 / sum);
            if row.classes == 1.0 { numeric::sign(difference) } else { part }
        } else if self.p.is_finite() {
            numeric::sign(difference) * raised(r / sum, self.p - 1.0)
        } else {
            numeric::sign(difference) * if r == 1.0 { 1.0 / sum } else { 0.0 }
        }
    }
}

#[inline(always)]
fn raised(r: f32, exponent: f32) -> f32 {
    if exponent == 1.0 {
        r
    } else if exponent == 2.0 {
        r * r
    } else {
        numeric::power(r, exponent)
    }
}

/// The p-norm in float64, and its derivatives.
fn norm(differences: &[f64], p: f64) -> (f64, Vec<f64>) {
    let sizes = differences.iter().map(|d| d.abs());
    let odd = differences.iter().any(|d| d.is_nan());
    let distance = match p {
        0.0 => sizes.clone().filter(|d| *d != 0.0).map(|_| 1.0).sum(),
        p if p.is_infinite() => sizes.clone().fold(0.0, f64::max),
        p => sizes.clone().map(|d| d.powf(p)).sum::<f64>().powf(1.0 / p),
    };
    let at_peak = sizes.filter(|d| *d == distance).map(|_| 1.0).sum::<f64>();
    let slope = |d: &f64| match p {
        _ if distance == 0.0 || p == 0.0 || *d == 0.0 => 0.0,
        p if p.is_infinite() => {
            if d.abs() == distance {
                d.signum() / at_peak
            } else {
                0.0
            }
        }
        p => d.signum() * (d.abs() / distance).powf(p - 1.0),
    };
    (if odd { f64::NAN } else { distance }, differences.iter().map(slope).collect())
}

impl rows::Formula for TripletMargin {
    type Peaks = [f32; 3];
    type Sums = [f32; 3];
    const UNIT: Option<[f32; 3]> = Some([1.0; 3]);

    #[inline(always)]
    fn run<T: Loops>(&self, loops: T) {
        match (self.p == 2.0, self.swap) {
            (true, false) => loops.run(&Self { p: 2.0, swap: false, ..*self }),
            _ => loops.run(self),
        }
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let (eps, p) = (f64::from(self.eps), f64::from(self.p));
        let pair = |a: &[f64], b: &[f64]| {
            let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b + eps).collect();
            norm(&differences, p)
        };
        let (ap, by_ap) = pair(row.first, row.second);
        let (an, by_an) = pair(row.first, row.third);
        let (pn, by_pn) = pair(row.second, row.third);
        let swapped = match self.swap {
            true if pn < an => 1.0,
            true if pn == an => 0.5,
            _ => 0.0,
        };
        let negative = if swapped > 0.0 { pn } else { an };
        let value = f64::from(self.margin) + ap - negative;
        let mut loss = RowLoss::zeros(row.first.len());
        if value > 0.0 || value.is_nan() {
            loss.value = value;
            loss.size = ap + negative;
            for c in 0..row.first.len() {
                let (an, pn) = ((1.0 - swapped) * by_an[c], swapped * by_pn[c]);
                loss.slopes[0][c] = by_ap[c] - an;
                loss.slopes[1][c] = -by_ap[c] - pn;
                loss.slopes[2][c] = an + pn;
            }
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 3] {
        let [ap, an, pn] = self.differences(item);
        [ap.abs(), an.abs(), pn.abs()]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, peaks: [f32; 3]) -> [f32; 3] {
        let d = self.differences(item);
        let one = |i: usize| self.term(self.ratio(d[i], peaks[i]));
        [one(0), one(1), if self.swap { one(2) } else { 0.0 }]
    }

    #[inline(always)]
    fn in_range(&self, row: &Row, sums: [f32; 3]) -> bool {
        let known = (self.p == 1.0 || self.p == 2.0) && row.classes > 1.0;
        let counted = if self.swap { &sums[..] } else { &sums[..2] };
        known && counted.iter().all(|sum| numeric::is_moderate(*sum))
    }

    #[inline(always)]
    fn finished(&self, _: &Row, _: [f32; 3], sums: [f32; 3]) -> [f32; 3] {
        [self.root(sums[0]), self.root(sums[1]), self.root(sums[2])]
    }

    #[inline(always)]
    fn value(&self, _: &Row, peaks: [f32; 3], sums: [f32; 3]) -> f32 {
        numeric::max_nan(self.excess(self.distances(peaks, sums)), 0.0)
    }

    #[inline(always)]
    fn gradient(&self, item: Item, row: &Row, peaks: [f32; 3], sums: [f32; 3]) -> [f32; 4] {
        let d = self.distances(peaks, sums);
        if self.excess(d) <= 0.0 {
            return [0.0; 4];
        }
        let differences = self.differences(item);
        let one = |i: usize| self.slope(row, differences[i], peaks[i], sums[i]);
        let (ap, an) = (one(0), one(1));
        if !self.swap {
            return [ap - an, -ap, an, 0.0];
        }
        let nearer = if d[2] < d[1] { 1.0 } else { 0.5 };
        let swapped = if d[2] <= d[1] { nearer } else { 0.0 };
        let (an, pn) = ((1.0 - swapped) * an, swapped * one(2));
        [ap - an, -ap - pn, an + pn, 0.0]
    }
}
