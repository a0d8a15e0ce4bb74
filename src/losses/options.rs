//! The table in which a loss's options stand, each once.

use crate::definition::Setting;
use crate::error::{Error, Result};

/// Declares a loss and its options: a struct whose fields have their defaults, and where not every
/// value is valid what is.
///
/// ```ignore
/// options! {
///     /// What the loss is.
///     #[derive(Clone, Copy, Debug, PartialEq)]
///     pub struct MultiMargin {
///         /// The power, 1 or 2.
///         pub p: i64 = 1, Valid("1 or 2", |p| p == 1 || p == 2);
///         /// How far the target is to be above the other classes.
///         pub margin: f32 = 1.0, FINITE;
///     }
///     parameters |loss| {
///         squared = loss.p == 2;
///     }
/// }
/// ```
///
/// Where what is valid depends on another option, `together |loss| { margin = loss.margins(); }` before the
/// parameters says it by a method that returns a [`Valid`].
///
/// That is the plain struct with `Default`, and [`Options`](crate::definition::Options), which has the
/// documentation at run time too. The kernels have each option that their `struct Parameters` has a
/// member for, of the option's name, and what stands under `parameters` besides. The type of an option
/// is `f32`, `i64`, `bool` or a [`Choice`](crate::definition::Choice).
macro_rules! options {
    (
        $(#[doc = $about:literal])*
        #[derive($($derived:tt)*)]
        pub struct $loss:ident;
    ) => {
        $(#[doc = $about])*
        #[derive($($derived)*)]
        pub struct $loss;

        impl $crate::definition::Options for $loss {
            fn documentation(&self) -> String {
                $crate::definition::documentation(concat!($($about, "\n",)*))
            }
        }
    };
    (
        $(#[doc = $about:literal])*
        #[derive($($derived:tt)*)]
        pub struct $loss:ident {
            $(
                $(#[doc = $option_about:literal])*
                pub $option:ident: $kind:ty = $default:expr $(, $valid:expr)?;
            )*
        }
        $(together |$both:ident| { $($bound:ident = $bound_valid:expr;)* })?
        $(parameters |$own:ident| { $($parameter:ident = $value:expr;)* })?
    ) => {
        $(#[doc = $about])*
        #[derive($($derived)*)]
        pub struct $loss {
            $($(#[doc = $option_about])* pub $option: $kind,)*
        }

        impl Default for $loss {
            fn default() -> Self {
                Self { $($option: $default,)* }
            }
        }

        impl $crate::definition::Options for $loss {
            fn documentation(&self) -> String {
                $crate::definition::documentation(concat!($($about, "\n",)*))
            }

            fn options(&mut self) -> Vec<(&'static str, $crate::definition::Setting<'_>)> {
                vec![$((stringify!($option), (&mut self.$option).into()),)*]
            }

            fn validate(&self) -> $crate::Result<()> {
                $($($crate::losses::options::Valid::<$kind>::check(
                    &$valid,
                    stringify!($option),
                    self.$option,
                )?;)?)*
                $($({
                    let $both = self;
                    $bound_valid.check(stringify!($bound), self.$bound)?;
                })*)?
                Ok(())
            }

            fn values(&self) -> Vec<(&'static str, String)> {
                let mut own = *self;
                own.options().into_iter().map(|(name, value)| (name, value.value())).collect()
            }

            fn valid(&self) -> Vec<(&'static str, &'static str)> {
                vec![$($((
                    stringify!($option),
                    $crate::losses::options::Valid::<$kind>::words(&$valid),
                ),)?)*]
            }

            fn described(&self) -> Vec<(&'static str, String)> {
                vec![$((
                    stringify!($option),
                    $crate::definition::documentation(concat!($($option_about, "\n",)*)),
                ),)*]
            }

            fn parameters(&self) -> Vec<(&'static str, $crate::definition::Parameter)> {
                vec![
                    $((stringify!($option), self.$option.into()),)*
                    $($((stringify!($parameter), { let $own = self; ($value).into() }),)*)?
                ]
            }
        }
    };
}

pub(super) use options;

/// Which values of an option are valid, in words and as a condition.
pub(super) struct Valid<T>(pub(super) &'static str, pub(super) fn(T) -> bool);

impl<T: Copy> Valid<T>
where
    for<'a> Setting<'a>: From<&'a mut T>,
{
    pub(super) fn check(&self, name: &str, mut value: T) -> Result<()> {
        if (self.1)(value) {
            return Ok(());
        }
        Err(Error::argument(name, Setting::from(&mut value).value(), self.0))
    }

    pub(super) fn words(&self) -> &'static str {
        self.0
    }
}

pub(super) const FINITE: Valid<f32> = Valid("a finite number", f32::is_finite);

pub(super) const ABOVE_ZERO: Valid<f32> =
    Valid("a finite number above 0", |x| x.is_finite() && x > 0.0);

pub(super) const FROM_ZERO: Valid<f32> =
    Valid("a finite number, 0 or more", |x| x.is_finite() && x >= 0.0);

pub(super) const ZERO_TO_ONE: Valid<f32> =
    Valid("a number from 0 to 1", |x| (0.0..=1.0).contains(&x));

#[cfg(test)]
mod tests {
    use crate::definition::Setting;
    use crate::losses::{by_name, catalogue};

    /// Sets an option of a loss, if it is a number, and says whether the loss still is valid.
    fn is_valid(loss: &str, option: usize, number: f32) -> Option<bool> {
        let mut loss = by_name(loss).expect("a loss of the catalogue");
        match &mut loss.options()[option].1 {
            Setting::Number(x) => **x = number,
            _ => return None,
        }
        Some(loss.validate().is_ok())
    }

    #[test]
    fn defaults_are_valid_and_no_number_is_nan_or_infinite() {
        let mut numbers = 0;
        for mut loss in catalogue() {
            let loss_name = loss.definition().name;
            assert_eq!(loss.validate(), Ok(()), "{loss_name}");
            let values: Vec<_> =
                loss.options().into_iter().map(|(name, value)| (name, value.value())).collect();
            assert_eq!(loss.values(), values, "{loss_name}");
            for (i, (option, _)) in loss.options().into_iter().enumerate() {
                for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let Some(valid) = is_valid(loss_name, i, odd) else { continue };
                    let norm =
                        (loss_name, option, odd) == ("triplet_margin_loss", "p", f32::INFINITY);
                    assert_eq!(valid, norm, "{loss_name} {option}={odd}");
                    numbers += 1;
                }
            }
        }
        assert!(numbers >= 3 * 20, "{numbers} numbers");
    }
}
