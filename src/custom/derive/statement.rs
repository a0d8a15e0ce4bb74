//! Statements of naga's IR as lines of WGSL.

use super::body::{Body, Place, Returns};
use super::dual::Dual;
use super::term::Term;
use crate::custom::source::Refusal;
use naga::{Block, Expression, Function, Handle, LocalVariable, Span, Statement, SwitchValue};
use std::collections::HashMap;

type Result<T> = std::result::Result<T, Refusal>;

impl Body<'_, '_> {
    /// Writes the lines of the whole function.
    pub(super) fn write(&mut self) -> Result<()> {
        let function = self.function;
        self.block(&function.body)
    }

    fn block(&mut self, block: &Block) -> Result<()> {
        for (statement, &span) in block.span_iter() {
            self.statement(statement, span)?;
            if !matches!(statement, Statement::Emit(_) | Statement::Call { .. }) {
                self.forget();
            }
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement, span: Span) -> Result<()> {
        match statement {
            Statement::Emit(range) => {
                for handle in range.clone() {
                    self.emit(handle)?;
                }
                Ok(())
            }
            Statement::Block(block) => self.block(block),
            Statement::If { condition, accept, reject } => self.branch(*condition, accept, reject),
            Statement::Switch { selector, cases } => self.switch(*selector, cases),
            Statement::Loop { body, continuing, break_if } => {
                self.repeat(body, continuing, *break_if, span)
            }
            Statement::Break => {
                self.lines.other("break;");
                Ok(())
            }
            Statement::Continue => {
                self.lines.other("continue;");
                Ok(())
            }
            Statement::Return { value: Some(value) } => self.give(*value),
            Statement::Store { pointer, value } => {
                let place = self.place(*pointer)?;
                self.store(&place, *value)
            }
            Statement::Call { function, arguments, result } => {
                let pointer = |&x: &Handle<Expression>| self.inner(x).pointer_space().is_some();
                if arguments.iter().any(pointer) {
                    let reason = "pointers as arguments are not supported";
                    return Err(self.refused_at(span, reason));
                }
                // A function without a result does nothing: it has nowhere to write to.
                match result {
                    Some(result) => self.call(*function, arguments, *result, span),
                    None => Ok(()),
                }
            }
            _ => {
                let reason = "this is not arithmetic on the arguments: barriers, atomics, discard \
                              and functions without a result are not supported";
                Err(self.refused_at(span, reason))
            }
        }
    }

    fn emit(&mut self, handle: Handle<Expression>) -> Result<()> {
        // A pointer is followed where it is used.
        if self.inner(handle).pointer_space().is_some() {
            return match self.function.named_expressions.get(&handle) {
                Some(_) => Err(self.refused(handle, "a name for a pointer is not supported")),
                None => Ok(()),
            };
        }
        let dual = self.dual(handle)?;
        self.name(handle, dual)
    }

    /// Gives a dual the user's name, if there is one.
    fn name(&mut self, handle: Handle<Expression>, dual: Dual) -> Result<()> {
        let mut dual = dual;
        if let Some(wanted) = self.function.named_expressions.get(&handle) {
            let mut named = HashMap::new();
            if !self.terms.is_simple(dual.value) {
                named.insert(dual.value, self.unique(wanted));
            }
            for k in 0..4 {
                if let Some(slope) = dual.slopes[k]
                    && !self.terms.is_simple(slope)
                    && !named.contains_key(&slope)
                {
                    named.insert(slope, self.slope_name(wanted, k));
                }
            }
            let roots: Vec<Term> =
                [dual.value].into_iter().chain(dual.slopes.into_iter().flatten()).collect();
            self.lines_for(&roots, &named);
            dual = dual.map(|term| match self.named.get(&term) {
                Some(name) => self.terms.name(name.clone()),
                None => term,
            });
        }
        self.duals.insert(handle, dual);
        Ok(())
    }

    /// Writes `let` for the terms that get a name: a wanted one, or because they are shared.
    fn lines_for(&mut self, roots: &[Term], wanted: &HashMap<Term, String>) {
        for term in self.terms.shared(roots, wanted, &self.named) {
            let name = wanted.get(&term).cloned().unwrap_or_else(|| self.unique("part"));
            let text = self.terms.own_text(term, &self.named);
            self.lines.constant(&name, &text);
            self.named.insert(term, name);
        }
    }

    /// The text of a term, after the lines that it needs.
    fn text(&mut self, term: Term) -> String {
        self.lines_for(&[term], &HashMap::new());
        self.terms.text(term, &self.named)
    }

    /// Terms and names made from now on are not those made before: variables have changed, or a
    /// block has begun or ended.
    fn forget(&mut self) {
        self.terms.forget();
        self.named.clear();
    }

    fn branch(
        &mut self,
        condition: Handle<Expression>,
        accept: &Block,
        reject: &Block,
    ) -> Result<()> {
        if let Some((variable, value)) = self.logical(condition, accept, reject)? {
            self.conditions.insert(variable, value);
            return Ok(());
        }
        let mut condition = self.value(condition)?;
        let (mut accept, mut reject) = (accept, reject);
        if accept.is_empty() {
            condition = self.terms.unary("!", condition);
            std::mem::swap(&mut accept, &mut reject);
        }
        let condition = self.text(condition);
        self.forget();
        self.lines.open(format!("if ({condition}) {{"));
        self.block(accept)?;
        if !reject.is_empty() {
            self.lines.close("} else {");
            self.forget();
            self.block(reject)?;
        }
        self.lines.close("}");
        Ok(())
    }

    /// The variable and the value of an `&&` or `||`, which naga makes an `if` of.
    fn logical(
        &mut self,
        condition: Handle<Expression>,
        accept: &Block,
        reject: &Block,
    ) -> Result<Option<(Handle<LocalVariable>, Term)>> {
        let target = |statement: &Statement| match *statement {
            Statement::Store { pointer, value } => match self.function.expressions[pointer] {
                Expression::LocalVariable(local)
                    if self.function.local_variables[local].name.is_none() =>
                {
                    Some((local, value))
                }
                _ => None,
            },
            _ => None,
        };
        let otherwise = reject.first().filter(|_| reject.len() == 1).and_then(target);
        let last = accept.last().and_then(target);
        let (Some((local, value)), Some((other, is_or))) = (last, otherwise) else {
            return Ok(None);
        };
        let computes = |statement: &Statement| {
            matches!(statement, Statement::Emit(_) | Statement::If { .. } | Statement::Call { .. })
        };
        if local != other || !accept.iter().take(accept.len() - 1).all(computes) {
            return Ok(None);
        }
        // Of `a || b`, the condition is `!a`, and the value without `b` is true.
        let yes = Expression::Literal(naga::Literal::Bool(true));
        let left = self.value(condition)?;
        for (statement, &span) in accept.span_iter().take(accept.len() - 1) {
            self.statement(statement, span)?;
        }
        let right = self.value(value)?;
        let value = match self.terms.inverted(left) {
            Some(left) if self.function.expressions[is_or] == yes => {
                self.terms.binary("||", left, right)
            }
            _ => self.terms.binary("&&", left, right),
        };
        Ok(Some((local, value)))
    }

    fn switch(&mut self, selector: Handle<Expression>, cases: &[naga::SwitchCase]) -> Result<()> {
        let selector = self.value(selector)?;
        let selector = self.text(selector);
        self.lines.open(format!("switch {selector} {{"));
        let mut labels: Vec<String> = Vec::new();
        for case in cases {
            labels.push(match case.value {
                SwitchValue::I32(x) => x.to_string(),
                SwitchValue::U32(x) => format!("{x}u"),
                SwitchValue::Default => "default".into(),
            });
            if case.fall_through {
                continue;
            }
            self.forget();
            let labels = std::mem::take(&mut labels).join(", ");
            let case_word = if labels == "default" { "" } else { "case " };
            self.lines.open(format!("{case_word}{labels}: {{"));
            self.block(&case.body)?;
            self.lines.close("}");
        }
        self.lines.close("}");
        Ok(())
    }

    fn repeat(
        &mut self,
        body: &Block,
        continuing: &Block,
        break_if: Option<Handle<Expression>>,
        span: Span,
    ) -> Result<()> {
        if break_if.is_none() && !leaves(body, true) {
            return Err(self.refused_at(span, "this loop never ends"));
        }
        self.forget();
        self.lines.open("loop {");
        if let Some(counter) = self.writer.limiter() {
            self.lines.open(format!("if ({counter} == 0u) {{"));
            self.lines.other("break;");
            self.lines.close("}");
            self.lines.other(format!("{counter} -= 1u;"));
        }
        self.block(body)?;
        if !continuing.is_empty() || break_if.is_some() {
            self.forget();
            self.lines.open("continuing {");
            self.block(continuing)?;
            if let Some(condition) = break_if {
                let condition = self.value(condition)?;
                let condition = self.text(condition);
                self.lines.other(format!("break if {condition};"));
            }
            self.lines.close("}");
        }
        self.lines.close("}");
        Ok(())
    }

    fn store(&mut self, place: &Place, value: Handle<Expression>) -> Result<()> {
        let dual = self.dual(value)?;
        let zero = self.zero_of(value)?;
        *self.found.locals.entry(place.local).or_default() |= dual.directions();
        let local = self.local(place.local);
        let names = local.slopes.iter().zip(dual.slopes);
        let slopes = names.filter_map(|(name, slope)| Some((name.clone()?, slope.unwrap_or(zero))));
        let stores: Vec<(String, Term)> = slopes.chain([(local.name, dual.value)]).collect();
        let roots: Vec<Term> = stores.iter().map(|(_, term)| *term).collect();
        self.lines_for(&roots, &HashMap::new());
        // The slopes come first: they are those of what the variables hold until now.
        for (name, term) in stores {
            let text = self.terms.text(term, &self.named);
            let place = self.at(name.clone(), &place.steps);
            let place = self.terms.text(place, &HashMap::new());
            self.lines.store(&name, &place, &text);
        }
        Ok(())
    }

    fn call(
        &mut self,
        function: Handle<Function>,
        arguments: &[Handle<Expression>],
        result: Handle<Expression>,
        span: Span,
    ) -> Result<()> {
        let mut duals = Vec::new();
        for &argument in arguments {
            duals.push(self.dual(argument)?);
        }
        let dual = match self.writer.numeric_name(function) {
            Some(name) => self.rules().numeric(&name, &duals).ok_or_else(|| {
                self.refused_at(span, format!("{name} has no rule for a derivative"))
            })?,
            None => self.call_own(function, arguments, &duals)?,
        };
        self.name(result, dual)
    }

    fn call_own(
        &mut self,
        function: Handle<Function>,
        arguments: &[Handle<Expression>],
        duals: &[Dual],
    ) -> Result<Dual> {
        let active: Vec<u8> = duals.iter().map(Dual::directions).collect();
        let variant = self.writer.variant(function, &active)?;
        let mut passed: Vec<Term> = duals.iter().map(|dual| dual.value).collect();
        let directions = if variant.result == 0 { 0 } else { u8::MAX };
        for (dual, &argument) in duals.iter().zip(arguments) {
            let zero = self.zero_of(argument)?;
            let slopes = (0..4).filter(|k| dual.directions() & directions & 1 << k != 0);
            passed.extend(slopes.map(|k| dual.slopes[k].unwrap_or(zero)));
        }
        let call = self.terms.call(variant.name.clone(), passed);
        if variant.result == 0 {
            return Ok(Dual::constant(call));
        }
        let text = self.text(call);
        let name = self.unique(&variant.result_name);
        self.lines.constant(&name, &text);
        let result = self.terms.name(name);
        let value = self.terms.member(result, "value");
        let slopes = std::array::from_fn(|k| {
            let by = self.writer.directions.get(k)?.clone();
            (variant.result & 1 << k != 0).then(|| self.terms.member(result, format!("by_{by}")))
        });
        Ok(Dual { value, slopes })
    }

    fn give(&mut self, value: Handle<Expression>) -> Result<()> {
        let dual = self.dual(value)?;
        let zero = self.zero_of(value)?;
        self.found.result |= dual.directions();
        let slope = |k: usize| dual.slopes[k].unwrap_or(zero);
        let term = match self.returns.clone() {
            Returns::Value => dual.value,
            Returns::Slopes { of, size: 1 } => slope(of[0]),
            Returns::Slopes { of, size } => {
                let slopes = (0..size).map(|k| if of.contains(&k) { slope(k) } else { zero });
                self.terms.call(format!("vec{size}<f32>"), slopes.collect())
            }
            Returns::Dual(name) => {
                let found = self.found.result;
                let slopes = (0..4).filter(|k| found & 1 << k != 0).map(slope);
                self.terms.call(name, [dual.value].into_iter().chain(slopes).collect())
            }
        };
        let text = self.text(term);
        self.lines.other(format!("return {text};"));
        Ok(())
    }
}

/// Whether a loop with this body can end; a `break` in a `switch` leaves that.
fn leaves(block: &Block, own: bool) -> bool {
    block.iter().any(|statement| match statement {
        Statement::Break => own,
        Statement::Return { .. } => true,
        Statement::Block(block) => leaves(block, own),
        Statement::If { accept, reject, .. } => leaves(accept, own) || leaves(reject, own),
        Statement::Switch { cases, .. } => cases.iter().any(|case| leaves(&case.body, false)),
        Statement::Loop { body, continuing, .. } => {
            leaves(body, false) || leaves(continuing, false)
        }
        _ => false,
    })
}
