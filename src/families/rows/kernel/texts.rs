//! The shaders that all kernels over rows are joined with.

use crate::kernel::TABLE;

/// What formulas see of a row.
pub(crate) const ROW: &str = concat!(
    include_str!("../../../../shaders/row_states.wgsl"),
    "\n",
    include_str!("../../../../shaders/row.wgsl")
);

/// What those formulas see of a row that are derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DerivedRow {
    /// Whether some of their inputs are whole.
    pub(crate) has_words: bool,
    /// Whether there are more than four inputs over classes, or numbers of a row.
    pub(crate) has_many: bool,
}

macro_rules! derived_row {
    ($numbers:literal, $row:literal) => {
        concat!(
            include_str!("../../../../shaders/row_states.wgsl"),
            "\n",
            $numbers,
            "\n\n",
            include_str!($row)
        )
    };
}

macro_rules! few {
    ($row:literal) => {
        derived_row!(
            "alias Numbers = vec4<f32>; alias Words = vec4<u32>; alias Slopes = vec4<f32>;",
            $row
        )
    };
}

macro_rules! many {
    ($row:literal) => {
        derived_row!(
            "alias Numbers = array<vec4<f32>, 2>; alias Words = array<vec4<u32>, 2>; alias Slopes = mat2x4<f32>;",
            $row
        )
    };
}

const OF_FEW: &str = few!("../../../../shaders/derived_row.wgsl");
const OF_FEW_AND_WORDS: &str = few!("../../../../shaders/derived_row_of_words.wgsl");
const OF_MANY: &str = many!("../../../../shaders/derived_row.wgsl");
const OF_MANY_AND_WORDS: &str = many!("../../../../shaders/derived_row_of_words.wgsl");

/// What a derived formula may be asked for.
const WANTED: &str = "const GRADIENTS = true; const SLOPES = true; const ROW_SLOPES = true;";

impl DerivedRow {
    /// What the formula knows.
    pub(crate) const fn context(self) -> &'static [&'static str] {
        match (self.has_words, self.has_many) {
            (false, false) => &[OF_FEW, WANTED, TABLE],
            (true, false) => &[OF_FEW_AND_WORDS, WANTED, TABLE],
            (false, true) => &[OF_MANY, WANTED, TABLE],
            (true, true) => &[OF_MANY_AND_WORDS, WANTED, TABLE],
        }
    }

    /// The text by which the formula sees rows.
    pub(super) const fn text(self) -> &'static str {
        self.context()[0]
    }

    /// What a formula's context says that it sees, if that is derived.
    pub(super) fn of(context: &[&str]) -> Option<Self> {
        let all = [(false, false), (true, false), (false, true), (true, true)];
        let mut all = all.map(|(has_words, has_many)| Self { has_words, has_many }).into_iter();
        all.find(|own| context.contains(&own.text()))
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
