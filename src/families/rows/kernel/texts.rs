//! The shaders that all kernels over rows are joined with.

/// What formulas see of a row.
pub(crate) const ROW: &str = concat!(
    include_str!("../../../../shaders/row_states.wgsl"),
    "\n",
    include_str!("../../../../shaders/row.wgsl")
);

/// The same of those that are derived.
pub(crate) const DERIVED_ROW: &str = concat!(
    include_str!("../../../../shaders/row_states.wgsl"),
    "\n",
    include_str!("../../../../shaders/derived_row.wgsl")
);

/// The same where some of their inputs are whole.
pub(crate) const DERIVED_ROW_OF_WORDS: &str = concat!(
    include_str!("../../../../shaders/row_states.wgsl"),
    "\n",
    include_str!("../../../../shaders/derived_row_of_words.wgsl")
);

/// What a dispatch over rows works on.
pub(super) const ROWS_WINDOW: &str = include_str!("../../../../shaders/rows_window.wgsl");
