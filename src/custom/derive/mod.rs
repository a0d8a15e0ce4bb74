//! From a user's `value` to WGSL with its gradient: forward-mode derivation on naga's IR.
//!
//! Each function is written anew, expression by expression, with its slopes in the directions of the
//! arguments ([`dual`]). Equal terms are one term and get a name if they are used more than once
//! ([`term`]), a slope of 0 is no term at all, and lines that nothing reads are left out
//! ([`lines`]). A helper function is written once for each set of arguments that have slopes.

mod body;
mod dual;
mod expression;
mod lines;
mod rules;
mod statement;
mod term;

use super::source::{Refusal, Source};
use body::{Body, Found, Returns};
use naga::{
    ArraySize, Constant, Expression, Function, Handle, Literal, Scalar, ScalarKind, Span, Type,
    TypeInner,
};
use std::collections::{HashMap, HashSet};

type Result<T> = std::result::Result<T, Refusal>;

/// The rounds of loops that one call of `value` or `gradient` may take: as many as keep a kernel's
/// invocation, which calls each for 64 elements, below the 65,535 at which some drivers end it.
pub(super) const ROUNDS: u32 = 400;

/// What is to be written.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// `value`, and `gradient` by these arguments.
    Loss(Vec<usize>),
    /// A `value` that is the derivative by this argument.
    Slope(usize),
}

/// WGSL for what is wanted. No name in it is one of `reserved`, but for the user's own functions.
pub(super) fn write(
    source: &Source,
    accurate: bool,
    wanted: &Wanted,
    reserved: &HashSet<String>,
) -> Result<String> {
    let mut writer = Writer::new(source, accurate, matches!(wanted, Wanted::Loss(_)), reserved);
    let entry = source.entry;
    match wanted {
        Wanted::Loss(by) => {
            writer.entry(entry, "value", &[], Returns::Value)?;
            let size = if by.len() == 1 { 1 } else { source.arguments.len() };
            let returns = Returns::Slopes { of: by.clone(), size };
            writer.entry(entry, "gradient", by, returns)?;
        }
        Wanted::Slope(by) => {
            writer.entry(entry, "value", &[*by], Returns::Slopes { of: vec![*by], size: 1 })?;
        }
    }
    Ok(writer.finish())
}

/// A helper function as it was written for one set of arguments with slopes.
#[derive(Clone, Debug)]
struct Variant {
    name: String,
    /// What to call a result of it.
    result_name: String,
    /// The directions in which the result has slopes.
    result: u8,
}

#[derive(Debug)]
struct Writer<'s> {
    source: &'s Source,
    accurate: bool,
    limited: bool,
    reserved: &'s HashSet<String>,
    /// The names of the arguments that directions belong to.
    directions: Vec<String>,
    /// What has been written: names and texts, each after what it needs.
    pieces: Vec<(String, String)>,
    variants: HashMap<(Handle<Function>, Vec<u8>), Variant>,
    /// The counter of rounds, where there is a loop.
    counter: Option<String>,
}

/// The text of a function but for its name.
struct Written {
    arguments: String,
    result: String,
    body: String,
    found: u8,
}

impl<'s> Writer<'s> {
    fn new(
        source: &'s Source,
        accurate: bool,
        limited: bool,
        reserved: &'s HashSet<String>,
    ) -> Self {
        let (pieces, variants, counter) = Default::default();
        let directions = source.arguments.clone();
        Self { source, accurate, limited, reserved, directions, pieces, variants, counter }
    }

    /// What `value` is made of. A loop's rounds are counted from here, and too many are NaN.
    fn entry(
        &mut self,
        handle: Handle<Function>,
        name: &str,
        by: &[usize],
        returns: Returns,
    ) -> Result<()> {
        let count = self.source.module.functions[handle].arguments.len();
        let active: Vec<u8> =
            (0..count).map(|i| if by.contains(&i) { 1 << i } else { 0 }).collect();
        let Written { arguments, result, body, .. } = self.function(handle, &active, &returns)?;
        let Some(counter) = self.counter.clone() else {
            self.push(name, format!("fn {name}({arguments}) -> {result} {{\n{body}}}\n"));
            return Ok(());
        };
        let inner = self.unique(&format!("{name}_of"), &[]);
        self.push(&inner, format!("fn {inner}({arguments}) -> {result} {{\n{body}}}\n"));
        let names: Vec<&str> =
            arguments.split(", ").filter_map(|argument| argument.split(':').next()).collect();
        let names = names.join(", ");
        let nan = if result == "f32" {
            "not_a_number()".into()
        } else {
            format!("{result}(not_a_number())")
        };
        self.push(
            name,
            format!(
                "// Past {ROUNDS} rounds of its loops the result is NaN.\n\
             fn {name}({arguments}) -> {result} {{\n    {counter} = {}u;\n    \
             let result = {inner}({names});\n    \
             return select(result, {nan}, {counter} == 0u);\n}}\n",
                ROUNDS + 1,
            ),
        );
        Ok(())
    }

    /// Writes a function until no variable gets a slope that it did not have.
    fn function(
        &mut self,
        handle: Handle<Function>,
        active: &[u8],
        returns: &Returns,
    ) -> Result<Written> {
        let mut found = Found::default();
        loop {
            let mut body = Body::new(self, handle, returns.clone(), found.clone());
            let arguments = body.declare_arguments(active)?;
            body.write()?;
            if body.found == found {
                body.declare_locals()?;
                let lines = std::mem::take(&mut body.lines).finish();
                let result = body.result_type()?;
                return Ok(Written { arguments, result, body: lines, found: found.result });
            }
            found = body.found;
        }
    }

    /// The helper function for arguments with these slopes.
    fn variant(&mut self, handle: Handle<Function>, active: &[u8]) -> Result<Variant> {
        let key = (handle, active.to_vec());
        if let Some(variant) = self.variants.get(&key) {
            return Ok(variant.clone());
        }
        let own = self.source.module.functions[handle].name.clone().unwrap_or_default();
        let result_name = format!("{own}_result");
        let mut variant = Variant { name: own.clone(), result_name, result: 0 };
        if active.iter().any(|&directions| directions != 0) {
            let name = self.unique(&format!("{own}_derived"), &[]);
            let kind = self.unique(&format!("{own}_dual"), &[]);
            let written = self.function(handle, active, &Returns::Dual(kind.clone()))?;
            if written.found == 0 {
                variant = self.variant(handle, &vec![0; active.len()])?;
            } else {
                variant.name.clone_from(&name);
                variant.result = written.found;
                self.declare_dual(handle, &kind, written.found)?;
                let Written { arguments, body, .. } = written;
                self.push(&name, format!("fn {name}({arguments}) -> {kind} {{\n{body}}}\n"));
            }
        } else {
            let Written { arguments, result, body, .. } =
                self.function(handle, active, &Returns::Value)?;
            self.push(&own, format!("fn {own}({arguments}) -> {result} {{\n{body}}}\n"));
        }
        self.variants.insert(key, variant.clone());
        Ok(variant)
    }

    /// The struct of a helper's result and its slopes.
    fn declare_dual(&mut self, handle: Handle<Function>, name: &str, found: u8) -> Result<()> {
        let source = self.source;
        let span = source.module.functions.get_span(handle);
        let Some(result) = &source.module.functions[handle].result else { return Ok(()) };
        let kind = self.type_name(result.ty, span)?;
        let by = (0..self.directions.len()).filter(|k| found & 1 << k != 0);
        let members: String =
            by.map(|k| format!("    by_{}: {kind},\n", self.directions[k])).collect();
        self.push(name, format!("struct {name} {{\n    value: {kind},\n{members}}}\n"));
        Ok(())
    }

    /// The counter of rounds, if they are to be counted.
    fn limiter(&mut self) -> Option<String> {
        if !self.limited {
            return None;
        }
        let known = self.pieces.iter().find(|(_, text)| text.starts_with("var<private>"));
        let name = match known {
            Some((name, _)) => name.clone(),
            None => {
                let name = self.unique("rounds_left", &[]);
                self.push(&name, format!("var<private> {name}: u32;\n"));
                name
            }
        };
        self.counter = Some(name.clone());
        Some(name)
    }

    /// The name of a function of numeric.wgsl.
    fn numeric_name(&self, handle: Handle<Function>) -> Option<String> {
        let functions = &self.source.module.functions;
        let own = self.source.is_own(functions.get_span(handle));
        functions[handle].name.clone().filter(|_| !own)
    }

    fn constant(&mut self, handle: Handle<Constant>) -> Result<String> {
        let source = self.source;
        let constant = &source.module.constants[handle];
        let span = source.module.constants.get_span(handle);
        let Some(name) = constant.name.clone() else {
            return self.global(constant.init, span);
        };
        if source.is_own(span) && !self.has(&name) {
            let kind = self.type_name(constant.ty, span)?;
            let text = self.global(constant.init, span)?;
            self.push(&name, format!("const {name}: {kind} = {text};\n"));
        }
        Ok(name)
    }

    /// The text of a constant expression of the module.
    fn global(&mut self, handle: Handle<Expression>, span: Span) -> Result<String> {
        let source = self.source;
        match &source.module.global_expressions[handle] {
            Expression::Literal(Literal::F32(x)) => Ok(format!("{x:?}")),
            Expression::Literal(Literal::I32(i32::MIN)) => Ok("i32(-2147483648)".into()),
            Expression::Literal(Literal::I32(x)) => Ok(x.to_string()),
            Expression::Literal(Literal::U32(x)) => Ok(format!("{x}u")),
            Expression::Literal(Literal::Bool(x)) => Ok(x.to_string()),
            Expression::Constant(constant) => self.constant(*constant),
            Expression::ZeroValue(ty) => {
                let zero = expression::zero_component(&source.module.types[*ty].inner);
                Ok(format!("{}({})", self.type_name(*ty, span)?, zero.unwrap_or_default()))
            }
            Expression::Compose { ty, components } => {
                let name = self.type_name(*ty, span)?;
                let mut texts = Vec::new();
                for &component in components {
                    texts.push(self.global(component, span)?);
                }
                Ok(format!("{name}({})", texts.join(", ")))
            }
            Expression::Splat { size, value } => {
                Ok(format!("vec{}({})", *size as u8, self.global(*value, span)?))
            }
            _ => Err(Refusal::new(span, "this constant is not supported")),
        }
    }

    fn type_name(&mut self, ty: Handle<Type>, span: Span) -> Result<String> {
        let source = self.source;
        let Type { name, inner } = &source.module.types[ty];
        let (Some(name), TypeInner::Struct { members, .. }) = (name, inner) else {
            return self.inner_name(inner, span);
        };
        if !self.has(name) && source.is_own(source.module.types.get_span(ty)) {
            let mut text = format!("struct {name} {{\n");
            for member in members {
                let kind = self.type_name(member.ty, span)?;
                text += &format!("    {}: {kind},\n", member.name.as_deref().unwrap_or_default());
            }
            self.push(name, text + "}\n");
        }
        Ok(name.clone())
    }

    fn inner_name(&mut self, inner: &TypeInner, span: Span) -> Result<String> {
        let scalar_name = |scalar: Scalar| match (scalar.kind, scalar.width) {
            (ScalarKind::Float, 4) => Some("f32"),
            (ScalarKind::Sint, 4) => Some("i32"),
            (ScalarKind::Uint, 4) => Some("u32"),
            (ScalarKind::Bool, _) => Some("bool"),
            _ => None,
        };
        let name = match *inner {
            TypeInner::Scalar(scalar) => scalar_name(scalar).map(String::from),
            TypeInner::Vector { size, scalar } => {
                scalar_name(scalar).map(|name| format!("vec{}<{name}>", size as u8))
            }
            TypeInner::Array { base, size: ArraySize::Constant(size), .. } => {
                Some(format!("array<{}, {size}>", self.type_name(base, span)?))
            }
            _ => None,
        };
        let reason =
            "only f32, i32, u32, bool, and vectors, arrays and structs of them are supported";
        name.ok_or_else(|| Refusal::new(span, reason))
    }

    fn has(&self, name: &str) -> bool {
        self.pieces.iter().any(|(other, _)| other == name)
    }

    fn push(&mut self, name: &str, text: String) {
        self.pieces.push((name.into(), text));
    }

    /// A name near the wanted one that nothing else has; `own` are those of the same function.
    fn unique(&self, wanted: &str, own: &[String]) -> String {
        let taken = |name: &String| {
            own.contains(name)
                || self.has(name)
                || self.reserved.contains(name)
                || self.source.functions.contains(name)
        };
        let numbered = (1..).map(|i| format!("{wanted}_{i}"));
        let mut names = [wanted.to_string()].into_iter().chain(numbered);
        names.find(|name| !taken(name)).unwrap_or_default()
    }

    /// The pieces that `value` and `gradient` need.
    fn finish(self) -> String {
        let mut kept: Vec<String> = Vec::new();
        let mut needed: HashSet<String> = ["value".into(), "gradient".into()].into();
        for (name, text) in self.pieces.into_iter().rev() {
            if needed.contains(&name) {
                needed.extend(lines::names(&text).map(String::from));
                kept.push(text);
            }
        }
        kept.reverse();
        kept.join("\n")
    }
}
