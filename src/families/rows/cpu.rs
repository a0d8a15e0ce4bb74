//! The rows family on the CPU.

use super::kept::Kept;
use super::lists::Lists;
use super::over::Over;
use super::read::{Rooms, Rows};
use super::runs::{ByRow, Gradients, Runs, Several, Taken, Tiled};
use super::shape::{MOST_LABELS, MOST_OVER, RowShape, RowWeight, SlopesOf};
use super::task::{Abreast, FEW, Lanes, Padding, RowTask};
use crate::cancel::Cancel;
use crate::cpu::{
    self, ABREAST, Classes, Filled, Results, Units, Weights, Work, ZEROS, divisor, is_brief,
    mean_weight,
};
use crate::definition::Whole;
use crate::error::Result;
use crate::reduction::Reduction;
use crate::request::{Resolved, Slot, Upstream};
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;

/// A request, and the weights of its rows.
fn prepared<'a>(formula: &'a dyn Runs, work: &'a Work<'a>) -> Result<(Pass<'a>, Weights)> {
    let resolved = work.resolved;
    let shape = RowShape::of(resolved);
    let (classes, inner) = (size(shape.classes), size(shape.inner));
    let indices = match shape.index().and_then(|i| work.inputs[i]) {
        Some(target) => Some(Classes::of(resolved, target, classes, work.cancel)?),
        None => None,
    };
    let whole = |i: usize| resolved.definition.inputs[i].whole();
    let over = |i: usize| {
        let over = Over::new(work.inputs[i]?, classes, inner);
        Some(over.of(whole(i), shape.is_shared(i)))
    };
    let weight = match shape.weight {
        RowWeight::Classes(i) => work.inputs[i].map(Tensor::to_f32).unwrap_or_default(),
        _ => Default::default(),
    };
    let kept = match indices {
        Some(_) => None,
        None => Kept::of(resolved, &shape, &work.inputs),
    };
    let lists = Lists::of(resolved, &shape, &work.inputs, kept.as_ref(), work.cancel)?;
    let weights = match (&indices, &kept) {
        (Some(indices), _) => indices.weights(resolved, &weight, work.cancel)?,
        (None, Some(kept)) => kept.weights(resolved, work.cancel)?,
        (None, None) => Weights::default(),
    };
    let divisor = divisor(resolved, || weights.sums.total());
    let pass = Pass {
        formula,
        mean_weight: mean_weight(resolved, divisor, weights.kept),
        classes,
        inputs: shape.over().filter_map(over).collect(),
        target: shape.target_rows().and_then(over),
        weight,
        weights: if let RowWeight::Rows(i) = shape.weight { over(i) } else { None },
        labels: shape.labels.map(|own| own.and_then(|i| Some((work.inputs[i]?, whole(i))))),
        indices,
        kept,
        mask: shape.mask.and_then(over),
        lists,
        upstream: work.upstream.as_deref(),
        by_term: resolved.upstream == Upstream::Terms,
        divisor,
        wanted: resolved.gradients.iter().map(|&i| shape.slopes(i)).collect(),
        brief: is_brief(size(resolved.layout.terms).saturating_mul(classes)),
        cancel: work.cancel,
    };
    Ok((pass, weights))
}

pub(super) fn evaluate(
    formula: &dyn Runs,
    work: &Work<'_>,
    results: &mut Results<'_>,
) -> Result<()> {
    let resolved = work.resolved;
    let (pass, weights) = prepared(formula, work)?;
    let (classes, inner) = (pass.classes, size(RowShape::of(resolved).inner));
    let reduces = resolved.reduction != Reduction::None;
    let unreduced = (!reduces && resolved.value).then_some(Filled::each(Slot::Value, inner));
    let gradients = resolved.gradients.iter().zip(&pass.wanted);
    let gradients = gradients
        .map(|(&i, wanted)| Filled::each(Slot::Gradient(i), wanted.count(classes) * inner));
    let outputs: Vec<Filled> = unreduced.into_iter().chain(gradients).collect();
    let items = size(resolved.layout.terms) / inner.max(1);
    // What lies apart is put together in the cache.
    let numbers = if inner == 1 { classes } else { 4 * classes * inner };
    let (mut sums, first) = (results.sums(), resolved.first_term());
    let (mut room, mut rows) = (Vec::new(), vec![Vec::new(); pass.wanted.len()]);
    results.fill(&outputs, Units { count: items, numbers, step: 1 }, |window, mut places| {
        let terms = window.len() * inner;
        let losses = match unreduced {
            Some(_) => places.remove(0),
            None => {
                room.resize(terms, 0.0);
                &mut room
            }
        };
        let window = window.start * inner..window.end * inner;
        let place = first + window.start as u64;
        if inner == 1 {
            pass.run(window, losses, places)?;
        } else {
            rows.iter_mut()
                .zip(&pass.wanted)
                .for_each(|(rows, wanted)| rows.resize(terms * wanted.count(classes), 0.0));
            pass.run(window, losses, rows.iter_mut().map(|rows| &mut rows[..]).collect())?;
            for ((rows, places), wanted) in rows.iter().zip(places).zip(&pass.wanted) {
                put_by_items(rows, places, wanted.count(classes), inner);
            }
        }
        if reduces {
            sums.add(place, losses);
        }
        Ok(())
    })?;
    if reduces {
        results.put_sums(sums, pass.divisor, &weights);
    }
    Ok(())
}

/// Looks for the first row that the formula gives up.
pub(super) fn check_given_up(
    formula: &dyn Runs,
    resolved: &Resolved,
    inputs: &[Option<&Tensor<'_>>],
) -> Result<()> {
    let Taken::ByTiles(tiled) = formula.taken() else { return Ok(()) };
    let work = Work::new(resolved, inputs.to_vec(), None, Cancel::default());
    let (pass, _) = prepared(formula, &work)?;
    let (count, at_once) = (size(resolved.layout.terms), pass.rows_at_once());
    let parts = (0..count.div_ceil(at_once)).into_par_iter();
    let found = parts.find_map_first(|part| {
        let first = part * at_once;
        let mut rooms = Rooms::default();
        let mut values = vec![0.0; at_once.min(count - first)];
        let scales = values.clone();
        let rows = pass.rows(first, values.len(), &mut rooms);
        let several = pass.several(&rows, &scales, &mut values, Gradients::default());
        tiled.given_up(&several, first)
    });
    found.map_or(Ok(()), Err)
}

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Some numbers of what may be absent.
fn part<'a>(numbers: &'a [f32], places: &Range<usize>) -> &'a [f32] {
    numbers.get(places.clone()).unwrap_or_default()
}

/// Puts the numbers of rows, each row's classes side by side, where the classes lie in items.
fn put_by_items(rows: &[f32], places: &mut [f32], classes: usize, inner: usize) {
    places.par_chunks_mut(inner).enumerate().for_each(|(plane, places)| {
        let first = &rows[plane / classes * classes * inner + plane % classes..];
        places.iter_mut().zip(first.iter().step_by(classes)).for_each(|(place, x)| *place = *x);
    });
}

struct Pass<'a> {
    formula: &'a dyn Runs,
    mean_weight: f32,
    classes: usize,
    inputs: Vec<Over<'a>>,
    target: Option<Over<'a>>,
    /// Of each class.
    weight: Cow<'a, [f32]>,
    /// Of each class of each row.
    weights: Option<Over<'a>>,
    labels: [Option<(&'a Tensor<'a>, Option<Whole>)>; MOST_LABELS],
    indices: Option<Classes<'a>>,
    kept: Option<Kept<'a>>,
    mask: Option<Over<'a>>,
    lists: Option<Lists<'a>>,
    upstream: Option<&'a [f32]>,
    by_term: bool,
    divisor: f32,
    /// What gradients are wanted of a row's slopes.
    wanted: Vec<SlopesOf>,
    brief: bool,
    cancel: Cancel<'a>,
}

impl Pass<'_> {
    /// The losses of a window of rows, and the wanted gradients, each row's classes side by side.
    fn run(
        &self,
        window: Range<usize>,
        losses: &mut [f32],
        gradients: Vec<&mut [f32]>,
    ) -> Result<()> {
        let rows = self.rows_at_once();
        let pairs = gradients.into_iter().zip(&self.wanted);
        let mut chunks: Vec<_> =
            pairs.map(|(g, wanted)| g.chunks_mut(rows * wanted.count(self.classes))).collect();
        let tasks: Vec<_> = losses
            .chunks_mut(rows)
            .zip(window.step_by(rows))
            .map(|(losses, first)| {
                let gradients: Vec<_> = chunks.iter_mut().filter_map(Iterator::next).collect();
                (first, losses, gradients)
            })
            .collect();
        tasks.into_par_iter().try_for_each_init(
            || (Rooms::default(), Padding::EMPTY),
            |(rooms, padding), (first, losses, gradients)| {
                self.cancel.check()?;
                self.run_rows(&self.rows(first, losses.len(), rooms), losses, gradients, padding);
                Ok(())
            },
        )
    }

    /// Enough rows for a task to be worth its while; what is done for whole rows takes as long for a tile of them as
    /// for one.
    fn rows_at_once(&self) -> usize {
        let numbers = match self.formula.taken() {
            Taken::ByRow(_) => 16_384,
            Taken::ByTiles(_) => 65_536,
        };
        (numbers / self.classes).max(1)
    }

    /// Reads some rows.
    fn rows<'b>(&'b self, first: usize, count: usize, rooms: &'b mut Rooms) -> Rows<'b> {
        let mut inputs = [&[][..]; MOST_OVER];
        let mut places = inputs.iter_mut().zip(&mut rooms.inputs);
        for (input, (place, room)) in self.inputs.iter().zip(places.by_ref()) {
            *place = input.rows(first, count, room);
        }
        if let (Some(lists), Some((place, room))) = (&self.lists, places.next()) {
            lists.classes(first, count, &mut rooms.listed);
            lists.spread(first, &rooms.listed, [&mut *room, &mut rooms.target]);
            *place = room;
        }
        if let Some(indices) = &self.indices {
            rooms.indices.resize(count, None);
            indices.read(first, &mut rooms.indices);
        }
        for (labels, room) in self.labels.iter().zip(&mut rooms.labels) {
            let &Some((labels, whole)) = labels else { continue };
            room.resize(count, 0.0);
            cpu::read(labels, whole, first, room);
        }
        if let Some(kept) = &self.kept {
            rooms.kept.resize(count, true);
            kept.read(first, &mut rooms.kept);
        }
        let over = |over: &'b Option<Over<'_>>, room| match over {
            Some(over) => over.rows(first, count, room),
            None => &[],
        };
        let rows = Rows {
            first,
            inputs,
            target: match self.lists {
                Some(_) => &rooms.target,
                None => over(&self.target, &mut rooms.target),
            },
            weight: over(&self.weights, &mut rooms.weight),
            labels: rooms.labels.each_ref().map(|labels| &labels[..]),
            indices: self.indices.map(|_| &rooms.indices[..]),
            kept: self.kept.map(|_| &rooms.kept[..]),
            mask: over(&self.mask, &mut rooms.mask),
            listed: &rooms.listed,
        };
        if self.mask.is_some() { rows.masked(&mut rooms.masked) } else { rows }
    }

    fn run_rows(
        &self,
        rows: &Rows<'_>,
        losses: &mut [f32],
        mut gradients: Vec<&mut [f32]>,
        padding: &mut Padding,
    ) {
        let formula = match self.formula.taken() {
            Taken::ByRow(formula) => formula,
            Taken::ByTiles(formula) => {
                self.run_tiled(formula, rows, losses, &mut gradients);
                return self.silence(rows, losses, &mut gradients);
            }
        };
        if self.classes <= FEW {
            self.run_abreast(formula, rows, losses, &mut gradients);
            return self.silence(rows, losses, &mut gradients);
        }
        for (k, loss) in losses.iter_mut().enumerate().filter(|&(k, _)| rows.is_kept(k)) {
            let gradients = self.placed(&mut gradients, k..k + 1).of_formula();
            self.run_row(formula, rows, k, loss, gradients, padding);
        }
        self.silence(rows, losses, &mut gradients);
    }

    /// Zeros where a row is not kept, or a class is not there, whatever was computed.
    fn silence(&self, rows: &Rows<'_>, losses: &mut [f32], gradients: &mut [&mut [f32]]) {
        for (k, loss) in losses.iter_mut().enumerate().filter(|&(k, _)| !rows.is_kept(k)) {
            *loss = 0.0;
            self.silence_row(gradients, k);
        }
        for gradient in gradients {
            let missing = gradient.iter_mut().zip(rows.mask).filter(|(_, flag)| **flag == 0.0);
            missing.for_each(|(slope, _)| *slope = 0.0);
        }
    }

    /// A row that does not count has no slopes.
    fn silence_row(&self, gradients: &mut [&mut [f32]], row: usize) {
        for (gradient, wanted) in gradients.iter_mut().zip(&self.wanted) {
            let count = wanted.count(self.classes);
            gradient[row * count..(row + 1) * count].fill(0.0);
        }
    }

    /// The gradients of some rows, each at its place.
    fn placed<'g>(&self, gradients: &'g mut [&mut [f32]], rows: Range<usize>) -> Gradients<'g> {
        let mut all = Gradients::default();
        for (gradient, wanted) in gradients.iter_mut().zip(&self.wanted) {
            let count = wanted.count(self.classes);
            *match *wanted {
                SlopesOf::Classes(place) => &mut all.classes[place],
                SlopesOf::Row(place) => &mut all.rows[place],
            } = Some(&mut gradient[rows.start * count..rows.end * count]);
        }
        all
    }

    /// All rows by tiles of their numbers.
    fn run_tiled(
        &self,
        tiled: &dyn Tiled,
        rows: &Rows<'_>,
        losses: &mut [f32],
        gradients: &mut [&mut [f32]],
    ) {
        let own = self.placed(gradients, 0..losses.len());
        let scales: Vec<f32> = (0..losses.len()).map(|k| self.scale(rows.first + k)).collect();
        tiled.run(&mut self.several(rows, &scales, losses, own));
        let ignored = rows.indices.unwrap_or_default().iter().enumerate();
        for (k, _) in ignored.filter(|(_, index)| index.is_none()) {
            losses[k] = 0.0;
            self.silence_row(gradients, k);
        }
    }

    /// Some rows as what runs by tiles takes them.
    fn several<'b>(
        &self,
        rows: &Rows<'b>,
        scales: &'b [f32],
        values: &'b mut [f32],
        gradients: Gradients<'b>,
    ) -> Several<'b> {
        let &Rows { inputs, indices, labels, .. } = rows;
        let (classes, brief) = (self.classes, self.brief);
        Several { classes, inputs, indices, labels, scales, values, gradients, brief }
    }

    /// Rows of few classes, as many at once as there are lanes.
    fn run_abreast(
        &self,
        formula: &dyn ByRow,
        rows: &Rows<'_>,
        losses: &mut [f32],
        gradients: &mut [&mut [f32]],
    ) {
        let mut lanes = Lanes::EMPTY;
        for (group, values) in losses.chunks_mut(ABREAST).enumerate() {
            let first = group * ABREAST;
            let own = first..first + values.len();
            let over = own.start * self.classes..own.end * self.classes;
            let part = |numbers| part(numbers, &over);
            let gradients = self.placed(gradients, own.clone()).of_formula();
            let mut scales = ZEROS;
            for (lane, scale) in scales.iter_mut().enumerate().take(values.len()) {
                *scale = self.scale(rows.first + first + lane);
            }
            let mut task = Abreast {
                classes: self.classes,
                inputs: rows.of_formula().map(part),
                target: part(rows.target),
                weight: if self.weights.is_some() { part(rows.weight) } else { &self.weight },
                indices: rows.indices.map(|indices| &indices[own.clone()]),
                labels: rows.labels[0].get(own).unwrap_or_default(),
                mean_weight: self.mean_weight,
                scales,
                values,
                gradients,
            };
            formula.run_abreast(&mut task, &mut lanes, self.brief);
        }
    }

    /// What the slopes of a row are multiplied by.
    fn scale(&self, row: usize) -> f32 {
        let upstream = self.upstream.map_or(1.0, |g| g[if self.by_term { row } else { 0 }]);
        // Without any weight the mean is NaN, but its gradient is 0.
        if self.divisor == 0.0 { 0.0 } else { upstream / self.divisor }
    }

    /// One row, every number of which is written.
    fn run_row(
        &self,
        formula: &dyn ByRow,
        rows: &Rows<'_>,
        k: usize,
        value: &mut f32,
        mut gradients: [Option<&mut [f32]>; 4],
        padding: &mut Padding,
    ) {
        let index = match rows.indices.map(|indices| indices[k]) {
            Some(None) => {
                // Ignored: zeros, whatever the row holds.
                *value = 0.0;
                gradients.iter_mut().flatten().for_each(|gradient| gradient.fill(0.0));
                return;
            }
            Some(index) => index,
            None => None,
        };
        let own = k * self.classes..(k + 1) * self.classes;
        let length = self.lists.map_or(0, |lists| lists.length());
        let mut task = RowTask {
            classes: self.classes,
            inputs: rows.of_formula().map(|input| input.get(own.clone()).unwrap_or_default()),
            target: rows.target.get(own.clone()).unwrap_or_default(),
            weight: if self.weights.is_some() { &rows.weight[own] } else { &self.weight },
            index,
            listed: &rows.listed[k * length..(k + 1) * length],
            label: rows.labels[0].get(k).copied().unwrap_or_default(),
            mean_weight: self.mean_weight,
            scale: self.scale(rows.first + k),
            value,
            gradients,
            padding,
        };
        formula.run(&mut task, self.brief);
    }
}
