use super::prelude::*;
use crate::definition::Sample;
use crate::families::pairs::{self, Setup, Weigh};

options! {
    /// Supervised contrastive: the mean over a row's partners, the other rows of its label, of their cross entropy among
    /// all other rows. The matrix of similarities is never held.
    ///
    /// With the similarities `s_ij = input_i . input_j / temperature`, of the vectors' directions unless `normalize` is
    /// false, and the partners `P(i)`, a row's loss is the mean over `p` in `P(i)` of `logsumexp over k != i of s_ik -
    /// s_ip`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[N, D]` | differentiable |
    /// | `labels` | `[N]`, any integer type | compared for equality only |
    ///
    /// The unreduced loss has the shape `[N]`; a row without partners has loss 0, and `mean` divides by the number of
    /// those that have some (NaN with gradient 0 where none has). Partners are in the denominator too; only the row
    /// itself is not. pytorch_metric_learning drops rows whose loss has rounded to 0 from the mean, and returns 0 where
    /// all labels are one; here, as in the paper, neither. A vector of zeros has similarity 0 with everything, and
    /// gradient 0.
    ///
    /// Memory: as `info_nce_loss`; `input` and its gradient are bound whole.
    ///
    /// Source: P. Khosla et al., "Supervised Contrastive Learning", 2020, equation 2, for one view a row;
    /// pytorch_metric_learning 2.9 `SupConLoss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct SupCon {
        /// What similarities are divided by; above 0.
        pub temperature: f32 = 0.1, ABOVE_ZERO;
        /// Whether only the vectors' directions count.
        pub normalize: bool = true;
    }
}

inputs! {
    of SupCon;
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
    name: "sup_con_loss",
    aliases: &["supcon"],
    summary: "Cross entropy of a row's partners by label among all other rows, which are never all held.",
    formula: "mean over p in P(i) of logsumexp over k != i of s_ik - s_ip, s_ij = cos(input_i, input_j) / temperature",
    inputs: INPUTS,
    arguments: &["input", "labels", "temperature", "normalize", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(include_str!("../../shaders/pairs/sup_con_loss.wgsl")),
};

impl Loss for SupCon {
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
        let setup = Setup::of_labels(self.temperature, self.normalize, Weigh::HasPartners);
        pairs::family(self, *self, setup)
    }
}

impl rows::Formula for SupCon {
    type Peaks = [f32; 1];
    type Sums = [f32; 4];

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let mut loss = RowLoss::zeros(row.first.len());
        let others: Vec<usize> = (0..row.first.len()).filter(|&k| row.weight[k] != 0.0).collect();
        let log_p = log_softmax(&others.iter().map(|&k| row.first[k]).collect::<Vec<f64>>());
        let partners: f64 = others.iter().map(|&k| row.target[k]).sum();
        if partners == 0.0 {
            return loss;
        }
        for (&k, log_p) in others.iter().zip(log_p) {
            loss.value -= product(row.target[k] / partners, log_p);
            loss.slopes[0][k] = log_p.exp() - row.target[k] / partners;
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [if item.weight == 0.0 { f32::MIN } else { item.first }]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, [peak]: [f32; 1]) -> [f32; 4] {
        let below = peak - item.first;
        let at_peak = if item.first == peak { 1.0 } else { 0.0 };
        let other = numeric::exp(-below) - at_peak;
        let sums = [other, at_peak, item.target, numeric::silenced(item.target, below)];
        if item.weight == 0.0 { [0.0; 4] } else { sums }
    }

    #[inline(always)]
    fn moved(&self, sums: [f32; 4], [lower]: [f32; 1], [higher]: [f32; 1]) -> [f32; 4] {
        let ([others, peaks, partners, below], way) = (sums, higher - lower);
        if way > 0.0 {
            let others = (others + peaks) * numeric::exp(-way);
            [others, 0.0, partners, below + numeric::silenced(partners, way)]
        } else {
            sums
        }
    }

    #[inline(always)]
    fn value(&self, _: &Row, _: [f32; 1], [others, peaks, partners, below]: [f32; 4]) -> f32 {
        let log_sum = numeric::ln_1p(others + (peaks - 1.0));
        if partners == 0.0 { 0.0 } else { below / partners + log_sum }
    }

    #[inline(always)]
    fn gradient(
        &self,
        item: Item,
        _: &Row,
        [peak]: [f32; 1],
        [others, peaks, partners, _]: [f32; 4],
    ) -> [f32; 4] {
        let share = item.target / partners;
        let (rest, sum) = (others + (peaks - 1.0), others + peaks);
        let at_peak = (1.0 - share) - rest / sum;
        let elsewhere = numeric::exp(item.first - peak) / sum - share;
        let slope = if item.first == peak && sum < 2.0 { at_peak } else { elsewhere };
        [if item.weight == 0.0 || partners == 0.0 { 0.0 } else { slope }, 0.0, 0.0, 0.0]
    }
}
