//! How a request's inputs lie together: what is the same for losses of every family.

use crate::order::Order;
use crate::reduction::{Divisor, Reduction};

/// What the shapes of a request's inputs say; a family finds the rest of it from the same inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The shape of the unreduced loss.
    pub(crate) output: Vec<usize>,
    /// The number of its terms.
    pub(crate) terms: u64,
    /// What the sum is divided by.
    pub(crate) divisor: Divisor,
    /// The weights of the terms, if a mean divides by their sum.
    pub(crate) weights: Weights,
    /// The input that holds class indices, which are checked.
    pub(crate) indices: Option<Indices>,
    /// What a kernel adds up as it computes.
    pub(crate) summed: Summed,
}

/// The weights of terms, by whose sum a mean divides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weights {
    /// None: a mean divides by the number of terms.
    None,
    /// An input of so many elements.
    Elements(u64),
    /// One for each term that is not ignored.
    Kept,
}

/// Class indices among the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Indices {
    /// The input that holds them.
    pub(crate) input: usize,
    /// The number of classes.
    pub(crate) classes: u64,
    /// The value between 0 and the last class that is no class index.
    pub(crate) excluded: Option<i64>,
    /// Whether each may be there once in a row.
    pub(crate) once: bool,
}

/// What a kernel adds up as it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub(crate) enum Summed {
    /// Blocks of terms.
    Blocks,
    /// Nothing: each term is kept, to be added up behind it.
    Terms,
}

impl Layout {
    /// Whether the terms have weights by whose sum a mean divides.
    pub(crate) fn is_weighted(&self) -> bool {
        self.weights != Weights::None
    }
}

impl Summed {
    /// The orders in which the losses and the weights of a block are added up.
    pub(crate) fn orders(self) -> [Order; 2] {
        match self {
            Self::Blocks => [Order::Lanes; 2],
            Self::Terms => [Order::Tree, Order::Rows],
        }
    }
}

/// What a reduction divides by; `first` is the first input's shape.
pub(crate) fn divisor(
    reduction: Reduction,
    terms: u64,
    weights: Weights,
    first: &[usize],
) -> Divisor {
    match reduction {
        Reduction::None | Reduction::Sum => Divisor::Count(1),
        Reduction::Mean if weights != Weights::None => Divisor::Weights,
        Reduction::Mean => Divisor::Count(terms),
        Reduction::BatchMean => Divisor::Count(first.first().map_or(1, |&n| n as u64)),
    }
}
