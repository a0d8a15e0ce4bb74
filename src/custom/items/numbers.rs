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
    /// The same of a second sum's.
    SecondSumBy(usize, By),
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

/// A step of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::custom) enum Step {
    Peaks,
    Sums,
    SecondSums,
    /// All of them, and the loss.
    Row,
}
