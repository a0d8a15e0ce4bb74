//! The kernel of pairs of sequences.

use super::super::problem::CONSTANTS;
use super::super::sequences::PairsSpec;
use super::{JOINS, Spec, declare_row_scale};
use crate::families::rows::kernel::ROW;
use crate::kernel::storage::{Loads, floats};
use crate::kernel::{Header, Kernel, NUMERIC, declare_store_loss};
use crate::request::{Losses, Slot};
use crate::tensor::DType;

impl Spec {
    /// What pairs of sequences come to, and with it what the slopes of their rows are multiplied by.
    pub(in crate::families::products) fn pairs(
        &self,
        of: &PairsSpec,
        losses: Losses,
        gradients: bool,
    ) -> Kernel {
        let mut header = Header::of_loss(&of.parameters);
        header.constant("STATISTICS", format!("{}u", self.statistics()));
        header.constant("MEAN", of.mean);
        header.constant("VALUES", losses != Losses::Nowhere);
        header.constant("GRADIENTS", gradients);
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let mut call = String::from("chosen, rejected");
        for i in CONSTANTS..self.definition.inputs.len() {
            let name = self.definition.inputs[i].name;
            let dtype = self.inputs[i].unwrap_or(DType::F32);
            floats(&mut header, Slot::Input(i), name, dtype, Loads::Singles);
            call += &format!(", {name}_at(pair)");
        }
        if !of.parameters.is_empty() {
            call += ", options()";
        }
        header.line(&format!(
            "fn loss_of(pair: u32, chosen: f32, rejected: f32) -> f32 {{
    return value({call});
}}
fn slopes_of(pair: u32, chosen: f32, rejected: f32) -> vec2<f32> {{
    return gradient({call}).xy;
}}"
        ));
        declare_store_loss(&mut header, losses, "pair", ["pair", "window.losses + pair"]);
        declare_row_scale(&mut header, gradients, self.upstream, self.scratch_divisor);
        let sequences = include_str!("../../../../shaders/products/sequences.wgsl");
        let label = format!("wgloss {} pairs", self.definition.name);
        header.join(label, &[NUMERIC, ROW, JOINS, sequences, of.definition.shader.text])
    }
}
