use super::prelude::*;

options! {
    /// Preference without a reference, by a margin: with `z = beta (policy_chosen - policy_rejected) - gamma` and
    /// smoothing `e` it is `(1 - e) softplus(-z) + e softplus(z)`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `policy_chosen`, `policy_rejected` | any, the same | differentiable |
    ///
    /// Both are log-probabilities of answers as means over their tokens. `mean` divides by the number of pairs.
    /// `gamma` is the margin after `beta`, as in the paper; TRL's is the same, which it divides by `beta` and
    /// multiplies with it again. The defaults are TRL's and Liger's; the paper has a `beta` of 2 to 2.5. An infinite
    /// difference is certain: 0 or infinite.
    ///
    /// Source: Y. Meng et al., "SimPO: Simple Preference Optimization with a Reference-Free Reward", 2024; TRL 1.16
    /// `CPOTrainer.cpo_loss` with the `loss_type` simpo; Liger `chunked_loss.simpo_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Simpo {
        /// What the difference is multiplied by; above 0.
        pub beta: f32 = 0.1, ABOVE_ZERO;
        /// The margin by which the chosen answer is to be better.
        pub gamma: f32 = 0.5, FINITE;
        /// How often the preferences are thought to be wrong; 0 to 1.
        pub label_smoothing: f32 = 0.0, ZERO_TO_ONE;
    }
}

inputs! {
    of Simpo;
    differentiable {
        /// The mean log-probability of a token of the answer that was chosen.
        policy_chosen: T = Alike,
        /// The same of the answer that was rejected.
        policy_rejected: T = Alike,
    }
}

static DEFINITION: Definition = Definition {
    name: "simpo_loss",
    aliases: &["simpo"],
    summary: "Preference without a reference, by a margin.",
    formula: "softplus(gamma - beta (policy_chosen - policy_rejected))",
    inputs: INPUTS,
    arguments: &[
        "policy_chosen",
        "policy_rejected",
        "beta",
        "gamma",
        "label_smoothing",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/simpo_loss.wgsl")),
};

impl Loss for Simpo {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for Simpo {
    fn reference(&self, [c, r, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let [beta, gamma, e] = [self.beta, self.gamma, self.label_smoothing].map(f64::from);
        let z = beta * (c - r) - gamma;
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let slope = beta * (e * sigmoid(z) - (1.0 - e) * sigmoid(-z));
        let value = product(1.0 - e, softplus(-z)) + product(e, softplus(z));
        (value, [slope, -slope, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [c, r, ..]: [f32; 4]) -> f32 {
        let (z, e) = (self.beta * (c - r) - self.gamma, self.label_smoothing);
        numeric::softplus_sum(z, 1.0 - e, e)
    }

    #[inline(always)]
    fn gradient(&self, [c, r, ..]: [f32; 4]) -> [f32; 4] {
        let (z, e) = (self.beta * (c - r) - self.gamma, self.label_smoothing);
        let slope = self.beta * numeric::softplus_sum_slope(z, 1.0 - e, e);
        [slope, -slope, 0.0, 0.0]
    }
}
