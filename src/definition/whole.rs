//! Integers that a loss takes as they are.

use crate::tensor::DType;

/// What an integer of an input is, where a loss takes integers or booleans as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whole {
    /// An `i32`: the lowest 32 bits.
    Signed,
    /// A `u32`: the lowest 32 bits.
    Unsigned,
    /// A `bool`: whether it is not 0.
    Flag,
}

impl Whole {
    /// The type in WGSL.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Signed => "i32",
            Self::Unsigned => "u32",
            Self::Flag => "bool",
        }
    }

    /// A type of tensors of such.
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::Signed => DType::I32,
            Self::Unsigned => DType::U32,
            Self::Flag => DType::U8,
        }
    }
}
