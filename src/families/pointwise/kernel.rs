//! The pointwise family's headers.

use super::shape::Access;
use crate::definition::{Definition, Input, Role, Whole};
use crate::kernel::storage::{Loads, Stores, floats, stores, wholes};
use crate::kernel::{
    Declared, Destination, Header, Kernel, NUMERIC, Parameters, REDUCE, declare_items,
    declare_store,
};
use crate::order::SERIAL;
use crate::request::{Slot, Upstream};
use crate::tensor::DType;

const AXES: &str = include_str!("../../../shaders/axes.wgsl");
const WINDOW: &str = include_str!("../../../shaders/pointwise_window.wgsl");

/// The terms of long formulas that one invocation takes.
const LONG_TERMS: u64 = 16;

/// From so many bytes on a formula's text is long.
const LONG_TEXT: usize = 16 << 10;

/// What derived formulas have beside `value` and `gradient`: both in one, whose members are called so.
pub(crate) const VALUE_AND_GRADIENT: &str = "value_and_gradient";

/// What a pointwise kernel is made for.
#[derive(Clone, Debug)]
pub(crate) struct Spec<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) parameters: Parameters,
    /// For each input, its type and how it is read, or that it is absent.
    pub(crate) inputs: Vec<Option<(DType, Access)>>,
    /// For each input, the type of its gradient.
    pub(crate) gradients: Vec<DType>,
    pub(crate) upstream: Upstream,
    /// Whether the mean's divisor is in the scratch.
    pub(crate) scratch_divisor: bool,
    /// Whether that is the sum of the weights, of which the gradient of a weight takes its share.
    pub(crate) by_weights: bool,
    /// Whether the mean itself is there too, given by the caller.
    pub(crate) given_mean: bool,
    /// The elements of an item, where the number of items is in a buffer.
    pub(crate) counted: Option<u64>,
    /// Whether the driver may fuse products with the sums that they go into.
    pub(crate) fuses: bool,
    /// Whether a term may take so long that an invocation takes few of them.
    pub(crate) long: bool,
}

/// What one pass over the data writes.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    /// The losses themselves.
    pub(crate) losses: bool,
    /// Their sum.
    pub(crate) sum: Option<Destination>,
    /// The gradients of these inputs.
    pub(crate) gradients: Vec<usize>,
}

/// How a formula's `gradient` returns the slopes of its differentiable inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slopes {
    /// It has one, and returns its slope.
    Alone,
    /// As a vector with a number for each of its inputs; of inputs that are vectors, as a matrix with a
    /// column for each.
    Together,
    /// As a struct: `by_NAME` for each.
    Members,
}

impl Slopes {
    /// Those of a formula of these inputs, without a weight.
    pub(crate) fn of<'i>(inputs: impl Iterator<Item = &'i Input> + Clone) -> Self {
        let is_other = |input: &Input| {
            input.whole().is_some() || matches!(input.role, Role::ElementVectors(_))
        };
        if inputs.clone().filter(|input| input.differentiable).count() == 1 {
            Self::Alone
        } else if inputs.clone().count() > 4 || inputs.clone().any(is_other) {
            Self::Members
        } else {
            Self::Together
        }
    }
}

impl Spec<'_> {
    /// One pass: over whole blocks four elements at a time, or over a `part` of one with each
    /// element guarded.
    pub(crate) fn pass(&self, writes: &Writes, part: bool) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        self.declare_table(&mut header);
        for i in 0..self.inputs.len() {
            self.declare_input(&mut header, i, part);
        }
        if let Some(keep) = writes.sum {
            keep.declare(&mut header);
        } else {
            header.line("fn store_total(block: u32, total: f32) {}");
        }
        header.constant("SUMS", writes.sum.is_some());
        header.constant("FUSES", self.fuses);
        let scale = if writes.gradients.is_empty() {
            "0.0".to_string()
        } else {
            self.upstream.declare(&mut header, self.scratch_divisor)
        };
        header.line(&format!("fn gradient_scale() -> f32 {{\n    return {scale};\n}}"));
        self.declare_evaluate(&mut header, writes, part);
        let skeleton = match self.long {
            false => include_str!("../../../shaders/pointwise.wgsl"),
            true => include_str!("../../../shaders/pointwise_long.wgsl"),
        };
        let label = format!("wgloss {}", self.definition.name);
        let formula = self.definition.shader.text;
        header.join(label, &[NUMERIC, REDUCE, AXES, WINDOW, skeleton, formula])
    }

    /// The gradient of one input, summed over the places that it was broadcast to. `direct` writes
    /// it as it is, without further levels of sums.
    pub(crate) fn gather(&self, input: usize, direct: bool) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        self.declare_table(&mut header);
        for i in 0..self.inputs.len() {
            self.declare_single(&mut header, i);
        }
        declare_store(&mut header, direct.then_some((input, self.gradients[input])));
        let weight_of_mean = self.by_weights && self.definition.inputs[input].role.is_weight();
        let scale = self.upstream.declare(&mut header, self.scratch_divisor);
        header.line(&format!("fn gradient_scale() -> f32 {{\n    return {scale};\n}}"));
        let mut body = String::new();
        if self.counted.is_some() {
            declare_items(&mut header, self.counted);
            body += "    if (!is_item(window.first + i)) { return 0.0; }\n";
        }
        body += "    var factor = scale;\n";
        if self.upstream == Upstream::Terms {
            header.read(Slot::Upstream, "upstream", "array<f32>");
            body += "    factor *= upstream[i];\n";
        }
        let arguments: Vec<String> = self.arguments(|i| format!("{}_of(i)", self.name(i)));
        let call = self.call_of(&arguments);
        if self.definition.inputs[input].role.is_weight() {
            // What the weight takes from the mean is shared by all the places it was broadcast to.
            let mean = match (weight_of_mean, self.given_mean) {
                (false, _) => "0.0",
                (true, false) => "quotient(scratch[0], scratch[1]) / window.all_places",
                (true, true) => "scratch[3] / window.all_places",
            };
            body += &format!("    return factor * (value({call}) - {mean});");
        } else {
            if let Some(weight) = self.weight() {
                body += &format!("    factor *= {weight}_of(i);\n");
            }
            let component = self.component(input);
            let number = if self.width(input) > 1 { "[k]" } else { "" };
            body += &format!("    return factor * gradient({call}){component}{number};");
        }
        header.constant("SEGMENT_WIDTH", format_args!("{}u", self.width(input)));
        header.constant("SERIAL", format_args!("{}u", self.serial()));
        header.line(&format!("fn term_at(i: u32, k: u32, scale: f32) -> f32 {{\n{body}\n}}"));
        let skeleton = include_str!("../../../shaders/gather.wgsl");
        let label = format!("wgloss {} gradient of {}", self.definition.name, self.name(input));
        header.join(label, &[NUMERIC, REDUCE, AXES, skeleton, self.definition.shader.text])
    }

    /// The terms of a broadcast input that one invocation adds.
    pub(super) fn serial(&self) -> u64 {
        if self.long { LONG_TERMS } else { SERIAL }
    }

    /// The words of a formula's tables.
    fn declare_table(&self, header: &mut Header) {
        if !self.definition.shader.table.is_empty() {
            header.read(Slot::Table, "table_words", "array<u32>");
        }
    }

    fn name(&self, i: usize) -> &'static str {
        self.definition.inputs[i].name
    }

    /// The name of the weight, if there is one.
    fn weight(&self) -> Option<&'static str> {
        (0..self.inputs.len())
            .find(|&i| self.inputs[i].is_some() && self.definition.inputs[i].role.is_weight())
            .map(|i| self.name(i))
    }

    /// The loss's arguments: every input but the weight, and what an absent one counts as.
    fn arguments(&self, present: impl Fn(usize) -> String) -> Vec<String> {
        let role = |i: usize| self.definition.inputs[i].role;
        let absent = |i: usize| format!("{:?}", role(i).absent());
        (0..self.inputs.len())
            .filter(|&i| !role(i).is_weight())
            .map(|i| self.inputs[i].map_or_else(|| absent(i), |_| present(i)))
            .collect()
    }

    fn call_of(&self, arguments: &[String]) -> String {
        let mut call = arguments.join(", ");
        if !self.parameters.is_empty() {
            call += ", options()";
        }
        call
    }

    /// The part of the loss's gradient that belongs to an input.
    fn component(&self, input: usize) -> String {
        let arguments = |inputs: &'static [Input]| inputs.iter().filter(|i| !i.role.is_weight());
        let inputs = self.definition.inputs;
        let before = arguments(&inputs[..input]).count();
        match (Slopes::of(arguments(inputs)), self.width(input)) {
            (Slopes::Alone, _) => String::new(),
            (Slopes::Members, _) => format!(".by_{}", self.name(input)),
            (Slopes::Together, 1) => [".x", ".y", ".z", ".w"][before].into(),
            (Slopes::Together, _) => format!("[{before}]"),
        }
    }

    /// What an input of integers or flags is in the kernel.
    fn whole(&self, i: usize) -> Option<Whole> {
        self.definition.inputs[i].whole()
    }

    /// Declares an input and its accessor.
    fn declare_loads(&self, header: &mut Header, i: usize, dtype: DType, loads: Loads) {
        let (slot, name) = (Slot::Input(i), self.name(i));
        match self.whole(i) {
            Some(whole) => wholes(header, slot, name, dtype, whole, loads),
            None => floats(header, slot, name, dtype, loads),
        }
    }

    /// `NAME_of(i)`: the input at the output's element `i`.
    fn declare_single(&self, header: &mut Header, i: usize) {
        let Some((dtype, access)) = self.inputs[i] else { return };
        let name = self.name(i);
        self.declare_loads(header, i, dtype, Loads::Singles);
        let place = match access {
            Access::Dense => "i".to_string(),
            Access::Single => "0u".to_string(),
            Access::Strided => {
                declare_offset(header, i);
                format!("offset_{i}(window.first + i)")
            }
        };
        let (kind, body) = match self.width(i) {
            1 => {
                let kind = self.whole(i).map_or("f32", Whole::kind);
                (kind.to_string(), format!("return {name}_at({place});"))
            }
            width => {
                let numbers = (0..width).map(|k| format!("{name}_at(place + {k}u)"));
                let numbers = numbers.collect::<Vec<_>>().join(", ");
                let body = format!("let place = {width}u * {place}; return vec{width}({numbers});");
                (format!("vec{width}<f32>"), body)
            }
        };
        header.line(&format!("fn {name}_of(i: u32) -> {kind} {{ {body} }}"));
    }

    /// The numbers of an element of an input.
    fn width(&self, i: usize) -> usize {
        self.definition.inputs[i].role.width()
    }

    /// `NAME_four(quad)`: the vectors of the window's quad, as the columns of a matrix.
    fn declare_vectors(&self, header: &mut Header, i: usize, part: bool) {
        let Some((dtype, access)) = self.inputs[i] else { return };
        let (name, width) = (self.name(i), self.width(i));
        let quads = access == Access::Dense && !part;
        self.declare_loads(header, i, dtype, if quads { Loads::Quads } else { Loads::Singles });
        let mut body = String::new();
        if quads {
            for j in 0..width {
                body += &format!("    let quad_{j} = {name}_quad({width}u * quad + {j}u);\n");
            }
        } else {
            for (k, place) in declare_places(header, i, access).into_iter().enumerate() {
                body += &format!("    let place_{k} = {width}u * {place};\n");
            }
        }
        let number = |n: usize| match quads {
            true => format!("quad_{}.{}", n / 4, ["x", "y", "z", "w"][n % 4]),
            false => format!("{name}_at(place_{} + {}u)", n / width, n % width),
        };
        let numbers = (0..4 * width).map(number).collect::<Vec<_>>().join(", ");
        let kind = format!("mat4x{width}<f32>");
        body += &format!("    return {kind}({numbers});\n");
        header.line(&format!("fn {name}_four(quad: u32) -> {kind} {{\n{body}}}"));
    }

    /// `NAME_four(quad)`: the input at the window's quad.
    fn declare_input(&self, header: &mut Header, i: usize, part: bool) {
        let Some((dtype, access)) = self.inputs[i] else { return };
        if self.width(i) > 1 {
            return self.declare_vectors(header, i, part);
        }
        let name = self.name(i);
        let quads = access == Access::Dense && !part;
        self.declare_loads(header, i, dtype, if quads { Loads::Quads } else { Loads::Singles });
        let body = match access {
            _ if quads => format!("{name}_quad(quad)"),
            Access::Single => format!("vec4({name}_at(0u))"),
            _ => {
                let at = |place: String| format!("{name}_at({place})");
                let [x, y, z, w] = declare_places(header, i, access).map(at);
                format!("vec4({x}, {y}, {z}, {w})")
            }
        };
        let kind = self.whole(i).map_or("f32", Whole::kind);
        let text = format!("fn {name}_four(quad: u32) -> vec4<{kind}> {{\n    return {body};\n}}");
        header.line(&text);
    }

    /// Whether a quad's terms are computed one after another by the same instructions: what the formula comes to
    /// is there once and not four times, which compilers take for long texts up to sixteen times as long.
    fn one_by_one(&self) -> bool {
        self.definition.shader.text.len() > LONG_TEXT
    }

    /// Whether the formula has value and gradient in one.
    fn shares(&self) -> bool {
        Declared::of(self.definition.shader).defines(VALUE_AND_GRADIENT)
    }

    /// The numbers of a quad, its losses as `terms`, and its slopes.
    fn computed(&self, writes: &Writes) -> String {
        let has_losses = writes.losses || writes.sum.is_some();
        let has_slopes = !writes.gradients.is_empty();
        let kept = if self.one_by_one() { "var" } else { "let" };
        let mut body = String::new();
        for i in (0..self.inputs.len()).filter(|&i| self.inputs[i].is_some()) {
            let name = self.name(i);
            body += &format!("    {kept} {name}_ = {name}_four(quad);\n");
        }
        // The four of a vector are the columns of a matrix.
        let call = |k: &str| self.call_of(&self.arguments(|i| format!("{}_[{k}]", self.name(i))));
        let shares = has_losses && has_slopes && self.shares();
        if !self.one_by_one() {
            let all = ["0", "1", "2", "3"].map(call);
            for (k, call) in all.iter().enumerate().filter(|_| shares) {
                body += &format!("    let both_{k} = {VALUE_AND_GRADIENT}({call});\n");
            }
            if has_losses {
                let term = |k: usize| match shares {
                    true => format!("both_{k}.value"),
                    false => format!("value({})", all[k]),
                };
                body += &format!("    let terms = vec4({});\n", [0, 1, 2, 3].map(term).join(", "));
            }
            for (k, call) in all.iter().enumerate().filter(|_| has_slopes) {
                body += &match shares {
                    true => format!("    let slopes_{k} = both_{k}.gradient;\n"),
                    false => format!("    let slopes_{k} = gradient({call});\n"),
                };
            }
            return body;
        }
        let mut each = String::new();
        let (mut value, mut gradient) =
            (format!("value({})", call("k")), format!("gradient({})", call("k")));
        if shares {
            each += &format!("        let both = {VALUE_AND_GRADIENT}({});\n", call("k"));
            (value, gradient) = ("both.value".into(), "both.gradient".into());
        }
        if has_losses {
            body += "    var terms: vec4<f32>;\n";
            each += &format!("        terms[k] = {value};\n");
        }
        if has_slopes {
            each += &format!("        let slopes = {gradient};\n");
        }
        for &input in &writes.gradients {
            let (name, component) = (self.name(input), self.component(input));
            let kind = match self.width(input) {
                1 => "f32".to_string(),
                width => format!("vec{width}<f32>"),
            };
            body += &format!("    var by_{name}: array<{kind}, 4>;\n");
            each += &format!("        by_{name}[k] = slopes{component};\n");
        }
        body + &format!("    for (var k = 0u; k < 4u; k++) {{\n{each}    }}\n")
    }

    /// The slope by an input of one of a quad's terms.
    fn slope(&self, input: usize, k: usize) -> String {
        match self.one_by_one() {
            true => format!("by_{}[{k}]", self.name(input)),
            false => format!("slopes_{k}{}", self.component(input)),
        }
    }

    /// `evaluate(quad, scale)`: writes what belongs to one quad and returns its losses.
    fn declare_evaluate(&self, header: &mut Header, writes: &Writes, part: bool) {
        let mut body = self.computed(writes);
        let weight = self.weight().map(|name| format!(" * {name}_")).unwrap_or_default();
        let mut result = "vec4<f32>()";
        // What is of no item is 0.
        let own = |numbers: String| match self.counted {
            Some(_) => format!("select(vec4<f32>(), {numbers}, there)"),
            None => numbers,
        };
        if self.counted.is_some() {
            declare_items(header, self.counted);
            let at = |k: u32| format!("is_item(window.first + 4u * quad + {k}u)");
            body += &format!("    let there = vec4({}, {}, {}, {});\n", at(0), at(1), at(2), at(3));
        }
        let quads = |width| if part { Stores::PartQuads(width) } else { Stores::Quads };
        if writes.losses || writes.sum.is_some() {
            body += &format!("    let losses = {};\n", own(format!("terms{weight}")));
            result = "losses";
        }
        if writes.losses {
            stores(header, Slot::Value, "losses", DType::F32, quads(1));
            body += "    store_losses(quad, losses * window.weight);\n";
        }
        if !writes.gradients.is_empty() {
            let mut factor = format!("scale{weight}");
            if self.upstream == Upstream::Terms {
                declare_upstream(header, part);
                factor += " * upstream_four(quad)";
            }
            for &input in &writes.gradients {
                let name = self.name(input);
                let (slot, out) = (Slot::Gradient(input), format!("{name}_gradient"));
                let width = self.width(input);
                stores(header, slot, &out, self.gradients[input], quads(width));
                if width > 1 {
                    body += &format!("    let {name}_factor = {factor};\n");
                    let by_term = self.weight().is_some() || self.upstream == Upstream::Terms;
                    let column = |k: usize| {
                        let own = if by_term { format!("[{k}]") } else { String::new() };
                        let slope = format!("{name}_factor{own} * {}", self.slope(input, k));
                        match self.counted {
                            Some(_) => format!("select(vec{width}<f32>(), {slope}, there[{k}])"),
                            None => slope,
                        }
                    };
                    let columns = [0, 1, 2, 3].map(column).join(", ");
                    body += &format!("    let {name}_slopes = mat4x{width}({columns});\n");
                    for j in 0..width {
                        let number = |n| format!("{name}_slopes[{}][{}]", n / width, n % width);
                        let numbers = (4 * j..4 * j + 4).map(number).collect::<Vec<_>>().join(", ");
                        let place = format!("{width}u * quad + {j}u");
                        body += &format!("    store_{out}({place}, vec4({numbers}));\n");
                    }
                    continue;
                }
                let slopes = [0, 1, 2, 3].map(|k| self.slope(input, k)).join(", ");
                let gradient = own(format!("{factor} * vec4({slopes})"));
                body += &format!("    store_{name}_gradient(quad, {gradient});\n");
            }
        }
        if part && result == "losses" {
            body += "    let own = vec4(0u, 1u, 2u, 3u) + 4u * quad;\n";
            result = "select(vec4<f32>(), losses, own < vec4(window.elements))";
        }
        header.line(&format!(
            "fn evaluate(quad: u32, scale: f32) -> vec4<f32> {{\n{body}    return {result};\n}}"
        ));
    }
}

fn declare_upstream(header: &mut Header, part: bool) {
    let body = if part {
        header.read(Slot::Upstream, "upstream", "array<f32>");
        let at = |k| format!("upstream[min(4u * quad + {k}u, window.elements - 1u)]");
        format!("vec4({}, {}, {}, {})", at(0), at(1), at(2), at(3))
    } else {
        header.read(Slot::Upstream, "upstream", "array<vec4<f32>>");
        "upstream[quad]".into()
    };
    header.line(&format!("fn upstream_four(quad: u32) -> vec4<f32> {{\n    return {body};\n}}"));
}

/// Where an input has the elements of a quad that may be cut short.
fn declare_places(header: &mut Header, input: usize, access: Access) -> [String; 4] {
    let own = |k: usize| format!("min(4u * quad + {k}u, window.elements - 1u)");
    match access {
        Access::Dense => [0, 1, 2, 3].map(own),
        Access::Single => [0, 1, 2, 3].map(|_| "0u".into()),
        Access::Strided => {
            declare_offset(header, input);
            [0, 1, 2, 3].map(|k| format!("offset_{input}(window.first + {})", own(k)))
        }
    }
}

/// `offset_I(i)`: where a broadcast input has the output's element `i`.
fn declare_offset(header: &mut Header, input: usize) {
    header.line(&format!(
        "fn offset_{input}(i: u32) -> u32 {{
    var rest = i;
    var offset = 0u;
    for (var k = 0u; k < window.rank; k++) {{
        offset += (rest % window.axes[k].size) * window.axes[k].strides[{}][{}];
        rest /= window.axes[k].size;
    }}
    return offset;
}}",
        input / 4,
        input % 4
    ));
}
