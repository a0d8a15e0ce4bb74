//! The instructions of a program, and the columns of numbers that they work on.

use crate::cpu::Instructions;
use std::ops::Range;

/// How many elements are evaluated at once: as many as a mask has bits.
pub(crate) const LANES: usize = 64;

/// One number for each element.
pub(crate) type Column = [f64; LANES];

/// What is done in all lanes. What takes fewer operands ignores the last ones.
pub(super) type Lanes = fn(&mut Column, [&Column; 4]);

/// How many elements the narrow machine evaluates at once: few enough that a dozen columns stay in the cache next to
/// the processor, and so many that what a step takes by itself does not count for much.
pub(crate) const TILE: usize = 512;

/// One number of 32 bits for each of them: a float's, an integer's, or all or none of them for a boolean.
pub(crate) type Words = [u32; TILE];

/// The same for words, with these instructions.
pub(super) type Narrow = fn(Instructions, &mut Words, [&Words; 4]);

/// What an operation is, where it may come to another one with those beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Copy,
    Absolute,
    Sign,
    Exponential,
    Add,
    Subtract,
    Multiply,
    Less,
    AtMost,
    Greater,
    Select,
    And,
    Other,
}

/// An operation, in float64 and in float32.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) wide: Lanes,
    pub(super) narrow: Narrow,
    /// How much longer it takes than an addition.
    pub(super) cost: u8,
    pub(super) kind: Kind,
}

impl Operation {
    /// The same where it takes longer.
    pub(super) const fn costs(self, cost: u8) -> Self {
        Self { cost, ..self }
    }

    /// The same of a kind.
    pub(super) const fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

/// Instructions in order.
pub(super) type Block = Vec<Instruction>;

/// A function's code and the registers through which it is called. Functions cannot call
/// themselves, so that each has its registers for itself.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) arguments: Range<usize>,
    pub(super) result: Range<usize>,
    pub(super) body: Block,
}

/// One step of the machine; numbers are registers.
#[derive(Clone, Debug)]
pub(super) enum Instruction {
    /// Applies the operation in all lanes. All operands are below `to`.
    Compute { operation: Operation, to: usize, from: [usize; 4] },
    /// Copies all lanes.
    Copy { to: usize, from: usize },
    /// Copies active lanes.
    Store { to: usize, from: usize },
    /// Reads an element that each lane chooses for itself.
    Gather { to: usize, from: Element },
    /// Writes an element that each active lane chooses for itself.
    Scatter { to: Element, from: usize },
    /// Reads a word of the tables that each lane chooses for itself.
    Look { to: usize, index: usize },
    /// Runs a function, whose arguments are in their registers.
    Call { function: usize },
    /// Runs one block in the lanes where the condition is not 0, the other one elsewhere.
    If { condition: usize, accept: Block, reject: Block },
    /// Runs the case whose value the selector has.
    Switch { selector: usize, cases: Vec<Case> },
    /// Repeats the body and then `continuing`, until every lane has left.
    Loop { body: Block, continuing: Block, break_if: Option<usize> },
    /// Leaves the innermost loop or switch.
    Break,
    /// Goes to the innermost loop's `continuing`.
    Continue,
    /// Leaves the function, whose result has been stored.
    Return,
}

/// A case of a switch; the default one has no value.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) value: Option<Number>,
    pub(super) body: Block,
    pub(super) fall_through: bool,
}

/// What the text knows: as the wide machine has it, and as the narrow one has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) wide: f64,
    pub(super) word: u32,
}

/// A scalar inside of an array or vector: the first register it may be, and the steps from there.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) first: usize,
    pub(super) steps: Vec<Step>,
}

/// An index, how many registers it counts, and how many elements there are.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) index: usize,
    pub(super) stride: usize,
    pub(super) count: usize,
}
