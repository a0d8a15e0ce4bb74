//! The functions that both machines have: textbook mathematics in float64, and in float32 the CPU
//! backend's own polynomials.

use super::whole::{signed, unsigned};
use crate::cpu::numeric;
use std::f64::consts::LN_2;

/// A float of a machine.
pub(super) trait Real: Copy {
    fn wide(self) -> f64;
    fn of_wide(x: f64) -> Self;
    /// The sum with a float32 of these bits.
    fn plus_word(self, word: u32) -> Self;
    fn of_signed(x: i32) -> Self;
    fn of_unsigned(x: u32) -> Self;
    /// The nearest integer towards 0; what is not one may become any.
    fn to_signed(self) -> i32;
    fn to_unsigned(self) -> u32;
    fn larger(self, other: Self) -> Self;
    fn smaller(self, other: Self) -> Self;
    fn clamped(self, low: Self, high: Self) -> Self;
    fn sign(self) -> Self;
    fn silenced(self, term: Self) -> Self;
    fn exponential(self) -> Self;
    fn exponential_minus_one(self) -> Self;
    fn logarithm(self) -> Self;
    fn logarithm_one_plus(self) -> Self;
    fn sigmoid(self) -> Self;
    fn log_sigmoid(self) -> Self;
    fn softplus(self) -> Self;
    fn softplus_sum(self, yes: Self, no: Self) -> Self;
    fn softplus_sum_slope(self, yes: Self, no: Self) -> Self;
    fn hyperbolic_tangent(self) -> Self;
    fn log_cosh(self) -> Self;
    fn arctangent(self) -> Self;
    /// Of a base from 0.
    fn power(self, exponent: Self) -> Self;
    fn signed_power(self, exponent: Self) -> Self;
}

/// What is the same in both.
macro_rules! alike {
    () => {
        /// The larger one; NaN in either gives NaN.
        #[inline(always)]
        fn larger(self, other: Self) -> Self {
            if self > other || self.is_nan() { self } else { other }
        }

        /// The smaller one; NaN in either gives NaN.
        #[inline(always)]
        fn smaller(self, other: Self) -> Self {
            if self < other || self.is_nan() { self } else { other }
        }

        #[inline(always)]
        fn clamped(self, low: Self, high: Self) -> Self {
            self.larger(low).smaller(high)
        }

        /// -1, 0 or 1; NaN gives NaN.
        #[inline(always)]
        fn sign(self) -> Self {
            let below = if self < 0.0 { -1.0 } else { self };
            if self > 0.0 { 1.0 } else { below }
        }

        /// The product, where a factor of 0 silences even an infinite term; NaN stays.
        #[inline(always)]
        fn silenced(self, term: Self) -> Self {
            if self == 0.0 && !term.is_nan() { 0.0 } else { self * term }
        }

        #[inline(always)]
        fn log_sigmoid(self) -> Self {
            -(-self).softplus()
        }
    };
}

impl Real for f64 {
    alike!();

    fn wide(self) -> f64 {
        self
    }

    fn of_wide(x: f64) -> Self {
        x
    }

    fn plus_word(self, word: u32) -> Self {
        self + Self::from(f32::from_bits(word))
    }

    fn of_signed(x: i32) -> Self {
        x.into()
    }

    fn of_unsigned(x: u32) -> Self {
        x.into()
    }

    fn to_signed(self) -> i32 {
        signed(self)
    }

    fn to_unsigned(self) -> u32 {
        unsigned(self)
    }

    fn exponential(self) -> Self {
        self.exp()
    }

    fn exponential_minus_one(self) -> Self {
        self.exp_m1()
    }

    fn logarithm(self) -> Self {
        self.ln()
    }

    fn logarithm_one_plus(self) -> Self {
        self.ln_1p()
    }

    /// Through `e^-|x|`, which cannot overflow.
    fn sigmoid(self) -> Self {
        let e = (-self.abs()).exp();
        if self < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
    }

    fn softplus(self) -> Self {
        self.larger(0.0) + (-self.abs()).exp().ln_1p()
    }

    fn softplus_sum(self, yes: Self, no: Self) -> Self {
        yes.silenced((-self).softplus()) + no.silenced(self.softplus())
    }

    fn softplus_sum_slope(self, yes: Self, no: Self) -> Self {
        no * self.sigmoid() - yes * (-self).sigmoid()
    }

    fn hyperbolic_tangent(self) -> Self {
        self.tanh()
    }

    /// Near 0 through cosh x - 1 = 2 sinh^2 (x / 2), where the other form cancels.
    fn log_cosh(self) -> Self {
        let a = self.abs();
        if a < 1.0 {
            let half = (0.5 * a).sinh();
            (2.0 * half * half).ln_1p()
        } else {
            a - LN_2 + (-2.0 * a).exp().ln_1p()
        }
    }

    fn arctangent(self) -> Self {
        self.atan()
    }

    /// As in C, with anything^0 = 1^anything = 1, except that other powers of negative bases are NaN.
    fn power(self, exponent: Self) -> Self {
        if exponent == 0.0 {
            1.0
        } else if self < 0.0 {
            Self::NAN
        } else {
            self.abs().powf(exponent)
        }
    }

    fn signed_power(self, exponent: Self) -> Self {
        self.powf(exponent)
    }
}

impl Real for f32 {
    alike!();

    #[inline(always)]
    fn wide(self) -> f64 {
        self.into()
    }

    #[expect(clippy::cast_possible_truncation, reason = "float32 is asked for")]
    #[inline(always)]
    fn of_wide(x: f64) -> Self {
        x as Self
    }

    #[inline(always)]
    fn plus_word(self, word: u32) -> Self {
        self + Self::from_bits(word)
    }

    #[expect(clippy::cast_precision_loss, reason = "it is rounded, as WGSL says")]
    #[inline(always)]
    fn of_signed(x: i32) -> Self {
        x as Self
    }

    #[expect(clippy::cast_precision_loss, reason = "it is rounded, as WGSL says")]
    #[inline(always)]
    fn of_unsigned(x: u32) -> Self {
        x as Self
    }

    #[expect(clippy::cast_possible_truncation, reason = "what is not an i32 may become any")]
    #[inline(always)]
    fn to_signed(self) -> i32 {
        self as i32
    }

    #[expect(clippy::cast_possible_truncation, reason = "what is not a u32 may become any")]
    #[expect(clippy::cast_sign_loss, reason = "what is not a u32 may become any")]
    #[inline(always)]
    fn to_unsigned(self) -> u32 {
        self as u32
    }

    #[inline(always)]
    fn exponential(self) -> Self {
        numeric::exp(self)
    }

    #[inline(always)]
    fn exponential_minus_one(self) -> Self {
        numeric::exp_m1(self)
    }

    #[inline(always)]
    fn logarithm(self) -> Self {
        numeric::ln(self)
    }

    #[inline(always)]
    fn logarithm_one_plus(self) -> Self {
        numeric::ln_1p(self)
    }

    #[inline(always)]
    fn sigmoid(self) -> Self {
        numeric::sigmoid(self)
    }

    #[inline(always)]
    fn softplus(self) -> Self {
        numeric::softplus(self)
    }

    #[inline(always)]
    fn softplus_sum(self, yes: Self, no: Self) -> Self {
        numeric::softplus_sum(self, yes, no)
    }

    #[inline(always)]
    fn softplus_sum_slope(self, yes: Self, no: Self) -> Self {
        numeric::softplus_sum_slope(self, yes, no)
    }

    #[inline(always)]
    fn hyperbolic_tangent(self) -> Self {
        numeric::tanh(self)
    }

    #[inline(always)]
    fn log_cosh(self) -> Self {
        numeric::log_cosh(self)
    }

    #[inline(always)]
    fn arctangent(self) -> Self {
        numeric::atan(self)
    }

    #[inline(always)]
    fn power(self, exponent: Self) -> Self {
        numeric::power(self, exponent)
    }

    #[inline(always)]
    fn signed_power(self, exponent: Self) -> Self {
        numeric::signed_power(self, exponent)
    }
}
