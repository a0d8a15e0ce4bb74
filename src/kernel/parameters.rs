//! A loss's parameters in its kernels.

use super::Header;
use crate::request::Slot;

/// The parameters, with what the kernel knows of them.
///
/// Numbers are read from a uniform, so that another one needs no other kernel. Those that losses
/// treat apart, or that leave nothing to compute, are constants of the kernel instead: 0, 1 and 2, which
/// switch off a cap, are a flag, or make a power a square. A compiler then leaves out the other side,
/// which matters most where both sides of a branch are run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    /// Each member's name and, if the kernel knows it, its value.
    members: Vec<(String, Option<&'static str>)>,
}

impl Parameters {
    /// The members of the shader's `struct Parameters`, which hold these words.
    pub(crate) fn new(shader: &str, words: &[u32]) -> Self {
        let body = shader.split_once("struct Parameters {").map_or("", |(_, after)| after);
        let body = body.split_once('}').map_or("", |(body, _)| body);
        let lines = body.lines().map(|line| line.split("//").next().unwrap_or_default());
        let members = lines.flat_map(|line| line.split(',')).filter_map(|m| m.split_once(':'));
        let known = |((name, kind), &word): ((&str, &str), &u32)| {
            (name.trim().to_string(), constant(kind.trim(), word))
        };
        Self { members: members.zip(words).map(known).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Declares `options()`, and the uniform where it is read.
    pub(super) fn declare(&self, header: &mut Header) {
        if self.is_empty() {
            return;
        }
        if self.members.iter().any(|(_, known)| known.is_none()) {
            header.uniform(Slot::Parameters, "parameters", "Parameters");
        }
        let member = |(name, known): &(String, Option<&str>)| {
            known.map_or(format!("parameters.{name}"), String::from)
        };
        let members: Vec<String> = self.members.iter().map(member).collect();
        header.line(&format!(
            "fn options() -> Parameters {{\n    return Parameters({});\n}}",
            members.join(", ")
        ));
    }
}

fn constant(kind: &str, word: u32) -> Option<&'static str> {
    let place = |numbers: [u32; 3]| numbers.iter().position(|&number| number == word);
    match kind {
        "f32" => Some(["0.0", "1.0", "2.0"][place([0.0f32, 1.0, 2.0].map(f32::to_bits))?]),
        "u32" => Some(["0u", "1u", "2u"][place([0, 1, 2])?]),
        "i32" => Some(["0", "1", "2"][place([0, 1, 2])?]),
        _ => None,
    }
}
