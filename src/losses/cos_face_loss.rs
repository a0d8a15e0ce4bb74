use super::cross_entropy::CrossEntropy;
use super::prelude::*;
use crate::definition::{Sample, Shader};
use crate::families::pairs::{self, Margin, Setup};

options! {
    /// Cross entropy of scaled cosines to the centres of classes, with a margin taken off the target's.
    ///
    /// With the cosine `c_j` of the angle between `input` and `linear_weight_j`, the logits are `scale c_j`, but for the
    /// target `y` `scale (c_y - margin)`. A row's loss is the cross entropy of these logits.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[N, D]` | differentiable |
    /// | `linear_weight` | `[C, D]`, as in `linear_cross_entropy` | differentiable |
    /// | `target` | `[N]`, any integer type | |
    ///
    /// The unreduced loss has the shape `[N]`; `mean` divides by the number of kept rows. A row whose `target` is
    /// `ignore_index` has loss 0 and is never read; any other index outside `0..C` is an error. A vector of zeros has
    /// cosine 0 with everything, and gradient 0.
    ///
    /// Memory: as `info_nce_loss`.
    ///
    /// Source: H. Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", 2018;
    /// pytorch_metric_learning 2.9 `CosFaceLoss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct CosFace {
        /// What is taken off the target's cosine.
        pub margin: f32 = 0.35, FINITE;
        /// What cosines are multiplied by; above 0.
        pub scale: f32 = 64.0, ABOVE_ZERO;
        /// The target that marks a row as ignored.
        pub ignore_index: i64 = -100;
    }
    parameters |_loss| {
        label_smoothing = 0.0;
        z_loss = 0.0;
        softcap = 0.0;
    }
}

inputs! {
    of CosFace;
    differentiable {
        /// The features of each row.
        input: T = Own,
        /// The centre of each class.
        linear_weight: T = Own,
    }
    constant {
        /// The class index of each row.
        target: T = OwnIntegers,
    }
}

static DEFINITION: Definition = Definition {
    name: "cos_face_loss",
    aliases: &["cosface"],
    summary: "Cross entropy of scaled cosines to class centres, a margin taken off the target's.",
    formula: "logsumexp over j of z_j - z_y, z_j = scale c_j, z_y = scale (c_y - margin)",
    inputs: INPUTS,
    arguments: &[
        "input",
        "linear_weight",
        "target",
        "margin",
        "scale",
        "ignore_index",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(include_str!("../../shaders/rows/cross_entropy.wgsl")),
};

impl Loss for CosFace {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn ignore_index(&self) -> Option<i64> {
        Some(self.ignore_index)
    }

    fn sample(&self) -> Vec<Sample> {
        pairs::classes_sample()
    }

    fn family(&self) -> Box<dyn Family + '_> {
        let margin = Margin {
            numbers: [self.margin, 0.0, 0.0],
            shader: Shader::new(include_str!("../../shaders/pairs/cos_face_loss.wgsl"), &[]),
            apply: |cosine, [margin, ..]| [cosine - margin, 1.0],
            amount: self.margin.into(),
            textbook: |cosine, margin| [cosine - margin, 1.0],
        };
        pairs::family(self, CrossEntropy::default(), Setup::of_classes(self.scale, margin))
    }
}
