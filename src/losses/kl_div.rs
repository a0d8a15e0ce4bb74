use super::prelude::*;

options! {
    /// Kullback-Leibler divergence from a log-probability `input` to a probability `target`:
    /// `target (log target - input)`; with `log_target`, `exp(target) (target - input)`.
    ///
    /// `input` and `target` have any shape and broadcast; both are differentiable. `mean` divides
    /// by the number of elements, which is not the divergence; `batchmean`, which divides by the
    /// size of `input`'s first dimension, is. A target of 0 (or, as a logarithm, -inf) contributes
    /// 0 even where `input` is -inf, where PyTorch has NaN. A negative `target` gives NaN.
    ///
    /// Source: PyTorch's `torch.nn.functional.kl_div`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct KlDiv {
        /// Whether `target` holds logarithms.
        pub log_target: bool = false;
    }
}

inputs! {
    of KlDiv;
    differentiable {
        /// The log-probabilities.
        input: T = Elements,
        /// The probabilities that they should be those of, or with `log_target` their logarithms.
        target: T = Elements in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "kl_div",
    aliases: &[],
    summary: "Kullback-Leibler divergence of a target from a log-probability.",
    formula: "target (log target - input), or exp(target) (target - input) with log_target",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction", "log_target"],
    reductions: &[Reduction::Mean, Reduction::BatchMean, Reduction::Sum, Reduction::None],
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/kl_div.wgsl")),
};

impl Loss for KlDiv {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for KlDiv {
    fn reference(&self, [x, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let (q, log_q) = if self.log_target { (t.exp(), t) } else { (t, t.ln()) };
        let silent = q == 0.0 && !x.is_nan();
        let value = if silent { 0.0 } else { q * (log_q - x) };
        let by_target = log_q - x + 1.0;
        let by_target = match (self.log_target, silent) {
            (false, _) => by_target,
            (true, true) => 0.0,
            (true, false) => q * by_target,
        };
        (value, [-q, by_target, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [x, t, ..]: [f32; 4]) -> f32 {
        let (q, log_q) = if self.log_target { (numeric::exp(t), t) } else { (t, numeric::ln(t)) };
        if q == 0.0 && !x.is_nan() { 0.0 } else { q * (log_q - x) }
    }

    #[inline(always)]
    fn gradient(&self, [x, t, ..]: [f32; 4]) -> [f32; 4] {
        if self.log_target {
            let q = numeric::exp(t);
            let by_target = if q == 0.0 && !x.is_nan() { 0.0 } else { q * (t - x + 1.0) };
            [-q, by_target, 0.0, 0.0]
        } else {
            [-t, numeric::ln(t) - x + 1.0, 0.0, 0.0]
        }
    }
}
