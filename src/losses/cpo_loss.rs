use super::prelude::*;

choices! {
    /// What [`Cpo`] makes of the difference of the log-probabilities: `d = policy_chosen - policy_rejected`, and `z =
    /// beta d`. Smoothing is `e`.
    pub enum CpoType {
        /// `(1 - e) softplus(-z) + e softplus(z)`.
        Sigmoid = "sigmoid",
        /// `max(0, 1 - z)`.
        Hinge = "hinge",
        /// `(d - 1 / (2 beta))^2`.
        Ipo = "ipo",
    }
}

options! {
    /// Preference without a reference: [`Dpo`](super::Dpo) of the policy's log-probabilities alone, with
    /// `z = beta (policy_chosen - policy_rejected)` and as [`loss_type`](super::CpoType) one of `sigmoid`, `hinge` and
    /// `ipo`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `policy_chosen`, `policy_rejected` | any, the same | differentiable |
    ///
    /// Both are log-probabilities of whole answers, sums over their tokens; of `ipo` TRL's CPO takes sums too, so give
    /// what you mean. `mean` divides by the number of pairs. An infinite difference is certain: `sigmoid` is 0 or
    /// infinite there. `hinge` has gradient 0 at its kink. The negative log-likelihood that CPO adds is the caller's,
    /// TRL's type `simpo` is [`Simpo`](super::Simpo), and AlphaPO's transform is not here.
    ///
    /// Source: H. Xu et al., "Contrastive Preference Optimization", 2024; TRL 1.16 `CPOTrainer.cpo_loss`; Liger
    /// `chunked_loss.cpo_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Cpo {
        /// What the difference is multiplied by; above 0.
        pub beta: f32 = 0.1, ABOVE_ZERO;
        /// How often the preferences are thought to be wrong: 0 to 1 for `sigmoid`, 0 for the others.
        pub label_smoothing: f32 = 0.0, ZERO_TO_ONE;
        /// What is made of the difference.
        pub loss_type: CpoType = CpoType::Sigmoid;
    }
    together |loss| {
        label_smoothing = loss.smoothing();
    }
    parameters |loss| {
        middle = loss.middle();
    }
}

inputs! {
    of Cpo;
    differentiable {
        /// The log-probability of the answer that was chosen.
        policy_chosen: T = Alike,
        /// The log-probability of the answer that was rejected.
        policy_rejected: T = Alike,
    }
}

static DEFINITION: Definition = Definition {
    name: "cpo_loss",
    aliases: &["cpo"],
    summary: "Preference without a reference: DPO of the policy alone.",
    formula: "softplus(-beta (policy_chosen - policy_rejected))",
    inputs: INPUTS,
    arguments: &[
        "policy_chosen",
        "policy_rejected",
        "beta",
        "label_smoothing",
        "loss_type",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/cpo_loss.wgsl")),
};

impl Loss for Cpo {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl Cpo {
    /// Which smoothing its type has.
    fn smoothing(&self) -> Valid<f32> {
        match self.loss_type {
            CpoType::Sigmoid => ZERO_TO_ONE,
            _ => Valid("0 for a loss_type other than sigmoid", |x| x == 0.0),
        }
    }

    /// The difference that squares are of a distance from.
    #[inline(always)]
    fn middle(&self) -> f32 {
        0.5 / self.beta
    }
}

impl pointwise::Formula for Cpo {
    #[inline(always)]
    fn run<T: pointwise::Loops>(&self, loops: T) {
        run_each!(loops, self.loss_type: CpoType { Sigmoid, Hinge, Ipo });
    }

    fn reference(&self, [c, r, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let [beta, e] = [self.beta, self.label_smoothing].map(f64::from);
        let z = beta * (c - r);
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let (value, slope) = match self.loss_type {
            CpoType::Sigmoid => (
                product(1.0 - e, softplus(-z)) + product(e, softplus(z)),
                beta * (e * sigmoid(z) - (1.0 - e) * sigmoid(-z)),
            ),
            CpoType::Hinge if z < 1.0 => (1.0 - z, -beta),
            CpoType::Hinge => (if z.is_nan() { z } else { 0.0 }, 0.0),
            CpoType::Ipo => {
                let d = c - r - 1.0 / (2.0 * beta);
                (d * d, 2.0 * d)
            }
        };
        (value, [slope, -slope, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [c, r, ..]: [f32; 4]) -> f32 {
        let (z, e) = (self.beta * (c - r), self.label_smoothing);
        match self.loss_type {
            CpoType::Sigmoid => numeric::softplus_sum(z, 1.0 - e, e),
            CpoType::Hinge => numeric::max_nan(1.0 - z, 0.0),
            CpoType::Ipo => {
                let d = (c - r) - self.middle();
                d * d
            }
        }
    }

    #[inline(always)]
    fn gradient(&self, [c, r, ..]: [f32; 4]) -> [f32; 4] {
        let (z, e) = (self.beta * (c - r), self.label_smoothing);
        let slope = match self.loss_type {
            CpoType::Sigmoid => self.beta * numeric::softplus_sum_slope(z, 1.0 - e, e),
            CpoType::Hinge => {
                if z < 1.0 {
                    -self.beta
                } else {
                    0.0
                }
            }
            CpoType::Ipo => 2.0 * ((c - r) - self.middle()),
        };
        [slope, -slope, 0.0, 0.0]
    }
}
