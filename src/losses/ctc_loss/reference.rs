//! The textbook recursion over the logarithms of alpha and beta, in float64.

use super::shape::{Sequence, Shape};
use super::{Ctc, length_divisor};
use crate::request::Resolved;
use crate::terms::Terms;

const NEVER: f64 = f64::NEG_INFINITY;

/// `log(sum of exp(x))`.
fn log_sum(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(NEVER, f64::max);
    if x.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    if largest == NEVER {
        return NEVER;
    }
    largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

#[expect(clippy::cast_possible_truncation, reason = "whole numbers far below 2^53")]
fn integers(numbers: &[f64]) -> Vec<i128> {
    numbers.iter().map(|&x| x as i128).collect()
}

pub(super) fn terms(ctc: &Ctc, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
    let shape = Shape::of(resolved);
    let input = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let targets = integers(input(1));
    let lengths = [&integers(input(2))[..], &integers(input(3))[..]];
    let mut terms = Terms::new(inputs.len());
    for (n, sequence) in shape.sequences(&lengths).into_iter().enumerate() {
        let place = |t: usize, c: usize| (t * shape.batch + n) * shape.classes + c;
        let labels = sequence.and_then(|sequence| extended(ctc, &shape, sequence, &targets));
        let (Some(sequence), Some(labels)) = (sequence, labels) else {
            terms.values.push(f64::NAN);
            let all = (0..shape.steps).flat_map(|t| (0..shape.classes).map(move |c| place(t, c)));
            terms.slopes[0].extend(all.map(|place| (n, place, f64::NAN)));
            continue;
        };
        let log_prob = |t: usize, c: usize| input(0)[place(t, c)];
        let (loss, posteriors) = aligned(&labels, sequence.steps, shape.classes, log_prob);
        let silent = ctc.zero_infinity && loss == f64::INFINITY;
        // The mean over lengths is in the terms; `reduced` divides by the number of sequences.
        let share = 1.0 / f64::from(length_divisor(resolved, sequence.labels));
        terms.values.push(if silent { 0.0 } else { share * loss });
        for (t, posteriors) in posteriors.iter().enumerate().filter(|_| !silent) {
            for (c, posterior) in posteriors.iter().enumerate() {
                let slope =
                    if loss.is_finite() { log_prob(t, c).exp() - posterior } else { f64::NAN };
                terms.slopes[0].push((n, place(t, c), share * slope));
            }
        }
    }
    terms
}

/// The target with blanks around its labels; `None` if a label is none.
fn extended(ctc: &Ctc, shape: &Shape, sequence: Sequence, targets: &[i128]) -> Option<Vec<usize>> {
    let blank = usize::try_from(ctc.blank).ok()?;
    let mut labels = vec![blank];
    for &label in &targets[sequence.place..sequence.place + sequence.labels] {
        let label = usize::try_from(label).ok().filter(|&c| c < shape.classes && c != blank)?;
        labels.extend([label, blank]);
    }
    Some(labels)
}

/// The loss, and the posterior of each class at each step.
fn aligned(
    labels: &[usize],
    steps: usize,
    classes: usize,
    log_prob: impl Fn(usize, usize) -> f64,
) -> (f64, Vec<Vec<f64>>) {
    let states = labels.len();
    // Whether a state may be reached from the one two before it.
    let skips = |s: usize| s % 2 == 1 && s >= 2 && labels[s] != labels[s - 2];
    if steps == 0 {
        return (if states == 1 { 0.0 } else { f64::INFINITY }, Vec::new());
    }
    let mut alpha = vec![vec![NEVER; states]; steps];
    for t in 0..steps {
        for s in 0..states {
            let sum = match t {
                0 => {
                    if s < 2 {
                        0.0
                    } else {
                        NEVER
                    }
                }
                _ => {
                    let before =
                        |back: usize| if s >= back { alpha[t - 1][s - back] } else { NEVER };
                    log_sum(&[before(0), before(1), if skips(s) { before(2) } else { NEVER }])
                }
            };
            alpha[t][s] = if sum == NEVER { NEVER } else { sum + log_prob(t, labels[s]) };
        }
    }
    // Of the steps after t, so without the emission of t.
    let mut beta = vec![vec![NEVER; states]; steps];
    for t in (0..steps).rev() {
        for s in 0..states {
            let after = |ahead: usize| match s + ahead {
                to if to >= states => NEVER,
                to => beta[t + 1][to] + log_prob(t + 1, labels[to]),
            };
            beta[t][s] = if t + 1 == steps {
                if s + 2 >= states { 0.0 } else { NEVER }
            } else {
                let skip = s + 2 < states && skips(s + 2);
                log_sum(&[after(0), after(1), if skip { after(2) } else { NEVER }])
            };
        }
    }
    let last = &alpha[steps - 1];
    let loss = -log_sum(&last[states.saturating_sub(2)..]);
    let mut posteriors = vec![vec![0.0; classes]; steps];
    for t in 0..steps {
        for s in 0..states {
            posteriors[t][labels[s]] += (alpha[t][s] + beta[t][s] + loss).exp();
        }
    }
    (loss, posteriors)
}
