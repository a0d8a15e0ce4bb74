//! The CPU backend: chunks of rows and tiles of classes, each on all cores.

mod gradients;
mod sequences;

use super::problem::{INPUT, LINEAR_BIAS, LINEAR_WEIGHT, Problem, TARGET, Target, weight};
use super::row::{Runs, Statistics, Tile};
use super::sequences::Sequences;
use crate::cancel::Cancel;
use crate::cpu::{
    self, Classes, Results, Weights, divisor, matrix, matrix_mut, mean_weight, multiply,
};
use crate::error::Result;
use crate::families::rows::{Kept, Row};
use crate::numbers::Numbers;
use crate::request::{Resolved, Slot, Upstream};
use crate::tensor::Tensor;
use ndarray::ArrayView2;
use rayon::prelude::*;
use std::borrow::Cow;

/// Rows in a chunk, and classes in a tile.
const ITEMS: usize = 4096;
const CLASSES: usize = 1024;
/// Where the logits of this many rows fit, they are kept.
const TASK: usize = 128;
/// The fewest rows of a task that passes over logits.
const ROWS: usize = 8;
/// The numbers of the logits of a chunk that may be kept from the value to the gradients: 64 MiB.
const LOGITS: usize = 16 << 20;

/// The inputs and what follows from them.
struct Work<'a> {
    formula: &'a dyn Runs,
    problem: Problem,
    input: Cow<'a, [f32]>,
    linear: Cow<'a, [f32]>,
    bias: Option<Cow<'a, [f32]>>,
    /// What is taken off the biases of each position.
    offsets: Vec<f32>,
    /// The class of each row, `None` where it is ignored.
    indices: Option<Vec<Option<usize>>>,
    /// Whether each row is kept, where marks tell.
    kept: Option<Vec<bool>>,
    probabilities: Option<Cow<'a, [f32]>>,
    weight: Option<Cow<'a, [f32]>>,
    /// What is made of pairs of sequences, with the constants of each.
    sequences: Option<Pairs<'a>>,
    upstream: Option<&'a [f32]>,
    by_term: bool,
    divisor: f32,
    mean_weight: f32,
    cancel: Cancel<'a>,
}

/// What is made of pairs of sequences.
struct Pairs<'a> {
    of: &'a Sequences<'a>,
    constants: Vec<Cow<'a, [f32]>>,
    pairs: usize,
    /// Of each sequence.
    tokens: usize,
}

/// The gradients, empty where not wanted.
#[derive(Default)]
struct Gradients {
    input: Numbers,
    linear: Numbers,
    target: Numbers,
    bias: Numbers,
}

/// Some items at one position.
struct Chunk {
    position: usize,
    first: usize,
    /// Their input, 0 where the row is ignored, so that its slopes of 0 stay 0.
    input: Vec<f32>,
}

pub(super) fn evaluate(
    formula: &dyn Runs,
    sequences: Option<&Sequences<'_>>,
    request: &cpu::Work<'_>,
    results: &mut Results<'_>,
) -> Result<()> {
    let cpu::Work { resolved, inputs: tensors, upstream, cancel } = request;
    let problem = Problem::of(resolved.definition, &resolved.inputs);
    let floats = |i: usize| tensors.get(i).copied().flatten().map(Tensor::to_f32);
    let (weight, bias) = (weight(resolved.definition).and_then(floats), floats(LINEAR_BIAS));
    let indices = indices(resolved, tensors, *cancel)?;
    let kept = marks(resolved, tensors);
    let weights = match (indices, kept) {
        // A mean divides by the number of terms.
        _ if !resolved.layout.is_weighted() => Weights::default(),
        (Some(indices), _) => {
            indices.weights(resolved, weight.as_deref().unwrap_or_default(), *cancel)?
        }
        (None, Some(kept)) => kept.weights(resolved, *cancel)?,
        (None, None) => Weights::default(),
    };
    let kept = kept.map(|kept| {
        let mut rows = vec![false; problem.rows()];
        kept.read(0, &mut rows);
        rows
    });
    let divisor = divisor(resolved, || weights.sums.total());
    let work = Work {
        formula,
        problem,
        input: floats(INPUT).unwrap_or_default(),
        linear: floats(LINEAR_WEIGHT).unwrap_or_default(),
        offsets: offsets(problem, bias.as_deref().filter(|_| formula.shifts())),
        bias,
        probabilities: floats(TARGET).filter(|_| problem.target == Target::Rows),
        indices: indices.map(|indices| indices.all()),
        kept,
        weight,
        sequences: sequences.zip(problem.tokens).map(|(of, tokens)| {
            let constants = of.places().map(|i| floats(i).unwrap_or_default()).collect();
            let pairs = resolved.layout.output.iter().product();
            Pairs { of, constants, pairs, tokens }
        }),
        upstream: upstream.as_deref(),
        by_term: resolved.upstream == Upstream::Terms,
        divisor,
        mean_weight: mean_weight(resolved, divisor, weights.kept),
        cancel: *cancel,
    };
    let mut gradients = work.gradients(&resolved.gradients, results)?;
    let losses = work.run(!resolved.gradients.is_empty(), &mut gradients)?;
    for &i in &resolved.gradients {
        let gradient = match i {
            INPUT => &mut gradients.input,
            LINEAR_WEIGHT => &mut gradients.linear,
            TARGET => &mut gradients.target,
            _ => &mut gradients.bias,
        };
        results.put(Slot::Gradient(i), std::mem::take(gradient))?;
    }
    results.put_losses(losses.into(), divisor, &weights)
}

/// The class indices, if the target has them.
fn indices<'a>(
    resolved: &Resolved,
    inputs: &[Option<&'a Tensor<'a>>],
    cancel: Cancel<'_>,
) -> Result<Option<Classes<'a>>> {
    let problem = Problem::of(resolved.definition, &resolved.inputs);
    let target = inputs[TARGET].filter(|_| problem.has_index());
    target.map(|target| Classes::of(resolved, target, problem.classes, cancel)).transpose()
}

/// What tells which rows are kept, if the target only marks them.
fn marks<'a>(resolved: &Resolved, inputs: &[Option<&'a Tensor<'a>>]) -> Option<Kept<'a>> {
    let problem = Problem::of(resolved.definition, &resolved.inputs);
    let marks = inputs[TARGET].filter(|_| problem.target == Target::Marks)?;
    Some(Kept::Marks(marks, resolved.ignored))
}

/// The weights of the rows of which a mean may leave some out.
pub(super) fn weights(
    resolved: &Resolved,
    inputs: &[Option<&Tensor<'_>>],
    cancel: Cancel<'_>,
) -> Result<Weights> {
    if let Some(kept) = marks(resolved, inputs) {
        return kept.weights(resolved, cancel);
    }
    let Some(indices) = indices(resolved, inputs, cancel)? else { return Ok(Weights::default()) };
    let weight = weight(resolved.definition).and_then(|i| inputs[i]).map(Tensor::to_f32);
    indices.weights(resolved, weight.as_deref().unwrap_or_default(), cancel)
}

impl Work<'_> {
    /// Memory for the gradients, of zeros where they are added to.
    fn gradients(&self, wanted: &[usize], results: &mut Results<'_>) -> Result<Gradients> {
        let Problem { items, features, classes, positions, .. } = self.problem;
        let mut memory = |i: usize, size: usize| {
            if !wanted.contains(&i) {
                return Ok(Numbers::default());
            }
            let mut numbers = results.memory(Slot::Gradient(i), size)?;
            // The first chunk of items overwrites the largest one.
            if i != LINEAR_WEIGHT || items == 0 {
                numbers.fill(0.0);
            }
            Ok(numbers)
        };
        Ok(Gradients {
            input: memory(INPUT, items * features)?,
            linear: memory(LINEAR_WEIGHT, classes * positions * features)?,
            target: memory(TARGET, self.problem.rows() * classes)?,
            bias: memory(LINEAR_BIAS, classes * positions)?,
        })
    }

    /// The losses, and the gradients, if any is wanted.
    fn run(&self, differentiates: bool, gradients: &mut Gradients) -> Result<Vec<f32>> {
        let Problem { items, classes, positions, .. } = self.problem;
        let mut losses = vec![0.0; self.problem.rows()];
        // Where the logits of some tasks fit, they are computed once for value and gradients.
        let fitting = LOGITS / classes / TASK * TASK;
        let keeps = differentiates && (fitting > 0 || items * classes <= LOGITS);
        let most = if keeps { fitting.clamp(TASK, ITEMS) } else { ITEMS };
        if let Some(pairs) = &self.sequences {
            let keeps = keeps && items <= most;
            return pairs.run(self, most, keeps, differentiates.then_some(gradients));
        }
        let mut logits = Vec::new();
        for position in 0..positions {
            for first in (0..items).step_by(most) {
                let chunk = self.chunk(position, first, most.min(items - first));
                let mut statistics = self.gather(&chunk, keeps, &mut logits)?;
                for (i, row) in statistics.iter_mut().enumerate() {
                    let r = (first + i) * positions + position;
                    row.scale = self.scale(r);
                    losses[r] = self.value(row, r);
                }
                if differentiates {
                    self.add_gradients(&chunk, &statistics, &mut logits, gradients)?;
                }
            }
        }
        Ok(losses)
    }

    /// Some items at a position.
    fn chunk(&self, position: usize, first: usize, count: usize) -> Chunk {
        let Problem { features, positions, .. } = self.problem;
        let mut input = self.input[first * features..][..count * features].to_vec();
        for (i, row) in input.chunks_mut(features).enumerate() {
            if self.ignored((first + i) * positions + position) {
                row.fill(0.0);
            }
        }
        Chunk { position, first, input }
    }

    fn ignored(&self, r: usize) -> bool {
        self.indices.as_ref().is_some_and(|indices| indices[r].is_none())
            || self.kept.as_ref().is_some_and(|kept| !kept[r])
    }

    fn class(&self, r: usize) -> Option<usize> {
        self.indices.as_ref().and_then(|indices| indices[r])
    }

    /// The statistics of a chunk's rows, over all tiles, of whose logits all are kept, or none.
    fn gather(&self, chunk: &Chunk, keeps: bool, kept: &mut Vec<f32>) -> Result<Vec<Statistics>> {
        let Problem { features, classes, .. } = self.problem;
        let mut statistics = vec![Statistics::default(); chunk.input.len() / features];
        kept.resize(if keeps { statistics.len() * classes } else { 0 }, 0.0);
        if self.formula.picks() {
            let rows = statistics.par_iter_mut().zip(chunk.input.par_chunks(features)).enumerate();
            rows.for_each(|(i, (row, input))| {
                row.picked = self.picked(input, chunk.first + i, chunk.position);
            });
        }
        let mut room = Vec::new();
        let twice = self.formula.twice(self.problem.has_index());
        // All tiles, and where there are second sums once more.
        let passes = [false, true].into_iter().take(1 + usize::from(twice));
        for (again, first) in
            passes.flat_map(|again| (0..classes).step_by(CLASSES).map(move |first| (again, first)))
        {
            let width = CLASSES.min(classes - first);
            let (tile, stride) = if keeps {
                (&mut kept[first..], classes)
            } else {
                room.resize(statistics.len() * width, 0.0);
                (&mut room[..], width)
            };
            if !again || !keeps {
                self.logits(chunk, first, width, (tile, stride))?;
            }
            let rows = statistics.par_iter_mut().zip(tile.par_chunks(stride)).enumerate();
            rows.with_min_len(ROWS).try_for_each(|(i, (row, logits))| {
                self.cancel.check()?;
                let n = chunk.first + i;
                let target = self.target(n, chunk.position, first, width);
                let own = self.tile(n, chunk.position, first, width, &target);
                if again {
                    self.formula.gather_again(row, &own, &logits[..width]);
                } else {
                    self.formula.gather(row, &own, &logits[..width]);
                }
                Ok(())
            })?;
        }
        Ok(statistics)
    }

    /// The logit of a row's target class.
    fn picked(&self, input: &[f32], n: usize, position: usize) -> f32 {
        let Problem { features, positions, .. } = self.problem;
        let Some(class) = self.class(n * positions + position) else { return 0.0 };
        let place = class * positions + position;
        let weights = &self.linear[place * features..][..features];
        let product: f32 = input.iter().zip(weights).map(|(x, w)| x * w).sum();
        let bias = self.bias.as_ref().map_or(0.0, |bias| bias[place]);
        product + (bias - self.offsets[position])
    }

    /// What is known of a row and some classes.
    fn tile<'t>(
        &'t self,
        n: usize,
        position: usize,
        first: usize,
        width: usize,
        target: &'t [f32],
    ) -> Tile<'t> {
        let r = n * self.problem.positions + position;
        let weight = self.weight.as_deref().map_or(&[][..], |weight| &weight[first..first + width]);
        let (row, class) = (self.row(r), self.class(r));
        Tile { row, first, class, has_index: self.problem.has_index(), target, weight }
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of classes in float32 arithmetic")]
    fn row(&self, r: usize) -> Row {
        let weight = self.weight.as_deref().zip(self.class(r));
        Row {
            classes: self.problem.classes as f32,
            weight: weight.map_or(1.0, |(weight, class)| weight[class]),
            picked: 0.0,
            label: 0.0,
            offset: self.offsets[r % self.problem.positions],
            mean_weight: self.mean_weight,
        }
    }

    /// The probabilities of some classes, where there are any.
    fn target(&self, n: usize, position: usize, first: usize, width: usize) -> Cow<'_, [f32]> {
        let Problem { classes, positions, .. } = self.problem;
        let Some(all) = &self.probabilities else { return Cow::default() };
        let rest = &all[(n * classes + first) * positions + position..];
        if positions == 1 {
            return Cow::Borrowed(&rest[..width]);
        }
        rest.iter().step_by(positions).take(width).copied().collect()
    }

    /// A chunk's logits of some classes, each row so many numbers from the one before.
    fn logits(
        &self,
        chunk: &Chunk,
        first: usize,
        width: usize,
        (out, stride): (&mut [f32], usize),
    ) -> Result<()> {
        let Problem { features, positions, .. } = self.problem;
        let linear = self.linear_weight(chunk.position, first, width);
        let input = rows_of(&chunk.input, features);
        let product = matrix_mut(out, (input.nrows(), width), stride);
        multiply(input, linear.t(), 0.0, product, self.cancel)?;
        if let Some(bias) = &self.bias {
            let offset = self.offsets[chunk.position];
            let bias = &bias[first * positions + chunk.position..];
            out.par_chunks_mut(stride).with_min_len(ROWS).for_each(|row| {
                let places = row.iter_mut().take(width).zip(bias.iter().step_by(positions));
                places.for_each(|(x, bias)| *x += bias - offset);
            });
        }
        Ok(())
    }

    /// Classes by features.
    fn linear_weight(&self, position: usize, first: usize, width: usize) -> ArrayView2<'_, f32> {
        let Problem { features, positions, .. } = self.problem;
        let start = (first * positions + position) * features;
        matrix(&self.linear[start..], (width, features), positions * features)
    }

    /// What the slopes of a term are multiplied by.
    fn scale(&self, term: usize) -> f32 {
        let upstream = self.upstream.map_or(1.0, |u| u[if self.by_term { term } else { 0 }]);
        // Without any weight the mean is NaN, but its gradient is 0.
        if self.divisor == 0.0 { 0.0 } else { upstream / self.divisor }
    }

    /// What a row is worth.
    fn value(&self, statistics: &Statistics, r: usize) -> f32 {
        if self.ignored(r) {
            return 0.0;
        }
        self.formula.value(statistics, &self.row(r), self.problem.has_index())
    }
}

/// Where all biases of a position are within a factor of 2, one of them can be taken off all without
/// rounding, and the logits keep the digits that a large bias would cost.
fn offsets(problem: Problem, bias: Option<&[f32]>) -> Vec<f32> {
    let of = |position: usize| {
        let biases = || bias.into_iter().flatten().skip(position).step_by(problem.positions);
        let lowest = biases().copied().fold(f32::MAX, f32::min);
        let highest = biases().copied().fold(f32::MIN, f32::max);
        let alike =
            (lowest > 0.0 && highest <= 2.0 * lowest) || (highest < 0.0 && lowest >= 2.0 * highest);
        let taken = bias.is_some() && alike && lowest.is_finite();
        if taken { lowest } else { 0.0 }
    };
    (0..problem.positions).map(of).collect()
}

/// Whole rows of so many numbers.
fn rows_of(data: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    matrix(data, (data.len() / columns, columns), columns)
}
