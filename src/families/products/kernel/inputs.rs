//! The accessors of the inputs.

use super::super::problem::{TARGET, Target, weight};
use super::Spec;
use super::vectors::vectors;
use crate::kernel::Header;
use crate::kernel::storage::{Loads, floats, indices};
use crate::request::Slot;
use crate::tensor::DType;

impl Spec {
    pub(super) fn dense(&self, header: &mut Header, input: usize, name: &str) {
        vectors(header, Slot::Input(input), name, self.dtype(input), self.problem.features);
    }

    /// Declares an input of single numbers if it is there, and says how `@` is read.
    pub(super) fn optional(
        &self,
        header: &mut Header,
        input: usize,
        name: &str,
        absent: &str,
    ) -> String {
        if self.inputs[input].is_none() {
            return absent.into();
        }
        floats(header, Slot::Input(input), name, self.dtype(input), Loads::Singles);
        format!("{name}_at(@)")
    }

    /// `class_index(item)`, `class_weight(class)`, for the passes over classes `probability(item, class)` and, where
    /// rows are marked, `mark(item)`.
    pub(super) fn targets(&self, header: &mut Header, over_classes: bool) {
        header.constant("INDEX", self.problem.has_index());
        let weight = weight(self.definition)
            .map_or("1.0".into(), |i| self.optional(header, i, "weight", "1.0"))
            .replace('@', "class_");
        header.line(&format!("fn class_weight(class_: u32) -> f32 {{ return {weight}; }}"));
        let dtype = self.dtype(TARGET);
        let mut index = "-1";
        let mut probability = "0.0";
        match self.problem.target {
            Target::Index => {
                indices(header, Slot::Input(TARGET), "target", dtype);
                index = "target_index(row_place(item))";
                probability =
                    "select(0.0, 1.0, class_index(item) == i32(window.first_class + class_))";
            }
            Target::Rows if over_classes => {
                floats(header, Slot::Input(TARGET), "target", dtype, Loads::Singles);
                probability = "target_at(target_place(item, class_))";
            }
            Target::Marks => {
                indices(header, Slot::Input(TARGET), "labels", dtype);
                header.line("fn mark(item: u32) -> i32 { return labels_index(row_place(item)); }");
            }
            Target::Rows | Target::None => {}
        }
        header.line(&format!("fn class_index(item: u32) -> i32 {{ return {index}; }}"));
        if over_classes {
            header.line(&format!(
                "fn probability(item: u32, class_: u32) -> f32 {{ return {probability}; }}"
            ));
        }
    }

    fn dtype(&self, input: usize) -> DType {
        self.inputs[input].unwrap_or(DType::F32)
    }
}
