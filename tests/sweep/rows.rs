//! Losses over rows, of small rows.

use super::cancelling::{REFERENCE, is_flushed, sigmoid_difference};
use super::{Spacing, Wrong, evaluated, moved, numbers};
use crate::common::{Family, Random, family, tensor};
use wgloss::definition::{Domain, Input, Role};
use wgloss::{DType, Loss, MultiMargin, losses};

const ROWS: usize = 4000;
const CLASSES: usize = 3;

/// What the rows of a loss are made of: three vectors, a class and a label.
struct Row {
    vectors: [[f64; CLASSES]; 3],
    class: usize,
    label: f64,
}

/// Rows of numbers beside others of any size and beside their neighbours.
fn rows(loss: &dyn Loss, random: &mut Random) -> Vec<Row> {
    // Squares of numbers farther apart vanish beside each other.
    let squares = loss.definition().inputs[0].role == Role::Features;
    let mut all = numbers(Domain::Real, Spacing::Coarse);
    all.retain(|x| !squares || (1e-15..1e15).contains(&x.abs()));
    let probabilities = numbers(Domain::Unit, Spacing::Coarse);
    let soft = loss.definition().inputs[1].domain == Domain::Unit;
    let row = |_| {
        let mut last = all[random.below(all.len())];
        let mut number = || {
            last = match random.below(4) {
                0 => all[random.below(all.len())],
                1 => moved(last, [-100, -2, -1, 1, 3][random.below(5)]),
                2 => -last,
                _ => last,
            };
            last
        };
        let mut vectors = [[0.0; CLASSES]; 3];
        vectors.as_flattened_mut().iter_mut().for_each(|x| *x = number());
        if soft {
            vectors[1] = [(); CLASSES].map(|()| probabilities[random.below(probabilities.len())]);
        }
        Row { vectors, class: random.below(CLASSES), label: [1.0, -1.0][random.below(2)] }
    };
    (0..ROWS).map(row).collect()
}

/// What cancels by its nature in a row, rounded to float32 before: its size in the value, and in the
/// slopes by each class of each vector. Nothing where rounding decides on which side of a kink it is.
type Sizes = Option<(f64, [[f64; CLASSES]; 3])>;

fn sizes(loss: &dyn Loss, row: &Row) -> Sizes {
    let [a, b, _] = row.vectors;
    match loss.definition().name {
        "multilabel_soft_margin_loss" => {
            let by_input = |i: usize| REFERENCE + sigmoid_difference(a[i], 1.0 - b[i], b[i]);
            Some((0.0, [std::array::from_fn(by_input), [0.0; CLASSES], [0.0; CLASSES]]))
        }
        "cross_entropy" | "poly1_cross_entropy" | "softmax_focal_loss" | "token_log_probs" => {
            Some((REFERENCE, [[REFERENCE; CLASSES]; 3]))
        }
        "softmax_entropy" => Some(entropy(row)),
        "ranking_softmax_loss" => Some(ranking(row)),
        "generalized_jsd_loss" => Some(divergence(row)),
        "total_variation_loss" => variation(row),
        "multi_margin_loss" => multi_margin(row, format!("{loss:?}").contains("p: 2")),
        "cosine_embedding_loss" => cosine(row),
        "triplet_margin_loss" | "triplet_margin_with_distance_loss" => triplet(row),
        _ => Some((0.0, [[0.0; CLASSES]; 3])),
    }
}

/// The margin of 1 and a difference.
fn multi_margin(row: &Row, squared: bool) -> Sizes {
    let mut sizes = (0.0, [[0.0; CLASSES]; 3]);
    for i in (0..CLASSES).filter(|&i| i != row.class) {
        let d = row.vectors[0][i] - row.vectors[0][row.class];
        let (z, size) = (1.0 + d, 1.0 + d.abs());
        if z.abs() <= 1e-6 * size {
            return None;
        }
        if z > 0.0 {
            sizes.0 += if squared { 2.0 * z * size } else { size };
            let slope = if squared { 2.0 * size } else { 0.0 };
            sizes.1[0][i] = slope;
            sizes.1[0][row.class] += slope;
        }
    }
    Some(sizes)
}

/// 1 and a cosine near 1, the products of which that is made, and the two vectors in its slopes.
fn cosine(row: &Row) -> Sizes {
    let [a, b, _] = row.vectors;
    let sum = |x: [f64; CLASSES], y: [f64; CLASSES]| x.into_iter().zip(y).map(|(x, y)| x * y);
    let (aa, bb): (f64, f64) = (sum(a, a).sum(), sum(b, b).sum());
    let norms = (aa * bb).sqrt();
    let products = sum(a, b).map(f64::abs).sum::<f64>() / norms;
    let near = sum(a, b).sum::<f64>() / norms;
    if row.label == -1.0 && near.abs() <= 1e-6 * products {
        return None;
    }
    let slope =
        |own: f64, other: f64, square: f64| other.abs() / norms + products * own.abs() / square;
    let by_first = std::array::from_fn(|i| slope(a[i], b[i], aa));
    let by_second = std::array::from_fn(|i| slope(b[i], a[i], bb));
    Some((1.0 + products, [by_first, by_second, [0.0; CLASSES]]))
}

/// How far each class is below the peak, and its probability.
fn softmax(x: [f64; CLASSES]) -> ([f64; CLASSES], [f64; CLASSES]) {
    let peak = x.into_iter().fold(f64::MIN, f64::max);
    let below = x.map(|x| peak - x);
    let sum: f64 = below.iter().map(|below| (-below).exp()).sum();
    (below, below.map(|below| (-below).exp() / sum))
}

/// How far a class is below the peak, and the mean of that.
fn entropy(row: &Row) -> (f64, [[f64; CLASSES]; 3]) {
    let (below, p) = softmax(row.vectors[0]);
    let far = |i: usize| if p[i] > 0.0 { p[i] * below[i] } else { 0.0 };
    let mean: f64 = (0..CLASSES).map(far).sum();
    let slope = |i: usize| REFERENCE + far(i) + p[i] * mean;
    (REFERENCE, [std::array::from_fn(slope), [0.0; CLASSES], [0.0; CLASSES]])
}

/// Relevances of both signs, and their sum.
fn ranking(row: &Row) -> (f64, [[f64; CLASSES]; 3]) {
    let [x, y, _] = row.vectors;
    let (below, p) = softmax(x);
    let sum: f64 = below.iter().map(|below| (-below).exp()).sum();
    let all: f64 = y.iter().map(|y| y.abs()).sum();
    let value = (0..CLASSES).map(|i| y[i].abs() * (REFERENCE + below[i] + sum.ln())).sum();
    let by_input = |i: usize| y[i].abs() + all * (p[i] + REFERENCE);
    (value, [std::array::from_fn(by_input), [REFERENCE; CLASSES], [0.0; CLASSES]])
}

/// The logarithms of both probabilities in their difference; past e^-80 they come to no more.
fn divergence(row: &Row) -> (f64, [[f64; CLASSES]; 3]) {
    let [(below, p), (far, q)] = [row.vectors[0], row.vectors[1]].map(softmax);
    let size = |i: usize| 2.0 + below[i].min(80.0) + far[i].min(80.0);
    let mean = |x: [f64; CLASSES]| (0..CLASSES).map(|i| x[i] * size(i)).sum::<f64>();
    let slope = |x: [f64; CLASSES]| std::array::from_fn(|i| REFERENCE + x[i] * (size(i) + mean(x)));
    (mean(p) + mean(q), [slope(p), slope(q), [0.0; CLASSES]])
}

/// Both probabilities; which of them is larger must be clear.
fn variation(row: &Row) -> Sizes {
    let [(_, p), (_, q)] = [row.vectors[0], row.vectors[1]].map(softmax);
    let decided =
        (0..CLASSES).all(|i| p[i] + q[i] == 0.0 || (p[i] - q[i]).abs() > 1e-5 * (p[i] + q[i]));
    decided.then_some((2.0, [p.map(|p| p + REFERENCE), q.map(|q| q + REFERENCE), [0.0; CLASSES]]))
}

/// The margin of 1 and two distances, and the slopes of both; eps and a difference.
fn triplet(row: &Row) -> Sizes {
    const EPS: f64 = 1e-6;
    let [anchor, positive, negative] = row.vectors;
    let distance = |other: [f64; CLASSES]| {
        let differences = std::array::from_fn::<_, CLASSES, _>(|i| anchor[i] - other[i] + EPS);
        let distance = differences.iter().map(|d| d * d).sum::<f64>().sqrt();
        let slope = |i: usize| ((anchor[i] - other[i]).abs() + EPS) / distance;
        (distance, std::array::from_fn::<_, CLASSES, _>(slope))
    };
    let (near, by_near) = distance(positive);
    let (far, by_far) = distance(negative);
    let size = 1.0 + near + far;
    let by_anchor = std::array::from_fn(|i| by_near[i] + by_far[i]);
    let decided = (1.0 + near - far).abs() > 1e-6 * size;
    decided.then_some((size, [by_anchor, by_near, by_far]))
}

fn check(loss: &dyn Loss, wrong: &mut Wrong) {
    let rows = rows(loss, &mut Random(71));
    let needed = loss.definition().inputs.iter().filter(|input| !input.optional);
    let make = |(i, input): (usize, &Input)| {
        let floats = |shape: &[usize], numbers: Vec<f64>| tensor(DType::F32, shape, &numbers);
        #[expect(clippy::cast_precision_loss, reason = "few classes")]
        let class = |row: &Row| row.class as f64;
        let tensor = match input.role {
            Role::Index | Role::IndexOrRows => {
                tensor(DType::I64, &[ROWS], &rows.iter().map(class).collect::<Vec<_>>())
            }
            Role::Labels => floats(&[ROWS], rows.iter().map(|row| row.label).collect()),
            _ => floats(&[ROWS, CLASSES], rows.iter().flat_map(|row| row.vectors[i]).collect()),
        };
        (input.name, tensor)
    };
    let inputs: Vec<_> = needed.enumerate().map(make).collect();
    let (want, got) = evaluated(loss, &inputs);
    for (backend, got) in &got {
        let what = |output: &str| format!("{output} of {loss:?} on {backend}");
        let values = got.value.as_ref().expect("wanted").to_f32();
        for (r, row) in rows.iter().enumerate() {
            let Some((size, slopes)) = sizes(loss, row) else { continue };
            let flushed = |c| {
                let [a, b, c] = row.vectors.map(|vector| vector[c]);
                is_flushed("", "", &[a, b, c]) || is_flushed("", "", &[a, c])
            };
            if *backend == "gpu" && (0..CLASSES).any(flushed) {
                continue;
            }
            let x = row.vectors.as_flattened();
            wrong.check(&what("value"), x, values[r], want.value[r], size);
            for ((name, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
                let place = inputs.iter().position(|(input, _)| input == name).expect("an input");
                for (c, &size) in slopes[place].iter().enumerate() {
                    let i = r * CLASSES + c;
                    wrong.check(&what(name), x, got.to_f32()[i], want[i], size);
                }
            }
        }
    }
}

#[test]
fn rows_keep_their_digits() {
    let mut wrong = Wrong::default();
    for loss in losses::catalogue() {
        // Lists have sweeps of their own.
        let lists = loss.definition().inputs.iter().any(|input| input.role == Role::ListedClasses);
        if family(loss.as_ref()) == Family::Rows && !lists {
            check(loss.as_ref(), &mut wrong);
        }
    }
    check(&MultiMargin { p: 2, ..MultiMargin::default() }, &mut wrong);
    wrong.assert_none();
}
