//! The rows family's headers.

mod check;
mod items;
mod joins;
mod lanes;
mod lists;
mod numbers;
mod outputs;
pub(super) mod running;
mod sections;
mod streamed;
mod texts;

pub(crate) use check::{Check, LeftOut, Weighed};
pub(crate) use lanes::Lanes;
pub(crate) use sections::{Sections, Stage, held};
pub(crate) use texts::{DerivedRow, ROW};

use self::texts::ROWS_WINDOW;
use super::shape::{MOST_LABELS, MOST_OVER, RowShape, RowWeight};
use crate::definition::{Definition, Shader};
use crate::dispatch::Builder;
use crate::kernel::storage::{Loads, floats, floats_after, indices_after};
use crate::kernel::{
    Declared, Header, IN_PLACE, Kernel, NUMERIC, Parameters, REDUCE, declare_items,
    declare_store_loss,
};
use crate::request::{Losses, Slot, Upstream};
use crate::tensor::DType;

/// The most parts of a row: each invocation joins what is known of all.
const MOST_SECTIONS: u64 = 1024;

/// The names of a derived formula's inputs: as many as there may be over classes and of rows, and the target.
const NUMBERED: [&str; MOST_OVER + MOST_LABELS + 1] = [
    "input_0", "input_1", "input_2", "input_3", "input_4", "input_5", "input_6", "input_7",
    "input_8", "input_9", "input_10", "input_11", "input_12", "input_13", "input_14", "input_15",
    "input_16",
];

/// What a rows kernel is made for.
#[derive(Clone, Debug)]
pub(crate) struct Spec<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) parameters: Parameters,
    pub(crate) inputs: Vec<Option<DType>>,
    /// For each input, the type of its gradient.
    pub(crate) gradients: Vec<DType>,
    pub(crate) shape: RowShape,
    pub(crate) lanes: Lanes,
    /// Whether a class index may mark a row as ignored.
    pub(crate) ignores: bool,
    pub(crate) upstream: Upstream,
    /// Whether the mean's divisor is in the scratch.
    pub(crate) scratch_divisor: bool,
    /// Whether that is a sum of weights, or given, with the number of rows that it is of.
    pub(crate) by_weights: bool,
    /// The rows of an item, where the number of items is in a buffer.
    pub(crate) counted: Option<u64>,
    /// Where in the scratch it is kept which rows a mask leaves anything of, or whose list is bad.
    pub(crate) kept_rows: u64,
    /// Where in the scratch lists are, in the order of their classes.
    pub(crate) lists: u64,
    /// How rows are cut that several workgroups share.
    pub(crate) sections: Option<Sections>,
    /// Whether gradients follow from the sums, in this pass or another one, and whether any by the rows' own numbers
    /// do.
    pub(crate) slopes: bool,
    pub(crate) row_slopes: bool,
}

/// What the rows' pass writes.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    pub(crate) losses: Losses,
    /// The gradients of these inputs.
    pub(crate) gradients: Vec<usize>,
}

impl RowShape {
    /// How rows are cut, where they are.
    pub(crate) fn sections(&self, builder: &Builder<'_>) -> Option<Sections> {
        if Declared::of(builder.resolved.definition.shader).has_running() {
            return None;
        }
        let all = self.classes.div_ceil(4);
        let least = all.div_ceil(MOST_SECTIONS);
        let quads = u64::from(builder.tuning.quads_per_group).max(least).next_multiple_of(8);
        let count = all.div_ceil(quads);
        (count > 1).then_some(Sections { quads, count, place: 0, rows: 0 })
    }

    /// Whether four classes can be read at once.
    pub(crate) fn whole_quads(&self) -> bool {
        self.inner == 1 && self.classes.is_multiple_of(4)
    }
}

impl Spec<'_> {
    /// The pass over the rows, or what a stage does of it.
    pub(crate) fn pass(&self, writes: &Writes, stage: Stage) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        let lanes = self.lanes;
        header.constant("THREADS", format!("{}u", lanes.threads));
        header.constant("ROWS", format!("{}u", lanes.rows));
        header.constant("TEAM", format!("{}u", lanes.team()));
        header.constant("TEAMS", format!("{}u", lanes.threads / lanes.team()));
        let joins = self.declare_joins(&mut header);
        let moves = self.declared().defines("moved");
        // Whether a sum is in range is known once that of the whole row is.
        header.constant("UNITS", self.has_units() && self.sections.is_none());
        let kept = self.held_quads();
        header.constant("ONLINE", moves && kept.is_none());
        header.constant("WHOLE", self.shape.whole_quads());
        header.constant("IGNORES", self.ignores);
        header.constant("INDEX", self.shape.index().is_some());
        header.constant("VALUES", writes.losses != Losses::Nowhere);
        if self.derived_row().is_some() {
            header.constant("GRADIENTS", !writes.gradients.is_empty());
            header.constant("SLOPES", self.slopes);
            header.constant("ROW_SLOPES", self.row_slopes);
        }
        header.constant(IN_PLACE, false);
        let loads = if self.shape.whole_quads() { Loads::Quads } else { Loads::Singles };
        for (i, dtype) in self.inputs.iter().enumerate() {
            let Some(dtype) = *dtype else { continue };
            if self.shape.list.is_some_and(|list| list.numbers == i) {
                continue; // it is in the scratch
            }
            let (slot, name, skip) = (Slot::Input(i), self.name(i), skip(i));
            let listed = self.shape.list.map(|list| list.classes);
            if [self.shape.index(), self.shape.marks, listed].contains(&Some(i)) {
                indices_after(&mut header, slot, name, dtype, &skip);
            } else if self.shape.labels.contains(&Some(i)) {
                self.declare_loads(&mut header, i, dtype, Loads::Singles, &skip);
            } else if self.shape.is_shared(i) {
                self.declare_loads(&mut header, i, dtype, loads, "0u");
            } else if self.shape.weight == RowWeight::Classes(i) {
                floats(&mut header, slot, name, dtype, Loads::Singles);
            } else {
                self.declare_loads(&mut header, i, dtype, loads, &skip);
            }
        }
        if !self.definition.shader.table.is_empty() {
            header.read(Slot::Table, "table_words", "array<u32>");
        }
        self.declare_row(&mut header);
        self.declare_items(&mut header);
        let lists = self.declare_lists(&mut header);
        let running = self.declare_running(&mut header);
        let sections = self.declare_sections(&mut header, stage);
        let part = match kept {
            Some(quads) => self.held_part(quads),
            None => self.streamed_part(),
        };
        self.declare_formula(&mut header);
        self.declare_range(&mut header);
        let places = ["r + window.row_skip", "window.destination + r"];
        declare_store_loss(&mut header, writes.losses, "r", places);
        self.declare_gradients(&mut header, &writes.gradients);
        let skeleton = include_str!("../../../../shaders/rows.wgsl");
        let window = ROWS_WINDOW;
        let label = format!("wgloss {}", self.definition.name);
        let ([size, row], shader) = (self.row(), self.definition.shader.text);
        header.join(
            label,
            &[
                NUMERIC, REDUCE, size, row, window, skeleton, joins, &part, lists, running,
                sections, shader,
            ],
        )
    }

    /// The pass over the mask: whether a row has a class that is there.
    pub(crate) fn masked(&self, mask: usize) -> Kernel {
        let mut header = Header::new();
        header.constant("THREADS", format!("{}u", self.lanes.threads));
        header.constant("ROWS", format!("{}u", self.lanes.rows));
        header.constant("KEPT_ROWS", format!("{}u", self.kept_rows));
        let loads = if self.shape.whole_quads() { Loads::Quads } else { Loads::Singles };
        let (slot, skip) = (Slot::Input(mask), skip(mask));
        let dtype = self.inputs[mask].unwrap_or(DType::F32);
        floats_after(&mut header, slot, self.name(mask), dtype, loads, &skip);
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.declare_start(&mut header);
        self.declare_flags(&mut header, mask);
        let label = format!("wgloss {} mask", self.definition.name);
        header.join(label, &[ROWS_WINDOW, include_str!("../../../../shaders/masked_rows.wgsl")])
    }

    /// `flags_of(r, quad)`: four of a row's flags.
    fn declare_flags(&self, header: &mut Header, mask: usize) {
        let classes: String = (0..4).map(|k| self.class(k)).collect();
        let start = self.quad_start();
        let four = self.four(mask);
        header.line(&format!(
            "fn flags_of(r: u32, quad: u32) -> vec4<f32> {{
    let start = {start};
{classes}    return {four};
}}"
        ));
    }

    /// The pass before it over the class indices, or over what tells which rows are kept.
    pub(crate) fn check(&self) -> Check {
        let of = |i: usize| Some((i, self.inputs[i]?));
        let index = self.shape.index().and_then(of);
        let left_out = match (self.shape.marks.and_then(of), self.shape.mask) {
            (Some((input, dtype)), _) => LeftOut::Marks { input, dtype },
            (None, Some(_)) => LeftOut::Scratch(self.kept_rows),
            _ => LeftOut::Nothing,
        };
        let weight = match self.shape.weight {
            RowWeight::Classes(input) if index.is_some() => {
                let dtype = self.inputs[input].unwrap_or(DType::F32);
                Weighed::Class { input, name: self.name(input), dtype }
            }
            _ => Weighed::One,
        };
        Check {
            label: format!("wgloss {}", self.definition.name),
            index,
            left_out,
            classes: self.shape.classes,
            weight,
            ignores: self.ignores,
            counts: self.has_mean_weight(),
            counted: self.counted,
        }
    }

    fn declared(&self) -> &'static Declared {
        Declared::of(self.definition.shader)
    }

    /// Whether there may be second sums.
    pub(crate) fn may_read_twice(&self) -> bool {
        self.declared().defines("second_sums")
    }

    /// Whether the maxima only keep the sums in range.
    fn has_units(&self) -> bool {
        self.declared().defines("in_range")
    }

    /// What a kernel calls an input. Of a derived formula it has a number, as the user may call it as a kernel calls
    /// something else.
    fn name(&self, i: usize) -> &'static str {
        match self.derived_row() {
            Some(_) => NUMBERED[i],
            None => self.definition.inputs[i].name,
        }
    }

    /// Whether the mean weight of the kept rows may be other than 1.
    pub(crate) fn has_mean_weight(&self) -> bool {
        let by_class = matches!(self.shape.weight, RowWeight::Classes(_));
        self.by_weights && by_class && self.shape.index().is_some()
    }

    /// The weight at a class of a row, whose place among the row inputs' elements is `place`.
    fn weight_at(&self, class: &str, place: &str) -> String {
        match self.shape.weight {
            RowWeight::One => "1.0".into(),
            RowWeight::Classes(i) => format!("{}_at({class})", self.name(i)),
            RowWeight::Rows(i) => self.single(i, place),
        }
    }

    /// A row input's element.
    fn single(&self, i: usize, place: &str) -> String {
        let name = self.name(i);
        let place = if self.shape.is_shared(i) { "class_" } else { place };
        if self.shape.whole_quads() {
            format!("{name}_quad(({place}) / 4u)[({place}) % 4u]")
        } else {
            format!("{name}_at({place})")
        }
    }

    /// Whether a row without a class index is ignored; `None` where none is.
    fn left_out(&self, header: &mut Header, row: &str) -> Option<String> {
        if let Some(i) = self.shape.marks {
            return Some(format!("{}_index({row}) == window.ignored", self.name(i)));
        }
        self.shape.mask?;
        header.write(Slot::Scratch, "scratch", "array<f32>");
        Some(format!("scratch[{}u + window.first + {row}] == 0.0", self.kept_rows))
    }

    /// `row_start(r)`: where a row lies.
    fn declare_start(&self, header: &mut Header) {
        header.line(if self.shape.inner == 1 {
            "fn row_start(r: u32) -> u32 { return r * window.classes; }"
        } else {
            "fn row_start(r: u32) -> u32 {
    let place = window.within + r;
    return (place / window.inner) * window.classes * window.inner + place % window.inner;
}"
        });
    }

    /// `row_start(r)` and `row_at(r)`: where a row lies and what is known of it.
    fn declare_row(&self, header: &mut Header) {
        self.declare_start(header);
        let label_of = |i: usize| format!("{}_at(r)", self.name(i));
        let numbers = self.numbers(self.shape.labels, label_of);
        let label = self.shape.labels[0].map_or("0.0".into(), label_of);
        let state = |header: &mut Header, state: &str| match self.counted {
            Some(_) => {
                declare_items(header, self.counted);
                format!("select(IGNORED, {state}, is_item(window.first + r))")
            }
            None => state.to_string(),
        };
        let Some(index) = self.shape.index() else {
            let left_out = self.left_out(header, "r");
            let listed = match self.shape.list {
                Some(list) => self.declare_listed_state(header, list),
                None => "KEPT",
            };
            let kept = left_out.map(|ignored| format!("select({listed}, IGNORED, {ignored})"));
            let state = state(header, kept.as_deref().unwrap_or(listed));
            let row = match self.derived_row().is_some() {
                true => {
                    let picked = self.numbers([None; MOST_OVER], |_| String::new());
                    format!("{state}, window.classes, -1, {picked}, {numbers}")
                }
                false => {
                    format!("f32(window.classes), -1, 1.0, 0.0, {label}, 1.0, {state}, 0.0")
                }
            };
            header.line(&format!("fn row_at(r: u32) -> Row {{\n    return Row({row});\n}}"));
            return;
        };
        let state = state(header, "state_of(index)");
        header.write(Slot::Status, "status", "array<u32>");
        let mut mean_weight = "1.0";
        if self.has_mean_weight() {
            header.write(Slot::Scratch, "scratch", "array<f32>");
            mean_weight = "scratch[1] / scratch[2]";
        }
        let target_name = self.name(index);
        let weight = self.weight_at("class_", "place");
        let picked = |i: usize| self.single(i, "place");
        let row = if self.derived_row().is_some() {
            let picked = self.numbers(self.shape.over, picked);
            format!("state, window.classes, index, {picked}, {numbers}")
        } else {
            let picked = self.shape.over[0].map_or("0.0".into(), picked);
            format!(
                "f32(window.classes), index, {weight}, {picked}, {label}, {mean_weight}, state, 0.0"
            )
        };
        // The rows before this one were checked in an earlier pass, so the first bad one is known.
        header.line(&format!(
            "fn row_at(r: u32) -> Row {{
    let index = {target_name}_index(r);
    let state = {state};
    if (state == BAD && window.first + r == ~status[1]) {{
        let words = {target_name}_words(r);
        status[2] = words.x;
        status[3] = words.y;
    }}
    let class_ = select(0u, u32(index), state == KEPT);
    let place = row_start(r) + class_ * window.inner;
    return Row({row});
}}"
        ));
    }

    /// The formula's functions, of which a derived one's know more of the row.
    fn declare_formula(&self, header: &mut Header) {
        let shader = self.definition.shader;
        if self.derived_row().is_none() {
            declare_calls(header, shader, &self.parameters);
            header.line(
                "fn peaks_in(item: Item, row: Row) -> Peaks { return peaks_of(item); }
fn finished_in(row: Row, peak: Peaks, total: Sums) -> Sums { return finished_of(total); }",
            );
            return;
        }
        let last = if self.parameters.is_empty() { "" } else { ", options()" };
        header.line(&format!(
            "fn peaks_in(item: Item, row: Row) -> Peaks {{
    return peaks(item, row{last});
}}
fn finished_in(row: Row, peak: Peaks, total: Sums) -> Sums {{
    return finished(row, peak, total{last});
}}"
        ));
        declare_calls_of_rows(header, shader, last, "Slopes");
    }

    /// What only some formulas have, by what they declare.
    fn declare_range(&self, header: &mut Header) {
        let last = if self.parameters.is_empty() { "" } else { ", options()" };
        let in_range =
            if self.has_units() { format!("in_range(row, total{last})") } else { "true".into() };
        header.line(&format!(
            "fn sums_in_range(row: Row, total: Sums) -> bool {{
    return {in_range};
}}"
        ));
    }
}

/// Where a binding's input begins.
fn skip(input: usize) -> String {
    format!("window.skips[{}][{}]", input / 4, input % 4)
}

/// The formula's functions with its parameters, where it has any.
pub(crate) fn declare_calls(header: &mut Header, shader: Shader, parameters: &Parameters) {
    let last = if parameters.is_empty() { "" } else { ", options()" };
    header.line(&format!(
        "fn peaks_of(item: Item) -> Peaks {{
    return peaks(item{last});
}}"
    ));
    // What follows from a row's sums alone, once for all its classes.
    let finished = match Declared::of(shader).defines("finished") {
        true => format!("finished(total{last})"),
        false => "total".into(),
    };
    header.line(&format!("fn finished_of(total: Sums) -> Sums {{ return {finished}; }}"));
    declare_calls_of_rows(header, shader, last, "vec4<f32>");
}

/// Those of the formula's functions that all formulas have alike, with its parameters as the last argument, and the type
/// of its slopes.
fn declare_calls_of_rows(header: &mut Header, shader: Shader, last: &str, slopes: &str) {
    header.line(&format!(
        "fn sums_of(item: Item, row: Row, peak: Peaks) -> Sums {{
    return sums(item, row, peak{last});
}}
fn loss_of(row: Row, peak: Peaks, total: Sums) -> f32 {{
    return value(row, peak, total{last});
}}
fn slopes_of(item: Item, row: Row, peak: Peaks, total: Sums) -> {slopes} {{
    return gradient(item, row, peak, total{last});
}}"
    ));
    // A formula with second sums says in which kernels it has them.
    header.line(&match Declared::of(shader).defines("second_sums") {
        true => format!(
            "fn second_sums_of(item: Item, row: Row, peak: Peaks, total: Sums) -> Sums {{
    return second_sums(item, row, peak, total{last});
}}"
        ),
        false => "const TWICE = false;
fn second_sums_of(item: Item, row: Row, peak: Peaks, total: Sums) -> Sums { return Sums(); }"
            .into(),
    });
    if !Declared::of(shader).defines("moved") {
        header.line("fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums { return total; }");
    }
}
