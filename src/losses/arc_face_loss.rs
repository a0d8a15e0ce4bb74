use super::cross_entropy::CrossEntropy;
use super::prelude::*;
use crate::definition::{Sample, Shader};
use crate::families::pairs::{self, Margin, Setup};
use std::f32::consts::PI;

options! {
    /// Cross entropy of scaled cosines to the centres of classes, with the target's angle widened by a margin.
    ///
    /// With the cosine `c_j` of the angle between `input` and `linear_weight_j`, the logits are `scale c_j`, but for the
    /// target `y` `scale cos(angle + margin)` where `angle <= pi - margin`, and `scale (c_y - margin sin(margin))` past
    /// that. A row's loss is the cross entropy of these logits.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[N, D]` | differentiable |
    /// | `linear_weight` | `[C, D]`, as in `linear_cross_entropy` | differentiable |
    /// | `target` | `[N]`, any integer type | |
    ///
    /// The unreduced loss has the shape `[N]`; `mean` divides by the number of kept rows. A row whose `target` is
    /// `ignore_index` has loss 0 and is never read; any other index outside `0..C` is an error. `margin` is in radians,
    /// as in the paper (pytorch_metric_learning takes degrees, 28.6 of which are 0.4992 radians); with margin 0 this is
    /// a softmax of cosines. A vector of zeros has cosine 0 with everything, and gradient 0. Where the angle to the target
    /// is 0 or half a turn, to a float32's digits, the gradient through it counts as 0.
    ///
    /// Memory: as `info_nce_loss`.
    ///
    /// Source: J. Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019;
    /// pytorch_metric_learning 2.9 `ArcFaceLoss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct ArcFace {
        /// By how much the target's angle is widened, in radians; from 0 to below pi.
        pub margin: f32 = 0.5, Valid("a number from 0 to below pi", |m| (0.0..PI).contains(&m));
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
    of ArcFace;
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
    name: "arc_face_loss",
    aliases: &["arcface"],
    summary: "Cross entropy of scaled cosines to class centres, the target's angle widened by a margin.",
    formula: "logsumexp over j of z_j - z_y, z_j = scale c_j, z_y = scale cos(arccos(c_y) + margin)",
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

impl Loss for ArcFace {
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
        let (sine, cosine) = self.margin.sin_cos();
        let margin = Margin {
            numbers: [cosine, sine, self.margin * sine],
            shader: Shader::new(include_str!("../../shaders/pairs/arc_face_loss.wgsl"), &[]),
            apply: widened,
            amount: self.margin.into(),
            textbook,
        };
        pairs::family(self, CrossEntropy::default(), Setup::of_classes(self.scale, margin))
    }
}

/// The cosine of the widened angle and its slope by the cosine; the margin's cosine and sine, and what is taken off
/// past half a turn.
fn widened(cosine: f32, [of_margin, sine_of_margin, past]: [f32; 3]) -> [f32; 2] {
    if cosine < -of_margin {
        return [cosine - past, 1.0];
    }
    let squared = (1.0 - cosine) * (1.0 + cosine);
    let sine = if squared <= 0.0 { 0.0 } else { squared.sqrt() };
    // Closer to the axis, an angle is no more than the rounding of its cosine.
    let slope = if squared < 2f32.powi(-20) { 0.0 } else { sine_of_margin * (cosine / sine) };
    [cosine * of_margin - sine * sine_of_margin, of_margin + slope]
}

fn textbook(cosine: f64, margin: f64) -> [f64; 2] {
    let sine = ((1.0 - cosine) * (1.0 + cosine)).max(0.0).sqrt();
    let angle = cosine.clamp(-1.0, 1.0).acos();
    if angle > std::f64::consts::PI - margin {
        return [cosine - margin * margin.sin(), 1.0];
    }
    let slope = if sine == 0.0 { 0.0 } else { margin.sin() * cosine / sine };
    [(angle + margin).cos(), margin.cos() + slope]
}
