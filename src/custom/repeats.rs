//! Where a text has loops.

use naga::{Block, Function, Handle, Module, Span, Statement};
use std::collections::HashMap;

/// The user's functions that loop, or call one that does, with the place of each one's first loop.
pub(super) fn loops(
    module: &Module,
    is_own: impl Fn(Span) -> bool,
) -> HashMap<Handle<Function>, Span> {
    let mut all = HashMap::new();
    // What a function calls stands before it.
    for (handle, function) in module.functions.iter() {
        if is_own(module.functions.get_span(handle))
            && let Some(span) = first_loop(&function.body, &all)
        {
            all.insert(handle, span);
        }
    }
    all
}

/// The first loop of a block, where these functions loop.
fn first_loop(block: &Block, loops: &HashMap<Handle<Function>, Span>) -> Option<Span> {
    let first = |block| first_loop(block, loops);
    block.span_iter().find_map(|(statement, &span)| match statement {
        Statement::Loop { .. } => Some(span),
        Statement::Call { function, .. } => loops.get(function).copied(),
        Statement::Block(block) => first(block),
        Statement::If { accept, reject, .. } => first(accept).or_else(|| first(reject)),
        Statement::Switch { cases, .. } => cases.iter().find_map(|case| first(&case.body)),
        _ => None,
    })
}
