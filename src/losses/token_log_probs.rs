use super::prelude::*;
use super::softmax::{
    Exponentials, exponentials, log_of_exponentials, moved_exponentials, softmax_of,
};

options! {
    /// The log-probability of each row's class by the softmax of its logits: what a language model's head says of a
    /// token, with which losses of preferences and policies begin.
    ///
    /// With `p = softmax(input / temperature)` it is `log p[target]`, which is 0 or less.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[C]`, `[N, C]` or `[N, C, d1...]` | differentiable |
    /// | `target` | `[]`, `[N]` or `[N, d1...]`, any integer type | |
    ///
    /// Unreduced unless another reduction is asked for; `mean` divides by the number of kept rows. A row whose target is
    /// `ignore_index` is 0 with gradient 0, whatever its logits hold; any other index outside `0..C` is an error. A class
    /// whose logit is -inf has log-probability -inf. Without a temperature it is the negative
    /// [`CrossEntropy`](super::CrossEntropy). The entropy of the same distribution is
    /// [`SoftmaxEntropy`](super::SoftmaxEntropy).
    ///
    /// Source: TRL's `selective_log_softmax`; PyTorch's `torch.distributions.Categorical.log_prob`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct TokenLogProbs {
        /// What logits are divided by; above 0.
        pub temperature: f32 = 1.0, ABOVE_ZERO;
        /// The class index that marks a row as ignored.
        pub ignore_index: i64 = -100;
    }
}

inputs! {
    of TokenLogProbs;
    differentiable {
        /// The logits.
        input: T = Rows,
    }
    constant {
        /// The class index of each row.
        target: T = Index,
    }
}

static DEFINITION: Definition = Definition {
    name: "token_log_probs",
    aliases: &["selective_log_softmax"],
    summary: "The log-probability of each row's class by the softmax of its logits.",
    formula: "input[target] / temperature - logsumexp(input / temperature)",
    inputs: INPUTS,
    arguments: &["input", "target", "temperature", "ignore_index", "reduction"],
    reductions: &[Reduction::None, Reduction::Mean, Reduction::Sum],
    weighted_mean: true,
    shader: rows::shader_with_options(concat!(
        include_str!("../../shaders/softmax.wgsl"),
        include_str!("../../shaders/rows/token_log_probs.wgsl")
    )),
};

impl Loss for TokenLogProbs {
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

impl rows::Formula for TokenLogProbs {
    type Peaks = [f32; 1];
    type Sums = Exponentials;

    fn shifts(&self) -> bool {
        true
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let temperature = f64::from(self.temperature);
        let mut loss = RowLoss::zeros(row.first.len());
        let scaled: Vec<f64> = row.first.iter().map(|x| x / temperature).collect();
        for (c, log_p) in log_softmax(&scaled).into_iter().enumerate() {
            loss.value += product(row.target[c], log_p);
            loss.slopes[0][c] = (row.target[c] - log_p.exp()) / temperature;
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [item.first]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, [peak]: [f32; 1]) -> Exponentials {
        exponentials((peak - item.first) / self.temperature, item.first == peak)
    }

    #[inline(always)]
    fn moved(&self, sums: Exponentials, [lower]: [f32; 1], [higher]: [f32; 1]) -> Exponentials {
        moved_exponentials(sums, (higher - lower) / self.temperature)
    }

    #[inline(always)]
    fn value(&self, row: &Row, [peak]: [f32; 1], sums: Exponentials) -> f32 {
        -((peak - row.picked) / self.temperature + log_of_exponentials(sums))
    }

    #[inline(always)]
    fn gradient(&self, item: Item, _: &Row, [peak]: [f32; 1], sums: Exponentials) -> [f32; 4] {
        let below = (peak - item.first) / self.temperature;
        let own = softmax_of(below, item.first == peak, sums);
        let slope = if item.target == 1.0 { own.miss } else { -own.p };
        [slope / self.temperature, 0.0, 0.0, 0.0]
    }
}
