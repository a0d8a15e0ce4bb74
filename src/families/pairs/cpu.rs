//! The CPU backend: chunks of rows and tiles of columns, each on all cores.

mod gradients;
mod inputs;

pub(super) use inputs::Found;

use super::setup::Setup;
use crate::cancel::Cancel;
use crate::cpu::{self, Results, matrix_mut, multiply};
use crate::error::Result;
use crate::families::products::row::{Runs, Statistics, Tile};
use crate::families::rows::Row;
use crate::request::Slot;
use inputs::{Inputs, Known};
use rayon::prelude::*;
use std::ops::Range;

/// Rows in a chunk, and columns in a tile.
const ITEMS: usize = 4096;
const COLUMNS: usize = 1024;
/// Where the products of this many rows fit, they are kept.
const TASK: usize = 128;
/// The fewest rows, or columns, of a task that passes over products.
const LINES: usize = 8;
/// The numbers of the products of a chunk that may be kept from the value to the gradients: 64 MiB.
const PRODUCTS: usize = 16 << 20;

/// What is worked with.
struct Work<'a> {
    formula: &'a dyn Runs,
    setup: &'a Setup,
    inputs: Inputs<'a>,
    known: Known,
    cancel: Cancel<'a>,
}

/// Gradients by their inputs.
type Outputs = Vec<(usize, Vec<f32>)>;

/// What is known of all rows and, where they are rows too, of all columns.
struct AllStatistics {
    rows: Vec<Statistics>,
    columns: Vec<Statistics>,
}

pub(super) fn evaluate(
    formula: &dyn Runs,
    setup: &Setup,
    request: &cpu::Work<'_>,
    results: &mut Results<'_>,
) -> Result<()> {
    let cpu::Work { resolved, inputs, cancel, .. } = request;
    let found = Found::of(setup, resolved, inputs, *cancel)?;
    let weights = found.weights(resolved, *cancel)?;
    let known = Known::of(setup, request, &weights);
    let inputs = Inputs::of(setup, resolved, inputs, found);
    let work = Work { formula, setup, inputs, known, cancel: *cancel };
    let (losses, gradients) = work.run(&resolved.gradients)?;
    for (input, gradient) in gradients {
        results.put(Slot::Gradient(input), gradient.into())?;
    }
    results.put_losses(losses.into(), work.known.divisor, &weights)
}

impl Work<'_> {
    /// The losses of all rows, and the gradients that are wanted.
    fn run(&self, wanted: &[usize]) -> Result<(Vec<f32>, Outputs)> {
        let Inputs { rows, columns, .. } = self.inputs;
        let differentiates = !wanted.is_empty();
        // Where the products of some tasks fit, they are computed once for value and gradients.
        let fitting = PRODUCTS / columns.max(1) / TASK * TASK;
        let keeps = differentiates && (fitting > 0 || rows * columns <= PRODUCTS);
        let most = if keeps { fitting.clamp(TASK, ITEMS) } else { ITEMS };
        let mut losses = vec![0.0; rows];
        let mut gradients = self.gradients(wanted);
        let mut known = AllStatistics {
            rows: vec![Statistics::default(); rows],
            columns: vec![Statistics::default(); if self.setup.symmetric { columns } else { 0 }],
        };
        let chunks = || (0..rows).step_by(most).map(|first| first..rows.min(first + most));
        let whole = rows <= most;
        let mut products = Vec::new();
        for chunk in chunks() {
            products.resize(if keeps { chunk.len() * columns } else { 0 }, 0.0);
            self.gather(&chunk, &mut products, &mut known, false)?;
            if self.formula.twice(self.inputs.labels.is_none()) {
                self.gather(&chunk, &mut products, &mut known, true)?;
            }
            if !self.setup.symmetric {
                self.finish(chunk.clone(), &mut known, &mut losses);
                if differentiates {
                    let there = keeps;
                    self.add_gradients(&chunk, &known, (&mut products, there), &mut gradients)?;
                }
            }
        }
        if self.setup.symmetric {
            self.finish(0..rows, &mut known, &mut losses);
            for chunk in chunks().filter(|_| differentiates) {
                let there = keeps && whole;
                self.add_gradients(&chunk, &known, (&mut products, there), &mut gradients)?;
            }
        }
        Ok((losses, self.finished(gradients, wanted)))
    }

    /// Merges the pairs of a chunk's rows into what is known of rows and columns, or once that is done adds the
    /// second sums of rows. Products are left where there is room for all.
    fn gather(
        &self,
        chunk: &Range<usize>,
        products: &mut [f32],
        known: &mut AllStatistics,
        again: bool,
    ) -> Result<()> {
        let columns = self.inputs.columns;
        let kept = !products.is_empty();
        let mut room = Vec::new();
        for first in (0..columns).step_by(COLUMNS) {
            let width = COLUMNS.min(columns - first);
            let (tile, stride) = if kept {
                (&mut products[first..], columns)
            } else {
                room.resize(chunk.len() * width, 0.0);
                (&mut room[..], width)
            };
            if !(again && kept) {
                self.products(chunk, first..first + width, (tile, stride))?;
            }
            let rows = known.rows[chunk.clone()].par_iter_mut().zip(tile.par_chunks(stride));
            let rows = rows.enumerate().with_min_len(LINES);
            rows.try_for_each_init(Line::default, |line, (i, (statistics, products))| {
                self.cancel.check()?;
                self.row(chunk.start + i, first, &products[..width], line);
                let own = line.tile(self.row_of(columns), first);
                if again {
                    self.formula.gather_again(statistics, &own, &line.numbers);
                } else {
                    self.formula.gather(statistics, &own, &line.numbers);
                }
                Ok(())
            })?;
            if !self.setup.symmetric {
                continue;
            }
            let tile = &*tile;
            let others = known.columns[first..first + width].par_iter_mut().enumerate();
            let others = others.with_min_len(LINES);
            others.try_for_each_init(Line::default, |line, (place, statistics)| {
                self.cancel.check()?;
                let products = tile[place..].iter().step_by(stride).take(chunk.len());
                self.column(first + place, products, line);
                let row = self.row_of(self.inputs.rows);
                self.formula.gather(statistics, &line.tile(row, chunk.start), &line.numbers);
                Ok(())
            })?;
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of rows in float32 arithmetic")]
    fn row_of(&self, numbers: usize) -> Row {
        Row {
            classes: numbers as f32,
            weight: 1.0,
            picked: 0.0,
            label: 0.0,
            offset: 0.0,
            mean_weight: 1.0,
        }
    }

    /// Products of some rows with some columns, each row of them so many numbers from the one before.
    fn products(
        &self,
        rows: &Range<usize>,
        columns: Range<usize>,
        (out, stride): (&mut [f32], usize),
    ) -> Result<()> {
        let product = matrix_mut(out, (rows.len(), columns.len()), stride);
        let (left, right) = (self.inputs.left(rows.clone()), self.inputs.right(columns));
        multiply(left, right.t(), 0.0, product, self.cancel)
    }

    /// A row's similarities, and which of them are with partners.
    fn row(&self, row: usize, first: usize, products: &[f32], line: &mut Line) {
        let Known { factor, bias, .. } = self.known;
        line.numbers.clear();
        line.numbers.extend(products.iter().map(|product| factor * product + bias));
        line.class = self.inputs.class(row);
        if let (Some(place), Some(margin)) = (line.place(first), self.setup.margin) {
            let [moved, _] = (margin.apply)(products[place], margin.numbers);
            line.numbers[place] = factor * moved + bias;
        }
        line.target.clear();
        line.weight.clear();
        if let Some(labels) = &self.inputs.labels {
            let one = |x: bool| f32::from(u8::from(x));
            let others = labels[first..first + products.len()].iter();
            line.target.extend(others.map(|other| one(*other == labels[row])));
            line.weight.resize(products.len(), 1.0);
            if let Some(weight) = row.checked_sub(first).and_then(|own| line.weight.get_mut(own)) {
                *weight = 0.0;
            }
        }
    }

    /// A column's similarities with the rows of a chunk.
    fn column<'p>(&self, column: usize, products: impl Iterator<Item = &'p f32>, line: &mut Line) {
        let Known { factor, bias, .. } = self.known;
        line.numbers.clear();
        line.numbers.extend(products.map(|product| factor * product + bias));
        line.class = Some(column);
    }

    /// The losses of some rows; the scale of their slopes is left in what is known of them.
    fn finish(&self, rows: Range<usize>, known: &mut AllStatistics, losses: &mut [f32]) {
        let has_index = self.inputs.labels.is_none();
        let share = if self.setup.symmetric { 0.5 } else { 1.0 };
        for r in rows {
            if self.inputs.ignored(r) {
                continue;
            }
            let scale = share * self.known.scale(r);
            let row = self.row_of(self.inputs.columns);
            known.rows[r].scale = scale;
            losses[r] = self.formula.value(&known.rows[r], &row, has_index);
            if let Some(column) = known.columns.get_mut(r) {
                // The term of a column is that of the row of its number.
                column.scale = scale;
                let other = self.row_of(self.inputs.rows);
                losses[r] = 0.5 * (losses[r] + self.formula.value(column, &other, has_index));
            }
        }
    }
}

/// A row's or a column's part of a tile as formulas see it.
#[derive(Default)]
struct Line {
    numbers: Vec<f32>,
    /// The number of its only partner, anywhere.
    class: Option<usize>,
    /// Which are partners, where there may be several; empty else.
    target: Vec<f32>,
    weight: Vec<f32>,
}

impl Line {
    fn tile(&self, row: Row, first: usize) -> Tile<'_> {
        let (target, weight) = (&self.target[..], &self.weight[..]);
        Tile { row, first, class: self.class, has_index: target.is_empty(), target, weight }
    }

    /// Where the partner is, if it is here.
    fn place(&self, first: usize) -> Option<usize> {
        let place = self.class.and_then(|class| class.checked_sub(first));
        place.filter(|&place| place < self.numbers.len())
    }
}
