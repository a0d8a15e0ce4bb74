use super::prelude::*;

options! {
    /// Hinge on the order of two scores: `max(0, margin - target (input1 - input2))`, where a
    /// `target` of 1 wants `input1` above `input2` and -1 the opposite.
    ///
    /// `input1`, `input2` and `target` have the same shape, any one; all are differentiable, with
    /// gradient 0 at the kink.
    ///
    /// Source: PyTorch's `torch.nn.functional.margin_ranking_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct MarginRanking {
        /// How far apart the scores are to be.
        pub margin: f32 = 0.0, FINITE;
    }
}

inputs! {
    of MarginRanking;
    differentiable {
        /// The one score of each pair.
        input1: T = Alike,
        /// The other one.
        input2: T = Alike,
        /// 1 where the first score is to be the higher one, -1 where the second.
        target: T = Alike in Sign,
    }
}

static DEFINITION: Definition = Definition {
    name: "margin_ranking_loss",
    aliases: &["margin_ranking"],
    summary: "Hinge on the order of two scores.",
    formula: "max(0, margin - target (input1 - input2))",
    inputs: INPUTS,
    arguments: &["input1", "input2", "target", "margin", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/margin_ranking_loss.wgsl")),
};

impl Loss for MarginRanking {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for MarginRanking {
    fn reference(&self, [a, b, t, _]: [f64; 4]) -> (f64, [f64; 4]) {
        let z = f64::from(self.margin) - t * (a - b);
        match z {
            z if z > 0.0 => (z, [-t, t, b - a, 0.0]),
            z if z.is_nan() => (z, [0.0; 4]),
            _ => (0.0, [0.0; 4]),
        }
    }

    #[inline(always)]
    fn value(&self, [a, b, t, _]: [f32; 4]) -> f32 {
        numeric::max_nan(self.margin - t * (a - b), 0.0)
    }

    #[inline(always)]
    fn gradient(&self, [a, b, t, _]: [f32; 4]) -> [f32; 4] {
        let active = self.margin - t * (a - b) > 0.0;
        if active { [-t, t, b - a, 0.0] } else { [0.0; 4] }
    }
}
