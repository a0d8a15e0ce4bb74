//! A function on its way: what its expressions are so far, and the block that is being written.

use std::collections::HashMap;
use std::ops::Range;

use naga::{Expression, Handle};

use super::super::instruction::Block;
use super::lowering::Lowering;
use super::pointer::Pointer;

/// What an expression is.
#[derive(Clone, Debug)]
pub(super) enum Held {
    /// The registers of its scalars.
    Value(Vec<usize>),
    Pointer(Pointer),
}

/// A function on its way: what its expressions are, and the block that is being written.
pub(super) struct Body<'a, 'b> {
    pub(super) program: &'b mut Lowering<'a>,
    pub(super) function: &'a naga::Function,
    pub(super) info: &'a naga::valid::FunctionInfo,
    pub(super) arguments: Vec<Vec<usize>>,
    pub(super) locals: HashMap<Handle<naga::LocalVariable>, Pointer>,
    pub(super) result: Range<usize>,
    pub(super) held: HashMap<Handle<Expression>, Held>,
    pub(super) block: Block,
}
