//! Two boxes, each by two corners, and what their losses have in common: the twin of `boxes.wgsl`.

mod textbook;

pub(super) use textbook::{Dual, Pair, angle};

use crate::definition::Sample;
use crate::reduction::Reduction;

/// The losses of the boxes themselves unless another reduction is asked for, as in torchvision.
pub(super) const REDUCTIONS: &[Reduction] = &[Reduction::None, Reduction::Mean, Reduction::Sum];

/// Two boxes that overlap, of other shapes.
pub(super) fn sample() -> Vec<Sample> {
    vec![
        Sample::floats("input", &[4], &[-1.0, -1.0, 0.75, 0.5]),
        Sample::floats("target", &[4], &[-0.5, -0.5, 1.5, 1.75]),
    ]
}

/// One for each axis.
type Axes = [f32; 2];

/// The lengths of two boxes along both axes, and the areas of their intersection and union.
#[derive(Clone, Copy)]
pub(super) struct Boxes {
    pub(super) extent: Axes,
    /// Of the second box.
    pub(super) extent_t: Axes,
    /// Of the intersection, 0 unless both are above 0.
    overlap: Axes,
    /// Of the smallest box around both.
    pub(super) hull: Axes,
    /// From the second one's centre to the first one's.
    centres: Axes,
    common: f32,
    pub(super) joint: f32,
}

/// The slopes of a loss by the lengths.
#[derive(Clone, Copy)]
pub(super) struct Slopes {
    pub(super) extent: Axes,
    pub(super) extent_t: Axes,
    overlap: Axes,
    pub(super) hull: Axes,
    centres: Axes,
}

#[inline(always)]
fn axes(of: impl Fn(usize) -> f32) -> Axes {
    [of(0), of(1)]
}

#[inline(always)]
fn higher(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn lower(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// How much of the larger of two numbers is the first: half where they are equal.
#[inline(always)]
fn share(a: f32, b: f32) -> f32 {
    let above = if a > b { 0.5 } else { 0.0 };
    above + if a >= b { 0.5 } else { 0.0 }
}

impl Boxes {
    #[inline(always)]
    pub(super) fn of(x: [f32; 8]) -> Self {
        let extent = axes(|k| x[k + 2] - x[k]);
        let extent_t = axes(|k| x[k + 6] - x[k + 4]);
        let [width, height] = axes(|k| lower(x[k + 2], x[k + 6]) - higher(x[k], x[k + 4]));
        let both = width > 0.0 && height > 0.0;
        let overlap = if both { [width, height] } else { [0.0; 2] };
        let common = overlap[0] * overlap[1];
        Self {
            extent,
            extent_t,
            overlap,
            hull: axes(|k| higher(x[k + 2], x[k + 6]) - lower(x[k], x[k + 4])),
            centres: axes(|k| 0.5 * ((x[k] - x[k + 4]) + (x[k + 2] - x[k + 6]))),
            common,
            joint: (extent[0] * extent[1] + extent_t[0] * extent_t[1]) - common,
        }
    }

    /// Intersection over union.
    #[inline(always)]
    pub(super) fn near(&self, eps: f32) -> f32 {
        self.common / (self.joint + eps)
    }

    /// The squared distance of the centres, in shares of the squared diagonal of the box around both.
    #[inline(always)]
    pub(super) fn distance(&self, eps: f32) -> f32 {
        let square = |[x, y]: Axes| x * x + y * y;
        square(self.centres) / (square(self.hull) + eps)
    }

    /// The slopes of 1 - IoU plus something of which only the slope by the union is told.
    #[inline(always)]
    pub(super) fn slopes_of_areas(&self, eps: f32, by_union: f32) -> Slopes {
        let by_joint = self.near(eps) / (self.joint + eps) + by_union;
        let by_common = -1.0 / (self.joint + eps) - by_joint;
        Slopes {
            extent: axes(|k| by_joint * self.extent[1 - k]),
            extent_t: axes(|k| by_joint * self.extent_t[1 - k]),
            overlap: axes(|k| by_common * self.overlap[1 - k]),
            hull: [0.0; 2],
            centres: [0.0; 2],
        }
    }

    /// The slopes of 1 - IoU plus the distance.
    #[inline(always)]
    pub(super) fn slopes_of_distance(&self, eps: f32) -> Slopes {
        let [x, y] = self.hull;
        let by_square = 2.0 / ((x * x + y * y) + eps);
        let by_hull = -by_square * self.distance(eps);
        Slopes {
            centres: axes(|k| by_square * self.centres[k]),
            hull: axes(|k| by_hull * self.hull[k]),
            ..self.slopes_of_areas(eps, 0.0)
        }
    }
}

impl Slopes {
    /// The slopes by the corners of both boxes.
    #[inline(always)]
    pub(super) fn by_corners(&self, x: [f32; 8]) -> [f32; 8] {
        let low = axes(|k| share(x[k], x[k + 4]));
        let high = axes(|k| share(x[k + 2], x[k + 6]));
        let mix =
            |a: Axes, b: Axes, share: Axes, k: usize| a[k] * (1.0 - share[k]) + b[k] * share[k];
        let Self { extent, extent_t, overlap, hull, centres } = *self;
        let moved = axes(|k| 0.5 * centres[k]);
        let [x1, y1] = axes(|k| moved[k] - extent[k] - mix(hull, overlap, low, k));
        let [x2, y2] = axes(|k| moved[k] + extent[k] + mix(overlap, hull, high, k));
        let [x1_t, y1_t] = axes(|k| -moved[k] - extent_t[k] - mix(overlap, hull, low, k));
        let [x2_t, y2_t] = axes(|k| -moved[k] + extent_t[k] + mix(hull, overlap, high, k));
        [x1, y1, x2, y2, x1_t, y1_t, x2_t, y2_t]
    }
}
