use super::prelude::*;
use crate::definition::Sample;
use crate::families::pairs::{self, Setup, Weigh};

options! {
    /// Each pair of a row and one of its partners, the other rows of its label, against the rows of other labels: where
    /// each label is there twice, SimCLR's normalised temperature-scaled cross entropy. The matrix of similarities is
    /// never held.
    ///
    /// With the similarities `s_ij = input_i . input_j / temperature`, of the vectors' directions unless `normalize` is
    /// false, a row's loss is the sum over its partners `p` of `softplus(logsumexp over its negatives n of s_in -
    /// s_ip)`. Other partners are in no denominator, nor is the row itself.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[N, D]` | differentiable |
    /// | `labels` | `[N]`, any integer type | compared for equality only |
    ///
    /// The unreduced loss has the shape `[N]`; `mean` divides by the number of pairs of a row and a partner, each of
    /// which is there in either order, as in pytorch_metric_learning (NaN with gradient 0 where there is none). Pairs
    /// without negatives have loss 0 and count. pytorch_metric_learning adds the smallest number inside the logarithm,
    /// which caps float32 losses at 87.3 and ends their gradients; here there is no cap. A vector of zeros has
    /// similarity 0 with everything, and gradient 0.
    ///
    /// Memory: as `info_nce_loss`; `input` and its gradient are bound whole. pytorch_metric_learning holds all pairs of
    /// a pair and a negative.
    ///
    /// Source: T. Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", 2020;
    /// pytorch_metric_learning 2.9 `NTXentLoss`; optax 0.2.8 `ntxent`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct NtXent {
        /// What similarities are divided by; above 0.
        pub temperature: f32 = 0.07, ABOVE_ZERO;
        /// Whether only the vectors' directions count.
        pub normalize: bool = true;
    }
}

inputs! {
    of NtXent;
    differentiable {
        /// A vector for each row.
        input: T = Own,
    }
    constant {
        /// The label of each row.
        labels: T = OwnIntegers,
    }
}

static DEFINITION: Definition = Definition {
    name: "nt_xent_loss",
    aliases: &["nt_xent", "simclr"],
    summary: "Each pair of rows of one label against the rows of others, which are never all held.",
    formula: "sum over p in P(i) of softplus(logsumexp over n in N(i) of s_in - s_ip), \
              s_ij = cos(input_i, input_j) / temperature",
    inputs: INPUTS,
    arguments: &["input", "labels", "temperature", "normalize", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(include_str!("../../shaders/pairs/nt_xent_loss.wgsl")),
};

impl Loss for NtXent {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn sample(&self) -> Vec<Sample> {
        pairs::labels_sample()
    }

    fn check_totals(&self, _: &[Option<TensorKind>]) -> Result<()> {
        pairs::check_totals(DEFINITION.name)
    }

    fn family(&self) -> Box<dyn Family + '_> {
        let setup = Setup::of_labels(self.temperature, self.normalize, Weigh::Partners);
        pairs::family(self, *self, setup)
    }
}

/// By how much the negatives together are above a similarity.
#[inline(always)]
fn above(item: Item, peak: f32, others: f32, peaks: f32) -> f32 {
    (peak - item.first) + numeric::ln_1p(others + (peaks - 1.0))
}

impl rows::Formula for NtXent {
    type Peaks = [f32; 1];
    type Sums = [f32; 4];
    const TWICE: bool = true;

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let mut loss = RowLoss::zeros(row.first.len());
        let all = 0..row.first.len();
        let others = all.filter(|&k| row.weight[k] != 0.0);
        let (partners, negatives): (Vec<usize>, Vec<usize>) =
            others.partition(|&k| row.target[k] == 1.0);
        let Some(&negative) = negatives.first() else { return loss };
        let log_p = log_softmax(&negatives.iter().map(|&k| row.first[k]).collect::<Vec<f64>>());
        let log_sum = row.first[negative] - log_p[0];
        for p in partners {
            let by = log_sum - row.first[p];
            loss.value += softplus(by);
            let slope = 1.0 / (1.0 + (-by).exp());
            loss.slopes[0][p] -= slope;
            for (&n, log_p) in negatives.iter().zip(&log_p) {
                loss.slopes[0][n] += slope * log_p.exp();
            }
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [if item.weight == 0.0 || item.target != 0.0 { f32::MIN } else { item.first }]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, [peak]: [f32; 1]) -> [f32; 4] {
        let at_peak = if item.first == peak { 1.0 } else { 0.0 };
        let other = numeric::exp(item.first - peak) - at_peak;
        let is_negative = item.weight != 0.0 && item.target == 0.0;
        if is_negative { [other, at_peak, 0.0, 0.0] } else { [0.0; 4] }
    }

    #[inline(always)]
    fn second_sums(
        &self,
        item: Item,
        _: &Row,
        [peak]: [f32; 1],
        [others, peaks, ..]: [f32; 4],
    ) -> [f32; 4] {
        let by = above(item, peak, others, peaks);
        let counts = item.weight != 0.0 && item.target != 0.0 && peak != f32::MIN;
        if counts { [0.0, 0.0, numeric::softplus(by), numeric::sigmoid(by)] } else { [0.0; 4] }
    }

    #[inline(always)]
    fn moved(&self, sums: [f32; 4], [lower]: [f32; 1], [higher]: [f32; 1]) -> [f32; 4] {
        let others = (sums[0] + sums[1]) * numeric::exp(lower - higher);
        if higher > lower { [others, 0.0, 0.0, 0.0] } else { sums }
    }

    #[inline(always)]
    fn value(&self, _: &Row, _: [f32; 1], [_, _, losses, _]: [f32; 4]) -> f32 {
        losses
    }

    #[inline(always)]
    fn gradient(
        &self,
        item: Item,
        _: &Row,
        [peak]: [f32; 1],
        [others, peaks, _, slopes]: [f32; 4],
    ) -> [f32; 4] {
        let of_partner = -numeric::sigmoid(above(item, peak, others, peaks));
        let of_negative = slopes * (numeric::exp(item.first - peak) / (others + peaks));
        let slope = if item.target == 0.0 { of_negative } else { of_partner };
        [if item.weight == 0.0 || peak == f32::MIN { 0.0 } else { slope }, 0.0, 0.0, 0.0]
    }
}
