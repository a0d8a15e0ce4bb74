//! Tables: constant arrays that are read at a computed index. Drivers take seconds to compile one of
//! a hundred numbers, so that they are read from a buffer.

use super::body::Body;
use super::term::Term;
use crate::custom::refusal::Refusal;
use naga::{Arena, Expression, Handle, Literal, Scalar, TypeInner};

/// Shorter arrays are left as they are.
const SHORTEST: usize = 8;

/// Longer arrays of parameters are read by an index only.
const MOST_WHOLE: usize = 64;

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
        if let Some(place) = self.parameter_array(base) {
            let function = self.writer.parameter_table(place);
            let index = self.table_index(index)?;
            return Ok(Some(self.terms.call(function, vec![index])));
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
        let index = self.table_index(index)?;
        Ok(Some(self.terms.call(function, vec![index])))
    }

    fn table_index(&mut self, index: Handle<Expression>) -> Result<Term, Refusal> {
        let is_signed = *self.inner(index) == TypeInner::Scalar(Scalar::I32);
        let index = self.value(index)?;
        if !is_signed {
            return Ok(index);
        }
        // One below 0 is past the last one, as of every array; a constant one would be an error.
        let index = if self.terms.is_constant(index) { self.kept(index, "index") } else { index };
        Ok(self.terms.call("u32", vec![index]))
    }

    /// The place among the parameters of an array of them, where it is read from a buffer.
    pub(super) fn parameter_array(&self, array: Handle<Expression>) -> Option<usize> {
        let Expression::AccessIndex { base, index } = self.function.expressions[array] else {
            return None;
        };
        let place = index as usize;
        let parameter = self.writer.source.parameters.get(place)?;
        (self.is_parameters(base) && parameter.count.is_some()).then_some(place)
    }

    /// Whether these are the parameters, of which arrays are read from a buffer.
    pub(super) fn is_parameters(&self, handle: Handle<Expression>) -> bool {
        let module = &self.writer.source.module;
        let all = self.writer.source.parameters_type.filter(|_| self.writer.limited);
        all.is_some_and(|ty| std::ptr::eq(self.inner(handle), &raw const module.types[ty].inner))
    }

    /// An element of an array of parameters by a constant index, if it is one.
    pub(super) fn parameter_element(
        &mut self,
        base: Handle<Expression>,
        index: u32,
    ) -> Option<Term> {
        let function =
            self.parameter_array(base).map(|place| self.writer.parameter_table(place))?;
        let index = self.terms.literal(format!("{index}u"));
        Some(self.terms.call(function, vec![index]))
    }

    /// The whole array of parameters at a place.
    pub(super) fn whole_parameters(
        &mut self,
        handle: Handle<Expression>,
        place: usize,
    ) -> Result<Term, Refusal> {
        let parameter = &self.writer.source.parameters[place];
        let count = parameter.count.unwrap_or_default();
        if count > MOST_WHOLE {
            let reason = format!(
                "{} has {count} numbers: read them by an index, as only up to {MOST_WHOLE} can be \
                 taken at once",
                parameter.name
            );
            return Err(self.refused(handle, reason));
        }
        let (kind, function) = (self.type_of(handle)?, self.writer.parameter_table(place));
        let mut elements = Vec::new();
        for i in 0..count {
            let index = self.terms.literal(format!("{i}u"));
            elements.push(self.terms.call(function.clone(), vec![index]));
        }
        Ok(self.terms.call(kind, elements))
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
