//! What formulas see of a row: numbers, and words of what is whole.

use super::Spec;
use super::texts::{DerivedRow, ROW};
use crate::definition::Whole;
use crate::families::rows::shape::MOST_OVER;
use crate::kernel::Header;
use crate::kernel::storage::{Loads, floats_after, wholes_after};
use crate::request::Slot;
use crate::tensor::DType;

impl Spec<'_> {
    /// What the formula sees of a row.
    pub(super) fn row(&self) -> [&'static str; 2] {
        match self.derived_row().map(DerivedRow::context) {
            Some(&[size, row, ..]) => [size, row],
            _ => ["", ROW],
        }
    }

    /// The same of a derived one, which sees rows and items as numbers.
    pub(super) fn derived_row(&self) -> Option<DerivedRow> {
        DerivedRow::of(self.definition.shader.context)
    }

    /// How the slope at a place is written behind all of them.
    pub(super) fn behind(&self, place: usize) -> String {
        self.derived_row().map_or_else(|| format!("[{place}]"), |row| row.behind(place))
    }

    /// Declares an input of numbers, or of words where it is whole, and its accessor.
    pub(super) fn declare_loads(
        &self,
        header: &mut Header,
        i: usize,
        dtype: DType,
        loads: Loads,
        skip: &str,
    ) {
        let (slot, name) = (Slot::Input(i), self.name(i));
        match self.whole(i) {
            Some(whole) => wholes_after(header, slot, name, dtype, whole, loads, skip),
            None => floats_after(header, slot, name, dtype, loads, skip),
        }
    }

    /// What an input of integers or booleans is.
    fn whole(&self, i: usize) -> Option<Whole> {
        self.definition.inputs[i].whole()
    }

    /// What a derived formula sees, of what each of its inputs has: so many numbers, and words where it sees any.
    pub(super) fn numbers(
        &self,
        inputs: [Option<usize>; MOST_OVER],
        of: impl Fn(usize) -> String,
    ) -> String {
        let row = self.derived_row();
        let is_whole = |i: usize| self.whole(i).is_some();
        let numbers = inputs.map(|input| input.filter(|&i| !is_whole(i)).map_or("0.0".into(), &of));
        let word = |i: usize| format!("u32({})", of(i));
        let words = inputs.map(|input| input.filter(|&i| is_whole(i)).map_or("0u".into(), word));
        let all = |kind: &str, own: &[String]| match row {
            Some(DerivedRow { has_many: true, .. }) => {
                let fours = own.chunks(4).map(|four| format!("vec4({})", four.join(", ")));
                format!("{kind}({})", fours.collect::<Vec<_>>().join(", "))
            }
            _ => format!("{kind}({})", own[..4].join(", ")),
        };
        let numbers = all("Numbers", &numbers);
        match row {
            Some(DerivedRow { has_words: true, .. }) => {
                format!("{numbers}, {}", all("Words", &words))
            }
            _ => numbers,
        }
    }

    /// The type of an input's numbers.
    pub(super) fn kind(&self, i: usize) -> &'static str {
        self.whole(i).map_or("f32", Whole::kind)
    }
}
