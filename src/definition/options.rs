//! The options of a loss, by name.

use super::{Choice, Setting};
use crate::error::Result;

/// The options of a loss, by PyTorch's names.
pub trait Options {
    /// What the loss is, in Markdown: formula, shapes, domain, corners and source. Of a custom loss it
    /// is the comment that its WGSL begins with.
    fn documentation(&self) -> String {
        String::new()
    }

    /// The options, to list and to set.
    fn options(&mut self) -> Vec<(&'static str, Setting<'_>)> {
        Vec::new()
    }

    /// Checks the options.
    ///
    /// # Errors
    /// If one is outside its range.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// The options' values as text, in the order of [`Options::options`].
    fn values(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What is valid, in words, of those options for which not every value is.
    fn valid(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// What the options are, in Markdown; nothing of a custom loss's parameters.
    fn described(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What kernels may know of the loss: its options, and what follows from them. The members of the
    /// shader's `Parameters` take these values by their names; what is no member stays on the host.
    fn parameters(&self) -> Vec<(&'static str, Parameter)> {
        Vec::new()
    }
}

/// A value for kernels.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Parameter {
    /// A number, for a member of type `f32`.
    Number(f32),
    /// A whole number, for one of type `i32` or `u32`.
    Integer(i64),
    /// True or false, for one of type `u32`: 1 or 0.
    Flag(bool),
    /// The place of a [`Choice`], for one of type `u32`.
    Choice(u32),
    /// Nothing, for none.
    Absent,
}

impl From<f32> for Parameter {
    fn from(value: f32) -> Self {
        Self::Number(value)
    }
}

impl From<i64> for Parameter {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Parameter {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Parameter {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

impl<C: Choice> From<C> for Parameter {
    #[expect(clippy::cast_possible_truncation, reason = "a choice is of a few words")]
    fn from(value: C) -> Self {
        Self::Choice(value.chosen() as u32)
    }
}
