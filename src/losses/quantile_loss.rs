use super::prelude::*;

options! {
    /// Pinball loss, least where `input` is the given quantile of the targets:
    /// `max(quantile d, (quantile - 1) d)` with `d = target - input`.
    ///
    /// `input` and `target` have any shape and broadcast; both are differentiable, with gradient 0
    /// where they are equal.
    ///
    /// Source: R. Koenker and G. Bassett, "Regression Quantiles", 1978. PyTorch has none.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Quantile {
        /// The quantile, from 0 to 1.
        pub quantile: f32 = 0.5, ZERO_TO_ONE;
    }
}

inputs! {
    of Quantile;
    differentiable {
        /// The predictions.
        input: T = Elements,
        /// What they should be.
        target: T = Elements,
    }
}

static DEFINITION: Definition = Definition {
    name: "quantile_loss",
    aliases: &["quantile", "pinball"],
    summary: "Pinball loss, least at a quantile of the targets.",
    formula: "d = target - input: max(quantile d, (quantile - 1) d)",
    inputs: INPUTS,
    arguments: &["input", "target", "*", "quantile", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/quantile_loss.wgsl")),
};

impl Loss for Quantile {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for Quantile {
    fn reference(&self, [p, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let (d, q) = (t - p, f64::from(self.quantile));
        let side = if d > 0.0 { q } else { q - 1.0 };
        let slope = if d == 0.0 || d.is_nan() { d } else { -side };
        (side * d, [slope, -slope, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [p, t, ..]: [f32; 4]) -> f32 {
        let d = t - p;
        if d > 0.0 { self.quantile * d } else { (self.quantile - 1.0) * d }
    }

    #[inline(always)]
    fn gradient(&self, [p, t, ..]: [f32; 4]) -> [f32; 4] {
        let d = t - p;
        let side = if d > 0.0 { -self.quantile } else { 1.0 - self.quantile };
        let slope = if d == 0.0 || d.is_nan() { d } else { side };
        [slope, -slope, 0.0, 0.0]
    }
}
