//! What is declared for the pass that finishes rows, once all tiles are merged.

use crate::kernel::{Header, divisor};
use crate::request::{Slot, Upstream};

/// `report(row, r)` writes the first bad class index into the status, where there are any: the rows were checked
/// before, so that it is known which `row` of all that is.
pub(crate) fn declare_report(header: &mut Header, index: bool, row: &str) {
    if !index {
        header.line("fn report(row: Row, r: u32) {}");
        return;
    }
    header.write(Slot::Status, "status", "array<u32>");
    header.line(&format!(
        "fn report(row: Row, r: u32) {{
    if (row.state == BAD && {row} == ~status[1]) {{
        let words = target_words(r);
        status[2] = words.x;
        status[3] = words.y;
    }}
}}"
    ));
}

/// `row_scale(r)`: what the slopes of a row's term are multiplied by, where gradients are wanted.
pub(crate) fn declare_row_scale(
    header: &mut Header,
    gradients: bool,
    upstream: Upstream,
    scratch_divisor: bool,
) {
    let mut scale = "1.0".to_string();
    if gradients {
        scale = upstream.declare(header, scratch_divisor);
        if scratch_divisor {
            // Without any weight the mean is NaN, but its gradient is 0.
            scale = format!("select({scale}, 0.0, {} == 0.0)", divisor(true));
        }
        if upstream == Upstream::Terms {
            header.read(Slot::Upstream, "upstream", "array<f32>");
            scale += " * upstream[r]";
        }
    }
    header.line(&format!("fn row_scale(r: u32) -> f32 {{ return {scale}; }}"));
}
