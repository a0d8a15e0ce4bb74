use super::prelude::*;

options! {
    /// Logistic loss of a score and a target of 1 or -1: `log(1 + exp(-target input))`.
    ///
    /// `input` and `target` have any shape and broadcast; both are differentiable (PyTorch refuses
    /// the gradient with respect to `target`). It overflows for no input: where `target input` is
    /// below -88.7 it is `-target input`, where PyTorch has infinity and a gradient of NaN.
    ///
    /// Source: PyTorch's `torch.nn.functional.soft_margin_loss`.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct SoftMargin;
}

inputs! {
    of SoftMargin;
    differentiable {
        /// The scores.
        input: T = Elements,
        /// The signs that they should have.
        target: T = Elements in Sign,
    }
}

static DEFINITION: Definition = Definition {
    name: "soft_margin_loss",
    aliases: &["soft_margin"],
    summary: "Logistic loss of a score with a target of 1 or -1.",
    formula: "log(1 + exp(-target input))",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/soft_margin_loss.wgsl")),
};

impl Loss for SoftMargin {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for SoftMargin {
    fn reference(&self, [x, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let slope = -1.0 / (1.0 + (t * x).exp());
        (softplus(-t * x), [slope * t, slope * x, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [x, t, ..]: [f32; 4]) -> f32 {
        numeric::softplus(-t * x)
    }

    #[inline(always)]
    fn gradient(&self, [x, t, ..]: [f32; 4]) -> [f32; 4] {
        let slope = -numeric::sigmoid(-t * x);
        [slope * t, slope * x, 0.0, 0.0]
    }
}
