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
        /// Keeps the logarithm of a rate finite; 0 or more.
        pub eps: f32 = 1e-8, FROM_ZERO;
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
    arguments: &["input", "target", "log_input", "full", "eps", "reduction"],
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

impl PoissonNll {
    /// `log(x + eps)`; near 1, where the sum would round eps, of the difference from 1.
    #[inline(always)]
    fn log_rate(&self, x: f32) -> f32 {
        let (near, far) = (numeric::ln_1p((x - 1.0) + self.eps), numeric::ln(x + self.eps));
        if (x - 1.0).abs() < 0.5 { near } else { far }
    }

    /// `exp(x) - t`; near 0 less 1 on both sides, as it is 0 at x = 0 and t = 1.
    #[inline(always)]
    fn log_rate_slope(x: f32, t: f32) -> f32 {
        let (near, far) = (numeric::exp_m1_near_0(x) - (t - 1.0), numeric::exp(x) - t);
        if x.abs() < 0.25 { near } else { far }
    }

    /// `1 - t / (x + eps)`, by the difference of x and t where they are alike.
    #[inline(always)]
    fn rate_slope(&self, x: f32, t: f32) -> f32 {
        let rate = x + self.eps;
        let near = (x - t).abs() < 0.5 * rate;
        let (whole, part) = if near { (0.0, (x - t) + self.eps) } else { (1.0, -t) };
        whole + part / rate
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
        let likelihood =
            if self.log_input { numeric::exp(x) - t * x } else { x - t * self.log_rate(x) };
        // An option on its own: beside a condition that varies it would stay in the loops.
        if !self.full {
            return likelihood;
        }
        let stirling = t * numeric::ln(t) - t + 0.5 * numeric::ln(std::f32::consts::TAU * t);
        likelihood + if t > 1.0 { stirling } else { 0.0 }
    }

    #[inline(always)]
    fn gradient(&self, [x, t, ..]: [f32; 4]) -> [f32; 4] {
        let (by_input, by_target) = if self.log_input {
            (Self::log_rate_slope(x, t), -x)
        } else {
            (self.rate_slope(x, t), -self.log_rate(x))
        };
        if !self.full {
            return [by_input, by_target, 0.0, 0.0];
        }
        let stirling = numeric::ln(t) + 0.5 / t;
        [by_input, by_target + if t > 1.0 { stirling } else { 0.0 }, 0.0, 0.0]
    }
}
