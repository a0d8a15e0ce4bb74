//! Where a text has loops.

use crate::families::rows::rounds::WIDEST;
use naga::{Block, Function, Handle, Module, Span, Statement};
use std::collections::HashMap;

/// The loops of a function, and of what it calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loops {
    /// Where the first one is.
    pub(super) first: Span,
    /// How many times the rounds of one lane the lanes of a subgroup may take together, as they take turns where they
    /// go different ways: as many as there are loops, or as there are lanes where one is within another.
    pub(super) turns: usize,
}

impl Loops {
    fn and(self, after: Self) -> Self {
        Self { first: self.first, turns: (self.turns + after.turns).min(WIDEST) }
    }
}

/// The loops of the user's functions that have any.
pub(super) fn loops(
    module: &Module,
    is_own: impl Fn(Span) -> bool,
) -> HashMap<Handle<Function>, Loops> {
    let mut all = HashMap::new();
    // What a function calls stands before it.
    for (handle, function) in module.functions.iter() {
        if is_own(module.functions.get_span(handle))
            && let Some(own) = loops_in(&function.body, &all)
        {
            all.insert(handle, own);
        }
    }
    all
}

/// The loops of a block, where these functions have some.
fn loops_in(block: &Block, known: &HashMap<Handle<Function>, Loops>) -> Option<Loops> {
    let both = |one, other| loops_in(one, known).into_iter().chain(loops_in(other, known));
    let all = block.span_iter().filter_map(|(statement, &span)| match statement {
        Statement::Loop { body, continuing, .. } => {
            let turns = if both(body, continuing).next().is_some() { WIDEST } else { 1 };
            Some(Loops { first: span, turns })
        }
        Statement::Call { function, .. } => known.get(function).copied(),
        Statement::Block(block) => loops_in(block, known),
        Statement::If { accept, reject, .. } => both(accept, reject).reduce(Loops::and),
        Statement::Switch { cases, .. } => {
            let cases = cases.iter().filter_map(|case| loops_in(&case.body, known));
            cases.reduce(Loops::and)
        }
        _ => None,
    });
    all.reduce(Loops::and)
}
