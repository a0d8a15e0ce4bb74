use super::prelude::*;
use super::regions::{part_of_errors, region_options, slopes_of_part};

region_options! {
    /// One less the overlap of probabilities with their target, twice the intersection over the sizes: `1 - (2 sum of p y +
    /// s_n) / (sum of p + sum of y + s_d)`, with `squared` of `p^2` and `y^2` in the sizes; with `jaccard` the intersection
    /// over the union, `1 - (2 sum of p y + s_n) / (2 (sum of p + sum of y - sum of p y) + s_d)`, where smooths weigh half.
    ///
    /// The losses are those of regions, `[N, C']`, with `batch` `[C']`; `mean` divides by their number. Each is multiplied
    /// by its class's number in `weight`, `[C']`, by which `mean` does not divide. A `target` of numbers is differentiable
    /// too.
    #[derive(Clone, Copy, Debug, PartialEq)]
    /// MONAI ignores `weight`, a softmax and `include_background=false` where there is one class; here the first counts
    /// and the others are refused. Segmentation Models sums over the batch always, clamps the denominator instead of
    /// smoothing it, and drops classes without a target.
    ///
    /// Source: F. Milletari et al., "V-Net", 2016; MONAI 1.6 `losses.DiceLoss`.
    pub struct Dice {
        /// Whether sizes are sums of squares.
        pub squared: bool = false;
        /// Whether it is the intersection over the union.
        pub jaccard: bool = false;
    }
}

inputs! {
    of Dice;
    differentiable {
        /// A probability or logit for each class of each voxel.
        input: T = Regions in Unit,
        /// A number for each class of each voxel, or the class index of each voxel.
        target: T = IndexOrRows in Unit,
    }
    constant {
        /// A factor of each class that counts.
        weight: Option<T> = Classes in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "dice_loss",
    aliases: &["dice"],
    summary: "One less the overlap of probabilities with their target, twice the intersection over the sizes.",
    formula: "1 - (2 sum of p y + s_n) / (sum of p + sum of y + s_d)",
    inputs: INPUTS,
    arguments: &[
        "input",
        "target",
        "weight",
        "squared",
        "jaccard",
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
        include_str!("../../shaders/regions/dice_loss.wgsl"),
    )),
};

impl Loss for Dice {
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

impl Dice {
    /// What an error counts in the size.
    fn price(&self) -> f32 {
        if self.jaccard { 2.0 } else { 1.0 }
    }
}

/// `p - y`; near 1 of the rests, which have more digits there.
#[inline(always)]
fn difference(v: &Voxel) -> f32 {
    if v.y > 0.5 { v.rest_y - v.rest_p } else { v.p - v.y }
}

/// As `a + b - 2 tp` is the sum of `p (1 - y) + (1 - p) y`, or squared of `(p - y)^2`, the sums are twice the
/// intersection and the errors.
impl regions::Formula<2> for Dice {
    fn common(&self) -> Common {
        self.common()
    }

    fn reference(&self, regions: &[Vec<[f64; 2]>]) -> Textbook {
        let region = &regions[0];
        let sum = |f: &dyn Fn(f64, f64) -> f64| region.iter().map(|&[p, y]| f(p, y)).sum::<f64>();
        let size = |x: f64| if self.squared { x * x } else { x };
        let by_size = |x: f64| if self.squared { 2.0 * x } else { 1.0 };
        let [s_n, s_d] = [self.smooth_numerator, self.smooth_denominator].map(f64::from);
        let both = sum(&|p, y| p * y);
        let sizes = sum(&|p, _| size(p)) + sum(&|_, y| size(y));
        let numerator = 2.0 * both + s_n;
        let denominator = if self.jaccard { 2.0 * (sizes - both) } else { sizes } + s_d;
        let slope = |x: f64, other: f64| {
            let own = by_size(x);
            let by_denominator = if self.jaccard { 2.0 * (own - other) } else { own };
            (numerator * by_denominator - 2.0 * other * denominator) / (denominator * denominator)
        };
        let score = numerator / denominator;
        let slopes = region.iter().map(|&[p, y]| [slope(p, y), slope(y, p)]).collect();
        Textbook { value: 1.0 - score, size: 1.0 + score.abs(), slopes: vec![slopes] }
    }

    #[inline(always)]
    fn sums(&self, v: &Voxel) -> [f32; 2] {
        let d = difference(v);
        let errors = if self.squared { d * d } else { v.p * v.rest_y + v.rest_p * v.y };
        [2.0 * v.p * v.y, self.price() * errors]
    }

    fn value(&self, total: [f32; 2]) -> f32 {
        part_of_errors(self.smoothed(total))
    }

    fn factors(&self, total: [f32; 2]) -> [f32; 2] {
        slopes_of_part(self.smoothed(total))
    }

    #[inline(always)]
    fn slopes(&self, v: &Voxel, [by_overlap, by_errors]: [f32; 2]) -> [f32; 2] {
        let d = 2.0 * difference(v);
        let [by_p, by_y] = if self.squared { [d, -d] } else { [v.rest_y - v.y, v.rest_p - v.p] };
        let (by_overlap, by_errors) = (2.0 * by_overlap, by_errors * self.price());
        [by_overlap * v.y + by_errors * by_p, by_overlap * v.p + by_errors * by_y]
    }
}
