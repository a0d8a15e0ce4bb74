use super::prelude::*;

options! {
    /// Cross entropy of a probability: `-(target log input + (1 - target) log(1 - input))`, each
    /// logarithm clamped at -100 from below.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | any, in `[0, 1]` | differentiable |
    /// | `target` | as `input` | differentiable |
    /// | `weight` | broadcasts onto `input` | optional factor of each term |
    ///
    /// The gradient's denominator `input (1 - input)` is at least 1e-12; the gradient with respect
    /// to `target` is not clamped. `mean` divides by the number of elements. An input outside `[0,
    /// 1]` gives NaN, where PyTorch raises an error on the CPU and aborts on a GPU.
    ///
    /// Source: PyTorch's `torch.nn.functional.binary_cross_entropy`.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct BinaryCrossEntropy;
}

inputs! {
    of BinaryCrossEntropy;
    differentiable {
        /// The probabilities.
        input: T = Alike in Unit,
        /// What they should be.
        target: T = Alike in Unit,
    }
    constant {
        /// A factor of each term.
        weight: Option<T> = WeightOnto in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "binary_cross_entropy",
    aliases: &["bce"],
    summary: "Cross entropy of a probability with a target between 0 and 1.",
    formula: "-(target max(log input, -100) + (1 - target) max(log(1 - input), -100))",
    inputs: INPUTS,
    arguments: &["input", "target", "weight", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(include_str!("../../shaders/pointwise/binary_cross_entropy.wgsl")),
};

impl Loss for BinaryCrossEntropy {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::family(self)
    }
}

impl pointwise::Formula for BinaryCrossEntropy {
    fn reference(&self, [p, t, ..]: [f64; 4]) -> (f64, [f64; 4]) {
        let clamped = |x: f64| if x < -100.0 { -100.0 } else { x };
        let value = -(t * clamped(p.ln()) + (1.0 - t) * clamped((-p).ln_1p()));
        let inside = (0.0..=1.0).contains(&p);
        let slope = if inside { (p - t) / (p * (1.0 - p)).max(1e-12) } else { f64::NAN };
        (value, [slope, (-p).ln_1p() - p.ln(), 0.0, 0.0])
    }

    #[inline(always)]
    fn value(&self, [p, t, ..]: [f32; 4]) -> f32 {
        let yes = numeric::max_nan(numeric::ln(p), -100.0);
        let no = numeric::max_nan(numeric::ln_1p(-p), -100.0);
        -(t * yes + (1.0 - t) * no)
    }

    #[inline(always)]
    fn gradient(&self, [p, t, ..]: [f32; 4]) -> [f32; 4] {
        let slope = (p - t) / numeric::max_nan(p * (1.0 - p), 1e-12);
        let slope = if (0.0..=1.0).contains(&p) { slope } else { f32::NAN };
        // The logarithms cancel near 1/2: there 2 artanh(1 - 2 p) by its series.
        let d = 1.0 - 2.0 * p;
        let z = d * d;
        let near = d * (((0.285_714_3 * z + 0.4) * z + 0.666_666_7) * z + 2.0);
        let far = numeric::ln_1p(-p) - numeric::ln(p);
        [slope, if d.abs() < 0.125 { near } else { far }, 0.0, 0.0]
    }
}
