use super::options::Valid;
use super::prelude::*;
use super::regions::{part_of_errors, region_options, slopes_of_part};
use super::tversky_loss::Tversky;

region_options! {
    /// The Tversky loss of each region to a power, by which regions that are hard to find count more: `u^gamma` with `u = max(0,
    /// 1 - (tp + s_n) / (tp + alpha fp + beta fn + s_d))`, `tp = sum of p y`, `fp = sum of p (1 - y)`, `fn = sum of (1 - p) y`.
    ///
    /// `alpha` prices false positives, `beta` false negatives. The losses are those of regions, `[N, C']`, with `batch`
    /// `[C']`; `mean` divides by their number. A `target` of numbers is differentiable too. At `u = 0` the gradient is 0, as
    /// a power below 1 has no slope there.
    #[derive(Clone, Copy, Debug, PartialEq)]
    /// `gamma` is the exponent: the paper writes `1 / gamma` with 4/3. Its defaults are these prices, though it calls that
    /// of false negatives alpha. Segmentation Models raises the mean of the classes instead of each; MONAI's
    /// `AsymmetricFocalTverskyLoss` is another loss.
    ///
    /// Source: N. Abraham and N. M. Khan, "A Novel Focal Tversky Loss Function with Improved Attention U-Net for Lesion
    /// Segmentation", 2019.
    pub struct FocalTversky {
        /// The price of a false positive; 0 or more.
        pub alpha: f32 = 0.3, FROM_ZERO;
        /// The price of a false negative; 0 or more.
        pub beta: f32 = 0.7, FROM_ZERO;
        /// The exponent; above 0.
        pub gamma: f32 = 0.75, ABOVE_ZERO;
    }
    together |loss| {
        smooth_numerator = loss.numerators();
    }
}

inputs! {
    of FocalTversky;
    differentiable {
        /// A probability or logit for each class of each voxel.
        input: T = Regions in Unit,
        /// A number for each class of each voxel, or the class index of each voxel.
        target: T = IndexOrRows in Unit,
    }
}

static DEFINITION: Definition = Definition {
    name: "focal_tversky_loss",
    aliases: &["focal_tversky"],
    summary: "The Tversky loss of each region to a power.",
    formula: "max(0, 1 - (tp + s_n) / (tp + alpha fp + beta fn + s_d))^gamma",
    inputs: INPUTS,
    arguments: &[
        "input",
        "target",
        "alpha",
        "beta",
        "gamma",
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
        include_str!("../../shaders/regions/focal_tversky_loss.wgsl"),
    )),
};

impl Loss for FocalTversky {
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

impl FocalTversky {
    /// A larger numerator than denominator would make the base of the power negative.
    fn numerators(&self) -> Valid<f32> {
        const WORDS: &str = "at most smooth_denominator";
        match self.smooth_numerator <= self.smooth_denominator {
            true => Valid(WORDS, |_| true),
            false => Valid(WORDS, |_| false),
        }
    }

    /// The loss before the power.
    #[inline(always)]
    fn base(&self) -> Tversky {
        let Self { alpha, beta, activation, include_background, batch, ignore_index, .. } = *self;
        let Self { smooth_numerator, smooth_denominator, .. } = *self;
        Tversky {
            alpha,
            beta,
            activation,
            include_background,
            batch,
            ignore_index,
            smooth_numerator,
            smooth_denominator,
        }
    }
}

/// The sums and their slopes are those of the Tversky loss.
impl regions::Formula<2> for FocalTversky {
    fn common(&self) -> Common {
        self.common()
    }

    fn reference(&self, regions: &[Vec<[f64; 2]>]) -> Textbook {
        let Textbook { value, slopes, .. } = self.base().reference(regions);
        let (gamma, u) = (f64::from(self.gamma), if value < 0.0 { 0.0 } else { value });
        let by_u = if u == 0.0 { 0.0 } else { gamma * u.powf(gamma - 1.0) };
        let raised = |slopes: Vec<[f64; 2]>| {
            slopes.into_iter().map(|slopes| slopes.map(|slope| by_u * slope)).collect()
        };
        let slopes = slopes.into_iter().map(raised).collect();
        Textbook { value: u.powf(gamma), size: 0.0, slopes }
    }

    #[inline(always)]
    fn sums(&self, v: &Voxel) -> [f32; 2] {
        self.base().sums(v)
    }

    fn value(&self, total: [f32; 2]) -> f32 {
        let u = part_of_errors(self.smoothed(total));
        numeric::power(numeric::max_nan(u, 0.0), self.gamma)
    }

    fn factors(&self, total: [f32; 2]) -> [f32; 2] {
        let u = part_of_errors(self.smoothed(total));
        if u <= 0.0 {
            return [0.0; 2];
        }
        let by_u = self.gamma * numeric::power(u, self.gamma - 1.0);
        slopes_of_part(self.smoothed(total)).map(|slope| by_u * slope)
    }

    #[inline(always)]
    fn slopes(&self, v: &Voxel, by: [f32; 2]) -> [f32; 2] {
        self.base().slopes(v, by)
    }
}
