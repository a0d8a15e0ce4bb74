//! Expressions of a function.

use naga::{Expression, Handle, RelationalFunction, ScalarKind, Span, TypeInner};

use super::super::instruction::{Instruction, Operation};
use super::super::operations;
use super::super::program::Unsupported;
use super::body::{Body, Held};
use super::lowering::{Result, unsupported};
use super::pointer::Pointer;

impl<'a> Body<'a, '_> {
    pub(super) fn expression(&self, handle: Handle<Expression>) -> &'a Expression {
        &self.function.expressions[handle]
    }

    pub(super) fn span(&self, handle: Handle<Expression>) -> Span {
        self.function.expressions.get_span(handle)
    }

    pub(super) fn inner(&self, handle: Handle<Expression>) -> &'a TypeInner {
        self.info[handle].ty.inner_with(&self.program.module.types)
    }

    /// The kind of a scalar's or a vector's numbers.
    pub(super) fn kind(&self, handle: Handle<Expression>) -> Result<ScalarKind> {
        let scalar = self.inner(handle).scalar().filter(|scalar| matches!(scalar.width, 1 | 4));
        scalar.map(|scalar| scalar.kind).ok_or_else(|| self.refused(handle))
    }

    pub(super) fn refused(&self, handle: Handle<Expression>) -> Unsupported {
        unsupported("expression", self.expression(handle), self.span(handle))
    }

    pub(super) fn held(&mut self, handle: Handle<Expression>) -> Result<Held> {
        if !self.held.contains_key(&handle) {
            self.emit(handle)?;
        }
        self.held.get(&handle).cloned().ok_or_else(|| self.refused(handle))
    }

    pub(super) fn value(&mut self, handle: Handle<Expression>) -> Result<Vec<usize>> {
        match self.held(handle)? {
            Held::Value(registers) => Ok(registers),
            Held::Pointer(_) => Err(Unsupported::new("a pointer as a value", self.span(handle))),
        }
    }

    pub(super) fn pointer(&mut self, handle: Handle<Expression>) -> Result<Pointer> {
        match self.held(handle)? {
            Held::Pointer(pointer) => Ok(pointer),
            Held::Value(_) => Err(self.refused(handle)),
        }
    }

    /// Evaluates an expression at this point of the block.
    pub(super) fn emit(&mut self, handle: Handle<Expression>) -> Result<()> {
        let held = match self.expression(handle) {
            // It is read where it is loaded.
            &Expression::Access { base, .. } if self.is_table(base) => return Ok(()),
            Expression::GlobalVariable(variable) => {
                let found = self.program.variables.get(variable).cloned();
                Held::Pointer(found.ok_or_else(|| self.refused(handle))?)
            }
            Expression::LocalVariable(variable) => {
                let found = self.locals.get(variable).cloned();
                Held::Pointer(found.ok_or_else(|| self.refused(handle))?)
            }
            &Expression::AccessIndex { base, index } => self.member(handle, base, index)?,
            &Expression::Access { base, index } => self.element(handle, base, index)?,
            expression => {
                let inner = self.inner(handle);
                let size = self.program.size_of(inner);
                size.ok_or_else(|| unsupported("type", inner, self.span(handle)))?;
                Held::Value(self.registers(handle, expression)?)
            }
        };
        self.held.insert(handle, held);
        Ok(())
    }

    fn registers(
        &mut self,
        handle: Handle<Expression>,
        expression: &'a Expression,
    ) -> Result<Vec<usize>> {
        let span = self.span(handle);
        match *expression {
            Expression::Literal(literal) => Ok(vec![self.program.literal(literal, span)?]),
            Expression::Constant(constant) => {
                self.program.global(self.program.module.constants[constant].init)
            }
            Expression::ZeroValue(ty) => self.program.zero(ty, span),
            Expression::FunctionArgument(index) => {
                let place = usize::try_from(index).ok();
                let argument = place.and_then(|place| self.arguments.get(place)).cloned();
                argument.ok_or_else(|| self.refused(handle))
            }
            Expression::Load { pointer } => self.load(pointer),
            Expression::Compose { ref components, .. } => {
                let components = components.iter().map(|component| self.value(*component));
                Ok(components.collect::<Result<Vec<_>>>()?.concat())
            }
            Expression::Splat { size, value } => Ok(self.value(value)?.repeat(size as usize)),
            Expression::Swizzle { size, vector, pattern } => {
                let vector = self.value(vector)?;
                let chosen = pattern.iter().take(size as usize);
                let components = chosen.map(|component| vector.get(*component as usize).copied());
                components.collect::<Option<_>>().ok_or_else(|| self.refused(handle))
            }
            Expression::Math { fun, arg, arg1, arg2, arg3 } => {
                let others = [arg1, arg2, arg3].into_iter().flatten();
                let arguments: Vec<_> = std::iter::once(arg).chain(others).collect();
                self.math(handle, fun, &arguments)
            }
            _ => self.operator(handle, expression),
        }
    }

    fn operator(
        &mut self,
        handle: Handle<Expression>,
        expression: &Expression,
    ) -> Result<Vec<usize>> {
        let (operation, operands) = match *expression {
            Expression::Unary { op, expr } => {
                let kind = self.kind(expr)?;
                (operations::unary(op, kind), vec![expr])
            }
            Expression::Binary { op, left, right } => {
                let kind = self.kind(left)?;
                (operations::binary(op, kind), vec![left, right])
            }
            Expression::Select { condition, accept, reject } => {
                (Some(operations::SELECT), vec![condition, accept, reject])
            }
            Expression::As { expr, kind, convert } => {
                let operation = operations::conversion(self.kind(expr)?, kind, convert.is_none());
                let operation = operation.filter(|_| matches!(convert, None | Some(1 | 4)));
                (operation, vec![expr])
            }
            Expression::Relational { fun, argument } => {
                return self.relational(handle, fun, argument);
            }
            _ => (None, Vec::new()),
        };
        let operation = operation.ok_or_else(|| self.refused(handle))?;
        let operands = operands.into_iter().map(|operand| self.value(operand));
        let operands = operands.collect::<Result<Vec<_>>>()?;
        self.each(operation, &operands, self.span(handle))
    }

    fn relational(
        &mut self,
        handle: Handle<Expression>,
        function: RelationalFunction,
        argument: Handle<Expression>,
    ) -> Result<Vec<usize>> {
        let operation = operations::relational(function).ok_or_else(|| self.refused(handle))?;
        let components = self.value(argument)?;
        Ok(vec![self.folded(operation, &components, self.span(handle))?])
    }

    /// One number from all components.
    pub(super) fn folded(
        &mut self,
        operation: Operation,
        components: &[usize],
        span: Span,
    ) -> Result<usize> {
        let (&first, rest) = components
            .split_first()
            .ok_or_else(|| Unsupported::new("a vector without components", span))?;
        rest.iter().try_fold(first, |so_far, &next| self.compute(operation, &[so_far, next], span))
    }

    /// Applies an operation to each component; scalars go with every component of vectors.
    pub(super) fn each(
        &mut self,
        operation: Operation,
        operands: &[Vec<usize>],
        span: Span,
    ) -> Result<Vec<usize>> {
        let size = operands.iter().map(Vec::len).max().unwrap_or(0);
        let component = |i: usize| -> Vec<usize> {
            operands.iter().filter_map(|one| one.get(i).or(one.last()).copied()).collect()
        };
        (0..size).map(|i| self.compute(operation, &component(i), span)).collect()
    }

    pub(super) fn compute(
        &mut self,
        operation: Operation,
        operands: &[usize],
        span: Span,
    ) -> Result<usize> {
        // What is not used must be below the result too.
        let mut from = [self.program.nothing(span)?; 4];
        from.iter_mut().zip(operands).for_each(|(from, operand)| *from = *operand);
        let to = self.program.allocate(1, span)?.start;
        self.block.push(Instruction::Compute { operation, to, from });
        Ok(to)
    }
}
