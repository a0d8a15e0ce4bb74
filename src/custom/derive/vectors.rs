//! Functions of vectors: component by component, or of the whole.

use super::body::Body;
use super::built_ins::name_of;
use super::dual::{Dual, Slopes};
use super::rules::Rules;
use super::term::{Term, Terms};
use crate::custom::refusal::Refusal;
use naga::{Expression, Handle, MathFunction};

type Result<T> = std::result::Result<T, Refusal>;

impl Body<'_, '_> {
    pub(super) fn math(
        &mut self,
        handle: Handle<Expression>,
        function: MathFunction,
        arguments: &[Handle<Expression>],
    ) -> Result<Dual> {
        let mut duals = Vec::new();
        for &argument in arguments {
            duals.push(self.dual(argument)?);
        }
        if let Some(dual) = self.geometry(handle, function, arguments, &duals)? {
            return Ok(dual);
        }
        let no_rule = |body: &Self| {
            let name = format!("{function:?}").to_lowercase();
            body.refused(handle, format!("{name} has no rule for a derivative"))
        };
        if !self.is_float(handle) || !self.is_float(arguments[0]) {
            let name = name_of(function).ok_or_else(|| no_rule(self))?;
            let values = duals.iter().map(|dual| dual.value).collect();
            return Ok(Dual::constant(self.terms.call(name, values)));
        }
        let dual =
            self.by_component(handle, &duals, arguments, |rules, own| rules.math(function, own))?;
        dual.ok_or_else(|| no_rule(self))
    }

    /// What a rule makes of numbers, or of vectors by components; a number among vectors, as in mix, is the same for
    /// all. `None` where the rule makes none.
    pub(super) fn by_component(
        &mut self,
        handle: Handle<Expression>,
        duals: &[Dual],
        arguments: &[Handle<Expression>],
        rule: impl Fn(&mut Rules<'_>, &[Dual]) -> Option<Dual>,
    ) -> Result<Option<Dual>> {
        let Some(size) = self.size(handle) else { return Ok(rule(&mut self.rules(), duals)) };
        let sizes: Vec<_> = arguments.iter().map(|&argument| self.size(argument)).collect();
        let mut components = Vec::new();
        for i in 0..size {
            let own = |(dual, size): (&Dual, &Option<usize>)| match *size {
                Some(size) => dual.component(size, i, &mut self.terms),
                None => *dual,
            };
            let own: Vec<_> = duals.iter().zip(&sizes).map(own).collect();
            let Some(component) = rule(&mut self.rules(), &own) else { return Ok(None) };
            components.push(component);
        }
        self.joined(handle, &components).map(Some)
    }

    /// A vector of numbers with their slopes.
    pub(super) fn joined(
        &mut self,
        handle: Handle<Expression>,
        components: &[Dual],
    ) -> Result<Dual> {
        let name = self.type_of(handle)?;
        let values = components.iter().map(|dual| dual.value).collect();
        let value = self.terms.call(name.clone(), values);
        Ok(Dual { value, slopes: self.joined_slopes(&name, components) })
    }

    /// The slopes of a vector of this type, of which these are the components.
    pub(super) fn joined_slopes(&mut self, name: &str, components: &[Dual]) -> Slopes {
        let zero = self.terms.number(0.0);
        std::array::from_fn(|k| {
            components.iter().any(|dual| dual.slopes[k].is_some()).then(|| {
                let of = components.iter().map(|dual| dual.slopes[k].unwrap_or(zero)).collect();
                self.terms.call(name, of)
            })
        })
    }

    /// Whether a slope of these is mostly 0.
    pub(super) fn is_sparse(&self, of: &[Dual]) -> bool {
        let slopes = of.iter().flat_map(|dual| dual.slopes.iter().flatten());
        slopes.into_iter().any(|&slope| self.terms.sparse(slope).is_some())
    }

    /// The functions of whole vectors.
    fn geometry(
        &mut self,
        handle: Handle<Expression>,
        function: MathFunction,
        arguments: &[Handle<Expression>],
        x: &[Dual],
    ) -> Result<Option<Dual>> {
        let size = self.size(arguments[0]);
        let dual = match function {
            MathFunction::Dot | MathFunction::Cross => {
                let name = if function == MathFunction::Dot { "dot" } else { "cross" };
                self.bilinear(name, x[0], x[1])
            }
            MathFunction::Length => self.length(x[0], size),
            MathFunction::Distance => {
                let way = Dual::difference(x[0], x[1], &mut self.terms);
                self.length(way, size)
            }
            MathFunction::Normalize => {
                let length = self.length(x[0], size);
                Dual::quotient(x[0], length, &mut self.terms)
            }
            MathFunction::Reflect => {
                let dot = self.bilinear("dot", x[1], x[0]);
                let two = Dual::constant(self.terms.number(2.0));
                let twice = Dual::product(two, dot, &mut self.terms);
                let along = Dual::product(twice, x[1], &mut self.terms);
                Dual::difference(x[0], along, &mut self.terms)
            }
            MathFunction::FaceForward => {
                let dot = self.terms.call("dot", vec![x[1].value, x[2].value]);
                let zero = self.terms.number(0.0);
                let below = self.terms.binary("<", dot, zero);
                let other = x[0].negative(&mut self.terms);
                let value = self.terms.call("select", vec![other.value, x[0].value, below]);
                let slopes = Dual::both(x[0], other, &mut self.terms, |terms, yes, no| {
                    Some(terms.choice(below, yes?, no?))
                });
                Dual { value, slopes }
            }
            MathFunction::Ldexp => {
                let exponent = x[1].value;
                x[0].map(|x| self.terms.call("ldexp", vec![x, exponent]))
            }
            MathFunction::Modf | MathFunction::Frexp => {
                return Err(self.refused(handle, "modf and frexp are not supported"));
            }
            _ => return Ok(None),
        };
        Ok(Some(dual))
    }

    fn bilinear(&mut self, name: &str, a: Dual, b: Dual) -> Dual {
        let value = self.terms.call(name, vec![a.value, b.value]);
        let slopes = Dual::both(a, b, &mut self.terms, |terms, by_a, by_b| {
            let by_a = by_a.map(|slope| match terms.sparse(slope) {
                Some(_) if name == "dot" => terms.sparse_dot(slope, b.value),
                _ => terms.call(name, vec![slope, b.value]),
            });
            let by_b = by_b.map(|slope| match terms.sparse(slope) {
                Some(_) if name == "dot" => terms.sparse_dot(slope, a.value),
                _ => terms.call(name, vec![a.value, slope]),
            });
            terms.maybe_sum(by_a, by_b)
        });
        Dual { value, slopes }
    }

    /// The norm; its derivative at 0 is 0. That of a number is its size, of which no square overflows.
    fn length(&mut self, x: Dual, size: Option<usize>) -> Dual {
        if size.is_none() {
            return self.rules().math(MathFunction::Abs, &[x]).unwrap_or(x);
        }
        let value = self.terms.call("length", vec![x.value]);
        let zero = self.terms.number(0.0);
        let at_zero = self.terms.binary("==", value, zero);
        let slopes = x.slopes.map(|slope| {
            slope.map(|slope| {
                let along = match self.terms.sparse(slope) {
                    Some(_) => self.terms.sparse_dot(slope, x.value),
                    None => self.terms.call("dot", vec![x.value, slope]),
                };
                let slope = self.terms.quotient(along, value);
                self.terms.choice(at_zero, zero, slope)
            })
        });
        Dual { value, slopes }
    }
}

impl Terms {
    /// The product of a slope that is mostly 0 and a vector, of what is not 0.
    fn sparse_dot(&mut self, slope: Term, vector: Term) -> Term {
        let of = self.sparse(slope).map(<[Term]>::to_vec).unwrap_or_default();
        let mut sum = None;
        for (i, &own) in of.iter().enumerate() {
            if !self.is_zero(own) {
                let other = self.component(vector, of.len(), i);
                let product = self.product(own, other);
                sum = self.maybe_sum(sum, Some(product));
            }
        }
        sum.unwrap_or_else(|| self.number(0.0))
    }
}
