//! A row in float64.

use super::shape::{MOST_LABELS, MOST_OVER};

/// One row, as a loss over rows sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// The first input over the row's classes.
    pub first: &'a [f64],
    /// The second one.
    pub second: &'a [f64],
    /// The third one.
    pub third: &'a [f64],
    /// Those after them.
    pub(crate) more: &'a [Vec<f64>],
    /// The target: for a class index, 1 at that class and 0 elsewhere.
    pub(crate) target: &'a [f64],
    /// The weight of each class, 1 where none is given.
    pub weight: &'a [f64],
    /// The row's own number.
    pub label: f64,
    /// All of its numbers.
    pub(crate) labels: [f64; MOST_LABELS],
    /// The mean weight of the kept rows, where the mean divides by the sum of their weights.
    pub mean_weight: f64,
}

/// A row's loss with its derivatives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowLoss {
    /// The loss.
    pub value: f64,
    /// The size of what cancels in it, where that is larger.
    pub size: f64,
    /// Its derivatives with respect to the inputs over classes in order. A target comes fourth.
    pub slopes: [Vec<f64>; MOST_OVER],
    /// Those with respect to the row's own numbers.
    pub(crate) row_slopes: [f64; MOST_LABELS],
}

impl RowLoss {
    /// A loss of 0 over so many classes.
    pub(crate) fn zeros(classes: usize) -> Self {
        let slopes = std::array::from_fn(|_| vec![0.0; classes]);
        Self { value: 0.0, size: 0.0, slopes, row_slopes: [0.0; MOST_LABELS] }
    }
}
