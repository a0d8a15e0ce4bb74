//! One lane: an operation from a formula of its numbers, and the formulas that several share.

/// An operation from a formula of one lane's operands.
macro_rules! lanes {
    (|$($operand:ident),+| $result:expr) => {
        $crate::custom::interpret::instruction::Operation {
            wide: lanes!(@loop |$($operand),+| $result),
            narrow: lanes!(@loop |$($operand),+| $crate::custom::interpret::operations::lane::narrowed($result)),
        }
    };
    (@loop |$a:ident| $result:expr) => {
        |to, [a, ..]| {
            for (to, &$a) in to.iter_mut().zip(a) {
                *to = $result;
            }
        }
    };
    (@loop |$a:ident, $b:ident| $result:expr) => {
        |to, [a, b, ..]| {
            for ((to, &$a), &$b) in to.iter_mut().zip(a).zip(b) {
                *to = $result;
            }
        }
    };
    (@loop |$a:ident, $b:ident, $c:ident| $result:expr) => {
        |to, [a, b, c, ..]| {
            for (((to, &$a), &$b), &$c) in to.iter_mut().zip(a).zip(b).zip(c) {
                *to = $result;
            }
        }
    };
    (@loop |$a:ident, $b:ident, $c:ident, $d:ident| $result:expr) => {
        |to, [a, b, c, d]| {
            for ((((to, &$a), &$b), &$c), &$d) in to.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *to = $result;
            }
        }
    };
}

/// As float32 holds it: rounded once, and infinite where that ends.
#[expect(clippy::cast_possible_truncation, reason = "float32 is asked for")]
pub(super) fn narrowed(x: f64) -> f64 {
    f64::from(x as f32)
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

/// An index; what lies below 0 is as far outside as can be, as a u32 of the same bits is.
#[expect(clippy::cast_possible_truncation, reason = "indices are small or outside anyway")]
#[expect(clippy::cast_sign_loss, reason = "what is below 0 is outside")]
pub(in super::super) fn place(x: f64) -> usize {
    if x < 0.0 { usize::MAX } else { x as usize }
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
