//! Probabilities of paths on the CPU, however small: numbers with an exponent of their own.

use crate::cpu::{ABREAST, dispatch, numeric};
use pulp::{Simd, WithSimd};

/// `mantissa 2^exponent`, mantissa 0 or of ordinary size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaled {
    pub(super) mantissa: f64,
    pub(super) exponent: i64,
}

/// So low that no real number's exponent comes near, and sums of it do not overflow.
pub(super) const NEVER: Scaled = Scaled { mantissa: 0.0, exponent: i64::MIN / 8 };
pub(super) const ONE: Scaled = Scaled { mantissa: 1.0, exponent: 0 };

/// 2^exponent for exponents up to 1023, 0 below -1022.
#[inline(always)]
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent.max(-1023) + 1023) as u64) << 52)
}

impl Scaled {
    /// Without a branch on the larger one, which could be either.
    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        let exponent = self.exponent.max(other.exponent);
        let at = |number: Self| number.mantissa * power_of_two(number.exponent - exponent);
        Self { mantissa: at(self) + at(other), exponent }
    }

    #[inline(always)]
    pub(super) fn times(self, other: Self) -> Self {
        Self { mantissa: self.mantissa * other.mantissa, exponent: self.exponent + other.exponent }
    }

    /// The same number with a mantissa from 1 to 2.
    #[inline(always)]
    pub(super) fn normalised(self) -> Self {
        if self.mantissa == 0.0 {
            return NEVER;
        }
        let bits = self.mantissa.to_bits();
        // NaN may have any sign; other numbers here have none.
        let power = (bits >> 52 & 0x7ff) as i64 - 1023;
        if power == 1024 {
            return Self { mantissa: f64::NAN, exponent: 0 };
        }
        let mantissa = f64::from_bits(bits & !(0x7ff << 52) | 1023 << 52);
        Self { mantissa, exponent: self.exponent + power }
    }

    /// e^x.
    #[expect(clippy::cast_possible_truncation, reason = "float32 times 1.4 fits after the clamp")]
    pub(super) fn exponential(x: f32) -> Self {
        const MOST: f64 = 4_503_599_627_370_496.0; // 2^52
        let x = f64::from(x);
        if x == f64::NEG_INFINITY {
            return NEVER;
        }
        if !x.is_finite() {
            return Self { mantissa: f64::NAN, exponent: 0 };
        }
        if x.abs() < 600.0 {
            return Self { mantissa: x.exp(), exponent: 0 }.normalised();
        }
        let exponent = (x * std::f64::consts::LOG2_E).round().clamp(-MOST, MOST);
        let rest = x - exponent * std::f64::consts::LN_2;
        let mantissa = if rest.abs() < 1.0 { rest.exp() } else { 1.0 };
        Self { mantissa, exponent: exponent as i64 }.normalised()
    }

    #[expect(clippy::cast_precision_loss, reason = "exponents are below 2^53")]
    pub(super) fn logarithm(self) -> f64 {
        if self.mantissa == 0.0 {
            return f64::NEG_INFINITY;
        }
        self.mantissa.ln() + self.exponent as f64 * std::f64::consts::LN_2
    }

    pub(super) fn number(self) -> f64 {
        self.mantissa * power_of_two(self.exponent.min(1023))
    }
}

/// e^x of each number, in the first places; of brief work, where that is said.
pub(super) fn exponentials(numbers: &[f32], places: &mut [Scaled], brief: bool) {
    /// Exponentials of no more in size are float64 numbers of ordinary size.
    const MODERATE: f32 = 600.0;
    if numbers.iter().all(|x| x.abs() < MODERATE || !x.is_finite()) {
        return dispatch(brief, Exponentials { numbers, places });
    }
    places.iter_mut().zip(numbers).for_each(|(place, x)| *place = Scaled::exponential(*x));
}

struct Exponentials<'a> {
    numbers: &'a [f32],
    places: &'a mut [Scaled],
}

impl WithSimd for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (numbers, places) in self.numbers.chunks(ABREAST).zip(self.places.chunks_mut(ABREAST)) {
            let mut mantissas = [0.0; ABREAST];
            for (mantissa, x) in mantissas.iter_mut().zip(numbers) {
                *mantissa = (*x).into();
            }
            // Not `map`, which is not compiled for these instructions.
            for mantissa in &mut mantissas {
                *mantissa = numeric::wide_exp(*mantissa);
            }
            for (place, &mantissa) in places.iter_mut().zip(&mantissas[..numbers.len()]) {
                *place = Scaled { mantissa, exponent: 0 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NEVER, Scaled, exponentials};

    /// Of ordinary numbers and of such that need the exponents.
    #[test]
    fn places_behind_the_numbers_stay() {
        for last in [-3.0, -5000.0_f32] {
            let mut numbers = [-0.5_f32; 40];
            numbers[39] = last;
            let mut places = [NEVER; 41];
            exponentials(&numbers, &mut places, true);
            for (place, x) in places.iter().zip(numbers) {
                assert!((place.logarithm() - f64::from(x)).abs() < 1e-12, "{place:?} of {x}");
            }
            let Scaled { mantissa, exponent } = places[40];
            assert_eq!((mantissa, exponent), (NEVER.mantissa, NEVER.exponent), "{last}");
        }
    }
}
