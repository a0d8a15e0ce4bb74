//! Statements of a function.

use std::collections::HashMap;
use std::ops::Range;

use naga::{Expression, Handle, Span, Statement, SwitchValue};

use super::super::instruction::{Block, Case, Function, Instruction, Number};
use super::super::operations;
use super::body::{Body, Held};
use super::lowering::{Lowering, Result, copies, unsupported};
use super::pointer::Pointer;

impl<'a> Body<'a, '_> {
    pub(super) fn lower(
        program: &mut Lowering<'a>,
        function: &'a naga::Function,
        info: &'a naga::valid::FunctionInfo,
        span: Span,
    ) -> Result<Function> {
        let first = program.registers;
        let mut arguments = Vec::new();
        for argument in &function.arguments {
            let size = program.size(argument.ty, span)?;
            arguments.push(program.allocate(size, span)?.collect());
        }
        let arguments_end = program.registers;
        let size =
            function.result.as_ref().map_or(Ok(0), |result| program.size(result.ty, span))?;
        let result = program.allocate(size, span)?;
        let mut body = Body {
            program,
            function,
            info,
            arguments,
            locals: HashMap::new(),
            result,
            held: HashMap::new(),
            block: Block::new(),
        };
        body.local_variables()?;
        body.statements(&function.body)?;
        Ok(Function { arguments: first..arguments_end, result: body.result, body: body.block })
    }

    fn local_variables(&mut self) -> Result<()> {
        let variables = &self.function.local_variables;
        for (handle, variable) in variables.iter() {
            let span = variables.get_span(handle);
            let initial = match variable.init {
                Some(initial) => self.value(initial)?,
                None => self.program.zero(variable.ty, span)?,
            };
            let registers = self.program.allocate_variable(initial.len(), span)?;
            self.locals.insert(handle, Pointer::new(registers.start, variable.ty));
            self.block.extend(copies(registers, initial));
        }
        Ok(())
    }

    fn statements(&mut self, block: &'a naga::Block) -> Result<()> {
        block.span_iter().try_for_each(|(statement, span)| self.statement(statement, *span))
    }

    /// A block of its own.
    fn block(&mut self, block: &'a naga::Block) -> Result<Block> {
        let outer = std::mem::take(&mut self.block);
        self.statements(block)?;
        Ok(std::mem::replace(&mut self.block, outer))
    }

    fn statement(&mut self, statement: &'a Statement, span: Span) -> Result<()> {
        let instruction = match statement {
            Statement::Emit(range) => {
                return range.clone().try_for_each(|handle| self.emit(handle));
            }
            Statement::Block(block) => return self.statements(block),
            &Statement::Store { pointer, value } => return self.store(pointer, value),
            Statement::Call { function, arguments, result } => {
                return self.call(*function, arguments, *result, span);
            }
            Statement::If { condition, accept, reject } => Instruction::If {
                condition: self.scalar(*condition)?,
                accept: self.block(accept)?,
                reject: self.block(reject)?,
            },
            Statement::Switch { selector, cases } => Instruction::Switch {
                selector: self.scalar(*selector)?,
                cases: cases.iter().map(|case| self.case(case)).collect::<Result<_>>()?,
            },
            Statement::Loop { body, continuing, break_if } => Instruction::Loop {
                body: self.block(body)?,
                continuing: self.block(continuing)?,
                break_if: break_if.map(|condition| self.scalar(condition)).transpose()?,
            },
            Statement::Break => Instruction::Break,
            Statement::Continue => Instruction::Continue,
            Statement::Return { value } => {
                if let Some(value) = value {
                    let value = self.value(*value)?;
                    let stores = self.result.clone().zip(value);
                    self.block.extend(stores.map(|(to, from)| Instruction::Store { to, from }));
                }
                Instruction::Return
            }
            other => return Err(unsupported("statement", other, span)),
        };
        self.block.push(instruction);
        Ok(())
    }

    fn case(&mut self, case: &'a naga::SwitchCase) -> Result<Case> {
        let value = match case.value {
            SwitchValue::I32(x) => Some(Number { wide: x.into(), word: x.cast_unsigned() }),
            SwitchValue::U32(x) => Some(Number { wide: x.into(), word: x }),
            SwitchValue::Default => None,
        };
        Ok(Case { value, body: self.block(&case.body)?, fall_through: case.fall_through })
    }

    fn scalar(&mut self, handle: Handle<Expression>) -> Result<usize> {
        self.value(handle)?.first().copied().ok_or_else(|| self.refused(handle))
    }

    fn call(
        &mut self,
        function: Handle<naga::Function>,
        arguments: &[Handle<Expression>],
        result: Option<Handle<Expression>>,
        span: Span,
    ) -> Result<()> {
        let name = self.program.module.functions[function].name.as_deref();
        let of_wide = name.filter(|_| !self.program.narrow).and_then(operations::textbook);
        let value = match name.and_then(operations::primitive).or(of_wide) {
            Some(operation) => {
                let arguments = self.arguments(arguments)?;
                vec![self.compute(operation, &arguments, span)?]
            }
            None => self.run(function, arguments, span)?.collect(),
        };
        if let Some(result) = result {
            self.held.insert(result, Held::Value(value));
        }
        Ok(())
    }

    fn arguments(&mut self, arguments: &[Handle<Expression>]) -> Result<Vec<usize>> {
        let arguments = arguments.iter().map(|&argument| self.value(argument));
        Ok(arguments.collect::<Result<Vec<_>>>()?.concat())
    }

    /// Calls a function of the program. Its result is copied: the next call overwrites it.
    fn run(
        &mut self,
        function: Handle<naga::Function>,
        arguments: &[Handle<Expression>],
        span: Span,
    ) -> Result<Range<usize>> {
        let place = self.program.function(function)?;
        let Function { arguments: registers, result, .. } = &self.program.functions[place];
        let (registers, result) = (registers.clone(), result.clone());
        let arguments = self.arguments(arguments)?;
        self.block.extend(copies(registers, arguments));
        self.block.push(Instruction::Call { function: place });
        let copied = self.program.allocate(result.len(), span)?;
        self.block.extend(copies(copied.clone(), result.collect()));
        Ok(copied)
    }
}
