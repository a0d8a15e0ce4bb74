use super::prelude::*;

options! {
    /// Cross entropy of a logit that makes little of what is right already: with the probability
    /// `p_t` of the target, `alpha_t (1 - p_t)^gamma` times
    /// [`BinaryCrossEntropyWithLogits`](super::BinaryCrossEntropyWithLogits), where `alpha_t =
    /// alpha target + (1 - alpha) (1 - target)`.
    ///
    /// `input` (differentiable) and `target` (0 to 1) have the same shape, any one. The default
    /// reduction is `none`. Where `p_t` is 1 the gradient is 0, where other implementations have
    /// NaN for `gamma` below 1.
    ///
    /// Source: torchvision's `sigmoid_focal_loss`; T.-Y. Lin et al., "Focal Loss for Dense Object
    /// Detection", 2017.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct SigmoidFocal {
        /// The weight of the positive class, from 0 to 1; a negative number weighs both classes 1.
        pub alpha: f32 = 0.25,
            Valid("a number up to 1; negative for none", |x| x.is_finite() && x <= 1.0);
        /// How fast the loss falls off as the prediction gets right; 0 or more.
        pub gamma: f32 = 2.0, FROM_ZERO;
    }
}

inputs! {
    of SigmoidFocal;
    differentiable {
        /// The logits.
        input: T = Alike,
    }
    constant {
        /// The probabilities that they should have.
        target: T = Alike in Unit,
    }
}

static DEFINITION: Definition = Definition {
    name: "sigmoid_focal_loss",
    aliases: &["sigmoid_focal"],
    summary: "Cross entropy of a logit that makes little of what is right already.",
    formula: "alpha_t (1 - p_t)^gamma BCEWithLogits(input, target)",
    inputs: INPUTS,
    arguments: &["input", "target", "alpha", "gamma", "reduction"],
    reductions: &[Reduction::None, Reduction::Mean, Reduction::Sum],
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/sigmoid_focal_loss.wgsl")),
};

impl Loss for SigmoidFocal {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl SigmoidFocal {
    #[inline(always)]
    fn balance(&self, t: f32) -> f32 {
        if self.alpha < 0.0 { 1.0 } else { self.alpha * t + (1.0 - self.alpha) * (1.0 - t) }
    }
}

impl pointwise::Formula for SigmoidFocal {
    fn reference(&self, [x, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let (alpha, gamma) = (f64::from(self.alpha), f64::from(self.gamma));
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let (yes, no) = (sigmoid(x), sigmoid(-x));
        let balance = if alpha < 0.0 { 1.0 } else { alpha * t + (1.0 - alpha) * (1.0 - t) };
        let entropy = product(t, softplus(-x)) + product(1.0 - t, softplus(x));
        let miss = t * no + (1.0 - t) * yes; // 1 - p_t
        let plain = miss.powf(gamma) * (yes - t);
        let focus = gamma * miss.powf(gamma - 1.0) * (1.0 - 2.0 * t) * yes * no * entropy;
        let slope = plain + if miss == 0.0 { 0.0 } else { focus };
        (balance * product(miss.powf(gamma), entropy), [balance * slope, 0.0, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [x, t, ..]: [f32; 4]) -> f32 {
        let miss = t * numeric::sigmoid(-x) + (1.0 - t) * numeric::sigmoid(x);
        // As the root twice: where the power is below the smallest number, its product with a large
        // cross entropy need not be.
        let root = numeric::power(miss, 0.5 * self.gamma);
        let entropy = numeric::softplus_sum(x, t, 1.0 - t);
        self.balance(t) * numeric::silenced(root, numeric::silenced(root, entropy))
    }

    #[inline(always)]
    fn gradient(&self, [x, t, ..]: [f32; 4]) -> [f32; 4] {
        let (yes, no) = (numeric::sigmoid(x), numeric::sigmoid(-x));
        let miss = t * no + (1.0 - t) * yes;
        let plain = numeric::power(miss, self.gamma) * numeric::sigmoid_difference(x, t, 1.0);
        let by_miss = numeric::silenced(self.gamma, numeric::power(miss, self.gamma - 1.0));
        let by_power = by_miss * (1.0 - 2.0 * t) * yes * no;
        let entropy = numeric::softplus_sum(x, t, 1.0 - t);
        let focus = if miss == 0.0 { 0.0 } else { numeric::silenced(by_power, entropy) };
        [self.balance(t) * (plain + focus), 0.0, 0.0, 0.0]
    }
}
