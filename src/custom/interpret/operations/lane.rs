//! One lane: an operation from a formula of its numbers, and the formulas that several share.

/// An operation from a formula of one lane's operands.
macro_rules! lanes {
    (|$a:ident| $result:expr) => {
        |to, [a, ..]| {
            for (to, &$a) in to.iter_mut().zip(a) {
                *to = $result;
            }
        }
    };
    (|$a:ident, $b:ident| $result:expr) => {
        |to, [a, b, ..]| {
            for ((to, &$a), &$b) in to.iter_mut().zip(a).zip(b) {
                *to = $result;
            }
        }
    };
    (|$a:ident, $b:ident, $c:ident| $result:expr) => {
        |to, [a, b, c, ..]| {
            for (((to, &$a), &$b), &$c) in to.iter_mut().zip(a).zip(b).zip(c) {
                *to = $result;
            }
        }
    };
    (|$a:ident, $b:ident, $c:ident, $d:ident| $result:expr) => {
        |to, [a, b, c, d]| {
            for ((((to, &$a), &$b), &$c), &$d) in to.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *to = $result;
            }
        }
    };
}

#[expect(clippy::cast_possible_truncation, reason = "what is not an i32 may become any")]
pub(super) fn signed(x: f64) -> i32 {
    x as i32
}

#[expect(clippy::cast_possible_truncation, reason = "what is not a u32 may become any")]
#[expect(clippy::cast_sign_loss, reason = "what is not a u32 may become any")]
pub(super) fn unsigned(x: f64) -> u32 {
    x as u32
}

/// An index; what lies below 0 becomes 0.
#[expect(clippy::cast_possible_truncation, reason = "indices are small or outside anyway")]
#[expect(clippy::cast_sign_loss, reason = "a negative index becomes 0")]
pub(in super::super) fn place(x: f64) -> usize {
    x as usize
}

pub(super) fn truth(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

/// The larger one; NaN in either gives NaN.
pub(super) fn maximum(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// The smaller one; NaN in either gives NaN.
pub(super) fn minimum(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

pub(super) fn clamped(x: f64, low: f64, high: f64) -> f64 {
    minimum(maximum(x, low), high)
}

/// -1, 0 or 1; NaN gives NaN.
pub(super) fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// As in C, with anything^0 = 1^anything = 1, except that other powers of negative bases are NaN.
pub(super) fn power(base: f64, exponent: f64) -> f64 {
    if exponent == 0.0 {
        1.0
    } else if base < 0.0 {
        f64::NAN
    } else {
        base.abs().powf(exponent)
    }
}
