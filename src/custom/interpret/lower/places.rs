//! Members and elements, of values and behind pointers; loads and stores.

use naga::{Expression, Handle, Span, Type, TypeInner};

use super::super::instruction::{Instruction, Step};
use super::body::{Body, Held};
use super::lowering::{Result, copies};
use super::pointer::Pointer;
use super::types;

impl<'a> Body<'a, '_> {
    fn types(&self) -> &'a naga::UniqueArena<Type> {
        &self.program.module.types
    }

    /// Whether this is the words of tables.
    pub(super) fn is_table(&self, handle: Handle<Expression>) -> bool {
        let Expression::GlobalVariable(variable) = *self.expression(handle) else { return false };
        self.program.is_table(variable)
    }

    /// A member or an element, of a value or through a pointer.
    pub(super) fn member(
        &mut self,
        handle: Handle<Expression>,
        base: Handle<Expression>,
        index: u32,
    ) -> Result<Held> {
        let types = self.types();
        match self.held(base)? {
            Held::Value(registers) => {
                let (start, size) = types::member(types, self.inner(base), index)
                    .ok_or_else(|| self.refused(handle))?;
                let member =
                    registers.get(start..start + size).ok_or_else(|| self.refused(handle))?;
                Ok(Held::Value(member.to_vec()))
            }
            Held::Pointer(mut pointer) => {
                let inner = &types[pointer.ty.ok_or_else(|| self.refused(handle))?].inner;
                pointer.first +=
                    types::member(types, inner, index).ok_or_else(|| self.refused(handle))?.0;
                pointer.ty = match inner {
                    TypeInner::Struct { members, .. } => {
                        usize::try_from(index).ok().and_then(|i| members.get(i)).map(|m| m.ty)
                    }
                    inner => of_elements(inner),
                };
                Ok(Held::Pointer(pointer))
            }
        }
    }

    /// An element whose index is known when the program runs.
    pub(super) fn element(
        &mut self,
        handle: Handle<Expression>,
        base: Handle<Expression>,
        index: Handle<Expression>,
    ) -> Result<Held> {
        let types = self.types();
        let span = self.span(handle);
        let index = self.value(index)?.first().copied().ok_or_else(|| self.refused(handle))?;
        match self.held(base)? {
            Held::Value(registers) => {
                let (count, stride) =
                    types::elements(types, self.inner(base)).ok_or_else(|| self.refused(handle))?;
                let copied = self.copy(&registers, span)?;
                let steps = vec![Step { index, stride, count }];
                let element = Pointer { first: copied, steps, ty: None };
                Ok(Held::Value(self.gather(&element, stride, span)?))
            }
            Held::Pointer(mut pointer) => {
                let inner = &types[pointer.ty.ok_or_else(|| self.refused(handle))?].inner;
                let (count, stride) =
                    types::elements(types, inner).ok_or_else(|| self.refused(handle))?;
                pointer.steps.push(Step { index, stride, count });
                pointer.ty = of_elements(inner);
                Ok(Held::Pointer(pointer))
            }
        }
    }

    pub(super) fn load(&mut self, pointer: Handle<Expression>) -> Result<Vec<usize>> {
        let span = self.span(pointer);
        if let &Expression::Access { base, index } = self.expression(pointer)
            && self.is_table(base)
        {
            let index = self.value(index)?.first().copied().ok_or_else(|| self.refused(index))?;
            let to = self.program.allocate(1, span)?.start;
            self.block.push(Instruction::Look { to, index });
            return Ok(vec![to]);
        }
        let pointer = self.pointer(pointer)?;
        let size = self.size_behind(&pointer, span)?;
        if pointer.steps.is_empty() {
            let first = self.copy(&Vec::from_iter(pointer.first..pointer.first + size), span)?;
            return Ok((first..first + size).collect());
        }
        self.gather(&pointer, size, span)
    }

    pub(super) fn store(
        &mut self,
        pointer: Handle<Expression>,
        value: Handle<Expression>,
    ) -> Result<()> {
        let pointer = self.pointer(pointer)?;
        for (i, from) in self.value(value)?.into_iter().enumerate() {
            self.block.push(if pointer.steps.is_empty() {
                Instruction::Store { to: pointer.first + i, from }
            } else {
                Instruction::Scatter { to: pointer.element(i), from }
            });
        }
        Ok(())
    }

    fn size_behind(&self, pointer: &Pointer, span: Span) -> Result<usize> {
        pointer.ty.map_or(Ok(1), |ty| self.program.size(ty, span))
    }

    /// Copies into registers side by side and returns the first one.
    fn copy(&mut self, from: &[usize], span: Span) -> Result<usize> {
        let to = self.program.allocate(from.len(), span)?;
        self.block.extend(copies(to.clone(), from.to_vec()));
        Ok(to.start)
    }

    fn gather(&mut self, pointer: &Pointer, size: usize, span: Span) -> Result<Vec<usize>> {
        let to: Vec<usize> = self.program.allocate(size, span)?.collect();
        let elements = (0..size).map(|i| pointer.element(i));
        let gathers = to.iter().zip(elements).map(|(&to, from)| Instruction::Gather { to, from });
        self.block.extend(gathers);
        Ok(to)
    }
}

fn of_elements(inner: &TypeInner) -> Option<Handle<Type>> {
    match inner {
        TypeInner::Array { base, .. } => Some(*base),
        _ => None,
    }
}
