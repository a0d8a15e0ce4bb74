//! A loss of two row inputs and a target of either kind, which is one thing on the GPU, on the CPU and
//! in the reference.

use super::{Formula, Item, Row, RowLoss, TextbookRow, family, shader};
use crate::batch::Batch;
use crate::definition::{Definition, Input, Options, Role};
use crate::evaluate::{Evaluator, reference};
use crate::family::{Family, Loss};
use crate::gpu::Gpu;
use crate::reduction::Reduction;
use crate::request::Request;
use crate::tensor::Tensor;
use crate::tuning::Subgroup;

/// `sum over c of (a_c - b_c)^2 + target_c (a_c + 2 b_c)`.
#[derive(Debug)]
struct Pull;

static DEFINITION: Definition = Definition {
    name: "pull",
    aliases: &[],
    summary: "Two rows that pull each other, and a target that pulls both.",
    formula: "sum over c of (a_c - b_c)^2 + target_c (a_c + 2 b_c)",
    inputs: &[
        Input::new("a", Role::Rows),
        Input::new("b", Role::Rows),
        Input::new("target", Role::IndexOrRows),
    ],
    arguments: &["a", "b", "target", "reduction"],
    reductions: &[Reduction::Sum],
    weighted_mean: false,
    shader: shader(
        "
const HAS_PEAKS = false;
const HAS_SUMS = true;
alias Peaks = f32;
alias Sums = f32;

fn peaks(item: Item) -> Peaks {
    return 0.0;
}

fn sums(item: Item, row: Row, peak: Peaks) -> Sums {
    let d = item.first - item.second;
    return d * d + item.target_ * (item.first + 2.0 * item.second);
}

fn value(row: Row, peak: Peaks, total: Sums) -> f32 {
    return total;
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums) -> vec4<f32> {
    let d = item.first - item.second;
    return vec4(2.0 * d + item.target_, 2.0 * (item.target_ - d), 0.0, item.first + 2.0 * item.second);
}
",
    ),
};

impl Options for Pull {}

impl Loss for Pull {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        family(self)
    }
}

impl Formula for Pull {
    type Peaks = [f32; 0];
    type Sums = [f32; 1];

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let mut loss = RowLoss::zeros(row.first.len());
        for c in 0..row.first.len() {
            let (d, pulled) = (row.first[c] - row.second[c], row.first[c] + 2.0 * row.second[c]);
            loss.value += d * d + row.target[c] * pulled;
            loss.slopes[0][c] = 2.0 * d + row.target[c];
            loss.slopes[1][c] = 2.0 * (row.target[c] - d);
            loss.slopes[3][c] = pulled;
        }
        loss
    }

    fn peaks(&self, _: Item) -> [f32; 0] {
        []
    }

    fn sums(&self, item: Item, _: &Row, _: [f32; 0]) -> [f32; 1] {
        let d = item.first - item.second;
        [d * d + item.target * (item.first + 2.0 * item.second)]
    }

    fn value(&self, _: &Row, _: [f32; 0], sums: [f32; 1]) -> f32 {
        sums[0]
    }

    fn gradient(&self, item: Item, _: &Row, _: [f32; 0], _: [f32; 1]) -> [f32; 4] {
        let d = item.first - item.second;
        let by_target = item.first + 2.0 * item.second;
        [2.0 * d + item.target, 2.0 * (item.target - d), 0.0, by_target]
    }
}

/// The numbers of a tensor, all different.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn numbers(count: usize, step: usize) -> Vec<f32> {
    (0..count).map(|i| (i * step % 101) as f32 / 50.0 - 1.0).collect()
}

#[test]
fn two_rows_and_a_target() {
    let gpu = Evaluator::Gpu(Gpu::new_blocking().expect("an adapter"));
    // Quads and single classes, kept and streamed, side by side and apart.
    for shape in [&[5, 8][..], &[7, 3], &[3, 6, 5], &[2, 20_001], &[40, 7, 33]] {
        let (rows, classes) = (shape.iter().product::<usize>() / shape[1], shape[1]);
        let (a, b) = (numbers(rows * classes, 7), numbers(rows * classes, 11));
        let probabilities = numbers(rows * classes, 13);
        let index: Vec<i64> = (0..rows).map(|r| (r * 5 % classes) as i64).collect();
        let of_rows = [&shape[..1], &shape[2..]].concat();
        let targets = [
            (Tensor::from_slice(&index, of_rows), &["a", "b"][..]),
            (Tensor::from_slice(&probabilities, shape), &["a", "b", "target"]),
        ];
        for (target, gradients) in targets {
            let inputs = [
                ("a", Tensor::from_slice(&a, shape).expect("a shape")),
                ("b", Tensor::from_slice(&b, shape).expect("a shape")),
                ("target", target.expect("a shape")),
            ];
            let reduction = Reduction::Sum;
            let request = Request { reduction, gradients, ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let want = reference::evaluate(&Pull, &batch).expect("an answer");
            for evaluator in [&gpu, &Evaluator::Cpu] {
                let got = evaluator.evaluate_blocking(&Pull, &batch).expect("an answer");
                let what = format!("{shape:?} {gradients:?} {evaluator:?}");
                check(&what, &[got.scalar().expect("a sum")], &want.value, want.scale);
                for ((name, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
                    check(&format!("{what} by {name}"), &got.to_f32(), want, 1.0);
                }
            }
        }
    }
}

fn check(what: &str, got: &[f32], want: &[f64], scale: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (&got, want) in got.iter().zip(want) {
        let error = (f64::from(got) - want).abs();
        assert!(error <= 1e-5 * want.abs() + 1e-6 * scale, "{what}: {got} is not {want}");
    }
}

/// Where the driver chooses the size of subgroups, lanes are joined by as many as the smallest ones have.
#[test]
fn larger_subgroups_than_the_smallest_ones() {
    let gpu = Gpu::new_blocking().expect("an adapter");
    let Some(Subgroup { least: own, .. }) = gpu.subgroup() else {
        println!("There are no subgroups.");
        return;
    };
    let shape = [3, 9004];
    let (a, b) = (numbers(shape[0] * shape[1], 7), numbers(shape[0] * shape[1], 11));
    let index = [5_i64, 9003, 77];
    let inputs = [
        ("a", Tensor::from_slice(&a, shape).expect("a shape")),
        ("b", Tensor::from_slice(&b, shape).expect("a shape")),
        ("target", Tensor::from_slice(&index, [3]).expect("a shape")),
    ];
    let gradients = &["a", "b"][..];
    let request = Request { reduction: Reduction::Sum, gradients, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let answer = |gpu: Gpu| {
        let got = Evaluator::Gpu(gpu).evaluate_blocking(&Pull, &batch).expect("an answer");
        got.scalar().expect("a sum").to_bits()
    };
    let want = answer(gpu.clone());
    for least in [1, 2, 4, 8].into_iter().filter(|least| *least < own) {
        let varying = gpu.clone().with_subgroup(Subgroup { least, varies: true });
        assert_eq!(answer(varying), want, "{least} of {own} lanes");
    }
}
