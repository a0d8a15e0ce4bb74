//! The loops of a text, and how many turns the lanes of a subgroup take in them.

use crate::dispatch::WIDEST;
use naga::{Block, Expression, Function, Handle, LocalVariable, Module, Span, Statement};
use std::collections::{HashMap, HashSet};

/// The loops of a function, and of what it calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loops {
    /// Where the first one is.
    pub(super) first: Span,
    /// How many times the rounds of one lane the lanes of a subgroup may take together, as they take turns where they
    /// go different ways: as many as there are loops, or as there are lanes where one is within another. Of those that
    /// all lanes go through side by side all count as one.
    pub(super) turns: usize,
    /// Whether there are such ones, which the turns do not count yet.
    even: bool,
}

impl Loops {
    fn and(self, after: Self) -> Self {
        let turns = (self.turns + after.turns).min(WIDEST);
        Self { first: self.first, turns, even: self.even || after.even }
    }

    /// The same with a turn for those that all lanes that come there go through side by side.
    fn counted(self) -> Self {
        let turns = (self.turns + usize::from(self.even)).min(WIDEST);
        Self { turns, even: false, ..self }
    }
}

/// The loops of the user's functions that have any.
pub(super) fn loops(
    module: &Module,
    is_own: impl Fn(Span) -> bool,
) -> HashMap<Handle<Function>, Loops> {
    let mut all = HashMap::new();
    let called: HashSet<Handle<Function>> =
        module.functions.iter().flat_map(|(_, function)| called_by(function)).collect();
    // What a function calls stands before it.
    for (handle, function) in module.functions.iter() {
        if !is_own(module.functions.get_span(handle)) {
            continue;
        }
        let is_first = function.result.is_some() && !called.contains(&handle);
        let even = Even::of(module, function, is_first);
        // Behind a return in a branch there are only some lanes.
        let last = function.body.len().saturating_sub(1);
        let returns_early =
            function.body.iter().enumerate().any(|(i, own)| may_leave(own, false) && i < last);
        if let Some(own) = even.loops_in(&function.body, &all, returns_early) {
            all.insert(handle, own);
        }
    }
    all.into_iter().map(|(handle, own)| (handle, own.counted())).collect()
}

/// The functions whose results a function takes.
fn called_by(function: &Function) -> impl Iterator<Item = Handle<Function>> {
    function.expressions.iter().filter_map(|(_, own)| match own {
        Expression::CallResult(function) => Some(*function),
        _ => None,
    })
}

/// What is the same in all lanes that come there.
struct Even<'m> {
    module: &'m Module,
    function: &'m Function,
    /// Whether it is called by kernels alone, whose parameters are the same for all.
    is_first: bool,
    /// The variables that have only such values.
    variables: HashSet<Handle<LocalVariable>>,
    /// For each expression whether it is such a value; of a pointer, whether all indices on the way to it are.
    expressions: Vec<bool>,
}

impl<'m> Even<'m> {
    fn of(module: &'m Module, function: &'m Function, is_first: bool) -> Self {
        let variables = function.local_variables.iter().map(|(handle, _)| handle).collect();
        let expressions = vec![false; function.expressions.len()];
        let mut even = Self { module, function, is_first, variables, expressions };
        // What a round of a loop stores is there in the next one.
        loop {
            let before = even.variables.len();
            // Operands stand before what is made of them.
            function.expressions.iter().for_each(|(handle, _)| even.look(handle));
            even.leave_out(&function.body, false);
            if even.variables.len() == before {
                return even;
            }
        }
    }

    /// Leaves out the variables that are stored where only some lanes come, or from what is not the same in all.
    fn leave_out(&mut self, block: &Block, some_lanes: bool) {
        for statement in block {
            match statement {
                Statement::Emit(range) => range.clone().for_each(|handle| self.look(handle)),
                Statement::Store { pointer, value }
                    if some_lanes || !self.is_even(*value) || !self.is_even(*pointer) =>
                {
                    let variable = self.variable(*pointer);
                    variable.map(|own| self.variables.remove(&own));
                }
                Statement::Block(block) => self.leave_out(block, some_lanes),
                Statement::If { condition, accept, reject } => {
                    let some_lanes = some_lanes || !self.is_even(*condition);
                    self.leave_out(accept, some_lanes);
                    self.leave_out(reject, some_lanes);
                }
                Statement::Switch { selector, cases } => {
                    let mut all = cases.iter().flat_map(|case| case.body.iter());
                    let some_lanes = some_lanes
                        || !self.is_even(*selector)
                        || all.any(|own| may_leave(own, true));
                    cases.iter().for_each(|case| self.leave_out(&case.body, some_lanes));
                }
                Statement::Loop { body, continuing, .. } => {
                    let some_lanes = some_lanes || !self.is_even_loop(statement);
                    self.leave_out(body, some_lanes);
                    self.leave_out(continuing, some_lanes);
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
            && !rest.any(|own| may_leave(own, true))
            && !continuing.iter().any(|own| may_leave(own, true))
    }

    fn is_even(&self, expression: Handle<Expression>) -> bool {
        self.expressions[expression.index()]
    }

    /// Looks at an expression of whose operands it is known.
    fn look(&mut self, expression: Handle<Expression>) {
        let all = |of: &[Handle<Expression>]| of.iter().all(|&own| self.is_even(own));
        self.expressions[expression.index()] = match &self.function.expressions[expression] {
            Expression::Literal(_)
            | Expression::Constant(_)
            | Expression::Override(_)
            | Expression::ZeroValue(_)
            | Expression::LocalVariable(_) => true,
            Expression::FunctionArgument(place) => {
                let ty = self.function.arguments[*place as usize].ty;
                self.is_first && self.module.types[ty].name.as_deref() == Some("Parameters")
            }
            Expression::Load { pointer } => {
                let variable = self.variable(*pointer);
                variable.is_some_and(|own| self.variables.contains(&own)) && all(&[*pointer])
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
        };
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

    /// The loops of a block, where these functions have some; of a part of a function where there may be only some
    /// lanes, if it is so.
    fn loops_in(
        &self,
        block: &Block,
        known: &HashMap<Handle<Function>, Loops>,
        some_lanes: bool,
    ) -> Option<Loops> {
        let all = block.span_iter().filter_map(|(statement, &span)| {
            let loops = self.loops_of(statement, span, known, some_lanes)?;
            Some(if some_lanes { loops.counted() } else { loops })
        });
        all.reduce(Loops::and)
    }

    fn loops_of(
        &self,
        statement: &Statement,
        span: Span,
        known: &HashMap<Handle<Function>, Loops>,
        some_lanes: bool,
    ) -> Option<Loops> {
        let side = |block| self.loops_in(block, known, true);
        match statement {
            Statement::Loop { body, continuing, .. } => {
                let inner = [body, continuing].map(|block| self.loops_in(block, known, false));
                let inner = inner.into_iter().flatten().reduce(Loops::and);
                let is_even = self.is_even_loop(statement);
                let turns = match inner {
                    None => usize::from(!is_even),
                    Some(inner) if is_even && inner.turns == 0 => 0,
                    Some(_) => WIDEST,
                };
                Some(Loops { first: span, turns, even: is_even })
            }
            Statement::Call { function, .. } => known.get(function).copied(),
            Statement::Block(block) => self.loops_in(block, known, some_lanes),
            Statement::If { accept, reject, .. } => {
                [accept, reject].into_iter().filter_map(side).reduce(Loops::and)
            }
            Statement::Switch { cases, .. } => {
                cases.iter().filter_map(|case| side(&case.body)).reduce(Loops::and)
            }
            _ => None,
        }
    }
}

/// Whether a statement may lead past what comes after it: by a return, or by a break or continue, which count if it is
/// asked for those of what the statement is in.
fn may_leave(statement: &Statement, by_breaks: bool) -> bool {
    let any = |block: &Block, by_breaks| block.iter().any(|own| may_leave(own, by_breaks));
    match statement {
        Statement::Return { .. } => true,
        Statement::Break | Statement::Continue => by_breaks,
        Statement::Block(block) => any(block, by_breaks),
        Statement::If { accept, reject, .. } => any(accept, by_breaks) || any(reject, by_breaks),
        // A break in it leaves the switch alone: more is counted than there is.
        Statement::Switch { cases, .. } => cases.iter().any(|case| any(&case.body, by_breaks)),
        Statement::Loop { body, continuing, .. } => any(body, false) || any(continuing, false),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// The turns of a text's last function.
    fn turns(text: &str) -> usize {
        let module = naga::front::wgsl::parse_str(text).expect("valid text");
        let loops = loops(&module, |_| true);
        let last = module.functions.iter().next_back().map(|(handle, _)| handle);
        loops[&last.expect("a function")].turns
    }

    /// In the functions that a kernel calls, with a counter of 9 rounds as FOR.
    fn of_value(before: &str, body: &str) -> usize {
        let text = format!(
            "struct Parameters {{ n: i32, kind: i32 }}
            {before}
            fn value(p: f32, m: i32, c: Parameters) -> f32 {{ var y = p; {body} return y; }}"
        );
        turns(&text.replace("FOR", "for (var i = 0; i < 9; i++)"))
    }

    const HELPERS: &str = "fn a(x: f32) -> f32 { var y = x; FOR { y += x; } return y; }
        fn b(x: f32) -> f32 { var y = x; FOR { y *= x; } return y; }";

    #[test]
    fn lanes_that_go_together_take_one_turn() {
        assert_eq!(of_value("", "FOR { y += p; }"), 1);
        assert_eq!(of_value("", "FOR { y += p; } FOR { y *= p; }"), 1);
        assert_eq!(of_value("", "FOR { for (var j = 0; j < i; j++) { y += p; } }"), 1);
        assert_eq!(of_value("", "for (var i = 0; i < c.n; i++) { FOR { y += p; } }"), 1);
        assert_eq!(
            of_value("", "var k = 30; while (k > 1) { k /= 2; if (p > y) { y += 1.0; } }"),
            1
        );
        assert_eq!(of_value(HELPERS, "y = a(p) + b(y) + a(y);"), 1);
        assert_eq!(of_value(HELPERS, "FOR { y = a(y); }"), 1);
    }

    /// Each value is twice in the next one, and none is looked at more than once for that.
    #[test]
    fn values_of_values() {
        let mut body = "var k = 2; let x0 = k;".to_string();
        for i in 1..=4000 {
            write!(body, "let x{i} = x{0} + x{0};", i - 1).expect("a string");
        }
        body += "k = x4000; for (var i = 0; i < k; i++) { y += p; }";
        assert_eq!(of_value("", &body), 1);
    }

    #[test]
    fn lanes_that_go_different_ways_take_more() {
        let loop_of_lane = "for (var i = 0; i < m; i++) { y += p; }";
        assert_eq!(of_value("", loop_of_lane), 1);
        assert_eq!(of_value("", &loop_of_lane.repeat(2)), 2);
        // Who has left the first one for good is not there in the other one.
        assert_eq!(of_value("", &format!("{loop_of_lane} FOR {{ y += p; }}")), 2);
        assert_eq!(of_value("", "FOR { for (var j = 0; j < m; j++) { y += p; } }"), WIDEST);
        assert_eq!(of_value("", "for (var j = 0; j < m; j++) { FOR { y += p; } }"), WIDEST);
        assert_eq!(of_value(HELPERS, "for (var j = 0; j < m; j++) { y = a(y); }"), WIDEST);
        // Ways out of loops.
        for way_out in
            ["break;", "continue;", "return y;", "switch m { case 1: { return y; } default: {} }"]
        {
            let body = format!("FOR {{ if (y > 9.0) {{ {way_out} }} y += p; }}");
            assert!(of_value("", &body.repeat(2)) >= 2, "{way_out}");
        }
        assert_eq!(of_value("", "while (y < 9.0 && p > 0.0) { y += p; } FOR { y += p; }"), 2);
    }

    #[test]
    fn branches_that_lanes_take_apart() {
        assert_eq!(of_value(HELPERS, "if (p > 0.0) { y = a(p); } else { y = b(p); }"), 2);
        assert_eq!(of_value(HELPERS, "if (p > 0.0) { y = a(p); } y += b(p);"), 2);
        let three =
            "if (p > 0.0) { y = a(p); } else if (p < -1.0) { y = b(p); } else { y = a(y); }";
        assert_eq!(of_value(HELPERS, three), 3);
        let cases = "switch m { case 1: { y = a(p); } case 2: { y = b(p); } default: {} }";
        assert_eq!(of_value(HELPERS, cases), 2);
        // What is behind an early return.
        let early = "fn h(x: f32) -> f32 { if (x > 0.0) { return 0.0; } var y = x; FOR { y += x; } return y; }";
        assert_eq!(of_value(early, "y = h(p) + h(-p);"), 2);
        assert_eq!(of_value("", "FOR { y += p; } if (p > 0.0) { return y; } FOR { y += p; }"), 2);
    }

    #[test]
    fn numbers_that_lanes_have_for_themselves() {
        let up_to = |n: &str| format!("for (var i = 0; i < {n}; i++) {{ y += p; }}").repeat(2);
        for before in [
            "var n = m;",
            "var n = 1; if (p > 0.0) { n = 300; }",
            "var n = 1; switch c.kind { default: { if (p > 0.0) { break; } n = 300; } }",
            "var n = 1; while (y < 9.0) { y += p; n += 1; }",
            "var k = 1; var n = 1; FOR { n = k; k = m; }",
            "var all = array(1, 2, 3); var n = all[m];",
            "var q = c; q.n = m; var n = q.n;",
        ] {
            assert!(of_value("", &format!("{before} {}", up_to("n"))) >= 2, "{before}");
        }
        // A helper's parameters may be made by who calls it.
        let helper = format!(
            "fn h(p: f32, c: Parameters) -> f32 {{ var y = p; {} return y; }}",
            up_to("c.n")
        );
        assert_eq!(of_value(&helper, "var q = c; q.n = m; y = h(p, q);"), 2);
        assert_eq!(of_value("", &up_to("c.n")), 1);
    }
}
