//! Operators: arithmetic that keeps what compilers forget, and comparisons that know NaN.

use super::body::Body;
use super::dual::Dual;
use super::term::{Term, Terms};
use crate::custom::advice::sign;
use crate::custom::refusal::Refusal;
use naga::{BinaryOperator, Expression, Handle, TypeInner, UnaryOperator};

type Result<T> = std::result::Result<T, Refusal>;

impl Body<'_, '_> {
    pub(super) fn unary(&mut self, operator: UnaryOperator, x: Handle<Expression>) -> Result<Dual> {
        let x = self.dual(x)?;
        Ok(match operator {
            UnaryOperator::Negate => x.negative(&mut self.terms),
            UnaryOperator::LogicalNot => Dual::constant(self.terms.unary("!", x.value)),
            UnaryOperator::BitwiseNot => Dual::constant(self.terms.unary("~", x.value)),
        })
    }

    pub(super) fn binary(
        &mut self,
        handle: Handle<Expression>,
        operator: BinaryOperator,
        left: Handle<Expression>,
        right: Handle<Expression>,
    ) -> Result<Dual> {
        use BinaryOperator as Op;
        let (a, mut b) = (self.dual(left)?, self.dual(right)?);
        // Of a constant divisor of 0, or one that shifts too far, the compiler would complain.
        if matches!(operator, Op::Divide | Op::Modulo | Op::ShiftLeft | Op::ShiftRight)
            && !self.is_float(handle)
            && self.terms.is_constant(b.value)
            && !self.terms.is_small_number(b.value)
        {
            b.value = self.kept(b.value, "part");
        }
        if matches!(self.inner(handle), TypeInner::Matrix { .. }) {
            return Err(self.refused(handle, "matrices are not supported"));
        }
        if self.is_float(handle) {
            return self.of_floats(handle, operator, [a, b], [left, right]);
        }
        if self.is_careful(left) {
            return self.comparison(handle, operator, [a, b], [left, right]);
        }
        let operator = sign(operator);
        Ok(Dual::constant(self.terms.binary(operator, a.value, b.value)))
    }

    /// Whether these are floats, of which NaN is to be kept.
    pub(super) fn is_careful(&self, handle: Handle<Expression>) -> bool {
        self.writer.accurate && self.is_float(handle)
    }

    fn of_floats(
        &mut self,
        handle: Handle<Expression>,
        operator: BinaryOperator,
        [a, b]: [Dual; 2],
        handles: [Handle<Expression>; 2],
    ) -> Result<Dual> {
        use BinaryOperator as Op;
        if operator == Op::Modulo && self.writer.accurate {
            let dual = self.by_component(handle, &[a, b], &handles, |rules, own| {
                rules.numeric("float_remainder", own)
            })?;
            return dual.ok_or_else(|| self.refused(handle, "% has no rule for a derivative"));
        }
        let given = [a.value, b.value];
        let (mut a, mut b) = self.unsplat(operator, a, b, handles);
        let spread = [a.value != given[0], b.value != given[1]];
        if self.writer.accurate {
            let sizes = handles.map(|handle| self.size(handle));
            let is_zero = |body: &Self, dual: Dual| {
                body.terms.as_number(body.meaning(dual.value)) == Some(0.0)
            };
            match operator {
                Op::Multiply if is_zero(self, b) => b.value = self.hidden_zero(a.value, sizes[0]),
                Op::Multiply | Op::Divide if is_zero(self, a) => {
                    a.value = self.hidden_zero(b.value, sizes[1]);
                }
                Op::Divide if is_zero(self, b) && !self.terms.is_constant(a.value) => {
                    b.value = self.hidden_zero(a.value, sizes[0]);
                }
                Op::Add if self.cancels(a.value, b.value, true) => {
                    b.value = self.hidden(b.value, sizes[1]);
                }
                Op::Subtract if self.cancels(a.value, b.value, false) => {
                    b.value = self.hidden(b.value, sizes[1]);
                }
                Op::Multiply if self.overflows(a.value, b.value) => {
                    // Whichever is no constant.
                    if self.terms.is_constant(a.value) {
                        b.value = self.hidden(b.value, sizes[1]);
                    } else {
                        a.value = self.hidden(a.value, sizes[0]);
                    }
                }
                // A square of what is no root needs no help.
                Op::Multiply | Op::Divide
                    if (operator != Op::Multiply || self.is_root(a.value))
                        && self.is_same(a.value, b.value, 8) =>
                {
                    b.value = self.hidden(b.value, sizes[1]);
                }
                _ => {}
            }
        }
        let apply = |terms: &mut Terms, a, b| match operator {
            Op::Add => Dual::sum(a, b, terms),
            Op::Subtract => Dual::difference(a, b, terms),
            Op::Multiply => Dual::product(a, b, terms),
            Op::Divide => Dual::quotient(a, b, terms),
            _ => {
                let value = terms.binary("%", a.value, b.value);
                Dual::remainder(value, a, b, terms)
            }
        };
        let dual = apply(&mut self.terms, a, b);
        let Some(size) = self.size(handle).filter(|_| self.is_sparse(&[a, b])) else {
            return Ok(dual);
        };
        // Of slopes that are mostly 0, what is not.
        let is_vector = [0, 1].map(|k| !spread[k] && self.size(handles[k]).is_some());
        let mut components = Vec::new();
        for i in 0..size {
            let [a, b] =
                [(a, is_vector[0]), (b, is_vector[1])].map(|(own, is_vector)| match is_vector {
                    true => own.component(size, i, &mut self.terms),
                    false => own,
                });
            components.push(apply(&mut self.terms, a, b));
        }
        let slopes = self.joined_slopes(&format!("vec{size}<f32>"), &components);
        Ok(Dual { slopes, ..dual })
    }

    /// A 0 beside this number, or vector, of which no compiler knows.
    fn hidden_zero(&mut self, beside: Term, size: Option<usize>) -> Term {
        let number = match size {
            Some(size) => self.terms.component(beside, size, 0),
            None => beside,
        };
        self.terms.call("hidden_zero", vec![number])
    }

    /// The same, of which no compiler knows that it is.
    pub(super) fn hidden(&mut self, x: Term, size: Option<usize>) -> Term {
        self.by_components(&[x], size, "f32", |body, x| body.terms.call("hidden", x.to_vec()))
    }

    /// A function of numbers, or of vectors component by component.
    fn by_components(
        &mut self,
        of: &[Term],
        size: Option<usize>,
        kind: &str,
        mut function: impl FnMut(&mut Self, &[Term]) -> Term,
    ) -> Term {
        let Some(size) = size else { return function(self, of) };
        let mut components = Vec::new();
        for i in 0..size {
            let of: Vec<Term> = of.iter().map(|&x| self.terms.component(x, size, i)).collect();
            components.push(function(self, &of));
        }
        self.terms.call(format!("vec{size}<{kind}>"), components)
    }

    /// A comparison of floats: of NaN nothing holds but that it is not equal.
    fn comparison(
        &mut self,
        handle: Handle<Expression>,
        operator: BinaryOperator,
        [a, b]: [Dual; 2],
        handles: [Handle<Expression>; 2],
    ) -> Result<Dual> {
        use BinaryOperator as Op;
        let (name, of) = match operator {
            Op::Less => ("is_less", [a.value, b.value]),
            Op::Greater => ("is_less", [b.value, a.value]),
            Op::LessEqual => ("is_at_most", [a.value, b.value]),
            Op::GreaterEqual => ("is_at_most", [b.value, a.value]),
            Op::Equal | Op::NotEqual => ("is_equal", [a.value, b.value]),
            _ => return Err(self.refused(handle, "this operator of numbers is not supported")),
        };
        let size = self.size(handles[0]);
        let value = self.by_components(&of, size, "bool", |body, of| {
            let holds = body.terms.call(name, of.to_vec());
            if operator == Op::NotEqual { body.terms.unary("!", holds) } else { holds }
        });
        Ok(Dual::constant(value))
    }

    /// A number as a condition: NaN is not 0.
    pub(super) fn is_not_zero(&mut self, x: Handle<Expression>, dual: Dual) -> Result<Dual> {
        let (size, zero) = (self.size(x), self.terms.number(0.0));
        let value = self.by_components(&[dual.value], size, "bool", |body, of| {
            let is_zero = body.terms.call("is_equal", vec![of[0], zero]);
            body.terms.unary("!", is_zero)
        });
        Ok(Dual::constant(value))
    }

    /// A number that becomes an integer: NaN becomes 0.
    pub(super) fn number_or_zero(&mut self, x: Handle<Expression>, dual: Dual) -> Term {
        if self.terms.is_constant(dual.value) {
            return dual.value;
        }
        let (size, zero) = (self.size(x), self.terms.number(0.0));
        self.by_components(&[dual.value], size, "f32", |body, of| {
            let nan = body.terms.call("is_nan", vec![of[0]]);
            body.terms.choice(nan, zero, of[0])
        })
    }

    /// naga spreads the number in `2.0 * v`; as the user wrote it, it is a number.
    fn unsplat(
        &mut self,
        operator: BinaryOperator,
        a: Dual,
        b: Dual,
        handles: [Handle<Expression>; 2],
    ) -> (Dual, Dual) {
        use BinaryOperator as Op;
        let scales = matches!(operator, Op::Multiply | Op::Divide);
        let expressions = &self.function.expressions;
        let value = |handle: Handle<Expression>| match expressions[handle] {
            // Under a name of its own it may be older than what the number's variable holds now.
            Expression::Splat { value, .. }
                if scales && !self.function.named_expressions.contains_key(&handle) =>
            {
                self.duals.get(&value).copied()
            }
            _ => None,
        };
        // Beside a number it is the user's own vector.
        let is_vector = handles.map(|handle| self.size(handle).is_some());
        match handles.map(value) {
            [Some(a), None] if is_vector[1] => (a, b),
            [None, Some(b)] if is_vector[0] => (a, b),
            _ => (a, b),
        }
    }

    /// A constant under a name, as a number of the running program.
    pub(super) fn kept(&mut self, constant: Term, name: &str) -> Term {
        let name = self.wanted.get(&constant).cloned().unwrap_or_else(|| name.into());
        let (name, text) = (self.unique(&name), self.text(constant));
        self.lines.constant(&name, &text);
        self.terms.name(name)
    }
}
