use super::prelude::*;
use crate::error::Error;

options! {
    /// Cross entropy of logits with a class index or class probabilities.
    ///
    /// With the share `s_c = weight_c ((1 - label_smoothing) q_c + label_smoothing / C)` of class
    /// `c`, where `q` is the target (1 at a class index, 0 elsewhere), a row's loss is
    /// `sum of s_c (logsumexp(input) - input_c)`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[C]`, `[N, C]` or `[N, C, d1...]` | differentiable |
    /// | `target`, class indices | `[]`, `[N]` or `[N, d1...]`, any integer type | |
    /// | `target`, probabilities | as `input`, a float type | differentiable |
    /// | `weight` | `[C]` | optional factor of each class |
    ///
    /// With class indices, `mean` divides by the sum of the kept rows' `weight[target]` (their
    /// number without `weight`); with probabilities, by the number of rows. A row whose target is
    /// `ignore_index` has loss 0 and gradient 0, whatever its logits hold (PyTorch's gradient is
    /// NaN where they hold NaN or infinity); if every row is ignored, `mean` is NaN and the
    /// gradient 0. Any other index outside `0..C` is an error that names its place and value; its
    /// loss and gradient are NaN. A class of share 0 contributes 0 even where its logit is -inf,
    /// where PyTorch has NaN.
    ///
    /// Source: PyTorch's `torch.nn.functional.cross_entropy`; label smoothing: C. Szegedy et al.,
    /// "Rethinking the Inception Architecture for Computer Vision", 2016; `z_loss` and `softcap`:
    /// P. Hsu et al., "Liger Kernel", 2024.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct CrossEntropy {
        /// The class index that marks a row as ignored.
        pub ignore_index: i64 = -100;
        /// The part of the target that is spread evenly over the classes, from 0 to 1.
        pub label_smoothing: f32 = 0.0, ZERO_TO_ONE;
        /// The factor of `logsumexp(input)^2`, which is added to each kept row; 0 or more. With
        /// `mean` it is averaged over the number of kept rows, whatever the class weights are.
        /// PyTorch has none.
        pub z_loss: f32 = 0.0, FROM_ZERO;
        /// Where above 0, the logits are first turned into `softcap tanh(input / softcap)`. PyTorch
        /// has none.
        pub softcap: f32 = 0.0,
            Valid("a finite number, 0 for none", |x| x.is_finite() && x >= 0.0);
    }
}

inputs! {
    of CrossEntropy;
    differentiable {
        /// The logits.
        input: T = Rows,
        /// The class index of each row, or a probability for each of its classes.
        target: T = IndexOrRows in Unit,
    }
    constant {
        /// A factor of each class.
        weight: Option<T> = Classes in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "cross_entropy",
    aliases: &[],
    summary: "Cross entropy of logits with a class index or class probabilities.",
    formula: "sum over c of s_c (logsumexp(input) - input_c), \
              s_c = weight_c ((1 - label_smoothing) target_c + label_smoothing / C)",
    inputs: INPUTS,
    arguments: &[
        "input",
        "target",
        "weight",
        "ignore_index",
        "reduction",
        "label_smoothing",
        "*",
        "z_loss",
        "softcap",
    ],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(include_str!("../../shaders/rows/cross_entropy.wgsl")),
};

impl Loss for CrossEntropy {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn ignore_index(&self) -> Option<i64> {
        Some(self.ignore_index)
    }

    fn check_totals(&self, inputs: &[Option<TensorKind>]) -> Result<()> {
        check_z_totals(self.z_loss, inputs.get(2))
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

/// The mean of the z terms is over the kept rows whatever their weights, which totals do not hold apart.
pub(super) fn check_z_totals(z_loss: f32, weight: Option<&Option<TensorKind>>) -> Result<()> {
    if z_loss == 0.0 || weight.is_none_or(Option::is_none) {
        return Ok(());
    }
    let expected = "a denominator, or no weight: the mean of the z terms is not weighted";
    Err(Error::argument("totals", "z_loss with weight", expected))
}

impl CrossEntropy {
    #[inline(always)]
    fn capped(&self, x: f32) -> f32 {
        if self.softcap == 0.0 { x } else { self.softcap * numeric::tanh(x / self.softcap) }
    }

    /// The derivative of the cap: 1 - tanh^2, by the exponential, which does not cancel.
    #[inline(always)]
    fn cap_slope(&self, x: f32) -> f32 {
        if self.softcap == 0.0 {
            return 1.0;
        }
        let e = numeric::exp(-2.0 * (x / self.softcap).abs());
        4.0 * e / ((1.0 + e) * (1.0 + e))
    }

    #[inline(always)]
    fn share(&self, item: Item, row: &Row) -> f32 {
        item.weight
            * ((1.0 - self.label_smoothing) * item.target + self.label_smoothing / row.classes)
    }
}

impl rows::Formula for CrossEntropy {
    type Peaks = [f32; 1];
    type Sums = [f32; 4];
    const REUSES: bool = true;

    fn shifts(&self) -> bool {
        self.softcap == 0.0
    }

    #[inline(always)]
    fn run<T: Loops>(&self, loops: T) {
        let plain = self.softcap == 0.0 && self.label_smoothing == 0.0 && self.z_loss == 0.0;
        if plain && loops.has_index() { loops.run(&Plain) } else { loops.run(self) }
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let smoothing = f64::from(self.label_smoothing);
        let (z_loss, softcap) = (f64::from(self.z_loss), f64::from(self.softcap));
        let tanh = |x: f64| if softcap > 0.0 { (x / softcap).tanh() } else { 0.0 };
        let cap = |&x: &f64| if softcap > 0.0 { softcap * tanh(x) } else { x };
        let logits: Vec<f64> = row.first.iter().map(cap).collect();
        let log_p = log_softmax(&logits);
        let log_sum = logits[0] - log_p[0];
        #[expect(clippy::cast_precision_loss, reason = "far fewer classes than 2^53")]
        let classes = row.first.len() as f64;
        let mut loss = RowLoss::zeros(row.first.len());
        let share =
            |c: usize| row.weight[c] * ((1.0 - smoothing) * row.target[c] + smoothing / classes);
        let total: f64 = (0..row.first.len()).map(share).sum();
        let total = total + 2.0 * product(z_loss, log_sum) * row.mean_weight;
        loss.value = product(z_loss, log_sum * log_sum) * row.mean_weight;
        for (c, log_p) in log_p.into_iter().enumerate() {
            loss.value += product(share(c), -log_p);
            let cap_slope = 1.0 - tanh(row.first[c]).powi(2);
            loss.slopes[0][c] = (total * log_p.exp() - share(c)) * cap_slope;
            loss.slopes[3][c] = product((1.0 - smoothing) * row.weight[c], -log_p);
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [self.capped(item.first)]
    }

    #[inline(always)]
    fn sums(&self, item: Item, row: &Row, peaks: [f32; 1]) -> [f32; 4] {
        let x = self.capped(item.first);
        let below = peaks[0] - x;
        let at_peak = if x == peaks[0] { 1.0 } else { 0.0 };
        let share = self.share(item, row);
        [
            numeric::exp_of_negative(-below) - at_peak,
            numeric::silenced(share, below),
            share,
            at_peak,
        ]
    }

    #[inline(always)]
    fn moved(&self, sums: [f32; 4], [lower]: [f32; 1], [higher]: [f32; 1]) -> [f32; 4] {
        let ([others, below, shares, peaks], way) = (sums, higher - lower);
        if way > 0.0 {
            let others = (others + peaks) * numeric::exp(-way);
            [others, below + numeric::silenced(shares, way), shares, 0.0]
        } else {
            sums
        }
    }

    #[inline(always)]
    fn value(&self, row: &Row, peaks: [f32; 1], sums: [f32; 4]) -> f32 {
        let log_sum = numeric::ln_1p(sums[0] + (sums[3] - 1.0));
        let lse = row.offset + (peaks[0] + log_sum);
        let of_z = numeric::silenced(self.z_loss * row.mean_weight, lse * lse);
        sums[1] + numeric::silenced(sums[2], log_sum) + of_z
    }

    #[inline(always)]
    fn gradient(&self, item: Item, row: &Row, peaks: [f32; 1], sums: [f32; 4]) -> [f32; 4] {
        let x = self.capped(item.first);
        let below = peaks[0] - x;
        let rest = sums[0] + (sums[3] - 1.0);
        let total = sums[0] + sums[3];
        let share = self.share(item, row);
        let lse = row.offset + (peaks[0] + numeric::ln_1p(rest));
        let shares = sums[2] + numeric::silenced(2.0 * self.z_loss * row.mean_weight, lse);
        let by_logit = if x == peaks[0] && total < 2.0 {
            (shares - share) - shares * (rest / total)
        } else {
            let at_peak = if x == peaks[0] { 1.0 } else { 0.0 };
            (item.reused + at_peak) * (shares / total) - share
        };
        let factor = (1.0 - self.label_smoothing) * item.weight;
        let by_logit = by_logit * self.cap_slope(item.first);
        [by_logit, 0.0, 0.0, numeric::silenced(factor, below + numeric::ln_1p(rest))]
    }
}

/// The common case of a class index and no option: all that is summed is the exponentials.
#[derive(Debug)]
struct Plain;

impl rows::Formula for Plain {
    type Peaks = [f32; 1];
    type Sums = [f32; 2];
    const REUSES: bool = true;

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        rows::Formula::reference(&CrossEntropy::default(), row)
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [item.first]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, [peak]: [f32; 1]) -> [f32; 2] {
        let at_peak = if item.first == peak { 1.0 } else { 0.0 };
        [numeric::exp_of_negative(item.first - peak) - at_peak, at_peak]
    }

    #[inline(always)]
    fn moved(&self, sums: [f32; 2], [lower]: [f32; 1], [higher]: [f32; 1]) -> [f32; 2] {
        let way = higher - lower;
        if way > 0.0 { [(sums[0] + sums[1]) * numeric::exp(-way), 0.0] } else { sums }
    }

    #[inline(always)]
    fn value(&self, row: &Row, [peak]: [f32; 1], [others, peaks]: [f32; 2]) -> f32 {
        let log_sum = numeric::ln_1p(others + (peaks - 1.0));
        numeric::silenced(row.weight, (peak - row.picked) + log_sum)
    }

    #[inline(always)]
    fn gradient(
        &self,
        item: Item,
        row: &Row,
        [peak]: [f32; 1],
        [others, peaks]: [f32; 2],
    ) -> [f32; 4] {
        let (rest, total) = (others + (peaks - 1.0), others + peaks);
        let share = item.weight * item.target;
        let by_logit = if item.first != peak {
            item.reused * (row.weight / total) - share
        } else if total < 2.0 {
            (row.weight - share) - row.weight * (rest / total)
        } else {
            (item.reused + 1.0) * (row.weight / total) - share
        };
        [by_logit, 0.0, 0.0, 0.0]
    }
}
