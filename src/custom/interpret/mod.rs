//! WGSL functions on the CPU, in float64 and for many elements at once.
//!
//! A [`Program`] is made once from naga's representation of a text: everything that depends on the
//! text alone (types, names, addresses, what is not supported) is settled then, so that running it
//! cannot fail. It is code for a machine whose registers are columns of [`LANES`] numbers. Every
//! scalar of the text has a register of its own; an f32 is a float64 that is never rounded, integers
//! and booleans are float64 too, which holds them exactly. Each instruction is a loop over the
//! lanes, and lanes that take different branches are kept apart by a mask.
//!
//! Functions of `numeric.wgsl` with a name in [`operations::primitive`] are not run but are the
//! mathematics that they stand for.

mod instruction;
mod lower;
mod machine;
mod operations;
#[cfg(test)]
mod tests;

use instruction::{Block, Function};
pub(crate) use machine::Machine;

/// How many elements are evaluated at once: as many as a mask has bits.
pub(crate) const LANES: usize = 64;

/// One number for each element.
pub(crate) type Column = [f64; LANES];

/// What a text uses that cannot be evaluated here.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{what} is not supported")]
pub(crate) struct Unsupported {
    /// What it is, in words.
    pub(crate) what: String,
    /// Where it is in the text.
    pub(crate) span: naga::Span,
}

impl Unsupported {
    fn new(what: impl Into<String>, span: naga::Span) -> Self {
        Self { what: what.into(), span }
    }
}

/// Functions that can be called, any number of times and from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    functions: Vec<Function>,
    /// For each name that was asked for, the place of its function.
    entries: Vec<usize>,
    /// Sets the private variables.
    start: Block,
    registers: usize,
    /// Registers that hold one number for ever.
    constants: Vec<(usize, f64)>,
}

impl Program {
    /// The functions of these names and all that they call, from a validated module.
    ///
    /// # Errors
    /// The first statement, expression, type or variable that cannot be evaluated, or a name that
    /// no function has.
    pub(crate) fn new(
        module: &naga::Module,
        info: &naga::valid::ModuleInfo,
        names: &[&str],
    ) -> Result<Self, Unsupported> {
        lower::program(module, info, names)
    }

    /// How many columns a function takes and how many it gives: structs, arrays and vectors count
    /// with all their scalars. `entry` is the place of its name among those given to
    /// [`new`](Self::new).
    #[cfg(test)]
    fn columns(&self, entry: usize) -> (usize, usize) {
        let function = &self.functions[self.entries[entry]];
        (function.arguments.len(), function.result.len())
    }

    /// Memory to call functions with.
    pub(crate) fn machine(&self) -> Machine<'_> {
        Machine::new(self)
    }
}
