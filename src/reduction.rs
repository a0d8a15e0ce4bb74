//! How the terms of a loss become one number.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// How the terms of a loss are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Reduction {
    /// The terms themselves.
    None,
    /// Their sum over their number, or over the sum of their weights where the loss says so.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum over the size of the input's first dimension.
    BatchMean,
}

impl Reduction {
    /// PyTorch's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::BatchMean => "batchmean",
        }
    }
}

impl fmt::Display for Reduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Reduction {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        const ALL: [Reduction; 4] =
            [Reduction::None, Reduction::Mean, Reduction::Sum, Reduction::BatchMean];
        let found = ALL.into_iter().find(|reduction| reduction.name() == name);
        found.ok_or_else(|| Error::unknown_name("reduction", name, ALL.map(Self::name)))
    }
}

/// What the sum of the terms is divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Divisor {
    /// A number known from the shapes.
    Count(u64),
    /// The sum of the weights, which only the data tell.
    Weights,
}

impl Divisor {
    /// The same, at least 1.
    pub(crate) fn guarded(self) -> Self {
        match self {
            Self::Count(count) => Self::Count(count.max(1)),
            Self::Weights => Self::Weights,
        }
    }
}
