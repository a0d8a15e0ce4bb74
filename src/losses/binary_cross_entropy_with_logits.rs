use super::prelude::*;

options! {
    /// Cross entropy of a logit: `pos_weight target softplus(-input) + (1 - target)
    /// softplus(input)`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | any | differentiable |
    /// | `target` | as `input` | differentiable |
    /// | `weight` | broadcasts onto `input` | optional factor of each term |
    /// | `pos_weight` | broadcasts onto `input` | optional factor of the positive part |
    ///
    /// `mean` divides by the number of elements. An infinite logit whose part has factor 0
    /// contributes 0: (+inf, 1) and (-inf, 0) are 0 and (-inf, 1) is infinite, where PyTorch has
    /// NaN.
    ///
    /// Source: PyTorch's `torch.nn.functional.binary_cross_entropy_with_logits`.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct BinaryCrossEntropyWithLogits;
}

inputs! {
    of BinaryCrossEntropyWithLogits;
    differentiable {
        /// The logits.
        input: T = Alike,
        /// The probabilities that they should have.
        target: T = Alike in Unit,
    }
    constant {
        /// A factor of each term.
        weight: Option<T> = WeightOnto in NonNegative,
        /// A factor of each term's positive part.
        pos_weight: Option<T> = Onto in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "binary_cross_entropy_with_logits",
    aliases: &["bce_with_logits"],
    summary: "Cross entropy of a logit with a target between 0 and 1.",
    formula: "pos_weight target softplus(-input) + (1 - target) softplus(input)",
    inputs: INPUTS,
    arguments: &["input", "target", "weight", "reduction", "pos_weight"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!(
        "../../shaders/pointwise/binary_cross_entropy_with_logits.wgsl"
    )),
};

impl Loss for BinaryCrossEntropyWithLogits {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for BinaryCrossEntropyWithLogits {
    fn reference(&self, [x, y, w, _]: [f64; 4]) -> (f64, [f64; 4]) {
        // A factor of 0 silences its part, infinite or not.
        let part = |factor: f64, z: f64| {
            if factor == 0.0 && !z.is_nan() { 0.0 } else { factor * softplus(z) }
        };
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let value = part(w * y, -x) + part(1.0 - y, x);
        let by_logit = (1.0 - y) * sigmoid(x) - w * y * sigmoid(-x);
        (value, [by_logit, part(w - 1.0, -x) - x, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [x, y, w, _]: [f32; 4]) -> f32 {
        numeric::softplus_sum(x, w * y, 1.0 - y)
    }

    #[inline(always)]
    fn gradient(&self, [x, y, w, _]: [f32; 4]) -> [f32; 4] {
        let by_logit = numeric::sigmoid_difference(x, y, w);
        let by_target = numeric::silenced(w - 1.0, numeric::softplus(-x)) - x;
        [by_logit, by_target, 0.0, 0.0]
    }
}
