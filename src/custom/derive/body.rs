//! One function while it is being written.

use super::dual::{Directions, Dual, MOST};
use super::lines::Lines;
use super::rules::Rules;
use super::term::{Node, Term, Terms};
use super::types::size_of;
use super::writer::Writer;
use crate::custom::refusal::Refusal;
use naga::proc::TypeResolution;
use naga::{ArraySize, Expression, Function, Handle, LocalVariable, Scalar, Type, TypeInner};
use std::collections::{HashMap, HashSet};

/// What a function returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Returns {
    /// What the user's function returns.
    Value,
    /// The slopes.
    Slopes(Gradient),
    /// The value and the slopes, as this struct.
    Both(String, Gradient),
    /// The value and the slopes, as this struct; the slopes of the arguments are arguments too.
    Dual(String),
    /// The value and the slopes, as this struct, of arguments that are what slopes are by.
    Whole(String),
}

/// What `gradient` returns: numbers and vectors of slopes in these directions, of which `None` is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gradient {
    /// The struct that they are the members of; without one there is one member.
    pub(super) name: Option<String>,
    pub(super) members: Vec<Member>,
}

/// A member of what `gradient` returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) by: Vec<Option<usize>>,
}

impl Gradient {
    pub(super) fn alone(directions: impl IntoIterator<Item = usize>) -> Self {
        Self::of(directions.into_iter().map(Some).collect())
    }

    /// A number or a vector.
    pub(super) fn of(by: Vec<Option<usize>>) -> Self {
        Self { name: None, members: vec![Member { name: String::new(), by }] }
    }

    /// Its type.
    pub(super) fn kind(&self) -> String {
        let alone = || self.members.first().map_or_else(String::new, Member::kind);
        self.name.clone().unwrap_or_else(alone)
    }

    /// One that is NaN.
    pub(super) fn nan(&self) -> String {
        let all: Vec<String> = self.members.iter().map(|own| nan(&own.kind())).collect();
        match &self.name {
            Some(name) => format!("{name}({})", all.join(", ")),
            None => all.concat(),
        }
    }
}

/// NaN in all numbers of this type.
pub(super) fn nan(kind: &str) -> String {
    match kind {
        "f32" => "not_a_number()".into(),
        _ => format!("{kind}(not_a_number())"),
    }
}

impl Member {
    /// Its type.
    pub(super) fn kind(&self) -> String {
        let count = self.by.len();
        if count == 1 { "f32".into() } else { format!("vec{count}<f32>") }
    }
}

/// One function while it is being written.
#[derive(Debug)]
pub(super) struct Body<'w, 's> {
    pub(super) writer: &'w mut Writer<'s>,
    pub(super) handle: Handle<Function>,
    pub(super) function: &'s Function,
    pub(super) returns: Returns,
    pub(super) terms: Terms,
    pub(super) lines: Lines,
    pub(super) arguments: Vec<Dual>,
    pub(super) duals: HashMap<Handle<Expression>, Dual>,
    /// Terms that have been given a name since variables last changed.
    pub(super) named: HashMap<Term, String>,
    /// What names stand for, and what variables hold.
    pub(super) meanings: HashMap<Term, Term>,
    /// What has been stored into whole variables since the block began.
    pub(super) holds: HashMap<Handle<LocalVariable>, Term>,
    /// What the user calls a constant, if it needs a name.
    pub(super) wanted: HashMap<Term, String>,
    pub(super) locals: HashMap<Handle<LocalVariable>, Local>,
    /// What the variables for `&&` and `||` stand for.
    pub(super) conditions: HashMap<Handle<LocalVariable>, Term>,
    /// The directions in which each local variable has a slope, and the result: found by writing
    /// until nothing is added.
    pub(super) found: Found,
    /// Which scalars of the result may have slopes in each direction, as bits.
    pub(super) leaves: Vec<u64>,
    /// The names in use.
    pub(super) names: HashSet<String>,
    /// How many names have been made of each.
    used_names: HashMap<String, usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) locals: HashMap<Handle<LocalVariable>, Directions>,
    pub(super) result: Directions,
}

/// A local variable: its name, and those of its slopes.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) name: String,
    pub(super) slopes: Vec<Option<String>>,
}

/// A place in a local variable.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) local: Handle<LocalVariable>,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Index(Term),
    Member(String),
}

impl<'w, 's> Body<'w, 's> {
    pub(super) fn new(
        writer: &'w mut Writer<'s>,
        handle: Handle<Function>,
        returns: Returns,
        found: Found,
    ) -> Self {
        let function = &writer.source.module.functions[handle];
        Self {
            writer,
            handle,
            function,
            returns,
            terms: Terms::default(),
            lines: Lines::default(),
            arguments: Vec::new(),
            duals: HashMap::new(),
            named: HashMap::new(),
            wanted: HashMap::new(),
            meanings: HashMap::new(),
            holds: HashMap::new(),
            locals: HashMap::new(),
            conditions: HashMap::new(),
            found,
            leaves: vec![0; MOST],
            names: HashSet::new(),
            used_names: HashMap::new(),
        }
    }

    /// The type of the result, as it is written.
    pub(super) fn result_type(&mut self) -> Result<String, Refusal> {
        let span = self.writer.source.module.functions.get_span(self.handle);
        match (&self.returns, &self.function.result) {
            (Returns::Slopes(gradient), _) => Ok(gradient.kind()),
            (Returns::Dual(name) | Returns::Whole(name) | Returns::Both(name, _), _) => {
                Ok(name.clone())
            }
            (Returns::Value, Some(result)) => self.writer.type_name(result.ty, span),
            (Returns::Value, None) => Err(Refusal::new(span, "this function returns nothing")),
        }
    }

    /// The parts of a value that is put together.
    fn parts(&self, term: Term) -> Option<&[Term]> {
        let Node::Call(name, of) = self.terms.node(term) else { return None };
        let is_vector = ["vec2", "vec3", "vec4", "array<"].iter().any(|own| name.starts_with(own));
        let is_scalar = ["f32", "i32", "u32", "bool"].contains(&&**name) && of.is_empty();
        let mut types = self.writer.source.module.types.iter();
        let is_type = is_vector || is_scalar || types.any(|(_, ty)| ty.name.as_ref() == Some(name));
        is_type.then_some(of)
    }

    /// Whether a slope is 0, of whatever type.
    pub(super) fn is_nothing(&self, slope: Term) -> bool {
        match self.parts(slope) {
            Some(parts) => parts.iter().all(|&own| self.is_nothing(own)),
            None => self.terms.is_zero(slope),
        }
    }

    /// Which of the scalars of a slope of this type may be other than 0, as bits, and how many there are.
    pub(super) fn nonzero(&self, slope: Term, ty: Handle<Type>) -> (u64, usize) {
        let count = self.writer.scalars(ty);
        let all =
            1_u64.checked_shl(count.try_into().unwrap_or(u32::MAX)).map_or(u64::MAX, |x| x - 1);
        if self.is_nothing(slope) {
            return (0, count);
        }
        let members: Vec<Handle<Type>> = match &self.writer.source.module.types[ty].inner {
            TypeInner::Struct { members, .. } => members.iter().map(|own| own.ty).collect(),
            TypeInner::Array { base, size: ArraySize::Constant(count), .. } => {
                vec![*base; count.get() as usize]
            }
            TypeInner::Vector { .. } => match self.parts(slope) {
                Some(parts) if parts.len() == count => {
                    let own =
                        parts.iter().enumerate().filter(|(_, own)| !self.terms.is_zero(**own));
                    return (own.map(|(i, _)| 1 << i).sum(), count);
                }
                _ => return (all, count),
            },
            _ => return (all, count),
        };
        let Some(parts) = self.parts(slope).filter(|parts| parts.len() == members.len()) else {
            return (all, count);
        };
        let (mut mask, mut before) = (0, 0);
        for (&part, ty) in parts.iter().zip(members) {
            let (own, count) = self.nonzero(part, ty);
            mask |= own << before;
            before += count;
        }
        (mask, count)
    }

    pub(super) fn refused(&self, at: Handle<Expression>, reason: impl Into<String>) -> Refusal {
        Refusal::new(self.function.expressions.get_span(at), reason)
    }

    pub(super) fn rules(&mut self) -> Rules<'_> {
        Rules { terms: &mut self.terms, accurate: self.writer.accurate }
    }

    /// The type of an expression.
    pub(super) fn inner(&self, handle: Handle<Expression>) -> &'s TypeInner {
        let source = self.writer.source;
        match &source.info[self.handle][handle].ty {
            TypeResolution::Handle(ty) => &source.module.types[*ty].inner,
            TypeResolution::Value(inner) => inner,
        }
    }

    pub(super) fn type_of(&mut self, handle: Handle<Expression>) -> Result<String, Refusal> {
        let source = self.writer.source;
        let span = self.function.expressions.get_span(handle);
        match &source.info[self.handle][handle].ty {
            TypeResolution::Handle(ty) => self.writer.type_name(*ty, span),
            TypeResolution::Value(inner) => self.writer.inner_name(inner, span),
        }
    }

    pub(super) fn size(&self, handle: Handle<Expression>) -> Option<usize> {
        size_of(self.inner(handle))
    }

    pub(super) fn is_float(&self, handle: Handle<Expression>) -> bool {
        let scalar = match self.inner(handle) {
            TypeInner::Scalar(scalar) | TypeInner::Vector { scalar, .. } => *scalar,
            _ => return false,
        };
        scalar == Scalar::F32
    }

    /// The 0 that stands for a slope of this expression.
    pub(super) fn zero_of(&mut self, handle: Handle<Expression>) -> Result<Term, Refusal> {
        if *self.inner(handle) == TypeInner::Scalar(Scalar::F32) {
            return Ok(self.terms.number(0.0));
        }
        let name = self.type_of(handle)?;
        Ok(self.terms.call(name, Vec::new()))
    }

    /// The step that an index is in a value, or behind a pointer, of this type.
    pub(super) fn step(
        &mut self,
        inner: &TypeInner,
        index: u32,
        handle: Handle<Expression>,
    ) -> Result<Step, Refusal> {
        let types = &self.writer.source.module.types;
        let inner = match inner {
            TypeInner::Pointer { base, .. } => &types[*base].inner,
            inner => inner,
        };
        match inner {
            TypeInner::Vector { .. } | TypeInner::ValuePointer { .. } => {
                Ok(Step::Member(["x", "y", "z", "w"][index as usize].into()))
            }
            TypeInner::Struct { members, .. } => {
                let name = members[index as usize].name.clone();
                Ok(Step::Member(name.unwrap_or_default()))
            }
            TypeInner::Array { .. } => {
                let index = self.terms.name(index.to_string());
                Ok(Step::Index(index))
            }
            _ => Err(self.refused(handle, "matrices are not supported")),
        }
    }

    pub(super) fn stepped(&mut self, base: Term, step: &Step) -> Term {
        match step {
            Step::Index(index) => self.terms.index(base, *index),
            Step::Member(name) => self.terms.member(base, name.clone()),
        }
    }

    pub(super) fn at(&mut self, name: String, steps: &[Step]) -> Term {
        let mut term = self.terms.variable(name);
        for step in steps {
            term = self.stepped(term, step);
        }
        term
    }

    /// What a place holds.
    pub(super) fn loaded(&mut self, place: &Place) -> Dual {
        if let Some(&condition) = self.conditions.get(&place.local) {
            return Dual::constant(condition);
        }
        let local = self.local(place.local);
        let value = self.at(local.name, &place.steps);
        let held = self.holds.get(&place.local).filter(|_| place.steps.is_empty());
        if let Some(&held) = held.filter(|&&held| held != value) {
            self.meanings.insert(value, held);
        }
        let mut slopes = [None; MOST];
        for (slope, name) in slopes.iter_mut().zip(local.slopes) {
            *slope = name.map(|name| self.at(name, &place.steps));
        }
        Dual { value, slopes }
    }

    /// A local variable, with its names.
    pub(super) fn local(&mut self, handle: Handle<LocalVariable>) -> Local {
        if let Some(local) = self.locals.get(&handle) {
            return local.clone();
        }
        let wanted = self.function.local_variables[handle].name.clone();
        let name = self.unique(&wanted.unwrap_or_else(|| "condition".into()));
        let active = self.found.locals.get(&handle).copied().unwrap_or(0);
        let slope = |k: usize| (active >> k & 1 == 1).then(|| self.slope_name(&name, k));
        let slopes = (0..MOST).map(slope).collect();
        let local = Local { name, slopes };
        self.locals.insert(handle, local.clone());
        local
    }

    /// The name of the derivative of a name.
    pub(super) fn slope_name(&mut self, name: &str, direction: usize) -> String {
        let by = self.writer.directions[direction].clone();
        self.unique(&format!("{name}_{by}"))
    }

    /// A name that nothing else has.
    pub(super) fn unique(&mut self, wanted: &str) -> String {
        let used = self.used_names.entry(wanted.into()).or_default();
        let name = self.writer.unique_from(wanted, used, &self.names);
        self.names.insert(name.clone());
        name
    }
}
