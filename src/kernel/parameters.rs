//! A loss's parameters in its kernels.

use super::{Declared, Header};
use crate::definition::Parameter;
use crate::request::Slot;
use naga::ScalarKind;
use std::borrow::Cow;

/// The parameters, with what the kernel knows of them.
///
/// Numbers are read from a uniform, so that another one needs no other kernel. Those that losses
/// treat apart, or that leave nothing to compute, are constants of the kernel instead: 0, 1 and 2, which
/// switch off a cap, are a flag, or make a power a square, and the choices, each of which is another
/// formula. A compiler then leaves out the other side, which matters most where both sides of a branch
/// are run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    members: Vec<Member>,
}

/// A member of the shader's `Parameters`.
#[derive(Clone, Debug)]
struct Member {
    name: &'static str,
    /// What the uniform has there.
    word: u32,
    /// The value, if the kernel knows it.
    known: Option<Cow<'static, str>>,
}

impl Parameters {
    /// The members of the formula's `Parameters`, each with the value of its name.
    ///
    /// # Panics
    /// If there is none: a test goes through the catalogue.
    pub(crate) fn new(formula: &'static Declared, values: &[(&'static str, Parameter)]) -> Self {
        let member = |(name, kind): &'static (String, ScalarKind)| {
            let value = values.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
            let word = value.and_then(|value| word(*kind, value));
            let word = word.unwrap_or_else(|| panic!("no value for a parameter {name}: {kind:?}"));
            let known = match value {
                Some(Parameter::Choice(place)) => Some(format!("{place}u").into()),
                _ if word == 0 && !formula.knows_zero => None,
                _ => constant(*kind, word).map(Cow::Borrowed),
            };
            Member { name, word, known }
        };
        Self { members: formula.parameters.iter().map(member).collect() }
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
        let value = |member: &Member| match &member.known {
            Some(constant) => constant.to_string(),
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
fn word(kind: ScalarKind, value: Parameter) -> Option<u32> {
    match (kind, value) {
        (ScalarKind::Float, Parameter::Number(x)) => Some(x.to_bits()),
        (ScalarKind::Sint, Parameter::Integer(x)) => {
            Some(i32::try_from(x).unwrap_or(i32::MAX) as u32)
        }
        (ScalarKind::Uint, Parameter::Integer(x)) => Some(u32::try_from(x).unwrap_or(u32::MAX)),
        (ScalarKind::Uint, Parameter::Flag(x)) => Some(x.into()),
        (ScalarKind::Uint, Parameter::Choice(x)) => Some(x),
        _ => None,
    }
}

fn constant(kind: ScalarKind, word: u32) -> Option<&'static str> {
    let place = |numbers: [u32; 3]| numbers.iter().position(|&number| number == word);
    match kind {
        ScalarKind::Float => {
            Some(["0.0", "1.0", "2.0"][place([0.0f32, 1.0, 2.0].map(f32::to_bits))?])
        }
        ScalarKind::Uint => Some(["0u", "1u", "2u"][place([0, 1, 2])?]),
        ScalarKind::Sint => Some(["0", "1", "2"][place([0, 1, 2])?]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::catalogue;

    #[test]
    fn every_parameter_of_the_catalogue_has_a_value() {
        for loss in catalogue() {
            let formula = Declared::of(loss.definition().shader);
            let parameters = Parameters::new(formula, &loss.parameters());
            assert_eq!(parameters.len(), formula.parameters.len(), "{}", loss.definition().name);
        }
    }

    #[test]
    fn values_are_words_of_their_members() {
        use ScalarKind::{Float, Sint, Uint};
        assert_eq!(word(Float, Parameter::Number(1.0)), Some(0x3f80_0000));
        assert_eq!(word(Sint, Parameter::Integer(-1)), Some(u32::MAX));
        assert_eq!(word(Uint, Parameter::Integer(-1)), Some(u32::MAX));
        assert_eq!(word(Uint, Parameter::Flag(true)), Some(1));
        assert_eq!(word(Uint, Parameter::Choice(2)), Some(2));
        assert_eq!(word(Float, Parameter::Integer(1)), None);
    }
}
