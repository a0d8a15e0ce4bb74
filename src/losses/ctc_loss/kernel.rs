//! The headers of CTC's kernels.

use super::DEFINITION;
use super::shape::Shape;
use crate::kernel::storage::{Loads, Stores, floats, indices, stores};
use crate::kernel::{
    CHECK_LABELS, Header, Kernel, LABELS, NOTE_LABELS, NUMERIC, Parameters, declare_store_loss,
};
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::request::{Losses, Slot, Upstream};
use crate::tensor::DType;

/// The lengths of the sequences, for the context of the shader.
pub(super) const LENGTHS: &str = "const INPUT_LENGTHS_STRIDE = 0u;
const TARGET_LENGTHS_STRIDE = 0u;
fn input_lengths_index(i: u32) -> i32 { return 0; }
fn target_lengths_index(i: u32) -> i32 { return 0; }";

/// What the kernels are made for.
#[derive(Debug)]
pub(super) struct Spec<'a> {
    pub(super) parameters: Parameters,
    pub(super) resolved: &'a Resolved,
    pub(super) shape: Shape,
    pub(super) losses: Losses,
    /// The most lanes of a recursion.
    pub(super) most_threads: usize,
    /// How many of a sequence's labels a lane takes before it gets more lanes.
    pub(super) labels_per_lane: usize,
}

impl Spec<'_> {
    /// Checks the labels and, for gradients, links their occurrences.
    pub(super) fn targets(&self, links: bool) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        self.declare_targets(&mut header);
        self.declare_lengths(&mut header);
        header.write(Slot::Status, "status", "array<atomic<u32>>");
        header.write(Slot::Scratch, "scratch", "array<f32>");
        header.constant("LINKS", links);
        let own = include_str!("../../../shaders/own/ctc_loss/targets.wgsl");
        join(header, "targets", &[LABELS, CHECK_LABELS, own])
    }

    /// Alpha, and with `rows` beta too, both kept for each step.
    pub(super) fn recursion(&self, rows: bool) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        self.declare_log_probs(&mut header);
        self.declare_targets(&mut header);
        self.declare_lengths(&mut header);
        self.declare_length_divisor(&mut header);
        header.write(Slot::Status, "status", "array<u32>");
        header.write(Slot::Scratch, "scratch", "array<f32>");
        header.constant("THREADS", format!("{}u", self.threads()));
        header.constant("PAIRS", format!("{}u", self.pairs()));
        header.constant("DIRECTIONS", if rows { "2u" } else { "1u" });
        header.constant("ROWS", rows);
        let places = ["n", "window.losses + n"];
        declare_store_loss(&mut header, self.losses, "n", places);
        let own = include_str!("../../../shaders/own/ctc_loss/recursion.wgsl");
        join(header, "recursion", &[LABELS, NOTE_LABELS, own])
    }

    /// The gradient of each sequence at each step.
    pub(super) fn gradient(&self) -> Kernel {
        let mut header = Header::of_loss(&self.parameters);
        self.declare_log_probs(&mut header);
        self.declare_targets(&mut header);
        self.declare_length_divisor(&mut header);
        // The sequences' records take the place of their lengths.
        header.line("fn input_lengths_index(i: u32) -> i32 { return 0; }");
        header.line("fn target_lengths_index(i: u32) -> i32 { return 0; }");
        header.line("const INPUT_LENGTHS_STRIDE = 0u;\nconst TARGET_LENGTHS_STRIDE = 0u;");
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let (slot, dtype) = self.gradient_place();
        stores(&mut header, slot, "gradient", dtype, Stores::Singles);
        header.constant("THREADS", format!("{}u", self.gradient_threads()));
        header.constant("ROWS", format!("{}u", self.gradient_rows()));
        let mut scale =
            self.resolved.upstream.declare(&mut header, self.resolved.divisor_in_scratch());
        if self.resolved.upstream == Upstream::Terms {
            header.read(Slot::Upstream, "upstream", "array<f32>");
            scale += " * upstream[n]";
        }
        header.line(&format!("fn row_scale(n: u32) -> f32 {{ return {scale}; }}"));
        join(header, "gradient", &[include_str!("../../../shaders/own/ctc_loss/gradient.wgsl")])
    }

    /// Where the gradient goes, and as what: its kernel writes labels' classes twice, so that it cannot add
    /// to what is there.
    pub(super) fn gradient_place(&self) -> (Slot, DType) {
        match self.resolved.accumulate {
            true => (Slot::Staging(0), DType::F32),
            false => (Slot::Gradient(0), self.resolved.gradient_dtype(0)),
        }
    }

    /// The lanes of a recursion: about one for as many labels as the tuning says. Concatenated targets are taken to be of
    /// about equal lengths; a longer one gives its lanes more pairs.
    pub(super) fn threads(&self) -> usize {
        let Shape { longest, .. } = self.shape;
        let most_pairs = (longest + 1).div_ceil(64);
        (self.usual() + 1)
            .div_ceil(self.labels_per_lane)
            .max(most_pairs)
            .next_power_of_two()
            .clamp(8, self.most_threads)
    }

    /// The most pairs of states of a lane.
    pub(super) fn pairs(&self) -> usize {
        self.shape.longest / self.threads() + 1
    }

    /// The lanes of a row of the gradient.
    pub(super) fn gradient_threads(&self) -> usize {
        let widest = (self.shape.classes / 32).max(self.usual() / 8);
        widest.next_power_of_two().clamp(1, 64)
    }

    /// The rows of the gradient that share a workgroup.
    pub(super) fn gradient_rows(&self) -> usize {
        64 / self.gradient_threads()
    }

    fn usual(&self) -> usize {
        let Shape { padded, longest, places, batch, .. } = self.shape;
        if padded { longest } else { places.div_ceil(batch.max(1)).min(longest) }
    }

    fn declare_log_probs(&self, header: &mut Header) {
        match &self.resolved.inputs[0] {
            Some(kind) if self.shape.steps > 0 => {
                floats(header, Slot::Input(0), "log_probs", kind.dtype, Loads::Singles);
            }
            _ => header.line("fn log_probs_at(i: u32) -> f32 { return 0.0; }"),
        }
        header.line("fn log_prob_at(i: u32) -> f32 { return log_probs_at(window.shift + i); }");
    }

    fn declare_targets(&self, header: &mut Header) {
        header.constant("PADDED", self.shape.padded);
        match &self.resolved.inputs[1] {
            Some(kind) if self.shape.places > 0 => {
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
        for (i, name) in [(2, "input_lengths"), (3, "target_lengths")] {
            let Some(kind) = &self.resolved.inputs[i] else { continue };
            indices(header, Slot::Input(i), name, kind.dtype);
            let stride = u32::from(!kind.shape.is_empty());
            header.constant(&format!("{}_STRIDE", name.to_uppercase()), format!("{stride}u"));
        }
    }

    fn declare_length_divisor(&self, header: &mut Header) {
        let mean = self.resolved.reduction == Reduction::Mean;
        let body = if mean { "f32(max(labels, 1u))" } else { "1.0" };
        header.line(&format!("fn length_divisor(labels: u32) -> f32 {{ return {body}; }}"));
    }
}

fn join(header: Header, what: &str, kernel: &[&str]) -> Kernel {
    let label = format!("wgloss {} {what}", DEFINITION.name);
    header.join(label, &[&[NUMERIC, DEFINITION.shader.text], kernel].concat())
}
