//! Lists that say something of some classes of each row, on the host.

use super::kept::Kept;
use super::shape::RowShape;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::request::{Resolved, Status};
use crate::tensor::Tensor;
use rayon::prelude::*;

/// The rows that are checked at once.
const ROWS: usize = 256;

#[derive(Clone, Copy)]
pub(super) struct Lists<'a> {
    classes: &'a Tensor<'a>,
    numbers: &'a Tensor<'a>,
    length: usize,
    /// Of a row.
    count: usize,
}

impl<'a> Lists<'a> {
    /// Checks that each row that is kept names classes, and each once; `None` where there are no lists.
    pub(super) fn of(
        resolved: &Resolved,
        shape: &RowShape,
        inputs: &[Option<&'a Tensor<'a>>],
        kept: Option<&Kept<'_>>,
        cancel: Cancel<'_>,
    ) -> Result<Option<Self>> {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let Some((list, classes, numbers)) =
            shape.list.and_then(|list| Some((list, inputs[list.classes]?, inputs[list.numbers]?)))
        else {
            return Ok(None);
        };
        let lists =
            Self { classes, numbers, length: size(list.length), count: size(shape.classes) };
        lists.check(resolved, kept, cancel)?;
        Ok(Some(lists))
    }

    fn check(
        &self,
        resolved: &Resolved,
        kept: Option<&Kept<'_>>,
        cancel: Cancel<'_>,
    ) -> Result<()> {
        let rows = self.classes.len() / self.length;
        let blocks = (0..rows.div_ceil(ROWS)).into_par_iter();
        let bad = blocks.map(|block| {
            cancel.check()?;
            let first = block * ROWS;
            let mut are_kept = vec![true; ROWS.min(rows - first)];
            if let Some(kept) = kept {
                kept.read(first, &mut are_kept);
            }
            let (mut classes, mut seen) = (vec![0; self.length], Vec::new());
            let mut bad = Vec::new();
            for (row, _) in are_kept.iter().enumerate().filter(|(_, kept)| **kept) {
                let start = (first + row) * self.length;
                self.classes.read_integers(start, &mut classes);
                seen.clear();
                seen.extend(classes.iter().enumerate().map(|(i, &class)| (class, i)));
                seen.sort_unstable();
                bad.extend(seen.iter().enumerate().filter_map(|(k, &(class, i))| {
                    let is_class = usize::try_from(class).is_ok_and(|class| class < self.count);
                    let is_new = k == 0 || seen[k - 1].0 != class;
                    (!is_class || !is_new).then_some(start + i)
                }));
            }
            Ok(bad.iter().min().map(|&place| (place, bad.len() as u64)))
        });
        let both = |a: Option<(usize, u64)>, b: Option<(usize, u64)>| match (a, b) {
            (Some(a), Some(b)) => Ok(Some((a.0.min(b.0), a.1 + b.1))),
            _ => Ok(a.or(b)),
        };
        match bad.try_reduce(|| None, both)? {
            None => Ok(()),
            Some((place, count)) => {
                let value = self.classes.integer(place);
                Err(Status { count, row: place as u64, value }.error(resolved))
            }
        }
    }

    /// The classes that each of so many rows names, side by side.
    pub(super) fn classes(&self, first: usize, rows: usize, classes: &mut Vec<i64>) {
        classes.resize(rows * self.length, 0);
        self.classes.read_integers(first * self.length, classes);
    }

    /// The numbers of some rows' classes and which of them are listed, from what [`Self::classes`] gave.
    pub(super) fn spread(
        &self,
        first: usize,
        classes: &[i64],
        [numbers, there]: [&mut Vec<f32>; 2],
    ) {
        let rows = classes.len() / self.length;
        for room in [&mut *numbers, &mut *there] {
            room.clear();
            room.resize(rows * self.count, 0.0);
        }
        let mut room = Vec::new();
        let own = first * self.length..(first + rows) * self.length;
        let own = self.numbers.floats(own, &mut room);
        for (i, (&class, &number)) in classes.iter().zip(own).enumerate() {
            // Those of an ignored row may be any, and a program may change what it has lent.
            let Some(class) = usize::try_from(class).ok().filter(|&class| class < self.count)
            else {
                continue;
            };
            let place = i / self.length * self.count + class;
            (numbers[place], there[place]) = (number, 1.0);
        }
    }

    /// How many classes a row names.
    pub(super) fn length(&self) -> usize {
        self.length
    }
}
