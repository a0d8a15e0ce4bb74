use super::prelude::*;

options! {
    /// Binary cross entropy of each class's logit, averaged over the classes:
    /// `(1 / C) sum of weight (target softplus(-input) + (1 - target) softplus(input))`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[..., C]` | differentiable |
    /// | `target` | as `input` | differentiable |
    /// | `weight` | `[C]`, or as `input` | optional factor of each term |
    ///
    /// The losses have the shape of `input` without its last dimension; `mean` divides by their
    /// number. An infinite logit whose part has factor 0 contributes 0.
    ///
    /// Source: PyTorch's `torch.nn.functional.multilabel_soft_margin_loss`.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct MultiLabelSoftMargin;
}

inputs! {
    of MultiLabelSoftMargin;
    differentiable {
        /// The logits.
        input: T = Features,
        /// The probabilities that they should have.
        target: T = Features in Unit,
    }
    constant {
        /// A factor of each class, or of each term.
        weight: Option<T> = Factors in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "multilabel_soft_margin_loss",
    aliases: &["multilabel_soft_margin"],
    summary: "Binary cross entropy of each class's logit, averaged over the classes.",
    formula: "(1 / C) sum of weight (target softplus(-input) + (1 - target) softplus(input))",
    inputs: INPUTS,
    arguments: &["input", "target", "weight", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: rows::shader(include_str!("../../shaders/rows/multilabel_soft_margin_loss.wgsl")),
};

impl Loss for MultiLabelSoftMargin {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

impl rows::Formula for MultiLabelSoftMargin {
    type Peaks = [f32; 0];
    type Sums = [f32; 1];

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let mut loss = RowLoss::zeros(row.first.len());
        for (c, (&x, &t)) in row.first.iter().zip(row.second).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "far fewer classes than 2^53")]
            let factor = row.weight[c] / row.first.len() as f64;
            let yes = product(t, softplus(-x));
            let no = product(1.0 - t, softplus(x));
            loss.value += factor * (yes + no);
            loss.slopes[0][c] = factor * ((1.0 - t) / (1.0 + (-x).exp()) - t / (1.0 + x.exp()));
            loss.slopes[1][c] = -factor * x;
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, _: Item) -> [f32; 0] {
        []
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, _: [f32; 0]) -> [f32; 1] {
        let (x, t) = (item.first, item.second);
        let tail = numeric::ln_1p(numeric::exp(-x.abs()));
        let yes = numeric::silenced(t, (-x).max(0.0) + tail);
        [item.weight * (yes + numeric::silenced(1.0 - t, x.max(0.0) + tail))]
    }

    #[inline(always)]
    fn value(&self, row: &Row, _: [f32; 0], sums: [f32; 1]) -> f32 {
        sums[0] / row.classes
    }

    #[inline(always)]
    fn gradient(&self, item: Item, row: &Row, _: [f32; 0], _: [f32; 1]) -> [f32; 4] {
        let (x, t) = (item.first, item.second);
        let factor = item.weight / row.classes;
        let by_input = numeric::sigmoid_difference(x, t, 1.0);
        [factor * by_input, -factor * x, 0.0, 0.0]
    }
}
