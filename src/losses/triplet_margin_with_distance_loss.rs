use super::prelude::*;

choices! {
    /// What [`TripletMarginWithDistance`] measures with.
    pub enum Distance {
        /// `|a - b + eps|`, PyTorch's `pairwise_distance`.
        Euclidean = "euclidean",
        /// `1 - cos(a, b)`; a zero vector has cosine 0.
        Cosine = "cosine",
        /// `|a - b|^2`.
        Squared = "squared",
    }
}

options! {
    /// Hinge that wants an anchor nearer to a positive than to a negative, by a distance of choice:
    /// `max(0, margin + d(anchor, positive) - d(anchor, negative))`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `anchor`, `positive`, `negative` | `[D]` or `[N, D]` (or `[..., D]`), the same | differentiable |
    ///
    /// The losses have the shape of `anchor` without its last dimension. The gradient is 0 at the
    /// kink, for a Euclidean distance of 0 and for the cosine of a zero vector; with `swap`, a tie
    /// of the negative distances shares it. Vectors are scaled before they are squared.
    ///
    /// Source: PyTorch's `torch.nn.functional.triplet_margin_with_distance_loss`, whose distance is
    /// any function.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct TripletMarginWithDistance {
        /// The distance.
        pub distance: Distance = Distance::Euclidean;
        /// How much nearer the positive is to be; above 0.
        pub margin: f32 = 1.0, ABOVE_ZERO;
        /// What is added to each difference of a Euclidean distance.
        pub eps: f32 = 1e-6, FINITE;
        /// Whether the negative distance is the smaller one of those from anchor and from positive.
        pub swap: bool = false;
    }
}

inputs! {
    of TripletMarginWithDistance;
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
    name: "triplet_margin_with_distance_loss",
    aliases: &["triplet_margin_with_distance"],
    summary: "Triplet margin with a Euclidean, cosine or squared distance.",
    formula: "max(0, margin + d(anchor, positive) - d(anchor, negative))",
    inputs: INPUTS,
    arguments: &[
        "anchor",
        "positive",
        "negative",
        "*",
        "distance",
        "margin",
        "swap",
        "reduction",
        "eps",
    ],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: rows::shader(include_str!("../../shaders/rows/triplet_margin_with_distance_loss.wgsl")),
};

impl Loss for TripletMarginWithDistance {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

/// The pairs (a, p), (a, n) and (p, n) of three things.
const PAIRS: [[usize; 2]; 3] = [[0, 1], [0, 2], [1, 2]];

impl TripletMarginWithDistance {
    /// The differences of the pairs, or for the cosine the vectors themselves.
    #[inline(always)]
    fn measured(&self, item: Item) -> [f32; 3] {
        let v = [item.first, item.second, item.third];
        let eps = if self.distance == Distance::Euclidean { self.eps } else { 0.0 };
        match self.distance {
            Distance::Cosine => v,
            _ => PAIRS.map(|[a, b]| v[a] - v[b] + eps),
        }
    }

    #[inline(always)]
    fn in_peaks(&self, item: Item, peaks: [f32; 3]) -> [f32; 3] {
        let v = self.measured(item);
        std::array::from_fn(|i| if peaks[i] == 0.0 { v[i] } else { v[i] / peaks[i] })
    }

    #[inline(always)]
    fn distances(&self, peaks: [f32; 3], sums: [f32; 6]) -> [f32; 3] {
        std::array::from_fn(|i| match self.distance {
            Distance::Euclidean => peaks[i] * sums[i].sqrt(),
            Distance::Cosine => 1.0 - cosine(i, sums),
            Distance::Squared => peaks[i] * (peaks[i] * sums[i]),
        })
    }

    #[inline(always)]
    fn excess(&self, d: [f32; 3]) -> f32 {
        let negative = if self.swap { numeric::min_nan(d[1], d[2]) } else { d[1] };
        self.margin + (d[0] - negative)
    }

    /// How much of the negative distance is that of (p, n).
    #[inline(always)]
    fn swapped<F: PartialOrd>(&self, an: F, pn: F) -> f32 {
        match self.swap {
            true if pn < an => 1.0,
            true if pn == an => 0.5,
            _ => 0.0,
        }
    }

    /// The derivatives of a pair's distance by its two vectors.
    #[inline(always)]
    fn slopes(&self, pair: usize, item: Item, peaks: [f32; 3], sums: [f32; 6]) -> [f32; 2] {
        let v = self.in_peaks(item, peaks);
        let [a, b] = PAIRS[pair];
        match self.distance {
            Distance::Euclidean if peaks[pair] == 0.0 => [0.0; 2],
            Distance::Euclidean => [1.0, -1.0].map(|sign| sign * v[pair] / sums[pair].sqrt()),
            Distance::Squared => [2.0, -2.0].map(|factor| factor * self.measured(item)[pair]),
            Distance::Cosine => [[a, b], [b, a]].map(|[own, other]| {
                let norms = sums[a] * sums[b];
                let near = cosine(pair, sums);
                let slope = (near * v[own] / sums[own] - v[other] / norms.sqrt()) / peaks[own];
                if norms == 0.0 { 0.0 } else { slope }
            }),
        }
    }
}

#[inline(always)]
fn cosine(pair: usize, sums: [f32; 6]) -> f32 {
    let norms = sums[PAIRS[pair][0]] * sums[PAIRS[pair][1]];
    if norms == 0.0 { 0.0 } else { sums[3 + pair] / norms.sqrt() }
}

/// A distance in float64, and its derivatives by both vectors.
fn measure(distance: Distance, eps: f64, a: &[f64], b: &[f64]) -> (f64, [Vec<f64>; 2]) {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    if distance == Distance::Cosine {
        let (aa, bb, norms) = (dot(a, a), dot(b, b), (dot(a, a) * dot(b, b)).sqrt());
        let near = if norms == 0.0 { 0.0 } else { dot(a, b) / norms };
        let slopes = |own: &[f64], square: f64, other: &[f64]| -> Vec<f64> {
            let slope = |(x, y): (&f64, &f64)| near * x / square - y / norms;
            own.iter().zip(other).map(slope).map(|s| if norms == 0.0 { 0.0 } else { s }).collect()
        };
        return (1.0 - near, [slopes(a, aa, b), slopes(b, bb, a)]);
    }
    let eps = if distance == Distance::Euclidean { eps } else { 0.0 };
    let differences: Vec<f64> = a.iter().zip(b).map(|(x, y)| x - y + eps).collect();
    let squared = dot(&differences, &differences);
    let (distance, factor) = match distance {
        Distance::Squared => (squared, 2.0),
        _ if squared == 0.0 => (0.0, 0.0),
        _ => (squared.sqrt(), 1.0 / squared.sqrt()),
    };
    let slopes = |sign: f64| differences.iter().map(|d| sign * factor * d).collect();
    (distance, [slopes(1.0), slopes(-1.0)])
}

impl rows::Formula for TripletMarginWithDistance {
    type Peaks = [f32; 3];
    type Sums = [f32; 6];
    const UNIT: Option<[f32; 3]> = Some([1.0; 3]);

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let rows = [row.first, row.second, row.third];
        let pair =
            |[a, b]: [usize; 2]| measure(self.distance, f64::from(self.eps), rows[a], rows[b]);
        let [(ap, by_ap), (an, by_an), (pn, by_pn)] = PAIRS.map(pair);
        let s = f64::from(self.swapped(an, pn));
        let negative = if s > 0.0 { pn } else { an };
        let value = f64::from(self.margin) + ap - negative;
        let mut loss = RowLoss::zeros(row.first.len());
        if value > 0.0 || value.is_nan() {
            loss.value = value;
            loss.size = ap.abs() + negative.abs() + 1.0;
            for c in 0..row.first.len() {
                loss.slopes[0][c] = by_ap[0][c] - (1.0 - s) * by_an[0][c];
                loss.slopes[1][c] = by_ap[1][c] - s * by_pn[0][c];
                loss.slopes[2][c] = -(1.0 - s) * by_an[1][c] - s * by_pn[1][c];
            }
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 3] {
        self.measured(item).map(f32::abs)
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, peaks: [f32; 3]) -> [f32; 6] {
        let v = self.in_peaks(item, peaks);
        let dot = |pair: usize| v[PAIRS[pair][0]] * v[PAIRS[pair][1]];
        std::array::from_fn(|i| if i < 3 { v[i] * v[i] } else { dot(i - 3) })
    }

    #[inline(always)]
    fn in_range(&self, row: &Row, sums: [f32; 6]) -> bool {
        let third = self.swap || self.distance == Distance::Cosine;
        let counted = if third { &sums[..3] } else { &sums[..2] };
        row.classes > 1.0 && counted.iter().all(|sum| numeric::is_moderate(*sum))
    }

    #[inline(always)]
    fn value(&self, _: &Row, peaks: [f32; 3], sums: [f32; 6]) -> f32 {
        numeric::max_nan(self.excess(self.distances(peaks, sums)), 0.0)
    }

    #[inline(always)]
    fn gradient(&self, item: Item, _: &Row, peaks: [f32; 3], sums: [f32; 6]) -> [f32; 4] {
        let d = self.distances(peaks, sums);
        if self.excess(d) <= 0.0 {
            return [0.0; 4];
        }
        let s = self.swapped(d[1], d[2]);
        let [ap, an, pn]: [[f32; 2]; 3] =
            std::array::from_fn(|pair| self.slopes(pair, item, peaks, sums));
        [ap[0] - (1.0 - s) * an[0], ap[1] - s * pn[0], -(1.0 - s) * an[1] - s * pn[1], 0.0]
    }
}
