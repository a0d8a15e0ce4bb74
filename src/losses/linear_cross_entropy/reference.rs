//! The textbook formula in float64.

use super::{INPUT, LINEAR_BIAS, LINEAR_WEIGHT, LinearCrossEntropy, Problem, TARGET, WEIGHT};
use crate::reduction::{Divisor, Reduction};
use crate::request::Resolved;
use crate::terms::{Terms, log_softmax, product};

/// A row's logits before and after the bound, and its target.
struct Row {
    raw: Vec<f64>,
    bounded: Vec<f64>,
    /// Its probabilities; 1 at a class index.
    target: Vec<f64>,
}

#[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn terms(
    loss: &LinearCrossEntropy,
    resolved: &Resolved,
    inputs: &[Option<Vec<f64>>],
) -> Terms {
    let problem = Problem::of(&resolved.inputs);
    let Problem { classes, positions, .. } = problem;
    let of = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let target = of(TARGET);
    let class_of = |r: usize| problem.index.then(|| target[r] as i64);
    let kept: Vec<usize> =
        (0..problem.rows()).filter(|&r| class_of(r) != Some(loss.ignore_index)).collect();
    let weight_of = |r: usize| {
        let class = class_of(r).and_then(|class| usize::try_from(class).ok());
        let weights = inputs[WEIGHT].as_ref();
        class.map_or(0.0, |c| weights.map_or(1.0, |w| w.get(c).copied().unwrap_or(0.0)))
    };
    let mut terms = Terms {
        values: vec![0.0; problem.rows()],
        sizes: Vec::new(),
        slopes: vec![Vec::new(); inputs.len()],
        weight: kept.iter().map(|&r| weight_of(r)).sum(),
    };
    // The mean of the z terms is over the kept rows, whatever divides the rest.
    let mean = resolved.reduction == Reduction::Mean;
    let by_weights = mean && resolved.layout.divisor == Divisor::Weights;
    let z_loss =
        f64::from(loss.z_loss) * if by_weights { terms.weight / kept.len() as f64 } else { 1.0 };
    for r in kept {
        let (n, k) = (r / positions, r % positions);
        let place = |c: usize| (n * classes + c) * positions + k;
        let raw: Vec<f64> = (0..classes).map(|c| logit(&problem, inputs, n, c, k)).collect();
        let bounded = raw.iter().map(|&x| bound(loss, x)).collect();
        let row = Row {
            raw,
            bounded,
            target: (0..classes)
                .map(|c| match class_of(r) {
                    Some(class) => f64::from(u8::from(usize::try_from(class) == Ok(c))),
                    None => target[place(c)],
                })
                .collect(),
        };
        let (value, by_logit, by_target) = evaluate(loss, &row, of(WEIGHT), z_loss);
        let bad = class_of(r).is_some_and(|c| usize::try_from(c).map_or(true, |c| c >= classes));
        terms.values[r] = if bad { f64::NAN } else { value };
        for c in 0..classes {
            let slope = if bad { f64::NAN } else { by_logit[c] };
            let linear = (c * positions + k) * problem.features;
            for d in 0..problem.features {
                let x = n * problem.features + d;
                terms.slopes[INPUT].push((r, x, slope * of(LINEAR_WEIGHT)[linear + d]));
                terms.slopes[LINEAR_WEIGHT].push((r, linear + d, slope * of(INPUT)[x]));
            }
            terms.slopes[LINEAR_BIAS].push((r, c * positions + k, slope));
            if !problem.index {
                terms.slopes[TARGET].push((r, place(c), by_target[c]));
            }
        }
    }
    terms
}

fn logit(p: &Problem, inputs: &[Option<Vec<f64>>], n: usize, c: usize, k: usize) -> f64 {
    let of = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let input = &of(INPUT)[n * p.features..][..p.features];
    let linear = &of(LINEAR_WEIGHT)[(c * p.positions + k) * p.features..][..p.features];
    let bias = of(LINEAR_BIAS).get(c * p.positions + k).copied().unwrap_or(0.0);
    input.iter().zip(linear).map(|(x, w)| x * w).sum::<f64>() + bias
}

fn bound(loss: &LinearCrossEntropy, x: f64) -> f64 {
    let cap = f64::from(loss.softcap);
    if cap > 0.0 { cap * (x / cap).tanh() } else { x }
}

/// A row's loss with its slopes by the logits and by the target.
#[expect(clippy::cast_precision_loss, reason = "far fewer classes than 2^53")]
fn evaluate(
    loss: &LinearCrossEntropy,
    row: &Row,
    weight: &[f64],
    z_loss: f64,
) -> (f64, Vec<f64>, Vec<f64>) {
    let (smoothing, cap) = (f64::from(loss.label_smoothing), f64::from(loss.softcap));
    let classes = row.raw.len();
    let weight = |c: usize| weight.get(c).copied().unwrap_or(1.0);
    let share =
        |c: usize| weight(c) * ((1.0 - smoothing) * row.target[c] + smoothing / classes as f64);
    let log_p = log_softmax(&row.bounded);
    let total: f64 = (0..classes).map(share).sum();
    let largest = row.bounded.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = largest + row.bounded.iter().map(|x| (x - largest).exp()).sum::<f64>().ln();
    let value = (0..classes).map(|c| product(share(c), -log_p[c])).sum::<f64>()
        + product(z_loss, log_sum * log_sum);
    let slope = |c: usize| {
        let by_bounded =
            total * log_p[c].exp() - share(c) + product(z_loss, 2.0 * log_sum * log_p[c].exp());
        let chain = if cap > 0.0 { (row.raw[c] / cap).cosh().powi(-2) } else { 1.0 };
        by_bounded * chain
    };
    let by_target = |c: usize| product((1.0 - smoothing) * weight(c), -log_p[c]);
    (value, (0..classes).map(slope).collect(), (0..classes).map(by_target).collect())
}
