//! Expressions of naga's IR as terms with their slopes.

use super::body::{Body, Place, Step};
use super::dual::{Dual, Slopes};
use super::term::Term;
use super::types::{literal_text, zero_component};
use crate::custom::refusal::Refusal;
use naga::{Expression, Handle, Literal, RelationalFunction, ScalarKind, TypeInner};

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
                Ok(Dual::constant(self.terms.literal(text)))
            }
            Expression::Constant(constant) => {
                let name = self.writer.constant(constant)?;
                Ok(Dual::constant(self.terms.literal(name)))
            }
            Expression::ZeroValue(_) => {
                let zero = match zero_component(self.inner(handle)) {
                    Some(text) => {
                        let (name, zero) = (self.type_of(handle)?, self.terms.literal(text));
                        self.terms.call(name, vec![zero])
                    }
                    None => self.zero_of(handle)?,
                };
                Ok(Dual::constant(zero))
            }
            Expression::Compose { .. } if self.is_parameters(handle) => {
                let reason = "parameters are set by name, and not made by the text";
                Err(self.refused(handle, reason))
            }
            Expression::Compose { ref components, .. } => self.compose(handle, components),
            Expression::Splat { value, .. } => {
                let (name, value) = (self.type_of(handle)?, self.dual(value)?);
                Ok(value.map(|x| self.terms.call(name.clone(), vec![x])))
            }
            Expression::Access { base, index } => {
                if let Some(element) = self.table_element(base, index)? {
                    return Ok(Dual::constant(element));
                }
                let (base, index) = (self.dual(base)?, self.index(index)?);
                Ok(base.map(|x| self.terms.index(x, index)))
            }
            Expression::AccessIndex { base, index } => {
                if let Some(element) = self.parameter_element(base, index) {
                    return Ok(Dual::constant(element));
                }
                if let Some(place) = self.parameter_array(handle) {
                    return Ok(Dual::constant(self.whole_parameters(handle, place)?));
                }
                let inner = self.inner(base);
                let dual = self.dual(base)?;
                let step = self.step(inner, index, handle)?;
                let value = self.stepped(dual.value, &step);
                let Some(size) = self.size(base) else {
                    let kind = self.type_of(base)?;
                    let slopes = dual.slopes.map(|slope| {
                        let slope = slope?;
                        match self.terms.part(slope, &kind, index as usize) {
                            Some(part) => Some(part).filter(|&part| !self.is_nothing(part)),
                            None => Some(self.stepped(slope, &step)),
                        }
                    });
                    return Ok(Dual { value, slopes });
                };
                let own = dual.component(size, index as usize, &mut self.terms);
                Ok(Dual { value, ..own })
            }
            Expression::Swizzle { size, vector, pattern } => {
                let name: String = pattern[..size as usize]
                    .iter()
                    .map(|component| ["x", "y", "z", "w"][*component as usize])
                    .collect();
                let dual = self.dual(vector)?;
                if !self.is_sparse(&[dual]) {
                    return Ok(dual.map(|x| self.terms.member(x, name.clone())));
                }
                let own = self.size(vector).unwrap_or(1);
                let components: Vec<Dual> = pattern[..size as usize]
                    .iter()
                    .map(|&place| dual.component(own, place as usize, &mut self.terms))
                    .collect();
                let kind = self.type_of(handle)?;
                let slopes = self.joined_slopes(&kind, &components);
                Ok(Dual { value: self.terms.member(dual.value, name), slopes })
            }
            Expression::FunctionArgument(i) => Ok(self.arguments[i as usize]),
            Expression::Load { pointer } => {
                let place = self.place(pointer)?;
                Ok(self.loaded(&place))
            }
            Expression::Unary { op, expr } => self.unary(op, expr),
            Expression::Binary { op, left, right } => self.binary(handle, op, left, right),
            Expression::Select { condition: condition_of, accept, reject } => {
                let condition = self.value(condition_of)?;
                let (yes, no) = (self.dual(accept)?, self.dual(reject)?);
                let zero = self.zero_of(handle)?;
                let value = self.terms.call("select", vec![no.value, yes.value, condition]);
                if let Some(size) = self.size(handle).filter(|_| self.is_sparse(&[yes, no])) {
                    let by = self.size(condition_of).is_some();
                    let mut components = Vec::new();
                    for i in 0..size {
                        let [yes, no] =
                            [yes, no].map(|own| own.component(size, i, &mut self.terms));
                        let condition = match by {
                            true => self.terms.component(condition, size, i),
                            false => condition,
                        };
                        let slopes = self.chosen(condition, yes, no);
                        components.push(Dual { slopes, ..yes });
                    }
                    let kind = self.type_of(handle)?;
                    return Ok(Dual { value, slopes: self.joined_slopes(&kind, &components) });
                }
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

    /// The slopes of a choice between numbers.
    fn chosen(&mut self, condition: Term, yes: Dual, no: Dual) -> Slopes {
        let zero = self.terms.number(0.0);
        Dual::both(yes, no, &mut self.terms, |terms, yes, no| {
            yes.or(no)?;
            Some(terms.choice(condition, yes.unwrap_or(zero), no.unwrap_or(zero)))
        })
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
                    let own = dual.component(size, i, &mut self.terms);
                    (own.slopes, self.terms.number(0.0))
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
        if self.is_float(x) && kind == ScalarKind::Float {
            return Ok(dual);
        }
        let value = match kind {
            ScalarKind::Bool if self.is_careful(x) => return self.is_not_zero(x, dual),
            ScalarKind::Sint | ScalarKind::Uint if self.is_careful(x) => {
                self.number_or_zero(x, dual)
            }
            _ => dual.value,
        };
        let Some(size) = self.size(x) else {
            return Ok(Dual::constant(self.terms.call(name, vec![value])));
        };
        // Number by number: `vec2<f32>(x)` is a vector of equal numbers to whoever takes it apart.
        let number = name.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
        let number = number.unwrap_or_default();
        let mut numbers = Vec::new();
        for i in 0..size {
            let own = self.terms.component(value, size, i);
            numbers.push(self.terms.call(number, vec![own]));
        }
        Ok(Dual::constant(self.terms.call(name.clone(), numbers)))
    }

    /// An index that is found when the program runs, under a name if the compiler would know it: it
    /// may lie outside, which is an error of a constant one.
    fn index(&mut self, index: Handle<Expression>) -> Result<Term> {
        let index = self.value(index)?;
        Ok(if self.terms.is_constant(index) { self.kept(index, "index") } else { index })
    }

    /// Where a pointer points to.
    pub(super) fn place(&mut self, pointer: Handle<Expression>) -> Result<Place> {
        match self.function.expressions[pointer] {
            Expression::LocalVariable(local) => Ok(Place { local, steps: Vec::new() }),
            Expression::AccessIndex { base, index } => {
                let mut place = self.place(base)?;
                let inner = self.inner(base);
                if let TypeInner::Pointer { base, .. } = *inner
                    && self.writer.leaves_out_arrays(base)
                    && self.writer.source.parameters[index as usize].count.is_some()
                {
                    let reason = "this is a copy of the parameters, which has no arrays: read them \
                                  from the argument itself";
                    return Err(self.refused(pointer, reason));
                }
                place.steps.push(self.step(inner, index, pointer)?);
                Ok(place)
            }
            Expression::Access { base, index } => {
                let mut place = self.place(base)?;
                place.steps.push(Step::Index(self.index(index)?));
                Ok(place)
            }
            _ => Err(self.refused(pointer, "only local variables can be pointed to")),
        }
    }
}
