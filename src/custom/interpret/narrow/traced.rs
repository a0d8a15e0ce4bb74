//! What a program comes to once it is written out.

use super::super::instruction::{Element, Narrow};

/// One step; numbers are values, and registers once these have got theirs.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Applies the operation in all lanes, which takes so much longer than an addition.
    Compute { run: Narrow, cost: u8, to: usize, from: [usize; 4] },
    /// Reads a word of the tables that each lane chooses for itself.
    Look { to: usize, index: usize },
    /// Sets what a loop changes.
    Move { to: usize, from: usize },
    /// Reads an array's element.
    Read { to: usize, place: usize },
    /// Writes an array's element, where the mask says so.
    Write { place: usize, from: usize, mask: Option<usize> },
    /// Reads an element that each lane chooses for itself.
    Gather { to: usize, from: Element },
    /// Writes an element that each lane chooses for itself, where the mask says so.
    Scatter { to: Element, from: usize, mask: Option<usize> },
    /// What is passed over where no lane needs it.
    Region { mask: usize, body: Vec<Step> },
    /// What is done as long as a lane is active.
    Loop { active: usize, body: Vec<Step> },
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Origin {
    Argument(usize),
    Constant(u32),
    Step,
}

/// A program written out.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    pub(super) steps: Vec<Step>,
    /// Of each value.
    pub(super) origins: Vec<Origin>,
    /// The columns of the results that were asked for.
    pub(super) results: Vec<Vec<usize>>,
    /// The elements of arrays that are read at computed indices.
    pub(super) places: usize,
}

impl Traced {
    /// The value of a result, by entry and column.
    pub(crate) fn result(&self, (entry, column): (usize, usize)) -> usize {
        self.results[entry][column]
    }
}

impl Step {
    /// The value that it gives.
    pub(super) fn gives(&self) -> Option<usize> {
        match *self {
            Self::Compute { to, .. }
            | Self::Look { to, .. }
            | Self::Move { to, .. }
            | Self::Read { to, .. }
            | Self::Gather { to, .. } => Some(to),
            Self::Write { .. } | Self::Scatter { .. } | Self::Region { .. } | Self::Loop { .. } => {
                None
            }
        }
    }

    /// Calls `each` with all values that it takes, which may be changed.
    pub(super) fn takes(&mut self, mut each: impl FnMut(&mut usize)) {
        match self {
            Self::Compute { from, .. } => from.iter_mut().for_each(each),
            Self::Look { index, .. } => each(index),
            Self::Move { from, .. } => each(from),
            Self::Read { .. } => {}
            Self::Write { from, mask, .. } => {
                each(from);
                mask.iter_mut().for_each(each);
            }
            Self::Gather { from, .. } => {
                from.steps.iter_mut().for_each(|step| each(&mut step.index));
            }
            Self::Scatter { to, from, mask } => {
                each(from);
                to.steps.iter_mut().for_each(|step| each(&mut step.index));
                mask.iter_mut().for_each(each);
            }
            Self::Region { mask, .. } => each(mask),
            Self::Loop { active, .. } => each(active),
        }
    }
}
