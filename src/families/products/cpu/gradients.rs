//! The gradients of a chunk.

use super::super::row::Statistics;
use super::{CLASSES, Chunk, Gradients, Problem, TASK, Work, rows_of};
use crate::cpu::matrix_mut;
use crate::error::Result;
use ndarray::Axis;
use ndarray::linalg::general_mat_mul;
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
        let linear = self.linear_weight(position, first, width);
        let per_item = classes * positions;
        let by_input = blocks_of(&mut gradients.input, chunk.first, features);
        let by_target = blocks_of(&mut gradients.target, chunk.first, per_item);
        let work: Vec<_> = slopes
            .chunks_mut(TASK * width)
            .zip(statistics.chunks(TASK))
            .zip(chunk.input.chunks(TASK * features))
            .zip(by_input.chain(std::iter::repeat_with(Default::default)))
            .zip(by_target.chain(std::iter::repeat_with(Default::default)))
            .enumerate()
            .collect();
        work.into_par_iter().try_for_each(
            |(block, ((((slopes, rows), input), by_input), by_target))| {
                self.cancel.check()?;
                if !kept {
                    self.logits(input, position, first, width, (slopes, width));
                }
                let mut of_target = vec![0.0; if by_target.is_empty() { 0 } else { width }];
                for (i, (row, slopes)) in rows.iter().zip(slopes.chunks_mut(width)).enumerate() {
                    let n = chunk.first + block * TASK + i;
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
                if by_input.is_empty() {
                    return Ok(());
                }
                let mut products = vec![0.0; by_input.len()];
                let mut out = matrix_mut(&mut products, (rows.len(), features), features);
                general_mat_mul(1.0, &rows_of(slopes, width), &linear, 0.0, &mut out);
                let sums = by_input.chunks_mut(features).zip(products.chunks(features));
                for (i, (sums, products)) in sums.enumerate() {
                    // A row that is ignored has slopes of 0, but the weights may hold NaN.
                    let n = chunk.first + block * TASK + i;
                    if !self.ignored(n * positions + chunk.position) {
                        sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
                    }
                }
                Ok(())
            },
        )
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
        let blocks = gradients.linear[tile].par_chunks_mut(TASK * size).enumerate();
        blocks.try_for_each(|(block, sums)| {
            self.cancel.check()?;
            let count = sums.len() / size;
            let columns = slopes.slice_axis(Axis(1), (block * TASK..block * TASK + count).into());
            let start = &mut sums[chunk.position * features..];
            let mut out = matrix_mut(start, (count, features), size);
            general_mat_mul(1.0, &columns.t(), &input, before, &mut out);
            Ok(())
        })?;
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

/// Blocks of items from the first on, or nothing where the gradient is not wanted.
fn blocks_of(all: &mut [f32], first: usize, per_item: usize) -> impl Iterator<Item = &mut [f32]> {
    let start = if all.is_empty() { 0 } else { first * per_item };
    all[start..].chunks_mut(TASK * per_item)
}
