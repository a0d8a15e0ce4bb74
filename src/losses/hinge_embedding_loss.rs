use super::prelude::*;

options! {
    /// Distance of similar pairs, hinge of dissimilar ones: `input` where `target` is 1, `max(0,
    /// margin - input)` where it is -1, and the sum of both for any other target, as in PyTorch.
    ///
    /// `input` and `target` have any shape and broadcast; `input` is differentiable, with gradient
    /// 0 at the kink.
    ///
    /// Source: PyTorch's `torch.nn.functional.hinge_embedding_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct HingeEmbedding {
        /// The distance from which on a dissimilar pair costs nothing.
        pub margin: f32 = 1.0, FINITE;
    }
}

inputs! {
    of HingeEmbedding;
    differentiable {
        /// The distances.
        input: T = Elements,
    }
    constant {
        /// 1 where a pair is to be similar, -1 where it is not.
        target: T = Elements in Sign,
    }
}

static DEFINITION: Definition = Definition {
    name: "hinge_embedding_loss",
    aliases: &["hinge_embedding"],
    summary: "Distance of similar pairs, hinge of dissimilar ones.",
    formula: "input where target is 1, max(0, margin - input) where target is -1",
    inputs: INPUTS,
    arguments: &["input", "target", "margin", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/hinge_embedding_loss.wgsl")),
};

impl Loss for HingeEmbedding {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for HingeEmbedding {
    fn reference(&self, [x, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let gap = f64::from(self.margin) - x;
        let (mut value, mut slope) = (if t.is_nan() { t } else { 0.0 }, 0.0);
        if t != 1.0 {
            value += if gap < 0.0 { 0.0 } else { gap };
            slope -= if gap > 0.0 { 1.0 } else { 0.0 };
        }
        if t != -1.0 {
            value += x;
            slope += 1.0;
        }
        (value, [slope, 0.0, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [x, t, ..]: [f32; 4]) -> f32 {
        let hinge = if t == 1.0 { 0.0 } else { numeric::max_nan(self.margin - x, 0.0) };
        let own = if t == -1.0 { 0.0 } else { x };
        if t.is_nan() { t } else { hinge + own }
    }

    #[inline(always)]
    fn gradient(&self, [x, t, ..]: [f32; 4]) -> [f32; 4] {
        let hinge = if x < self.margin && t != 1.0 { -1.0 } else { 0.0 };
        [hinge + if t == -1.0 { 0.0 } else { 1.0 }, 0.0, 0.0, 0.0]
    }
}
