//! Turns naga's representation of a text into a [`Program`].
//!
//! Registers are given out in the order in which they are first written, so that an operation's
//! operands lie below its result, and never again. Values are lists of registers: taking vectors,
//! arrays and structs apart and putting them together needs no instruction.

mod body;
mod builtins;
mod expressions;
mod lowering;
mod places;
mod pointer;
mod statements;
mod types;

use std::collections::HashMap;

use naga::{AddressSpace, Handle, Span};

use super::instruction::{Block, Instruction};
use super::program::{Program, Unsupported};
use body::Body;
use lowering::{Lowering, Result, copies};
use pointer::Pointer;

/// How deep calls may be nested, which is how deep the machine's own calls are.
const MOST_CALLS: usize = 64;

impl Program {
    /// The functions of these names and all that they call, from a validated module; for the narrow
    /// machine or for the wide one.
    ///
    /// # Errors
    /// The first statement, expression, type or variable that cannot be evaluated, or a name that
    /// no function has.
    pub(crate) fn new(
        module: &naga::Module,
        info: &naga::valid::ModuleInfo,
        names: &[&str],
        narrow: bool,
    ) -> Result<Self> {
        let mut lowering = Lowering {
            module,
            info,
            registers: 0,
            scalars: 0,
            constants: Vec::new(),
            known: HashMap::new(),
            narrow,
            variables: HashMap::new(),
            functions: Vec::new(),
            lowered: HashMap::new(),
            depth: 0,
        };
        let start = lowering.private_variables()?;
        let private = start.iter().filter_map(|instruction| match instruction {
            Instruction::Copy { to, .. } => Some(*to),
            _ => None,
        });
        let private = private.collect();
        let entries = names.iter().map(|name| {
            let mut functions = module.functions.iter();
            let found = functions.find(|(_, function)| function.name.as_deref() == Some(*name));
            let missing = || Unsupported::new(format!("a text without fn {name}"), Span::UNDEFINED);
            lowering.function(found.ok_or_else(missing)?.0)
        });
        let entries = entries.collect::<Result<_>>()?;
        let Lowering { registers, constants, functions, .. } = lowering;
        Ok(Self { functions, entries, start, private, registers, constants })
    }
}

impl Lowering<'_> {
    /// Whether this is the words of tables.
    fn is_table(&self, handle: Handle<naga::GlobalVariable>) -> bool {
        self.module.global_variables[handle].name.as_deref() == Some("table_words")
    }

    /// Gives the private variables their registers; the block sets them.
    fn private_variables(&mut self) -> Result<Block> {
        let mut block = Block::new();
        for (handle, variable) in self.module.global_variables.iter() {
            let span = self.module.global_variables.get_span(handle);
            if self.is_table(handle) {
                continue;
            }
            if variable.space != AddressSpace::Private {
                let name = variable.name.as_deref().unwrap_or_default();
                let what = format!("the variable {name:?} outside of functions and private memory");
                return Err(Unsupported::new(what, span));
            }
            let initial = match variable.init {
                Some(initial) => self.global(initial)?,
                None => self.zero(variable.ty, span)?,
            };
            let registers = self.allocate_variable(initial.len(), span)?;
            self.variables.insert(handle, Pointer::new(registers.start, variable.ty));
            block.extend(copies(registers, initial));
        }
        Ok(block)
    }

    /// The place of a function in the program.
    pub(super) fn function(&mut self, handle: Handle<naga::Function>) -> Result<usize> {
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
