//! The names of WGSL texts, as naga knows them.
//!
//! A module's arenas hold the functions, structs, variables and typed constants of a text. Aliases
//! and untyped constants are gone from them, built-in functions of constants too, and a span is that of
//! a whole declaration. So naga is asked, where a user's text must be told the place of a name: a
//! declaration of the same name is added, and the error says where the other one is.

use naga::common::wgsl::TryToWgsl;
use naga::front::wgsl::parse_str;
use naga::{Expression, Function, Module, RelationalFunction, Scalar, Span, TypeInner};
use std::collections::BTreeSet;

/// A name at module scope, and the byte where it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) name: String,
    pub(super) offset: usize,
}

/// The names that a module declares, each with the place of its declaration as far as there is one.
pub(super) fn declared(module: &Module) -> Vec<(String, Span)> {
    let Module { types, constants, overrides, global_variables, functions, .. } = module;
    let mut all: Vec<(&Option<String>, Span)> = Vec::new();
    all.extend(types.iter().map(|(at, own)| (&own.name, types.get_span(at))));
    all.extend(constants.iter().map(|(at, own)| (&own.name, constants.get_span(at))));
    all.extend(overrides.iter().map(|(at, own)| (&own.name, overrides.get_span(at))));
    let variables = global_variables.iter();
    all.extend(variables.map(|(at, own)| (&own.name, global_variables.get_span(at))));
    all.extend(functions.iter().map(|(at, own)| (&own.name, functions.get_span(at))));
    let entries = module.entry_points.iter().map(|own| (own.name.clone(), Span::UNDEFINED));
    let named = |(name, span): (&Option<String>, Span)| Some((name.clone()?, span));
    all.into_iter().filter_map(named).chain(entries).collect()
}

/// These functions of a module, and what they call for a result: functions, WGSL's own too, and
/// types.
pub(super) fn called<'m>(
    module: &'m Module,
    functions: impl IntoIterator<Item = &'m Function>,
) -> Vec<String> {
    let callee = |expression: &Expression| match *expression {
        Expression::CallResult(function) => module.functions[function].name.clone(),
        Expression::Math { fun, .. } => fun.try_to_wgsl().map(String::from),
        Expression::Relational { fun: RelationalFunction::All, .. } => Some("all".into()),
        Expression::Relational { fun: RelationalFunction::Any, .. } => Some("any".into()),
        Expression::Select { .. } => Some("select".into()),
        Expression::As { convert: None, .. } => Some("bitcast".into()),
        Expression::As { kind, convert: Some(width), .. } => {
            Scalar { kind, width }.try_to_wgsl().map(String::from)
        }
        Expression::Splat { size, .. } => Some(format!("vec{}", size as u8)),
        Expression::Compose { ty, .. } => match module.types[ty].inner {
            TypeInner::Vector { size, .. } => Some(format!("vec{}", size as u8)),
            TypeInner::Array { .. } => Some("array".into()),
            _ => module.types[ty].name.clone(),
        },
        _ => None,
    };
    let mut names = Vec::new();
    for function in functions {
        names.extend(function.name.clone());
        names.extend(function.expressions.iter().filter_map(|(_, expression)| callee(expression)));
    }
    names
}

/// Which of these names a text declares itself, in its order. What else is wrong with the text does
/// not matter, unless it cannot be parsed at all.
pub(super) fn redeclared<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<Name> {
    let mut names: BTreeSet<&str> = names.into_iter().collect();
    let mut found = Vec::new();
    while let Some(name) = redeclaration(text, &names) {
        names.remove(&*name.name);
        found.push(name);
    }
    found.sort_by_key(|name| name.offset);
    found
}

/// One of these names that a text declares itself.
fn redeclaration(text: &str, names: &BTreeSet<&str>) -> Option<Name> {
    // naga compares names before it looks at anything that they stand for; and of constants of
    // themselves it says so before it reads functions, which takes long.
    let circle = |name: &&str| format!("const {name} = {name};\n");
    let joined: String =
        [format!("{text}\n")].into_iter().chain(names.iter().map(circle)).collect();
    let error = parse_str(&joined).err()?;
    let mut places = error.labels().filter_map(|(span, _)| span.to_range());
    let (again, before) = (places.next()?, places.next()?);
    let is_ours = again.start > text.len() && before.end <= text.len();
    is_ours.then(|| Name { name: joined[again].into(), offset: before.start })
}

/// Whether a valid text has another meaning, or none, beside a declaration of this name: it declares
/// or calls it, or it is a type of its.
pub(super) fn uses(text: &str, name: &str) -> bool {
    parse_str(&format!("{text}\nconst {name} = 0;\n")).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::keywords::wgsl::BUILTIN_IDENTIFIERS;

    const TEXT: &str = "alias A = vec2<f32>; alias B = A;
        const UNTYPED = 1; const TYPED: f32 = 1.0; override O: f32 = 1.0;
        struct S { member: f32 }
        var<private> variable: f32;
        fn /* f */ f(x: f32) -> f32 { let local = max(x, missing()); return local; }
        @compute @workgroup_size(1) fn main() { }";

    #[test]
    fn places_of_declarations() {
        let names = ["A", "B", "UNTYPED", "TYPED", "O", "S", "variable", "f", "main"];
        let others = ["member", "x", "local", "max", "missing", "vec2", "f32"];
        let found = redeclared(TEXT, others.into_iter().chain(names));
        let own: Vec<&str> = found.iter().map(|own| &*own.name).collect();
        assert_eq!(own, names);
        for Name { name, offset } in found {
            assert!(TEXT[offset..].starts_with(&name), "{name}: {offset}");
            assert!(!TEXT[..offset].ends_with("/* "), "{name}: {offset}");
        }
    }

    #[test]
    fn uses_of_what_is_predeclared() {
        let text = "fn f(x: f32) -> f32 { return vec2<f32>(max(x, 1.0)).x; }";
        for (name, used) in [
            ("max", true),
            ("vec2", true),
            ("f32", true),
            ("f", true),
            ("min", false),
            ("x", false),
        ] {
            assert_eq!(uses(text, name), used, "{name}");
        }
    }

    /// naga would tell of another error first.
    #[test]
    fn every_built_in_can_be_declared() {
        for name in BUILTIN_IDENTIFIERS {
            assert!(!uses("", name), "{name}");
        }
    }
}
