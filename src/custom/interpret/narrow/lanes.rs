//! Which lanes do something.

/// Some lanes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mask {
    All,
    None,
    /// Those where a value holds.
    Some(usize),
}
