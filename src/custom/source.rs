//! A user's WGSL, parsed and checked: what is wrong is said with its line and column.

use super::library::TEXTS;
use super::names::{Name, called, declared, redeclared, uses};
use super::refusal::{Refusal, error_at, place, taken};
use super::words::{identifiers, long_statement, replaced, unclosed, with_variables};
use super::{advice, arrays};
use crate::definition::Role;
use crate::error::{Error, Result};
use naga::WithSpan;
use naga::front::wgsl::ParseError;
use naga::keywords::wgsl::BUILTIN_IDENTIFIERS;
use naga::valid::{
    Capabilities, ExpressionError, FunctionError, ModuleInfo, ValidationError, ValidationFlags,
    Validator,
};
use naga::{
    AddressSpace, ArraySize, Block, Expression, Function, Handle, Module, Scalar, Span, Statement,
    Type, TypeInner,
};
use std::collections::BTreeSet;
use std::error::Error as _;
use std::ops::Range;
use std::sync::LazyLock;

/// The words of a statement: compilers descend into what it is made of, and must not run out of
/// stack.
const MOST_WORDS: usize = 3000;

static LIBRARY: LazyLock<String> = LazyLock::new(|| TEXTS.concat());

/// A member of `Parameters`.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) kind: Scalar,
    /// How many numbers an array has.
    pub(super) count: Option<usize>,
}

/// The most arguments, without the parameters.
const MOST_ARGUMENTS: usize = 16;

/// The most numbers of all arrays of parameters together.
const MOST_NUMBERS: usize = 1 << 16;

/// What an argument of `value` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    /// A vector of so many floats.
    Vector(u8),
    Signed,
    Unsigned,
    Flag,
}

/// An argument of `value`.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Kind {
    fn of(inner: &TypeInner) -> Option<Self> {
        match *inner {
            TypeInner::Scalar(Scalar::F32) => Some(Self::Float),
            TypeInner::Scalar(Scalar::I32) => Some(Self::Signed),
            TypeInner::Scalar(Scalar::U32) => Some(Self::Unsigned),
            TypeInner::Scalar(Scalar::BOOL) => Some(Self::Flag),
            TypeInner::Vector { size, scalar: Scalar::F32 } => Some(Self::Vector(size as u8)),
            _ => None,
        }
    }

    /// What it holds, as an input.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Float => Role::Elements,
            Self::Vector(size) => Role::ElementVectors(size),
            Self::Signed => Role::Signed,
            Self::Unsigned => Role::Unsigned,
            Self::Flag => Role::Flags,
        }
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::Float | Self::Vector(_))
    }

    /// The type in WGSL.
    pub(super) fn written(self) -> String {
        match self {
            Self::Float => "f32".into(),
            Self::Vector(size) => format!("vec{size}<f32>"),
            Self::Signed => "i32".into(),
            Self::Unsigned => "u32".into(),
            Self::Flag => "bool".into(),
        }
    }
}

impl Argument {
    /// What the directions in which it has slopes are called.
    pub(super) fn directions(&self) -> Vec<String> {
        match self.kind {
            Kind::Float => vec![self.name.clone()],
            Kind::Vector(size) => {
                let places = ["x", "y", "z", "w"].iter().take(size.into());
                places.map(|place| format!("{}_{place}", self.name)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A user's WGSL, parsed together with the library's, which comes after it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) text: String,
    pub(super) module: Module,
    pub(super) info: ModuleInfo,
    pub(super) entry: Handle<Function>,
    /// The arguments of numbers.
    pub(super) arguments: Vec<Argument>,
    pub(super) parameters: Vec<Parameter>,
    /// The type of the last argument, where it holds the parameters.
    pub(super) parameters_type: Option<Handle<Type>>,
    /// What the user declares at module scope, but for aliases and untyped constants, which do not
    /// come into derived text.
    declared: Vec<String>,
    /// The names of WGSL's own that the user declares, in the order of the text.
    pub(super) shadowed: Vec<Name>,
    /// What stands in the text for `target`.
    stand_in: Option<String>,
}

impl Source {
    /// Parses and checks everything but what has no derivative.
    pub(super) fn new(text: &str) -> Result<Self> {
        if let Some(offset) = long_statement(text, MOST_WORDS) {
            let reason = format!("this has more than {MOST_WORDS} words: cut it with let");
            return Err(error_at(text, offset, reason));
        }
        if let Some((offset, close)) = unclosed(text) {
            let (line, column) = place(text, offset);
            let open = text.get(offset..).and_then(|rest| rest.split_at_checked(close.len()));
            let open = open.map_or("", |(open, _)| open);
            let reason = format!(
                "the text ends here, and {open} of line {line}, column {column} is not closed: \
                 expected {close}"
            );
            return Err(error_at(text, text.len(), reason));
        }
        let stand_in = stand_in(text);
        Self::read(text, stand_in.clone()).map_err(|error| match (error, stand_in) {
            (Error::Custom { line, column, reason }, Some(other)) => {
                Error::Custom { line, column, reason: reason.replace(&other, TARGET) }
            }
            (error, _) => error,
        })
    }

    fn read(text: &str, stand_in: Option<String>) -> Result<Self> {
        let text = match &stand_in {
            Some(other) => &*replaced(text, TARGET, other),
            None => text,
        };
        let own = text;
        let text = &*arrays::with_called(own);
        let shadowed = shadowed(text)?;
        let parsed = parse(text).or_else(|error| {
            // naga takes the number itself for a `let` of it, and refuses to divide by it if it is 0.
            let other = with_variables(text);
            if other == text { Err(error) } else { parse(&other).map_err(|_| error) }
        });
        let (module, info) = parsed.map_err(|error| match error {
            Error::Custom { line, .. } if line > own.lines().count() => {
                error_at(own, own.len(), "the text ends here, where more is expected")
            }
            error => error,
        })?;
        let mut source = Self {
            text: text.into(),
            stand_in,
            entry: entry(text, &module)?,
            module,
            info,
            arguments: Vec::new(),
            parameters: Vec::new(),
            parameters_type: None,
            declared: Vec::new(),
            shadowed,
        };
        let own = declared(&source.module).into_iter().filter(|(_, span)| source.is_own(*span));
        source.declared = own.map(|(name, _)| name).collect();
        source.check_globals()?;
        source.read_signature()?;
        Ok(source)
    }

    /// A name of the module as the user wrote it.
    pub(super) fn written<'n>(&self, name: &'n str) -> &'n str {
        if self.stand_in.as_deref() == Some(name) { TARGET } else { name }
    }

    /// Whether the user declares this name at module scope.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.declared.iter().any(|own| own == name)
    }

    /// The directions in which an argument has slopes.
    pub(super) fn directions(&self, argument: usize) -> Range<usize> {
        let count = |own: &Argument| own.directions().len();
        let before = self.arguments[..argument].iter().map(count).sum();
        before..before + count(&self.arguments[argument])
    }

    /// Of the function's arguments, in which of these directions they have slopes.
    pub(super) fn active(&self, by: impl IntoIterator<Item = usize>) -> Vec<u64> {
        let mut active = vec![0; self.module.functions[self.entry].arguments.len()];
        for direction in by {
            let own = |&i: &usize| self.directions(i).contains(&direction);
            if let Some(argument) = (0..self.arguments.len()).find(own) {
                active[argument] |= 1 << direction;
            }
        }
        active
    }

    /// Where `value` is declared.
    pub(super) fn place(&self) -> Span {
        self.module.functions.get_span(self.entry)
    }

    /// Where the user's first loop is.
    pub(super) fn first_loop(&self) -> Option<Span> {
        let functions = self.module.functions.iter();
        let own = functions.filter(|(at, _)| self.is_own(self.module.functions.get_span(*at)));
        let loops = own.filter_map(|(_, function)| loop_in(&function.body));
        loops.min_by_key(|span| span.to_range().map_or(0, |range| range.start))
    }

    /// Where `value` has its argument of this number.
    pub(super) fn argument_place(&self, argument: usize) -> usize {
        let expressions = &self.module.functions[self.entry].expressions;
        let is_argument = |own: &Expression| matches!(own, Expression::FunctionArgument(_));
        // They stand there in their order.
        let place = expressions.iter().filter(|(_, own)| is_argument(own)).nth(argument);
        let span = place.and_then(|(handle, _)| expressions.get_span(handle).to_range());
        span.map_or(0, |range| range.start)
    }

    /// The error that there is no derivative by an argument of whole numbers.
    pub(super) fn no_derivative(&self, argument: usize) -> Error {
        let Argument { name, kind } = &self.arguments[argument];
        let reason = format!(
            "{name} is {}: there are gradients by f32 and vectors of f32 only",
            kind.written()
        );
        error_at(&self.text, self.argument_place(argument), reason)
    }

    /// The functions that the user declares, and what they call.
    pub(super) fn called(&self) -> Vec<String> {
        let functions = &self.module.functions;
        let own = functions.iter().filter(|(at, _)| self.is_own(functions.get_span(*at)));
        called(&self.module, own.map(|(_, function)| function))
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
            let name = redeclared(&self.text, [&*entry.name]).pop();
            let before = name.and_then(|name| self.text.get(..name.offset)).unwrap_or_default();
            let offset = before.rfind("fn").unwrap_or_default();
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
        let (mut arguments, mut parameters) = (Vec::new(), Vec::<Parameter>::new());
        let mut parameters_type = None;
        let last = function.arguments.len().saturating_sub(1);
        for (i, argument) in function.arguments.iter().enumerate() {
            let name = self.written(argument.name.as_deref().unwrap_or_default()).to_string();
            let ty = &module.types[argument.ty];
            match &ty.inner {
                inner if let Some(kind) = Kind::of(inner) => {
                    arguments.push(Argument { name, kind });
                }
                TypeInner::Struct { members, .. }
                    if i == last && ty.name.as_deref() == Some("Parameters") =>
                {
                    for member in members {
                        let name = member.name.clone().unwrap_or_default();
                        if self.written(&name) == TARGET {
                            let reason = "target is a reserved word of WGSL, which a parameter \
                                          cannot be called: call it goal, for example";
                            return self.refused(module.types.get_span(argument.ty), reason);
                        }
                        if arguments.iter().any(|own| own.name == name) {
                            let reason = format!("{name} is an argument and a parameter");
                            return self.refused(module.types.get_span(argument.ty), reason);
                        }
                        match module.types[member.ty].inner {
                            TypeInner::Scalar(kind @ (Scalar::F32 | Scalar::I32 | Scalar::U32)) => {
                                parameters.push(Parameter { name, kind, count: None });
                            }
                            TypeInner::Array { base, size: ArraySize::Constant(count), .. }
                                if let TypeInner::Scalar(
                                    kind @ (Scalar::F32 | Scalar::I32 | Scalar::U32),
                                ) = module.types[base].inner =>
                            {
                                let count = usize::try_from(count.get()).ok();
                                parameters.push(Parameter { name, kind, count });
                            }
                            _ => {
                                let reason = format!(
                                    "parameter {name} is not f32, i32 or u32, nor an array of so \
                                     many of them"
                                );
                                return self.refused(module.types.get_span(argument.ty), reason);
                            }
                        }
                    }
                    let numbers: usize = parameters.iter().filter_map(|own| own.count).sum();
                    if numbers > MOST_NUMBERS {
                        let reason = format!(
                            "the arrays of Parameters have {numbers} numbers, expected at most \
                             {MOST_NUMBERS}"
                        );
                        return self.refused(module.types.get_span(argument.ty), reason);
                    }
                    parameters_type = Some(argument.ty);
                }
                _ => {
                    let reason = format!(
                        "argument {name} of value is not f32, i32, u32, bool, or a vector of f32, nor, \
                         as the last one, Parameters"
                    );
                    return self.refused(span, reason);
                }
            }
        }
        if !(1..=MOST_ARGUMENTS).contains(&arguments.len()) {
            let count = arguments.len();
            let reason = format!("value has {count} arguments, expected 1 to {MOST_ARGUMENTS}");
            return self.refused(span, reason);
        }
        if !arguments.iter().any(|argument| argument.kind.is_float()) {
            let reason =
                "value has no argument of f32 or a vector of them: a loss has a derivative";
            return self.refused(span, reason);
        }
        self.arguments = arguments;
        self.parameters = parameters;
        self.parameters_type = parameters_type;
        Ok(())
    }
}

/// The first loop of a block.
fn loop_in(block: &Block) -> Option<Span> {
    block.span_iter().find_map(|(statement, &span)| match statement {
        Statement::Loop { .. } => Some(span),
        Statement::Block(block) => loop_in(block),
        Statement::If { accept, reject, .. } => loop_in(accept).or_else(|| loop_in(reject)),
        Statement::Switch { cases, .. } => cases.iter().find_map(|case| loop_in(&case.body)),
        _ => None,
    })
}

fn entry(text: &str, module: &Module) -> Result<Handle<Function>> {
    let own = module.functions.iter().find(|(_, f)| f.name.as_deref() == Some("value"));
    own.map(|(handle, _)| handle)
        .ok_or_else(|| error_at(text, 0, "fn value(...) -> f32 is missing"))
}

/// The names that the library declares.
static OWN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    // It is valid, or nothing that is joined with it is.
    let module = naga::front::wgsl::parse_str(&LIBRARY).unwrap_or_default();
    declared(&module).into_iter().map(|(name, _)| name).collect()
});

/// The names of WGSL's own that a text declares for itself, unless the library needs them. Of
/// the library's names it must have none.
fn shadowed(text: &str) -> Result<Vec<Name>> {
    let known = OWN.iter().map(|name| &**name).chain(BUILTIN_IDENTIFIERS.iter().copied());
    let names = redeclared(text, known);
    for Name { name, offset } in &names {
        if OWN.contains(name) {
            let reason = format!("{name} is wgloss's own: use it as it is, or rename yours");
            return Err(error_at(text, *offset, reason));
        }
        if uses(&LIBRARY, name) {
            return Err(taken(text, *offset, name));
        }
    }
    Ok(names)
}

/// Parses and validates text joined with the library.
pub(super) fn parse(text: &str) -> Result<(Module, ModuleInfo)> {
    let joined = format!("{text}\n{}", *LIBRARY);
    let module = naga::front::wgsl::parse_str(&joined).map_err(|error| syntax(text, &error))?;
    // The kernels need it too, for float16 inputs.
    let capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    let info = validator.validate(&module).map_err(|error| meaning(text, &error))?;
    Ok((module, info))
}

/// What the parser has to say, of the user's text alone.
fn syntax(text: &str, error: &ParseError) -> Error {
    let label = error.labels().next();
    let offset = label.and_then(|(span, _)| span.to_range()).map_or(0, |range| range.start);
    if offset >= text.len() && !text.is_empty() {
        return error_at(text, text.len(), "the text ends here, where more is expected");
    }
    let detail = label.map(|(_, label)| label.to_string());
    let detail = detail.filter(|label| !error.message().contains(&**label));
    let notes = detail.into_iter().chain(error.notes().map(String::from));
    let reason: Vec<String> = [error.message().to_string()].into_iter().chain(notes).collect();
    let mut reason = reason.join("; ");
    let word = error.message().strip_prefix("no definition in scope for identifier: `");
    let advice = match word.and_then(|rest| rest.split('`').next()) {
        Some(word) => {
            let words = identifiers(text).filter(|other| *other != word);
            let own: Vec<&str> = OWN.iter().map(|name| &**name).chain(words).collect();
            advice::of_word(word, &own).or_else(|| advice::of_sign(text, offset).map(String::from))
        }
        None if error.message().contains("reserved") => Some("give it another name".into()),
        None => advice::of_sign(text, offset).map(String::from),
    };
    if let Some(advice) = advice {
        reason += &format!("; {advice}");
    }
    error_at(text, offset, reason)
}

/// What is wrong with a text that can be parsed.
fn meaning(text: &str, error: &WithSpan<ValidationError>) -> Error {
    // The first one is the whole function.
    let places: Vec<_> = error.spans().filter_map(|(span, _)| span.to_range()).collect();
    let function = places.iter().max_by_key(|range| range.len());
    let place = places.iter().min_by_key(|range| range.len()).map_or(0, |range| range.start);
    if let ValidationError::Function { source, .. } = error.as_inner() {
        match source {
            FunctionError::Expression {
                source: ExpressionError::InvalidBinaryOperandTypes { op, lhs_type, rhs_type, .. },
                ..
            } => return error_at(text, place, advice::of_operator(*op, [lhs_type, rhs_type])),
            FunctionError::InvalidReturnType { expression: None, .. } => {
                let end = function.and_then(|range| text.get(..range.end)?.rfind('}'));
                let reason = "the function ends here without a value: every way through it needs a \
                              return, behind an if without else too";
                return error_at(text, end.unwrap_or(place), reason);
            }
            _ => {}
        }
    }
    // What contains what is wrong is known from the place.
    let mut reason = error.as_inner().to_string();
    let mut cause = error.as_inner().source();
    while let Some(inner) = cause {
        if reason.ends_with(" is invalid") {
            reason.clear();
        }
        reason += if reason.is_empty() { "" } else { ": " };
        reason += &inner.to_string();
        cause = inner.source();
    }
    error_at(text, place, without_numbers(&reason))
}

/// A message without the numbers in brackets that naga has for expressions and types.
fn without_numbers(reason: &str) -> String {
    let mut pieces = reason.split(" [");
    let mut out: String = pieces.next().unwrap_or_default().into();
    for piece in pieces {
        match piece.split_once(']') {
            Some((number, rest)) if number.bytes().all(|c| c.is_ascii_digit()) => out += rest,
            _ => out += &format!(" [{piece}"),
        }
    }
    out
}

/// A word as long as `target`, which WGSL reserves and the inputs of most losses are called, that a text
/// which says `target` does not have.
fn stand_in(text: &str) -> Option<String> {
    if !identifiers(text).any(|word| word == TARGET) {
        return None;
    }
    let words: BTreeSet<&str> = identifiers(text).collect();
    let others = (0..TARGET.len()).map(|i| {
        let letter = |(k, c): (usize, char)| if k == i { c.to_ascii_uppercase() } else { c };
        TARGET.chars().enumerate().map(letter).collect::<String>()
    });
    others.into_iter().find(|other| !words.contains(&**other))
}

const TARGET: &str = "target";
