use super::prelude::*;

options! {
    /// Multi-class hinge: `weight[target] / C` times the sum over the other classes `i` of
    /// `max(0, margin - input[target] + input[i])^p`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[C]` or `[N, C]` | differentiable |
    /// | `target` | `[]`, `[1]` or `[N]`, any integer type | |
    /// | `weight` | `[C]` | optional factor of each class |
    ///
    /// `mean` divides by the number of rows, `weight` or not. The gradient is 0 at a kink. A class
    /// index outside `0..C` is an error that names its place and value; its loss and gradient are
    /// NaN.
    ///
    /// Source: PyTorch's `torch.nn.functional.multi_margin_loss`; K. Crammer and Y. Singer, 2001.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct MultiMargin {
        /// The power, 1 or 2.
        pub p: i64 = 1, Valid("1 or 2", |p| p == 1 || p == 2);
        /// How far the target is to be above the other classes.
        pub margin: f32 = 1.0, FINITE;
    }
    parameters |loss| {
        squared = loss.p == 2;
    }
}

inputs! {
    of MultiMargin;
    differentiable {
        /// The scores of the classes.
        input: T = Scores,
    }
    constant {
        /// The class index of each row.
        target: T = Index,
        /// A factor of each class.
        weight: Option<T> = Classes in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "multi_margin_loss",
    aliases: &["multi_margin"],
    summary: "Hinge between the target class and each other class.",
    formula: "weight[target] / C sum over i != target of max(0, margin - input[target] + input[i])^p",
    inputs: INPUTS,
    arguments: &["input", "target", "p", "margin", "weight", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: rows::shader(include_str!("../../shaders/rows/multi_margin_loss.wgsl")),
};

impl Loss for MultiMargin {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

impl MultiMargin {
    /// The term of a difference, and its derivative.
    #[inline(always)]
    fn term(&self, item: Item, row: &Row) -> [f32; 2] {
        let z = numeric::max_nan(self.margin + (item.first - row.picked), 0.0);
        match self.p == 2 {
            true => [z * z, 2.0 * z],
            false => [z, if z > 0.0 { 1.0 } else { 0.0 }],
        }
    }
}

impl rows::Formula for MultiMargin {
    type Peaks = [f32; 0];
    type Sums = [f32; 2];
    const PICKS: bool = true;

    fn shifts(&self) -> bool {
        true
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let mut loss = RowLoss::zeros(row.first.len());
        let Some(target) = row.target.iter().position(|&q| q == 1.0) else { return loss };
        #[expect(clippy::cast_precision_loss, reason = "far fewer classes than 2^53")]
        let factor = row.weight[target] / row.first.len() as f64;
        loss.value = if row.first[target].is_nan() { f64::NAN } else { 0.0 };
        for (i, x) in row.first.iter().enumerate().filter(|(i, _)| *i != target) {
            let z = f64::from(self.margin) + (x - row.first[target]);
            let (value, slope) = if self.p == 2 { (z * z, 2.0 * z) } else { (z, 1.0) };
            if z > 0.0 || z.is_nan() {
                loss.value += factor * value;
                loss.slopes[0][i] += factor * slope;
                loss.slopes[0][target] -= factor * slope;
            }
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, _: Item) -> [f32; 0] {
        []
    }

    #[inline(always)]
    fn sums(&self, item: Item, row: &Row, _: [f32; 0]) -> [f32; 2] {
        if item.target == 1.0 { [0.0; 2] } else { self.term(item, row) }
    }

    #[inline(always)]
    fn value(&self, row: &Row, _: [f32; 0], sums: [f32; 2]) -> f32 {
        // Without other classes NaN would be lost.
        let own = if row.picked.is_nan() { row.picked } else { 0.0 };
        row.weight * sums[0] / row.classes + own
    }

    #[inline(always)]
    fn gradient(&self, item: Item, row: &Row, _: [f32; 0], sums: [f32; 2]) -> [f32; 4] {
        let slope = if item.target == 1.0 { -sums[1] } else { self.term(item, row)[1] };
        [row.weight * slope / row.classes, 0.0, 0.0, 0.0]
    }
}
