use super::prelude::*;

options! {
    /// Mean squared error: `(input - target)^2`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input`, `target` | any; they broadcast | differentiable |
    /// | `weight` | as `input` | optional factor of each term |
    ///
    /// With `weight`, `mean` divides by its sum. A difference above 1.8e19 squares to infinity.
    ///
    /// Source: PyTorch's `torch.nn.functional.mse_loss`.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Mse;
}

inputs! {
    of Mse;
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
    name: "mse_loss",
    aliases: &["mse"],
    summary: "Squared error.",
    formula: "(input - target)^2",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction", "weight"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/mse_loss.wgsl")),
};

impl Loss for Mse {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for Mse {
    fn reference(&self, [p, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        ((p - t).powi(2), [2.0 * (p - t), 2.0 * (t - p), 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [p, t, ..]: [f32; 4]) -> f32 {
        (p - t) * (p - t)
    }

    #[inline(always)]
    fn gradient(&self, [p, t, ..]: [f32; 4]) -> [f32; 4] {
        let slope = 2.0 * (p - t);
        [slope, -slope, 0.0, 0.0]
    }
}
