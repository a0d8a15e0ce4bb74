//! Rows of logits in float64: the product, and the textbook formula of each row.

use super::problem::{INPUT, LINEAR_BIAS, LINEAR_WEIGHT, Problem, TARGET, Target, weight};
use super::row::Runs;
use super::sequences::Sequences;
use crate::families::rows::TextbookRow;
use crate::reduction::Divisor;
use crate::request::Resolved;
use crate::terms::Terms;

pub(super) fn terms(
    formula: &dyn Runs,
    sequences: Option<&Sequences<'_>>,
    resolved: &Resolved,
    inputs: &[Option<Vec<f64>>],
) -> Terms {
    let problem = Problem::of(resolved.definition, &resolved.inputs);
    let rows = rows(formula, &problem, resolved, inputs);
    match sequences.zip(problem.tokens) {
        Some((sequences, tokens)) => pairs(sequences, tokens, rows, resolved, inputs),
        None => rows,
    }
}

/// What pairs of sequences of these rows come to.
#[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
fn pairs(
    sequences: &Sequences<'_>,
    tokens: usize,
    rows: Terms,
    resolved: &Resolved,
    inputs: &[Option<Vec<f64>>],
) -> Terms {
    let of = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let count = resolved.layout.output.iter().product();
    let mut terms = Terms::new(inputs.len());
    let mut scales = vec![0.0; rows.values.len()];
    for pair in 0..count {
        let mut sizes = [0.0; 2];
        let mut scores = [0.0; 2];
        let mut counts = [1.0; 2];
        let places =
            [pair, count + pair].map(|sequence| sequence * tokens..(sequence + 1) * tokens);
        for (side, place) in places.iter().enumerate() {
            let kept = |r: &usize| Some(of(TARGET)[*r] as i64) != resolved.ignored;
            if sequences.mean {
                counts[side] = place.clone().filter(kept).map(|_| 1.0).sum();
            }
            let values = &rows.values[place.clone()];
            scores[side] = values.iter().sum::<f64>() / counts[side];
            sizes[side] = values.iter().map(|value| value.abs()).sum::<f64>() / counts[side];
        }
        let first = sequences.places().start;
        let numbers = sequences.numbers(scores, |i| of(first + i)[pair]);
        let (value, slopes) = sequences.formula.reference(numbers);
        // What cancels in a difference of sums.
        let cancels = sizes.iter().chain(&numbers[2..]).zip(slopes);
        terms.sizes.push(cancels.map(|(size, slope)| (size * slope).abs()).sum());
        terms.values.push(value);
        for (side, place) in places.into_iter().enumerate() {
            scales[place].fill(slopes[side] / counts[side]);
        }
    }
    for (slopes, own) in rows.slopes.iter().zip(&mut terms.slopes) {
        own.extend(
            slopes.iter().map(|&(r, place, slope)| (r / tokens % count, place, scales[r] * slope)),
        );
    }
    terms
}

#[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn rows(
    formula: &dyn Runs,
    problem: &Problem,
    resolved: &Resolved,
    inputs: &[Option<Vec<f64>>],
) -> Terms {
    let Problem { features, classes, positions, .. } = *problem;
    let of = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let target = of(TARGET);
    let class_of = |r: usize| problem.has_index().then(|| target[r] as i64);
    let is_ignored = |r: usize| problem.leaves_out() && Some(target[r] as i64) == resolved.ignored;
    let kept: Vec<usize> = (0..problem.rows()).filter(|&r| !is_ignored(r)).collect();
    let weight = weight(resolved.definition).and_then(|i| inputs[i].clone());
    let weight = weight.unwrap_or_else(|| vec![1.0; classes]);
    let weight_of = |r: usize| {
        let Some(class) = class_of(r) else { return 1.0 };
        let class = usize::try_from(class).ok();
        class.map_or(0.0, |class| weight.get(class).copied().unwrap_or(0.0))
    };
    let mut terms = Terms {
        values: vec![0.0; problem.rows()],
        sizes: vec![0.0; problem.rows()],
        slopes: vec![Vec::new(); inputs.len()],
        weight: kept.iter().map(|&r| weight_of(r)).sum(),
    };
    let by_weights = resolved.layout.divisor == Divisor::Weights;
    let mean_weight = if by_weights { terms.weight / kept.len() as f64 } else { 1.0 };
    for r in kept {
        let (n, k) = (r / positions, r % positions);
        let place = |c: usize| (n * classes + c) * positions + k;
        let logits: Vec<f64> = (0..classes).map(|c| logit(problem, inputs, n, c, k)).collect();
        let class = class_of(r).map(|class| usize::try_from(class).ok());
        let target_of = |c: usize| match class {
            Some(class) => f64::from(u8::from(class == Some(c))),
            None if problem.target == Target::Rows => target[place(c)],
            None => 0.0,
        };
        let loss = formula.reference(&TextbookRow {
            first: &logits,
            second: &[],
            third: &[],
            more: &[],
            target: &(0..classes).map(target_of).collect::<Vec<f64>>(),
            weight: &weight,
            label: 0.0,
            labels: Default::default(),
            mean_weight,
        });
        let bad = class.is_some_and(|class| class.is_none_or(|class| class >= classes));
        terms.values[r] = if bad { f64::NAN } else { loss.value };
        terms.sizes[r] = loss.size;
        for c in 0..classes {
            let slope = if bad { f64::NAN } else { loss.slopes[0][c] };
            let linear = (c * positions + k) * features;
            for d in 0..features {
                let x = n * features + d;
                terms.slopes[INPUT].push((r, x, slope * of(LINEAR_WEIGHT)[linear + d]));
                terms.slopes[LINEAR_WEIGHT].push((r, linear + d, slope * of(INPUT)[x]));
            }
            terms.slopes[LINEAR_BIAS].push((r, c * positions + k, slope));
            if problem.target == Target::Rows {
                terms.slopes[TARGET].push((r, place(c), loss.slopes[3][c]));
            }
        }
    }
    if by_weights && terms.weight == 0.0 {
        // Without any weight the mean is NaN, but its gradient is 0.
        terms.slopes.iter_mut().for_each(Vec::clear);
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
