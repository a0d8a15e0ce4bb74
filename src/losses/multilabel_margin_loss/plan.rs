//! The dispatches of the multi-label margin loss.

use super::DEFINITION;
use crate::dispatch::{Builder, MOST_ROUNDS, index};
use crate::error::Result;
use crate::kernel::storage::{Loads, Stores, floats, indices, stores};
use crate::kernel::{Header, Kernel, NUMERIC, REDUCE, declare_store_loss, uniform};
use crate::request::{Losses, Resolved, Slot, Upstream};

uniform! {
    /// The window of the kernels of the multi-label margin loss.
    struct PairsWindow {
        rows: u32,
        classes: u32,
        width: u32,
        first: u32,
        last: u32,
        marks: u32,
        lists: u32,
        ends: u32,
        terms: u32,
        slopes: u32,
        losses: u32,
        divisor: f32,
        scale: f32,
        weight: f32,
    }
}

pub(super) fn build(builder: &mut Builder<'_>) -> Result<()> {
    let resolved = builder.resolved;
    let (rows, classes) =
        (resolved.layout.terms, resolved.layout.indices.map_or(1, |own| own.classes));
    let (sums, keep) = (resolved.sums_losses(), builder.losses_destination());
    if rows == 0 {
        return if sums { builder.push_losses(0, 0, keep) } else { Ok(()) };
    }
    // Lanes side by side may be targets and others, which take one loop after the other.
    let part = MOST_ROUNDS / 2;
    let parts = classes.div_ceil(part);
    let mut reserve =
        |wanted: bool, words: u64| if wanted { builder.reserve(words) } else { Ok(0) };
    let marks = reserve(true, rows * classes)?;
    let lists = reserve(true, rows * (parts + 1))?;
    let terms = reserve(resolved.value || sums || parts > 1, rows * classes)?;
    let slopes = reserve(parts > 1, rows * classes)?;
    let losses = reserve(sums, rows)?;
    let mut push = |kernel: Kernel, [first, last]: [u64; 2], groups: u64| {
        let window = PairsWindow {
            rows: index(rows)?,
            classes: index(classes)?,
            width: builder.width(groups)?,
            first: index(first)?,
            last: index(last)?,
            marks: index(marks)?,
            lists: index(lists + first / part * rows)?,
            ends: index(lists + parts * rows)?,
            terms: index(terms)?,
            slopes: index(slopes)?,
            losses: index(losses)?,
            divisor: builder.divisor(),
            scale: builder.resolved.scale(),
            weight: builder.resolved.loss_weight,
        };
        builder.push(kernel, &window, &[], groups)
    };
    let of_classes = (rows * classes).div_ceil(64);
    push(clear(), [0, classes], of_classes)?;
    let ranges = || (0..parts).map(|i| [i * part, classes.min((i + 1) * part)]);
    for range in ranges() {
        push(mark(resolved), range, rows.div_ceil(64))?;
    }
    for range in ranges() {
        push(pairs(resolved), range, of_classes)?;
    }
    if resolved.value || sums {
        // 64 lanes share a part, and all but the first begin where the sum of the one before is.
        let stride = MOST_ROUNDS * 64 - 1;
        for i in 0..(classes.max(2) - 1).div_ceil(stride) {
            push(row_sums(sums), [i * stride, classes.min((i + 1) * stride + 1)], rows)?;
        }
    }
    if sums { builder.push_losses(losses, rows, keep) } else { Ok(()) }
}

fn declare_target(header: &mut Header, resolved: &Resolved) {
    if let Some(kind) = &resolved.inputs[1] {
        indices(header, Slot::Input(1), "target", kind.dtype);
    }
}

fn clear() -> Kernel {
    let mut header = Header::new();
    header.write(Slot::Scratch, "scratch", "array<f32>");
    join(header, "start", include_str!("../../../shaders/own/multilabel_margin_loss/clear.wgsl"))
}

fn mark(resolved: &Resolved) -> Kernel {
    let mut header = Header::new();
    declare_target(&mut header, resolved);
    header.write(Slot::Status, "status", "array<atomic<u32>>");
    header.write(Slot::Scratch, "scratch", "array<f32>");
    join(header, "marks", include_str!("../../../shaders/own/multilabel_margin_loss/mark.wgsl"))
}

fn pairs(resolved: &Resolved) -> Kernel {
    let mut header = Header::new();
    if let Some(kind) = &resolved.inputs[0] {
        floats(&mut header, Slot::Input(0), "input", kind.dtype, Loads::Singles);
    }
    declare_target(&mut header, resolved);
    header.write(Slot::Status, "status", "array<u32>");
    header.write(Slot::Scratch, "scratch", "array<f32>");
    let mut body = String::new();
    if resolved.value || resolved.sums_losses() {
        body += "    scratch[window.terms + id] = loss;\n";
    }
    if !resolved.gradients.is_empty() {
        let mut scale = resolved.upstream.declare(&mut header, resolved.divisor_in_scratch());
        if resolved.upstream == Upstream::Terms {
            header.read(Slot::Upstream, "upstream", "array<f32>");
            scale += " * upstream[row]";
        }
        let dtype = resolved.gradient_dtype(0);
        stores(&mut header, Slot::Gradient(0), "gradient", dtype, Stores::Singles);
        body += &format!("    store_gradient(id, slope * ({scale}));\n");
    }
    header.line(&format!("fn store(id: u32, row: u32, loss: f32, slope: f32) {{\n{body}}}"));
    join(header, "pairs", include_str!("../../../shaders/own/multilabel_margin_loss/pairs.wgsl"))
}

fn row_sums(reduced: bool) -> Kernel {
    let mut header = Header::new();
    header.write(Slot::Scratch, "scratch", "array<f32>");
    let losses = if reduced { Losses::Scratch } else { Losses::Value };
    declare_store_loss(&mut header, losses, "row", ["row", "window.losses + row"]);
    join(header, "rows", include_str!("../../../shaders/own/multilabel_margin_loss/rows.wgsl"))
}

fn join(header: Header, what: &str, kernel: &str) -> Kernel {
    let label = format!("wgloss {} {what}", DEFINITION.name);
    header.join(label, &[NUMERIC, REDUCE, DEFINITION.shader.text, kernel])
}
