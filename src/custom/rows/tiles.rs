//! The functions of items and of rows on the CPU, a tile of either at a time: what goes into them, and what comes out.

use super::cpu::{Known, Work};
use super::loops;
use super::made::{Asked, Stage};
use crate::custom::compiled::{Lent, Variant};
use crate::custom::interpret::{Rooms, TILE, Words};
use crate::custom::items::{By, From, Number};
use crate::custom::signature::Kind;
use crate::families::rows::Several;

impl Work<'_> {
    /// Runs a function for each item; what comes out of a row is given with its row, the first class, and the place
    /// among the wanted columns. Where slopes are wanted there is what has been kept before, and what this stage
    /// keeps comes after the columns.
    pub(super) fn items(
        self,
        stage: &Stage,
        wanted: &[usize],
        kept: Option<&[f32]>,
        rows: &Several<'_>,
        all: &Known,
        mut each: impl FnMut(usize, usize, usize, &[f32]),
    ) {
        if wanted.is_empty() {
            return;
        }
        let (classes, count) = (rows.classes, rows.values.len());
        let side_by_side = (TILE / classes).max(1);
        let keeps = kept.is_some();
        let results = wanted.len() + if keeps { stage.keeps.len() } else { 0 };
        let kept = kept.unwrap_or_default().chunks((count * classes).max(1));
        let takes = &stage.function.takes;
        let mut columns = vec![[0; TILE]; takes.len() + kept.len()];
        let (mut filled, mut spare) = (vec![None; columns.len()], Vec::new());
        self.with(stage, wanted, keeps, |variant, rooms| {
            for first in (0..count).step_by(side_by_side) {
                let own = first..(first + side_by_side).min(count);
                for start in (0..classes).step_by(TILE) {
                    let end = (start + TILE).min(classes);
                    let part = Part { rows: own.clone(), classes: start..end };
                    let mut places = filled.iter_mut().zip(&mut columns);
                    for (&number, (filled, column)) in takes.iter().zip(&mut places) {
                        // Of a whole row, a long row's other tiles have it already.
                        let changes = number.is_of_item();
                        if start == 0 || changes {
                            *filled = self.fill(number, rows, all, &part, column);
                        }
                    }
                    for (kept, (filled, column)) in kept.clone().zip(places) {
                        *filled = part.column(kept, classes, column);
                    }
                    let both = filled.iter().zip(&columns);
                    let mut inputs = emptied(spare);
                    inputs.extend(both.map(|(own, column)| own.unwrap_or(column)));
                    variant.code.run(rooms, &inputs, self.own.table(), self.instructions);
                    for k in 0..results {
                        let numbers: &[f32; TILE] =
                            bytemuck::cast_ref(variant.code.result(rooms, &inputs, k));
                        for (place, row) in own.clone().enumerate() {
                            let at = place * classes;
                            each(row, start, k, &numbers[at..at + end - start]);
                        }
                    }
                    spare = emptied(inputs);
                }
            }
        });
    }

    /// Runs a function for each row.
    pub(super) fn whole_rows(
        self,
        stage: &Stage,
        wanted: &[usize],
        rows: &Several<'_>,
        all: &Known,
        mut each: impl FnMut(usize, usize, &[f32]),
    ) {
        let count = rows.values.len();
        let mut columns = vec![[0; TILE]; stage.function.takes.len()];
        self.with(stage, wanted, false, |variant, rooms| {
            for first in (0..count).step_by(TILE) {
                let own = first..(first + TILE).min(count);
                for (&number, column) in stage.function.takes.iter().zip(&mut columns) {
                    let known = all.get(number);
                    for (place, row) in column.iter_mut().zip(own.clone()) {
                        let own = || self.word(number, rows, row);
                        *place = known.map_or_else(own, |numbers| numbers[row].to_bits());
                    }
                }
                let inputs: Vec<&Words> = columns.iter().collect();
                variant.code.run(rooms, &inputs, self.own.table(), self.instructions);
                for k in 0..wanted.len() {
                    let numbers: &[f32; TILE] =
                        bytemuck::cast_ref(variant.code.result(rooms, &inputs, k));
                    each(first, k, &numbers[..own.len()]);
                }
            }
        });
    }

    /// Lends memory and code for some of what a function gives; after that comes what it keeps, if it is to.
    fn with(
        self,
        stage: &Stage,
        wanted: &[usize],
        keeps: bool,
        run: impl FnOnce(&Variant, &mut Rooms),
    ) {
        let made = self.own.rows;
        let columns = wanted.iter().map(|&k| 1_u32 << k).sum();
        let asked = Asked { stage: stage.entry, columns, keeps };
        let variant =
            made.compiled.variant(asked, |traced| made.code(traced, stage, wanted, keeps));
        let Lent { variant, rooms, .. } = &mut variant.lend(&self.own.parameters);
        run(variant, rooms);
    }

    /// Fills a column with a number of each item; or it is a part of an input as that lies.
    fn fill<'r>(
        self,
        number: Number,
        rows: &Several<'r>,
        all: &'r Known,
        part: &Part,
        column: &mut Words,
    ) -> Option<&'r Words> {
        let (kind, size) = (self.own.rows.kind(number), part.classes.len());
        match number {
            Number::Of(By::Item(i)) => match self.own.rows.item(i) {
                Some(input) => {
                    let (numbers, classes) = (rows.inputs[input], rows.classes);
                    if kind != Kind::Flag {
                        return part.column(numbers, classes, column);
                    }
                    let masks = part.of(numbers, classes).iter().map(|&x| mask(x));
                    column.iter_mut().zip(masks).for_each(|(place, mask)| *place = mask);
                }
                None => {
                    for lanes in column.chunks_mut(size).take(part.rows.len()) {
                        for (place, class) in lanes.iter_mut().zip(part.classes.clone()) {
                            *place = of_count(class);
                        }
                    }
                }
            },
            Number::IsPicked => {
                let indices = rows.indices.unwrap_or_default();
                let first = part.classes.start;
                // A long row's other tiles leave zeros, but for the one that has the class.
                let last = first.saturating_sub(TILE)..first;
                let was_set = |index: &Option<usize>| index.is_some_and(|own| last.contains(&own));
                if first == 0 || indices.get(part.rows.start).is_some_and(was_set) {
                    column.fill(0);
                }
                for (lanes, row) in column.chunks_mut(size).zip(part.rows.clone()) {
                    let index = indices.get(row).copied().flatten();
                    let place = index.filter(|index| part.classes.contains(index));
                    if let Some(place) = place {
                        lanes[place - part.classes.start] = u32::MAX;
                    }
                }
            }
            _ if number.is_of_item() => {
                // What is not there is for slopes that are not wanted.
                return part.column(all.of_items(number)?, rows.classes, column);
            }
            _ => {
                let known = all.get(number);
                for (lanes, row) in column.chunks_mut(size).zip(part.rows.clone()) {
                    let own = || self.word(number, rows, row);
                    let word = known.map_or_else(own, |numbers| numbers[row].to_bits());
                    loops::fill(self.instructions, lanes, word);
                }
            }
        }
        None
    }

    /// The word of a number of a whole row that is not among what is known of rows.
    fn word(self, number: Number, rows: &Several<'_>, row: usize) -> u32 {
        let index = rows.indices.and_then(|indices| indices[row]);
        let input = match number {
            Number::Of(By::Picked(i)) => match self.own.rows.item(i) {
                Some(input) => index.map_or(0.0, |index| {
                    let own = &rows.inputs[input][row * rows.classes..];
                    own[..rows.classes].get(index).copied().unwrap_or_default()
                }),
                None => return of_count(index.unwrap_or_default()),
            },
            Number::Of(By::Row(i)) => match self.own.rows.row(i) {
                (From::Target, _) => return of_count(index.unwrap_or_default()),
                (From::Classes, _) => return of_count(rows.classes),
                (_, label) => rows.labels[label][row],
            },
            Number::Rounds => return self.own.rows.rounds(rows.classes),
            _ => 0.0,
        };
        match self.own.rows.kind(number) {
            Kind::Flag => mask(input),
            _ => input.to_bits(),
        }
    }
}

/// Some rows' items, or a part of one row's.
struct Part {
    rows: std::ops::Range<usize>,
    classes: std::ops::Range<usize>,
}

impl Part {
    fn of<'r>(&self, numbers: &'r [f32], classes: usize) -> &'r [f32] {
        &self.from(numbers, classes)[..self.classes.len() * self.rows.len()]
    }

    /// All numbers from its first one on.
    fn from<'r>(&self, numbers: &'r [f32], classes: usize) -> &'r [f32] {
        &numbers[self.rows.start * classes + self.classes.start..]
    }

    /// Fills a column with its numbers; or they are one as they lie, with others behind them that come to nothing.
    fn column<'r>(
        &self,
        numbers: &'r [f32],
        classes: usize,
        column: &mut Words,
    ) -> Option<&'r Words> {
        if let Some(tile) = self.from(numbers, classes).first_chunk::<TILE>() {
            return Some(bytemuck::cast_ref(tile));
        }
        let numbers = self.of(numbers, classes);
        column[..numbers.len()].copy_from_slice(bytemuck::cast_slice(numbers));
        None
    }
}

/// The mask of a flag, whose bits are those of 1 or 0.
fn mask(flag: f32) -> u32 {
    if flag.to_bits() == 0 { 0 } else { u32::MAX }
}

/// A class, or how many there are.
fn of_count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// An empty list where this one was.
fn emptied<'a>(mut list: Vec<&Words>) -> Vec<&'a Words> {
    list.clear();
    list.into_iter().map(|_| unreachable!("the list is empty")).collect()
}
