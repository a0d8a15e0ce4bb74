use super::prelude::*;

options! {
    /// Preference without pairs: makes desirable answers likelier and undesirable ones less likely, compared with a
    /// reference. With `z = beta (policy - reference - kl)` it is `desirable_weight sigmoid(-z)` where `labels` is 1 and
    /// `undesirable_weight sigmoid(z)` where it is 0.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `policy`, `reference` | any, the same | differentiable |
    /// | `labels` | the same; 0 or 1, of any type | |
    /// | `kl` | the same, or one number; 0 if absent | |
    ///
    /// `policy` and `reference` are log-probabilities of whole answers, sums over their tokens. `kl` is how far the
    /// policy is from the reference; it is a constant, as TRL detaches it, and the caller clamps an estimate at 0 as
    /// TRL does. Without it this is TRL's `apo_zero_unpaired`. `mean` divides by the number of answers, whatever their
    /// weights. Labels that are neither 0 nor 1 are refused; in buffers, where they are floats and nobody looks for
    /// others, those are NaN. Small losses keep their digits, which `1 - sigmoid(z)` in the packages loses.
    ///
    /// Source: K. Ethayarajh et al., "KTO: Model Alignment as Prospect Theoretic Optimization", 2024; TRL 1.16
    /// `KTOTrainer`; Liger `chunked_loss.kto_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Kto {
        /// How strongly the policy is held to the reference; above 0.
        pub beta: f32 = 0.1, ABOVE_ZERO;
        /// The weight of desirable answers; 0 or more.
        pub desirable_weight: f32 = 1.0, FROM_ZERO;
        /// The weight of undesirable answers; 0 or more.
        pub undesirable_weight: f32 = 1.0, FROM_ZERO;
    }
}

inputs! {
    of Kto;
    differentiable {
        /// The policy's log-probability of an answer.
        policy: T = Alike,
        /// The reference's log-probability of it.
        reference: T = Alike,
    }
    constant {
        /// 1 where the answer is desirable, 0 where it is not.
        labels: T = Alike in Binary,
        /// How far the policy is from the reference: one number, or one for each answer.
        kl: Option<T> = Offset,
    }
}

static DEFINITION: Definition = Definition {
    name: "kto_loss",
    aliases: &["kto"],
    summary: "Preference without pairs: good and bad answers against a reference.",
    formula: "desirable_weight sigmoid(-z) or undesirable_weight sigmoid(z), z = beta (policy - reference - kl)",
    inputs: INPUTS,
    arguments: &[
        "policy",
        "reference",
        "labels",
        "kl",
        "beta",
        "desirable_weight",
        "undesirable_weight",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/kto_loss.wgsl")),
};

impl Loss for Kto {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl Kto {
    /// What an answer weighs, with the sign that z has in its loss; NaN for a label that is none.
    #[inline(always)]
    fn side(&self, label: f32) -> (f32, f32) {
        let other = if label == 0.0 { self.undesirable_weight } else { f32::NAN };
        if label == 1.0 { (self.desirable_weight, -1.0) } else { (other, 1.0) }
    }
}

impl pointwise::Formula for Kto {
    fn reference(&self, [policy, reference, label, kl]: [f64; 4]) -> (f64, [f64; 4]) {
        let beta = f64::from(self.beta);
        let (weight, sign) = match label {
            1.0 => (self.desirable_weight.into(), -1.0),
            0.0 => (self.undesirable_weight.into(), 1.0),
            _ => (f64::NAN, 1.0),
        };
        let z = beta * (policy - reference - kl);
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let slope = sign * weight * beta * sigmoid(z) * sigmoid(-z);
        (weight * sigmoid(sign * z), [slope, -slope, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [policy, reference, label, kl]: [f32; 4]) -> f32 {
        let (weight, sign) = self.side(label);
        weight * numeric::sigmoid(sign * (self.beta * ((policy - reference) - kl)))
    }

    #[inline(always)]
    fn gradient(&self, [policy, reference, label, kl]: [f32; 4]) -> [f32; 4] {
        let (weight, sign) = self.side(label);
        let z = self.beta * ((policy - reference) - kl);
        let slope = sign * weight * self.beta * (numeric::sigmoid(z) * numeric::sigmoid(-z));
        [slope, -slope, 0.0, 0.0]
    }
}
