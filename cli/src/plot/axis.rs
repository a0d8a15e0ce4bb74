//! Axes whose marks are round numbers, however small or close to each other they are.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use std::ops::Range;
use wgloss_kit::numbers::plain;

/// From the least number to the largest.
#[derive(Clone, Debug)]
pub(super) struct Linear(Range<f64>);

impl From<Range<f64>> for Linear {
    fn from(range: Range<f64>) -> Self {
        Self(range)
    }
}

impl Ranged for Linear {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(value, limit)
    }

    /// Nothing is drawn between the marks.
    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        marks(&self.0, hint.max_num_points())
    }

    fn range(&self) -> Range<f64> {
        self.0.clone()
    }
}

/// At most so many multiples of 1, 2 or 5 times a power of ten.
pub(super) fn marks(range: &Range<f64>, most: usize) -> Vec<f64> {
    let most = f64::from(u16::try_from(most).unwrap_or(u16::MAX));
    let least = (range.end - range.start) / most;
    let power = 10f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = steps.into_iter().find(|step| *step >= least).unwrap_or(least);
    let first = (range.start / step).ceil();
    let marks = std::iter::successors(Some(first), |mark| Some(mark + 1.0));
    // The zero is added so that it has no sign.
    let marks = marks.map(|mark| mark * step + 0.0).take_while(|mark| *mark <= range.end);
    // Counting ends even where one more is lost in rounding.
    marks.take(1 + usize::from(u16::MAX)).collect()
}

/// A mark as people read it, without the digits that rounding brought.
pub(super) fn text(mark: f64) -> String {
    let mark: f64 = format!("{mark:.9e}").parse().unwrap_or(mark);
    plain(mark).replace('-', "\u{2212}")
}
