use super::prelude::*;

options! {
    /// L1 with a quadratic floor: with `d = |input - target|`, `d^2 / (2 beta)` where `d < beta`,
    /// else `d - beta / 2`.
    ///
    /// `input` and `target` have any shape and broadcast; both are differentiable. With `beta` 0 it
    /// is [`L1`](super::L1).
    ///
    /// Source: PyTorch's `torch.nn.functional.smooth_l1_loss`; R. Girshick, "Fast R-CNN", 2015.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct SmoothL1 {
        /// Where the quadratic part ends; 0 or more.
        pub beta: f32 = 1.0, FROM_ZERO;
    }
}

inputs! {
    of SmoothL1;
    differentiable {
        /// The predictions.
        input: T = Elements,
        /// What they should be.
        target: T = Elements,
    }
}

static DEFINITION: Definition = Definition {
    name: "smooth_l1_loss",
    aliases: &["smooth_l1"],
    summary: "Absolute error with a quadratic floor of width beta.",
    formula: "d = |input - target|: d^2 / (2 beta) where d < beta, else d - beta / 2",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction", "beta"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/smooth_l1_loss.wgsl")),
};

impl Loss for SmoothL1 {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for SmoothL1 {
    fn reference(&self, [p, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let (d, beta) = (p - t, f64::from(self.beta));
        let (value, slope) = if d.abs() < beta {
            (d * d / (2.0 * beta), d / beta)
        } else {
            (d.abs() - beta / 2.0, if d == 0.0 { 0.0 } else { d.signum() })
        };
        (value, [slope, -slope, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [p, t, ..]: [f32; 4]) -> f32 {
        let d = (p - t).abs();
        // Both at once, without a branch: lanes take both.
        let (quadratic, linear) = (0.5 * d * (d / self.beta), d - 0.5 * self.beta);
        if d < self.beta { quadratic } else { linear }
    }

    #[inline(always)]
    fn gradient(&self, [p, t, ..]: [f32; 4]) -> [f32; 4] {
        let d = p - t;
        let (quadratic, linear) = (d / self.beta, numeric::sign(d));
        let slope = if d.abs() < self.beta { quadratic } else { linear };
        [slope, -slope, 0.0, 0.0]
    }
}
