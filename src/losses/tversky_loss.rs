use super::prelude::*;
use super::regions::{part_of_errors, region_options, slopes_of_part};

region_options! {
    /// Dice with prices of both errors: `1 - (tp + s_n) / (tp + alpha fp + beta fn + s_d)` with `tp = sum of p y`, `fp = sum
    /// of p (1 - y)`, `fn = sum of (1 - p) y`.
    ///
    /// `alpha` prices false positives, `beta` false negatives: both 1/2 are Dice with smooths that weigh twice, both 1 are
    /// Jaccard. The losses are those of regions, `[N, C']`, with `batch` `[C']`; `mean` divides by their number. A `target`
    /// of numbers is differentiable too.
    #[derive(Clone, Copy, Debug, PartialEq)]
    /// MONAI's and Segmentation Models' `alpha` and `beta` are these; Keras's `alpha` prices false negatives.
    ///
    /// Source: S. S. M. Salehi et al., "Tversky Loss Function for Image Segmentation Using 3D Fully Convolutional Deep
    /// Networks", 2017; MONAI 1.6 `losses.TverskyLoss`.
    pub struct Tversky {
        /// The price of a false positive; 0 or more.
        pub alpha: f32 = 0.5, FROM_ZERO;
        /// The price of a false negative; 0 or more.
        pub beta: f32 = 0.5, FROM_ZERO;
    }
}

inputs! {
    of Tversky;
    differentiable {
        /// A probability or logit for each class of each voxel.
        input: T = Regions in Unit,
        /// A number for each class of each voxel, or the class index of each voxel.
        target: T = IndexOrRows in Unit,
    }
}

static DEFINITION: Definition = Definition {
    name: "tversky_loss",
    aliases: &["tversky"],
    summary: "Dice with prices of false positives and false negatives.",
    formula: "1 - (tp + s_n) / (tp + alpha fp + beta fn + s_d)",
    inputs: INPUTS,
    arguments: &[
        "input",
        "target",
        "alpha",
        "beta",
        "activation",
        "include_background",
        "batch",
        "ignore_index",
        "smooth_numerator",
        "smooth_denominator",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: regions::shader(concat!(
        include_str!("../../shaders/scores.wgsl"),
        include_str!("../../shaders/tversky.wgsl"),
        include_str!("../../shaders/regions/tversky_loss.wgsl"),
    )),
};

impl Loss for Tversky {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn ignore_index(&self) -> Option<i64> {
        Some(self.ignore_index)
    }

    fn sample(&self) -> Vec<Sample> {
        regions::sample()
    }

    fn check_totals(&self, _: &[Option<TensorKind>]) -> Result<()> {
        regions::check_totals(self.common())
    }

    fn family(&self) -> Box<dyn Family + '_> {
        regions::family(self)
    }
}

/// The sums are the intersection and the errors at their prices.
impl regions::Formula<2> for Tversky {
    fn common(&self) -> Common {
        self.common()
    }

    fn reference(&self, regions: &[Vec<[f64; 2]>]) -> Textbook {
        let region = &regions[0];
        let sum = |f: fn(f64, f64) -> f64| region.iter().map(|&[p, y]| f(p, y)).sum::<f64>();
        let [alpha, beta] = [self.alpha, self.beta].map(f64::from);
        let [s_n, s_d] = [self.smooth_numerator, self.smooth_denominator].map(f64::from);
        let hits = sum(|p, y| p * y);
        let errors = alpha * sum(|p, y| p * (1.0 - y)) + beta * sum(|p, y| (1.0 - p) * y);
        let (numerator, denominator) = (hits + s_n, hits + errors + s_d);
        let square = denominator * denominator;
        let by_p = |y: f64| numerator * (y + alpha * (1.0 - y) - beta * y) - y * denominator;
        let by_y = |p: f64| numerator * (p - alpha * p + beta * (1.0 - p)) - p * denominator;
        let slopes = region.iter().map(|&[p, y]| [by_p(y) / square, by_y(p) / square]).collect();
        let score = numerator / denominator;
        Textbook { value: 1.0 - score, size: 1.0 + score.abs(), slopes: vec![slopes] }
    }

    #[inline(always)]
    fn sums(&self, v: &Voxel) -> [f32; 2] {
        [v.p * v.y, self.alpha * (v.p * v.rest_y) + self.beta * (v.rest_p * v.y)]
    }

    fn value(&self, total: [f32; 2]) -> f32 {
        part_of_errors(self.smoothed(total))
    }

    fn factors(&self, total: [f32; 2]) -> [f32; 2] {
        slopes_of_part(self.smoothed(total))
    }

    #[inline(always)]
    fn slopes(&self, v: &Voxel, [by_overlap, by_errors]: [f32; 2]) -> [f32; 2] {
        let Self { alpha, beta, .. } = *self;
        [
            by_overlap * v.y + by_errors * (alpha * v.rest_y - beta * v.y),
            by_overlap * v.p + by_errors * (beta * v.rest_p - alpha * v.p),
        ]
    }
}
