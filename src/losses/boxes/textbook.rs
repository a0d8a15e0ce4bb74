//! Boxes in float64, plainly: numbers that carry their derivatives by all corners.

use std::array::from_fn;
use std::ops::{Add, Div, Mul, Sub};

/// A number and its derivatives by the corners of both boxes.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Dual {
    pub(in super::super) value: f64,
    pub(in super::super) slopes: [f64; 8],
}

impl Dual {
    /// A constant.
    pub(in super::super) fn of(value: f64) -> Self {
        Self { value, slopes: [0.0; 8] }
    }

    /// `f` of it, with this derivative.
    fn through(self, value: f64, derivative: f64) -> Self {
        Self { value, slopes: self.slopes.map(|slope| derivative * slope) }
    }

    /// Half of each derivative where both are equal.
    fn max(self, other: Self) -> Self {
        let Some(order) = self.value.partial_cmp(&other.value) else { return self + other };
        match order {
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Equal => (self + other) * Self::of(0.5),
        }
    }

    fn min(self, other: Self) -> Self {
        let zero = Self::of(0.0);
        zero - (zero - self).max(zero - other)
    }

    pub(in super::super) fn square(self) -> Self {
        self * self
    }
}

impl Add for Dual {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let slopes = from_fn(|k| self.slopes[k] + other.slopes[k]);
        Self { value: self.value + other.value, slopes }
    }
}

impl Sub for Dual {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + other.through(-other.value, -1.0)
    }
}

#[expect(clippy::suspicious_arithmetic_impl, reason = "the rule for the slopes")]
impl Mul for Dual {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let slopes = from_fn(|k| self.slopes[k] * other.value + self.value * other.slopes[k]);
        Self { value: self.value * other.value, slopes }
    }
}

#[expect(clippy::suspicious_arithmetic_impl, reason = "the rule for the slopes")]
impl Div for Dual {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        let slopes = from_fn(|k| (self.slopes[k] - value * other.slopes[k]) / other.value);
        Self { value, slopes }
    }
}

/// Two boxes: `[x1, y1, x2, y2]` each.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Pair {
    pub(in super::super) one: [Dual; 4],
    pub(in super::super) other: [Dual; 4],
}

impl Pair {
    pub(in super::super) fn of(x: [f64; 8]) -> Self {
        let corner = |k: usize| {
            let mut number = Dual::of(x[k]);
            number.slopes[k] = 1.0;
            number
        };
        Self { one: from_fn(corner), other: from_fn(|k| corner(k + 4)) }
    }

    /// The extents of the intersection, 0 unless both are above 0.
    fn overlap(&self) -> [Dual; 2] {
        let Self { one, other } = self;
        let extents: [Dual; 2] = from_fn(|k| one[k + 2].min(other[k + 2]) - one[k].max(other[k]));
        let both = extents.iter().all(|extent| extent.value > 0.0);
        if both { extents } else { [Dual::of(0.0); 2] }
    }

    /// The extents of the smallest box around both.
    pub(in super::super) fn hull(&self) -> [Dual; 2] {
        let Self { one, other } = self;
        from_fn(|k| one[k + 2].max(other[k + 2]) - one[k].min(other[k]))
    }

    pub(in super::super) fn union(&self) -> Dual {
        let area = |[x1, y1, x2, y2]: [Dual; 4]| (x2 - x1) * (y2 - y1);
        let [width, height] = self.overlap();
        area(self.one) + area(self.other) - width * height
    }

    /// 1 less intersection over union.
    pub(in super::super) fn apart(&self, eps: f64) -> Dual {
        let [width, height] = self.overlap();
        Dual::of(1.0) - width * height / (self.union() + Dual::of(eps))
    }

    /// The squared distance of the centres over the squared diagonal of the hull.
    pub(in super::super) fn distance(&self, eps: f64) -> Dual {
        let Self { one, other } = self;
        let [x, y]: [Dual; 2] =
            from_fn(|k| (one[k] + one[k + 2] - other[k] - other[k + 2]) * Dual::of(0.5));
        let [width, height] = self.hull();
        (x.square() + y.square()) / (width.square() + height.square() + Dual::of(eps))
    }
}

/// `atan(w / h)` of a box's extents; 0 of a point.
pub(in super::super) fn angle([x1, y1, x2, y2]: [Dual; 4]) -> Dual {
    let (w, h) = (x2 - x1, y2 - y1);
    if w.value == 0.0 && h.value == 0.0 {
        return Dual::of(0.0);
    }
    let square = w.value * w.value + h.value * h.value;
    // That of the quotient is infinite where the height is 0, and that of the angle 0 times that.
    let factor = if h.value == 0.0 { f64::NAN } else { 1.0 / square };
    let slopes = from_fn(|k| match (w.slopes[k], h.slopes[k]) {
        (0.0, 0.0) => 0.0,
        (by_w, by_h) => factor * (h.value * by_w - w.value * by_h),
    });
    Dual { value: (w.value / h.value).atan(), slopes }
}
