use super::prelude::*;

options! {
    /// Squared error near 0, absolute error beyond `delta`: with `d = |input - target|`, `d^2 / 2`
    /// where `d <= delta`, else `delta (d - delta / 2)`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input`, `target` | any; they broadcast | differentiable |
    /// | `weight` | as `input` | optional factor of each term |
    ///
    /// As in PyTorch, `mean` divides by the number of elements, `weight` or not.
    ///
    /// Source: PyTorch's `torch.nn.functional.huber_loss`; P. J. Huber, "Robust Estimation of a
    /// Location Parameter", 1964.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Huber {
        /// Where the quadratic part ends; above 0.
        pub delta: f32 = 1.0, ABOVE_ZERO;
    }
}

inputs! {
    of Huber;
    differentiable {
        /// The predictions.
        input: T = Elements,
        /// What they should be.
        target: T = Elements,
        /// A factor of each term.
        weight: Option<T> = Weight in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "huber_loss",
    aliases: &["huber"],
    summary: "Squared error near 0, absolute error beyond delta.",
    formula: "d = |input - target|: d^2 / 2 where d <= delta, else delta (d - delta / 2)",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction", "delta", "weight"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/huber_loss.wgsl")),
};

impl Loss for Huber {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for Huber {
    fn reference(&self, [p, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let (d, delta) = (p - t, f64::from(self.delta));
        let value = if d.abs() <= delta { d * d / 2.0 } else { delta * (d.abs() - delta / 2.0) };
        let slope = d.clamp(-delta, delta);
        (value, [slope, -slope, 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [p, t, ..]: [f32; 4]) -> f32 {
        let d = (p - t).abs();
        if d <= self.delta { 0.5 * d * d } else { self.delta * (d - 0.5 * self.delta) }
    }

    #[inline(always)]
    fn gradient(&self, [p, t, ..]: [f32; 4]) -> [f32; 4] {
        let slope = (p - t).clamp(-self.delta, self.delta);
        [slope, -slope, 0.0, 0.0]
    }
}
