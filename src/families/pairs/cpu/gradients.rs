//! The gradients.

use super::{AllStatistics, COLUMNS, LINES, Line, Work};
use crate::cpu::{matrix, matrix_mut, multiply};
use crate::error::Result;
use rayon::prelude::*;
use std::ops::Range;

/// The gradients by directions, or by the vectors themselves; empty where not wanted.
pub(super) struct Gradients {
    left: Vec<f32>,
    /// Empty where the same vectors are rows and columns.
    right: Vec<f32>,
    /// For each row the sums of its slopes times the products, and of its slopes.
    sums: Vec<[f32; 2]>,
}

impl Work<'_> {
    pub(super) fn gradients(&self, wanted: &[usize]) -> Gradients {
        let (left, right) = (self.setup.left, self.setup.right);
        let of = |input: usize, vectors: usize| {
            let size = if wanted.contains(&input) { vectors * self.inputs.features } else { 0 };
            vec![0.0; size]
        };
        Gradients {
            left: of(left, self.inputs.rows),
            right: if right == left { Vec::new() } else { of(right, self.inputs.columns) },
            sums: vec![[0.0; 2]; self.inputs.rows],
        }
    }

    /// Adds a chunk's share; its products, which become slopes, may be there already.
    pub(super) fn add_gradients(
        &self,
        chunk: &Range<usize>,
        known: &AllStatistics,
        (room, there): (&mut Vec<f32>, bool),
        gradients: &mut Gradients,
    ) -> Result<()> {
        let columns = self.inputs.columns;
        let most = if there { columns } else { COLUMNS };
        for first in (0..columns).step_by(most) {
            let tile = first..columns.min(first + most);
            room.resize(chunk.len() * tile.len(), 0.0);
            if !there {
                self.products(chunk, tile.clone(), (room, tile.len()))?;
            }
            let of_columns = self.slopes_of_columns(chunk, &tile, known, room)?;
            self.slopes_of_rows(chunk, &tile, known, room, &of_columns, &mut gradients.sums)?;
            self.add_to_rows(chunk, &tile, room, &mut gradients.left)?;
            let others = match self.setup.left == self.setup.right {
                true => &mut gradients.left,
                false => &mut gradients.right,
            };
            self.add_to_columns(chunk, &tile, room, others)?;
        }
        Ok(())
    }

    /// The slopes of the columns' terms by a tile's similarities, column by column, where these are rows too.
    fn slopes_of_columns(
        &self,
        chunk: &Range<usize>,
        tile: &Range<usize>,
        known: &AllStatistics,
        products: &[f32],
    ) -> Result<Vec<f32>> {
        if !self.setup.symmetric {
            return Ok(Vec::new());
        }
        let mut slopes = vec![0.0; products.len()];
        let columns = slopes.par_chunks_mut(chunk.len()).enumerate();
        columns.try_for_each_init(Line::default, |line, (place, slopes)| {
            self.cancel.check()?;
            let column = tile.start + place;
            self.column(column, products[place..].iter().step_by(tile.len()), line);
            let statistics = &known.columns[column];
            slopes.copy_from_slice(&line.numbers);
            let own = line.tile(self.row_of(self.inputs.rows), chunk.start);
            self.formula.slopes(statistics, &own, slopes, None);
            Ok(())
        })?;
        Ok(slopes)
    }

    /// Turns products into slopes by them.
    fn slopes_of_rows(
        &self,
        chunk: &Range<usize>,
        tile: &Range<usize>,
        known: &AllStatistics,
        products: &mut [f32],
        of_columns: &[f32],
        sums: &mut [[f32; 2]],
    ) -> Result<()> {
        let rows = products.par_chunks_mut(tile.len()).zip(&mut sums[chunk.clone()]).enumerate();
        rows.try_for_each_init(
            || (Line::default(), Vec::new()),
            |(line, slopes), (i, (products, sums))| {
                self.cancel.check()?;
                let r = chunk.start + i;
                if self.inputs.ignored(r) {
                    products.fill(0.0);
                    return Ok(());
                }
                self.row(r, tile.start, products, line);
                slopes.clear();
                slopes.extend_from_slice(&line.numbers);
                let own = line.tile(self.row_of(self.inputs.columns), tile.start);
                self.formula.slopes(&known.rows[r], &own, slopes, None);
                let others = of_columns.get(i..).unwrap_or_default().iter().step_by(chunk.len());
                slopes.iter_mut().zip(others).for_each(|(slope, other)| *slope += other);
                for (slope, product) in slopes.iter().zip(&*products) {
                    sums[0] += slope * product;
                    sums[1] += slope;
                }
                if let (Some(place), Some(margin)) = (line.place(tile.start), self.setup.margin) {
                    let [_, slope] = (margin.apply)(products[place], margin.numbers);
                    slopes[place] *= slope;
                }
                let factor = self.known.factor;
                products.iter_mut().zip(&*slopes).for_each(|(out, slope)| *out = factor * slope);
                Ok(())
            },
        )
    }

    fn add_to_rows(
        &self,
        chunk: &Range<usize>,
        tile: &Range<usize>,
        slopes: &[f32],
        left: &mut [f32],
    ) -> Result<()> {
        let features = self.inputs.features;
        if left.is_empty() {
            return Ok(());
        }
        let mut products = vec![0.0; chunk.len() * features];
        let out = matrix_mut(&mut products, (chunk.len(), features), features);
        let slopes = matrix(slopes, (chunk.len(), tile.len()), tile.len());
        multiply(slopes, self.inputs.right(tile.clone()), 0.0, out, self.cancel)?;
        let rows = left[chunk.start * features..].par_chunks_mut(features);
        let rows = rows.zip(products.par_chunks(features)).enumerate().with_min_len(LINES);
        rows.for_each(|(i, (sums, products))| {
            // A row that is ignored has slopes of 0, but the others may hold NaN.
            if !self.inputs.ignored(chunk.start + i) {
                sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
            }
        });
        Ok(())
    }

    fn add_to_columns(
        &self,
        chunk: &Range<usize>,
        tile: &Range<usize>,
        slopes: &[f32],
        right: &mut [f32],
    ) -> Result<()> {
        let features = self.inputs.features;
        if right.is_empty() {
            return Ok(());
        }
        let slopes = matrix(slopes, (chunk.len(), tile.len()), tile.len());
        let left = self.inputs.left(chunk.clone());
        let own = &mut right[tile.start * features..tile.end * features];
        let out = matrix_mut(own, (tile.len(), features), features);
        multiply(slopes.t(), left, 1.0, out, self.cancel)
    }

    /// The gradients that are wanted, by their inputs.
    pub(super) fn finished(
        &self,
        mut gradients: Gradients,
        wanted: &[usize],
    ) -> Vec<(usize, Vec<f32>)> {
        let left = self.setup.left;
        self.turn(0, &mut gradients.left);
        self.turn(1, &mut gradients.right);
        let Gradients { left: mut of_left, right: mut of_right, sums } = gradients;
        #[expect(clippy::cast_possible_truncation, reason = "a gradient is float32")]
        let total = |k: usize| vec![sums.iter().map(|s| f64::from(s[k])).sum::<f64>() as f32];
        let of = |&input: &usize| {
            let gradient = match input {
                _ if Some(input) == self.setup.scale => total(0),
                _ if Some(input) == self.setup.bias => total(1),
                _ if input == left => std::mem::take(&mut of_left),
                _ => std::mem::take(&mut of_right),
            };
            (input, gradient)
        };
        wanted.iter().map(of).collect()
    }

    /// Gradients by the vectors of a side from those by their directions: what is along the vector changes nothing,
    /// and the rest counts by the inverse length.
    fn turn(&self, side: usize, gradient: &mut [f32]) {
        if !self.setup.normalize || gradient.is_empty() {
            return;
        }
        let features = self.inputs.features;
        let directions = self.inputs.side(side).par_chunks(features);
        let work =
            gradient.par_chunks_mut(features).zip(directions).zip(&self.inputs.lengths[side]);
        work.for_each(|((gradient, direction), inverse)| {
            let along: f32 = gradient.iter().zip(direction).map(|(slope, x)| slope * x).sum();
            for (slope, x) in gradient.iter_mut().zip(direction) {
                *slope = inverse * (*slope - x * along);
            }
        });
    }
}
