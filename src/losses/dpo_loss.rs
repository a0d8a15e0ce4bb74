use super::prelude::*;

choices! {
    /// What [`Dpo`] makes of the log-ratios: `c` of the chosen answer, `r` of the rejected one, and `z = beta (c -
    /// r)`. Smoothing is `e`.
    pub enum DpoType {
        /// `(1 - e) softplus(-z) + e softplus(z)`, with smoothing cDPO.
        Sigmoid = "sigmoid",
        /// `max(0, 1 - z)`.
        Hinge = "hinge",
        /// `(c - r - 1 / (2 beta))^2`, of log-probabilities that are means over tokens.
        Ipo = "ipo",
        /// `((1 - e) softplus(-z) - e softplus(z)) / (1 - 2 e)`, for e below 1/2.
        Robust = "robust",
        /// `sigmoid(z) log(sigmoid(z) / (1 - e)) + sigmoid(-z) log(sigmoid(-z) / e)`, for e between 0 and 1.
        ExoPair = "exo_pair",
        /// `softplus(-beta c) + softplus(beta c) / 2 + softplus(beta r) / 2`.
        NcaPair = "nca_pair",
        /// `softplus(-beta c) + softplus(beta r)`.
        BcoPair = "bco_pair",
        /// `(c - 1 / (2 beta))^2 + (r + 1 / (2 beta))^2`.
        SppoHard = "sppo_hard",
        /// `sigmoid(-beta c) + sigmoid(beta r)`.
        ApoZero = "apo_zero",
        /// `sigmoid(beta c) + sigmoid(-z)`.
        ApoDown = "apo_down",
        /// `(1 - u) softplus(-z) + u exp(-z)` with `u = sigmoid(z / discopop_tau)`.
        Discopop = "discopop",
    }
}

options! {
    /// Direct preference optimisation: makes a policy prefer chosen answers to rejected ones, compared with what a
    /// reference prefers. With the log-ratios `c = policy_chosen - reference_chosen` and `r = policy_rejected -
    /// reference_rejected` it is a function of `z = beta (c - r)`, or of both, that
    /// [`loss_type`](super::DpoType) names.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `policy_chosen`, `policy_rejected` | any, the same | differentiable |
    /// | `reference_chosen`, `reference_rejected` | the same | differentiable |
    ///
    /// All four are log-probabilities of whole answers: sums over their tokens, for `ipo` means (`sigmoid` of means
    /// is TRL's `sigmoid_norm`). `mean` divides by the number of pairs. An infinite log-ratio is certain: `sigmoid`
    /// is 0 or infinite there. `hinge` has gradient 0 at its kink, and `robust` may be negative.
    ///
    /// With `label_smoothing`, `sigmoid` is cDPO, as in Liger's CPO; TRL 1.16 and Liger's DPO leave it out there.
    /// Where a type has no smoothing, any but 0 is refused, which TRL takes no notice of. `bco_pair` has no running
    /// mean, as in TRL 1.16. `discopop` is finite where TRL's is NaN, at `z` below -88. Terms that look at the whole
    /// batch (`aot`), and the negative log-likelihood that RPO adds, are the caller's.
    ///
    /// Source: R. Rafailov et al., "Direct Preference Optimization", 2023, and the papers that TRL's `DPOTrainer`
    /// names; TRL 1.16 `DPOTrainer`; Liger `chunked_loss.dpo_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Dpo {
        /// How strongly the policy is held to the reference; above 0.
        pub beta: f32 = 0.1, ABOVE_ZERO;
        /// How often the preferences are thought to be wrong: 0 to 1 for `sigmoid`, below 1/2 for `robust`, between 0
        /// and 1 for `exo_pair` (0.001 in its paper), 0 for all others.
        pub label_smoothing: f32 = 0.0, ZERO_TO_ONE;
        /// What is made of the log-ratios.
        pub loss_type: DpoType = DpoType::Sigmoid;
        /// The temperature of the mixture of `discopop`; above 0.
        pub discopop_tau: f32 = 0.05, ABOVE_ZERO;
    }
    together |loss| {
        label_smoothing = loss.smoothing();
    }
    parameters |loss| {
        yes = loss.weights()[0];
        no = loss.weights()[1];
        log_yes = loss.logarithms()[0];
        log_no = loss.logarithms()[1];
        middle = loss.middle();
    }
}

inputs! {
    of Dpo;
    differentiable {
        /// The policy's log-probability of the answer that was chosen.
        policy_chosen: T = Alike,
        /// The policy's log-probability of the answer that was rejected.
        policy_rejected: T = Alike,
        /// The reference's log-probability of the answer that was chosen.
        reference_chosen: T = Alike,
        /// The reference's log-probability of the answer that was rejected.
        reference_rejected: T = Alike,
    }
}

static DEFINITION: Definition = Definition {
    name: "dpo_loss",
    aliases: &["dpo"],
    summary: "Direct preference optimisation against a reference, and its relatives.",
    formula: "softplus(-beta ((policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)))",
    inputs: INPUTS,
    arguments: &[
        "policy_chosen",
        "policy_rejected",
        "reference_chosen",
        "reference_rejected",
        "beta",
        "label_smoothing",
        "loss_type",
        "discopop_tau",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/dpo_loss.wgsl")),
};

impl Loss for Dpo {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl Dpo {
    /// Which smoothing its type has.
    fn smoothing(&self) -> Valid<f32> {
        match self.loss_type {
            DpoType::Sigmoid => ZERO_TO_ONE,
            DpoType::Robust => {
                Valid("0 or more and below 1/2 for loss_type robust", |x| (0.0..0.5).contains(&x))
            }
            DpoType::ExoPair => {
                Valid("between 0 and 1, but neither, for loss_type exo_pair", |x| {
                    x > 0.0 && x < 1.0
                })
            }
            _ => Valid("0 for a loss_type other than sigmoid, robust and exo_pair", |x| x == 0.0),
        }
    }

    /// The weights of both sides of `sigmoid` and `robust`.
    #[inline(always)]
    fn weights(&self) -> [f32; 2] {
        let e = self.label_smoothing;
        match self.loss_type {
            DpoType::Robust => [(1.0 - e) / (1.0 - 2.0 * e), -e / (1.0 - 2.0 * e)],
            _ => [1.0 - e, e],
        }
    }

    /// The logarithms of the probabilities that `exo_pair` compares with.
    #[inline(always)]
    fn logarithms(&self) -> [f32; 2] {
        match self.loss_type {
            DpoType::ExoPair => {
                [numeric::ln_1p(-self.label_smoothing), numeric::ln(self.label_smoothing)]
            }
            _ => [0.0; 2],
        }
    }

    /// The log-ratio that squares are of a distance from.
    #[inline(always)]
    fn middle(&self) -> f32 {
        0.5 / self.beta
    }
}

impl pointwise::Formula for Dpo {
    #[inline(always)]
    fn run<T: pointwise::Loops>(&self, loops: T) {
        run_each!(loops, self.loss_type: DpoType {
            Sigmoid, Hinge, Ipo, Robust, ExoPair, NcaPair, BcoPair, SppoHard, ApoZero, ApoDown, Discopop,
        });
    }

    fn reference(
        &self,
        [policy_c, policy_r, reference_c, reference_r]: [f64; 4],
    ) -> (f64, [f64; 4]) {
        let [beta, e, tau] = [self.beta, self.label_smoothing, self.discopop_tau].map(f64::from);
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let bell = |z: f64| sigmoid(z) * sigmoid(-z);
        let (c, r) = (policy_c - reference_c, policy_r - reference_r);
        let (z, middle) = (beta * (c - r), 1.0 / (2.0 * beta));
        let (p, q) = (sigmoid(z), sigmoid(-z));
        // The value and its derivative by z, or by both log-ratios.
        let of_z = |value: f64, slope: f64| (value, beta * slope, -beta * slope);
        let (value, by_c, by_r) = match self.loss_type {
            DpoType::Sigmoid => {
                let value = product(1.0 - e, softplus(-z)) + product(e, softplus(z));
                of_z(value, e * p - (1.0 - e) * q)
            }
            DpoType::Hinge if z < 1.0 => of_z(1.0 - z, -1.0),
            DpoType::Hinge => of_z(if z.is_nan() { z } else { 0.0 }, 0.0),
            DpoType::Ipo => {
                let d = c - r - middle;
                (d * d, 2.0 * d, -2.0 * d)
            }
            DpoType::Robust => {
                let value = product(1.0 - e, softplus(-z)) - product(e, softplus(z));
                of_z(value / (1.0 - 2.0 * e), (-e * p - (1.0 - e) * q) / (1.0 - 2.0 * e))
            }
            DpoType::ExoPair => {
                let value =
                    product(p, -softplus(-z) - (1.0 - e).ln()) + product(q, -softplus(z) - e.ln());
                of_z(value, product(p * q, z - (1.0 - e).ln() + e.ln()))
            }
            DpoType::NcaPair => (
                softplus(-beta * c) + 0.5 * softplus(beta * c) + 0.5 * softplus(beta * r),
                beta * (0.5 * sigmoid(beta * c) - sigmoid(-beta * c)),
                0.5 * beta * sigmoid(beta * r),
            ),
            DpoType::BcoPair => (
                softplus(-beta * c) + softplus(beta * r),
                -beta * sigmoid(-beta * c),
                beta * sigmoid(beta * r),
            ),
            DpoType::SppoHard => (
                (c - middle).powi(2) + (r + middle).powi(2),
                2.0 * (c - middle),
                2.0 * (r + middle),
            ),
            DpoType::ApoZero => (
                sigmoid(-beta * c) + sigmoid(beta * r),
                -beta * bell(beta * c),
                beta * bell(beta * r),
            ),
            DpoType::ApoDown => {
                (sigmoid(beta * c) + q, beta * (bell(beta * c) - bell(z)), beta * bell(z))
            }
            DpoType::Discopop => {
                let (u, v) = (sigmoid(z / tau), sigmoid(-z / tau));
                let power = (-z - softplus(-z / tau)).exp(); // u exp(-z)
                let slope = v / tau * power - u * v / tau * softplus(-z) - v * q - power;
                of_z(product(v, softplus(-z)) + power, slope)
            }
        };
        (value, [by_c, by_r, -by_c, -by_r])
    }

    #[inline(always)]
    fn value(&self, [policy_c, policy_r, reference_c, reference_r]: [f32; 4]) -> f32 {
        let (c, r) = (policy_c - reference_c, policy_r - reference_r);
        let (z, of_c, of_r) = (self.beta * (c - r), self.beta * c, self.beta * r);
        match self.loss_type {
            DpoType::Sigmoid | DpoType::Robust => {
                let [yes, no] = self.weights();
                numeric::softplus_sum(z, yes, no)
            }
            DpoType::Hinge => numeric::max_nan(1.0 - z, 0.0),
            DpoType::Ipo => {
                let d = (c - r) - self.middle();
                d * d
            }
            DpoType::ExoPair => {
                let [log_yes, log_no] = self.logarithms();
                numeric::silenced(numeric::sigmoid(z), -numeric::softplus(-z) - log_yes)
                    + numeric::silenced(numeric::sigmoid(-z), -numeric::softplus(z) - log_no)
            }
            DpoType::NcaPair => {
                numeric::softplus_sum(of_c, 1.0, 0.5) + 0.5 * numeric::softplus(of_r)
            }
            DpoType::BcoPair => numeric::softplus(-of_c) + numeric::softplus(of_r),
            DpoType::SppoHard => {
                let (c, r) = (c - self.middle(), r + self.middle());
                c * c + r * r
            }
            DpoType::ApoZero => numeric::sigmoid(-of_c) + numeric::sigmoid(of_r),
            DpoType::ApoDown => numeric::sigmoid(of_c) + numeric::sigmoid(-z),
            DpoType::Discopop => {
                let s = z / self.discopop_tau;
                numeric::silenced(numeric::sigmoid(-s), numeric::softplus(-z))
                    + numeric::exp(-z - numeric::softplus(-s))
            }
        }
    }

    #[inline(always)]
    fn gradient(&self, [policy_c, policy_r, reference_c, reference_r]: [f32; 4]) -> [f32; 4] {
        let (c, r) = (policy_c - reference_c, policy_r - reference_r);
        let (z, of_c, of_r) = (self.beta * (c - r), self.beta * c, self.beta * r);
        let of_z = |slope: f32| [self.beta * slope, -self.beta * slope];
        let bell = |z: f32| numeric::sigmoid(z) * numeric::sigmoid(-z);
        let [by_c, by_r] = match self.loss_type {
            DpoType::Sigmoid | DpoType::Robust => {
                let [yes, no] = self.weights();
                of_z(numeric::softplus_sum_slope(z, yes, no))
            }
            DpoType::Hinge => of_z(if z < 1.0 { -1.0 } else { 0.0 }),
            DpoType::Ipo => {
                let d = (c - r) - self.middle();
                [2.0 * d, -2.0 * d]
            }
            DpoType::ExoPair => {
                let [log_yes, log_no] = self.logarithms();
                of_z(numeric::silenced(bell(z), z - (log_yes - log_no)))
            }
            DpoType::NcaPair => [
                self.beta * numeric::softplus_sum_slope(of_c, 1.0, 0.5),
                0.5 * self.beta * numeric::sigmoid(of_r),
            ],
            DpoType::BcoPair => {
                [-self.beta * numeric::sigmoid(-of_c), self.beta * numeric::sigmoid(of_r)]
            }
            DpoType::SppoHard => [2.0 * (c - self.middle()), 2.0 * (r + self.middle())],
            DpoType::ApoZero => [-self.beta * bell(of_c), self.beta * bell(of_r)],
            DpoType::ApoDown => [self.beta * (bell(of_c) - bell(z)), self.beta * bell(z)],
            DpoType::Discopop => {
                let s = z / self.discopop_tau;
                let (u, v) = (numeric::sigmoid(s), numeric::sigmoid(-s));
                let (entropy, power) =
                    (numeric::softplus(-z), numeric::exp(-z - numeric::softplus(-s)));
                let mixed = v / self.discopop_tau * (power - numeric::silenced(u, entropy));
                of_z(mixed - v * numeric::sigmoid(-z) - power)
            }
        };
        [by_c, by_r, -by_c, -by_r]
    }
}
