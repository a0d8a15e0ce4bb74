//! Expressions of naga's IR as terms with their slopes.

use super::body::{Body, Place, Step};
use super::dual::Dual;
use super::term::Term;
use super::types::{literal_text, zero_component};
use crate::custom::refusal::Refusal;
use naga::{
    BinaryOperator, Expression, Handle, Literal, RelationalFunction, ScalarKind, TypeInner,
    UnaryOperator,
};

type Result<T> = std::result::Result<T, Refusal>;

impl Body<'_, '_> {
    /// The dual of an expression that has been emitted, or needs not be.
    pub(super) fn dual(&mut self, handle: Handle<Expression>) -> Result<Dual> {
        if let Some(&dual) = self.duals.get(&handle) {
            return Ok(dual);
        }
        let mut dual = self.evaluate(handle)?;
        // A whole number in a struct beside numbers with slopes.
        if matches!(self.inner(handle), TypeInner::Scalar(_) | TypeInner::Vector { .. })
            && !self.is_float(handle)
        {
            dual = Dual::constant(dual.value);
        }
        self.duals.insert(handle, dual);
        Ok(dual)
    }

    pub(super) fn value(&mut self, handle: Handle<Expression>) -> Result<Term> {
        Ok(self.dual(handle)?.value)
    }

    fn evaluate(&mut self, handle: Handle<Expression>) -> Result<Dual> {
        let function = self.function;
        match function.expressions[handle] {
            Expression::Literal(Literal::F32(x)) => Ok(Dual::constant(self.terms.number(x))),
            Expression::Literal(literal) => {
                let text = literal_text(literal, function.expressions.get_span(handle))?;
                Ok(Dual::constant(self.terms.name(text)))
            }
            Expression::Constant(constant) => {
                let name = self.writer.constant(constant)?;
                Ok(Dual::constant(self.terms.name(name)))
            }
            Expression::ZeroValue(_) => {
                let zero = match zero_component(self.inner(handle)) {
                    Some(text) => {
                        let (name, zero) = (self.type_of(handle)?, self.terms.name(text));
                        self.terms.call(name, vec![zero])
                    }
                    None => self.zero_of(handle)?,
                };
                Ok(Dual::constant(zero))
            }
            Expression::Compose { ref components, .. } => self.compose(handle, components),
            Expression::Splat { value, .. } => {
                let (name, value) = (self.type_of(handle)?, self.dual(value)?);
                Ok(value.map(|x| self.terms.call(name.clone(), vec![x])))
            }
            Expression::Access { base, index } => {
                let (base, index) = (self.dual(base)?, self.value(index)?);
                Ok(base.map(|x| self.terms.index(x, index)))
            }
            Expression::AccessIndex { base, index } => {
                let inner = self.inner(base);
                let dual = self.dual(base)?;
                let step = self.step(inner, index, handle)?;
                Ok(dual.map(|x| self.stepped(x, &step)))
            }
            Expression::Swizzle { size, vector, pattern } => {
                let name: String = pattern[..size as usize]
                    .iter()
                    .map(|component| ["x", "y", "z", "w"][*component as usize])
                    .collect();
                let vector = self.dual(vector)?;
                Ok(vector.map(|x| self.terms.member(x, name.clone())))
            }
            Expression::FunctionArgument(i) => Ok(self.arguments[i as usize]),
            Expression::Load { pointer } => {
                let place = self.place(pointer)?;
                Ok(self.loaded(&place))
            }
            Expression::Unary { op, expr } => self.unary(op, expr),
            Expression::Binary { op, left, right } => self.binary(handle, op, left, right),
            Expression::Select { condition, accept, reject } => {
                let condition = self.value(condition)?;
                let (yes, no) = (self.dual(accept)?, self.dual(reject)?);
                let zero = self.zero_of(handle)?;
                let value = self.terms.call("select", vec![no.value, yes.value, condition]);
                let slopes = Dual::both(yes, no, &mut self.terms, |terms, yes, no| {
                    yes.or(no)?;
                    Some(terms.choice(condition, yes.unwrap_or(zero), no.unwrap_or(zero)))
                });
                Ok(Dual { value, slopes })
            }
            Expression::Relational { fun, argument } => {
                let name = match fun {
                    RelationalFunction::All => "all",
                    RelationalFunction::Any => "any",
                    _ => return Err(self.refused(handle, "this test of numbers is not supported")),
                };
                let argument = self.value(argument)?;
                Ok(Dual::constant(self.terms.call(name, vec![argument])))
            }
            Expression::Math { fun, arg, arg1, arg2, arg3 } => {
                let arguments = [Some(arg), arg1, arg2, arg3];
                let arguments: Vec<_> = arguments.into_iter().flatten().collect();
                self.math(handle, fun, &arguments)
            }
            Expression::As { expr, kind, convert } => self.converted(handle, expr, kind, convert),
            // A call that has no result yet is not reached.
            _ => Err(self.refused(handle, "this is not arithmetic on the arguments")),
        }
    }

    fn compose(
        &mut self,
        handle: Handle<Expression>,
        components: &[Handle<Expression>],
    ) -> Result<Dual> {
        let name = self.type_of(handle)?;
        let parts_of_vector = self.size(handle).is_some();
        let mut values = Vec::new();
        let mut parts = Vec::new();
        for &component in components {
            let (dual, zero) = (self.dual(component)?, self.zero_of(component)?);
            values.push(dual.value);
            match self.size(component).filter(|_| parts_of_vector) {
                // Number by number: of constants such as `vec3(vec2<f32>(), 1.0)` naga makes SPIR-V
                // with which a driver loses the device.
                Some(size) => parts.extend((0..size).map(|i| {
                    let slopes = dual.slopes;
                    let own = |slope: Option<Term>| slope.map(|x| self.terms.component(x, size, i));
                    (slopes.map(own), self.terms.number(0.0))
                })),
                None => parts.push((dual.slopes, zero)),
            }
        }
        let value = self.terms.call(name.clone(), values);
        let slopes = std::array::from_fn(|k| {
            parts.iter().any(|(slopes, _)| slopes[k].is_some()).then(|| {
                let parts = parts.iter().map(|(slopes, zero)| slopes[k].unwrap_or(*zero));
                self.terms.call(name.clone(), parts.collect())
            })
        });
        Ok(Dual { value, slopes })
    }

    fn unary(&mut self, operator: UnaryOperator, x: Handle<Expression>) -> Result<Dual> {
        let x = self.dual(x)?;
        Ok(match operator {
            UnaryOperator::Negate => x.negative(&mut self.terms),
            UnaryOperator::LogicalNot => Dual::constant(self.terms.unary("!", x.value)),
            UnaryOperator::BitwiseNot => Dual::constant(self.terms.unary("~", x.value)),
        })
    }

    fn binary(
        &mut self,
        handle: Handle<Expression>,
        operator: BinaryOperator,
        left: Handle<Expression>,
        right: Handle<Expression>,
    ) -> Result<Dual> {
        use BinaryOperator as Op;
        let (a, b) = (self.dual(left)?, self.dual(right)?);
        let (a, b) = self.unsplat(operator, a, b, [left, right]);
        if matches!(self.inner(handle), TypeInner::Matrix { .. }) {
            return Err(self.refused(handle, "matrices are not supported"));
        }
        if self.is_float(handle) {
            match operator {
                Op::Add => return Ok(Dual::sum(a, b, &mut self.terms)),
                Op::Subtract => return Ok(Dual::difference(a, b, &mut self.terms)),
                Op::Multiply => return Ok(Dual::product(a, b, &mut self.terms)),
                Op::Divide => return Ok(Dual::quotient(a, b, &mut self.terms)),
                Op::Modulo => return Ok(Dual::remainder(a, b, &mut self.terms)),
                _ => {}
            }
        }
        let operator = match operator {
            Op::Add => "+",
            Op::Subtract => "-",
            Op::Multiply => "*",
            Op::Divide => "/",
            Op::Modulo => "%",
            Op::Equal => "==",
            Op::NotEqual => "!=",
            Op::Less => "<",
            Op::LessEqual => "<=",
            Op::Greater => ">",
            Op::GreaterEqual => ">=",
            Op::And => "&",
            Op::ExclusiveOr => "^",
            Op::InclusiveOr => "|",
            Op::LogicalAnd => "&&",
            Op::LogicalOr => "||",
            Op::ShiftLeft => "<<",
            Op::ShiftRight => ">>",
        };
        Ok(Dual::constant(self.terms.binary(operator, a.value, b.value)))
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
        match handles.map(value) {
            [Some(a), None] => (a, b),
            [None, Some(b)] => (a, b),
            _ => (a, b),
        }
    }

    fn converted(
        &mut self,
        handle: Handle<Expression>,
        x: Handle<Expression>,
        kind: ScalarKind,
        convert: Option<naga::Bytes>,
    ) -> Result<Dual> {
        let (name, dual) = (self.type_of(handle)?, self.dual(x)?);
        if convert.is_none() {
            if !dual.is_constant() {
                let reason =
                    "the bits of a number have no derivative; is_nan and is_finite test it";
                return Err(self.refused(handle, reason));
            }
            let name = format!("bitcast<{name}>");
            return Ok(Dual::constant(self.terms.call(name, vec![dual.value])));
        }
        let same = self.is_float(x) && kind == ScalarKind::Float;
        let value = self.terms.call(name, vec![dual.value]);
        Ok(if same { dual } else { Dual::constant(value) })
    }

    /// Where a pointer points to.
    pub(super) fn place(&mut self, pointer: Handle<Expression>) -> Result<Place> {
        match self.function.expressions[pointer] {
            Expression::LocalVariable(local) => Ok(Place { local, steps: Vec::new() }),
            Expression::AccessIndex { base, index } => {
                let mut place = self.place(base)?;
                let inner = self.inner(base);
                place.steps.push(self.step(inner, index, pointer)?);
                Ok(place)
            }
            Expression::Access { base, index } => {
                let mut place = self.place(base)?;
                place.steps.push(Step::Index(self.value(index)?));
                Ok(place)
            }
            _ => Err(self.refused(pointer, "only local variables can be pointed to")),
        }
    }
}
