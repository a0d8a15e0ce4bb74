//! A loss's parameters in its kernels.

use super::Header;
use crate::definition::Parameter;
use crate::request::Slot;

/// The parameters, with what the kernel knows of them.
///
/// Numbers are read from a uniform, so that another one needs no other kernel. Those that losses
/// treat apart, or that leave nothing to compute, are constants of the kernel instead: 0, 1 and 2, which
/// switch off a cap, are a flag, or make a power a square. A compiler then leaves out the other side,
/// which matters most where both sides of a branch are run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    members: Vec<Member>,
}

/// A member of the shader's `Parameters`.
#[derive(Clone, Debug)]
struct Member {
    name: String,
    /// What the uniform has there.
    word: u32,
    /// The value, if the kernel knows it.
    known: Option<&'static str>,
}

impl Parameters {
    /// The members of the shader's `struct Parameters`, each with the value of its name.
    pub(crate) fn new(shader: &str, values: &[(&'static str, Parameter)]) -> Self {
        let body = shader.split_once("struct Parameters {").map_or("", |(_, after)| after);
        let body = body.split_once('}').map_or("", |(body, _)| body);
        let lines = body.lines().map(|line| line.split("//").next().unwrap_or_default());
        let members = lines.flat_map(|line| line.split(',')).filter_map(|m| m.split_once(':'));
        let member = |(name, kind): (&str, &str)| {
            let (name, kind) = (name.trim(), kind.trim());
            let value = values.iter().find(|(known, _)| *known == name);
            let word = value.and_then(|(_, value)| word(kind, *value));
            let word = word.unwrap_or_else(|| panic!("no value for a parameter {name}: {kind}"));
            Member { name: name.into(), word, known: constant(kind, word) }
        };
        Self { members: members.map(member).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The words of the uniform.
    pub(crate) fn words(&self) -> Vec<u32> {
        self.members.iter().map(|member| member.word).collect()
    }

    /// Declares `options()`, and the uniform where it is read.
    pub(super) fn declare(&self, header: &mut Header) {
        if self.is_empty() {
            return;
        }
        if self.members.iter().any(|member| member.known.is_none()) {
            header.uniform(Slot::Parameters, "parameters", "Parameters");
        }
        let value = |member: &Member| match member.known {
            Some(constant) => constant.into(),
            None => format!("parameters.{}", member.name),
        };
        let values: Vec<String> = self.members.iter().map(value).collect();
        header.line(&format!(
            "fn options() -> Parameters {{\n    return Parameters({});\n}}",
            values.join(", ")
        ));
    }
}

/// A value as a member of this type has it. An integer that does not fit becomes the largest one: what
/// that would mean, a loss has refused before.
#[expect(clippy::cast_sign_loss, reason = "the bits of a signed number are meant")]
fn word(kind: &str, value: Parameter) -> Option<u32> {
    match (kind, value) {
        ("f32", Parameter::Number(x)) => Some(x.to_bits()),
        ("i32", Parameter::Integer(x)) => Some(i32::try_from(x).unwrap_or(i32::MAX) as u32),
        ("u32", Parameter::Integer(x)) => Some(u32::try_from(x).unwrap_or(u32::MAX)),
        ("u32", Parameter::Flag(x)) => Some(x.into()),
        ("u32", Parameter::Choice(x)) => Some(x),
        _ => None,
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
