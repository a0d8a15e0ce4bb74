//! The kernels that finish what the families begin: sums of neighbours, of blocks and of columns.

use super::storage::{Stores, stores};
use super::{Destination, Header, Kernel, NUMERIC, REDUCE, uniform};
use crate::request::Slot;
use crate::tensor::DType;

uniform! {
    /// The window of `tree.wgsl`.
    pub(crate) struct TreeWindow {
        count: u32,
        source: u32,
        destination: u32,
        width: u32,
        divisor: f32,
        weight: f32,
    }
}

uniform! {
    /// The window of `exact_sum.wgsl`.
    pub(crate) struct ExactWindow {
        count: u32,
        numbers: u32,
        neighbours: u32,
        parts: u32,
        rest: u32,
        destination: u32,
        width: u32,
        divisor: f32,
        weight: f32,
    }
}

uniform! {
    /// The window of `copy.wgsl`.
    pub(crate) struct CopyWindow {
        count: u32,
        source: u32,
        width: u32,
    }
}

uniform! {
    /// The window of `sum_columns.wgsl`.
    pub(crate) struct ColumnsWindow {
        outputs: u32,
        columns: u32,
        rows: u32,
        source: u32,
        destination: u32,
        width: u32,
    }
}

uniform! {
    /// The window of `round_gradient.wgsl`.
    pub(crate) struct RoundWindow {
        elements: u32,
        width: u32,
    }
}

/// Sums of neighbouring terms, as a tree.
pub(crate) fn tree(to: Destination) -> Kernel {
    let mut header = Header::new();
    to.declare(&mut header);
    let parts = [NUMERIC, REDUCE, include_str!("../../shaders/tree.wgsl")];
    header.join("wgloss sum tree".into(), &parts)
}

/// What is added up exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addends {
    /// Sums of blocks.
    Blocks,
    /// The same as sums of four neighbouring sums of terms.
    Neighbours,
}

/// The exact sums of groups of blocks.
pub(crate) fn exact_parts(addends: Addends) -> Kernel {
    let mut header = Header::new();
    header.write(Slot::Scratch, "scratch", "array<f32>");
    let digit = "scratch[window.destination + block * WORDS + place] = bitcast<f32>(digit);";
    header.line("fn store_total(block: u32, total: f32) {}");
    exact(header, addends, false, digit, false)
}

/// The exact sum of all blocks, or of the parts into which they have been added up, rounded; its digits go
/// into the totals if these are wanted.
pub(crate) fn exact_total(addends: Addends, parts: bool, totals: bool, to: Destination) -> Kernel {
    let mut header = Header::new();
    to.declare(&mut header);
    let mut digit = "";
    if totals {
        header.write(Slot::Totals, "totals", "array<i32>");
        digit = "totals[place] = digit;";
    }
    exact(header, addends, parts, digit, true)
}

fn exact(mut header: Header, addends: Addends, parts: bool, digit: &str, total: bool) -> Kernel {
    header.constant("PARTS", parts);
    header.constant("TOTAL", total);
    let number = match addends {
        Addends::Blocks => "return scratch[window.numbers + i];",
        Addends::Neighbours => {
            "return sum_of_quad(vec4(
        neighbour(4u * i), neighbour(4u * i + 1u), neighbour(4u * i + 2u), neighbour(4u * i + 3u)));"
        }
    };
    if addends == Addends::Neighbours {
        header.line(
            "fn neighbour(i: u32) -> f32 {
    let last = window.neighbours - 1u;
    return select(0.0, scratch[window.numbers + min(i, last)], i <= last);
}",
        );
    }
    header.line(&format!("fn number(i: u32) -> f32 {{\n    {number}\n}}"));
    header.line(&format!("fn store_digit(block: u32, place: u32, digit: i32) {{\n    {digit}\n}}"));
    let parts = [NUMERIC, REDUCE, include_str!("../../shaders/exact_sum.wgsl")];
    header.join("wgloss exact sum".into(), &parts)
}

/// Copies terms of a cut block into the totals.
pub(crate) fn copy() -> Kernel {
    let mut header = Header::new();
    header.write(Slot::Scratch, "scratch", "array<f32>");
    header.write(Slot::Totals, "totals", "array<f32>");
    header.join("wgloss cut block".into(), &[include_str!("../../shaders/copy.wgsl")])
}

/// Takes the given denominator.
pub(crate) fn denominator() -> Kernel {
    let mut header = Header::default();
    header.write(Slot::Scratch, "scratch", "array<f32>");
    header.read(Slot::Denominator, "denominator", "array<f32>");
    header.join("wgloss denominator".into(), &[include_str!("../../shaders/denominator.wgsl")])
}

uniform! {
    /// The window of `count.wgsl`.
    pub(crate) struct CountWindow {
        most: u32,
        each: u32,
        least: u32,
    }
}

/// What the mean divides by, for the items that there are.
pub(crate) fn count() -> Kernel {
    let mut header = Header::new();
    header.write(Slot::Scratch, "scratch", "array<f32>");
    header.read(Slot::Count, "count", "array<u32>");
    header.join("wgloss count".into(), &[include_str!("../../shaders/count.wgsl")])
}

/// One level of column sums; the last one writes the gradient of an input.
pub(crate) fn sum_columns(gradient: Option<(usize, DType)>) -> Kernel {
    let mut header = Header::new();
    header.write(Slot::Scratch, "scratch", "array<f32>");
    super::declare_store(&mut header, gradient);
    header.join("wgloss column sums".into(), &[include_str!("../../shaders/sum_columns.wgsl")])
}

/// Rounds the gradient of an input, which was added up in float32, to its type.
pub(crate) fn round(input: usize, dtype: DType) -> Kernel {
    let mut header = Header::new();
    header.read(Slot::Staging(input), "sums", "array<f32>");
    stores(&mut header, Slot::Gradient(input), "gradient", dtype, Stores::PartQuads(1));
    header.join("wgloss rounding".into(), &[include_str!("../../shaders/round_gradient.wgsl")])
}
