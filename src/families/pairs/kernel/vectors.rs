//! The kernels that read vectors: their products, and the gradients by them.

use super::{Side, Spec};
use crate::families::products::kernel::{Product, declare_adds, vectors};
use crate::kernel::storage::{Loads, Stores, floats, stores};
use crate::kernel::{Header, Kernel};
use crate::request::Slot;
use crate::tensor::DType;

impl Spec {
    /// A tile of products, rows by columns.
    pub(in crate::families::pairs) fn products(&self, product: Product) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let left = self.vectors(&mut header, Side::Left);
        let right = if self.is_one() { left } else { self.vectors(&mut header, Side::Right) };
        let left = self.directions(&mut header, Side::Left, left, "scratch[@]");
        let right = self.directions(&mut header, Side::Right, right, "scratch[@]");
        let shader = product.declare(&mut header, ["items", "classes", "features"], [true, true]);
        header.line(&format!(
            "fn left_quad(item: u32, d: u32) -> vec4<f32> {{
    return {left}(item, item < window.items, d);
}}
fn right_quad(d: u32, class_: u32) -> vec4<f32> {{
    return {right}(class_, class_ < window.classes, d);
}}
fn store(item: u32, class_: u32, sum: f32) {{
    scratch[window.tile + item * window.stride + class_] = sum;
}}"
        ));
        self.join(header, "products", &[shader])
    }

    /// A tile's share in the gradient of one side: slopes, or slopes transposed, by the other side.
    pub(in crate::families::pairs) fn gradient(&self, of: Side, product: Product) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<vec4<f32>>");
        let other = if of == Side::Left { Side::Right } else { Side::Left };
        let load = self.vectors(&mut header, other);
        let load = self.directions(&mut header, other, load, "scratch[(@) / 4u][(@) % 4u]");
        declare_adds(&mut header, self.gradients[self.input(of)]);
        header.line(
            "fn is_ignored(item: u32) -> bool {
    return scratch[row_place(item) / 4u].x == f32(IGNORED);
}
fn left_quad_at(item: u32, class_: u32) -> vec4<f32> {
    if (item >= window.items || class_ >= window.classes) {
        return vec4<f32>();
    }
    return scratch[(window.tile + item * window.stride + class_) / 4u];
}",
        );
        // One matrix is seen whole.
        let first = match of {
            _ if !self.is_one() => "",
            Side::Left => " + window.first_item",
            Side::Right => " + window.first_class",
        };
        // A row that is ignored has slopes of 0, but its vector may hold NaN, and so may others.
        let text = match of {
            Side::Left => format!(
                "fn left_quad(item: u32, class_: u32) -> vec4<f32> {{
    return left_quad_at(item, class_);
}}
fn right_quad(class_: u32, d: u32) -> vec4<f32> {{
    return {load}(class_, class_ < window.classes, d);
}}
fn store(item: u32, d: u32, sum: f32) {{
    let mine = select(sum, 0.0, is_ignored(item));
    add_gradient((item{first}) * window.features + d, mine);
}}"
            ),
            Side::Right => format!(
                "fn left_quad(class_: u32, item: u32) -> vec4<f32> {{
    return left_quad_at(item, class_);
}}
fn right_quad(item: u32, d: u32) -> vec4<f32> {{
    let given = item < window.items && !is_ignored(min(item, window.items - 1u));
    return {load}(item, given, d);
}}
fn store(class_: u32, d: u32, sum: f32) {{
    add_gradient((class_{first}) * window.features + d, sum);
}}"
            ),
        };
        header.line(&text);
        let dimensions = match of {
            Side::Left => ["items", "features", "classes"],
            Side::Right => ["classes", "features", "items"],
        };
        let shader = product.declare(&mut header, dimensions, [of == Side::Left, false]);
        self.join(header, &format!("gradient of {}", self.name(of)), &[shader])
    }

    /// Declares the accessor of one side's vectors, and gives its name; one matrix has one for both sides.
    fn vectors(&self, header: &mut Header, side: Side) -> &'static str {
        let name = if side == Side::Left || self.is_one() { "x" } else { "y" };
        let input = self.input(side);
        vectors(header, Slot::Input(input), name, self.dtype(input), self.problem.features);
        name
    }

    /// Declares `NAME_SIDE(i, given, d)`, four features of a vector of the tile, or of its direction, by the
    /// accessor of this name, and gives its own name. `scratch` says how a place `@` of the scratch is read.
    fn directions(&self, header: &mut Header, side: Side, name: &str, scratch: &str) -> String {
        let (function, lengths, first) = match side {
            Side::Left => (format!("{name}_rows"), "window.lengths", "window.first_item"),
            Side::Right => {
                (format!("{name}_columns"), "window.other_lengths", "window.first_class")
            }
        };
        // One matrix is seen whole.
        let skip = if self.is_one() { format!(" + {first}") } else { String::new() };
        let length = match self.setup.normalize {
            true => scratch.replace('@', &format!("{lengths} + {first} + i")) + " * ",
            false => String::new(),
        };
        header.line(&format!(
            "fn {function}(i: u32, given: bool, d: u32) -> vec4<f32> {{
    if (!given) {{
        return vec4<f32>();
    }}
    return {length}{name}_quad_of(i{skip}, given, d);
}}"
        ));
        function
    }

    /// The inverse lengths of one side's vectors, all of which are seen.
    pub(in crate::families::pairs) fn lengths(&self, side: Side) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let slot = Slot::Input(self.input(side));
        floats(&mut header, slot, "vectors", self.dtype(self.input(side)), Loads::Singles);
        let text = include_str!("../../../../shaders/pairs/kernels/lengths.wgsl");
        self.join(header, "lengths", &[text])
    }

    /// The gradient of one side's vectors from that of their directions.
    pub(in crate::families::pairs) fn turn(&self, side: Side) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let input = self.input(side);
        floats(&mut header, Slot::Input(input), "vectors", self.dtype(input), Loads::Singles);
        let mut sum = "gradient_out[i]";
        if let (Slot::Staging(_), _) = self.gradients[input] {
            header.read(self.gradients[input].0, "sums", "array<f32>");
            sum = "sums[i]";
        }
        let (slot, dtype) = (Slot::Gradient(input), self.outputs[input]);
        stores(&mut header, slot, "gradient", dtype, Stores::Singles);
        let given = match side {
            Side::Left => "scratch[row_place(own)] != f32(IGNORED)",
            Side::Right => "true",
        };
        header.line(&format!(
            "fn sum_at(i: u32) -> f32 {{ return {sum}; }}
fn is_given(own: u32) -> bool {{ return {given}; }}"
        ));
        let text = include_str!("../../../../shaders/pairs/kernels/turn.wgsl");
        self.join(header, &format!("gradient of {} by directions", self.name(side)), &[text])
    }

    /// Sets a gradient to 0.
    pub(in crate::families::pairs) fn clear(&self, slot: Slot, dtype: DType) -> Kernel {
        let mut header = Header::new();
        stores(&mut header, slot, "gradient", dtype, Stores::PartQuads(1));
        let text = include_str!("../../../../shaders/pairs/kernels/clear.wgsl");
        header.join(format!("wgloss {} zeros", self.definition.name), &[text])
    }
}
