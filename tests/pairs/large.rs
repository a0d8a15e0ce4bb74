//! More rows and columns than a tile or a chunk has, against sums in float64.

use super::{floats, integers};
use crate::common::{Random, assert_close, backends};
use wgloss::{Batch, InfoNce, Request, SupCon, Tensor};

/// Vectors of so many features, none longer than 1.
fn vectors(count: usize, features: usize, random: &mut Random) -> Vec<f64> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "float32 numbers"
    )]
    let number = |random: &mut Random| f64::from(((random.unit() - 0.5) / features as f64) as f32);
    (0..count * features).map(|_| number(random)).collect()
}

/// What is between two vectors.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A mean over rows, with its gradients by the vectors of both sides.
struct Answer {
    value: f64,
    left: Vec<f64>,
    right: Vec<f64>,
}

/// The mean over rows of the share-weighted cross entropy of similarities, and its gradients: `share(i, j)` is negative
/// where a pair is left out.
fn cross_entropy(
    (left, right, features): (&[f64], &[f64], usize),
    scale: f64,
    share: impl Fn(usize, usize) -> f64,
) -> Answer {
    let (rows, columns) = (left.len() / features, right.len() / features);
    let mut answer =
        Answer { value: 0.0, left: vec![0.0; left.len()], right: vec![0.0; right.len()] };
    let part = |i: usize| i * features..(i + 1) * features;
    for i in 0..rows {
        let of = |j: usize| scale * dot(&left[part(i)], &right[part(j)]);
        let all: Vec<(usize, f64)> =
            (0..columns).filter(|&j| share(i, j) >= 0.0).map(|j| (j, of(j))).collect();
        let log_sum = all.iter().map(|(_, s)| s.exp()).sum::<f64>().ln();
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let factor = 1.0 / rows as f64;
        for (j, s) in all {
            answer.value += factor * share(i, j) * (log_sum - s);
            let slope = factor * scale * ((s - log_sum).exp() - share(i, j));
            for d in 0..features {
                answer.left[i * features + d] += slope * right[j * features + d];
                answer.right[j * features + d] += slope * left[i * features + d];
            }
        }
    }
    answer
}

fn one(x: bool) -> f64 {
    f64::from(u8::from(x))
}

fn check(
    loss: &dyn wgloss::Loss,
    inputs: &[(&str, Tensor<'_>)],
    value: f64,
    want: &[(&str, Vec<f64>)],
) {
    let names: Vec<&str> = want.iter().map(|(name, _)| *name).collect();
    for gradients in [&names[..], &[]] {
        let request = Request::with_gradients(gradients);
        let batch = Batch { inputs, request, ..Batch::default() };
        for (name, backend) in backends() {
            let got = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
            assert_close(name, &got.value.expect("wanted").to_f32(), &[value], value.abs());
            for ((input, got), (_, want)) in got.gradients.iter().zip(want) {
                let scale = want.iter().fold(0.0f64, |scale, x| scale.max(x.abs()));
                assert_close(&format!("{input} on {name}"), &got.to_f32(), want, scale);
            }
        }
    }
}

/// More than a chunk of rows, and on the GPU several chunks whose products are computed twice.
#[test]
fn symmetric() {
    let (count, features) = (4200, 4);
    let mut random = Random(71);
    let (query, key) =
        (vectors(count, features, &mut random), vectors(count, features, &mut random));
    let share = |i: usize, j: usize| one(i == j);
    let scale = 1.0 / f64::from(0.07f32);
    let rows = cross_entropy((&query, &key, features), scale, share);
    let columns = cross_entropy((&key, &query, features), scale, share);
    let half = |a: Vec<f64>, b: Vec<f64>| -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect()
    };
    let inputs =
        [("query", floats(&[count, features], &query)), ("key", floats(&[count, features], &key))];
    let loss = InfoNce { symmetric: true, ..InfoNce::default() };
    let want = [("query", half(rows.left, columns.right)), ("key", half(rows.right, columns.left))];
    check(&loss, &inputs, 0.5 * (rows.value + columns.value), &want);
}

/// So many keys that the products of no chunk are kept.
#[test]
fn many_keys() {
    let (rows, columns, features) = (130, 70_000, 2);
    let mut random = Random(72);
    let (query, key) =
        (vectors(rows, features, &mut random), vectors(columns, features, &mut random));
    let partner = |i: usize| i * 537 % columns;
    let scale = 1.0 / f64::from(0.07f32);
    let answer = cross_entropy((&query, &key, features), scale, |i, j| one(j == partner(i)));
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let target: Vec<f64> = (0..rows).map(|i| partner(i) as f64).collect();
    let inputs = [
        ("query", floats(&[rows, features], &query)),
        ("key", floats(&[columns, features], &key)),
        ("target", integers(&target)),
    ];
    let want = [("query", answer.left), ("key", answer.right)];
    check(&InfoNce::default(), &inputs, answer.value, &want);
}

/// One matrix for rows and columns, several chunks of both.
#[test]
fn one_matrix() {
    let (count, features) = (4200, 3);
    let mut random = Random(73);
    let input = vectors(count, features, &mut random);
    let label = |i: usize| i * 31 % 97;
    let alike: Vec<f64> =
        (0..97).map(|l| (0..count).map(|i| one(label(i) == l)).sum::<f64>() - 1.0).collect();
    let share = |i: usize, j: usize| match i == j {
        true => -1.0,
        false => one(label(i) == label(j)) / alike[label(i)],
    };
    let answer = cross_entropy((&input, &input, features), 10.0, share);
    let both: Vec<f64> = answer.left.iter().zip(&answer.right).map(|(a, b)| a + b).collect();
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let labels: Vec<f64> = (0..count).map(|i| label(i) as f64).collect();
    let inputs = [("input", floats(&[count, features], &input)), ("labels", integers(&labels))];
    let loss = SupCon { normalize: false, ..SupCon::default() };
    check(&loss, &inputs, answer.value, &[("input", both)]);
}
