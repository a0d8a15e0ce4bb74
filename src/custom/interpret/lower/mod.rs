//! Turns naga's representation of a text into a [`Program`].
//!
//! Registers are given out in the order in which they are first written, so that an operation's
//! operands lie below its result, and never again. Values are lists of registers: taking vectors,
//! arrays and structs apart and putting them together needs no instruction.

mod builtins;
mod expressions;
mod pointers;
mod statements;
mod types;

use std::collections::HashMap;
use std::ops::Range;

use naga::{AddressSpace, Expression, Handle, Literal, Span};

use super::instruction::{Block, Function, Instruction};
use super::{Program, Unsupported};
use expressions::Held;
use pointers::Pointer;

type Result<T> = std::result::Result<T, Unsupported>;

/// 32 MiB of columns.
const MOST_REGISTERS: usize = 1 << 16;

/// How deep calls may be nested, which is how deep the machine's own calls are.
const MOST_CALLS: usize = 64;

pub(super) fn program(
    module: &naga::Module,
    info: &naga::valid::ModuleInfo,
    names: &[&str],
) -> Result<Program> {
    let mut lowering = Lowering {
        module,
        info,
        registers: 0,
        constants: Vec::new(),
        known: HashMap::new(),
        variables: HashMap::new(),
        functions: Vec::new(),
        lowered: HashMap::new(),
        depth: 0,
    };
    let start = lowering.private_variables()?;
    let entries = names.iter().map(|name| {
        let mut functions = module.functions.iter();
        let found = functions.find(|(_, function)| function.name.as_deref() == Some(*name));
        let missing = || Unsupported::new(format!("a text without fn {name}"), Span::UNDEFINED);
        lowering.function(found.ok_or_else(missing)?.0)
    });
    let entries = entries.collect::<Result<_>>()?;
    let Lowering { registers, constants, functions, .. } = lowering;
    Ok(Program { functions, entries, start, registers, constants })
}

struct Lowering<'a> {
    module: &'a naga::Module,
    info: &'a naga::valid::ModuleInfo,
    registers: usize,
    constants: Vec<(usize, f64)>,
    /// The constants' registers by the bits of their value.
    known: HashMap<u64, usize>,
    variables: HashMap<Handle<naga::GlobalVariable>, Pointer>,
    functions: Vec<Function>,
    lowered: HashMap<Handle<naga::Function>, usize>,
    depth: usize,
}

/// A function on its way: what its expressions are, and the block that is being written.
struct Body<'a, 'b> {
    program: &'b mut Lowering<'a>,
    function: &'a naga::Function,
    info: &'a naga::valid::FunctionInfo,
    arguments: Vec<Vec<usize>>,
    locals: HashMap<Handle<naga::LocalVariable>, Pointer>,
    result: Range<usize>,
    held: HashMap<Handle<Expression>, Held>,
    block: Block,
}

impl<'a> Lowering<'a> {
    fn allocate(&mut self, count: usize, span: Span) -> Result<Range<usize>> {
        if count > MOST_REGISTERS - self.registers {
            let what = format!("a program of more than {MOST_REGISTERS} scalars and operations");
            return Err(Unsupported::new(what, span));
        }
        self.registers += count;
        Ok(self.registers - count..self.registers)
    }

    fn constant(&mut self, value: f64, span: Span) -> Result<usize> {
        if let Some(&register) = self.known.get(&value.to_bits()) {
            return Ok(register);
        }
        let register = self.allocate(1, span)?.start;
        self.constants.push((register, value));
        self.known.insert(value.to_bits(), register);
        Ok(register)
    }

    fn literal(&mut self, literal: Literal, span: Span) -> Result<usize> {
        let value = match literal {
            Literal::F32(x) => f64::from(x),
            Literal::I32(x) => f64::from(x),
            Literal::U32(x) => f64::from(x),
            Literal::Bool(x) => f64::from(u8::from(x)),
            _ => return Err(Unsupported::new(format!("the literal {literal:?}"), span)),
        };
        self.constant(value, span)
    }

    fn zero(&mut self, ty: Handle<naga::Type>, span: Span) -> Result<Vec<usize>> {
        Ok(vec![self.constant(0.0, span)?; self.size(ty, span)?])
    }

    /// A constant expression of the module.
    fn global(&mut self, handle: Handle<Expression>) -> Result<Vec<usize>> {
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

    /// Gives the private variables their registers; the block sets them.
    fn private_variables(&mut self) -> Result<Block> {
        let mut block = Block::new();
        for (handle, variable) in self.module.global_variables.iter() {
            let span = self.module.global_variables.get_span(handle);
            if variable.space != AddressSpace::Private {
                let name = variable.name.as_deref().unwrap_or_default();
                let what = format!("the variable {name:?} outside of functions and private memory");
                return Err(Unsupported::new(what, span));
            }
            let initial = match variable.init {
                Some(initial) => self.global(initial)?,
                None => self.zero(variable.ty, span)?,
            };
            let registers = self.allocate(initial.len(), span)?;
            self.variables.insert(handle, Pointer::new(registers.start, variable.ty));
            block.extend(copies(registers, initial));
        }
        Ok(block)
    }

    /// The place of a function in the program.
    fn function(&mut self, handle: Handle<naga::Function>) -> Result<usize> {
        if let Some(&place) = self.lowered.get(&handle) {
            return Ok(place);
        }
        let function = &self.module.functions[handle];
        let span = self.module.functions.get_span(handle);
        if self.depth == MOST_CALLS {
            let what = format!("a call inside of {MOST_CALLS} others");
            return Err(Unsupported::new(what, span));
        }
        self.depth += 1;
        let lowered = Body::lower(self, function, &self.info[handle], span)?;
        self.depth -= 1;
        let place = self.functions.len();
        self.functions.push(lowered);
        self.lowered.insert(handle, place);
        Ok(place)
    }
}

fn copies(to: Range<usize>, from: Vec<usize>) -> impl Iterator<Item = Instruction> {
    to.zip(from).map(|(to, from)| Instruction::Copy { to, from })
}

/// Names an expression, statement or type by its variant.
fn unsupported(what: &str, found: &dyn std::fmt::Debug, span: Span) -> Unsupported {
    let text = format!("{found:?}");
    let name = text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    Unsupported::new(format!("the {what} {name}"), span)
}
