//! The headers of the kernels.

mod finish;
mod inputs;
mod product;
mod sequences;
mod vectors;

pub(crate) use finish::{declare_report, declare_row_scale};
pub(crate) use product::Product;
pub(crate) use vectors::vectors;

use super::problem::{INPUT, LINEAR_BIAS, LINEAR_WEIGHT, Problem, TARGET, Target, weight};
use super::sequences::PairsSpec;
use crate::definition::Definition;
use crate::families::rows::kernel::{ROW, declare_calls, held};
use crate::kernel::storage::{Loads, Stores, floats, stores};
use crate::kernel::{Declared, Header, Kernel, NUMERIC, Parameters, declare_store_loss};
use crate::request::{Losses, Slot, Upstream};
use crate::tensor::DType;

const SKELETON: &str = include_str!("../../../shaders/products.wgsl");
/// Merges a tile into what is known of its lines: of its rows, or of its columns.
pub(crate) const GATHER: &str = include_str!("../../../shaders/products/gather.wgsl");
/// Adds a tile's part in the second sums.
pub(crate) const GATHER_AGAIN: &str = include_str!("../../../shaders/products/gather_again.wgsl");
/// How the lanes of a line join what they have.
pub(crate) const JOINS: &str = include_str!("../../../shaders/products/joins.wgsl");

/// What is known of a row besides its maxima and sums: its state, its scale and the logit of its target class.
pub(crate) const KNOWN: usize = 3;

/// The state that finish.wgsl has kept, where the scratch is bound as quads.
const IS_IGNORED: &str = "fn is_ignored(item: u32) -> bool {
    return scratch[statistics_place(item) / 4u].x == f32(IGNORED);
}";

/// What the kernels are made for.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) definition: &'static Definition,
    pub(super) parameters: Parameters,
    pub(super) inputs: Vec<Option<DType>>,
    pub(super) problem: Problem,
    /// For each input, where tiles put its gradient, and as what.
    pub(super) gradients: Vec<(Slot, DType)>,
    pub(super) upstream: Upstream,
    /// Whether the mean's divisor is in the scratch.
    pub(super) scratch_divisor: bool,
    /// Whether what the biases of a position have in common is taken off them.
    pub(super) offset: bool,
    /// Whether there are second sums, which need the first ones of all tiles.
    pub(super) twice: bool,
    /// Whether the logits of the target classes are computed before the others.
    pub(super) picks: bool,
    /// Whether a class index may mark a row as ignored.
    pub(super) ignores: bool,
    /// What is made of pairs of sequences of the rows.
    pub(super) sequences: Option<PairsSpec>,
}

impl Spec {
    /// A tile of logits, rows by classes: input by linear weight, plus bias.
    pub(super) fn logits(&self, product: Product) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.dense(&mut header, INPUT, "input");
        self.dense(&mut header, LINEAR_WEIGHT, "linear_weight");
        let bias = self.optional(&mut header, LINEAR_BIAS, "linear_bias", "0.0");
        self.offset(&mut header);
        let shader = product.declare(&mut header, ["items", "classes", "features"], [true, true]);
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
        self.join(header, "logits", shader)
    }

    /// A tile's share in the gradient of the input: slopes by linear weight.
    pub(super) fn by_input(&self, product: Product) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<vec4<f32>>");
        self.dense(&mut header, LINEAR_WEIGHT, "linear_weight");
        self.adds(&mut header, INPUT);
        header.line(IS_IGNORED);
        let shader = product.declare(&mut header, ["items", "features", "classes"], [true, false]);
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
        self.join(header, "gradient of input", shader)
    }

    /// A chunk's share in the gradient of the linear weight: slopes, transposed, by input.
    pub(super) fn by_linear_weight(&self, product: Product) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<vec4<f32>>");
        self.dense(&mut header, INPUT, "input");
        self.adds(&mut header, LINEAR_WEIGHT);
        header.line(IS_IGNORED);
        let shader = product.declare(&mut header, ["classes", "features", "items"], [false, false]);
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
        self.join(header, "gradient of linear_weight", shader)
    }

    fn adds(&self, header: &mut Header, input: usize) {
        declare_adds(header, self.gradients[input]);
    }

    /// A chunk's share in the gradient of the bias, which is this input.
    pub(super) fn columns(&self, bias: usize) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.adds(&mut header, bias);
        let columns = include_str!("../../../shaders/products/columns.wgsl");
        self.join(header, "column sums", columns)
    }

    /// The numbers that are known of each row, up to whole quads.
    pub(super) fn statistics(&self) -> u64 {
        let declared = Declared::of(self.definition.shader);
        (KNOWN + declared.peaks.len() + declared.sums.len()).next_multiple_of(4) as u64
    }

    /// The logits of target classes.
    pub(super) fn pick(&self) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        for (input, name) in [(INPUT, "input"), (LINEAR_WEIGHT, "linear_weight")] {
            let dtype = self.inputs[input].unwrap_or(DType::F32);
            floats(&mut header, Slot::Input(input), name, dtype, Loads::Singles);
        }
        self.targets(&mut header, false);
        self.offset(&mut header);
        let bias = self.optional(&mut header, LINEAR_BIAS, "linear_bias", "0.0");
        let bias = bias.replace('@', "place");
        header.line(&format!("fn bias_at(place: u32) -> f32 {{ return {bias}; }}"));
        let pick = include_str!("../../../shaders/products/pick.wgsl");
        self.join(header, "target logits", pick)
    }

    /// Merges a tile into the statistics; or, once all tiles are merged, adds its part in the second sums.
    pub(super) fn gather(&self, again: bool) -> Kernel {
        let mut header = self.header_of_loss();
        self.rows(&mut header, true);
        header.constant("PICKED", self.picks);
        header.line(
            "fn lines() -> u32 { return window.items; }
fn numbers() -> u32 { return window.classes; }
fn first_number() -> u32 { return window.first_class; }
fn place_of(item: u32, class_: u32) -> u32 { return window.tile + item * window.stride + class_; }
fn line_place(item: u32) -> u32 { return statistics_place(item); }
fn line_at(item: u32) -> Row { return row_at(item); }
fn number_at(item: u32, class_: u32, logit: f32) -> Item { return item_at(item, class_, logit); }",
        );
        let (what, text) =
            if again { ("second sums", GATHER_AGAIN) } else { ("statistics", GATHER) };
        self.of_rows(header, what, &[JOINS, text].concat())
    }

    /// The losses and scales of the rows.
    pub(super) fn finish(&self, losses: Losses, gradients: bool) -> Kernel {
        let mut header = self.header_of_loss();
        header.constant("VALUES", losses != Losses::Nowhere);
        header.constant("GRADIENTS", gradients);
        self.rows(&mut header, false);
        let row = "window.first_item * window.positions + r";
        declare_report(&mut header, self.problem.has_index(), row);
        let places = ["r", "window.losses + window.first_item * window.positions + r"];
        declare_store_loss(&mut header, losses, "r", places);
        // That of a sequence's row follows when all are finished.
        let scaled = gradients && self.sequences.is_none();
        declare_row_scale(&mut header, scaled, self.upstream, self.scratch_divisor);
        let finish = include_str!("../../../shaders/products/finish.wgsl");
        self.of_rows(header, "losses", finish)
    }

    /// What is taken off the biases of each position.
    pub(super) fn offsets(&self) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.optional(&mut header, LINEAR_BIAS, "linear_bias", "0.0");
        let offsets = include_str!("../../../shaders/products/offsets.wgsl");
        self.join(header, "offsets", offsets)
    }

    /// What was taken off the biases of the position.
    fn offset(&self, header: &mut Header) {
        let offset = if self.offset { "scratch[window.offsets + window.position]" } else { "0.0" };
        header.line(&format!("fn offset() -> f32 {{ return {offset}; }}"));
    }

    /// Turns a tile into slopes.
    pub(super) fn slopes(&self, by_target: bool) -> Kernel {
        let mut header = self.header_of_loss();
        self.rows(&mut header, true);
        let mut keep = "";
        if by_target {
            let (slot, dtype) = self.gradients[TARGET];
            stores(&mut header, slot, "target_gradient", dtype, Stores::Singles);
            keep = "store_target_gradient(target_place(item, class_), slope);";
        }
        header.line(&format!(
            "fn store_target(item: u32, class_: u32, slope: f32) {{\n    {keep}\n}}"
        ));
        let slopes = include_str!("../../../shaders/products/slopes.wgsl");
        self.of_rows(header, "slopes", slopes)
    }

    /// What passes over the rows see of them: the formula's functions, the statistics, `row_at(item)` and,
    /// for the passes over classes, `item_at(item, class_, logit)`.
    fn rows(&self, header: &mut Header, over_classes: bool) {
        header.write(Slot::Scratch, "scratch", "array<f32>");
        declare_calls(header, self.definition.shader, &self.parameters);
        let declared = Declared::of(self.definition.shader);
        held(header, "peaks", KNOWN, &declared.peaks);
        held(header, "sums", KNOWN + declared.peaks.len(), &declared.sums);
        self.targets(header, over_classes);
        self.offset(header);
        // The mean weight is of the kept rows.
        let weighted = weight(self.definition).is_some_and(|i| self.inputs[i].is_some());
        let counted = self.scratch_divisor && weighted;
        let mean_weight = if counted { "scratch[1] / scratch[2]" } else { "1.0" };
        let (state, weight) = match self.problem.target {
            Target::Index => {
                ("state_of(index)", "class_weight(select(0u, u32(index), state == KEPT))")
            }
            Target::Marks => ("state_of_mark(mark(item))", "1.0"),
            Target::Rows | Target::None => ("KEPT", "1.0"),
        };
        header.line(&format!(
            "fn row_at(item: u32) -> Row {{
    let index = class_index(item);
    let state = {state};
    let weight = {weight};
    let picked = scratch[statistics_place(item) + 2u];
    return Row(
        f32(window.all_classes), index, weight, picked, 0.0, {mean_weight}, state, offset()
    );
}}"
        ));
        if over_classes {
            header.line(
                "fn item_at(item: u32, class_: u32, logit: f32) -> Item {
    let weight = class_weight(window.first_class + class_);
    return Item(logit, 0.0, 0.0, probability(item, class_), weight);
}",
            );
        }
    }

    /// The header of a kernel that knows of no formula.
    fn header(&self) -> Header {
        self.with_statistics(Header::new())
    }

    fn header_of_loss(&self) -> Header {
        self.with_statistics(Header::of_loss(&self.parameters))
    }

    fn with_statistics(&self, mut header: Header) -> Header {
        header.constant("STATISTICS", format!("{}u", self.statistics()));
        header.constant("IGNORES", self.ignores);
        header
    }

    fn join(&self, header: Header, what: &str, skeleton: &str) -> Kernel {
        let label = format!("wgloss {} {what}", self.definition.name);
        header.join(label, &[NUMERIC, ROW, SKELETON, skeleton])
    }

    fn of_rows(&self, header: Header, what: &str, skeleton: &str) -> Kernel {
        let label = format!("wgloss {} {what}", self.definition.name);
        let shader = self.definition.shader.text;
        header.join(label, &[NUMERIC, ROW, SKELETON, skeleton, shader])
    }
}

/// `add_gradient(place, sum)`: adds to what earlier tiles have left. 16 bits are written once.
pub(crate) fn declare_adds(header: &mut Header, (slot, dtype): (Slot, DType)) {
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
