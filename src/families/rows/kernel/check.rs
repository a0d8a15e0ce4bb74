//! The pass over class indices and weights, before that over the rows.

use crate::kernel::storage::{Loads, floats, indices};
use crate::kernel::{Destination, Header, Kernel, NUMERIC, REDUCE, declare_items};
use crate::request::Slot;
use crate::tensor::DType;

/// What the pass is made for: class indices, or rows with weights of their own.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// What the kernel is called.
    pub(crate) label: String,
    /// The input that holds the class indices.
    pub(crate) index: Option<(usize, DType)>,
    /// Which rows are left out where there are none.
    pub(crate) left_out: LeftOut,
    /// How many classes there are.
    pub(crate) classes: u64,
    pub(crate) weight: Weighed,
    /// Whether a class index may mark a row as ignored.
    pub(crate) ignores: bool,
    /// Whether the number of kept rows is wanted beside the sum of their weights.
    pub(crate) counts: bool,
    /// The rows of an item, where the number of items is in a buffer.
    pub(crate) counted: Option<u64>,
}

/// What tells which rows without a class index are left out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LeftOut {
    /// Nothing: none is.
    Nothing,
    /// An integer of each row, which is the ignored one.
    Marks { input: usize, dtype: DType },
    /// A 0 at its place in the scratch, from here on.
    Scratch(u64),
}

/// What a row weighs.
#[derive(Clone, Debug)]
pub(crate) enum Weighed {
    /// 1.
    One,
    /// What an input says of its class.
    Class { input: usize, name: &'static str, dtype: DType },
    /// What is at its place in the scratch, from here on.
    Scratch(u64),
}

impl Check {
    /// The kernel: the range of the class indices, the sum and the number of the kept rows' weights, and
    /// in a cut block these themselves.
    pub(in crate::families::rows) fn kernel(&self, sums: bool, counts: bool, cut: bool) -> Kernel {
        let mut header = Header::new();
        let bad = match self.index {
            Some((input, dtype)) => {
                indices(&mut header, Slot::Input(input), "target", dtype);
                header.write(Slot::Status, "status", "array<atomic<u32>>");
                let is_ignored = if self.ignores { "index == window.ignored" } else { "false" };
                header.line(&format!(
                    "fn is_ignored(row: u32, index: i32) -> bool {{ return {is_ignored}; }}"
                ));
                "atomicAdd(&status[0], 1u);\n    atomicMax(&status[1], ~row);"
            }
            None => {
                let is_left_out = self.declare_left_out(&mut header);
                header.line(&format!(
                    "fn target_index(row: u32) -> i32 {{
    return 0;
}}
fn is_ignored(row: u32, index: i32) -> bool {{
    return {is_left_out};
}}"
                ));
                ""
            }
        };
        header.line(&format!("fn note_bad(row: u32) {{\n    {bad}\n}}"));
        let weight = match (&self.weight, sums) {
            (Weighed::Class { input, name, dtype }, true) => {
                floats(&mut header, Slot::Input(*input), name, *dtype, Loads::Singles);
                format!("{name}_at(class_)")
            }
            (Weighed::Scratch(_), true) => {
                header.write(Slot::Scratch, "scratch", "array<f32>");
                "scratch[window.weights + window.first + row]".into()
            }
            _ => "1.0".into(),
        };
        declare_items(&mut header, self.counted);
        header.constant("SUMS", sums);
        if sums {
            Destination::Scratch.declare(&mut header);
        } else {
            header.line("fn store_total(block: u32, total: f32) {}");
        }
        header.line(&format!("fn row_weight(row: u32, class_: u32) -> f32 {{ return {weight}; }}"));
        let mut store = "";
        if cut {
            header.write(Slot::Totals, "cut_weights", "array<f32>");
            store = "cut_weights[row] = weight;";
        }
        header.line(&format!("fn store_weight(row: u32, weight: f32) {{\n    {store}\n}}"));
        header.constant("COUNTS", counts);
        let keep = if counts { "scratch[window.counts + block] = count;" } else { "" };
        header.line(&format!("fn store_count(block: u32, count: f32) {{\n    {keep}\n}}"));
        let text = include_str!("../../../../shaders/check_rows.wgsl");
        header.join(format!("{} targets", self.label), &[NUMERIC, REDUCE, text])
    }

    /// Whether `row` is left out.
    fn declare_left_out(&self, header: &mut Header) -> String {
        match self.left_out {
            LeftOut::Nothing => "false".into(),
            LeftOut::Marks { input, dtype } => {
                indices(header, Slot::Input(input), "marks", dtype);
                "marks_index(row) == window.ignored".into()
            }
            LeftOut::Scratch(place) => {
                header.write(Slot::Scratch, "scratch", "array<f32>");
                format!("scratch[{place}u + window.first + row] == 0.0")
            }
        }
    }

    /// The integers that it reads.
    pub(in crate::families::rows) fn integers(&self) -> Option<(usize, DType)> {
        match self.left_out {
            LeftOut::Marks { input, dtype } => Some((input, dtype)),
            _ => self.index,
        }
    }
}
