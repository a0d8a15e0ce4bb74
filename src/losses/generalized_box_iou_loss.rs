use super::boxes::{self, Boxes, Dual, Pair};
use super::prelude::*;

options! {
    /// How far two boxes are from being one: `1 - IoU + (hull - union) / (hull + eps)`, of areas, with
    /// `IoU = intersection / (union + eps)` and the hull the smallest box around both; from 0 to 2.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input`, `target` | `[..., 4]`, the same: corners `(x1, y1, x2, y2)` | differentiable |
    ///
    /// A term is a box, and reduction `none` the default, as in torchvision. `mean` divides by the number of
    /// boxes and is 0 without one. The intersection counts only where both its extents are above 0; where
    /// two coordinates are equal, each box has half of the gradient of their minimum or maximum.
    /// A point or a box with `x2 < x1` is computed by the same formula, where torchvision asks for none and
    /// does not check. Coordinates are floats: integers are refused.
    ///
    /// Source: torchvision's `ops.generalized_box_iou_loss`; H. Rezatofighi and others, "Generalized
    /// intersection over union", 2019.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct GeneralizedBoxIou {
        /// What is added to what divides; 0 or more.
        pub eps: f32 = 1e-7, FROM_ZERO;
    }
}

inputs! {
    of GeneralizedBoxIou;
    differentiable {
        /// The boxes.
        input: T = Vectors(4) in Corners,
        /// The boxes that they should be.
        target: T = Vectors(4) in Corners,
    }
}

static DEFINITION: Definition = Definition {
    name: "generalized_box_iou_loss",
    aliases: &["generalized_box_iou"],
    summary: "Generalized intersection over union of boxes.",
    formula: "1 - IoU + (hull - union) / (hull + eps)",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction", "eps"],
    reductions: boxes::REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(concat!(
        include_str!("../../shaders/boxes.wgsl"),
        include_str!("../../shaders/pointwise/generalized_box_iou_loss.wgsl"),
    )),
};

impl Loss for GeneralizedBoxIou {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn guards_mean(&self) -> bool {
        true
    }

    fn sample(&self) -> Vec<Sample> {
        boxes::sample()
    }

    fn family(&self) -> Box<dyn Family + '_> {
        pointwise::of_vectors(self)
    }
}

impl pointwise::Formula<8> for GeneralizedBoxIou {
    fn reference(&self, x: [f64; 8]) -> (f64, [f64; 8]) {
        let eps = Dual::of(self.eps.into());
        let pair = Pair::of(x);
        let [width, height] = pair.hull();
        let hull = width * height;
        let loss = pair.apart(eps.value) + (hull - pair.union()) / (hull + eps);
        (loss.value, loss.slopes)
    }

    #[inline(always)]
    fn value(&self, x: [f32; 8]) -> f32 {
        let boxes = Boxes::of(x);
        let hull = boxes.hull[0] * boxes.hull[1];
        (1.0 - boxes.near(self.eps)) + (hull - boxes.joint) / (hull + self.eps)
    }

    #[inline(always)]
    fn gradient(&self, x: [f32; 8]) -> [f32; 8] {
        let boxes = Boxes::of(x);
        let hull = boxes.hull[0] * boxes.hull[1] + self.eps;
        let share = (boxes.joint + self.eps) / hull;
        let mut slopes = boxes.slopes_of_areas(self.eps, -1.0 / hull);
        slopes.hull = [share * (boxes.hull[1] / hull), share * (boxes.hull[0] / hull)];
        slopes.by_corners(x)
    }
}
