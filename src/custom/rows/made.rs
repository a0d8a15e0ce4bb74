//! A loss over rows made into WGSL for kernels and programs for the CPU.

use super::compose::{Composed, Functions, compose};
use super::glue::glue;
use super::writing::Function;
use crate::custom::blocks::in_blocks;
use crate::custom::compiled::Compiled;
use crate::custom::interpret::{Code, Program, Traced};
use crate::custom::items::{By, From, Member, Number, Signature, Struct};
use crate::custom::kernels::ADDED;
use crate::custom::library;
use crate::custom::names::declared;
use crate::custom::parsed::parse;
use crate::custom::refusal::Refusal;
use crate::custom::signature::Kind;
use crate::custom::source::Source;
use crate::definition::{Input, Role, Shader};
use crate::error::{Error, Result};
use crate::families::rows::{self, Gradients};
use crate::kernel::{Declared, TABLE};
use naga::Span;
use std::collections::HashSet;

/// So many numbers of each item are kept, at most, from when they are summed up until slopes need them.
const MOST_KEPT: usize = 2;

/// A function, as the CPU runs it.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) function: Function,
    /// The place of the function in the program, and in what is compiled.
    pub(super) entry: usize,
    /// The values that are kept for the slopes.
    pub(super) keeps: Vec<usize>,
}

/// What is asked of a stage: its place, columns of its results, as bits, and whether values are kept and those
/// before given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) stage: usize,
    pub(super) columns: u32,
    pub(super) keeps: bool,
}

/// What the CPU runs.
#[derive(Debug)]
pub(in crate::custom) struct Rows {
    pub(super) signature: Signature,
    /// The text, for errors with a place in it.
    pub(super) text: String,
    /// How often functions with loops are called for an item in all steps, each as often as lanes may take turns.
    turns: usize,
    pub(super) program: Program,
    pub(super) peaks: Option<Stage>,
    pub(super) sums: Option<Stage>,
    pub(super) running_sums: Option<Stage>,
    pub(super) second_sums: Option<Stage>,
    pub(super) loss: Stage,
    pub(super) known: Stage,
    pub(super) later: Option<Stage>,
    pub(super) slopes: Stage,
    /// What the arguments of all these are in what is compiled.
    takes: Vec<Number>,
    pub(super) compiled: Compiled<Asked>,
}

impl Rows {
    /// The values that are kept before a stage.
    pub(super) fn given(&self, stage: &Stage) -> impl Iterator<Item = usize> {
        let sums = [&self.sums, &self.second_sums].into_iter().flatten();
        let before = sums.filter(|own| own.entry < stage.entry);
        before.flat_map(|own| own.keeps.iter().copied())
    }

    /// The code of a stage for some columns, then what it keeps, if it does: of what it takes and then what
    /// is given.
    pub(super) fn code(
        &self,
        traced: &Traced,
        stage: &Stage,
        columns: &[usize],
        keeps: bool,
    ) -> Code {
        let takes = &stage.function.takes;
        let columns = columns.iter().map(|&k| traced.result((stage.entry, k)));
        let kept = stage.keeps.iter().copied().filter(|_| keeps);
        let given = self.given(stage).filter(|_| keeps).zip(takes.len()..);
        let given: Vec<(usize, usize)> = given.collect();
        let inputs = takes.len() + given.len();
        let place = |i: usize| match self.takes.get(i) {
            Some(number) => takes.iter().position(|own| own == number).unwrap_or_default(),
            // A parameter: they come last.
            None => inputs + i - self.takes.len(),
        };
        traced.code_with(columns.chain(kept).collect(), inputs, place, &given)
    }

    /// Whether there are loops.
    pub(in crate::custom) fn loops(&self) -> bool {
        self.signature.loops()
    }

    /// The rounds that these may take in one call for an item of so long a row.
    pub(super) fn rounds(&self, classes: usize) -> u32 {
        rows::rounds::most(classes as u64, self.turns)
    }

    /// The longest row whose items may take any, or whose sums up to each item a kernel has room for.
    pub(super) fn longest(&self, shader: Shader) -> Option<(u64, &'static str)> {
        match &self.running_sums {
            Some(_) => {
                let limit = rows::longest_running(Declared::of(shader));
                Some((limit, "sums up to each item in a workgroup's memory"))
            }
            None => self.loops().then(|| (rows::rounds::longest(self.turns), "rounds of a loop")),
        }
    }

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

    /// The slopes by members of `Row`: their places among what is known of a row, and among the rows' numbers.
    pub(super) fn row_slopes(&self) -> impl Iterator<Item = (usize, usize)> {
        let place = |(k, number): (usize, &Number)| match *number {
            Number::Known(By::Row(i)) => Some((k, self.row(i).1)),
            _ => None,
        };
        self.known.function.gives.iter().enumerate().filter_map(place)
    }

    /// Whether slopes by this come into gradients that are wanted.
    pub(super) fn wants(&self, by: By, gradients: &Gradients<'_>) -> bool {
        match by {
            By::Row(i) => gradients.rows[self.row(i).1].is_some(),
            _ => gradients.any(),
        }
    }

    /// The places of what a stage gives that comes into what is wanted.
    pub(super) fn wanted(&self, stage: &Stage, gradients: &Gradients<'_>) -> Vec<usize> {
        let gives = &stage.function.gives;
        let is_wanted = |k: &usize| gives[*k].slope().is_none_or(|by| self.wants(by, gradients));
        (0..gives.len()).filter(is_wanted).collect()
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
    let reserved = reserved(source);
    let attempt = |by: &[By]| {
        compose(source, signature, accurate, by, &reserved).map_err(|refusal| refusal.error(text))
    };
    // The members that there are slopes by: each that leaves a loss with those before it.
    let (mut by, mut refused, mut composed) = (Vec::new(), Vec::new(), None);
    for own in signature.directions() {
        match own {
            By::Item(_) => {}
            By::Row(_) if !by.is_empty() => {}
            _ => continue,
        }
        by.push(own);
        match attempt(&by) {
            Ok(all) => composed = Some(all),
            Err(error) => {
                by.pop();
                refused.push((own, error));
            }
        }
    }
    let Some(composed) = composed else {
        let none = || Refusal::new(source.place(), "the loss has no derivative").error(text);
        return Err(refused.into_iter().next().map_or_else(none, |(_, error)| error));
    };
    let refusal =
        |own: By| refused.iter().find(|(of, _)| *of == own).map(|(_, error)| error.clone());
    let (mut inputs, mut refusals) = (Vec::new(), Vec::new());
    let mut add = |of: &Struct, own: By, member: &Member, role: Role| {
        let refusal = match member.kind {
            Kind::Float => refusal(own),
            kind => {
                let kind = kind.written();
                let reason = format!("{} is {kind}: there are gradients by f32 only", member.name);
                Some(Refusal::new(span_of(source, of), reason).error(text))
            }
        };
        let whole = member.kind.whole().filter(|_| role != Role::Index);
        let input = Input::new(kept(&member.name), role).of_whole(whole);
        inputs.push(if refusal.is_none() { input } else { input.constant() });
        refusals.push(refusal);
    };
    for (i, member) in signature.item.members.iter().enumerate() {
        if member.from == From::Input {
            add(&signature.item, By::Item(i), member, Role::RowsOrClasses);
        }
    }
    if let Some(row) = &signature.row {
        for (i, member) in row.members.iter().enumerate() {
            match member.from {
                From::Target => add(row, By::Row(i), member, Role::Index),
                From::Input => add(row, By::Row(i), member, Role::Labels),
                _ => {}
            }
        }
    }
    let glue = glue(signature, &composed.functions);
    let Composed { text: functions, table, functions: all } = composed;
    let rows = of_cpu(source, signature, &functions, all, !table.is_empty())?;
    let text = in_blocks(&library::with_called(&format!("{functions}{glue}")));
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
    let stages: Vec<Function> = functions.all().cloned().collect();
    let mut takes: Vec<Number> = Vec::new();
    for &number in stages.iter().flat_map(|own| &own.takes) {
        if !takes.contains(&number) {
            takes.push(number);
        }
    }
    let argument = |stage: usize, own: usize| {
        let of_stage = &stages[stage].takes;
        match of_stage.get(own) {
            Some(number) => takes.iter().position(|taken| taken == number).unwrap_or_default(),
            None => takes.len() + own - of_stage.len(),
        }
    };
    let entries: Vec<usize> = (0..stages.len()).collect();
    let traced = narrow.traced_of(&entries, &[], argument).map_err(|e| unsupported(&e))?;
    // Maxima become what they are once sums are known.
    let changes = |i: usize| matches!(takes.get(i), Some(Number::Of(By::Peak(_))));
    let results = |place: usize| -> Vec<usize> {
        (0..stages[place].gives.len()).map(|column| traced.result((place, column))).collect()
    };
    // What is kept of a sum's terms is for the other functions of items that come after, but for those that are added
    // up in order, which are given nothing.
    let in_order = [&functions.running_sums, &functions.later].into_iter().flatten();
    let left_out: Vec<&str> = [&functions.loss, &functions.known]
        .into_iter()
        .chain(in_order)
        .map(|own| own.name)
        .collect();
    let mut kept: Vec<usize> = Vec::new();
    let mut stage = |function: Function, is_sum: bool| {
        let entry = names.iter().position(|own| *own == function.name).unwrap_or_default();
        let mut keeps = Vec::new();
        if is_sum {
            let after =
                (entry + 1..stages.len()).filter(|&own| !left_out.contains(&stages[own].name));
            let after: Vec<usize> = after.flat_map(results).collect();
            keeps = traced.shared(&results(entry), &after, changes);
            keeps.retain(|value| !kept.contains(value));
            keeps.truncate(MOST_KEPT - kept.len());
            kept.extend(&keeps);
        }
        Stage { function, entry, keeps }
    };
    let turns = functions.turns();
    let Functions { peaks, sums, running_sums, second_sums, loss, known, later, slopes } =
        functions;
    Ok(Rows {
        signature: signature.clone(),
        text: source.text.clone(),
        turns,
        peaks: peaks.map(|own| stage(own, false)),
        sums: sums.map(|own| stage(own, true)),
        running_sums: running_sums.map(|own| stage(own, false)),
        second_sums: second_sums.map(|own| stage(own, true)),
        loss: stage(loss, false),
        known: stage(known, false),
        later: later.map(|own| stage(own, false)),
        slopes: stage(slopes, false),
        compiled: Compiled::new(traced),
        takes,
        program,
    })
}

/// The names that derived functions must leave alone.
fn reserved(source: &Source) -> HashSet<String> {
    let own = ["Parameters", "table_words"];
    let texts = library::TEXTS.concat();
    let module = naga::front::wgsl::parse_str(&texts).unwrap_or_default();
    let library = declared(&module).into_iter().map(|(name, _)| name);
    own.into_iter().chain(ADDED).map(String::from).chain(source.called()).chain(library).collect()
}

/// What kernels are made of.
pub(in crate::custom) fn shader(text: &'static str, table: &'static [u32], rows: &Rows) -> Shader {
    rows::derived_shader(text, table, rows.signature.derived_row())
}
