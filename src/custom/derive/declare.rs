//! Declarations at the head of a function: its arguments and its local variables.

use super::body::{Body, Returns};
use super::dual::{Directions, Dual, each};
use super::term::Term;
use super::types::size_of;
use crate::custom::refusal::Refusal;
use std::collections::HashMap;

impl Body<'_, '_> {
    /// Declares the arguments, of which some have slopes in some directions, and returns their text.
    pub(super) fn declare_arguments(&mut self, active: &[Directions]) -> Result<String, Refusal> {
        let entry = !matches!(self.returns, Returns::Dual(_));
        let mut texts = Vec::new();
        let mut slope_texts = Vec::new();
        let function = self.function;
        let span = self.writer.source.module.functions.get_span(self.handle);
        for (i, argument) in function.arguments.iter().enumerate() {
            if self.writer.is_left_out(argument.ty) {
                // Nothing reads it.
                self.arguments.push(Dual::constant(self.terms.number(0.0)));
                continue;
            }
            let kind = self.writer.type_name(argument.ty, span)?;
            let name = self.unique(argument.name.as_deref().unwrap_or("argument"));
            texts.push(format!("{name}: {kind}"));
            let mut dual = Dual::constant(self.terms.name(name.clone()));
            let size = size_of(&self.writer.source.module.types[argument.ty].inner);
            for k in each(active[i]) {
                dual.slopes[k] = Some(if entry {
                    self.along(size, k - self.writer.source.first_direction(self.handle, i))
                } else {
                    let slope = self.slope_name(&name, k);
                    slope_texts.push(format!("{slope}: {kind}"));
                    self.terms.name(slope)
                });
            }
            self.arguments.push(dual);
        }
        texts.extend(slope_texts);
        Ok(texts.join(", "))
    }

    /// The slope of a number by itself, or of a vector by one of its numbers.
    fn along(&mut self, size: Option<usize>, number: usize) -> Term {
        let Some(size) = size else { return self.terms.number(1.0) };
        let slope = |i: usize| self.terms.number(if i == number { 1.0 } else { 0.0 });
        let slopes = (0..size).map(slope).collect();
        self.terms.call(format!("vec{size}<f32>"), slopes)
    }

    /// Declares the local variables before everything else.
    pub(super) fn declare_locals(&mut self) -> Result<(), Refusal> {
        let body = std::mem::take(&mut self.lines);
        let function = self.function;
        for (handle, local) in function.local_variables.iter() {
            let Some(names) = self.locals.get(&handle).cloned() else { continue };
            let span = function.local_variables.get_span(handle);
            let kind = self.writer.type_name(local.ty, span)?;
            let start = match local.init {
                Some(init) => {
                    let value = self.dual(init)?.value;
                    Some(self.terms.text(value, &HashMap::new()))
                }
                None => None,
            };
            self.lines.variable(&names.name, &kind, start.as_deref());
            for slope in names.slopes.into_iter().flatten() {
                self.lines.variable(&slope, &kind, None);
            }
        }
        self.lines.append(body);
        Ok(())
    }
}
