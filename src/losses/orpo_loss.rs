use super::prelude::*;

options! {
    /// Log of the odds of a chosen answer over those of a rejected one: `beta softplus(-d)` with `d = (c - log(1 -
    /// exp(c))) - (r - log(1 - exp(r)))`, `c` for `policy_chosen` and `r` for `policy_rejected`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `policy_chosen`, `policy_rejected` | any, the same | differentiable |
    ///
    /// Both are log-probabilities of answers as means over their tokens, 0 or less. `mean` divides by the number of
    /// pairs. Where `policy_chosen` is 0 the loss is 0, and its gradient the limit `-beta exp(r) / (1 - exp(r))`; where
    /// `policy_rejected` is, it is infinite. Both 0, or one above it, is NaN and not refused: means may round to tiny
    /// positive numbers, which the caller clamps. The negative log-likelihood that ORPO adds is the caller's.
    ///
    /// Near 0, where Liger's `log(1 - exp(c))` is -inf, it is taken of `expm1`. TRL's function returns the negative of
    /// this and subtracts it.
    ///
    /// Source: J. Hong et al., "ORPO: Monolithic Preference Optimization without Reference Model", 2024; TRL 1.16
    /// `ORPOTrainer.odds_ratio_loss`; Liger `chunked_loss.orpo_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Orpo {
        /// The weight of the loss; above 0.
        pub beta: f32 = 0.1, ABOVE_ZERO;
    }
}

inputs! {
    of Orpo;
    differentiable {
        /// The mean log-probability of a token of the answer that was chosen.
        policy_chosen: T = Alike in NonPositive,
        /// The same of the answer that was rejected.
        policy_rejected: T = Alike in NonPositive,
    }
}

static DEFINITION: Definition = Definition {
    name: "orpo_loss",
    aliases: &["orpo"],
    summary: "Log of the odds of a chosen answer over those of a rejected one.",
    formula: "beta softplus(log odds(policy_rejected) - log odds(policy_chosen))",
    inputs: INPUTS,
    arguments: &["policy_chosen", "policy_rejected", "beta", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/orpo_loss.wgsl")),
};

impl Loss for Orpo {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

/// `1 - exp(x)`, where it is 0 without a sign.
#[inline(always)]
fn rest(x: f32) -> f32 {
    let rest = -numeric::exp_m1(x);
    if rest == 0.0 { 0.0 } else { rest }
}

/// `log(1 - exp(x))`.
#[inline(always)]
fn log_rest(x: f32) -> f32 {
    let (near, far) = (numeric::ln(rest(x)), numeric::ln_1p(-numeric::exp(x)));
    if x > -std::f32::consts::LN_2 { near } else { far }
}

impl pointwise::Formula for Orpo {
    fn reference(&self, [c, r, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let beta = f64::from(self.beta);
        // Where it is 0, it has no sign.
        let (not_c, not_r) = ((-c.exp_m1()).abs(), (-r.exp_m1()).abs());
        let d = (c - not_c.ln()) - (r - not_r.ln());
        if d.is_nan() || c > 0.0 || r > 0.0 {
            return (f64::NAN, [f64::NAN, f64::NAN, 0.0, 0.0]);
        }
        let both = not_c + (c - r).exp() * not_r;
        (beta * softplus(-d), [-beta / both, beta * not_c / not_r / both, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [c, r, ..]: [f32; 4]) -> f32 {
        let d = (c - r) + (log_rest(r) - log_rest(c));
        self.beta * numeric::softplus(-d)
    }

    #[inline(always)]
    fn gradient(&self, [c, r, ..]: [f32; 4]) -> [f32; 4] {
        let (not_c, not_r) = (rest(c), rest(r));
        let both = not_c + numeric::exp(c - r) * not_r;
        // Both 0, or one above it.
        let defined = (not_c >= 0.0) & (not_r >= 0.0) & (not_c + not_r > 0.0);
        let number = if defined { 1.0 } else { f32::NAN };
        [number * -self.beta / both, number * self.beta * (not_c / not_r) / both, 0.0, 0.0]
    }
}
