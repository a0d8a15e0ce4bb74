//! The kernels that a user's text is joined with: which names of its own they leave to it.

use super::library;
use super::names::{called, declared, redeclared, uses};
use super::refusal::{error_at, taken};
use super::signature::Argument;
use super::source::Source;
use crate::definition::{Definition, Input, Parameter};
use crate::error::{Error, Result};
use crate::families::pointwise::kernel::{Spec, VALUE_AND_GRADIENT, Writes};
use crate::families::pointwise::{self, Access, Slopes};
use crate::kernel::{Declared, Destination, Parameters};
use crate::request::Upstream;
use crate::tensor::DType;
use naga::front::wgsl::{ParseError, parse_str};
use std::collections::{BTreeSet, HashSet};

/// What derived text may call although the user's does not.
pub(super) const ADDED: [&str; 21] = [
    "array", "clamp", "cos", "cosh", "cross", "degrees", "dot", "exp", "length", "log", "max",
    "min", "pow", "radians", "select", "sign", "sin", "sinh", "sqrt", "step", "trunc",
];

/// The types of derived text.
const TYPES: [&str; 7] = ["bool", "f32", "i32", "u32", "vec2", "vec3", "vec4"];

/// Finds names of the user's that a kernel has too, and returns the names that derived text must
/// leave alone. The definition has no shader yet.
pub(super) fn check(source: &Source, definition: &Definition) -> Result<HashSet<String>> {
    let mut reserved: HashSet<String> = ADDED.map(String::from).into();
    let mut shadowed = source.shadowed.iter();
    if let Some(name) = shadowed.find(|name| reserved.contains(&name.name)) {
        return Err(called_by_derivatives(&source.text, name.offset, &name.name));
    }
    reserved.extend(source.called());
    reserved.extend(library::names().map(String::from));
    let kernels = kernels(definition, !source.parameters.is_empty());
    let (mut known, mut calls) = (BTreeSet::new(), HashSet::from(TYPES.map(String::from)));
    for kernel in &kernels {
        let module = parse_str(kernel).map_err(|error| invalid(source, kernel, &error))?;
        known.extend(declared(&module).into_iter().map(|(name, _)| name));
        let entries = module.entry_points.iter().map(|entry| &entry.function);
        let functions = module.functions.iter().map(|(_, function)| function);
        calls.extend(called(&module, functions.chain(entries)));
    }
    known.insert("table_words".into());
    let others = known.iter().map(|name| &**name);
    let others = others.filter(|name| !["value", "Parameters"].contains(name));
    if let Some(name) = redeclared(&source.text, others).first() {
        return Err(taken(&source.text, name.offset, &name.name));
    }
    // The others do not come into derived text.
    let mut shadowed = source.shadowed.iter().filter(|name| source.declares(&name.name));
    let used = |name: &str| kernels.iter().any(|kernel| uses(kernel, name));
    if let Some(name) = shadowed.find(|name| used(&name.name)) {
        return Err(taken(&source.text, name.offset, &name.name));
    }
    reserved.extend(known);
    reserved.extend(calls);
    Ok(reserved)
}

/// The error that an argument's name makes a kernel invalid, where what is made of it (`NAME_at`) is
/// something else already.
fn invalid(source: &Source, kernel: &str, error: &ParseError) -> Error {
    let place = error.labels().next().and_then(|(span, _)| span.to_range());
    let name = place.and_then(|place| kernel.get(place)).unwrap_or_default();
    let made_of =
        |own: &Argument| name.strip_prefix(&*own.name).is_some_and(|end| end.starts_with('_'));
    match source.arguments.iter().position(made_of) {
        Some(i) => taken(&source.text, source.argument_place(i), name),
        None => error_at(&source.text, 0, format!("its kernels are not valid: {error}")),
    }
}

/// The texts of three kernels of a loss that have all names of its others too: elements of 16 bits
/// take most of them, and so do strides.
fn kernels(definition: &Definition, parameters: bool) -> [String; 3] {
    let spec = |access, long| Spec { long, ..spec(definition, parameters, DType::F16, access) };
    let inputs = definition.inputs;
    let all: Vec<usize> = (0..inputs.len()).filter(|&i| inputs[i].differentiable).collect();
    let first = all.first().copied().unwrap_or_default();
    let losses = Writes { losses: true, sum: None, gradients: all.clone() };
    let sum = Writes {
        losses: false,
        sum: Some(Destination::Value { scratch_divisor: true }),
        gradients: all,
    };
    let whole = spec(Access::Dense, true).pass(&losses, false);
    let part = spec(Access::Strided, false).pass(&sum, true);
    let gather = spec(Access::Strided, false).gather(first, true);
    let formula = formula(definition.inputs, parameters);
    [whole, part, gather].map(|kernel| kernel.text() + &formula)
}

fn spec(definition: &Definition, parameters: bool, dtype: DType, access: Access) -> Spec<'_> {
    let count = definition.inputs.len();
    // Which members there are makes no difference to the names.
    let any = [("any", Parameter::Number(f32::MAX))];
    let parameters = match parameters {
        true => Parameters::new(Declared::of(pointwise::shader(PARAMETERS)), &any),
        false => Parameters::default(),
    };
    Spec {
        definition,
        parameters,
        inputs: definition.inputs.iter().map(|own| Some((dtype_of(own, dtype), access))).collect(),
        gradients: vec![dtype; count],
        upstream: Upstream::Terms,
        scratch_divisor: false,
        by_weights: false,
        given_mean: false,
        counted: None,
        fuses: true,
        long: false,
    }
}

const PARAMETERS: &str = "struct Parameters { any: f32 }\n";

/// The type that an input of floats has, or one of 8 bits where it has integers.
fn dtype_of(input: &Input, dtype: DType) -> DType {
    if input.whole().is_some() { DType::I8 } else { dtype }
}

/// A formula of these inputs, with which kernels are whole.
fn formula(inputs: &[Input], parameters: bool) -> String {
    let kind = |input: &Input| match (input.whole(), input.role.width()) {
        (Some(whole), _) => whole.kind().into(),
        (None, 1) => "f32".to_string(),
        (None, width) => format!("vec{width}<f32>"),
    };
    let kinds: Vec<String> = inputs.iter().map(kind).collect();
    let mut names: Vec<String> =
        kinds.iter().enumerate().map(|(i, kind)| format!("x{i}: {kind}")).collect();
    if parameters {
        names.push("options: Parameters".into());
    }
    let names = names.join(", ");
    let (slopes, declared) = match Slopes::of(inputs.iter()) {
        Slopes::Alone => {
            let alone = inputs.iter().position(|input| input.differentiable).unwrap_or_default();
            (kinds[alone].clone(), String::new())
        }
        Slopes::Together => (format!("vec{}<f32>", inputs.len()), String::new()),
        Slopes::Members => {
            let own = inputs.iter().zip(&kinds).filter(|(input, _)| input.differentiable);
            let members: String =
                own.map(|(input, kind)| format!("    by_{}: {kind},\n", input.name)).collect();
            ("Slopes".into(), format!("struct Slopes {{\n{members}}}\n"))
        }
    };
    let value = format!("fn value({names}) -> f32 {{ return 0.0; }}\n");
    let of = |name: &str| format!("fn {name}({names}) -> {slopes} {{ return {slopes}(); }}\n");
    let parameters = if parameters { PARAMETERS } else { "" };
    [parameters, &declared, &value, &of("gradient"), &of(VALUE_AND_GRADIENT)].concat()
}

fn called_by_derivatives(text: &str, at: usize, name: &str) -> Error {
    error_at(text, at, format!("derivatives call WGSL's function of the name {name}: rename yours"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Role;
    use crate::reduction::Reduction;
    use naga::Module;

    const NUMBERS: [Role; 4] = [Role::Elements; 4];
    const MIXED: [Role; 4] = [Role::ElementVectors(4), Role::Elements, Role::Signed, Role::Flags];

    fn definition(roles: &[Role]) -> Definition {
        let input = |(name, role): (&'static str, &Role)| match role.whole().is_some() {
            true => Input::new(name, *role).constant(),
            false => Input::new(name, *role),
        };
        let inputs: Vec<Input> = ["p", "t", "q", "r"].into_iter().zip(roles).map(input).collect();
        Definition {
            name: "custom",
            aliases: &[],
            summary: "",
            formula: "",
            inputs: inputs.leak(),
            arguments: &[],
            reductions: &[Reduction::Mean],
            weighted_mean: false,
            shader: pointwise::shader(""),
        }
    }

    /// All that a custom loss's kernels may be, but for the names of its arguments.
    fn every_kernel(definition: &Definition, parameters: bool) -> Vec<String> {
        let inputs = definition.inputs;
        let by: Vec<usize> = (0..inputs.len()).filter(|&i| inputs[i].differentiable).collect();
        let sum = |sum| Writes { losses: false, sum: Some(sum), gradients: Vec::new() };
        let mut all = vec![
            Writes { losses: true, ..sum(Destination::Scratch) },
            sum(Destination::Scratch),
            sum(Destination::Value { scratch_divisor: false }),
            sum(Destination::Value { scratch_divisor: true }),
        ];
        all[0].sum = None;
        let with_slopes = |own: &Writes| Writes { gradients: by.clone(), ..own.clone() };
        all.extend(all.iter().map(with_slopes).collect::<Vec<_>>());
        let mut texts = Vec::new();
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            for access in [Access::Dense, Access::Single, Access::Strided] {
                for upstream in [Upstream::One, Upstream::Scalar, Upstream::Terms] {
                    let spec = Spec { upstream, ..spec(definition, parameters, dtype, access) };
                    let passes = all.iter().flat_map(|own| [(own, false), (own, true)]);
                    texts.extend(passes.map(|(writes, part)| spec.pass(writes, part).text()));
                    let gathers = by.iter().flat_map(|&input| [(input, false), (input, true)]);
                    texts.extend(gathers.map(|(i, direct)| spec.gather(i, direct).text()));
                }
            }
        }
        let formula = formula(inputs, parameters);
        texts.into_iter().map(|text| text + &formula).collect()
    }

    fn names(texts: &[String]) -> HashSet<String> {
        let module =
            |text: &String| parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let own = |module: Module| {
            let functions = module.functions.iter().map(|(_, function)| function);
            let entries = module.entry_points.iter().map(|entry| &entry.function);
            let declared = declared(&module).into_iter().map(|(name, _)| name);
            declared.chain(called(&module, functions.chain(entries))).collect::<Vec<_>>()
        };
        texts.iter().flat_map(|text| own(module(text))).collect()
    }

    #[test]
    fn three_kernels_have_all_names() {
        let all = [(&NUMBERS[..1], false), (&NUMBERS[..2], true), (&MIXED, true)];
        for (roles, parameters) in all {
            let definition = definition(roles);
            let few = names(&kernels(&definition, parameters));
            let all = names(&every_kernel(&definition, parameters));
            assert!(all.contains("p_at") && all.contains("upstream") && all.contains("select"));
            let missing: Vec<_> = all.difference(&few).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }

    /// Of aliases and untyped constants naga's arenas know nothing.
    #[test]
    fn arenas_hold_what_kernels_declare() {
        let texts = kernels(&definition(&NUMBERS[..2]), true);
        let names = names(&texts);
        let lines = texts.iter().flat_map(|text| text.lines());
        let declaration = |line: &str| {
            let (keyword, rest) = line.split_once(' ')?;
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
            ["fn", "const", "struct", "alias", "override"].contains(&keyword).then(|| name.into())
        };
        let missing: Vec<String> =
            lines.filter_map(declaration).filter(|name| !names.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn names_that_would_make_kernels_invalid() {
        for (text, place, name) in [
            ("fn value(p: f32, term: f32) -> f32 { return p * term; }", 18, "term_at"),
            (
                "fn read(x: f32) -> f32 { return x; } fn value(p: f32) -> f32 { return read(p); }",
                4,
                "read",
            ),
            (
                "const losses_out: f32 = 2.0; fn value(p: f32) -> f32 { return losses_out * p; }",
                7,
                "losses_out",
            ),
        ] {
            match crate::Custom::new(text) {
                Err(Error::Custom { line: 1, column, reason }) => {
                    assert_eq!(column, place, "{reason}");
                    assert_eq!(reason, format!("the kernels have a name {name} too: rename yours"));
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
