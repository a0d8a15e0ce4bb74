use super::prelude::*;

options! {
    /// Logarithm of the hyperbolic cosine of the error: `log cosh(input - target)`, half the square
    /// of a small error, and the absolute value of a large one less `log 2`.
    ///
    /// `input` and `target` have any shape and broadcast; both are differentiable. It overflows for
    /// no finite error.
    ///
    /// Source: R. A. Saleh and A. K. Md. E. Saleh, "Statistical properties of the log-cosh loss
    /// function used in machine learning", 2022. PyTorch has none.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct LogCosh;
}

inputs! {
    of LogCosh;
    differentiable {
        /// The predictions.
        input: T = Elements,
        /// What they should be.
        target: T = Elements,
    }
}

static DEFINITION: Definition = Definition {
    name: "log_cosh_loss",
    aliases: &["log_cosh"],
    summary: "Squared error near 0, absolute error far away, smooth everywhere.",
    formula: "log cosh(input - target)",
    inputs: INPUTS,
    arguments: &["input", "target", "*", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/log_cosh_loss.wgsl")),
};

impl Loss for LogCosh {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for LogCosh {
    fn reference(&self, [p, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let d = p - t;
        let far = d.abs() + (-2.0 * d.abs()).exp().ln_1p() - std::f64::consts::LN_2;
        let near = (2.0 * (d / 2.0).sinh().powi(2)).ln_1p();
        let value = if d.abs() < 1.0 { near } else { far };
        (value, [d.tanh(), -d.tanh(), 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [p, t, ..]: [f32; 4]) -> f32 {
        numeric::log_cosh(p - t)
    }

    #[inline(always)]
    fn gradient(&self, [p, t, ..]: [f32; 4]) -> [f32; 4] {
        let slope = numeric::tanh(p - t);
        [slope, -slope, 0.0, 0.0]
    }
}
