//! Branches and loops.

use super::body::Body;
use super::term::Term;
use crate::custom::refusal::Refusal;
use naga::{Block, Expression, Handle, LocalVariable, Span, Statement, SwitchValue};

type Result<T> = std::result::Result<T, Refusal>;

impl Body<'_, '_> {
    pub(super) fn branch(
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
        self.begin();
        self.lines.open(format!("if ({condition}) {{"));
        self.block(accept)?;
        if !reject.is_empty() {
            self.lines.close("} else {");
            self.begin();
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
        if local != other
            || !accept.iter().take(accept.len() - 1).all(computes)
            || self.calls_own(accept)
        {
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

    /// Whether a user's function is called: it may loop where the left side would have kept it from
    /// being called.
    fn calls_own(&self, block: &Block) -> bool {
        block.iter().any(|statement| match statement {
            Statement::Call { function, .. } => self.writer.numeric_name(*function).is_none(),
            Statement::If { accept, reject, .. } => {
                self.calls_own(accept) || self.calls_own(reject)
            }
            _ => false,
        })
    }

    pub(super) fn switch(
        &mut self,
        selector: Handle<Expression>,
        cases: &[naga::SwitchCase],
    ) -> Result<()> {
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
            self.begin();
            let labels = std::mem::take(&mut labels).join(", ");
            let case_word = if labels == "default" { "" } else { "case " };
            self.lines.open(format!("{case_word}{labels}: {{"));
            self.block(&case.body)?;
            self.lines.close("}");
        }
        self.lines.close("}");
        Ok(())
    }

    pub(super) fn repeat(
        &mut self,
        body: &Block,
        continuing: &Block,
        break_if: Option<Handle<Expression>>,
        span: Span,
    ) -> Result<()> {
        if break_if.is_none() && !leaves(body, true) {
            return Err(Refusal::new(span, "this loop never ends"));
        }
        self.begin();
        self.lines.open("loop {");
        if let Some(counter) = self.writer.limiter() {
            self.lines.open(format!("if ({counter} == 0u) {{"));
            self.lines.other("break;");
            self.lines.close("}");
            self.lines.other(format!("{counter} -= 1u;"));
        }
        self.block(body)?;
        if !continuing.is_empty() || break_if.is_some() {
            self.begin();
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
