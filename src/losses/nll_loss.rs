use super::prelude::*;

options! {
    /// Negative log likelihood: `-weight[target] input[target]` of each row's log-probabilities.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[C]`, `[N, C]` or `[N, C, d1...]` | differentiable |
    /// | `target` | `[]`, `[N]` or `[N, d1...]`, any integer type | |
    /// | `weight` | `[C]` | optional factor of each class |
    ///
    /// `mean` divides by the sum of the kept rows' `weight[target]` (their number without
    /// `weight`). A row whose target is `ignore_index` has loss 0 and gradient 0; if every row is
    /// ignored, `mean` is NaN and the gradient 0. Any other index outside `0..C` is an error that
    /// names its place and value; its loss and gradient are NaN. A weight of 0 silences a
    /// log-probability of -inf, where PyTorch has NaN.
    ///
    /// Source: PyTorch's `torch.nn.functional.nll_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Nll {
        /// The class index that marks a row as ignored.
        pub ignore_index: i64 = -100;
    }
}

inputs! {
    of Nll;
    differentiable {
        /// The log-probabilities.
        input: T = Rows,
    }
    constant {
        /// The class index of each row.
        target: T = Index,
        /// A factor of each class.
        weight: Option<T> = Classes in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "nll_loss",
    aliases: &["nll", "nll_loss2d"],
    summary: "Negative log likelihood of log-probabilities at a class index.",
    formula: "-weight[target] input[target]",
    inputs: INPUTS,
    arguments: &["input", "target", "weight", "ignore_index", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(include_str!("../../shaders/rows/nll_loss.wgsl")),
};

impl Loss for Nll {
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

impl rows::Formula for Nll {
    type Peaks = [f32; 0];
    type Sums = [f32; 0];

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let mut loss = RowLoss::zeros(row.first.len());
        for (c, &x) in row.first.iter().enumerate() {
            let factor = row.weight[c] * row.target[c];
            loss.value -= if row.target[c] == 0.0 { 0.0 } else { product(factor, x) };
            loss.slopes[0][c] = -factor;
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, _: Item) -> [f32; 0] {
        []
    }

    #[inline(always)]
    fn sums(&self, _: Item, _: &Row, _: [f32; 0]) -> [f32; 0] {
        []
    }

    #[inline(always)]
    fn value(&self, row: &Row, _: [f32; 0], _: [f32; 0]) -> f32 {
        -numeric::silenced(row.weight, row.picked)
    }

    #[inline(always)]
    fn gradient(&self, item: Item, row: &Row, _: [f32; 0], _: [f32; 0]) -> [f32; 4] {
        [-row.weight * item.target, 0.0, 0.0, 0.0]
    }
}
