//! Statements of naga's IR as lines of WGSL.

use super::body::{Body, Gradient, Place, Returns};
use super::dual::{Directions, Dual, MOST, each};
use super::term::{Node, Term};
use crate::custom::refusal::Refusal;
use naga::{Block, Expression, Function, Handle, Span, Statement};
use std::collections::HashMap;

type Result<T> = std::result::Result<T, Refusal>;

impl Body<'_, '_> {
    /// Writes the lines of the whole function.
    pub(super) fn write(&mut self) -> Result<()> {
        let function = self.function;
        for (handle, local) in function.local_variables.iter() {
            if let Some(init) = local.init {
                let held = self.value(init)?;
                self.holds.insert(handle, held);
            }
        }
        self.block(&function.body)
    }

    pub(super) fn block(&mut self, block: &Block) -> Result<()> {
        for (statement, &span) in block.span_iter() {
            self.statement(statement, span)?;
            match statement {
                Statement::Emit(_) | Statement::Call { .. } => {}
                Statement::Store { .. } => self.forget(),
                _ => self.begin(),
            }
        }
        Ok(())
    }

    pub(super) fn statement(&mut self, statement: &Statement, span: Span) -> Result<()> {
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
                    return Err(Refusal::new(span, reason));
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
                Err(Refusal::new(span, reason))
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
        // An array of parameters is read element by element.
        if self.parameter_array(handle).is_some() {
            return Ok(());
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
            } else if self.terms.is_constant(dual.value) {
                self.wanted.insert(dual.value, wanted.clone());
            }
            for k in 0..MOST {
                let Some(slope) = dual.slopes[k] else { continue };
                // Of one that is mostly 0, each other number for itself: what is 0 is left out.
                let sparse = self.terms.sparse(slope).map(<[Term]>::to_vec);
                for (i, slope) in sparse.clone().unwrap_or(vec![slope]).into_iter().enumerate() {
                    if !self.terms.is_simple(slope) && !named.contains_key(&slope) {
                        let place = sparse.as_ref().map(|_| ["_x", "_y", "_z", "_w"][i]);
                        let wanted = format!("{wanted}{}", place.unwrap_or_default());
                        named.insert(slope, self.slope_name(&wanted, k));
                    }
                }
            }
            let roots: Vec<Term> =
                [dual.value].into_iter().chain(dual.slopes.into_iter().flatten()).collect();
            self.lines_for(&roots, &named);
            dual = dual.map(|term| match (self.terms.node(term), self.terms.sparse(term)) {
                (Node::Call(kind, _), Some(of)) if !self.named.contains_key(&term) => {
                    let (kind, of) = (kind.clone(), of.to_vec());
                    let of = of.into_iter().map(|term| self.by_name(term)).collect();
                    self.terms.call(kind, of)
                }
                _ => self.by_name(term),
            });
        }
        self.duals.insert(handle, dual);
        Ok(())
    }

    /// The name of a term that has one.
    fn by_name(&mut self, term: Term) -> Term {
        let Some(name) = self.named.get(&term) else { return term };
        let name = self.terms.name(name.clone());
        self.meanings.insert(name, term);
        name
    }

    /// Writes `let` for the terms that get a name: a wanted one, or because they are shared.
    fn lines_for(&mut self, roots: &[Term], wanted: &HashMap<Term, String>) {
        for term in self.terms.shared(roots, wanted, &self.named) {
            let name = wanted.get(&term).cloned().unwrap_or_else(|| {
                let own = self.wanted.get(&term).cloned();
                self.unique(own.as_deref().unwrap_or("part"))
            });
            let text = self.terms.own_text(term, &self.named);
            self.lines.constant(&name, &text);
            self.named.insert(term, name);
        }
    }

    /// The text of a term, after the lines that it needs.
    pub(super) fn text(&mut self, term: Term) -> String {
        self.lines_for(&[term], &HashMap::new());
        self.terms.text(term, &self.named)
    }

    /// The same, and what variables hold is not known: a block has begun or ended.
    pub(super) fn begin(&mut self) {
        self.forget();
        self.holds.clear();
    }

    /// Terms and names made from now on are not those made before: variables have changed, or a
    /// block has begun or ended.
    pub(super) fn forget(&mut self) {
        self.terms.forget();
        self.named.clear();
    }

    fn store(&mut self, place: &Place, value: Handle<Expression>) -> Result<()> {
        let dual = self.dual(value)?;
        let zero = self.zero_of(value)?;
        *self.found.locals.entry(place.local).or_default() |= dual.directions();
        if place.steps.is_empty() {
            self.holds.insert(place.local, dual.value);
        } else {
            self.holds.remove(&place.local);
        }
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
                Refusal::new(span, format!("{name} has no rule for a derivative"))
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
        let active: Vec<Directions> = duals.iter().map(Dual::directions).collect();
        let variant = self.writer.variant(function, &active)?;
        let mut passed: Vec<Term> = duals.iter().map(|dual| dual.value).collect();
        let all = &self.writer.source.module.functions[function].arguments;
        let left_out: Vec<bool> =
            all.iter().map(|argument| self.writer.is_left_out(argument.ty)).collect();
        for i in 1..passed.len() {
            let again = duals[..i].iter().any(|other| self.is_same(other.value, passed[i], 8));
            if again && self.is_careful(arguments[i]) && !self.terms.is_constant(passed[i]) {
                passed[i] = self.hidden(passed[i], self.size(arguments[i]));
            }
        }
        let mut kept = left_out.iter();
        passed.retain(|_| !kept.next().copied().unwrap_or_default());
        let directions = if variant.result == 0 { 0 } else { Directions::MAX };
        for (dual, &argument) in duals.iter().zip(arguments) {
            if dual.is_constant() {
                continue;
            }
            let zero = self.zero_of(argument)?;
            let slopes = each(dual.directions() & directions);
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
            (variant.result >> k & 1 == 1).then(|| self.terms.member(result, format!("by_{by}")))
        });
        Ok(Dual { value, slopes })
    }

    fn give(&mut self, value: Handle<Expression>) -> Result<()> {
        let dual = self.dual(value)?;
        let zero = self.zero_of(value)?;
        self.found.result |= dual.directions();
        if let (Returns::Whole(_), Some(result)) = (&self.returns, &self.function.result) {
            for k in each(dual.directions()) {
                let slope = dual.slopes[k].map_or(0, |slope| self.nonzero(slope, result.ty).0);
                self.leaves[k] |= slope;
            }
        }
        let slope = |k: usize| dual.slopes[k].unwrap_or(zero);
        let term = match self.returns.clone() {
            Returns::Value => dual.value,
            Returns::Slopes(gradient) => self.gathered(gradient, &slope, zero),
            Returns::Both(name, gradient) => {
                let slopes = self.gathered(gradient, &slope, zero);
                self.terms.call(name, vec![dual.value, slopes])
            }
            Returns::Dual(name) | Returns::Whole(name) => {
                let found = self.found.result;
                let slopes = each(found).map(slope);
                self.terms.call(name, [dual.value].into_iter().chain(slopes).collect())
            }
        };
        let text = self.text(term);
        self.lines.other(format!("return {text};"));
        Ok(())
    }

    /// A gradient of these slopes.
    fn gathered(&mut self, gradient: Gradient, slope: &dyn Fn(usize) -> Term, zero: Term) -> Term {
        let mut all = Vec::new();
        for member in gradient.members {
            let slopes: Vec<Term> = member.by.iter().map(|k| k.map_or(zero, slope)).collect();
            all.push(match slopes[..] {
                [slope] => slope,
                _ => self.terms.call(member.kind(), slopes),
            });
        }
        match gradient.name {
            Some(name) => self.terms.call(name, all),
            None => all[0],
        }
    }
}
