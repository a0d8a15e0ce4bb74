//! The kernels that finish what the families begin: levels of the sum tree and column sums.

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

/// One level of the tree over block sums.
pub(crate) fn tree(to: Destination) -> Kernel {
    let mut header = Header::new();
    to.declare(&mut header);
    let parts = [NUMERIC, REDUCE, include_str!("../../shaders/tree.wgsl")];
    header.join("wgloss sum tree".into(), &parts)
}

/// Copies sums of blocks into the totals.
pub(crate) fn copy() -> Kernel {
    let mut header = Header::new();
    header.write(Slot::Scratch, "scratch", "array<f32>");
    header.write(Slot::Totals, "totals", "array<f32>");
    header.join("wgloss block sums".into(), &[include_str!("../../shaders/copy.wgsl")])
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
    stores(&mut header, Slot::Gradient(input), "gradient", dtype, Stores::PartQuads);
    header.join("wgloss rounding".into(), &[include_str!("../../shaders/round_gradient.wgsl")])
}
