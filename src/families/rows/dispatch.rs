//! The dispatches of a loss over rows.

use super::kernel::running::longest_on;
use super::kernel::{Sections, Spec, Stage, Writes};
use super::rounds;
use super::shape::{RowShape, RowWeight, SlopesOf};
use super::targets::push_check;
use crate::dispatch::limits::{check_rounds, invocations};
use crate::dispatch::{Builder, FEW_BUFFERS, MOST_ROUNDS, Sum, index};
use crate::error::{Error, Result};
use crate::kernel::{Declared, Kernel, uniform};
use crate::reduction::{Divisor, Reduction};
use crate::request::{Losses, Slot, Upstream};

uniform! {
    /// The window of `rows.wgsl`.
    pub(super) struct RowsWindow {
        rows: u32,
        first: u32,
        destination: u32,
        width: u32,
        divisor: f32,
        scale: f32,
        classes: u32,
        inner: u32,
        skips: [[u32; 4]; 5],
        gradient_skips: [[u32; 4]; 2],
        row_gradient_skips: [[u32; 4]; 2],
        row_skip: u32,
        ignored: i32,
        within: u32,
        weight: f32,
        lists: u32,
        sections: u32,
        padding_0: u32,
        padding_1: u32,
    }
}

/// The bytes that what is known of the sections of a window's rows may take.
const SECTIONS: u64 = 16 << 20;

pub(super) fn build(builder: &mut Builder<'_>) -> Result<()> {
    let resolved = builder.resolved;
    let shape = RowShape::of(resolved);
    let terms = resolved.layout.terms;
    let kept_rows = match shape.mask.or(shape.list.map(|list| list.classes)) {
        Some(_) => builder.reserve(terms)?,
        None => 0,
    };
    let lists = match shape.list {
        Some(list) => builder.reserve(terms.saturating_mul(2 * list.length))?,
        None => 0,
    };
    let is_of_row = |&i: &usize| matches!(shape.slopes(i), SlopesOf::Row(_));
    let mut spec = Spec {
        definition: resolved.definition,
        parameters: builder.parameters(),
        inputs: resolved.inputs.iter().map(|kind| Some(kind.as_ref()?.dtype)).collect(),
        gradients: (0..resolved.inputs.len()).map(|i| resolved.gradient_dtype(i)).collect(),
        shape,
        lanes: shape.lanes(builder),
        ignores: resolved.ignored.is_some(),
        upstream: resolved.upstream,
        scratch_divisor: resolved.divisor_in_scratch(),
        by_weights: resolved.denominator || resolved.layout.divisor == Divisor::Weights,
        counted: resolved.counted_terms(),
        kept_rows,
        lists,
        sections: shape.sections(builder),
        slopes: !resolved.gradients.is_empty(),
        row_slopes: resolved.gradients.iter().any(is_of_row),
    };
    if let Some(sections) = spec.sections {
        let numbers = sections.count.saturating_mul(spec.known_of_section());
        let rows = (SECTIONS / 4 / numbers).clamp(1, terms.max(1));
        let place = builder.reserve(rows.saturating_mul(numbers))?;
        spec.sections = Some(Sections { place, rows, ..sections });
    }
    check_lists(&spec, terms)?;
    check_classes(builder.limits, &spec)?;
    check_rows(&spec, terms)?;
    if terms == 0 {
        builder.push_no_weights()?;
    } else {
        if let Some(mask) = shape.mask {
            let spec = Spec { sections: None, ..spec.clone() };
            push_rows(builder, &spec, &[spec.masked(mask)], &[], None)?;
        }
        if let Some(list) = shape.list {
            let spec = Spec { lanes: spec.lanes.of_list(), sections: None, ..spec.clone() };
            push_rows(builder, &spec, &[spec.sorted(list)], &[], None)?;
        }
        push_check(builder, terms, &spec.check())?;
    }
    let losses = resolved.losses();
    let sum = (losses == Losses::Scratch).then(|| builder.row_sums(terms)).transpose()?;
    let writes = Writes { losses, gradients: resolved.gradients.clone() };
    let shares_words = |&i: &usize| {
        let size = resolved.inputs[i].as_ref().map_or(4, |kind| kind.dtype.size());
        size < 4 && !shape.whole_quads()
    };
    builder.in_place = match &resolved.gradients {
        all if all.iter().any(shares_words) => {
            Err("rows of 16-bit elements that are not whole quads share words")
        }
        all if spec.sections.is_some() && all.iter().any(is_of_row) => {
            Err("workgroups that share a row read its number while one writes the gradient by it")
        }
        _ => Ok(()),
    };
    if terms > 0 {
        push_passes(builder, &spec, writes, sum.as_ref())?;
    }
    sum.map_or(Ok(()), |sum| builder.finish_sum(&sum, builder.losses_destination()))
}

/// The passes over the rows; where the device binds too few buffers at once, one for each output.
fn push_passes(
    builder: &mut Builder<'_>,
    spec: &Spec<'_>,
    writes: Writes,
    sum: Option<&Sum>,
) -> Result<()> {
    let Writes { losses, gradients } = &writes;
    if *losses == Losses::Nowhere && gradients.is_empty() {
        return Ok(());
    }
    let mut kernels = Vec::new();
    let mut stage = Stage::Whole;
    if spec.sections.is_some() {
        let nothing = Writes { losses: Losses::Nowhere, gradients: vec![] };
        if spec.gathers_peaks_apart() {
            kernels.push(spec.pass(&nothing, Stage::Peaks));
        }
        kernels.push(spec.pass(&nothing, Stage::Sums));
        if spec.may_read_twice() {
            kernels.push(spec.pass(&nothing, Stage::SecondSums));
        }
        stage = Stage::Joined;
    }
    let kernel = spec.pass(&writes, stage);
    if builder.binds(&kernel) {
        kernels.push(kernel);
    } else {
        builder.in_place = Err(FEW_BUFFERS);
        let pass = |losses, gradients| spec.pass(&Writes { losses, gradients }, stage);
        if *losses != Losses::Nowhere {
            kernels.push(pass(*losses, vec![]));
        }
        kernels.extend(gradients.iter().map(|&i| pass(Losses::Nowhere, vec![i])));
    }
    push_rows(builder, spec, &kernels, gradients, sum)
}

/// The kernels count rows with 32 bits.
fn check_rows(spec: &Spec<'_>, rows: u64) -> Result<()> {
    let limit = u32::MAX.into();
    if rows <= limit {
        return Ok(());
    }
    let argument = spec.definition.inputs[0].name.into();
    Err(Error::Limit { argument, got: rows, unit: "rows", limit, name: "32-bit indices" })
}

fn check_classes(limits: &wgpu::Limits, spec: &Spec<'_>) -> Result<()> {
    let RowShape { classes, .. } = spec.shape;
    let (declared, argument) =
        (Declared::of(spec.definition.shader), spec.definition.inputs[0].name);
    if declared.has_running() {
        let memory = limits.max_compute_workgroup_storage_size;
        let limit = longest_on(declared, memory.into(), invocations(limits));
        if classes > limit {
            let (argument, name) =
                (argument.into(), "sums up to each item in a workgroup's memory");
            return Err(Error::Limit { argument, got: classes, unit: "classes", limit, name });
        }
    }
    // So many passes over the row's quads.
    let passes = if spec.may_read_twice() { 4 } else { 3 };
    let sections = spec.sections.map_or(1, |sections| sections.count);
    let mut limit = (MOST_ROUNDS / passes * spec.lanes.threads * 4).saturating_mul(sections);
    if rounds::has_loops(declared) {
        limit = limit.min(rounds::longest_of(spec.lanes.threads));
    }
    check_rounds(argument, classes, "classes", limit)
}

/// The kernels count all that lists hold with 32 bits, and a lane compares its part of a list with all of it.
fn check_lists(spec: &Spec<'_>, rows: u64) -> Result<()> {
    let Some(list) = spec.shape.list else { return Ok(()) };
    let name = spec.definition.inputs[list.classes].name;
    let lanes = spec.lanes.of_list().threads;
    check_rounds(
        name,
        list.length,
        "listed classes",
        (MOST_ROUNDS * lanes).isqrt() / lanes * lanes,
    )?;
    let got = rows.saturating_mul(2 * list.length);
    if got <= u32::MAX.into() {
        return Ok(());
    }
    let (argument, limit) = (name.into(), u32::MAX.into());
    Err(Error::Limit { argument, got, unit: "numbers", limit, name: "32-bit indices" })
}

/// A tensor that is cut with the rows.
struct Cut {
    slot: Slot,
    /// The bytes of an element.
    size: u64,
    /// The classes of a row; `None` for one number a row.
    classes: Option<u64>,
}

impl Cut {
    /// The elements of so many whole items and rows.
    fn elements(&self, items: u64, rows: u64) -> u64 {
        self.classes.map_or(rows, |classes| items * classes)
    }
}

fn cut_with_rows(builder: &Builder<'_>, spec: &Spec<'_>, gradients: &[usize]) -> Vec<Cut> {
    let classes = Some(spec.shape.classes);
    let mut cuts: Vec<Cut> = Vec::new();
    for (i, kind) in builder.resolved.inputs.iter().enumerate() {
        let Some(kind) = kind else { continue };
        let per_row = spec.shape.per_row().any(|own| own == i);
        if spec.shape.weight != RowWeight::Classes(i) && !spec.shape.is_shared(i) {
            let listed = spec.shape.list.filter(|list| list.has(i)).map(|list| list.length);
            let classes = listed.or(classes.filter(|_| !per_row));
            cuts.push(Cut { slot: Slot::Input(i), size: kind.dtype.size() as u64, classes });
        }
    }
    let size = |i: usize| builder.resolved.gradient_dtype(i).size() as u64;
    cuts.extend(gradients.iter().map(|&i| {
        let classes = classes.filter(|_| matches!(spec.shape.slopes(i), SlopesOf::Classes(_)));
        Cut { slot: Slot::Gradient(i), size: size(i), classes }
    }));
    let by_term = |slot| Cut { slot, size: 4, classes: None };
    if builder.resolved.reduction == Reduction::None {
        cuts.push(by_term(Slot::Value));
    }
    if builder.resolved.upstream == Upstream::Terms {
        cuts.push(by_term(Slot::Upstream));
    }
    cuts
}

/// The passes over the rows, one after another in each of the windows that can be bound: of tensors with classes, these see
/// whole batch items, which a window may begin and end within.
fn push_rows(
    builder: &mut Builder<'_>,
    spec: &Spec<'_>,
    kernels: &[Kernel],
    gradients: &[usize],
    sum: Option<&Sum>,
) -> Result<()> {
    let RowShape { classes, inner, .. } = spec.shape;
    let cuts = cut_with_rows(builder, spec, gradients);
    let alignment: u64 = builder.limits.min_storage_buffer_offset_alignment.into();
    let widest = cuts.iter().map(|cut| cut.size * cut.elements(inner, inner)).max().unwrap_or(4);
    // Less the bytes between an aligned offset and a window's start.
    let limit =
        builder.limits.max_storage_buffer_binding_size.min(1 << 31).saturating_sub(alignment);
    let most = (limit / widest).max(1) * inner;
    let lanes = spec.lanes;
    let terms = builder.resolved.layout.terms;
    let mut first = 0;
    while first < terms {
        let end = sum.map_or(terms, |sum| sum.end_of_round(first).min(terms));
        let within = first % inner;
        let known = spec.sections.map_or(u64::MAX, |sections| sections.rows);
        let rows = (most - within).min(end - first).min(known);
        let items = (within + rows).next_multiple_of(inner);
        let groups = rows.div_ceil(lanes.rows) * spec.sections.map_or(1, |sections| sections.count);
        let mut window = RowsWindow {
            rows: index(rows)?,
            first: index(first)?,
            destination: index(sum.map_or(0, |sum| sum.place(first)))?,
            width: builder.width(groups)?,
            divisor: builder.divisor(),
            scale: builder.resolved.scale(),
            weight: builder.resolved.loss_weight,
            classes: index(classes)?,
            inner: index(inner)?,
            ignored: builder.resolved.ignored_index(),
            within: index(within)?,
            lists: index(spec.lists)?,
            sections: index(spec.sections.map_or(0, |sections| sections.place))?,
            ..RowsWindow::default()
        };
        let mut regions = Vec::new();
        for cut in &cuts {
            let (slot, size) = (cut.slot, cut.size);
            let start = cut.elements(first - within, first) * size;
            let skipped = start % alignment;
            let end = (start + cut.elements(items, rows) * size).next_multiple_of(4);
            regions.push((slot, start - skipped, end - (start - skipped)));
            *match slot {
                Slot::Input(i) => &mut window.skips[i / 4][i % 4],
                Slot::Gradient(i) => match spec.shape.slopes(i) {
                    SlopesOf::Classes(place) => &mut window.gradient_skips[place / 4][place % 4],
                    SlopesOf::Row(place) => &mut window.row_gradient_skips[place / 4][place % 4],
                },
                _ => &mut window.row_skip,
            } = index(skipped / size)?;
        }
        for kernel in kernels {
            builder.push(kernel.clone(), &window, &regions, groups)?;
        }
        first += rows;
        if let Some(sum) = sum.filter(|_| first == end) {
            builder.sum_round(sum, end)?;
        }
    }
    Ok(())
}
