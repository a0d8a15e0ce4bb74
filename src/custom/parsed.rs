//! The compiler's reading of a user's text, joined with the library's, and what it says where it cannot be read.

use super::advice;
use super::library::TEXTS;
use super::names::{Name, declared, redeclared, uses};
use super::refusal::{error_at, taken};
use super::words::{identifiers, place_of};
use crate::error::{Error, Result};
use naga::front::wgsl::ParseError;
use naga::keywords::wgsl::BUILTIN_IDENTIFIERS;
use naga::valid::{
    Capabilities, ExpressionError, FunctionError, ModuleInfo, ValidationError, ValidationFlags,
    Validator,
};
use naga::{Module, WithSpan};
use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::LazyLock;

static LIBRARY: LazyLock<String> = LazyLock::new(|| TEXTS.concat());

/// The names that the library declares.
static OWN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    // It is valid, or nothing that is joined with it is.
    let module = naga::front::wgsl::parse_str(&LIBRARY).unwrap_or_default();
    declared(&module).into_iter().map(|(name, _)| name).collect()
});

/// The names of WGSL's own that a text declares for itself, unless the library needs them. Of
/// the library's names it must have none.
pub(super) fn shadowed(text: &str) -> Result<Vec<Name>> {
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
            let before = text.get(..offset).unwrap_or(text).trim_end();
            let of_type =
                before.ends_with([':', '<', '>']).then(|| advice::of_type(word)).flatten();
            of_type
                .or_else(|| advice::of_word(word, &own))
                .or_else(|| advice::of_sign(text, offset).map(String::from))
        }
        None if error.message().contains("reserved") && !text[offset..].starts_with("mut ") => {
            Some("give it another name".into())
        }
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
            FunctionError::InvalidReturnType { .. } => {
                let reason = "what is returned is not of the type that the function says behind \
                              ->, as in fn value(p: f32) -> f32";
                // Of a function that says none the place is among its arguments.
                let body = function
                    .and_then(|range| Some(range.start + text.get(range.clone())?.find('{')?));
                let first = body.filter(|&body| place < body);
                let first = first.and_then(|body| Some(body + place_of(&text[body..], "return")?));
                return error_at(text, first.unwrap_or(place), reason);
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
    if reason.contains("FLOAT64") {
        let reason = "f64 is not supported: numbers are f32, and inputs of f64 are rounded";
        return error_at(text, place_of(text, "f64").unwrap_or(place), reason);
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
