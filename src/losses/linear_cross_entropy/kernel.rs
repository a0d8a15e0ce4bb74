//! The headers of the kernels.

mod inputs;

use super::{DEFINITION, INPUT, LINEAR_BIAS, LINEAR_WEIGHT, Problem, TARGET, WEIGHT};
use crate::kernel::storage::{Stores, stores};
use crate::kernel::{Header, Kernel, NUMERIC, Parameters, store_loss};
use crate::request::{Losses, Slot, Upstream};
use crate::tensor::DType;

const PRODUCT: &str = include_str!("../../../shaders/matrix_product.wgsl");

/// The state that finish.wgsl has kept, where the scratch is bound as quads.
const IS_IGNORED: &str = "fn is_ignored(item: u32) -> bool {
    return scratch[window.statistics / 4u + 2u * item + 1u].z == f32(IGNORED);
}";

/// What the kernels are made for.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) parameters: Parameters,
    pub(super) inputs: Vec<Option<DType>>,
    pub(super) problem: Problem,
    /// For each input, where tiles put its gradient, and as what.
    pub(super) gradients: Vec<(Slot, DType)>,
    pub(super) upstream: Upstream,
    /// Whether the mean's divisor is in the scratch.
    pub(super) scratch_divisor: bool,
}

impl Spec {
    /// A tile of logits, rows by classes: input by linear weight, plus bias.
    pub(super) fn logits(&self, side: u32) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.dense(&mut header, INPUT, "input");
        self.dense(&mut header, LINEAR_WEIGHT, "linear_weight");
        let bias = self.optional(&mut header, LINEAR_BIAS, "linear_bias", "0.0");
        self.offset(&mut header);
        sizes(&mut header, ["items", "classes", "features"], [true, true], side);
        header.line(&format!(
            "fn left_quad(item: u32, d: u32) -> vec4<f32> {{
    return input_quad_of(item, item < window.items, d);
}}
fn right_quad(d: u32, class_: u32) -> vec4<f32> {{
    let row = class_ * window.positions + window.position;
    return linear_weight_quad_of(row, class_ < window.classes, d);
}}
fn store(item: u32, class_: u32, sum: f32) {{
    let place = class_ * window.positions + window.position;
    scratch[window.tile + item * window.stride + class_] = sum + ({bias} - offset());
}}",
            bias = bias.replace('@', "place"),
        ));
        join(header, "logits", PRODUCT)
    }

    /// A tile's share in the gradient of the input: slopes by linear weight.
    pub(super) fn by_input(&self, side: u32) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        header.write(Slot::Scratch, "scratch", "array<vec4<f32>>");
        self.dense(&mut header, LINEAR_WEIGHT, "linear_weight");
        self.adds(&mut header, INPUT);
        header.line(IS_IGNORED);
        sizes(&mut header, ["items", "features", "classes"], [true, false], side);
        // A row that is not kept has slopes of 0, but the weights may hold NaN.
        header.line(
            "fn left_quad(item: u32, class_: u32) -> vec4<f32> {
    if (item >= window.items || class_ >= window.classes) {
        return vec4<f32>();
    }
    return scratch[(window.tile + item * window.stride + class_) / 4u];
}
fn right_quad(class_: u32, d: u32) -> vec4<f32> {
    let row = class_ * window.positions + window.position;
    return linear_weight_quad_of(row, class_ < window.classes, d);
}
fn store(item: u32, d: u32, sum: f32) {
    let place = item * window.features + d;
    let mine = select(sum, 0.0, is_ignored(item));
    add_gradient(place, mine);
}",
        );
        join(header, "gradient of input", PRODUCT)
    }

    /// A chunk's share in the gradient of the linear weight: slopes, transposed, by input.
    pub(super) fn by_linear_weight(&self, side: u32) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        header.write(Slot::Scratch, "scratch", "array<vec4<f32>>");
        self.dense(&mut header, INPUT, "input");
        self.adds(&mut header, LINEAR_WEIGHT);
        header.line(IS_IGNORED);
        sizes(&mut header, ["classes", "features", "items"], [false, false], side);
        // A row that is ignored has slopes of 0, but the input may hold NaN there.
        header.line(
            "fn left_quad(class_: u32, item: u32) -> vec4<f32> {
    if (item >= window.items || class_ >= window.classes) {
        return vec4<f32>();
    }
    return scratch[(window.tile + item * window.stride + class_) / 4u];
}
fn right_quad(item: u32, d: u32) -> vec4<f32> {
    let given = item < window.items && !is_ignored(min(item, window.items - 1u));
    return input_quad_of(item, given, d);
}
fn store(class_: u32, d: u32, sum: f32) {
    let row = class_ * window.positions + window.position;
    let place = row * window.features + d;
    add_gradient(place, sum);
}",
        );
        join(header, "gradient of linear_weight", PRODUCT)
    }

    /// `add_gradient(place, sum)`: adds to what earlier tiles have left. 16 bits are written once.
    fn adds(&self, header: &mut Header, input: usize) {
        let (slot, dtype) = self.gradients[input];
        stores(header, slot, "gradient", dtype, Stores::Singles);
        let others = match (slot, dtype) {
            (Slot::Staging(_), _) => " + select(0.0, gradient_out[place], window.adds == 1u)",
            (_, DType::F32) => " + select(0.0, gradient_out[place], window.adds == 1u && !ADDS)",
            _ => "",
        };
        header.line(&format!(
            "fn add_gradient(place: u32, sum: f32) {{\n    store_gradient(place, sum{others});\n}}"
        ));
    }

    /// A chunk's share in the gradient of the bias, which is this input.
    pub(super) fn columns(&self, bias: usize) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.adds(&mut header, bias);
        let columns = include_str!("../../../shaders/own/linear_cross_entropy/columns.wgsl");
        join(header, "column sums", columns)
    }

    /// Merges a tile into the statistics.
    pub(super) fn gather(&self) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.targets(&mut header, true);
        let gather = include_str!("../../../shaders/own/linear_cross_entropy/gather.wgsl");
        join(header, "statistics", gather)
    }

    /// The losses and scales of the rows.
    pub(super) fn finish(&self, losses: Losses, gradients: bool) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        header.write(Slot::Scratch, "scratch", "array<f32>");
        header.constant("VALUES", losses != Losses::Nowhere);
        header.constant("GRADIENTS", gradients);
        self.targets(&mut header, false);
        self.states(&mut header);
        let place = match losses {
            Losses::Nowhere => String::new(),
            Losses::Value => {
                header.write(Slot::Value, "losses", "array<f32>");
                store_loss(&mut header, "losses[r]", "loss * window.weight")
            }
            Losses::Scratch => {
                "scratch[window.losses + window.first_item * window.positions + r] = loss;".into()
            }
        };
        header.line(&format!("fn store_loss(r: u32, loss: f32) {{\n    {place}\n}}"));
        let mut scale = "1.0".to_string();
        if gradients {
            scale = self.upstream.declare(&mut header, self.scratch_divisor);
            if self.upstream == Upstream::Terms {
                header.read(Slot::Upstream, "upstream", "array<f32>");
                scale += " * upstream[r]";
            }
        }
        header.line(&format!("fn row_scale(r: u32) -> f32 {{ return {scale}; }}"));
        // The mean of the z terms is over the kept rows, whatever their weights.
        let counted = self.scratch_divisor && self.inputs[WEIGHT].is_some();
        let factor = if counted { "scratch[1] / scratch[2]" } else { "1.0" };
        self.offset(&mut header);
        header.line(&format!("fn z_factor() -> f32 {{ return {factor}; }}"));
        let finish = include_str!("../../../shaders/own/linear_cross_entropy/finish.wgsl");
        join(header, "losses", finish)
    }

    /// What is taken off the biases of each position.
    pub(super) fn offsets(&self) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.optional(&mut header, LINEAR_BIAS, "linear_bias", "0.0");
        let offsets = include_str!("../../../shaders/own/linear_cross_entropy/offsets.wgsl");
        join(header, "offsets", offsets)
    }

    /// What was taken off the biases of the position.
    fn offset(&self, header: &mut Header) {
        let biased = self.inputs[LINEAR_BIAS].is_some();
        let offset = if biased { "scratch[window.offsets + window.position]" } else { "0.0" };
        header.line(&format!("fn offset() -> f32 {{ return {offset}; }}"));
    }

    /// Turns a tile into slopes.
    pub(super) fn slopes(&self, by_target: bool) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.targets(&mut header, true);
        let mut keep = "";
        if by_target {
            let (slot, dtype) = self.gradients[TARGET];
            stores(&mut header, slot, "target_gradient", dtype, Stores::Singles);
            keep = "store_target_gradient(target_place(item, class_), slope);";
        }
        header.line(&format!(
            "fn store_target(item: u32, class_: u32, slope: f32) {{\n    {keep}\n}}"
        ));
        let slopes = include_str!("../../../shaders/own/linear_cross_entropy/slopes.wgsl");
        join(header, "slopes", slopes)
    }
}

/// The sizes of a product, rows by columns by depth, which operands are dense along the depth, and
/// the side of a workgroup's square.
fn sizes(header: &mut Header, sizes: [&str; 3], along: [bool; 2], side: u32) {
    header.constant("SIDE", format!("{side}u"));
    for (name, size) in ["height", "breadth", "depth"].into_iter().zip(sizes) {
        header.line(&format!("fn {name}() -> u32 {{ return window.{size}; }}"));
    }
    header.constant("LEFT_ALONG_DEPTH", along[0]);
    header.constant("RIGHT_ALONG_DEPTH", along[1]);
}

fn join(header: Header, what: &str, skeleton: &str) -> Kernel {
    let label = format!("wgloss {} {what}", DEFINITION.name);
    header.join(label, &[NUMERIC, DEFINITION.shader.text, skeleton])
}
