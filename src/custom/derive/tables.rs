//! Tables: constant arrays that are read at a computed index. Drivers take seconds to compile one of
//! a hundred numbers, so that they are read from a buffer.

use super::body::Body;
use super::term::Term;
use crate::custom::refusal::Refusal;
use naga::{Arena, Expression, Handle, Literal, Scalar, TypeInner};

/// Shorter arrays are left as they are.
const SHORTEST: usize = 8;

impl Body<'_, '_> {
    /// What reads an element of a table, if it is one.
    pub(super) fn table_element(
        &mut self,
        base: Handle<Expression>,
        index: Handle<Expression>,
    ) -> Result<Option<Term>, Refusal> {
        if !self.writer.limited {
            return Ok(None);
        }
        let module = &self.writer.source.module;
        let TypeInner::Array { base: element, .. } = *self.inner(base) else { return Ok(None) };
        let kind = match module.types[element].inner {
            TypeInner::Scalar(Scalar::F32) => "f32",
            TypeInner::Scalar(Scalar::I32) => "i32",
            TypeInner::Scalar(Scalar::U32) => "u32",
            _ => return Ok(None),
        };
        let (name, words) = match self.function.expressions[base] {
            Expression::Constant(constant) => {
                let constant = &module.constants[constant];
                let name = constant.name.as_deref().unwrap_or("table");
                (name, words(&module.global_expressions, constant.init))
            }
            _ => ("table", words(&self.function.expressions, base)),
        };
        let Some(words) = words.filter(|words| words.len() >= SHORTEST) else { return Ok(None) };
        let function = self.writer.table_function(name, kind, &words);
        let is_signed = *self.inner(index) == TypeInner::Scalar(Scalar::I32);
        let mut index = self.value(index)?;
        if is_signed {
            // One below 0 is past the last one, as of every array.
            index = self.terms.call("u32", vec![index]);
        }
        Ok(Some(self.terms.call(function, vec![index])))
    }
}

/// The bits of an array of literals.
fn words(expressions: &Arena<Expression>, array: Handle<Expression>) -> Option<Vec<u32>> {
    let Expression::Compose { components, .. } = &expressions[array] else { return None };
    let word = |&component: &Handle<Expression>| match expressions[component] {
        Expression::Literal(Literal::F32(x)) => Some(x.to_bits()),
        Expression::Literal(Literal::I32(x)) => Some(x.cast_unsigned()),
        Expression::Literal(Literal::U32(x)) => Some(x),
        _ => None,
    };
    components.iter().map(word).collect()
}
