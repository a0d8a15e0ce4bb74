//! Kernels on devices that bind few storage buffers at once: tensors that are only read are copied
//! into the scratch, and read there.

use super::{Binding, Header, Kernel, Use, uniform};
use crate::request::Slot;

/// What the scratch is where words can be read in it.
const SCRATCH: &str = "array<f32>";

uniform! {
    /// The window of `pack.wgsl`.
    pub(crate) struct PackWindow {
        count: u32,
        destination: u32,
        width: u32,
    }
}

/// Copies the words of a tensor into the scratch.
pub(crate) fn pack(slot: Slot) -> Kernel {
    let mut header = Header::new();
    header.read(slot, "words", "array<u32>");
    header.write(Slot::Scratch, "scratch", "array<u32>");
    header.join("wgloss copy".into(), &[include_str!("../../shaders/pack.wgsl")])
}

impl Kernel {
    /// The slots of tensors that nothing writes meanwhile and that could be read in the scratch.
    pub(crate) fn packable(&self) -> impl Iterator<Item = Slot> {
        let scratch = self.binding(Slot::Scratch).is_none_or(|own| own.kind == SCRATCH);
        let read = self.bindings.iter().filter(move |own| scratch && own.used == Use::Read);
        read.map(|binding| binding.slot)
            .filter(|slot| !matches!(slot, Slot::Staging(_) | Slot::Table))
    }

    /// The same kernel, which reads a slot's words in the scratch from `place` on.
    pub(crate) fn packed(mut self, slot: Slot, place: u64) -> Self {
        let Some(at) = self.bindings.iter().position(|binding| binding.slot == slot) else {
            return self;
        };
        let Binding { name, kind, .. } = self.bindings.remove(at);
        if self.binding(Slot::Scratch).is_none() {
            let (name, kind) = ("scratch".into(), SCRATCH.into());
            self.bindings.push(Binding { slot: Slot::Scratch, used: Use::Write, name, kind });
        }
        let element = kind.strip_prefix("array<").and_then(|kind| kind.strip_suffix('>'));
        let (element, words) = match element.unwrap_or(&kind) {
            element if element.starts_with("vec4") => (element, 4),
            element if element.starts_with("vec2") => (element, 2),
            element => (element, 1),
        };
        let word = |k: u32| format!("scratch[{place}u + {words}u * i + {k}u]");
        let read: Vec<String> = match element.contains("u32") {
            true => (0..words).map(|k| format!("bitcast<u32>({})", word(k))).collect(),
            false => (0..words).map(word).collect(),
        };
        let function = format!("read_{name}");
        let body = with_calls(&self.body, &name, &function);
        self.body = format!(
            "fn {function}(i: u32) -> {element} {{\n    return {element}({});\n}}\n{body}",
            read.join(", ")
        );
        self
    }
}

/// The text with `name[i]` replaced by `function(i)`.
fn with_calls(text: &str, name: &str, function: &str) -> String {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let indexed = format!("{name}[");
    let (mut result, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(&indexed) {
        result += before;
        if result.ends_with(in_name) {
            result += &indexed;
            rest = after;
            continue;
        }
        let mut depth = 1;
        let end = after.find(|c| {
            depth += i32::from(c == '[') - i32::from(c == ']');
            depth == 0
        });
        let (index, after) = after.split_at(end.unwrap_or(after.len()));
        result += &format!("{function}({})", with_calls(index, name, function));
        rest = after.strip_prefix(']').unwrap_or(after);
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_is_read_in_the_scratch() {
        let mut header = Header::default();
        header.read(Slot::Input(0), "input_data", "array<vec4<f32>>");
        header.read(Slot::Input(1), "target_data", "array<u32>");
        header.write(Slot::Gradient(0), "gradient_out", "array<f32>");
        let body = "gradient_out[i] = input_data[target_data[i >> 1u]].x + other_target_data[0];";
        let kernel = header.join("test".into(), &[body]);
        let slots = [Slot::Input(0), Slot::Input(1)];
        assert_eq!(kernel.packable().collect::<Vec<_>>(), slots);
        let kernel = kernel.packed(Slot::Input(1), 8);
        assert_eq!(kernel.storage_buffers(), 3);
        let text = kernel.packed(Slot::Input(0), 16).text();
        let want = "@group(0) @binding(0) var<storage, read_write> gradient_out: array<f32>;
@group(0) @binding(1) var<storage, read_write> scratch: array<f32>;
fn read_input_data(i: u32) -> vec4<f32> {
    return vec4<f32>(scratch[16u + 4u * i + 0u], scratch[16u + 4u * i + 1u], scratch[16u + 4u * i + 2u], scratch[16u + 4u * i + 3u]);
}
fn read_target_data(i: u32) -> u32 {
    return u32(bitcast<u32>(scratch[8u + 1u * i + 0u]));
}

gradient_out[i] = read_input_data(read_target_data(i >> 1u)).x + other_target_data[0];";
        assert_eq!(text, want);
    }
}
