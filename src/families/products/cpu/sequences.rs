//! Losses of pairs of sequences: all rows are gathered before the first has a slope.

use super::super::row::Statistics;
use super::{Gradients, Pairs, Work};
use crate::error::Result;

impl Pairs<'_> {
    /// The losses of the pairs, and the gradients where they are wanted; with the logits of all rows at once, or those of
    /// so many, which are then computed again.
    pub(super) fn run(
        &self,
        work: &Work<'_>,
        most: usize,
        keeps: bool,
        gradients: Option<&mut Gradients>,
    ) -> Result<Vec<f32>> {
        let items = work.problem.items;
        let chunks = || {
            let starts = (0..items).step_by(most);
            starts.map(|first| work.chunk(0, first, most.min(items - first)))
        };
        let mut logits = Vec::new();
        let mut all = Vec::with_capacity(items);
        for chunk in chunks() {
            all.append(&mut work.gather(&chunk, keeps, &mut logits)?);
        }
        let losses = self.finish(work, &mut all);
        if let Some(gradients) = gradients {
            for chunk in chunks() {
                let rows = &all[chunk.first..(chunk.first + most).min(items)];
                work.add_gradients(&chunk, rows, &mut logits, gradients)?;
            }
        }
        Ok(losses)
    }

    /// What the pairs come to; the scales of the rows' slopes are left in their statistics.
    fn finish(&self, work: &Work<'_>, rows: &mut [Statistics]) -> Vec<f32> {
        let Self { tokens, pairs, .. } = *self;
        let of_pair = |pair: usize| {
            let sides = [pair, pairs + pair].map(|sequence| self.worth(work, rows, sequence));
            let numbers =
                self.of.numbers(sides.map(|(sum, count)| sum / count), |i| self.constants[i][pair]);
            let [chosen, rejected, ..] = self.of.formula.gradient(numbers);
            let scale = work.scale(pair);
            let slopes = [scale * chosen / sides[0].1, scale * rejected / sides[1].1];
            (self.of.formula.value(numbers), slopes)
        };
        let (losses, slopes): (Vec<f32>, Vec<[f32; 2]>) = (0..pairs).map(of_pair).unzip();
        for (sequence, rows) in rows.chunks_mut(tokens.max(1)).enumerate() {
            let scale = slopes[sequence % pairs][sequence / pairs];
            rows.iter_mut().for_each(|row| row.scale = scale);
        }
        losses
    }

    /// What the rows of a sequence are worth together, and by how much that is divided.
    #[expect(clippy::cast_possible_truncation, reason = "what losses are made of is float32")]
    fn worth(&self, work: &Work<'_>, rows: &[Statistics], sequence: usize) -> (f32, f32) {
        let rows = (sequence * self.tokens..).zip(&rows[sequence * self.tokens..][..self.tokens]);
        let kept = rows.filter(|(r, _)| !work.ignored(*r));
        let (mut sum, mut count) = (0.0, 0.0f64);
        for (r, row) in kept {
            sum += f64::from(work.value(row, r));
            count += 1.0;
        }
        (sum as f32, if self.of.mean { count as f32 } else { 1.0 })
    }
}
