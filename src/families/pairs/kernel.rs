//! The headers of the kernels.

mod vectors;

use super::problem::Problem;
use super::setup::{Partners, Setup, Weigh};
use crate::definition::Definition;
use crate::families::products::kernel::{
    GATHER, GATHER_AGAIN, JOINS, KNOWN, declare_report, declare_row_scale,
};
use crate::families::rows::kernel::{Check, LeftOut, ROW, Weighed, declare_calls, held};
use crate::kernel::storage::{Loads, Stores, floats, indices, stores};
use crate::kernel::{Declared, Header, Kernel, NUMERIC, Parameters, declare_store_loss, uniform};
use crate::request::{Losses, Slot, Upstream};
use crate::tensor::DType;

const SKELETON: &str = include_str!("../../../shaders/pairs.wgsl");

uniform! {
    /// The window of the kernels of pairs.
    pub(super) struct PairsWindow {
        items: u32,
        first_item: u32,
        classes: u32,
        first_class: u32,
        all_items: u32,
        all_classes: u32,
        features: u32,
        width: u32,
        statistics: u32,
        columns: u32,
        tile: u32,
        stride: u32,
        losses: u32,
        weights: u32,
        lengths: u32,
        other_lengths: u32,
        adds: u32,
        ignored: i32,
        divisor: f32,
        scale: f32,
        weight: f32,
        factor: f32,
        margin_0: f32,
        margin_1: f32,
        margin_2: f32,
        padding_0: u32,
        padding_1: u32,
        padding_2: u32,
    }
}

/// What the kernels are made for.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) definition: &'static Definition,
    pub(super) parameters: Parameters,
    pub(super) setup: Setup,
    pub(super) problem: Problem,
    pub(super) inputs: Vec<Option<DType>>,
    /// For each input, where tiles put its gradient, and as what.
    pub(super) gradients: Vec<(Slot, DType)>,
    /// For each input, the type in which its gradient goes out.
    pub(super) outputs: Vec<DType>,
    /// Whether there are second sums, which need the first ones of all tiles.
    pub(super) twice: bool,
    pub(super) upstream: Upstream,
    /// Whether the mean's divisor is in the scratch.
    pub(super) scratch_divisor: bool,
}

/// A matrix of vectors, and its place among both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// What a pass goes through: a tile's rows or its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    Rows,
    Columns,
}

impl Spec {
    /// Whether the rows' vectors are the columns' too.
    pub(super) fn is_one(&self) -> bool {
        self.setup.left == self.setup.right
    }

    pub(super) fn input(&self, side: Side) -> usize {
        if side == Side::Left { self.setup.left } else { self.setup.right }
    }

    fn name(&self, side: Side) -> &'static str {
        self.definition.inputs[self.input(side)].name
    }

    fn dtype(&self, input: usize) -> DType {
        self.inputs[input].unwrap_or(DType::F32)
    }

    /// Whether sums for the gradients of the scale and the bias are kept.
    fn sums(&self, gradients: &[usize]) -> bool {
        [self.setup.scale, self.setup.bias].into_iter().flatten().any(|i| gradients.contains(&i))
    }

    fn behind(&self) -> usize {
        let declared = Declared::of(self.definition.shader);
        KNOWN + declared.peaks.len() + declared.sums.len()
    }

    /// The numbers that are known of each row or column, up to whole quads.
    pub(super) fn statistics(&self) -> u64 {
        (self.behind() + 2).next_multiple_of(4) as u64
    }

    /// What each row weighs by its label.
    pub(super) fn weights(&self, labels: usize, weigh: Weigh) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.labels(&mut header, labels);
        let weight = match weigh {
            Weigh::Partners => "f32(count)",
            Weigh::HasPartners => "f32(min(count, 1u))",
        };
        header.line(&format!("fn weight_of(count: u32) -> f32 {{ return {weight}; }}"));
        let text = include_str!("../../../shaders/pairs/kernels/weights.wgsl");
        self.join(header, "weights", &[text])
    }

    fn labels(&self, header: &mut Header, labels: usize) {
        indices(header, Slot::Input(labels), "labels", self.dtype(labels));
        header.line(
            "fn are_alike(a: u32, b: u32) -> bool {
    return all(labels_words(a) == labels_words(b));
}",
        );
    }

    /// Merges a tile into what is known of its rows or its columns; or, once all tiles are merged, adds its part
    /// in the second sums.
    pub(super) fn gather(&self, lines: Lines, again: bool) -> Kernel {
        let mut header = self.header_of_loss();
        self.rows(&mut header);
        header.constant("PICKED", false);
        header.line(match lines {
            Lines::Rows => {
                "fn lines() -> u32 { return window.items; }
fn numbers() -> u32 { return window.classes; }
fn first_number() -> u32 { return window.first_class; }
fn place_of(item: u32, class_: u32) -> u32 { return tile_place(item, class_); }
fn line_place(item: u32) -> u32 { return row_place(item); }
fn line_at(item: u32) -> Row { return row_at(item); }
fn number_at(item: u32, class_: u32, product: f32) -> Item { return item_at(item, class_, product); }"
            }
            Lines::Columns => {
                "fn lines() -> u32 { return window.classes; }
fn numbers() -> u32 { return window.items; }
fn first_number() -> u32 { return window.first_item; }
fn place_of(class_: u32, item: u32) -> u32 { return tile_place(item, class_); }
fn line_place(class_: u32) -> u32 { return column_place(class_); }
fn line_at(class_: u32) -> Row { return column_at(class_); }
fn number_at(class_: u32, item: u32, product: f32) -> Item {
    return column_item_at(class_, item, product);
}"
            }
        });
        let what = match (lines, again) {
            (_, true) => "second sums",
            (Lines::Rows, _) => "statistics",
            (Lines::Columns, _) => "statistics of columns",
        };
        let text = [JOINS, if again { GATHER_AGAIN } else { GATHER }].concat();
        self.of_rows(header, what, &text)
    }

    /// The losses and scales of the rows.
    pub(super) fn finish(&self, losses: Losses, gradients: bool) -> Kernel {
        let mut header = self.header_of_loss();
        header.constant("VALUES", losses != Losses::Nowhere);
        header.constant("GRADIENTS", gradients);
        self.rows(&mut header);
        declare_report(&mut header, self.index().is_some(), "r");
        declare_store_loss(&mut header, losses, "r", ["r", "window.losses + r"]);
        declare_row_scale(&mut header, gradients, self.upstream, self.scratch_divisor);
        self.of_rows(header, "losses", include_str!("../../../shaders/pairs/kernels/finish.wgsl"))
    }

    /// Turns a tile into slopes.
    pub(super) fn slopes(&self, gradients: &[usize]) -> Kernel {
        let mut header = self.header_of_loss();
        self.rows(&mut header);
        header.constant("SUMS", self.sums(gradients));
        self.of_rows(header, "slopes", include_str!("../../../shaders/pairs/kernels/slopes.wgsl"))
    }

    /// The gradient of the scale or the bias.
    pub(super) fn total(&self, input: usize) -> Kernel {
        let mut header = self.header();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        header.constant("OF_BIAS", if self.setup.bias == Some(input) { "1u" } else { "0u" });
        let (slot, dtype) = (Slot::Gradient(input), self.outputs[input]);
        stores(&mut header, slot, "gradient", dtype, Stores::Singles);
        let text = include_str!("../../../shaders/pairs/kernels/total.wgsl");
        self.join(header, "sum of slopes", &[text])
    }

    /// The pass over the class indices and the rows' weights, which start there in the scratch.
    pub(super) fn check(&self, weights: u64) -> Check {
        Check {
            label: format!("wgloss {}", self.definition.name),
            index: self.index().and_then(|input| Some((input, self.inputs[input]?))),
            classes: self.problem.columns.max(1) as u64,
            weight: match self.setup.partners {
                Partners::Labels(..) => Weighed::Scratch(weights),
                _ => Weighed::One,
            },
            ignores: self.index().is_some(),
            counts: false,
            counted: None,
            left_out: LeftOut::Nothing,
        }
    }

    /// The input that holds each row's class index.
    fn index(&self) -> Option<usize> {
        match self.setup.partners {
            Partners::Class(input) => self.inputs[input].map(|_| input),
            _ => None,
        }
    }

    /// What passes over the rows see of them: the formula's functions, the statistics, `row_at(item)` and
    /// `item_at(item, class_, product)`, and the same of columns.
    fn rows(&self, header: &mut Header) {
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let shader = self.definition.shader;
        declare_calls(header, shader, &self.parameters);
        let declared = Declared::of(shader);
        held(header, "peaks", KNOWN, &declared.peaks);
        held(header, "sums", KNOWN + declared.peaks.len(), &declared.sums);
        header.constant("SYMMETRIC", self.setup.symmetric);
        let number = |header: &mut Header, input: Option<usize>, name: &str, absent: &str| {
            let given = input.filter(|&input| self.inputs[input].is_some());
            given.map_or(absent.to_string(), |input| {
                floats(header, Slot::Input(input), name, self.dtype(input), Loads::Singles);
                format!("{name}_at(0u)")
            })
        };
        let factor = number(header, self.setup.scale, "logit_scale", "window.factor");
        let bias = number(header, self.setup.bias, "logit_bias", "0.0");
        let margin = match self.setup.margin {
            Some(_) => {
                "margin_of(product, vec3(window.margin_0, window.margin_1, window.margin_2))"
            }
            None => "vec2(product, 1.0)",
        };
        // A similarity as formulas have it, and its slope by the product.
        header.line(&format!(
            "fn similarity(product: f32, is_partner: bool) -> vec2<f32> {{
    let own = select(vec2(product, 1.0), {margin}, is_partner);
    return {factor} * own + vec2({bias}, 0.0);
}}"
        ));
        // The number of a row or column among all, and which column is a row's partner.
        let labels = matches!(self.setup.partners, Partners::Labels(..));
        header.constant("INDEX", !labels);
        let mut index = "i32(window.first_item + item)";
        if let Some(input) = self.index() {
            indices(header, Slot::Input(input), "target", self.dtype(input));
            index = "target_index(window.first_item + item)";
        }
        let state = if self.index().is_some() { "state_of(index)" } else { "KEPT" };
        let mut partner = "u32(row.index) == window.first_class + class_";
        if let Partners::Labels(input, _) = self.setup.partners {
            self.labels(header, input);
            index = "-1";
            partner = "false";
        }
        let (target, weight) = if labels {
            (
                "are_alike(window.first_item + item, window.first_class + class_)",
                "select(1.0, 0.0, window.first_item + item == window.first_class + class_)",
            )
        } else {
            ("is_partner(row, class_)", "1.0")
        };
        header.line(&format!(
            "fn row_at(item: u32) -> Row {{
    let index = {index};
    let picked = scratch[row_place(item) + 2u];
    return Row(f32(window.all_classes), index, 1.0, picked, 0.0, 1.0, {state}, 0.0);
}}
fn is_partner(row: Row, class_: u32) -> bool {{ return {partner}; }}
fn item_at(item: u32, class_: u32, product: f32) -> Item {{
    let row = row_at(item);
    let s = similarity(product, is_partner(row, class_));
    return Item(s.x, 0.0, 0.0, select(0.0, 1.0, {target}), {weight});
}}
fn column_at(class_: u32) -> Row {{
    let picked = scratch[column_place(class_) + 2u];
    let index = i32(window.first_class + class_);
    return Row(f32(window.all_items), index, 1.0, picked, 0.0, 1.0, KEPT, 0.0);
}}
fn column_item_at(class_: u32, item: u32, product: f32) -> Item {{
    let is_own = window.first_class + class_ == window.first_item + item;
    let s = similarity(product, is_own);
    return Item(s.x, 0.0, 0.0, select(0.0, 1.0, is_own), 1.0);
}}"
        ));
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
        header.constant("SLOPES", format!("{}u", self.behind()));
        header
    }

    fn join(&self, header: Header, what: &str, texts: &[&str]) -> Kernel {
        let label = format!("wgloss {} {what}", self.definition.name);
        header.join(label, &[&[NUMERIC, ROW, SKELETON], texts].concat())
    }

    fn of_rows(&self, header: Header, what: &str, text: &str) -> Kernel {
        let shader = self.definition.shader.text;
        let margin = self.setup.margin.map_or("", |margin| margin.shader.text);
        self.join(header, what, &[text, shader, margin])
    }
}
