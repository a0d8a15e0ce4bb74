use super::prelude::*;

options! {
    /// Mean absolute error: `|input - target|`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input`, `target` | any; they broadcast | differentiable |
    /// | `weight` | as `input` | optional factor of each term |
    ///
    /// With `weight`, `mean` divides by its sum. The gradient with respect to `input` is the sign
    /// of the difference and 0 where both are equal; where the difference is NaN (infinity minus
    /// infinity included) the gradient is NaN, where PyTorch has 0.
    ///
    /// Source: PyTorch's `torch.nn.functional.l1_loss`.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct L1;
}

inputs! {
    of L1;
    differentiable {
        /// The predictions.
        input: T = Elements,
        /// What they should be.
        target: T = Elements,
        /// A factor of each term.
        weight: Option<T> = Weight in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "l1_loss",
    aliases: &["l1"],
    summary: "Absolute error.",
    formula: "|input - target|",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction", "weight"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/l1_loss.wgsl")),
};

impl Loss for L1 {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for L1 {
    fn reference(&self, [p, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let d = p - t;
        let slope = if d == 0.0 || d.is_nan() { d } else { d.signum() };
        (d.abs(), [slope, -slope, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [p, t, ..]: [f32; 4]) -> f32 {
        (p - t).abs()
    }

    #[inline(always)]
    fn gradient(&self, [p, t, ..]: [f32; 4]) -> [f32; 4] {
        let slope = numeric::sign(p - t);
        [slope, -slope, 0.0, 0.0]
    }
}
