//! Built-in functions, where those on whole vectors become operations on their components.

use naga::{BinaryOperator, Expression, Handle, MathFunction, ScalarKind, Span};

use super::super::instruction::Operation;
use super::super::operations::{self, SELECT};
use super::super::program::Unsupported;
use super::body::Body;
use super::lowering::Result;

type Value = Vec<usize>;

impl Body<'_, '_> {
    pub(super) fn math(
        &mut self,
        handle: Handle<Expression>,
        function: MathFunction,
        arguments: &[Handle<Expression>],
    ) -> Result<Value> {
        let span = self.span(handle);
        let none = || Unsupported::new(format!("the built-in function {function:?}"), span);
        let kind = arguments.first().map(|&first| self.kind(first)).ok_or_else(none)??;
        let values = arguments.iter().map(|&argument| self.value(argument));
        let values = values.collect::<Result<Vec<_>>>()?;
        match operations::math(function, kind) {
            Some(operation) => self.each(operation, &values, span),
            None => {
                Geometry { body: self, kind, span }.function(function, &values)?.ok_or_else(none)
            }
        }
    }
}

/// Writes functions of whole vectors.
struct Geometry<'a, 'b, 'c> {
    body: &'c mut Body<'a, 'b>,
    kind: ScalarKind,
    span: Span,
}

impl Geometry<'_, '_, '_> {
    fn function(&mut self, function: MathFunction, arguments: &[Value]) -> Result<Option<Value>> {
        let result = match (function, arguments) {
            (MathFunction::Dot, [a, b]) => self.dot(a, b)?,
            (MathFunction::Cross, [a, b]) => self.cross(a, b)?,
            (MathFunction::Length, [a]) => self.length(a)?,
            (MathFunction::Distance, [a, b]) => {
                let difference = self.binary(BinaryOperator::Subtract, a, b)?;
                self.length(&difference)?
            }
            (MathFunction::Normalize, [a]) => {
                let length = self.length(a)?;
                self.binary(BinaryOperator::Divide, a, &length)?
            }
            (MathFunction::FaceForward, [a, incident, reference]) => {
                let dot = self.dot(incident, reference)?;
                let zero = vec![self.body.program.nothing(self.span)?];
                let faces = self.binary(BinaryOperator::Less, &dot, &zero)?;
                let turned = self.binary(BinaryOperator::Subtract, &zero, a)?;
                self.each(SELECT, &[faces, a.clone(), turned])?
            }
            (MathFunction::Reflect, [incident, normal]) => {
                let dot = self.dot(normal, incident)?;
                let twice = self.binary(BinaryOperator::Add, &dot, &dot)?;
                let way = self.binary(BinaryOperator::Multiply, &twice, normal)?;
                self.binary(BinaryOperator::Subtract, incident, &way)?
            }
            (MathFunction::Modf, [x]) => {
                let whole = self.each(operations::TRUNCATE, std::slice::from_ref(x))?;
                let mut parts = self.binary(BinaryOperator::Subtract, x, &whole)?;
                parts.extend(whole);
                parts
            }
            (MathFunction::Frexp, [x]) => {
                let mut parts = self.each(operations::FREXP_FRACTION, std::slice::from_ref(x))?;
                parts.extend(self.each(operations::FREXP_EXPONENT, std::slice::from_ref(x))?);
                parts
            }
            _ => return Ok(None),
        };
        Ok(Some(result))
    }

    fn each(&mut self, operation: Operation, operands: &[Value]) -> Result<Value> {
        self.body.each(operation, operands, self.span)
    }

    fn operator(&self, operator: BinaryOperator) -> Result<Operation> {
        let none = || Unsupported::new(format!("{operator:?} of these types"), self.span);
        operations::binary(operator, self.kind).ok_or_else(none)
    }

    fn binary(&mut self, operator: BinaryOperator, a: &Value, b: &Value) -> Result<Value> {
        let operation = self.operator(operator)?;
        self.each(operation, &[a.clone(), b.clone()])
    }

    fn dot(&mut self, a: &Value, b: &Value) -> Result<Value> {
        let products = self.binary(BinaryOperator::Multiply, a, b)?;
        let add = self.operator(BinaryOperator::Add)?;
        Ok(vec![self.body.folded(add, &products, self.span)?])
    }

    fn length(&mut self, a: &Value) -> Result<Value> {
        let square = self.dot(a, a)?;
        self.each(operations::SQUARE_ROOT, &[square])
    }

    fn cross(&mut self, a: &Value, b: &Value) -> Result<Value> {
        let turned = |v: &Value, by: usize| -> Value {
            (0..v.len()).filter_map(|i| v.get((i + by) % v.len()).copied()).collect()
        };
        let forward = self.binary(BinaryOperator::Multiply, &turned(a, 1), &turned(b, 2))?;
        let back = self.binary(BinaryOperator::Multiply, &turned(a, 2), &turned(b, 1))?;
        self.binary(BinaryOperator::Subtract, &forward, &back)
    }
}
