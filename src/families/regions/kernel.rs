//! The kernels of losses over regions.

use super::formula::Activation;
use super::shape::{INPUT, RegionShape, TARGET};
use crate::kernel::storage::{Loads, Stores, floats, floats_after, indices_after, stores};
use crate::kernel::{Header, Kernel, NUMERIC, Parameters, REDUCE, declare_store_loss, uniform};
use crate::request::{Losses, Resolved, Slot, Upstream};
use crate::tensor::DType;

/// Regions as formulas see them.
pub(super) const REGION: &str = include_str!("../../../shaders/regions/kernels/region.wgsl");
const WINDOW: &str = include_str!("../../../shaders/regions/kernels/window.wgsl");
const VOXELS: &str = include_str!("../../../shaders/regions/kernels/voxels.wgsl");
const JOINS: &str = include_str!("../../../shaders/regions/kernels/joins.wgsl");
const LABELS: &str = include_str!("../../../shaders/regions/kernels/labels.wgsl");

/// The sums that a workgroup folds.
pub(super) const FOLD: u64 = 4096;

uniform! {
    /// The window of `window.wgsl`.
    pub(super) struct ItemsWindow {
        items: u32,
        first: u32,
        classes: u32,
        voxels: u32,
        patches: u32,
        place: u32,
        width: u32,
        ignored: i32,
        skips: [u32; 4],
    }
}

uniform! {
    /// The window of `folds.wgsl`.
    pub(super) struct FoldsWindow {
        regions: u32,
        count: u32,
        patches: u32,
        groups: u32,
        source: u32,
        destination: u32,
        width: u32,
    }
}

uniform! {
    /// The window of `terms.wgsl`.
    pub(super) struct TermsWindow {
        terms: u32,
        each: u32,
        classes: u32,
        place: u32,
        losses: u32,
        width: u32,
        divisor: f32,
        scale: f32,
        weight: f32,
    }
}

/// What kernels are written for.
pub(super) struct Spec<'a> {
    pub(super) resolved: &'a Resolved,
    pub(super) parameters: Parameters,
    pub(super) activation: Activation,
    pub(super) shape: RegionShape,
    /// The numbers of a region's sums.
    pub(super) sums: u64,
    /// The classes whose sums a lane keeps.
    pub(super) group: u64,
    /// The voxels whose sums a workgroup adds up.
    pub(super) patch: u64,
    /// Whether a lane keeps the exponentials of all classes of its voxels, instead of computing them again.
    pub(super) holds: bool,
}

impl Spec<'_> {
    /// The patches of an item.
    pub(super) fn patches(&self) -> u64 {
        self.shape.voxels.div_ceil(self.patch)
    }

    /// Whether four voxels can be read at once.
    fn whole(&self) -> bool {
        self.shape.voxels.is_multiple_of(4)
    }

    fn dtype(&self, i: usize) -> DType {
        self.resolved.inputs[i].as_ref().map_or(DType::F32, |kind| kind.dtype)
    }

    fn join(&self, header: Header, what: &str, parts: &[&str]) -> Kernel {
        let label = format!("wgloss {} {what}", self.resolved.definition.name);
        let shader = self.resolved.definition.shader.text;
        header.join(label, &[&[NUMERIC, REDUCE, REGION, shader], parts].concat())
    }

    /// A header for kernels that read voxels.
    fn of_voxels(&self) -> Header {
        let mut header = Header::of_loss(&self.parameters);
        header.constant("SOFTMAX", self.activation == Activation::Softmax);
        header.constant("SIGMOID", self.activation == Activation::Sigmoid);
        header.constant("INDEX", self.shape.index);
        header.constant("FIRST", format!("{}u", self.shape.first));
        self.declare_numbers(&mut header);
        self.declare_four(&mut header, INPUT, "input", "x");
        if self.shape.index {
            let (slot, dtype) = (Slot::Input(TARGET), self.dtype(TARGET));
            indices_after(&mut header, slot, "target", dtype, "window.skips.y");
            header.line(
                "fn target_four(item: u32, class_: u32, voxel: u32) -> vec4<f32> { return vec4<f32>(); }",
            );
        } else {
            self.declare_four(&mut header, TARGET, "target", "y");
            header.line("fn target_index(place: u32) -> i32 { return 0; }");
        }
        self.declare_exponentials(&mut header);
        header
    }

    /// `NAME_four(item, class, voxel)`: a class's numbers of four voxels, the last one again where there are fewer.
    fn declare_four(&self, header: &mut Header, i: usize, name: &str, skip: &str) {
        let skip = format!("window.skips.{skip}");
        let loads = if self.whole() { Loads::Quads } else { Loads::Singles };
        floats_after(header, Slot::Input(i), name, self.dtype(i), loads, &skip);
        let start = "let start = (item * window.classes + class_) * window.voxels;";
        let body = if self.whole() {
            format!("return {name}_quad((start + voxel) / 4u);")
        } else {
            let at = |k: u32| format!("{name}_at(start + min(voxel + {k}u, window.voxels - 1u))");
            format!("return vec4({}, {}, {}, {});", at(0), at(1), at(2), at(3))
        };
        header.line(&format!(
            "fn {name}_four(item: u32, class_: u32, voxel: u32) -> vec4<f32> {{
    {start}
    {body}
}}"
        ));
    }

    /// `numbers_at(i)` and `put_numbers(i, numbers)`: a region's numbers in the scratch.
    fn declare_numbers(&self, header: &mut Header) {
        header.write(Slot::Scratch, "scratch", "array<f32>");
        header.constant("SUMS", format!("{}u", self.sums));
        let all = |each: &dyn Fn(u64) -> String, between: &str| {
            (0..self.sums).map(each).collect::<Vec<_>>().join(between)
        };
        let read = all(&|j| format!("scratch[i + {j}u]"), ", ");
        let written = all(&|j| format!("    scratch[i + {j}u] = numbers[{j}];"), "\n");
        header.line(&format!(
            "fn numbers_at(i: u32) -> Sums {{
    return Sums({read});
}}
fn put_numbers(i: u32, numbers: Sums) {{
{written}
}}"
        ));
    }

    /// `add_all_exponentials(item, voxel)`: adds them up, keeps them if there is room, and returns the largest logit.
    fn declare_exponentials(&self, header: &mut Header) {
        if !self.holds {
            header.line(
                "fn add_all_exponentials(item: u32, voxel: u32) -> vec4<f32> {
    var highest = input_four(item, 0u, voxel);
    for (var class_ = 1u; class_ < window.classes; class_++) {
        highest = max(highest, input_four(item, class_, voxel));
    }
    highest = numbers_of(highest);
    for (var class_ = 0u; class_ < window.classes; class_++) {
        add_exponentials(exponentials_below(highest - input_four(item, class_, voxel)));
    }
    return highest;
}",
            );
            return;
        }
        let mut body = String::from("    var highest = input_four(item, 0u, voxel);\n");
        let classes = 0..self.shape.classes;
        for class in classes.clone() {
            header.line(&format!("var<private> held_{class}: vec4<f32>;"));
            body += &format!(
                "    held_{class} = input_four(item, {class}u, voxel);\n    highest = max(highest, held_{class});\n"
            );
        }
        body += "    highest = numbers_of(highest);\n";
        for class in classes {
            body += &format!(
                "    held_{class} = exponentials_below(highest - held_{class});\n    add_exponentials(held_{class});\n"
            );
        }
        header.line(&format!(
            "fn add_all_exponentials(item: u32, voxel: u32) -> vec4<f32> {{\n{body}    return highest;\n}}"
        ));
    }

    /// `NAME(item, voxel, others, labels)`: calls a function for each class.
    fn declare_each(&self, header: &mut Header, name: &str, call: &str) {
        let mut body = String::new();
        if self.holds {
            for class in 0..self.shape.classes {
                let parts = format!("softmax_parts(held_{class}, others)");
                body += &format!("    {call}(item, {class}u, voxel, {parts}, labels);\n");
            }
        } else {
            body += &format!(
                "    for (var class_ = 0u; class_ < window.classes; class_++) {{
        let parts = parts_of(input_four(item, class_, voxel), others);
        {call}(item, class_, voxel, parts, labels);
    }}\n"
            );
        }
        header.line(&format!(
            "fn {name}(item: u32, voxel: u32, others: Others, labels: Labels) {{\n{body}}}"
        ));
    }

    /// `add_classes(item, first, voxel, others, labels)`: adds so many classes to a lane's sums. Each is written out, so
    /// that these are no array that is indexed as the kernel runs.
    fn declare_add_classes(&self, header: &mut Header) {
        let mut body = String::new();
        for k in 0..self.group {
            if self.holds {
                let class = self.shape.first + k;
                let parts = format!("softmax_parts(held_{class}, others)");
                body += &format!("    add_class(item, {class}u, {k}u, voxel, {parts}, labels);\n");
                continue;
            }
            // Past the last class it is that one again.
            body += &format!(
                "    let class_{k} = min(first + {k}u, window.classes - 1u);
    let parts_{k} = parts_of(input_four(item, class_{k}, voxel), others);
    add_class(item, class_{k}, {k}u, voxel, parts_{k}, labels);\n"
            );
        }
        header.line(&format!(
            "fn add_classes(item: u32, first: u32, voxel: u32, others: Others, labels: Labels) {{\n{body}}}"
        ));
    }

    /// What the formula's functions are called by, with their parameters.
    fn declare_calls(&self, header: &mut Header) {
        let last = if self.parameters.is_empty() { "" } else { ", options()" };
        header.line(&format!(
            "fn sums_of(v: Voxel) -> Sums {{
    return sums(v{last});
}}
fn value_of(total: Sums) -> f32 {{
    return value(total{last});
}}
fn factors_of(total: Sums) -> Sums {{
    return factors(total{last});
}}
fn slopes_of(v: Voxel, by: Sums) -> vec2<f32> {{
    return slopes(v, by{last});
}}"
        ));
        let importance =
            if self.shape.joins { format!("importance(own{last})") } else { "1.0".into() };
        header.line(&format!("fn importance_of(own: Sums) -> f32 {{ return {importance}; }}"));
    }

    /// The sums of patches.
    pub(super) fn sums(&self) -> Kernel {
        let mut header = self.of_voxels();
        header.constant("GROUP", format!("{}u", self.group));
        header.constant("NUMBERS", format!("{}u", self.group * self.sums));
        header.constant("PATCH", format!("{}u", self.patch));
        self.declare_add_classes(&mut header);
        self.declare_calls(&mut header);
        let labels = match self.shape.index {
            true => {
                header.write(Slot::Status, "status", "array<atomic<u32>>");
                LABELS
            }
            false => "fn check_labels(item: u32, voxel: u32, labels: Labels) {}",
        };
        let skeleton = include_str!("../../../shaders/regions/kernels/sums.wgsl");
        self.join(header, "sums", &[WINDOW, VOXELS, labels, JOINS, skeleton])
    }

    /// What is kept of the first bad class index.
    pub(super) fn status(&self) -> Kernel {
        let mut header = Header::new();
        let (slot, dtype) = (Slot::Input(TARGET), self.dtype(TARGET));
        indices_after(&mut header, slot, "target", dtype, "window.skips.y");
        header.write(Slot::Status, "status", "array<u32>");
        let label = format!("wgloss {} status", self.resolved.definition.name);
        header.join(label, &[WINDOW, include_str!("../../../shaders/regions/kernels/status.wgsl")])
    }

    /// The sums of patches' sums.
    pub(super) fn folds(&self) -> Kernel {
        let mut header = Header::new();
        self.declare_numbers(&mut header);
        header.constant("NUMBERS", "SUMS");
        header.constant("FOLD", format!("{FOLD}u"));
        self.join(
            header,
            "folds",
            &[JOINS, include_str!("../../../shaders/regions/kernels/folds.wgsl")],
        )
    }

    /// The terms, and the factors of slopes if gradients are wanted.
    pub(super) fn terms(&self) -> Kernel {
        let resolved = self.resolved;
        let mut header = Header::of_loss(&self.parameters);
        self.declare_numbers(&mut header);
        header.constant("JOINS", self.shape.joins);
        self.declare_calls(&mut header);
        let mut weight = "1.0";
        if let Some(i) = self.shape.weight {
            floats(&mut header, Slot::Input(i), "weight", self.dtype(i), Loads::Singles);
            weight = "weight_at(class_)";
        }
        header.line(&format!("fn class_weight(class_: u32) -> f32 {{ return {weight}; }}"));
        let losses: Losses = resolved.losses();
        declare_store_loss(&mut header, losses, "term", ["term", "window.losses + term"]);
        let gradients = !resolved.gradients.is_empty();
        header.constant("GRADIENTS", gradients);
        let mut scale = "0.0".to_string();
        if gradients {
            scale = resolved.upstream.declare(&mut header, resolved.divisor_in_scratch());
            if resolved.upstream == Upstream::Terms {
                header.read(Slot::Upstream, "upstream", "array<f32>");
                scale += " * upstream[term]";
            }
        }
        header.line(&format!("fn term_scale(term: u32) -> f32 {{ return {scale}; }}"));
        self.join(header, "terms", &[include_str!("../../../shaders/regions/kernels/terms.wgsl")])
    }

    /// Some gradients.
    pub(super) fn slopes(&self, gradients: &[usize]) -> Kernel {
        let mut header = self.of_voxels();
        self.declare_calls(&mut header);
        header.constant("BATCH", self.shape.batch);
        self.declare_each(&mut header, "add_classes_to_mean", "add_to_mean");
        self.declare_each(&mut header, "store_classes", "store_class");
        for (i, name, skip) in [(INPUT, "input", "z"), (TARGET, "target", "w")] {
            let wanted = gradients.contains(&i);
            header.constant(&format!("BY_{}", name.to_uppercase()), wanted);
            self.declare_store(&mut header, wanted.then_some(i), name, skip);
        }
        let skeleton = include_str!("../../../shaders/regions/kernels/slopes.wgsl");
        self.join(header, "slopes", &[WINDOW, VOXELS, skeleton])
    }

    /// `store_NAME(item, class, voxel, four)`: puts slopes into a gradient, if it is wanted.
    fn declare_store(&self, header: &mut Header, gradient: Option<usize>, name: &str, skip: &str) {
        let mut body = String::new();
        if let Some(i) = gradient {
            let out = format!("{name}_gradient");
            let dtype = self.resolved.gradient_dtype(i);
            let kind = if self.whole() { Stores::Quads } else { Stores::Singles };
            stores(header, Slot::Gradient(i), &out, dtype, kind);
            body += &format!(
                "\n    let start = (item * window.classes + class_) * window.voxels + window.skips.{skip} + voxel;"
            );
            if self.whole() {
                body += &format!("\n    store_{out}(start / 4u, four);");
            } else {
                for k in 0..4 {
                    body += &format!(
                        "\n    if (voxel + {k}u < window.voxels) {{ store_{out}(start + {k}u, four[{k}]); }}"
                    );
                }
            }
        }
        header.line(&format!(
            "fn store_{name}(item: u32, class_: u32, voxel: u32, four: vec4<f32>) {{{body}\n}}"
        ));
    }
}
