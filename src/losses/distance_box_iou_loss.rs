use super::boxes::{self, Boxes, Pair};
use super::prelude::*;

options! {
    /// How far two boxes are from being one, with the distance of their centres: `1 - IoU + d^2 / (W^2 +
    /// H^2 + eps)`, with `IoU = intersection / (union + eps)`, d that distance and W and H the extents of
    /// the smallest box around both; from 0 to 2.
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
    /// Source: torchvision's `ops.distance_box_iou_loss`; Z. Zheng and others, "Distance-IoU loss", 2020.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct DistanceBoxIou {
        /// What is added to what divides; 0 or more.
        pub eps: f32 = 1e-7, FROM_ZERO;
    }
}

inputs! {
    of DistanceBoxIou;
    differentiable {
        /// The boxes.
        input: T = Vectors(4) in Corners,
        /// The boxes that they should be.
        target: T = Vectors(4) in Corners,
    }
}

static DEFINITION: Definition = Definition {
    name: "distance_box_iou_loss",
    aliases: &["distance_box_iou"],
    summary: "Intersection over union of boxes, and the distance of their centres.",
    formula: "1 - IoU + d^2 / (W^2 + H^2 + eps)",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction", "eps"],
    reductions: boxes::REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(concat!(
        include_str!("../../shaders/boxes.wgsl"),
        include_str!("../../shaders/pointwise/distance_box_iou_loss.wgsl"),
    )),
};

impl Loss for DistanceBoxIou {
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

impl pointwise::Formula<8> for DistanceBoxIou {
    fn reference(&self, x: [f64; 8]) -> (f64, [f64; 8]) {
        let (pair, eps) = (Pair::of(x), self.eps.into());
        let loss = pair.apart(eps) + pair.distance(eps);
        (loss.value, loss.slopes)
    }

    #[inline(always)]
    fn value(&self, x: [f32; 8]) -> f32 {
        let boxes = Boxes::of(x);
        (1.0 - boxes.near(self.eps)) + boxes.distance(self.eps)
    }

    #[inline(always)]
    fn gradient(&self, x: [f32; 8]) -> [f32; 8] {
        Boxes::of(x).slopes_of_distance(self.eps).by_corners(x)
    }
}
