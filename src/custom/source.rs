//! A user's WGSL, parsed and checked: what is wrong is said with its line and column.

use super::arrays;
use super::items::{Signature as OfRows, rename, signature_of};
use super::names::{Name, called, declared, redeclared};
use super::parsed::{parse, shadowed};
use super::refusal::{Refusal, error_at, place};
use super::repeats::{Loops, loops};
use super::signature::{Argument, Parameter, Signature, written};
use super::words::{TARGET, long_statement, replaced, stand_in, unclosed, with_variables};
use crate::error::{Error, Result};
use naga::valid::ModuleInfo;
use naga::{AddressSpace, Expression, Function, Handle, Module, Span, Type};
use std::collections::HashMap;
use std::ops::Range;

/// The words of a statement: compilers descend into what it is made of, and must not run out of
/// stack.
const MOST_WORDS: usize = 3000;

/// The rounds of loops that one call of `value` or `gradient` may take where all lanes go together: as many as keep a
/// kernel's invocation, which calls one of them for 16 elements, below the 65,535 at which some drivers end it.
const ROUNDS: u32 = 4000;

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
    /// The user's functions that loop.
    loops: HashMap<Handle<Function>, Loops>,
    /// What a loss over rows is made of.
    pub(super) rows: Option<OfRows>,
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
            loops: HashMap::new(),
            rows: None,
        };
        source.loops = loops(&source.module, |span| source.is_own(span));
        let own = declared(&source.module).into_iter().filter(|(_, span)| source.is_own(*span));
        source.declared = own.map(|(name, _)| name).collect();
        source.check_globals()?;
        let stand_in = source.stand_in.as_deref();
        if let Some(rows) = signature_of(&source.module, text, stand_in, &source.loops)? {
            return Ok(source.over_rows(rows));
        }
        let Source { module, entry, text, stand_in, .. } = &source;
        let signature = Signature::of(module, *entry, text, stand_in.as_deref())?;
        let Signature { arguments, parameters, parameters_type } = signature;
        Ok(Self { arguments, parameters, parameters_type, ..source })
    }

    /// The same over rows: its functions' numbers are what slopes are by.
    fn over_rows(mut self, rows: OfRows) -> Self {
        self.entry = rows.value();
        self.arguments = rows.numbers();
        self.parameters.clone_from(&rows.parameters);
        self.parameters_type = rows.parameters_type;
        let end = self.text.len();
        let is_own = |span: Span| span.to_range().is_some_and(|range| range.start < end);
        rename(&mut self.module, is_own);
        let own = declared(&self.module).into_iter().filter(|(_, span)| is_own(*span));
        self.declared = own.map(|(name, _)| name).collect();
        Self { rows: Some(rows), ..self }
    }

    /// Gives the arguments these names, in their order, as far as there are any.
    pub(super) fn rename(&mut self, names: &[String]) {
        for (argument, name) in self.arguments.iter_mut().zip(names) {
            argument.name.clone_from(name);
        }
    }

    /// A name of the module as the user wrote it.
    pub(super) fn written<'n>(&self, name: &'n str) -> &'n str {
        written(name, self.stand_in.as_deref())
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

    /// The same of a direction that is given for each of these arguments: the first one is theirs all.
    pub(super) fn active_along(&self, arguments: &[usize]) -> Vec<u64> {
        let all = 0..self.module.functions[self.entry].arguments.len();
        all.map(|argument| u64::from(arguments.contains(&argument))).collect()
    }

    /// Where `value` is declared.
    pub(super) fn place(&self) -> Span {
        self.module.functions.get_span(self.entry)
    }

    /// The rounds of loops that one call of `value` or `gradient` may take, whose lanes may have to take turns.
    pub(super) fn rounds(&self) -> u32 {
        let turns = self.loops.get(&self.entry).map_or(1, |own| own.turns);
        ROUNDS / u32::try_from(turns).unwrap_or(ROUNDS)
    }

    /// Where the user's first loop is.
    pub(super) fn first_loop(&self) -> Option<Span> {
        let spans = self.loops.values().map(|own| own.first);
        spans.min_by_key(|span| span.to_range().map_or(0, |range| range.start))
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
}

fn entry(text: &str, module: &Module) -> Result<Handle<Function>> {
    let own = module.functions.iter().find(|(_, f)| f.name.as_deref() == Some("value"));
    own.map(|(handle, _)| handle)
        .ok_or_else(|| error_at(text, 0, "fn value(...) -> f32 is missing"))
}
