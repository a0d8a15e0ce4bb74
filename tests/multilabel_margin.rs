//! The multi-label margin loss on both backends against the float64 reference.

use crate::common::{self, Random, assert_agrees, bits, tensor};
use wgloss::{Batch, DType, Evaluator, MultiLabelMargin, Reduction, Request, Tensor};

/// Random rows that list some classes, some of them twice, then -1 and whatever follows.
fn rows(
    dtype: DType,
    shape: &[usize],
    random: &mut Random,
) -> [(&'static str, Tensor<'static>); 2] {
    let classes = shape.last().copied().unwrap_or(1);
    let count: usize = shape.iter().product();
    let scores: Vec<f64> = (0..count).map(|_| 4.0 * random.unit() - 2.0).collect();
    let mut targets = Vec::new();
    while targets.len() < count {
        let listed = random.below(classes + 1);
        for j in 0..classes {
            #[allow(clippy::cast_precision_loss, reason = "class indices are small")]
            let class = random.below(classes) as f64;
            targets.push(if j == listed { -1.0 } else { class });
        }
    }
    [("input", tensor(dtype, shape, &scores)), ("target", tensor(DType::I64, shape, &targets))]
}

#[test]
fn shapes_types_and_reductions() {
    let mut random = Random(14);
    let shapes: &[&[usize]] =
        &[&[], &[1], &[7], &[1, 1], &[5, 3], &[70, 10], &[3, 65], &[2, 1000], &[300, 4], &[0, 4]];
    for shape in shapes {
        for dtype in [DType::F32, DType::F16, DType::BF16, DType::F64] {
            let inputs = rows(dtype, shape, &mut random);
            for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
                let none = reduction == Reduction::None && shape.len() == 2;
                let terms = if none { &shape[..1] } else { &[] };
                let numbers: Vec<f64> =
                    (0..terms.iter().product()).map(|_| random.unit()).collect();
                let upstream = Some(tensor(DType::F32, terms, &numbers));
                let gradients = &["input"];
                let batch = Batch {
                    inputs: &inputs,
                    upstream,
                    request: Request { reduction, value: true, gradients, ..Request::default() },
                    ..Batch::default()
                };
                let what = format!("{dtype} {shape:?}, {reduction}");
                assert_agrees(&what, &MultiLabelMargin, &batch);
            }
        }
    }
}

/// Rows that take several dispatches: lists that end at once, and one that goes on into the last part.
#[test]
fn many_classes() {
    let mut random = Random(16);
    let long = |classes: usize, listed: usize| -> Vec<usize> {
        (0..classes).map(|j| if j < listed { (3 * j + 3) % classes } else { j }).collect()
    };
    for (classes, listed, against_reference) in [(50_000, 20, true), (30_100, 30_050, false)] {
        let scores: Vec<f64> = (0..2 * classes).map(|_| 4.0 * random.unit() - 2.0).collect();
        #[allow(clippy::cast_precision_loss, reason = "class indices are small")]
        let mut targets: Vec<f64> = long(classes, listed).iter().map(|&y| y as f64).collect();
        targets[listed] = -1.0; // what follows are classes
        targets.extend(targets.clone());
        targets[1] = targets[0];
        let shape = [2, classes];
        let inputs = [
            ("input", tensor(DType::F32, &shape, &scores)),
            ("target", tensor(DType::I64, &shape, &targets)),
        ];
        let request =
            Request { reduction: Reduction::None, gradients: &["input"], ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        if against_reference {
            assert_agrees("many classes", &MultiLabelMargin, &batch);
        }
        let run = |backend: Evaluator| {
            let got = backend.evaluate_blocking(&MultiLabelMargin, &batch).expect("a valid batch");
            (got.value.expect("wanted").to_f64(), got.gradients[0].1.to_f32().into_owned())
        };
        let (got, want) = (run(Evaluator::Gpu(common::gpu())), run(Evaluator::Cpu));
        for (got, want) in got.0.iter().zip(want.0) {
            assert!((got - want).abs() <= 1e-6 * want, "{classes} classes: {got}, not {want}");
        }
        assert!(got.1 == want.1, "{classes} classes: other gradients");
    }
}

#[test]
fn two_runs_give_the_same_bits() {
    let inputs = rows(DType::F32, &[500, 40], &mut Random(15));
    let batch =
        Batch { inputs: &inputs, request: Request::with_gradients(&["input"]), ..Batch::default() };
    for (name, backend) in common::backends() {
        let run = |backend: &Evaluator| {
            bits(&backend.evaluate_blocking(&MultiLabelMargin, &batch).expect("valid inputs"))
        };
        assert_eq!(run(&backend), run(&backend), "{name}");
    }
}

#[test]
fn bad_input_is_refused() {
    let scores = tensor(DType::F32, &[2, 3], &[0.0; 6]);
    for (targets, message) in [
        ([0.0, -1.0, 3.0, 1.0, -2.0, 0.0], "target[0, 2] is 3, expected 0 to 2 (2 such in all)"),
        ([0.0, 1.0, 2.0, 0.0, 1.0, -7.0], "target[1, 2] is -7, expected 0 to 2"),
    ] {
        let inputs = [("input", scores.clone()), ("target", tensor(DType::I64, &[2, 3], &targets))];
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&["input"]),
            ..Batch::default()
        };
        for (name, backend) in common::backends() {
            let error = backend.evaluate_blocking(&MultiLabelMargin, &batch).expect_err(name);
            assert_eq!(error.to_string(), message, "{name}");
        }
    }
    let mut targets = vec![-1.0; 70_000];
    targets[61_234] = -2.0;
    let inputs = [
        ("input", tensor(DType::F32, &[70_000], &targets)),
        ("target", tensor(DType::I64, &[70_000], &targets)),
    ];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    for (name, backend) in common::backends() {
        let error = backend.evaluate_blocking(&MultiLabelMargin, &batch).expect_err(name);
        let message = error.to_string();
        assert!(message.contains("61234") && message.contains("-2"), "{name}: {message}");
    }
    let flat = tensor(DType::I64, &[6], &[0.0; 6]);
    let inputs = [("input", scores), ("target", flat)];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    let error = Evaluator::Cpu.evaluate_blocking(&MultiLabelMargin, &batch).expect_err("a vector");
    assert_eq!(
        error.to_string(),
        "target: shape [6] does not fit, expected [2, 3], the input's shape"
    );
}
