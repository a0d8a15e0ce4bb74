//! A user's WGSL, parsed and checked: what is wrong is said with its line and column.

use super::names::{self, Name};
use crate::error::{Error, Result};
use crate::kernel::NUMERIC;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Function, Handle, Module, Scalar, Span, TypeInner};
use std::error::Error as _;

/// The words of a statement: compilers descend into what it is made of, and must not run out of
/// stack.
const MOST_WORDS: usize = 3000;

/// What cannot be done with a place in the source.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    span: Span,
    reason: String,
}

impl Refusal {
    pub(super) fn new(span: Span, reason: impl Into<String>) -> Self {
        Self { span, reason: reason.into() }
    }

    /// The error, with the place in the user's own text.
    pub(super) fn error(&self, text: &str) -> Error {
        let offset = self.span.to_range().map_or(0, |range| range.start);
        error_at(text, offset, &self.reason)
    }
}

/// An error at a byte of the text, or at its end.
pub(super) fn error_at(text: &str, offset: usize, reason: impl Into<String>) -> Error {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Error::Custom {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
        reason: reason.into(),
    }
}

/// A member of `Parameters`.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) kind: Scalar,
}

/// A user's WGSL, parsed together with numeric.wgsl, which comes after it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) module: Module,
    pub(super) info: ModuleInfo,
    pub(super) entry: Handle<Function>,
    /// The names of the arguments of numbers.
    pub(super) arguments: Vec<String>,
    pub(super) parameters: Vec<Parameter>,
    /// What the user declares at module scope.
    pub(super) declared: Vec<Name>,
}

impl Source {
    /// Parses and checks everything but what has no derivative.
    pub(super) fn new(text: &str) -> Result<Self> {
        if let Some(offset) = names::long_statement(text, MOST_WORDS) {
            let reason = format!("this has more than {MOST_WORDS} words: cut it with let");
            return Err(error_at(text, offset, reason));
        }
        let declared = names::declared(text);
        let known = names::declared(NUMERIC);
        // What numeric.wgsl uses would be yours instead of WGSL's.
        let mut used = names::called(NUMERIC);
        used.extend(["f32", "i32", "u32", "bool"].map(String::from));
        for Name { name, offset } in &declared {
            if known.iter().any(|known| known.name == *name) {
                let reason = format!("{name} is wgloss's own: use it as it is, or rename yours");
                return Err(error_at(text, *offset, reason));
            }
            if used.contains(name) {
                return Err(names::taken(text, *offset, name));
            }
        }
        let (module, info) = parse(text)?;
        let mut source = Self {
            text: text.into(),
            entry: entry(text, &module)?,
            module,
            info,
            arguments: Vec::new(),
            parameters: Vec::new(),
            declared,
        };
        source.check_globals()?;
        source.read_signature()?;
        Ok(source)
    }

    /// Whether the user declares this name at module scope.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.declared.iter().any(|own| own.name == name)
    }

    /// Whether a place is in the user's text.
    pub(super) fn is_own(&self, span: Span) -> bool {
        span.to_range().is_some_and(|range| range.start < self.text.len())
    }

    fn refused<T>(&self, span: Span, reason: impl Into<String>) -> Result<T> {
        Err(Refusal::new(span, reason).error(&self.text))
    }

    fn check_globals(&self) -> Result<()> {
        let module = &self.module;
        if let Some((handle, variable)) = module.global_variables.iter().next() {
            let what = match variable.space {
                AddressSpace::Private => "a variable outside of functions",
                _ => "a binding",
            };
            let name = variable.name.as_deref().unwrap_or_default();
            let reason = format!("{name} is {what}: numbers come from value's arguments");
            return self.refused(module.global_variables.get_span(handle), reason);
        }
        if let Some((handle, own)) = module.overrides.iter().next() {
            let name = own.name.as_deref().unwrap_or_default();
            let reason = format!("{name} is an override: it belongs into struct Parameters");
            return self.refused(module.overrides.get_span(handle), reason);
        }
        if let Some(entry) = module.entry_points.first() {
            let offset = self.text.find(&format!("fn {}", entry.name)).unwrap_or_default();
            let reason = format!("{} is an entry point: the kernels have their own", entry.name);
            return Err(error_at(&self.text, offset, reason));
        }
        Ok(())
    }

    fn read_signature(&mut self) -> Result<()> {
        let module = &self.module;
        let function = &module.functions[self.entry];
        let span = module.functions.get_span(self.entry);
        let is_f32 = |ty| module.types[ty].inner == TypeInner::Scalar(Scalar::F32);
        match &function.result {
            Some(result) if is_f32(result.ty) => {}
            _ => return self.refused(span, "value returns something else than f32"),
        }
        let (mut arguments, mut parameters) = (Vec::new(), Vec::new());
        let last = function.arguments.len().saturating_sub(1);
        for (i, argument) in function.arguments.iter().enumerate() {
            let name = argument.name.clone().unwrap_or_default();
            let ty = &module.types[argument.ty];
            match &ty.inner {
                _ if is_f32(argument.ty) => arguments.push(name),
                TypeInner::Struct { members, .. }
                    if i == last && ty.name.as_deref() == Some("Parameters") =>
                {
                    for member in members {
                        let name = member.name.clone().unwrap_or_default();
                        if arguments.contains(&name) {
                            let reason = format!("{name} is an argument and a parameter");
                            return self.refused(module.types.get_span(argument.ty), reason);
                        }
                        match module.types[member.ty].inner {
                            TypeInner::Scalar(kind @ (Scalar::F32 | Scalar::I32 | Scalar::U32)) => {
                                parameters.push(Parameter { name, kind });
                            }
                            _ => {
                                let reason = format!("parameter {name} is not f32, i32 or u32");
                                return self.refused(module.types.get_span(argument.ty), reason);
                            }
                        }
                    }
                }
                _ => {
                    let reason = format!(
                        "argument {name} of value is not f32, nor, as the last one, Parameters"
                    );
                    return self.refused(span, reason);
                }
            }
        }
        if !(1..=4).contains(&arguments.len()) {
            let reason = format!("value has {} arguments of f32, expected 1 to 4", arguments.len());
            return self.refused(span, reason);
        }
        self.arguments = arguments;
        self.parameters = parameters;
        Ok(())
    }
}

fn entry(text: &str, module: &Module) -> Result<Handle<Function>> {
    let own = module.functions.iter().find(|(_, f)| f.name.as_deref() == Some("value"));
    own.map(|(handle, _)| handle)
        .ok_or_else(|| error_at(text, 0, "fn value(...) -> f32 is missing"))
}

/// Parses and validates text joined with numeric.wgsl.
pub(super) fn parse(text: &str) -> Result<(Module, ModuleInfo)> {
    let joined = format!("{text}\n{NUMERIC}");
    let module = naga::front::wgsl::parse_str(&joined).map_err(|error| {
        let label = error.labels().next();
        let offset = label.and_then(|(span, _)| span.to_range()).map_or(0, |range| range.start);
        let detail = label.map(|(_, label)| label.to_string()).filter(|label| !label.is_empty());
        let notes = detail.into_iter().chain(error.notes().map(String::from));
        let reason: Vec<String> = [error.message().to_string()].into_iter().chain(notes).collect();
        error_at(text, offset, reason.join("; "))
    })?;
    // The kernels need it too, for float16 inputs.
    let capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    let info = validator.validate(&module).map_err(|error| {
        // The first one is the whole function.
        let places = error.spans().filter_map(|(span, _)| span.to_range());
        let place = places.min_by_key(ExactSizeIterator::len);
        let mut reason = error.as_inner().to_string();
        let mut cause = error.as_inner().source();
        while let Some(inner) = cause {
            reason += &format!(": {inner}");
            cause = inner.source();
        }
        error_at(text, place.map_or(0, |range| range.start), reason)
    })?;
    Ok((module, info))
}
