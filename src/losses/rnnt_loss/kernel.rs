//! The headers of the transducer's kernels.

use super::DEFINITION;
use super::shape::Shape;
use crate::kernel::storage::{Loads, Stores, floats, indices, stores};
use crate::kernel::{
    CHECK_LABELS, Header, Kernel, LABELS, NOTE_LABELS, NUMERIC, Parameters, declare_store_loss,
};
use crate::request::{Losses, Resolved, Slot, Upstream};

/// The lengths of the sequences, for the context of the shader.
pub(super) const CONTEXT: &str = "var<private> scratch: array<f32, 1>;
fn logit_lengths_index(i: u32) -> i32 { return 0; }
fn target_lengths_index(i: u32) -> i32 { return 0; }";

/// The lanes of a workgroup over nodes.
const LANES: usize = 64;

/// What the kernels are made for.
#[derive(Debug)]
pub(super) struct Spec<'a> {
    pub(super) parameters: Parameters,
    pub(super) resolved: &'a Resolved,
    pub(super) shape: Shape,
    pub(super) losses: Losses,
    /// The most lanes of a recursion.
    pub(super) most_threads: usize,
}

impl Spec<'_> {
    /// Checks the labels.
    pub(super) fn targets(&self) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        self.declare_targets(&mut header);
        self.declare_lengths(&mut header);
        header.write(Slot::Status, "status", "array<atomic<u32>>");
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let own = include_str!("../../../shaders/own/rnnt_loss/targets.wgsl");
        join(header, "targets", &[LABELS, CHECK_LABELS, own])
    }

    /// The log-softmax of each node.
    pub(super) fn nodes(&self) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        self.declare_logits(&mut header);
        self.declare_targets(&mut header);
        self.declare_lengths(&mut header);
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.declare_threads(&mut header);
        let own = include_str!("../../../shaders/own/rnnt_loss/nodes.wgsl");
        join(header, "nodes", &[LABELS, own])
    }

    /// Alpha, and with `keeps` beta too, both kept for each node.
    pub(super) fn recursion(&self, keeps: bool) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        self.declare_targets(&mut header);
        self.declare_lengths(&mut header);
        header.write(Slot::Status, "status", "array<u32>");
        header.write(Slot::Scratch, "scratch", "array<f32>");
        header.constant("THREADS", format!("{}u", self.threads()));
        header.constant("COLUMNS", format!("{}u", self.columns()));
        header.constant("DIRECTIONS", if keeps { "2u" } else { "1u" });
        header.constant("KEEPS", keeps);
        let places = ["n", "window.losses + n"];
        declare_store_loss(&mut header, self.losses, "n", places);
        let own = include_str!("../../../shaders/own/rnnt_loss/recursion.wgsl");
        join(header, "recursion", &[LABELS, NOTE_LABELS, own])
    }

    /// The gradient of each node.
    pub(super) fn gradient(&self) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        self.declare_logits(&mut header);
        self.declare_targets(&mut header);
        // The sequences' records take the place of their lengths.
        header.line("fn logit_lengths_index(i: u32) -> i32 { return 0; }");
        header.line("fn target_lengths_index(i: u32) -> i32 { return 0; }");
        header.write(Slot::Scratch, "scratch", "array<f32>");
        self.declare_threads(&mut header);
        let kind = if self.whole_quads() { Stores::Quads } else { Stores::Singles };
        stores(&mut header, Slot::Gradient(0), "gradient", self.resolved.gradient_dtype(0), kind);
        header.line(&if self.whole_quads() {
            "fn store_four(start: u32, quad: u32, four: vec4<f32>) {
    store_gradient(start / 4u + quad, four);
}"
            .to_string()
        } else {
            let store = |k: usize, name: &str| {
                format!(
                    "    if (4u * quad + {k}u < window.classes) {{ store_gradient(i + {k}u, four.{name}); }}\n"
                )
            };
            let stores: String = ["x", "y", "z", "w"]
                .iter()
                .enumerate()
                .map(|(k, name)| store(k, name))
                .collect();
            format!(
                "fn store_four(start: u32, quad: u32, four: vec4<f32>) {{
    let i = start + 4u * quad;\n{stores}}}"
            )
        });
        let mut scale =
            self.resolved.upstream.declare(&mut header, self.resolved.divisor_in_scratch());
        if self.resolved.upstream == Upstream::Terms {
            header.read(Slot::Upstream, "upstream", "array<f32>");
            scale += " * upstream[n]";
        }
        header.line(&format!("fn row_scale(n: u32) -> f32 {{ return {scale}; }}"));
        join(header, "gradient", &[include_str!("../../../shaders/own/rnnt_loss/gradient.wgsl")])
    }

    /// The lanes of a recursion: one for a column, where there are not too many.
    pub(super) fn threads(&self) -> usize {
        self.shape.columns.next_power_of_two().clamp(8, self.most_threads)
    }

    /// The most columns of a lane.
    pub(super) fn columns(&self) -> usize {
        self.shape.longest() / self.threads() + 1
    }

    /// The lanes of a node.
    pub(super) fn node_threads(&self) -> usize {
        (self.shape.classes / 16).next_power_of_two().clamp(1, LANES)
    }

    /// The nodes that share a workgroup.
    pub(super) fn nodes_of_a_group(&self) -> usize {
        LANES / self.node_threads()
    }

    /// Whether each node's classes are whole quads.
    fn whole_quads(&self) -> bool {
        self.shape.classes.is_multiple_of(4)
    }

    fn declare_threads(&self, header: &mut Header) {
        header.constant("THREADS", format!("{}u", self.node_threads()));
        header.constant("NODES", format!("{}u", self.nodes_of_a_group()));
    }

    /// `logit_at(i)`, and `logits_four(start, quad)`: four of a node's logits, with -inf past the last.
    fn declare_logits(&self, header: &mut Header) {
        let Some(kind) = &self.resolved.inputs[0] else { return };
        if self.whole_quads() {
            floats(header, Slot::Input(0), "logits", kind.dtype, Loads::Quads);
            header.line(
                "fn logit_at(i: u32) -> f32 {
    return logits_quad(i / 4u)[i % 4u];
}
fn logits_four(start: u32, quad: u32) -> vec4<f32> {
    return logits_quad(start / 4u + quad);
}",
            );
            return;
        }
        floats(header, Slot::Input(0), "logits", kind.dtype, Loads::Singles);
        header.line(
            "fn logit_at(i: u32) -> f32 {
    return logits_at(i);
}
fn logits_four(start: u32, quad: u32) -> vec4<f32> {
    let first = 4u * quad;
    let last = window.classes - 1u;
    let own = vec4(first, first + 1u, first + 2u, first + 3u);
    let near = min(own, vec4(last));
    let four = vec4(
        logits_at(start + near.x), logits_at(start + near.y),
        logits_at(start + near.z), logits_at(start + near.w));
    return select(vec4(-infinity()), four, own <= vec4(last));
}",
        );
    }

    fn declare_targets(&self, header: &mut Header) {
        match &self.resolved.inputs[1] {
            Some(kind) if self.shape.longest() > 0 => {
                indices(header, Slot::Input(1), "targets", kind.dtype);
            }
            // There is no element to bind, and none is read.
            _ => {
                header.line("fn targets_index(i: u32) -> i32 { return -1; }");
                header.line("fn targets_words(i: u32) -> vec2<u32> { return vec2(0u); }");
            }
        }
    }

    fn declare_lengths(&self, header: &mut Header) {
        for (i, name) in [(2, "logit_lengths"), (3, "target_lengths")] {
            let Some(kind) = &self.resolved.inputs[i] else { continue };
            indices(header, Slot::Input(i), name, kind.dtype);
        }
    }
}

fn join(header: Header, what: &str, kernel: &[&str]) -> Kernel {
    let label = format!("wgloss {} {what}", DEFINITION.name);
    header.join(label, &[&[NUMERIC, DEFINITION.shader.text], kernel].concat())
}
