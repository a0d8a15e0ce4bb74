use super::prelude::*;
use super::regions::{part_of_errors, region_options, slopes_of_part};

choices! {
    /// How much a class counts in [`GeneralizedDice`], by the sum `s` of its target.
    pub enum RegionWeight {
        /// `1 / s^2`.
        Square = "square",
        /// `1 / s`.
        Simple = "simple",
        /// 1.
        Uniform = "uniform",
    }
}

region_options! {
    /// Dice of all classes of an item together, each weighed by how rare its target is: `1 - (2 sum over c of v_c sum of p y
    /// + s_n) / (sum over c of v_c (sum of p + sum of y) + s_d)`.
    ///
    /// A class without a target takes the largest `v_c` of its item, and 0 if none has one. The losses are those of items,
    /// `[N]`, with `batch` `[1]`; `mean` divides by their number. The target, of which `v_c` is made, has no gradient.
    #[derive(Clone, Copy, Debug, PartialEq)]
    /// `v_c` is a float32: a class whose target adds up to less than 1e-19 (`square`) counts as one without. MONAI has no
    /// `ignore_index` here; optax has `v_c = 1 / (s^2 + 1e-7)`, scaled to add up to `C`.
    ///
    /// Source: C. H. Sudre et al., "Generalised Dice Overlap as a Deep Learning Loss Function for Highly Unbalanced
    /// Segmentations", 2017; MONAI 1.6 `losses.GeneralizedDiceLoss`.
    pub struct GeneralizedDice {
        /// How much a class counts.
        pub weight_type: RegionWeight = RegionWeight::Square;
    }
}

inputs! {
    of GeneralizedDice;
    differentiable {
        /// A probability or logit for each class of each voxel.
        input: T = Regions in Unit,
    }
    constant {
        /// A number for each class of each voxel, or the class index of each voxel.
        target: T = IndexOrRows in Unit,
    }
}

static DEFINITION: Definition = Definition {
    name: "generalized_dice_loss",
    aliases: &["generalized_dice"],
    summary: "Dice of all classes of an item together, each weighed by how rare its target is.",
    formula: "1 - (2 sum over c of v_c sum of p y + s_n) / (sum over c of v_c (sum of p + sum of y) + s_d)",
    inputs: INPUTS,
    arguments: &[
        "input",
        "target",
        "weight_type",
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
        include_str!("../../shaders/regions/generalized_dice_loss.wgsl"),
    )),
};

impl Loss for GeneralizedDice {
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

/// The sums are twice the intersection, the errors `p (1 - y) + (1 - p) y`, which are the sizes less that, and the
/// target.
impl regions::Formula<3> for GeneralizedDice {
    const JOINS: bool = true;

    fn common(&self) -> Common {
        self.common()
    }

    fn reference(&self, regions: &[Vec<[f64; 2]>]) -> Textbook {
        let sums = regions.iter().map(|region| {
            let sum = |f: fn(f64, f64) -> f64| region.iter().map(|&[p, y]| f(p, y)).sum::<f64>();
            [sum(|p, y| p * y), sum(|p, _| p), sum(|_, y| y)]
        });
        let sums: Vec<[f64; 3]> = sums.collect();
        let rarity = |s: f64| match self.weight_type {
            RegionWeight::Square => 1.0 / (s * s),
            RegionWeight::Simple => 1.0 / s,
            RegionWeight::Uniform => 1.0,
        };
        let finite = sums.iter().map(|sums| rarity(sums[2])).filter(|v| v.is_finite());
        let largest = finite.fold(0.0, f64::max);
        let v = |s: f64| if rarity(s).is_infinite() { largest } else { rarity(s) };
        let both: f64 = sums.iter().map(|[both, _, y]| v(*y) * both).sum();
        let sizes: f64 = sums.iter().map(|[_, p, y]| v(*y) * (p + y)).sum();
        let numerator = 2.0 * both + f64::from(self.smooth_numerator);
        let denominator = sizes + f64::from(self.smooth_denominator);
        let slopes = regions.iter().zip(&sums).map(|(region, sums)| {
            let slope = |y: f64| {
                v(sums[2]) * (numerator - 2.0 * y * denominator) / (denominator * denominator)
            };
            region.iter().map(|&[_, y]| [slope(y), 0.0]).collect()
        });
        let (score, slopes) = (numerator / denominator, slopes.collect());
        Textbook { value: 1.0 - score, size: 1.0 + score.abs(), slopes }
    }

    #[inline(always)]
    fn sums(&self, v: &Voxel) -> [f32; 3] {
        [2.0 * v.p * v.y, v.p * v.rest_y + v.rest_p * v.y, v.y]
    }

    fn importance(&self, [_, _, target]: [f32; 3]) -> f32 {
        let size = match self.weight_type {
            RegionWeight::Square => target * target,
            RegionWeight::Simple => target,
            RegionWeight::Uniform => 1.0,
        };
        if size.abs() < f32::MIN_POSITIVE { 0.0 } else { 1.0 / size }
    }

    fn value(&self, [overlap, errors, _]: [f32; 3]) -> f32 {
        part_of_errors(self.smoothed([overlap, errors]))
    }

    fn factors(&self, [overlap, errors, _]: [f32; 3]) -> [f32; 3] {
        let [by_overlap, by_errors] = slopes_of_part(self.smoothed([overlap, errors]));
        [by_overlap, by_errors, 0.0]
    }

    #[inline(always)]
    fn slopes(&self, v: &Voxel, [by_overlap, by_errors, _]: [f32; 3]) -> [f32; 2] {
        let by_overlap = 2.0 * by_overlap;
        [
            by_overlap * v.y + by_errors * (v.rest_y - v.y),
            by_overlap * v.p + by_errors * (v.rest_p - v.p),
        ]
    }
}
