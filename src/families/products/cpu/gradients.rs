//! The gradients of a chunk.

use super::super::row::Statistics;
use super::{CLASSES, Chunk, Gradients, Problem, ROWS, Work, rows_of};
use crate::cpu::{matrix_mut, multiply};
use crate::error::Result;
use rayon::prelude::*;

impl Work<'_> {
    /// Adds a chunk's share in the gradients; of its logits, which become slopes, where they were kept.
    pub(super) fn add_gradients(
        &self,
        chunk: &Chunk,
        statistics: &[Statistics],
        logits: &mut Vec<f32>,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let classes = self.problem.classes;
        let kept = !logits.is_empty();
        let most = if kept { classes } else { CLASSES };
        for first in (0..classes).step_by(most) {
            let width = most.min(classes - first);
            logits.resize(statistics.len() * width, 0.0);
            self.add_by_rows(chunk, statistics, (first, width, kept), logits, gradients)?;
            self.add_by_classes(chunk, first, width, logits, gradients)?;
        }
        if !kept {
            logits.clear();
        }
        Ok(())
    }

    /// The slopes of some classes, and the gradients of what each row has its own of.
    fn add_by_rows(
        &self,
        chunk: &Chunk,
        statistics: &[Statistics],
        (first, width, kept): (usize, usize, bool),
        slopes: &mut [f32],
        gradients: &mut Gradients,
    ) -> Result<()> {
        let Problem { features, classes, positions, .. } = self.problem;
        let position = chunk.position;
        let per_item = classes * positions;
        if !kept {
            self.logits(chunk, first, width, (slopes, width))?;
        }
        let start = if gradients.target.is_empty() { 0 } else { chunk.first * per_item };
        let by_target = gradients.target[start..].chunks_mut(ROWS * per_item);
        let work: Vec<_> = slopes
            .chunks_mut(ROWS * width)
            .zip(statistics.chunks(ROWS))
            .zip(by_target.chain(std::iter::repeat_with(Default::default)))
            .enumerate()
            .collect();
        work.into_par_iter().try_for_each(|(block, ((slopes, rows), by_target))| {
            self.cancel.check()?;
            let mut of_target = vec![0.0; if by_target.is_empty() { 0 } else { width }];
            for (i, (row, slopes)) in rows.iter().zip(slopes.chunks_mut(width)).enumerate() {
                let n = chunk.first + block * ROWS + i;
                if self.ignored(n * positions + position) {
                    slopes.fill(0.0);
                    continue;
                }
                let target = self.target(n, position, first, width);
                let tile = self.tile(n, position, first, width, &target);
                if by_target.is_empty() {
                    self.formula.slopes(row, &tile, slopes, None);
                    continue;
                }
                self.formula.slopes(row, &tile, slopes, Some(&mut of_target));
                let start = i * per_item + first * positions + position;
                let places = by_target[start..].iter_mut().step_by(positions);
                places.zip(&of_target).for_each(|(place, slope)| *place = *slope);
            }
            Ok(())
        })?;
        if gradients.input.is_empty() {
            return Ok(());
        }
        let mut products = vec![0.0; chunk.input.len()];
        let out = matrix_mut(&mut products, (statistics.len(), features), features);
        let linear = self.linear_weight(position, first, width);
        multiply(rows_of(slopes, width), linear, 0.0, out, self.cancel)?;
        let sums = gradients.input[chunk.first * features..].par_chunks_mut(features);
        let rows = sums.zip(products.par_chunks(features)).enumerate().with_min_len(ROWS);
        rows.for_each(|(i, (sums, products))| {
            // A row that is ignored has slopes of 0, but the weights may hold NaN.
            if !self.ignored((chunk.first + i) * positions + position) {
                sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
            }
        });
        Ok(())
    }

    /// A chunk's share in the gradients of what each class has its own of.
    fn add_by_classes(
        &self,
        chunk: &Chunk,
        first: usize,
        width: usize,
        slopes: &[f32],
        gradients: &mut Gradients,
    ) -> Result<()> {
        let Problem { features, positions, .. } = self.problem;
        let slopes = rows_of(slopes, width);
        let of_tile = |all: &[f32], size: usize| {
            if all.is_empty() { 0..0 } else { first * size..(first + width) * size }
        };
        let size = positions * features;
        let tile = of_tile(&gradients.linear, size);
        let input = rows_of(&chunk.input, features);
        let before = if chunk.first == 0 { 0.0 } else { 1.0 };
        if !tile.is_empty() {
            let sums = &mut gradients.linear[tile][chunk.position * features..];
            let out = matrix_mut(sums, (width, features), size);
            multiply(slopes.t(), input, before, out, self.cancel)?;
        }
        let tile = of_tile(&gradients.bias, positions);
        if tile.is_empty() {
            return Ok(());
        }
        // In float32, thousands of slopes of either sign would be added up to less than the digits asked for.
        let mut sums = vec![0.0f64; width];
        for row in slopes.rows() {
            sums.iter_mut().zip(row).for_each(|(sum, &slope)| *sum += f64::from(slope));
        }
        let places = gradients.bias[tile].iter_mut().skip(chunk.position).step_by(positions);
        #[expect(clippy::cast_possible_truncation, reason = "a gradient is float32")]
        places.zip(sums).for_each(|(place, sum)| *place += sum as f32);
        Ok(())
    }
}
