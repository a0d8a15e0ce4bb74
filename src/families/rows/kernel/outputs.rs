//! How the rows' losses and gradients are written.

use super::super::shape::SlopesOf;
use super::Spec;
use crate::kernel::storage::{Stores, stores};
use crate::kernel::{Header, divisor};
use crate::request::{Slot, Upstream};

impl Spec<'_> {
    /// `row_scale(r, state)`, `store_gradients(...)` and `store_row_gradients(...)`.
    pub(super) fn declare_gradients(&self, header: &mut Header, gradients: &[usize]) {
        let (mut of_classes, mut of_rows) = (Vec::new(), Vec::new());
        for &input in gradients {
            match self.shape.slopes(input) {
                SlopesOf::Classes(place) => of_classes.push((input, place)),
                SlopesOf::Row(place) => of_rows.push((input, place)),
            }
        }
        // With sums up to each item they follow tile by tile.
        let (in_tiles, any) = (self.has_running(), !of_classes.is_empty());
        header.constant("CLASS_GRADIENTS", any && !in_tiles);
        if in_tiles {
            header.constant("RUNNING_GRADIENTS", any);
        }
        header.constant("ROW_GRADIENTS", !of_rows.is_empty());
        self.declare_scale(header, !gradients.is_empty());
        self.declare_class_gradients(header, &of_classes);
        self.declare_row_gradients(header, &of_rows);
    }

    /// `row_scale(r, state)`: what the slopes of a row are multiplied by.
    fn declare_scale(&self, header: &mut Header, wanted: bool) {
        if !wanted {
            header.line("fn row_scale(r: u32, state: u32) -> f32 { return 0.0; }");
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
    }

    /// `store_gradients(...)`: by what has a number for each class.
    fn declare_class_gradients(&self, header: &mut Header, gradients: &[(usize, usize)]) {
        if gradients.is_empty() {
            header.line(
                "fn store_gradients(
    r: u32, row: Row, items: Items, peak: Peaks, total: Sums, quad: u32, scale: f32
) {}",
            );
            return;
        }
        let mut body = String::from("    let replaced = row.state != KEPT;\n");
        if let Some(mask) = self.shape.mask {
            self.declare_flags(header, mask);
            body += "    let flags = flags_of(r, quad);\n";
        }
        for (place, (k, flag)) in
            [("a", "x"), ("b", "y"), ("c", "z"), ("d", "w")].into_iter().enumerate()
        {
            let slopes = |of: &str| format!("select({of}, vec4(scale), replaced)");
            let scaled = format!("scale * slopes_of(items.{k}, row, peak, total)");
            if self.has_running() {
                body += &format!("    look_at({place}u);\n");
            }
            // What is not there has no slope, whatever the others come to.
            body += &match (self.shape.mask, self.derived_row()) {
                (Some(_), _) => {
                    let slopes = slopes(&scaled);
                    format!("    let {k} = select({slopes}, vec4<f32>(), flags.{flag} == 0.0);\n")
                }
                (None, Some(row)) if row.has_many => {
                    let [first, more] = [0, 1].map(|i| slopes(&format!("scaled_{k}[{i}]")));
                    format!(
                        "    let scaled_{k} = {scaled};\n    let {k} = Slopes({first}, {more});\n"
                    )
                }
                _ => format!("    let {k} = {};\n", slopes(&scaled)),
            };
        }
        for &(input, place) in gradients {
            let (member, name) = (self.behind(place), self.name(input));
            let (slot, out) = (Slot::Gradient(input), format!("{name}_gradient"));
            let start =
                format!("row_start(r) + window.gradient_skips[{}][{}]", place / 4, place % 4);
            if self.shape.whole_quads() {
                stores(header, slot, &out, self.gradients[input], Stores::Quads);
                body += &format!(
                    "    store_{out}(({start}) / 4u + quad, \
                     vec4(a{member}, b{member}, c{member}, d{member}));\n"
                );
                continue;
            }
            stores(header, slot, &out, self.gradients[input], Stores::Singles);
            for (k, lane) in ["a", "b", "c", "d"].into_iter().enumerate() {
                body += &format!(
                    "    if (4u * quad + {k}u < window.classes) {{
        store_{out}({start} + (4u * quad + {k}u) * window.inner, {lane}{member});
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

    /// `store_row_gradients(...)`: by the row's own numbers, which derived formulas alone have slopes by.
    fn declare_row_gradients(&self, header: &mut Header, gradients: &[(usize, usize)]) {
        let last = if self.parameters.is_empty() { "" } else { ", options()" };
        let mut body = String::new();
        if !gradients.is_empty() {
            body = format!(
                "    let slopes = row_slopes(row, peak, total{last});
    let replaced = row.state != KEPT;\n"
            );
        }
        for &(input, place) in gradients {
            let (slot, out) = (Slot::Gradient(input), format!("{}_gradient", self.name(input)));
            stores(header, slot, &out, self.gradients[input], Stores::Singles);
            body += &format!(
                "    store_{out}(
        r + window.row_gradient_skips[{}][{}],
        select(scale * slopes{}, scale, replaced));\n",
                place / 4,
                place % 4,
                self.behind(place)
            );
        }
        header.line(&format!(
            "fn store_row_gradients(r: u32, row: Row, peak: Peaks, total: Sums, scale: f32) {{\n{body}}}"
        ));
    }
}
