//! Where a text has loops.

use crate::families::rows::rounds::WIDEST;
use naga::{Block, Expression, Function, Handle, LocalVariable, Module, Span, Statement};
use std::collections::{HashMap, HashSet};

/// The loops of a function, and of what it calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loops {
    /// Where the first one is.
    pub(super) first: Span,
    /// How many times the rounds of one lane the lanes of a subgroup may take together, as they take turns where they
    /// go different ways: as many as there are loops whose rounds depend on the lane's numbers, or as there are lanes
    /// where one is within another.
    pub(super) turns: usize,
    /// Whether there is one whose rounds are the same in all lanes that come there.
    even: bool,
}

impl Loops {
    fn and(self, after: Self) -> Self {
        let turns = (self.turns + after.turns).min(WIDEST);
        Self { first: self.first, turns, even: self.even || after.even }
    }

    /// The same where only some lanes come.
    fn of_some_lanes(self) -> Self {
        let turns = (self.turns + usize::from(self.even)).min(WIDEST);
        Self { turns, even: false, ..self }
    }

    /// All turns that lanes may take, if it is only that all go together.
    fn taken(self) -> Self {
        Self { turns: self.turns.max(1), ..self }
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
        if !is_own(module.functions.get_span(handle)) {
            continue;
        }
        let even = Even::of(module, function);
        if let Some(own) = even.loops_in(&function.body, &all) {
            all.insert(handle, own);
        }
    }
    all.into_iter().map(|(handle, own)| (handle, own.taken())).collect()
}

/// What is the same in all lanes that come there.
struct Even<'m> {
    module: &'m Module,
    function: &'m Function,
    /// The variables that have only such values.
    variables: HashSet<Handle<LocalVariable>>,
}

impl<'m> Even<'m> {
    fn of(module: &'m Module, function: &'m Function) -> Self {
        let variables = function.local_variables.iter().map(|(handle, _)| handle).collect();
        let mut even = Self { module, function, variables };
        // A variable that is not may have been in what another one is stored from.
        loop {
            let mut uneven = HashSet::new();
            even.find_uneven(&function.body, false, &mut uneven);
            let before = even.variables.len();
            even.variables.retain(|own| !uneven.contains(own));
            if even.variables.len() == before {
                return even;
            }
        }
    }

    /// The variables that are stored where only some lanes come, or from what is not the same in all.
    fn find_uneven(
        &self,
        block: &Block,
        some_lanes: bool,
        found: &mut HashSet<Handle<LocalVariable>>,
    ) {
        for statement in block {
            match statement {
                Statement::Store { pointer, value } => {
                    let even = self.is_even(*value) && self.has_even_places(*pointer);
                    if some_lanes || !even {
                        found.extend(self.variable(*pointer));
                    }
                }
                Statement::Block(block) => self.find_uneven(block, some_lanes, found),
                Statement::If { condition, accept, reject } => {
                    let some_lanes = some_lanes || !self.is_even(*condition);
                    self.find_uneven(accept, some_lanes, found);
                    self.find_uneven(reject, some_lanes, found);
                }
                Statement::Switch { selector, cases } => {
                    let some_lanes = some_lanes || !self.is_even(*selector);
                    cases.iter().for_each(|case| self.find_uneven(&case.body, some_lanes, found));
                }
                Statement::Loop { body, continuing, .. } => {
                    let some_lanes = some_lanes || !self.is_even_loop(statement);
                    self.find_uneven(body, some_lanes, found);
                    self.find_uneven(continuing, some_lanes, found);
                }
                _ => {}
            }
        }
    }

    /// Whether all lanes that come to a loop take as many rounds: it has one way out, at the beginning, by an even
    /// condition.
    fn is_even_loop(&self, statement: &Statement) -> bool {
        let Statement::Loop { body, continuing, break_if: None } = statement else { return false };
        let mut rest = body.iter().skip_while(|own| matches!(own, Statement::Emit(_)));
        let Some(Statement::If { condition, accept, reject }) = rest.next() else { return false };
        let is_way_out = accept.is_empty() && matches!(reject[..], [Statement::Break]);
        is_way_out
            && self.is_even(*condition)
            && !rest.any(|own| leaves(own, true))
            && !continuing.iter().any(|own| leaves(own, true))
    }

    fn is_even(&self, expression: Handle<Expression>) -> bool {
        let all = |of: &[Handle<Expression>]| of.iter().all(|&own| self.is_even(own));
        match &self.function.expressions[expression] {
            Expression::Literal(_)
            | Expression::Constant(_)
            | Expression::Override(_)
            | Expression::ZeroValue(_) => true,
            Expression::FunctionArgument(place) => {
                let ty = self.function.arguments[*place as usize].ty;
                self.module.types[ty].name.as_deref() == Some("Parameters")
            }
            Expression::Load { pointer } => {
                let variable = self.variable(*pointer);
                variable.is_some_and(|own| self.variables.contains(&own))
                    && self.has_even_places(*pointer)
            }
            Expression::Access { base, index } => all(&[*base, *index]),
            Expression::AccessIndex { base, .. } => all(&[*base]),
            Expression::Splat { value, .. } => all(&[*value]),
            Expression::Swizzle { vector, .. } => all(&[*vector]),
            Expression::Compose { components, .. } => all(components),
            Expression::Unary { expr, .. } | Expression::As { expr, .. } => all(&[*expr]),
            Expression::Binary { left, right, .. } => all(&[*left, *right]),
            Expression::Select { condition, accept, reject } => {
                all(&[*condition, *accept, *reject])
            }
            Expression::Relational { argument, .. } => all(&[*argument]),
            Expression::Math { arg, arg1, arg2, arg3, .. } => {
                let others = [arg1, arg2, arg3].into_iter().flatten();
                [arg].into_iter().chain(others).all(|&own| self.is_even(own))
            }
            _ => false,
        }
    }

    /// The variable that a pointer leads into.
    fn variable(&self, pointer: Handle<Expression>) -> Option<Handle<LocalVariable>> {
        match &self.function.expressions[pointer] {
            Expression::LocalVariable(own) => Some(*own),
            Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => {
                self.variable(*base)
            }
            _ => None,
        }
    }

    /// Whether all indices on the way to what a pointer leads to are even.
    fn has_even_places(&self, pointer: Handle<Expression>) -> bool {
        match &self.function.expressions[pointer] {
            Expression::Access { base, index } => {
                self.is_even(*index) && self.has_even_places(*base)
            }
            Expression::AccessIndex { base, .. } => self.has_even_places(*base),
            _ => true,
        }
    }

    /// The loops of a block, where these functions have some.
    fn loops_in(&self, block: &Block, known: &HashMap<Handle<Function>, Loops>) -> Option<Loops> {
        let all = block
            .span_iter()
            .filter_map(|(statement, &span)| self.loops_of(statement, span, known));
        all.reduce(Loops::and)
    }

    fn loops_of(
        &self,
        statement: &Statement,
        span: Span,
        known: &HashMap<Handle<Function>, Loops>,
    ) -> Option<Loops> {
        let within = |block| self.loops_in(block, known);
        let both = |one, other| within(one).into_iter().chain(within(other)).reduce(Loops::and);
        match statement {
            Statement::Loop { body, continuing, .. } => {
                let inner = both(body, continuing);
                let inner_turns = inner.map_or(0, |own| own.turns);
                let is_even = self.is_even_loop(statement);
                let turns = match (is_even, inner) {
                    (true, _) if inner_turns == 0 => 0,
                    (false, None) => 1,
                    _ => WIDEST,
                };
                Some(Loops { first: span, turns, even: is_even })
            }
            Statement::Call { function, .. } => known.get(function).copied(),
            Statement::Block(block) => within(block),
            Statement::If { accept, reject, .. } => both(accept, reject).map(Loops::of_some_lanes),
            Statement::Switch { cases, .. } => {
                let cases = cases.iter().filter_map(|case| within(&case.body));
                cases.map(Loops::of_some_lanes).reduce(Loops::and)
            }
            _ => None,
        }
    }
}

/// Whether a statement leads out of a loop that it is in, or past the rest of a round of it.
fn leaves(statement: &Statement, own: bool) -> bool {
    let any = |block: &Block, own: bool| block.iter().any(|statement| leaves(statement, own));
    match statement {
        Statement::Return { .. } => true,
        Statement::Break | Statement::Continue => own,
        Statement::Block(block) => any(block, own),
        Statement::If { accept, reject, .. } => any(accept, own) || any(reject, own),
        // A break in it leaves the switch, which costs nothing to take for more.
        Statement::Switch { cases, .. } => cases.iter().any(|case| any(&case.body, own)),
        Statement::Loop { body, continuing, .. } => any(body, false) || any(continuing, false),
        _ => false,
    }
}
