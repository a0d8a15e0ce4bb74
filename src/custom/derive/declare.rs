//! Declarations at the head of a function: its arguments and its local variables.

use super::body::{Body, Returns};
use super::dual::{Directions, Dual, each};
use super::term::{Term, Terms};
use crate::custom::refusal::Refusal;
use naga::{ArraySize, FunctionArgument, Handle, Scalar, Type, TypeInner};
use std::collections::HashMap;

impl Body<'_, '_> {
    /// Declares the arguments, of which some have slopes in some directions, and returns their text.
    pub(super) fn declare_arguments(&mut self, active: &[Directions]) -> Result<String, Refusal> {
        let entry = !matches!(self.returns, Returns::Dual(_));
        let source = self.writer.source;
        let span = source.module.functions.get_span(self.handle);
        let mut texts = Vec::new();
        let mut named = Vec::new();
        for (i, argument) in self.function.arguments.iter().enumerate() {
            if self.writer.is_left_out(argument.ty) {
                // Nothing reads it.
                self.arguments.push(Dual::constant(self.terms.number(0.0)));
                continue;
            }
            let kind = self.writer.type_name(argument.ty, span)?;
            let name = self.unique(argument.name.as_deref().unwrap_or("argument"));
            texts.push(format!("{name}: {kind}"));
            self.arguments.push(Dual::constant(self.terms.name(name.clone())));
            named.push((i, name, kind));
        }
        // A loss's parameters stay the last.
        let is_last = |argument: &FunctionArgument| {
            source.parameters_type == Some(argument.ty) && !self.writer.is_left_out(argument.ty)
        };
        let parameters = self.function.arguments.last().is_some_and(is_last) && entry;
        let rest = texts.split_off(texts.len().saturating_sub(parameters.into()));
        for (i, name, kind) in named {
            for k in each(active[i]) {
                self.arguments[i].slopes[k] = Some(if entry && !self.writer.is_along {
                    let place = self.place_along(i, k);
                    self.along(self.function.arguments[i].ty, &mut Some(place))?
                } else {
                    let slope = self.slope_name(&name, k);
                    texts.push(format!("{slope}: {kind}"));
                    self.terms.name(slope)
                });
            }
        }
        texts.extend(rest);
        Ok(texts.join(", "))
    }

    /// Which of an argument's scalars a direction is that of.
    fn place_along(&self, argument: usize, direction: usize) -> usize {
        let source = self.writer.source;
        match &source.rows {
            Some(rows) => rows.place_along(direction),
            None => direction - source.directions(argument).start,
        }
    }

    /// The slope of a value by one of its scalars: so many are before that.
    fn along(&mut self, ty: Handle<Type>, place: &mut Option<usize>) -> Result<Term, Refusal> {
        let types = &self.writer.source.module.types;
        let mut next = |terms: &mut Terms| {
            let is_own = *place == Some(0);
            *place = place.and_then(|place| place.checked_sub(1));
            terms.number(if is_own { 1.0 } else { 0.0 })
        };
        match &types[ty].inner {
            TypeInner::Vector { size, scalar: Scalar::F32 } => {
                let slopes = (0..*size as u8).map(|_| next(&mut self.terms)).collect();
                Ok(self.terms.call(format!("vec{}<f32>", *size as u8), slopes))
            }
            TypeInner::Scalar(Scalar::F32) => Ok(next(&mut self.terms)),
            TypeInner::Struct { members, .. } => {
                let mut all = Vec::new();
                for member in members {
                    all.push(self.along(member.ty, place)?);
                }
                let name = self.writer.type_name(ty, types.get_span(ty))?;
                Ok(self.terms.call(name, all))
            }
            TypeInner::Array { base, size: ArraySize::Constant(count), .. } => {
                let mut all = Vec::new();
                for _ in 0..count.get() {
                    all.push(self.along(*base, place)?);
                }
                let name = self.writer.type_name(ty, types.get_span(ty))?;
                Ok(self.terms.call(name, all))
            }
            _ => {
                next(&mut self.terms);
                let name = self.writer.type_name(ty, types.get_span(ty))?;
                Ok(self.terms.call(name, Vec::new()))
            }
        }
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
