use super::prelude::*;

options! {
    /// Negative log likelihood of a count under a Poisson distribution: `exp(input) - target input`
    /// of a log-rate, or without `log_input` `input - target log(input + eps)` of a rate. With
    /// `full`, Stirling's `target log target - target + log(2 pi target) / 2` is added where
    /// `target` is above 1.
    ///
    /// `input` and `target` (0 or more) have any shape and broadcast; both are differentiable. At a
    /// target of 0 Stirling's part has gradient 0, where PyTorch has NaN.
    ///
    /// Source: PyTorch's `torch.nn.functional.poisson_nll_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct PoissonNll {
        /// Whether `input` is the logarithm of the rate.
        pub log_input: bool = true;
        /// Whether Stirling's approximation of the constant part is added.
        pub full: bool = false;
        /// Keeps the logarithm of a rate finite; above 0.
        pub eps: f32 = 1e-8, ABOVE_ZERO;
    }
}

inputs! {
    of PoissonNll;
    differentiable {
        /// The rates, or with `log_input` their logarithms.
        input: T = Elements,
        /// The counts.
        target: T = Elements in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "poisson_nll_loss",
    aliases: &["poisson_nll"],
    summary: "Negative log likelihood of a count under a Poisson distribution.",
    formula: "exp(input) - target input, or input - target log(input + eps) without log_input",
    inputs: INPUTS,
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/poisson_nll_loss.wgsl")),
};

impl Loss for PoissonNll {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for PoissonNll {
    fn reference(&self, [x, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let eps = f64::from(self.eps);
        let (mut value, by_input, mut by_target) = if self.log_input {
            (x.exp() - t * x, x.exp() - t, -x)
        } else {
            (x - t * (x + eps).ln(), 1.0 - t / (x + eps), -(x + eps).ln())
        };
        if self.full && t > 1.0 {
            value += t * t.ln() - t + (std::f64::consts::TAU * t).ln() / 2.0;
            by_target += t.ln() + 0.5 / t;
        }
        (value, [by_input, by_target, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [x, t, ..]: [f32; 4]) -> f32 {
        let likelihood = if self.log_input {
            numeric::exp(x) - t * x
        } else {
            x - t * numeric::ln(x + self.eps)
        };
        let stirling = t * numeric::ln(t) - t + 0.5 * numeric::ln(std::f32::consts::TAU * t);
        likelihood + if self.full && t > 1.0 { stirling } else { 0.0 }
    }

    #[inline(always)]
    fn gradient(&self, [x, t, ..]: [f32; 4]) -> [f32; 4] {
        let (by_input, by_target) = if self.log_input {
            (numeric::exp(x) - t, -x)
        } else {
            (1.0 - t / (x + self.eps), -numeric::ln(x + self.eps))
        };
        let stirling = if self.full && t > 1.0 { numeric::ln(t) + 0.5 / t } else { 0.0 };
        [by_input, by_target + stirling, 0.0, 0.0]
    }
}
