//! How the rows' losses and gradients are written.

use super::Spec;
use crate::kernel::storage::{Stores, stores};
use crate::kernel::{Header, divisor};
use crate::request::{Slot, Upstream};

impl Spec<'_> {
    /// `row_scale(r, state)` and `store_gradients(...)`.
    pub(super) fn declare_gradients(&self, header: &mut Header, gradients: &[usize]) {
        if gradients.is_empty() {
            header.line(
                "fn row_scale(r: u32, state: u32) -> f32 { return 0.0; }
fn store_gradients(
    r: u32, row: Row, items: Items, peak: Peaks, total: Sums, quad: u32, scale: f32
) {}",
            );
            return;
        }
        let mut scale = self.upstream.declare(header, self.scratch_divisor);
        if self.scratch_divisor {
            // Without any weight the mean is NaN, but its gradient is 0.
            scale = format!("select({scale}, 0.0, {} == 0.0)", divisor(true));
        }
        if self.upstream == Upstream::Terms {
            header.read(Slot::Upstream, "upstream", "array<f32>");
            scale += " * upstream[r + window.row_skip]";
        }
        // An ignored row's gradient is 0 and a bad one's NaN, whatever the slopes are.
        header.line(&format!(
            "fn row_scale(r: u32, state: u32) -> f32 {{
    if (state == KEPT) {{
        return {scale};
    }}
    return select(not_a_number(), 0.0, state == IGNORED);
}}"
        ));
        let mut body = String::from("    let replaced = row.state != KEPT;\n");
        if let Some(mask) = self.shape.mask {
            self.declare_flags(header, mask);
            body += "    let flags = flags_of(r, quad);\n";
        }
        for (k, flag) in [("a", "x"), ("b", "y"), ("c", "z"), ("d", "w")] {
            let slopes = format!(
                "select(scale * slopes_of(items.{k}, row, peak, total), vec4(scale), replaced)"
            );
            // What is not there has no slope, whatever the others come to.
            body += &match self.shape.mask {
                Some(_) => {
                    format!("    let {k} = select({slopes}, vec4<f32>(), flags.{flag} == 0.0);\n")
                }
                None => format!("    let {k} = {slopes};\n"),
            };
        }
        for &input in gradients {
            let component = self.shape.component(input);
            let (member, name) = (["x", "y", "z", "w"][component], self.name(input));
            let (slot, out) = (Slot::Gradient(input), format!("{name}_gradient"));
            let start = format!("row_start(r) + window.gradient_skips[{component}]");
            if self.shape.whole_quads() {
                stores(header, slot, &out, self.gradients[input], Stores::Quads);
                body += &format!(
                    "    store_{out}(({start}) / 4u + quad, \
                     vec4(a.{member}, b.{member}, c.{member}, d.{member}));\n"
                );
                continue;
            }
            stores(header, slot, &out, self.gradients[input], Stores::Singles);
            for (k, lane) in ["a", "b", "c", "d"].into_iter().enumerate() {
                body += &format!(
                    "    if (4u * quad + {k}u < window.classes) {{
        store_{out}({start} + (4u * quad + {k}u) * window.inner, {lane}.{member});
    }}\n"
                );
            }
        }
        header.line(&format!(
            "fn store_gradients(
    r: u32, row: Row, items: Items, peak: Peaks, total: Sums, quad: u32, scale: f32
) {{\n{body}}}"
        ));
    }
}
