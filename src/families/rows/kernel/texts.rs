//! The shaders that all kernels over rows are joined with.

use crate::families::rows::shape::MOST_OVER;
use crate::kernel::TABLE;

/// What formulas see of a row.
pub(crate) const ROW: &str = concat!(
    include_str!("../../../../shaders/row_states.wgsl"),
    "\n",
    include_str!("../../../../shaders/row.wgsl")
);

/// The same of those that are derived.
const NUMBERS_OF_ROW: &str = concat!(
    include_str!("../../../../shaders/row_states.wgsl"),
    "\n",
    include_str!("../../../../shaders/derived_row.wgsl")
);

/// The same where some of their inputs are whole.
const WORDS_OF_ROW: &str = concat!(
    include_str!("../../../../shaders/row_states.wgsl"),
    "\n",
    include_str!("../../../../shaders/derived_row_of_words.wgsl")
);

/// What holds up to four inputs, and what holds eight.
const FEW: &str = "alias Numbers = vec4<f32>; alias Words = vec4<u32>; alias Slopes = vec4<f32>;\n";
const MANY: &str = "alias Numbers = array<vec4<f32>, 2>; alias Words = array<vec4<u32>, 2>; alias Slopes = mat2x4<f32>;\n";

/// What a derived formula may be asked for.
const WANTED: &str = "const GRADIENTS = true; const SLOPES = true; const ROW_SLOPES = true;";

/// What those formulas see of a row that are derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DerivedRow {
    /// Whether some of their inputs are whole.
    pub(crate) has_words: bool,
    /// Whether there are more than four inputs over classes, or numbers of a row.
    pub(crate) has_many: bool,
}

impl DerivedRow {
    /// What the formula knows.
    pub(crate) const fn context(self) -> &'static [&'static str] {
        match (self.has_many, self.has_words) {
            (false, false) => &[FEW, NUMBERS_OF_ROW, WANTED, TABLE],
            (false, true) => &[FEW, WORDS_OF_ROW, WANTED, TABLE],
            (true, false) => &[MANY, NUMBERS_OF_ROW, WANTED, TABLE],
            (true, true) => &[MANY, WORDS_OF_ROW, WANTED, TABLE],
        }
    }

    /// What a formula's context says that it sees, if that is derived.
    pub(super) fn of(context: &[&str]) -> Option<Self> {
        match *context {
            [size, row, ..] if [FEW, MANY].contains(&size) => {
                Some(Self { has_many: size == MANY, has_words: row == WORDS_OF_ROW })
            }
            _ => None,
        }
    }

    /// How many numbers there is room for.
    pub(crate) fn room(self) -> usize {
        if self.has_many { MOST_OVER } else { 4 }
    }

    /// How the number at a place is written behind all of them.
    pub(crate) fn behind(self, place: usize) -> String {
        match self.has_many {
            false => format!("[{place}]"),
            true => format!("[{}][{}]", place / 4, place % 4),
        }
    }
}

/// What a dispatch over rows works on.
pub(super) const ROWS_WINDOW: &str = include_str!("../../../../shaders/rows_window.wgsl");
