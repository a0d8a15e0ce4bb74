//! A loss over rows made into WGSL for kernels and programs for the CPU.

use super::compose::{Composed, Functions, compose};
use super::glue::glue;
use super::writing::Function;
use crate::custom::compiled::Compiled;
use crate::custom::interpret::Program;
use crate::custom::items::{By, From, Number, Signature, Struct};
use crate::custom::library;
use crate::custom::names::declared;
use crate::custom::parsed::parse;
use crate::custom::refusal::Refusal;
use crate::custom::signature::Kind;
use crate::custom::source::Source;
use crate::definition::{Input, Role};
use crate::error::{Error, Result};
use crate::families::rows;
use crate::kernel::TABLE;
use naga::Span;
use std::collections::HashSet;

/// A function, as the CPU runs it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) function: Function,
    /// The place of the function in the program.
    pub(super) entry: usize,
    pub(super) compiled: Compiled,
}

/// What the CPU runs.
#[derive(Debug)]
pub(in crate::custom) struct Rows {
    signature: Signature,
    pub(super) program: Program,
    pub(super) peaks: Option<Stage>,
    pub(super) sums: Option<Stage>,
    pub(super) second_sums: Option<Stage>,
    pub(super) loss: Stage,
    pub(super) known: Stage,
    pub(super) slopes: Stage,
}

impl Rows {
    /// The place among the inputs over classes of a member of `Item`; `None` is the class's number.
    pub(super) fn item(&self, member: usize) -> Option<usize> {
        self.signature.place(member)
    }

    /// Where a member of `Row` comes from, and its place among the rows' numbers.
    pub(super) fn row(&self, member: usize) -> (From, usize) {
        self.signature.label(member)
    }

    pub(super) fn kind(&self, number: Number) -> Kind {
        self.signature.kind(number)
    }

    /// The component that a slope is of.
    pub(super) fn component(&self, slope: usize) -> usize {
        let number = self.slopes.function.gives[slope];
        let Number::Of(By::Item(member)) = number else { return 0 };
        self.item(member).unwrap_or_default()
    }
}

/// What a source of a loss over rows comes to.
#[derive(Debug)]
pub(in crate::custom) struct Made {
    pub(in crate::custom) inputs: Vec<Input>,
    /// For each input, why there is no gradient by it.
    pub(in crate::custom) refusals: Vec<Option<Error>>,
    pub(in crate::custom) text: String,
    pub(in crate::custom) table: Vec<u32>,
    pub(in crate::custom) rows: Rows,
}

/// What a source of a loss over rows comes to; `kept` keeps a name for ever.
pub(in crate::custom) fn make(
    source: &Source,
    signature: &Signature,
    accurate: bool,
    kept: impl Fn(&str) -> &'static str,
) -> Result<Made> {
    let text = &*source.text;
    if let Some(span) = source.first_loop() {
        let reason = "loops are not supported in losses over rows";
        return Err(Refusal::new(span, reason).error(text));
    }
    let reserved = reserved(source);
    let attempt = |by: &[usize]| {
        compose(source, signature, accurate, by, &reserved).map_err(|refusal| refusal.error(text))
    };
    let members = signature.item.members.iter().enumerate();
    let floats: Vec<usize> =
        members.clone().filter(|(_, own)| own.kind.is_float()).map(|(i, _)| i).collect();
    let refused = |i: usize| attempt(&[i]).err();
    let of_floats: Vec<(usize, Option<Error>)> = floats.iter().map(|&i| (i, refused(i))).collect();
    if let Some((_, Some(error))) = of_floats.first() {
        return Err(error.clone());
    }
    let by: Vec<usize> =
        of_floats.iter().filter(|(_, error)| error.is_none()).map(|(i, _)| *i).collect();
    let (mut inputs, mut refusals) = (Vec::new(), Vec::new());
    for (i, member) in members.filter(|(_, own)| own.from == From::Input) {
        let input = Input::new(kept(&member.name), Role::Rows);
        let refusal = match of_floats.iter().find(|(own, _)| *own == i) {
            Some((_, refusal)) => refusal.clone(),
            None => {
                let kind = member.kind.written();
                let reason = format!("{} is {kind}: there are gradients by f32 only", member.name);
                let place = span_of(source, &signature.item);
                Some(Refusal::new(place, reason).error(text))
            }
        };
        inputs.push(if refusal.is_none() { input } else { input.constant() });
        refusals.push(refusal);
    }
    for member in signature.row_members() {
        let role = match member.from {
            From::Target => Role::Index,
            From::Input => Role::Labels,
            _ => continue,
        };
        inputs.push(Input::new(kept(&member.name), role).constant());
        let reason = format!(
            "{} is a number of the row: there are gradients by members of Item only",
            member.name
        );
        let place = signature.row.as_ref().map_or(Span::UNDEFINED, |row| span_of(source, row));
        refusals.push(Some(Refusal::new(place, reason).error(text)));
    }
    let composed = attempt(&by)?;
    let glue = glue(signature, &composed.functions);
    let Composed { text: functions, table, functions: all } = composed;
    let rows = of_cpu(source, signature, &functions, all, !table.is_empty())?;
    let text = library::with_called(&format!("{functions}{glue}"));
    Ok(Made { inputs, refusals, text, table, rows })
}

/// Where a struct is declared.
fn span_of(source: &Source, of: &Struct) -> Span {
    source.module.types.get_span(of.ty)
}

/// What the CPU runs of these functions.
fn of_cpu(
    source: &Source,
    signature: &Signature,
    text: &str,
    functions: Functions,
    has_table: bool,
) -> Result<Rows> {
    let declared = if has_table { TABLE } else { "" };
    let invalid = |reason: String| Refusal::new(source.place(), reason).error(&source.text);
    let (module, info) = parse(&[text, declared].concat())
        .map_err(|error| invalid(format!("what is derived from this is not valid: {error}")))?;
    let names: Vec<&'static str> = functions.all().map(|own| own.name).collect();
    let unsupported = |error: &dyn std::fmt::Display| invalid(format!("of its gradient, {error}"));
    let program = Program::new(&module, &info, &names, false).map_err(|e| unsupported(&e))?;
    let narrow = Program::new(&module, &info, &names, true).map_err(|e| unsupported(&e))?;
    let stage = |function: Function| {
        let entry = names.iter().position(|own| *own == function.name).unwrap_or_default();
        let traced = narrow.traced(&[entry], &[]).map_err(|e| unsupported(&e))?;
        Ok(Stage { entry, compiled: Compiled::new(traced, function.takes.len()), function })
    };
    let Functions { peaks, sums, second_sums, loss, known, slopes } = functions;
    Ok(Rows {
        signature: signature.clone(),
        peaks: peaks.map(stage).transpose()?,
        sums: sums.map(stage).transpose()?,
        second_sums: second_sums.map(stage).transpose()?,
        loss: stage(loss)?,
        known: stage(known)?,
        slopes: stage(slopes)?,
        program,
    })
}

/// The names that derived functions must leave alone.
fn reserved(source: &Source) -> HashSet<String> {
    let own = ["select", "array", "Parameters", "table_words"];
    let texts = library::TEXTS.concat();
    let module = naga::front::wgsl::parse_str(&texts).unwrap_or_default();
    let library = declared(&module).into_iter().map(|(name, _)| name);
    own.map(String::from).into_iter().chain(source.called()).chain(library).collect()
}

/// What kernels are made of.
pub(in crate::custom) fn shader(
    text: &'static str,
    table: &'static [u32],
) -> crate::definition::Shader {
    rows::derived_shader(text, table)
}
