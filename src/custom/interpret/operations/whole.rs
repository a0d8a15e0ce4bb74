//! Whole numbers of what the wide machine holds.

#[expect(clippy::cast_possible_truncation, reason = "what is not an i32 may become any")]
#[inline(always)]
pub(super) fn signed(x: f64) -> i32 {
    x as i32
}

#[expect(clippy::cast_possible_truncation, reason = "what is not a u32 may become any")]
#[expect(clippy::cast_sign_loss, reason = "what is not a u32 may become any")]
#[inline(always)]
pub(super) fn unsigned(x: f64) -> u32 {
    x as u32
}

/// An index; what lies below 0 is as far outside as can be, as a u32 of the same bits is.
#[expect(clippy::cast_possible_truncation, reason = "indices are small or outside anyway")]
#[expect(clippy::cast_sign_loss, reason = "what is below 0 is outside")]
pub(in super::super) fn place(x: f64) -> usize {
    if x < 0.0 { usize::MAX } else { x as usize }
}
