//! Kernels whose buffers are both read and written.

use super::{Kernel, Use};
use crate::request::Slot;

/// The constant that tells a skeleton that gradients are written where inputs are read.
pub(crate) const IN_PLACE: &str = "IN_PLACE";

impl Kernel {
    /// Whether the gradient of an input, if it is written here, could be written over the input.
    pub(crate) fn fits_in_place(&self, input: usize) -> bool {
        let read = self.binding(Slot::Input(input)).map(|binding| &binding.kind);
        self.binding(Slot::Gradient(input)).is_none_or(|written| read == Some(&written.kind))
    }

    /// The same kernel for inputs and outputs in one buffer. Every storage binding but that of tables, which lie
    /// among the uniforms, is writable, as wgpu demands, and the gradients of the inputs `in_place` are written through the inputs'
    /// own bindings, as WebGPU allows no others there.
    pub(crate) fn shared(mut self, in_place: &[usize]) -> Self {
        for binding in &mut self.bindings {
            if binding.used == Use::Read && binding.slot != Slot::Table {
                binding.used = Use::Write;
            }
        }
        for &input in in_place {
            let pair = (self.binding(Slot::Input(input)), self.binding(Slot::Gradient(input)));
            let (Some(read), Some(written)) = pair else { continue };
            let constant = |value| format!("const {IN_PLACE} = {value};");
            self.body = renamed(&self.body, &written.name, &read.name)
                .replace(&constant(false), &constant(true));
            self.bindings.retain(|binding| binding.slot != Slot::Gradient(input));
        }
        self
    }
}

/// The text with a name replaced wherever it stands as a whole.
fn renamed(text: &str, old: &str, new: &str) -> String {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (mut result, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(old) {
        result += before;
        let whole = !result.ends_with(in_name) && !after.starts_with(in_name);
        result += if whole { new } else { old };
        rest = after;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::*;

    fn kernel(gradient: &str) -> Kernel {
        let mut header = Header::default();
        header.read(Slot::Input(0), "weight_data", "array<f32>");
        header.read(Slot::Input(1), "pos_weight_data", "array<f32>");
        header.write(Slot::Gradient(0), "weight_gradient_out", gradient);
        header.write(Slot::Gradient(1), "pos_weight_gradient_out", "array<f32>");
        header.constant(IN_PLACE, false);
        let body = "weight_gradient_out[0] = pos_weight_gradient_out[1];";
        header.join("test".into(), &[body])
    }

    #[test]
    fn a_gradient_takes_its_inputs_binding() {
        let text = kernel("array<f32>").shared(&[0]).text();
        let want = "@group(0) @binding(0) var<storage, read_write> weight_data: array<f32>;
@group(0) @binding(1) var<storage, read_write> pos_weight_data: array<f32>;
@group(0) @binding(2) var<storage, read_write> pos_weight_gradient_out: array<f32>;
const IN_PLACE = true;

weight_data[0] = pos_weight_gradient_out[1];";
        assert_eq!(text, want);
        assert!(kernel("array<f32>").shared(&[]).text().contains("const IN_PLACE = false;"));
    }

    #[test]
    fn only_the_same_elements_fit() {
        assert!(kernel("array<f32>").fits_in_place(0));
        assert!(!kernel("array<vec4<f32>>").fits_in_place(0));
        assert!(kernel("array<f32>").fits_in_place(2), "it is not written");
    }

    /// llvmpipe runs a workgroup's lanes in an order that needs no barrier: no result tells.
    #[test]
    fn rows_wait_before_they_are_overwritten() {
        let rows = include_str!("../../shaders/rows.wgsl");
        let main = rows.split("fn main(").nth(1).expect("an entry point");
        let reads = main.rfind("row_sums(").expect("the last reads");
        let barrier = main.find("storageBarrier();").expect("a barrier");
        let writes = main.find("store_part_gradients(").expect("the writes");
        assert!(reads < barrier && barrier < writes);
    }
}
