//! A pointer: to a variable, or to what is inside of it.

use naga::{Handle, Type};

use super::super::instruction::{Element, Step};

/// A place in a variable.
#[derive(Clone, Debug)]
pub(super) struct Pointer {
    pub(super) first: usize,
    pub(super) steps: Vec<Step>,
    /// What is there; none for a component of a vector.
    pub(super) ty: Option<Handle<Type>>,
}

impl Pointer {
    pub(super) fn new(first: usize, ty: Handle<Type>) -> Self {
        Self { first, steps: Vec::new(), ty: Some(ty) }
    }

    pub(super) fn element(&self, offset: usize) -> Element {
        Element { first: self.first + offset, steps: self.steps.clone() }
    }
}
