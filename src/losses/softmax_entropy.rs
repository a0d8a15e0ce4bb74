use super::prelude::*;
use super::softmax::{exponentials, log_of_exponentials, moved_exponentials};

options! {
    /// Entropy of the softmax of a row, in nats: `-sum of p_c log p_c` with `p = softmax(input / temperature)`.
    /// Negate it to make distributions wider.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[C]`, `[N, C]` or `[N, C, d1...]` | differentiable |
    /// | `labels` | `[]`, `[N]` or `[N, d1...]`, any integer type | optional: tells which rows are ignored |
    ///
    /// `mean` divides by the number of kept rows. A row whose label is `ignore_index` has entropy 0 and gradient
    /// 0, whatever it holds; any other label keeps the row, and need not be a class. If every row is ignored,
    /// `mean` is NaN and the gradient 0. A row of one class, or of one that is not -inf, has entropy 0 and
    /// gradient 0; classes of -inf add nothing. A row of -inf alone is NaN.
    ///
    /// Source: PyTorch's `torch.distributions.Categorical.entropy`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct SoftmaxEntropy {
        /// What the logits are divided by; above 0.
        pub temperature: f32 = 1.0, ABOVE_ZERO;
        /// The label that marks a row as ignored.
        pub ignore_index: i64 = -100;
    }
}

inputs! {
    of SoftmaxEntropy;
    differentiable {
        /// The logits.
        input: T = Rows,
    }
    constant {
        /// A number for each row, which is ignored where that is `ignore_index`.
        labels: Option<T> = Marks,
    }
}

static DEFINITION: Definition = Definition {
    name: "softmax_entropy",
    aliases: &["entropy"],
    summary: "Entropy of the softmax of logits.",
    formula: "-sum over c of p_c log p_c, p = softmax(input / temperature)",
    inputs: INPUTS,
    arguments: &["input", "labels", "temperature", "ignore_index", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader_with_options(concat!(
        include_str!("../../shaders/softmax.wgsl"),
        include_str!("../../shaders/rows/softmax_entropy.wgsl")
    )),
};

impl Loss for SoftmaxEntropy {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn ignore_index(&self) -> Option<i64> {
        Some(self.ignore_index)
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

impl rows::Formula for SoftmaxEntropy {
    type Peaks = [f32; 1];
    /// The exponentials, and their sum times how far they are below the peak.
    type Sums = [f32; 3];
    const REUSES: bool = true;

    fn shifts(&self) -> bool {
        true
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let temperature = f64::from(self.temperature);
        let mut loss = RowLoss::zeros(row.first.len());
        let logits: Vec<f64> = row.first.iter().map(|x| x / temperature).collect();
        let log_p = log_softmax(&logits);
        loss.value = log_p.iter().map(|log_p| product(log_p.exp(), -log_p)).sum();
        for (slope, log_p) in loss.slopes[0].iter_mut().zip(log_p) {
            *slope = product(log_p.exp(), -(log_p + loss.value)) / temperature;
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [item.first]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, [peak]: [f32; 1]) -> [f32; 3] {
        let below = (peak - item.first) / self.temperature;
        let [others, peaks] = exponentials(below, item.first == peak);
        [others, peaks, numeric::silenced(others, below)]
    }

    #[inline(always)]
    fn moved(
        &self,
        [others, peaks, far]: [f32; 3],
        [lower]: [f32; 1],
        [higher]: [f32; 1],
    ) -> [f32; 3] {
        let way = (higher - lower) / self.temperature;
        let [moved, left] = moved_exponentials([others, peaks], way);
        let farther = far * numeric::exp(-way) + numeric::silenced(moved, way);
        [moved, left, if way > 0.0 { farther } else { far }]
    }

    #[inline(always)]
    fn value(&self, _: &Row, _: [f32; 1], [others, peaks, far]: [f32; 3]) -> f32 {
        log_of_exponentials([others, peaks]) + far / (others + peaks)
    }

    #[inline(always)]
    fn gradient(
        &self,
        item: Item,
        _: &Row,
        [peak]: [f32; 1],
        [others, peaks, far]: [f32; 3],
    ) -> [f32; 4] {
        let below = (peak - item.first) / self.temperature;
        let at_peak = if item.first == peak { 1.0 } else { 0.0 };
        let sum = others + peaks;
        let by_input = numeric::silenced((item.reused + at_peak) / sum, below - far / sum);
        [by_input / self.temperature, 0.0, 0.0, 0.0]
    }
}
