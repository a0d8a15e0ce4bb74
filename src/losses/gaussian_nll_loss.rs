use super::prelude::*;

options! {
    /// Negative log likelihood of a target under a normal distribution: `(log v + (input -
    /// target)^2 / v) / 2` with `v = max(var, eps)`; with `full`, `log(2 pi) / 2` is added.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | any | differentiable |
    /// | `target` | broadcasts with `input` | differentiable |
    /// | `var` | broadcasts onto `input`, or its shape without the last dimension | differentiable |
    ///
    /// The gradient with respect to `var` passes straight through the maximum, as in PyTorch. A
    /// negative `var` gives NaN, where PyTorch raises an error.
    ///
    /// Source: PyTorch's `torch.nn.functional.gaussian_nll_loss`; D. A. Nix and A. S. Weigend,
    /// "Estimating the mean and variance of the target probability distribution", 1994.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct GaussianNll {
        /// Whether the constant part is added.
        pub full: bool = false;
        /// The least variance; above 0.
        pub eps: f32 = 1e-6, ABOVE_ZERO;
    }
}

inputs! {
    of GaussianNll;
    differentiable {
        /// The means.
        input: T = Elements,
        /// The numbers that were seen.
        target: T = Elements,
        /// The variances.
        var: T = Variance in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "gaussian_nll_loss",
    aliases: &["gaussian_nll"],
    summary: "Negative log likelihood of a target under a normal distribution.",
    formula: "(log v + (input - target)^2 / v) / 2, v = max(var, eps)",
    inputs: INPUTS,
    arguments: &["input", "target", "var", "full", "eps", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/gaussian_nll_loss.wgsl")),
};

impl Loss for GaussianNll {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl GaussianNll {
    #[inline(always)]
    fn clamped(&self, var: f32) -> f32 {
        if var < 0.0 { f32::NAN } else { numeric::max_nan(var, self.eps) }
    }
}

impl pointwise::Formula for GaussianNll {
    fn reference(&self, [x, t, var, _]: [f64; 4]) -> (f64, [f64; 4]) {
        let eps = f64::from(self.eps);
        let v = match var {
            var if var < 0.0 => f64::NAN,
            var if var < eps => eps,
            var => var,
        };
        let constant = if self.full { std::f64::consts::TAU.ln() / 2.0 } else { 0.0 };
        let d = x - t;
        let by_variance = 0.5 * (1.0 / v - d * d / (v * v));
        (0.5 * (v.ln() + d * d / v) + constant, [d / v, -d / v, by_variance, 0.0])
    }

    #[inline(always)]
    fn value(&self, [x, t, var, _]: [f32; 4]) -> f32 {
        let v = self.clamped(var);
        let d = x - t;
        0.5 * (numeric::ln(v) + d * (d / v)) + if self.full { 0.918_938_5 } else { 0.0 }
    }

    #[inline(always)]
    fn gradient(&self, [x, t, var, _]: [f32; 4]) -> [f32; 4] {
        let v = self.clamped(var);
        let scaled = (x - t) / v;
        [scaled, -scaled, 0.5 / v - (0.5 * scaled) * scaled, 0.0]
    }
}
