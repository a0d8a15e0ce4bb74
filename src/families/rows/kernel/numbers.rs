//! What formulas see of a row: numbers, and words of what is whole.

use super::Spec;
use super::texts::{DERIVED_ROW, DERIVED_ROW_OF_WORDS, ROW};
use crate::definition::Whole;
use crate::kernel::Header;
use crate::kernel::storage::{Loads, floats_after, wholes_after};
use crate::request::Slot;
use crate::tensor::DType;

impl Spec<'_> {
    /// What the formula sees of a row.
    pub(super) fn row(&self) -> &'static str {
        let context = self.definition.shader.context;
        let derived = [DERIVED_ROW, DERIVED_ROW_OF_WORDS];
        derived.into_iter().find(|own| context.contains(own)).unwrap_or(ROW)
    }

    /// Whether the formula is a derived one, which sees rows and items as numbers.
    pub(super) fn is_derived(&self) -> bool {
        self.row() != ROW
    }

    /// Whether it sees words beside the numbers.
    fn has_words(&self) -> bool {
        self.row() == DERIVED_ROW_OF_WORDS
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
    pub(super) fn numbers<const N: usize>(
        &self,
        inputs: [Option<usize>; N],
        of: impl Fn(usize) -> String,
    ) -> String {
        let is_whole = |i: usize| self.whole(i).is_some();
        let numbers = inputs.map(|input| input.filter(|&i| !is_whole(i)).map_or("0.0".into(), &of));
        let word = |i: usize| format!("u32({})", of(i));
        let words = inputs.map(|input| input.filter(|&i| is_whole(i)).map_or("0u".into(), word));
        let numbers = format!("vec{N}({})", numbers.join(", "));
        match self.has_words() {
            true => format!("{numbers}, vec{N}({})", words.join(", ")),
            false => numbers,
        }
    }

    /// The type of an input's numbers.
    pub(super) fn kind(&self, i: usize) -> &'static str {
        self.whole(i).map_or("f32", Whole::kind)
    }
}
