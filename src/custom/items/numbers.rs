//! The numbers that the functions of a row take and give, with their names in derived text.

/// What slopes are by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::custom) enum By {
    /// A member of `Item`.
    Item(usize),
    /// The same at the target class.
    Picked(usize),
    /// A member of `Row`.
    Row(usize),
    /// A maximum over the items.
    Peak(usize),
    /// A sum over the items.
    Sum(usize),
    /// A sum over the items up to an item.
    RunningSum(usize),
    /// A sum that needs the others.
    SecondSum(usize),
}

/// A number that a function takes or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::custom) enum Number {
    Of(By),
    /// Whether the item is the one at the target class.
    IsPicked,
    /// A maximum without slopes.
    Shift(usize),
    /// The sum over items of the slopes of a sum's terms.
    SumBy(usize, By),
    /// The same of a running sum's terms, up to an item.
    RunningSumBy(usize, By),
    /// The same of a second sum's.
    SecondSumBy(usize, By),
    /// The sum, from an item on, of the slopes of the loss by their running sums.
    Later(usize),
    /// How many items have a maximum; NaN where one is NaN.
    Ties(usize),
    /// The sum over these of the slopes of what they have.
    TiesBy(usize, By),
    /// The slope of the loss by what all items share.
    Known(By),
    /// The rounds that loops may take in one call for an item.
    Rounds,
    /// How often they would have taken more in a step of the row.
    GivenUp(Step),
}

impl Number {
    /// What the slopes are by that are added up in it.
    pub(in crate::custom) fn slope(self) -> Option<By> {
        match self {
            Self::SumBy(_, by)
            | Self::RunningSumBy(_, by)
            | Self::SecondSumBy(_, by)
            | Self::TiesBy(_, by) => Some(by),
            _ => None,
        }
    }

    /// Whether each item has one of its own.
    pub(in crate::custom) fn is_of_item(self) -> bool {
        matches!(
            self,
            Self::Of(By::Item(_) | By::RunningSum(_))
                | Self::RunningSumBy(..)
                | Self::Later(_)
                | Self::IsPicked
        )
    }
}

/// A step of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::custom) enum Step {
    Peaks,
    Sums,
    SecondSums,
    /// All of them, and the loss.
    Row,
}
