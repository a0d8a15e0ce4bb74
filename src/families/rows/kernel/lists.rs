//! How the kernels get at what lists say of some classes of each row.

use super::{Lanes, Spec};
use crate::families::rows::shape::{List, RowShape};
use crate::kernel::storage::{Loads, floats_after, indices_after};
use crate::kernel::{Header, Kernel, declare_items};
use crate::request::Slot;
use crate::tensor::DType;

/// The most words of a filter: 4 KiB.
const FILTER: u64 = 1024;

impl RowShape {
    /// The words of the filter that tells of most classes that they are not listed.
    pub(super) fn filter_words(&self) -> u64 {
        if self.list.is_some() { self.classes.div_ceil(32).min(FILTER) } else { 0 }
    }
}

impl Lanes {
    /// Those of the pass over lists, a workgroup to a list.
    pub(crate) fn of_list(self) -> Self {
        Self { threads: 64, rows: 1, subgroup: None, ..self }
    }
}

impl Spec<'_> {
    /// The pass over the lists, before that over the rows.
    pub(crate) fn sorted(&self, list: List) -> Kernel {
        let mut header = Header::new();
        header.constant("THREADS", format!("{}u", self.lanes.threads));
        self.declare_list_places(&mut header, list);
        let dtype = |i: usize| self.inputs[i].unwrap_or(DType::F32);
        let skip = super::skip;
        let [classes, numbers] = [list.classes, list.numbers];
        let slot = Slot::Input(classes);
        indices_after(&mut header, slot, "classes", dtype(classes), &skip(classes));
        let (slot, loads) = (Slot::Input(numbers), Loads::Singles);
        floats_after(&mut header, slot, "numbers", dtype(numbers), loads, &skip(numbers));
        if let Some(marks) = self.shape.marks {
            let slot = Slot::Input(marks);
            indices_after(&mut header, slot, self.name(marks), dtype(marks), &skip(marks));
        }
        let left_out = self.left_out(&mut header, "r").unwrap_or("false".into());
        declare_items(&mut header, self.counted);
        header.line(&format!(
            "fn is_left_out(r: u32) -> bool {{ return {left_out} || !is_item(window.first + r); }}"
        ));
        header.write(Slot::Status, "status", "array<atomic<u32>>");
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let label = format!("wgloss {} lists", self.definition.name);
        let window = super::texts::ROWS_WINDOW;
        header.join(label, &[window, include_str!("../../../../shaders/sorted_lists.wgsl")])
    }

    fn declare_list_places(&self, header: &mut Header, list: List) {
        header.constant("LISTED", format!("{}u", list.length));
        header.constant("BAD_LISTS", format!("{}u", self.kept_rows));
    }

    /// `mark_listed(...)` and `own_second_sums(...)`; and where there are lists, the shader that looks into them.
    pub(super) fn declare_lists(&self, header: &mut Header) -> &'static str {
        let (Some(list), Some(first)) = (self.shape.list, self.shape.over().next()) else {
            header.line(
                "fn mark_listed(r: u32, slot: u32, thread: u32) {}
fn own_second_sums(
    part: Part, section: u32, slot: u32, thread: u32, row: Row, peak: Peaks, total: Sums
) -> Sums {",
            );
            header.line(match self.has_running() {
                true => {
                    "    return running_second_sums(part.r, slot, thread, row, peak, total);\n}"
                }
                false => "    return part_second_sums(part, row, peak, total);\n}",
            });
            return "";
        };
        self.declare_list_places(header, list);
        header.constant("FILTER", format!("{}u", self.shape.filter_words()));
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let first = self.single(first, "place");
        header.line(&format!("fn first_at(place: u32) -> f32 {{ return {first}; }}"));
        include_str!("../../../../shaders/listed.wgsl")
    }

    /// `state_of_list(r)`, by which the first bad class gets into the status.
    pub(super) fn declare_listed_state(&self, header: &mut Header, list: List) -> &'static str {
        header.write(Slot::Scratch, "scratch", "array<f32>");
        header.write(Slot::Status, "status", "array<u32>");
        let name = self.name(list.classes);
        header.line(&format!(
            "fn state_of_list(r: u32) -> u32 {{
    if (scratch[BAD_LISTS + window.first + r] == 0.0) {{
        return KEPT;
    }}
    let first = ~status[1];
    if (first / LISTED == window.first + r) {{
        let words = {name}_words(r * LISTED + first % LISTED);
        status[2] = words.x;
        status[3] = words.y;
    }}
    return BAD;
}}"
        ));
        "state_of_list(r)"
    }
}
