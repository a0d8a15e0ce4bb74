//! What a parameter of a custom loss is set to.

use crate::definition::{Parameter, Setting, check_held};
use crate::error::{Error, Result};
use naga::ScalarKind;

/// A parameter's number; a NaN of its own and `i64::MIN` stand for one that has not been set. Arrays are
/// empty until they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Number {
    Float(f32),
    Signed(i64),
    Unsigned(i64),
    Floats(Vec<f32>),
    Signeds(Vec<i64>),
    Unsigneds(Vec<i64>),
}

/// A NaN that no arithmetic and no text gives.
const UNSET: f32 = f32::from_bits(0x7fc0_0bad);

impl Number {
    /// One that has not been set, alone or as an array.
    pub(super) fn unset(kind: ScalarKind, is_array: bool) -> Self {
        match (kind, is_array) {
            (ScalarKind::Sint, false) => Self::Signed(i64::MIN),
            (ScalarKind::Uint, false) => Self::Unsigned(i64::MIN),
            (_, false) => Self::Float(UNSET),
            (ScalarKind::Sint, true) => Self::Signeds(Vec::new()),
            (ScalarKind::Uint, true) => Self::Unsigneds(Vec::new()),
            (_, true) => Self::Floats(Vec::new()),
        }
    }

    /// That of a parameter of this name and type.
    pub(super) fn one(name: &str, kind: ScalarKind, value: f64) -> Result<Self> {
        Ok(match kind {
            ScalarKind::Sint => Self::Signed(whole(name, value, SIGNED)?),
            ScalarKind::Uint => Self::Unsigned(whole(name, value, UNSIGNED)?),
            _ => Self::Float(float(name, value)?),
        })
    }

    /// Those of an array.
    pub(super) fn array(name: &str, kind: ScalarKind, numbers: &[f64]) -> Result<Self> {
        fn each<T>(
            name: &str,
            numbers: &[f64],
            of: impl Fn(&str, f64) -> Result<T>,
        ) -> Result<Vec<T>> {
            let all = numbers.iter().enumerate();
            all.map(|(i, &x)| of(&format!("{name}[{i}]"), x)).collect()
        }
        Ok(match kind {
            ScalarKind::Sint => Self::Signeds(each(name, numbers, |own, x| whole(own, x, SIGNED))?),
            ScalarKind::Uint => {
                Self::Unsigneds(each(name, numbers, |own, x| whole(own, x, UNSIGNED))?)
            }
            _ => Self::Floats(each(name, numbers, float)?),
        })
    }

    pub(super) fn setting(&mut self) -> Setting<'_> {
        match self {
            Self::Float(x) => Setting::Number(x),
            Self::Signed(x) | Self::Unsigned(x) => Setting::Integer(x),
            Self::Floats(all) => Setting::Numbers(all),
            Self::Signeds(all) | Self::Unsigneds(all) => Setting::Integers(all),
        }
    }

    /// What is no array, as kernels take it.
    pub(super) fn parameter(&self) -> Option<Parameter> {
        match *self {
            Self::Float(x) => Some(x.into()),
            Self::Signed(x) | Self::Unsigned(x) => Some(x.into()),
            _ => None,
        }
    }

    /// The same as the reference takes it.
    #[expect(clippy::cast_precision_loss, reason = "integers of 32 bits")]
    pub(super) fn number(&self) -> Option<f64> {
        match *self {
            Self::Float(x) => Some(x.into()),
            Self::Signed(x) | Self::Unsigned(x) => Some(x as f64),
            _ => None,
        }
    }

    /// The bits of what is no array.
    #[expect(clippy::cast_possible_truncation, reason = "integers are checked")]
    #[expect(clippy::cast_sign_loss, reason = "integers are checked")]
    pub(super) fn word(&self) -> Option<u32> {
        match *self {
            Self::Float(x) => Some(x.to_bits()),
            Self::Signed(x) => Some((x as i32).cast_unsigned()),
            Self::Unsigned(x) => Some(x as u32),
            _ => None,
        }
    }

    /// The number that it cannot hold, as text, with its place in an array.
    pub(super) fn invalid(&self) -> Option<(String, Option<usize>)> {
        fn first<T: Copy + ToString>(
            of: &[T],
            holds: impl Fn(T) -> bool,
        ) -> Option<(String, Option<usize>)> {
            let place = of.iter().position(|&x| !holds(x))?;
            Some((of[place].to_string(), Some(place)))
        }
        let alone = |(text, _)| (text, None);
        let is_signed = |x: i64| i32::try_from(x).is_ok();
        let is_unsigned = |x: i64| u32::try_from(x).is_ok();
        match self {
            Self::Float(x) => first(&[*x], |x| !x.is_nan()).map(alone),
            Self::Signed(x) => first(&[*x], is_signed).map(alone),
            Self::Unsigned(x) => first(&[*x], is_unsigned).map(alone),
            Self::Floats(all) => first(all, |x| !x.is_nan()),
            Self::Signeds(all) => first(all, is_signed),
            Self::Unsigneds(all) => first(all, is_unsigned),
        }
    }

    pub(super) fn is_set(&self) -> bool {
        match self {
            Self::Float(x) => x.to_bits() != UNSET.to_bits(),
            Self::Signed(x) | Self::Unsigned(x) => *x != i64::MIN,
            Self::Floats(all) => !all.is_empty(),
            Self::Signeds(all) | Self::Unsigneds(all) => !all.is_empty(),
        }
    }

    /// The numbers of an array.
    pub(super) fn count(&self) -> Option<usize> {
        match self {
            Self::Floats(all) => Some(all.len()),
            Self::Signeds(all) | Self::Unsigneds(all) => Some(all.len()),
            _ => None,
        }
    }

    /// The words that kernels read of an array.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the bits of integers of 32 bits"
    )]
    pub(super) fn words(&self) -> Vec<u32> {
        match self {
            Self::Floats(all) => all.iter().map(|x| x.to_bits()).collect(),
            Self::Signeds(all) | Self::Unsigneds(all) => all.iter().map(|x| *x as u32).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn expected(&self) -> &'static str {
        match self {
            Self::Float(_) | Self::Floats(_) => "a number, and not NaN",
            Self::Signed(_) | Self::Signeds(_) => "a whole number from -2147483648 to 2147483647",
            Self::Unsigned(_) | Self::Unsigneds(_) => "a whole number from 0 to 4294967295",
        }
    }
}

/// The numbers of an `i32` and of a `u32`.
const SIGNED: (f64, f64) = (-2_147_483_648.0, 2_147_483_647.0);
const UNSIGNED: (f64, f64) = (0.0, 4_294_967_295.0);

#[expect(clippy::cast_possible_truncation, reason = "parameters are f32")]
fn float(name: &str, value: f64) -> Result<f32> {
    let (text, number) = (format!("{value:e}"), value as f32);
    check_held(name, &text, number, value == 0.0, value.is_finite())?;
    match number.is_nan() {
        true => Err(Error::argument(name, value.to_string(), Number::Float(number).expected())),
        false => Ok(number),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is whole, and within the range")]
fn whole(name: &str, value: f64, (least, most): (f64, f64)) -> Result<i64> {
    if value.fract() == 0.0 && (least..=most).contains(&value) {
        return Ok(value as i64);
    }
    let expected = if least < 0.0 { Number::Signed(0) } else { Number::Unsigned(0) };
    Err(Error::argument(name, value.to_string(), expected.expected()))
}
