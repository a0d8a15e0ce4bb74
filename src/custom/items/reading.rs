//! The structs and functions of a loss over rows as the user declares them, and what is wrong with them.

use super::signature::{
    Argument, Called, From, ITEM, MOST_PEAKS, MOST_RUNNING, MOST_SUMS, Member, Signature, Struct,
};
use crate::custom::refusal::{Refusal, error_at};
use crate::custom::repeats::Loops;
use crate::custom::signature::{self, Kind, written};
use crate::error::{Error, Result};
use crate::families::rows::{MOST_LABELS, MOST_OVER};
use naga::{ArraySize, Function, Handle, Module, Scalar, Span, Type, TypeInner};
use std::collections::HashMap;

/// The signature of a text that has a struct `Item`, of whose functions these loop; another word stands in it for
/// `target`.
pub(in crate::custom) fn signature_of(
    module: &Module,
    text: &str,
    stand_in: Option<&str>,
    loops: &HashMap<Handle<Function>, Loops>,
) -> Result<Option<Signature>> {
    Reader { module, text, stand_in, loops }.signature()
}

/// A text while its signature is read.
struct Reader<'t> {
    module: &'t Module,
    text: &'t str,
    stand_in: Option<&'t str>,
    loops: &'t HashMap<Handle<Function>, Loops>,
}

/// What each function may take, and what it is.
const FUNCTIONS: [(&str, &[Argument], &str); 6] = {
    use Argument::{Item, Parameters, Peaks, Picked, Row, RunningSums, SecondSums, Shifts, Sums};
    let of_item = "item: Item, row: Row and Parameters";
    [
        ("shifts", &[Item, Row, Parameters], of_item),
        ("peaks", &[Item, Row, Parameters], of_item),
        (
            "sums",
            &[Item, Picked, Row, Shifts, Peaks, Parameters],
            "item: Item, picked: Item, row: Row, shifts, peaks and Parameters",
        ),
        (
            "running_sums",
            &[Item, Picked, Row, Shifts, Peaks, Sums, Parameters],
            "item: Item, picked: Item, row: Row, shifts, peaks, sums and Parameters",
        ),
        (
            "second_sums",
            &[Item, Picked, Row, Shifts, Peaks, Sums, RunningSums, Parameters],
            "item: Item, picked: Item, row: Row, shifts, peaks, sums, running_sums and Parameters",
        ),
        (
            "value",
            &[Picked, Row, Shifts, Peaks, Sums, SecondSums, Parameters],
            "picked: Item, row: Row, shifts, peaks, sums, second_sums and Parameters",
        ),
    ]
};

impl Reader<'_> {
    fn signature(&self) -> Result<Option<Signature>> {
        let Some(item) = self.structure(ITEM)? else {
            return self.items_meant().map_or(Ok(None), Err);
        };
        let row = self.structure("Row")?;
        self.check_members(&item, row.as_ref())?;
        let mut known: Vec<Called> = Vec::new();
        for (name, takes, allowed) in FUNCTIONS {
            if let Some(function) = self.function(name) {
                known.push(self.called(name, function, takes, allowed, &known, row.as_ref())?);
            }
        }
        let mut take = |name: &str| {
            let place = known.iter().position(|own| own.name == name)?;
            Some(known.remove(place))
        };
        let [shifts, peaks, sums, running_sums, second_sums] =
            ["shifts", "peaks", "sums", "running_sums", "second_sums"].map(&mut take);
        let Some(value) = take("value") else {
            return Err(error_at(self.text, 0, "fn value(...) -> f32 is missing"));
        };
        let of_item = [&peaks, &sums, &running_sums].into_iter().flatten().next();
        if of_item.is_none() {
            let reason = "a loss over rows, as one with a struct Item is, has fn sums(item: Item, ...), \
                          fn running_sums(item: Item, ...) or fn peaks(item: Item, ...): rename Item where it is none";
            return self.refused(self.module.types.get_span(item.ty), reason);
        }
        if let Some(running) = &running_sums {
            self.check_running(running, second_sums.as_ref())?;
            let before = [&shifts, &peaks, &sums].into_iter().flatten();
            let mut all = before.chain([running]).chain(&second_sums).chain([&value]);
            if let Some(own) = all.find(|own| own.loops.is_some()) {
                let reason =
                    format!("{} loops, and losses with running_sums have no loops", own.name);
                return self.refused(self.place(own.function), reason);
            }
        } else if let (Some(second), None) = (&second_sums, &sums) {
            let reason = "second_sums are sums that need others: call it sums, as there are none";
            return self.refused(self.place(second.function), reason);
        }
        let gathered: Vec<&Called> = [&shifts, &peaks].into_iter().flatten().collect();
        let (most, with) = match gathered.iter().any(|own| own.loops.is_some()) {
            // One number tells whether their loops have been given up.
            true => (MOST_PEAKS - 1, " with loops"),
            false => (MOST_PEAKS, ""),
        };
        if gathered.iter().map(|own| own.leaves.len()).sum::<usize>() > most {
            let names: Vec<&str> = gathered.iter().map(|own| own.name).collect();
            let together = if names.len() > 1 { " together" } else { "" };
            let names = names.join(" and ");
            let reason = format!("{names}{with} are more than {most} numbers{together}");
            return self.refused(self.place(gathered[0].function), reason);
        }
        let (parameters, parameters_type) = self.parameters(&item, row.as_ref())?;
        Ok(Some(Signature {
            item,
            row,
            shifts,
            peaks,
            sums,
            running_sums,
            second_sums,
            value,
            parameters,
            parameters_type,
        }))
    }

    /// Running sums are what second sums take.
    fn check_running(&self, running: &Called, second: Option<&Called>) -> Result<()> {
        if !second.is_some_and(|own| own.arguments.contains(&Argument::RunningSums)) {
            let reason =
                "running_sums are for fn second_sums, which takes those up to its item: none does";
            return self.refused(self.place(running.function), reason);
        }
        Ok(())
    }

    /// Whether a text without items is meant to be a loss over rows: value takes what a function of a struct gives.
    fn items_meant(&self) -> Option<Error> {
        let value = self.function("value")?;
        let arguments = |handle: Handle<Function>| &self.module.functions[handle].arguments;
        let is_struct = |ty: &Type| {
            let is_parameters = ty.name.as_deref() == Some("Parameters");
            matches!(ty.inner, TypeInner::Struct { .. }) && !is_parameters
        };
        let (name, function) = FUNCTIONS.iter().find_map(|(name, ..)| {
            let function = self.function(name).filter(|own| *own != value)?;
            let of_struct =
                arguments(function).iter().any(|own| is_struct(&self.module.types[own.ty]));
            let taken = arguments(value).iter().any(|own| own.name.as_deref() == Some(name));
            (of_struct && taken).then_some((name, function))
        })?;
        let reason = format!(
            "value takes what fn {name} gives, as losses over rows do: these have a struct Item, which is missing"
        );
        Some(self.error(self.place(function), reason))
    }

    fn refused<T>(&self, span: Span, reason: impl Into<String>) -> Result<T> {
        Err(self.error(span, reason))
    }

    fn error(&self, span: Span, reason: impl Into<String>) -> Error {
        Refusal::new(span, reason).error(self.text)
    }

    fn place(&self, function: Handle<Function>) -> Span {
        self.module.functions.get_span(function)
    }

    fn is_own(&self, span: Span) -> bool {
        span.to_range().is_some_and(|range| range.start < self.text.len())
    }

    fn function(&self, name: &str) -> Option<Handle<Function>> {
        let mut all = self.module.functions.iter();
        let found = all.find(|(_, function)| function.name.as_deref() == Some(name))?;
        self.is_own(self.place(found.0)).then_some(found.0)
    }

    /// A struct of this name.
    fn structure(&self, name: &str) -> Result<Option<Struct>> {
        let mut types = self.module.types.iter();
        let Some((ty, own)) = types.find(|(_, own)| own.name.as_deref() == Some(name)) else {
            return Ok(None);
        };
        let TypeInner::Struct { members, .. } = &own.inner else { return Ok(None) };
        let span = self.module.types.get_span(ty);
        let mut all = Vec::new();
        for member in members {
            let written = written(member.name.as_deref().unwrap_or_default(), self.stand_in);
            let inner = &self.module.types[member.ty].inner;
            let kind = Kind::of(inner).filter(|kind| !matches!(kind, Kind::Vector(_)));
            let Some(kind) = kind else {
                let reason = format!("{written} of {name} is not f32, i32, u32 or bool");
                return self.refused(span, reason);
            };
            let from = match (name, written) {
                (ITEM, "index") => From::Index,
                ("Row", "classes") => From::Classes,
                ("Row", "target") if kind != Kind::Float && kind != Kind::Flag => From::Target,
                _ => From::Input,
            };
            if matches!(from, From::Index | From::Classes)
                && !matches!(kind, Kind::Signed | Kind::Unsigned)
            {
                let what = if from == From::Index {
                    "the class's number"
                } else {
                    "the number of classes"
                };
                let reason = format!(
                    "{written} of {name} is {what}, an i32 or u32: give an input another name"
                );
                return self.refused(span, reason);
            }
            all.push(Member { name: written.to_string(), kind, from });
        }
        Ok(Some(Struct { ty, members: all }))
    }

    fn check_members(&self, item: &Struct, row: Option<&Struct>) -> Result<()> {
        let span = self.module.types.get_span(item.ty);
        let inputs = |of: &Struct| of.members.iter().filter(|own| own.from == From::Input).count();
        if !item.members.iter().any(|own| own.kind.is_float()) {
            return self.refused(span, "Item has no member of f32: a loss has a derivative");
        }
        let count = inputs(item);
        if count > MOST_OVER {
            let reason = format!("Item has {count} inputs, expected at most {MOST_OVER}");
            return self.refused(span, reason);
        }
        let Some(row) = row else { return Ok(()) };
        let span = self.module.types.get_span(row.ty);
        let count = inputs(row);
        if count > MOST_LABELS {
            let reason =
                format!("Row has {count} inputs beside the target, expected at most {MOST_LABELS}");
            return self.refused(span, reason);
        }
        let twice =
            row.members.iter().find(|own| item.members.iter().any(|of| of.name == own.name));
        match twice {
            Some(Member { name, .. }) => {
                self.refused(span, format!("{name} is a member of Item and of Row: rename one"))
            }
            None => Ok(()),
        }
    }

    fn called(
        &self,
        name: &'static str,
        function: Handle<Function>,
        takes: &[Argument],
        allowed: &str,
        known: &[Called],
        row: Option<&Struct>,
    ) -> Result<Called> {
        let own = &self.module.functions[function];
        let span = self.place(function);
        let mut arguments = Vec::new();
        for argument in &own.arguments {
            let written = argument.name.as_deref().unwrap_or_default();
            let ty = &self.module.types[argument.ty];
            let result = |of: &str| known.iter().find(|own| own.name == of);
            let taken = match (ty.name.as_deref(), written) {
                (Some(ITEM), "picked") => Some(Argument::Picked),
                (Some(ITEM), _) => Some(Argument::Item),
                (Some("Row"), _) => Some(Argument::Row),
                (Some("Parameters"), _) => Some(Argument::Parameters),
                (_, "shifts") => Some(Argument::Shifts),
                (_, "peaks") => Some(Argument::Peaks),
                (_, "sums") => Some(Argument::Sums),
                (_, "running_sums") => Some(Argument::RunningSums),
                (_, "second_sums") => Some(Argument::SecondSums),
                _ => None,
            };
            let Some(taken) = taken.filter(|taken| takes.contains(taken)) else {
                let reason = format!("{name} takes {allowed}, and no {written}");
                return self.refused(span, reason);
            };
            if arguments.contains(&taken) {
                let reason = format!(
                    "{name} takes {written} twice: the item at the target is called picked"
                );
                return self.refused(span, reason);
            }
            let is_known = !matches!(
                taken,
                Argument::Item | Argument::Picked | Argument::Row | Argument::Parameters
            );
            if is_known {
                match result(written) {
                    Some(own) if own.result == argument.ty => {}
                    Some(_) => {
                        let reason =
                            format!("{written} is not of the type that fn {written} gives");
                        return self.refused(span, reason);
                    }
                    None => {
                        let reason =
                            format!("{written} are what fn {written} gives, which is missing");
                        return self.refused(span, reason);
                    }
                }
            }
            let has_target =
                row.is_some_and(|row| row.members.iter().any(|own| own.from == From::Target));
            if taken == Argument::Picked && !has_target {
                let reason = "picked is the item at the target class, and struct Row has no target of i32 or u32";
                return self.refused(span, reason);
            }
            arguments.push(taken);
        }
        let result = own.result.as_ref().map(|result| result.ty);
        let leaves = result.and_then(|ty| leaves(self.module, ty));
        let is_vector = |ty: Handle<Type>| {
            let inner = &self.module.types[ty].inner;
            matches!(inner, TypeInner::Scalar(_) | TypeInner::Vector { .. })
        };
        let (expected, fits) = match name {
            "value" => (
                "f32",
                result.is_some_and(|ty| {
                    self.module.types[ty].inner == TypeInner::Scalar(Scalar::F32)
                }),
            ),
            "shifts" | "peaks" => ("f32 or a vector of f32", result.is_some_and(is_vector)),
            _ => ("f32, or a vector, an array or a struct of f32", true),
        };
        let most = if name == "running_sums" { MOST_RUNNING } else { MOST_SUMS };
        match (result, leaves) {
            (Some(result), Some(leaves)) if fits && leaves.len() <= most => {
                let loops = self.loops.get(&function).copied();
                Ok(Called { name, function, arguments, result, leaves, span, loops })
            }
            (_, Some(leaves)) if fits => {
                let count = leaves.len();
                self.refused(span, format!("{name} gives {count} numbers, expected at most {most}"))
            }
            _ => self.refused(span, format!("{name} gives something else than {expected}")),
        }
    }

    /// The members of `Parameters`, which no function has to take: `ignore_index` is for the rows.
    fn parameters(
        &self,
        item: &Struct,
        row: Option<&Struct>,
    ) -> Result<(Vec<signature::Parameter>, Option<Handle<Type>>)> {
        let mut types = self.module.types.iter();
        let found = types.find(|(_, own)| own.name.as_deref() == Some("Parameters"));
        let Some((ty, Type { inner: TypeInner::Struct { members, .. }, .. })) = found else {
            return Ok((Vec::new(), None));
        };
        let names = item.members.iter().chain(row.into_iter().flat_map(|row| &row.members));
        let named = |own: &Member| signature::Argument { name: own.name.clone(), kind: own.kind };
        let arguments: Vec<_> = names.map(named).collect();
        let reader = signature::Reader::new(self.module, self.text, self.stand_in);
        let span = self.module.types.get_span(ty);
        Ok((reader.parameters(members, &arguments, span)?, Some(ty)))
    }
}

/// How each number of a type is written behind a value of it: none if it holds something else.
fn leaves(module: &Module, ty: Handle<Type>) -> Option<Vec<String>> {
    let behind = |name: String, ty| -> Option<Vec<String>> {
        Some(leaves(module, ty)?.into_iter().map(|leaf| format!("{name}{leaf}")).collect())
    };
    match &module.types[ty].inner {
        TypeInner::Scalar(Scalar::F32) => Some(vec![String::new()]),
        TypeInner::Vector { size, scalar: Scalar::F32 } => {
            Some("xyzw".chars().take(*size as usize).map(|c| format!(".{c}")).collect())
        }
        TypeInner::Array { base, size: ArraySize::Constant(count), .. } => {
            let count = count.get().min(1 << 10);
            let each: Option<Vec<_>> =
                (0..count).map(|i| behind(format!("[{i}]"), *base)).collect();
            Some(each?.concat())
        }
        TypeInner::Struct { members, .. } => {
            let each: Option<Vec<_>> = members
                .iter()
                .map(|own| behind(format!(".{}", own.name.as_deref().unwrap_or_default()), own.ty))
                .collect();
            Some(each?.concat())
        }
        _ => None,
    }
}

/// A value of a type, of as many numbers as it holds.
pub(in crate::custom) fn value_of(
    module: &Module,
    ty: Handle<Type>,
    numbers: &mut impl Iterator<Item = String>,
) -> String {
    let Type { name, inner } = &module.types[ty];
    match inner {
        TypeInner::Vector { size, .. } => {
            let all: Vec<String> = numbers.take(*size as usize).collect();
            format!("vec{}<f32>({})", *size as u8, all.join(", "))
        }
        TypeInner::Array { base, size: ArraySize::Constant(count), .. } => {
            let all: Vec<String> =
                (0..count.get()).map(|_| value_of(module, *base, numbers)).collect();
            format!("array({})", all.join(", "))
        }
        TypeInner::Struct { members, .. } => {
            let all: Vec<String> =
                members.iter().map(|own| value_of(module, own.ty, numbers)).collect();
            format!("{}({})", name.as_deref().unwrap_or_default(), all.join(", "))
        }
        _ => numbers.next().unwrap_or_default(),
    }
}
