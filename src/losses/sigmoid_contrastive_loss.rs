use super::prelude::*;
use crate::definition::Sample;
use crate::families::pairs::{self, Partners, Setup};

options! {
    /// SigLIP's loss: each of all pairs of an image and a text is a question of its own, whether they belong together.
    /// The matrix of similarities is never held.
    ///
    /// With the similarities `s_ij = logit_scale image_i . text_j + logit_bias`, an image's loss is `softplus(-s_ii) + sum
    /// over j != i of softplus(s_ij)`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `image`, `text` | `[N, D]` | differentiable |
    /// | `logit_scale` | `[]` or `[1]` | differentiable |
    /// | `logit_bias` | `[]` or `[1]` | optional, differentiable; 0 if absent |
    ///
    /// The unreduced loss has the shape `[N]`, a term for each image; `mean` divides by `N`, as in open_clip, not by the
    /// number of pairs. `logit_scale` is the multiplier itself, behind the `exp` that SigLIP trains (it begins at 10, the
    /// bias at -10); both may be any number. With `normalize` only the vectors' directions count, and a vector of zeros
    /// has products of 0 and gradient 0.
    ///
    /// Memory: as `info_nce_loss`.
    ///
    /// Source: X. Zhai et al., "Sigmoid Loss for Language Image Pre-Training", 2023; open_clip 3.3 `SigLipLoss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct SigmoidContrastive {
        /// Whether only the vectors' directions count.
        pub normalize: bool = false;
    }
}

inputs! {
    of SigmoidContrastive;
    differentiable {
        /// A vector for each image.
        image: T = Own,
        /// A vector for each text.
        text: T = Own,
        /// What products are multiplied by.
        logit_scale: T = Own,
        /// What is added to them.
        logit_bias: Option<T> = Own,
    }
}

static DEFINITION: Definition = Definition {
    name: "sigmoid_contrastive_loss",
    aliases: &["siglip_loss", "siglip"],
    summary: "Whether each of all pairs of images and texts, which are never all held, belong together.",
    formula: "softplus(-s_ii) + sum over j != i of softplus(s_ij), s_ij = logit_scale image_i . text_j + logit_bias",
    inputs: INPUTS,
    arguments: &["image", "text", "logit_scale", "logit_bias", "normalize", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: rows::shader(include_str!("../../shaders/pairs/sigmoid_contrastive_loss.wgsl")),
};

impl Loss for SigmoidContrastive {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn sample(&self) -> Vec<Sample> {
        vec![
            Sample::floats("image", &[2, 2], &[0.4, 0.1, -0.2, 0.3]),
            Sample::floats("text", &[2, 2], &[0.3, 0.2, -0.3, 0.4]),
            Sample::floats("logit_scale", &[], &[10.0]),
            Sample::floats("logit_bias", &[], &[-1.0]),
        ]
    }

    fn check_totals(&self, _: &[Option<TensorKind>]) -> Result<()> {
        pairs::check_totals(DEFINITION.name)
    }

    fn family(&self) -> Box<dyn Family + '_> {
        let setup = Setup {
            left: 0,
            right: 1,
            square: true,
            normalize: self.normalize,
            factor: 1.0,
            scale: Some(2),
            not_with_scale: None,
            bias: Some(3),
            partners: Partners::Own,
            symmetric: false,
            margin: None,
        };
        pairs::family(self, *self, setup)
    }
}

impl rows::Formula for SigmoidContrastive {
    type Peaks = [f32; 0];
    type Sums = [f32; 1];

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let mut loss = RowLoss::zeros(row.first.len());
        for (k, &s) in row.first.iter().enumerate() {
            let sign = if row.target[k] == 1.0 { -1.0 } else { 1.0 };
            loss.value += softplus(sign * s);
            loss.slopes[0][k] = sign / (1.0 + (-sign * s).exp());
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, _: Item) -> [f32; 0] {
        []
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, _: [f32; 0]) -> [f32; 1] {
        let sign = if item.target == 1.0 { -1.0 } else { 1.0 };
        [numeric::softplus(sign * item.first)]
    }

    #[inline(always)]
    fn value(&self, _: &Row, _: [f32; 0], [sum]: [f32; 1]) -> f32 {
        sum
    }

    #[inline(always)]
    fn gradient(&self, item: Item, _: &Row, _: [f32; 0], _: [f32; 1]) -> [f32; 4] {
        let sign = if item.target == 1.0 { -1.0 } else { 1.0 };
        [sign * numeric::sigmoid(sign * item.first), 0.0, 0.0, 0.0]
    }
}
