//! The textbook recursion over the logarithms of alpha and beta, in float64.

use super::Rnnt;
use super::shape::{Sequence, Shape};
use crate::request::Resolved;
use crate::terms::{Terms, log_softmax};

const NEVER: f64 = f64::NEG_INFINITY;

/// `log(exp(a) + exp(b))`.
fn log_sum(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    let (high, low) = if b > a { (b, a) } else { (a, b) };
    if high == NEVER { NEVER } else { high + (low - high).exp().ln_1p() }
}

#[expect(clippy::cast_possible_truncation, reason = "whole numbers far below 2^53")]
fn integers(numbers: &[f64]) -> Vec<i128> {
    numbers.iter().map(|&x| x as i128).collect()
}

pub(super) fn terms(rnnt: &Rnnt, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
    let shape = Shape::of(resolved);
    let input = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let blank = rnnt.blank_of(shape.classes).unwrap_or_default();
    let lengths = [integers(input(2)), integers(input(3))];
    let sequences = shape.sequences([&lengths[0], &lengths[1]]);
    let mut terms = Terms::new(inputs.len());
    for (n, sequence) in sequences.into_iter().enumerate() {
        let of_item = shape.steps * shape.columns * shape.classes;
        let logits = &input(0)[n * of_item..][..of_item];
        let targets = integers(&input(1)[n * shape.longest()..][..shape.longest()]);
        let is_label = |class: &usize| *class < shape.classes && *class != blank;
        let label = |&label: &i128| usize::try_from(label).ok().filter(is_label);
        let labels = sequence.and_then(|own| targets[..own.labels].iter().map(label).collect());
        let (Some(sequence), Some(labels)) = (sequence, labels) else {
            terms.values.push(f64::NAN);
            terms.slopes[0].extend((0..of_item).map(|k| (n, n * of_item + k, f64::NAN)));
            continue;
        };
        let lattice = Lattice { shape, sequence, blank, labels, logits };
        let (loss, slopes) = lattice.aligned();
        terms.values.push(loss);
        for (place, slope) in slopes {
            let most = f64::from(rnnt.clamp);
            let slope = if most > 0.0 { slope.max(-most).min(most) } else { slope };
            let slope = if loss.is_finite() { slope } else { f64::NAN };
            terms.slopes[0].push((n, n * of_item + place, slope));
        }
    }
    terms
}

/// The nodes of a sequence.
struct Lattice<'a> {
    shape: Shape,
    sequence: Sequence,
    blank: usize,
    labels: Vec<usize>,
    logits: &'a [f64],
}

impl Lattice<'_> {
    /// The place of a node's first logit.
    fn place(&self, t: usize, u: usize) -> usize {
        (t * self.shape.columns + u) * self.shape.classes
    }

    fn log_probs(&self, t: usize, u: usize) -> Vec<f64> {
        let row = &self.logits[self.place(t, u)..][..self.shape.classes];
        let wrong = row.iter().any(|x| x.is_nan() || *x == f64::INFINITY);
        let log_probs = log_softmax(row);
        if wrong { vec![f64::NAN; row.len()] } else { log_probs }
    }

    /// The loss, and the slope of each logit within the lengths.
    fn aligned(&self) -> (f64, Vec<(usize, f64)>) {
        let Sequence { steps, labels } = self.sequence;
        let log_probs: Vec<Vec<Vec<f64>>> =
            (0..steps).map(|t| (0..=labels).map(|u| self.log_probs(t, u)).collect()).collect();
        let mut alpha = vec![vec![NEVER; labels + 1]; steps];
        alpha[0][0] = 0.0;
        for t in 0..steps {
            for u in 0..=labels {
                if t > 0 {
                    let from = alpha[t - 1][u] + log_probs[t - 1][u][self.blank];
                    alpha[t][u] = log_sum(alpha[t][u], from);
                }
                if u > 0 {
                    let from = alpha[t][u - 1] + log_probs[t][u - 1][self.labels[u - 1]];
                    alpha[t][u] = log_sum(alpha[t][u], from);
                }
            }
        }
        // One more step, where the last blank leads.
        let mut beta = vec![vec![NEVER; labels + 1]; steps + 1];
        beta[steps][labels] = 0.0;
        for t in (0..steps).rev() {
            for u in (0..=labels).rev() {
                beta[t][u] = beta[t + 1][u] + log_probs[t][u][self.blank];
                if u < labels {
                    let on = beta[t][u + 1] + log_probs[t][u][self.labels[u]];
                    beta[t][u] = log_sum(beta[t][u], on);
                }
            }
        }
        let loss = -beta[0][0];
        let mut slopes = Vec::new();
        for t in 0..steps {
            for u in 0..=labels {
                let passes = (alpha[t][u] + beta[t][u] + loss).exp();
                for (k, log_prob) in log_probs[t][u].iter().enumerate() {
                    let mut slope = passes * log_prob.exp();
                    if k == self.blank {
                        slope -= (alpha[t][u] + log_prob + beta[t + 1][u] + loss).exp();
                    }
                    if self.labels.get(u) == Some(&k) {
                        slope -= (alpha[t][u] + log_prob + beta[t][u + 1] + loss).exp();
                    }
                    slopes.push((self.place(t, u) + k, slope));
                }
            }
        }
        (loss, slopes)
    }
}
