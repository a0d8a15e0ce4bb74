//! CTC on the CPU: the kernels' recursion with mantissas in float64, one sequence on a core.

use super::shape::{Sequence, Shape};
use super::{Ctc, length_divisor};
use crate::cpu::{Results, Weights, Work, dispatch, divisor, is_brief, numeric};
use crate::error::Result;
use crate::losses::scaled::{NEVER, ONE, Scaled, exponentials};
use crate::numbers::Numbers;
use crate::request::{Resolved, Slot, Status, Upstream};
use crate::tensor::Tensor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// A blank and the label after it.
#[derive(Clone, Copy, Debug)]
struct Pair {
    blank: Scaled,
    label: Scaled,
}

/// One step: `pairs` becomes the states after it, and the states before its emission go to `keep`.
#[inline(always)]
fn advance(
    pairs: &mut [Pair],
    skips: &[bool],
    blank: Scaled,
    labels: impl Fn(usize) -> Scaled,
    mut keep: impl FnMut(usize, Pair),
) {
    let mut before = NEVER;
    for (j, (pair, &skips)) in pairs.iter_mut().zip(skips).enumerate() {
        let sum = pair.label.plus(pair.blank);
        let reached = Pair {
            blank: pair.blank.plus(before),
            label: if skips { sum.plus(before) } else { sum },
        };
        before = pair.label;
        keep(j, reached);
        pair.blank = reached.blank.times(blank).normalised();
        pair.label = reached.label.times(labels(j)).normalised();
    }
}

/// Before the first step, as if the first blank had been reached for certain.
fn start(count: usize) -> Vec<Pair> {
    let mut pairs = vec![Pair { blank: NEVER, label: NEVER }; count];
    pairs[0].blank = ONE;
    pairs
}

/// What the gradient needs of the first recursion, for each step.
struct Kept {
    blanks: Vec<Scaled>,
    alphas: Vec<Pair>,
    emissions: Vec<Scaled>,
    likelihood: Scaled,
}

struct Pass<'a> {
    shape: Shape,
    blank: usize,
    zero_infinity: bool,
    log_probs: &'a [f32],
    labels: &'a [usize],
    brief: bool,
}

/// Where one sequence's gradient goes, a row for each step.
type Rows<'a> = Vec<&'a mut [f32]>;

impl Pass<'_> {
    /// The logarithms of a step's probabilities.
    fn row(&self, n: usize, t: usize) -> &[f32] {
        &self.log_probs[(t * self.shape.batch + n) * self.shape.classes..][..self.shape.classes]
    }

    /// The loss of a sequence; with `rows`, also its gradient times `scale`.
    fn run(&self, n: usize, sequence: Sequence, scale: f32, rows: &mut Rows<'_>) -> f32 {
        let labels = &self.labels[sequence.place..sequence.place + sequence.labels];
        let count = labels.len() + 1;
        let steps = sequence.steps;
        let of_blanks: Vec<f32> = (0..steps).map(|t| self.row(n, t)[self.blank]).collect();
        let mut blanks = vec![NEVER; steps];
        exponentials(&of_blanks, &mut blanks, self.brief);
        let skips = |j: usize| j > 0 && j < labels.len() && labels[j] != labels[j - 1];
        let forward: Vec<bool> = (0..count).map(skips).collect();
        let wanted = !rows.is_empty();
        let mut pairs = start(count);
        let mut alphas = Vec::with_capacity(if wanted { steps * count } else { 0 });
        let mut emissions = Vec::with_capacity(if wanted { steps * count } else { 0 });
        let (mut of_labels, mut row) = (vec![0.0; labels.len()], vec![NEVER; count]);
        for (t, &blank) in blanks.iter().enumerate() {
            let log_probs = self.row(n, t);
            of_labels.iter_mut().zip(labels).for_each(|(place, &class)| *place = log_probs[class]);
            exponentials(&of_labels, &mut row, self.brief);
            advance(&mut pairs, &forward, blank, |j| row[j], |_, _| {});
            if wanted {
                alphas.extend_from_slice(&pairs);
                emissions.extend_from_slice(&row);
            }
        }
        let last = labels.len().checked_sub(1).map_or(NEVER, |j| pairs[j].label);
        let likelihood = pairs[count - 1].blank.plus(last).normalised();
        let loss = -likelihood.logarithm();
        if loss.is_infinite() && loss > 0.0 {
            let gradient = if self.zero_infinity { 0.0 } else { f32::NAN };
            rows.iter_mut().take(steps).for_each(|row| row.fill(gradient));
            return if self.zero_infinity { 0.0 } else { f32::INFINITY };
        }
        if wanted {
            let kept = Kept { blanks, alphas, emissions, likelihood };
            self.differentiate(n, labels, &kept, scale, rows);
        }
        #[expect(clippy::cast_possible_truncation, reason = "rounding to float32 is the purpose")]
        let loss = loss as f32;
        loss
    }

    /// The recursion of the reversed target, whose label j is label L - 1 - j, from the last step on;
    /// with it the posteriors and the gradient.
    fn differentiate(
        &self,
        n: usize,
        labels: &[usize],
        kept: &Kept,
        scale: f32,
        rows: &mut Rows<'_>,
    ) {
        let count = labels.len() + 1;
        let reversed = |j: usize| labels.len().checked_sub(1 + j);
        let skips = |j: usize| reversed(j).is_some_and(|i| j > 0 && labels[i] != labels[i + 1]);
        let skips: Vec<bool> = (0..count).map(skips).collect();
        let Scaled { mantissa, exponent } = kept.likelihood;
        let inverse = Scaled { mantissa: 1.0 / mantissa, exponent: -exponent };
        let share = |alpha: Scaled, beta: Scaled| alpha.times(beta).times(inverse).number();
        let mut pairs = start(count);
        let mut posteriors = vec![0.0; self.shape.classes];
        for (t, &blank) in kept.blanks.iter().enumerate().rev() {
            posteriors.fill(0.0);
            let alphas = &kept.alphas[t * count..][..count];
            let emissions = &kept.emissions[t * count..][..count];
            let label = |j: usize| reversed(j).map_or(NEVER, |j| emissions[j]);
            let mut of_blank = 0.0;
            advance(&mut pairs, &skips, blank, label, |j, beta| {
                of_blank += share(alphas[count - 1 - j].blank, beta.blank);
                if let Some(j) = reversed(j) {
                    posteriors[labels[j]] += share(alphas[j].label, beta.label);
                }
            });
            posteriors[self.blank] = of_blank;
            let (log_probs, posteriors) = (self.row(n, t), &posteriors[..]);
            dispatch(self.brief, Differences { log_probs, posteriors, scale, row: rows[t] });
        }
    }
}

/// A row of the gradient.
struct Differences<'a> {
    log_probs: &'a [f32],
    posteriors: &'a [f64],
    scale: f32,
    row: &'a mut [f32],
}

impl WithSimd for Differences<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { log_probs, posteriors, scale, row } = self;
        for ((place, x), posterior) in row.iter_mut().zip(log_probs).zip(posteriors) {
            let difference = numeric::wide_exp((*x).into()) - posterior;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "rounding to float32 is the purpose"
            )]
            let difference = difference as f32;
            *place = scale * difference;
        }
    }
}

/// The labels of all sequences as classes.
fn labels(
    ctc: &Ctc,
    resolved: &Resolved,
    shape: &Shape,
    targets: &[i128],
    sequences: &[Sequence],
) -> Result<Vec<usize>> {
    let label = |value: i128| {
        let class = usize::try_from(value).ok().filter(|&class| class < shape.classes);
        class.filter(|_| value != i128::from(ctc.blank))
    };
    let places = sequences.iter().flat_map(|s| s.place..s.place + s.labels);
    let bad: Vec<usize> = places.filter(|&place| label(targets[place]).is_none()).collect();
    if let Some(&place) = bad.first() {
        let status = Status { count: bad.len() as u64, row: place as u64, value: targets[place] };
        return Err(status.error(resolved));
    }
    // What no sequence reads may be anything.
    Ok(targets.iter().map(|&value| label(value).unwrap_or_default()).collect())
}

pub(super) fn evaluate(ctc: &Ctc, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
    let Work { resolved, inputs, upstream, cancel } = work;
    let (shape, upstream) = (Shape::of(resolved), upstream.as_deref());
    shape.check_lengths(inputs)?;
    let integers = |i: usize| inputs[i].map_or(Vec::new(), Tensor::to_integers);
    let sequences = shape.sequences(&[&integers(2), &integers(3)]);
    let sequences: Vec<Sequence> = sequences.into_iter().flatten().collect();
    let labels = labels(ctc, resolved, &shape, &integers(1), &sequences)?;
    let log_probs = inputs[0].map_or_else(Default::default, Tensor::to_f32);
    let pass = Pass {
        shape,
        blank: usize::try_from(ctc.blank).unwrap_or_default(),
        zero_infinity: ctc.zero_infinity,
        log_probs: &log_probs,
        labels: &labels,
        brief: is_brief(log_probs.len()),
    };
    let divisor = divisor(resolved, || 1.0);
    let slot = resolved.gradients.first().map(|&i| Slot::Gradient(i));
    let mut gradient = match slot {
        Some(slot) => results.memory(slot, log_probs.len())?,
        None => Numbers::default(),
    };
    // The steps of a sequence lie apart: each row of the gradient goes to its sequence.
    let mut rows: Vec<Rows<'_>> = sequences.iter().map(|_| Vec::new()).collect();
    for (i, row) in gradient.chunks_mut(shape.classes).enumerate() {
        rows[i % shape.batch].push(row);
    }
    let task = |(n, (sequence, mut rows)): (usize, (&Sequence, Rows<'_>))| {
        cancel.check()?;
        let upstream = match (upstream, resolved.upstream) {
            (Some(upstream), Upstream::Terms) => upstream[n],
            (Some(upstream), _) => upstream[0],
            (None, _) => 1.0,
        };
        let share = length_divisor(resolved, sequence.labels);
        rows.iter_mut().skip(sequence.steps).for_each(|row| row.fill(0.0));
        Ok(pass.run(n, *sequence, upstream / divisor / share, &mut rows) / share)
    };
    let tasks: Vec<_> = sequences.iter().zip(rows).enumerate().collect();
    let losses: Vec<f32> = tasks.into_par_iter().map(task).collect::<Result<_>>()?;
    if let Some(slot) = slot {
        results.put(slot, gradient)?;
    }
    results.put_losses(losses.into(), divisor, &Weights::default())
}
