//! A program on its way: the registers, constants and functions that it has so far.

use std::collections::HashMap;
use std::ops::Range;

use naga::{Expression, Handle, Literal, Span};

use super::super::instruction::{Function, Instruction, Number};
use super::super::program::Unsupported;
use super::pointer::Pointer;

pub(super) type Result<T> = std::result::Result<T, Unsupported>;

/// 128 MiB of columns.
const MOST_REGISTERS: usize = 1 << 18;

/// The most scalars that variables hold.
const MOST_SCALARS: usize = (1 << 16) - 1;

pub(super) struct Lowering<'a> {
    pub(super) module: &'a naga::Module,
    pub(super) info: &'a naga::valid::ModuleInfo,
    pub(super) registers: usize,
    /// Those of variables.
    pub(super) scalars: usize,
    pub(super) constants: Vec<(usize, Number)>,
    /// The constants' registers by the bits of their value.
    pub(super) known: HashMap<(u64, u32), usize>,
    /// Whether functions of the library that have no operation of the narrow machine are run as text.
    pub(super) narrow: bool,
    pub(super) variables: HashMap<Handle<naga::GlobalVariable>, Pointer>,
    pub(super) functions: Vec<Function>,
    pub(super) lowered: HashMap<Handle<naga::Function>, usize>,
    pub(super) depth: usize,
}

impl Lowering<'_> {
    pub(super) fn allocate(&mut self, count: usize, span: Span) -> Result<Range<usize>> {
        if count > MOST_REGISTERS - self.registers {
            let what = format!("a program of more than {MOST_REGISTERS} scalars and operations");
            return Err(Unsupported::new(what, span));
        }
        self.registers += count;
        Ok(self.registers - count..self.registers)
    }

    /// Registers of a variable.
    pub(super) fn allocate_variable(&mut self, count: usize, span: Span) -> Result<Range<usize>> {
        self.scalars = self.scalars.saturating_add(count);
        if self.scalars > MOST_SCALARS {
            let what = format!("a program with variables of more than {MOST_SCALARS} scalars");
            return Err(Unsupported::new(what, span));
        }
        self.allocate(count, span)
    }

    pub(super) fn constant(&mut self, value: Number, span: Span) -> Result<usize> {
        let key = (value.wide.to_bits(), value.word);
        if let Some(&register) = self.known.get(&key) {
            return Ok(register);
        }
        let register = self.allocate(1, span)?.start;
        self.constants.push((register, value));
        self.known.insert(key, register);
        Ok(register)
    }

    pub(super) fn nothing(&mut self, span: Span) -> Result<usize> {
        self.constant(Number { wide: 0.0, word: 0 }, span)
    }

    pub(super) fn literal(&mut self, literal: Literal, span: Span) -> Result<usize> {
        let (wide, word) = match literal {
            Literal::F32(x) => (f64::from(x), x.to_bits()),
            Literal::I32(x) => (f64::from(x), x.cast_unsigned()),
            Literal::U32(x) => (f64::from(x), x),
            Literal::Bool(x) => (f64::from(u8::from(x)), if x { u32::MAX } else { 0 }),
            _ => return Err(Unsupported::new(format!("the literal {literal:?}"), span)),
        };
        self.constant(Number { wide, word }, span)
    }

    pub(super) fn zero(&mut self, ty: Handle<naga::Type>, span: Span) -> Result<Vec<usize>> {
        Ok(vec![self.nothing(span)?; self.size(ty, span)?])
    }

    /// A constant expression of the module.
    pub(super) fn global(&mut self, handle: Handle<Expression>) -> Result<Vec<usize>> {
        let expressions = &self.module.global_expressions;
        let span = expressions.get_span(handle);
        match &expressions[handle] {
            Expression::Literal(literal) => Ok(vec![self.literal(*literal, span)?]),
            Expression::Constant(constant) => self.global(self.module.constants[*constant].init),
            Expression::ZeroValue(ty) => self.zero(*ty, span),
            Expression::Splat { size, value } => Ok(self.global(*value)?.repeat(*size as usize)),
            Expression::Compose { components, .. } => {
                let components = components.iter().map(|component| self.global(*component));
                Ok(components.collect::<Result<Vec<_>>>()?.concat())
            }
            other => Err(unsupported("expression", other, span)),
        }
    }
}

pub(super) fn copies(to: Range<usize>, from: Vec<usize>) -> impl Iterator<Item = Instruction> {
    to.zip(from).map(|(to, from)| Instruction::Copy { to, from })
}

/// Names an expression, statement or type by its variant.
pub(super) fn unsupported(what: &str, found: &dyn std::fmt::Debug, span: Span) -> Unsupported {
    let text = format!("{found:?}");
    let name = text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    Unsupported::new(format!("the {what} {name}"), span)
}
