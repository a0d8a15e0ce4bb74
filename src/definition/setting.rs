//! Options that are listed and set by name.

use crate::error::{Error, Result};
use std::fmt::Debug;

/// An option of a loss, open to be read and set by name.
#[derive(Debug)]
#[non_exhaustive]
pub enum Setting<'a> {
    /// A number.
    Number(&'a mut f32),
    /// A whole number.
    Integer(&'a mut i64),
    /// True or false.
    Flag(&'a mut bool),
    /// One of some words.
    Choice(&'a mut dyn Choice),
}

/// An option that is one of some words.
pub trait Choice: Debug {
    /// The words.
    fn names(&self) -> &'static [&'static str];

    /// The place of the chosen one.
    fn chosen(&self) -> usize;

    /// Chooses the one at a place.
    fn choose(&mut self, place: usize);
}

impl<'a> From<&'a mut f32> for Setting<'a> {
    fn from(option: &'a mut f32) -> Self {
        Self::Number(option)
    }
}

impl<'a> From<&'a mut i64> for Setting<'a> {
    fn from(option: &'a mut i64) -> Self {
        Self::Integer(option)
    }
}

impl<'a> From<&'a mut bool> for Setting<'a> {
    fn from(option: &'a mut bool) -> Self {
        Self::Flag(option)
    }
}

impl<'a, C: Choice> From<&'a mut C> for Setting<'a> {
    fn from(option: &'a mut C) -> Self {
        Self::Choice(option)
    }
}

impl Setting<'_> {
    /// The value, as text.
    pub fn value(&self) -> String {
        match self {
            Self::Number(x) => x.to_string(),
            Self::Integer(x) => x.to_string(),
            Self::Flag(x) => x.to_string(),
            Self::Choice(x) => x.names()[x.chosen()].into(),
        }
    }

    /// Sets the value from text.
    ///
    /// # Errors
    /// If the text is no such value; `name` is the argument's name in the message.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let bad = |expected: &str| Error::argument(name, text, expected);
        match self {
            Self::Number(x) => **x = text.parse().map_err(|_| bad("a number"))?,
            Self::Integer(x) => **x = text.parse().map_err(|_| bad("a whole number"))?,
            Self::Flag(x) => {
                **x = match text {
                    "true" | "True" => true,
                    "false" | "False" => false,
                    _ => return Err(bad("true or false")),
                }
            }
            Self::Choice(x) => match x.names().iter().position(|&name| name == text) {
                Some(place) => x.choose(place),
                None => return Err(bad(&x.names().join(", "))),
            },
        }
        Ok(())
    }
}
