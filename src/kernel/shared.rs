//! Kernels whose buffers are both read and written.

use super::{Kernel, Slot, Use};

/// The constant that tells a skeleton that gradients are written where inputs are read.
pub(crate) const IN_PLACE: &str = "IN_PLACE";

impl Kernel {
    /// Whether the gradient of an input, if it is written here, could be written over the input.
    pub(crate) fn fits_in_place(&self, input: usize) -> bool {
        let read = self.binding(Slot::Input(input)).map(|binding| &binding.kind);
        self.binding(Slot::Gradient(input)).is_none_or(|written| read == Some(&written.kind))
    }

    /// The same kernel for inputs and outputs in one buffer. Every storage binding is writable, as
    /// wgpu demands, and the gradients of the inputs `in_place` are written through the inputs'
    /// own bindings, as WebGPU allows no others there.
    pub(crate) fn shared(mut self, in_place: &[usize]) -> Self {
        for binding in self.bindings.iter_mut().filter(|binding| binding.used == Use::Read) {
            binding.used = Use::Write;
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
