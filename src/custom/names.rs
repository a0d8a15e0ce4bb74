//! The names of WGSL texts: a user's must not be those of the kernels that they are joined with.

use super::source::{Source, error_at};
use crate::definition::{Definition, Parameter};
use crate::error::{Error, Result};
use crate::families::pointwise::kernel::{Spec, Writes};
use crate::families::pointwise::{self, Access};
use crate::kernel::{Declared, Destination, Parameters};
use crate::request::Upstream;
use crate::tensor::DType;
use std::collections::HashSet;

/// A name at module scope, and the byte where it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) name: String,
    pub(super) offset: usize,
}

/// The words of a text, each with its byte; comments are left out, and so is what is in braces with
/// `outside`.
fn words(text: &str, outside: bool) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let (mut depth, mut at) = (0usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        // Letters may be followed by marks, which are none.
        let is_word = |c: char| match c.is_ascii() {
            true => c.is_ascii_alphanumeric() || c == '_',
            false => !c.is_whitespace(),
        };
        let first = rest.chars().next().unwrap_or_default();
        let size = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let word = &rest[..size];
        match word {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let comment = word.starts_with("//") || word.starts_with("/*");
        if !comment && !word.trim().is_empty() && (depth == 0 || !outside) {
            words.push((at, word));
        }
        at += size;
    }
    words
}

/// The size of the comment that a text begins with; comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let size = match rest {
            _ if rest.starts_with("/*") => {
                depth += 1;
                2
            }
            _ if rest.starts_with("*/") => {
                depth -= 1;
                2
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += size;
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where a statement begins that has more than so many words.
pub(super) fn long_statement(text: &str, most: usize) -> Option<usize> {
    let words = words(text, false);
    let mut statements = words.split(|(_, word)| [";", "{", "}"].contains(word));
    statements.find(|words| words.len() > most).map(|words| words[0].0)
}

/// What a text declares at module scope.
pub(super) fn declared(text: &str) -> Vec<Name> {
    let words = words(text, true);
    let mut names = Vec::new();
    for (i, &(_, word)) in words.iter().enumerate() {
        if !["fn", "struct", "const", "override", "alias", "var"].contains(&word) {
            continue;
        }
        let mut rest = words[i + 1..].iter();
        let mut next = rest.next();
        // `var<storage, read> name`
        if word == "var" && next.is_some_and(|(_, word)| *word == "<") {
            next = rest.find(|(_, word)| *word == ">").and_then(|_| rest.next());
        }
        if let Some(&(offset, name)) = next {
            names.push(Name { name: name.into(), offset });
        }
    }
    names
}

/// The functions and types that a text uses: words right before `(` and `<`.
pub(super) fn called(text: &str) -> HashSet<String> {
    let words = words(text, false);
    let touch = |pair: &&[(usize, &str)]| pair[0].0 + pair[0].1.len() == pair[1].0;
    let pairs = words.windows(2).filter(|pair| ["(", "<"].contains(&pair[1].1)).filter(touch);
    let names = pairs.map(|pair| pair[0].1).filter(|word| word.starts_with(char::is_alphabetic));
    names.map(String::from).collect()
}

/// What derived text may call although the user's does not.
const ADDED: [&str; 19] = [
    "array", "clamp", "cos", "cosh", "cross", "degrees", "dot", "exp", "length", "log", "pow",
    "radians", "select", "sign", "sin", "sinh", "sqrt", "step", "trunc",
];

/// Words right before `(`: functions, and some keywords.
fn called_by_user(text: &str) -> HashSet<String> {
    let words = words(text, false);
    let pairs = words.windows(2).filter(|pair| pair[1].1 == "(");
    pairs.map(|pair| pair[0].1.to_string()).collect()
}

/// The texts of all kinds of kernels of a loss.
fn kernels(definition: &Definition, parameters: &Parameters) -> Vec<String> {
    let all: Vec<usize> = (0..definition.inputs.len()).collect();
    let mut texts = Vec::new();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for access in [Access::Dense, Access::Strided] {
            let spec = Spec {
                definition,
                parameters: parameters.clone(),
                inputs: vec![Some((dtype, access)); all.len()],
                gradients: vec![dtype; all.len()],
                upstream: Upstream::Terms,
                scratch_divisor: false,
                by_weights: false,
                given_mean: false,
            };
            let sum = Some(Destination::Value { scratch_divisor: true });
            let writes = Writes { losses: true, sum, gradients: all.clone() };
            texts.extend([false, true].map(|part| spec.pass(&writes, part).text()));
            texts.extend(all.iter().map(|&input| spec.gather(input, true).text()));
        }
    }
    texts
}

/// Finds names of the user's that a kernel has too, and returns the kernels' names. The definition
/// has no shader yet.
pub(super) fn check(source: &Source, definition: &Definition) -> Result<HashSet<String>> {
    let mut reserved: HashSet<String> = ADDED.map(String::from).into();
    let own = source.declared.iter();
    if let Some(name) = own.filter(|name| reserved.contains(&name.name)).min_by_key(|n| n.offset) {
        return Err(derived(&source.text, name.offset, &name.name));
    }
    // A function that has another name as an argument: the binding would be called.
    reserved.extend(called_by_user(&source.text));
    if let Some(name) = source.arguments.iter().find(|name| reserved.contains(*name)) {
        return Err(derived(&source.text, argument(&source.text, name), name));
    }
    // Which members there are makes no difference to the names.
    let any = Declared::of(pointwise::shader("struct Parameters { any: f32 }"));
    let parameters = match source.parameters.is_empty() {
        true => Parameters::default(),
        false => Parameters::new(any, &[("any", Parameter::Number(f32::MAX))]),
    };
    for text in kernels(definition, &parameters) {
        let names: Vec<String> = declared(&text).into_iter().map(|name| name.name).collect();
        let called = called(&text);
        let mut own = source
            .declared
            .iter()
            .filter(|name| !["value", "Parameters"].contains(&&*name.name))
            .map(|name| (&*name.name, name.offset));
        let is_taken =
            |name: &str| names.iter().any(|other| other == name) || called.contains(name);
        if let Some((name, at)) = own.find(|(name, _)| is_taken(name)) {
            return Err(taken(&source.text, at, name));
        }
        for name in &source.arguments {
            // An argument is a binding's name itself.
            let times = names.iter().filter(|other| *other == name).count();
            if times > 1 || called.contains(name) {
                return Err(taken(&source.text, argument(&source.text, name), name));
            }
        }
        reserved.extend(names);
        reserved.extend(called);
    }
    Ok(reserved)
}

/// Where `value` has an argument of this name.
fn argument(text: &str, name: &str) -> usize {
    let words = words(text, false);
    let start = words.windows(2).position(|pair| pair[0].1 == "fn" && pair[1].1 == "value");
    let mut rest = words.iter().skip(start.map_or(0, |start| start + 2));
    rest.find(|(_, word)| *word == name).map_or(0, |(at, _)| *at)
}

fn derived(text: &str, at: usize, name: &str) -> Error {
    error_at(text, at, format!("derivatives call WGSL's function of the name {name}: rename yours"))
}

pub(super) fn taken(text: &str, at: usize, name: &str) -> Error {
    error_at(text, at, format!("the kernels have a name {name} too: rename yours"))
}
