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
    /// As many numbers as there are.
    Numbers(&'a mut Vec<f32>),
    /// As many whole numbers as there are.
    Integers(&'a mut Vec<i64>),
    /// A number, or none.
    OptionalNumber(&'a mut Option<f32>),
    /// A whole number, or none.
    OptionalInteger(&'a mut Option<i64>),
}

/// The text of an option that has no value.
const NONE: &str = "none";

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

impl<'a> From<&'a mut Option<f32>> for Setting<'a> {
    fn from(option: &'a mut Option<f32>) -> Self {
        Self::OptionalNumber(option)
    }
}

impl<'a> From<&'a mut Option<i64>> for Setting<'a> {
    fn from(option: &'a mut Option<i64>) -> Self {
        Self::OptionalInteger(option)
    }
}

impl<'a, C: Choice> From<&'a mut C> for Setting<'a> {
    fn from(option: &'a mut C) -> Self {
        Self::Choice(option)
    }
}

impl Setting<'_> {
    /// The value, as text that [`Setting::set`] takes.
    pub fn value(&self) -> String {
        match self {
            Self::Number(x) => written(**x),
            Self::Integer(x) => x.to_string(),
            Self::Numbers(all) => joined(all.iter().map(|&x| written(x))),
            Self::Integers(all) => joined(all.iter().map(i64::to_string)),
            Self::Flag(x) => x.to_string(),
            Self::Choice(x) => x.names()[x.chosen()].into(),
            Self::OptionalNumber(x) => x.map_or(NONE.into(), written),
            Self::OptionalInteger(x) => x.map_or(NONE.into(), |x| x.to_string()),
        }
    }

    /// What the values are, in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Number(_) => "a number".into(),
            Self::Integer(_) => "a whole number".into(),
            Self::Numbers(_) => "numbers with commas between them".into(),
            Self::Integers(_) => "whole numbers with commas between them".into(),
            Self::Flag(_) => "true or false".into(),
            Self::Choice(x) => x.names().join(" or "),
            Self::OptionalNumber(_) => "a number or none".into(),
            Self::OptionalInteger(_) => "a whole number or none".into(),
        }
    }

    /// Sets the value from text.
    ///
    /// # Errors
    /// If the text is no such value; `name` is the argument's name in the message.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let expected = self.expected();
        let bad = || Error::argument(name, text, &*expected);
        match self {
            Self::Number(x) => **x = number(name, text, bad)?,
            Self::OptionalNumber(x) if is_none(text) => **x = None,
            Self::OptionalNumber(x) => **x = Some(number(name, text, bad)?),
            Self::OptionalInteger(x) if is_none(text) => **x = None,
            Self::OptionalInteger(x) => **x = Some(text.parse().map_err(|_| bad())?),
            Self::Integer(x) => **x = text.parse().map_err(|_| bad())?,
            Self::Numbers(all) => {
                let each = |text: &str| number(name, text.trim(), bad);
                **all = text.split(',').map(each).collect::<Result<_>>()?;
            }
            Self::Integers(all) => {
                let each = |text: &str| text.trim().parse().map_err(|_| bad());
                **all = text.split(',').map(each).collect::<Result<_>>()?;
            }
            Self::Flag(x) => {
                **x = match text {
                    "true" | "True" => true,
                    "false" | "False" => false,
                    _ => return Err(bad()),
                }
            }
            Self::Choice(x) => match x.names().iter().position(|&name| name == text) {
                Some(place) => x.choose(place),
                None => return Err(Error::unknown_name(name, text, x.names().iter().copied())),
            },
        }
        Ok(())
    }
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(",")
}

fn is_none(text: &str) -> bool {
    [NONE, "None", "null"].contains(&text)
}

/// A number that float32 holds.
fn number(name: &str, text: &str, bad: impl FnOnce() -> Error) -> Result<f32> {
    let number: f32 = text.parse().map_err(|_| bad())?;
    let significand = text.split(['e', 'E']).next().unwrap_or_default();
    let is_zero = significand.bytes().all(|digit| !matches!(digit, b'1'..=b'9'));
    let is_finite = text.bytes().any(|digit| digit.is_ascii_digit());
    check_held(name, text, number, is_zero, is_finite)?;
    Ok(number)
}

/// A number in the form that is short to read, and exact.
fn written(x: f32) -> String {
    match x.abs() {
        1e-4..1e7 => x.to_string(),
        _ if x == 0.0 || !x.is_finite() => x.to_string(),
        _ => format!("{x:e}"),
    }
}

/// Refuses a number that becomes 0 or infinite in float32, and is neither.
pub(crate) fn check_held(
    name: &str,
    text: &str,
    number: f32,
    is_zero: bool,
    is_finite: bool,
) -> Result<()> {
    let expected = match number {
        0.0 if !is_zero => "0, or at least 1.4e-45 in size: float32 holds no smaller number",
        _ if number.is_infinite() && is_finite => {
            "at most 3.4e38 in size: float32 holds no larger number"
        }
        _ => return Ok(()),
    };
    Err(Error::argument(name, text, expected))
}
