use super::boxes::{self, Boxes, Dual, Pair, angle};
use super::prelude::*;
use std::f32::consts::FRAC_PI_2;
use std::f64::consts::PI;

options! {
    /// How far two boxes are from being one, with the distance of their centres and the difference of
    /// their shapes: `1 - IoU + d^2 / (W^2 + H^2 + eps) + a v`, the first parts as
    /// [`DistanceBoxIou`](super::DistanceBoxIou) has them, with `v = (4 / pi^2) (atan(w_t / h_t) - atan(w /
    /// h))^2` of the extents of both and its weight `a = v / (1 - IoU + v + eps)`, which counts as constant:
    /// no gradient passes through it.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input`, `target` | `[..., 4]`, the same: corners `(x1, y1, x2, y2)` | differentiable |
    ///
    /// A term is a box, and reduction `none` the default, as in torchvision. `mean` divides by the number of
    /// boxes and is 0 without one. The intersection counts only where both its extents are above 0; where
    /// two coordinates are equal, each box has half of the gradient of their minimum or maximum. An
    /// extent of 0 makes the angle pi / 2 or 0. The gradient by a box that has a width and no height is NaN,
    /// as that of the quotient; a point's angle is 0 without a gradient, where torchvision has NaN. And `eps`
    /// is one number, where torchvision has 1e-7 in the distance whatever it is told.
    /// A point or a box with `x2 < x1` is computed by the same formula, where torchvision asks for none and
    /// does not check. Coordinates are floats: integers are refused.
    ///
    /// Source: torchvision's `ops.complete_box_iou_loss`; Z. Zheng and others, "Distance-IoU loss", 2020.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct CompleteBoxIou {
        /// What is added to what divides; 0 or more.
        pub eps: f32 = 1e-7, FROM_ZERO;
    }
}

inputs! {
    of CompleteBoxIou;
    differentiable {
        /// The boxes.
        input: T = Vectors(4) in Corners,
        /// The boxes that they should be.
        target: T = Vectors(4) in Corners,
    }
}

static DEFINITION: Definition = Definition {
    name: "complete_box_iou_loss",
    aliases: &["complete_box_iou"],
    summary: "Intersection over union of boxes, the distance of their centres and their shapes.",
    formula: "1 - IoU + d^2 / (W^2 + H^2 + eps) + a v, v = (4 / pi^2) (atan(w_t / h_t) - atan(w / h))^2",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction", "eps"],
    reductions: boxes::REDUCTIONS,
    weighted_mean: false,
    shader: pointwise::shader(concat!(
        include_str!("../../shaders/boxes.wgsl"),
        include_str!("../../shaders/pointwise/complete_box_iou_loss.wgsl"),
    )),
};

impl Loss for CompleteBoxIou {
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

/// 4 / pi^2.
const SHAPES: f32 = 0.405_284_73;

/// `atan(w / h)` of a box's extents, and its slopes by both.
struct Shape {
    angle: f32,
    slopes: [f32; 2],
}

impl Shape {
    /// By the quotient of the smaller extent and the larger one: nothing divides by 0, and no square
    /// overflows or vanishes. A point has 0 and no slopes; those of a width over no height are NaN, as the
    /// quotient's.
    #[inline(always)]
    fn of([width, height]: [f32; 2]) -> Self {
        let is_wide = width.abs() > height.abs();
        let (smaller, larger) = if is_wide { (height, width) } else { (width, height) };
        let is_point = larger == 0.0;
        let larger = if is_point { 1.0 } else { larger };
        let q = smaller / larger;
        let angle = numeric::atan(q);
        let turn = if (width < 0.0) == (height < 0.0) { FRAC_PI_2 } else { -FRAC_PI_2 };
        let unit = if is_point { 0.0 } else { 1.0 / (larger * (1.0 + q * q)) };
        let slopes = if is_wide { [q * unit, -unit] } else { [unit, -q * unit] };
        let is_flat = is_wide && height == 0.0;
        let slopes = if is_flat { [f32::NAN; 2] } else { slopes };
        Self { angle: if is_wide { turn - angle } else { angle }, slopes }
    }
}

impl pointwise::Formula<8> for CompleteBoxIou {
    fn reference(&self, x: [f64; 8]) -> (f64, [f64; 8]) {
        let (pair, eps) = (Pair::of(x), self.eps.into());
        let apart = pair.apart(eps);
        let turn = angle(pair.other) - angle(pair.one);
        let v = Dual::of(4.0 / PI.powi(2)) * turn.square();
        let a = if v.value == 0.0 { 0.0 } else { v.value / (apart.value + v.value + eps) };
        let loss = apart + pair.distance(eps) + Dual::of(a) * v;
        (loss.value, loss.slopes)
    }

    #[inline(always)]
    fn value(&self, x: [f32; 8]) -> f32 {
        let boxes = Boxes::of(x);
        let apart = 1.0 - boxes.near(self.eps);
        let turn = Shape::of(boxes.extent_t).angle - Shape::of(boxes.extent).angle;
        let v = SHAPES * turn * turn;
        // Without a difference there is no weight either, also where nothing else differs and eps is 0.
        let weighted = if v == 0.0 { 0.0 } else { v * (v / (apart + v + self.eps)) };
        apart + boxes.distance(self.eps) + weighted
    }

    #[inline(always)]
    fn gradient(&self, x: [f32; 8]) -> [f32; 8] {
        let boxes = Boxes::of(x);
        let apart = 1.0 - boxes.near(self.eps);
        let (own, other) = (Shape::of(boxes.extent), Shape::of(boxes.extent_t));
        let turn = other.angle - own.angle;
        let v = SHAPES * turn * turn;
        let weight = v / (apart + v + self.eps);
        let by_turn = if v == 0.0 { 0.0 } else { weight * (2.0 * SHAPES * turn) };
        let mut slopes = boxes.slopes_of_distance(self.eps);
        for k in 0..2 {
            slopes.extent[k] -= by_turn * own.slopes[k];
            slopes.extent_t[k] += by_turn * other.slopes[k];
        }
        slopes.by_corners(x)
    }
}
