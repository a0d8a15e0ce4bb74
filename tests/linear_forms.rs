//! Losses over rows behind a linear layer, against the same loss of its logits.

use crate::common::{Random, assert_agrees, assert_close, backends, inputs, tensor};
use wgloss::{
    Batch, DType, Linear, LinearCrossEntropy, Loss, MultiMargin, Poly1CrossEntropy, Reduction,
    Request, SoftmaxEntropy, SoftmaxFocal, Tensor, TokenLogProbs,
};

/// Rows, features and classes around tiles; more than one position.
const SHAPES: [(&[usize], &[usize], &[usize]); 6] = [
    (&[1, 5], &[3, 5], &[1]),
    (&[33, 17], &[100, 17], &[33]),
    (&[3, 8], &[2500, 8], &[3]),
    (&[4100, 3], &[7, 3], &[4100]),
    (&[5, 6], &[9, 3, 6], &[5, 3]),
    (&[6], &[4, 6], &[]),
];

fn check(loss: &dyn Loss, reduction: Reduction, dtype: DType, random: &mut Random) {
    for (input, weight, target) in SHAPES {
        let bias = &weight[..weight.len() - 1];
        let shapes = [
            ("input", dtype, input),
            ("linear_weight", dtype, weight),
            (loss.definition().inputs[2].name, DType::I32, target),
            ("linear_bias", dtype, bias),
            ("weight", DType::F32, &weight[..1]),
        ];
        let count = loss.definition().inputs.len();
        let shapes = &shapes[..count];
        let mut own = inputs(loss, shapes, weight[0], random);
        // Logits of 70, as larger weights give, are rounded by more than the tolerance asks.
        let smaller: Vec<f64> = own[1].1.to_f32().iter().map(|&x| f64::from(x) / 4.0).collect();
        own[1].1 = tensor(dtype, weight, &smaller);
        let gradients = ["input", "linear_weight", "linear_bias"];
        let request = Request { reduction, ..Request::with_gradients(&gradients) };
        let batch = Batch { inputs: &own, request, ..Batch::default() };
        assert_agrees(&format!("{loss:?} {input:?} {weight:?} {dtype}"), loss, &batch);
    }
}

#[test]
fn multi_margin() {
    let mut random = Random(81);
    for (p, reduction, dtype) in [
        (1, Reduction::Mean, DType::F32),
        (2, Reduction::None, DType::F32),
        (1, Reduction::Sum, DType::BF16),
    ] {
        let loss = Linear(MultiMargin { p, margin: 0.5 });
        check(&loss, reduction, dtype, &mut random);
    }
}

#[test]
fn distributions() {
    let mut random = Random(82);
    let (mean, none, sum) = (Reduction::Mean, Reduction::None, Reduction::Sum);
    for (gamma, reduction, dtype) in [(2.0, mean, DType::F32), (0.5, none, DType::F16)] {
        check(&Linear(SoftmaxFocal { gamma, ..Default::default() }), reduction, dtype, &mut random);
    }
    for (epsilon, label_smoothing, reduction) in [(1.0, 0.0, mean), (-0.5, 0.2, sum)] {
        let loss = Poly1CrossEntropy { epsilon, label_smoothing, ..Default::default() };
        check(&Linear(loss), reduction, DType::F32, &mut random);
    }
    for (temperature, reduction) in [(1.0, none), (0.5, mean)] {
        let loss = TokenLogProbs { temperature, ..Default::default() };
        check(&Linear(loss), reduction, DType::F32, &mut random);
    }
}

/// A loss whose rows have no target, but may be marked as ignored.
#[test]
fn marked_rows() {
    let mut random = Random(84);
    for (temperature, reduction, dtype) in [
        (1.0, Reduction::Mean, DType::F32),
        (1.5, Reduction::None, DType::F32),
        (2.0, Reduction::Sum, DType::F16),
        (1.0, Reduction::Mean, DType::BF16),
    ] {
        let loss = Linear(SoftmaxEntropy { temperature, ..SoftmaxEntropy::default() });
        check(&loss, reduction, dtype, &mut random);
        // Without marks.
        let shapes = [("input", dtype, &[40, 7][..]), ("linear_weight", dtype, &[30, 7])];
        let own = inputs(&loss, &shapes, 30, &mut random);
        let gradients = ["linear_weight", "input"];
        let request = Request { reduction, ..Request::with_gradients(&gradients) };
        let batch = Batch { inputs: &own, request, ..Batch::default() };
        assert_agrees(&format!("{loss:?} {dtype}"), &loss, &batch);
    }
}

/// The entropy behind a linear layer is that of logits which are computed first, and its gradients follow from
/// theirs; rows that are ignored may hold anything.
#[test]
fn entropy_is_that_of_the_logits() {
    const ROWS: usize = 13;
    const FEATURES: usize = 6;
    const CLASSES: usize = 2100;
    let mut random = Random(85);
    let entropy = SoftmaxEntropy { temperature: 0.7, ignore_index: 3 };
    let shapes = [
        ("input", DType::F32, &[ROWS, FEATURES][..]),
        ("linear_weight", DType::F32, &[CLASSES, FEATURES]),
        ("labels", DType::I64, &[ROWS]),
    ];
    let mut own = inputs(&Linear(entropy), &shapes, 9, &mut random);
    // Large biases that are alike.
    let bias = |c: usize| 4096.0 + f64::from(u32::try_from(c % 16).expect("small")) / 8.0;
    let biases: Vec<f64> = (0..CLASSES).map(bias).collect();
    own.push(("linear_bias", tensor(DType::F32, &[CLASSES], &biases)));
    let labels = own[2].1.to_integers();
    assert!(labels.contains(&3) && labels.iter().any(|&label| label != 3), "{labels:?}");
    let mut x = own[0].1.to_f64();
    for (row, label) in x.chunks_mut(FEATURES).zip(&labels) {
        row.iter_mut().for_each(|x| *x = if *label == 3 { f64::NAN } else { *x / 4.0 });
    }
    own[0].1 = tensor(DType::F32, &[ROWS, FEATURES], &x);
    let (x, w) = (own[0].1.to_f64(), own[1].1.to_f64());
    let logit = |place: usize| {
        let (n, c) = (place / CLASSES, place % CLASSES);
        let product: f64 = (0..FEATURES).map(|d| x[n * FEATURES + d] * w[c * FEATURES + d]).sum();
        product + biases[c] - 4096.0
    };
    let logits: Vec<f64> = (0..ROWS * CLASSES).map(logit).collect();
    let logits = [("input", tensor(DType::F32, &[ROWS, CLASSES], &logits)), own[2].clone()];
    for (name, backend) in backends() {
        for reduction in [Reduction::Mean, Reduction::None] {
            let of = |loss: &dyn Loss, inputs: &[(&str, Tensor<'static>)], gradients: &[&str]| {
                let request = Request { reduction, ..Request::with_gradients(gradients) };
                let batch = Batch { inputs, request, ..Batch::default() };
                let got = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
                let gradients = got.gradients.iter().map(|(_, numbers)| numbers.to_f64());
                (got.value.expect("wanted").to_f64(), gradients.collect::<Vec<_>>())
            };
            let all = ["input", "linear_weight", "linear_bias"];
            let (value, gradients) = of(&Linear(entropy), &own, &all);
            let (want, slopes) = of(&entropy, &logits, &["input"]);
            #[expect(clippy::cast_possible_truncation, reason = "float32 to begin with")]
            let floats = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<_>>();
            let close = |what: &str, got: &[f64], want: &[f64], scale: f64| {
                assert_close(&format!("{what} on {name}, {reduction}"), &floats(got), want, scale);
            };
            close("value", &value, &want, 8.0);
            let mut by = [vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; CLASSES]];
            let kept = |n: &usize| labels[*n] != 3;
            for n in (0..ROWS).filter(kept) {
                for c in 0..CLASSES {
                    let slope = slopes[0][n * CLASSES + c];
                    by[2][c] += slope;
                    for d in 0..FEATURES {
                        by[0][n * FEATURES + d] += slope * w[c * FEATURES + d];
                        by[1][c * FEATURES + d] += slope * x[n * FEATURES + d];
                    }
                }
            }
            for (what, (got, want)) in all.iter().zip(gradients.iter().zip(&by)) {
                let largest = want.iter().fold(0.0f64, |most, x| most.max(x.abs()));
                close(what, got, want, largest);
            }
        }
    }
}

/// If every row is ignored, the mean is NaN and its gradient 0.
#[test]
fn all_rows_may_be_marked() {
    let own = [
        ("input", tensor(DType::F32, &[2, 1], &[f64::NAN, 1.0])),
        ("linear_weight", tensor(DType::F32, &[3, 1], &[1.0, f64::INFINITY, -1.0])),
        ("labels", tensor(DType::U8, &[2], &[7.0, 7.0])),
    ];
    let loss = Linear(SoftmaxEntropy { ignore_index: 7, ..SoftmaxEntropy::default() });
    for (name, backend) in backends() {
        for (reduction, want) in [(Reduction::Mean, f32::NAN), (Reduction::Sum, 0.0)] {
            let gradients = ["input", "linear_weight"];
            let request = Request { reduction, ..Request::with_gradients(&gradients) };
            let batch = Batch { inputs: &own, request, ..Batch::default() };
            let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
            let value = got.value.expect("wanted").to_f32()[0];
            assert!(value == want || (value.is_nan() && want.is_nan()), "{name}: {value}");
            for (_, gradient) in &got.gradients {
                assert!(gradient.to_f32().iter().all(|&x| x == 0.0), "{name}: {gradient:?}");
            }
        }
    }
}

/// Probabilities and their gradient; with what makes it cross entropy, it is that.
#[test]
fn probabilities() {
    let mut random = Random(83);
    let shapes = [
        ("input", DType::F32, &[7, 5][..]),
        ("linear_weight", DType::F32, &[9, 5]),
        ("target", DType::F32, &[7, 9]),
    ];
    let plain = Poly1CrossEntropy { epsilon: 0.0, ..Default::default() };
    let losses: [&dyn Loss; 3] =
        [&Linear(SoftmaxFocal::default()), &Linear(Poly1CrossEntropy::default()), &Linear(plain)];
    for loss in losses {
        let inputs = inputs(loss, &shapes, 9, &mut random);
        let gradients = ["input", "linear_weight", "target"];
        let request = Request { reduction: Reduction::Sum, ..Request::with_gradients(&gradients) };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees(&format!("{loss:?}"), loss, &batch);
    }
    let inputs = inputs(&Linear(plain), &shapes, 9, &mut random);
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    for (name, backend) in backends() {
        let of = |loss: &dyn Loss| {
            let got = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
            got.value.expect("wanted").to_f32()[0]
        };
        let (own, other) = (of(&Linear(plain)), of(&LinearCrossEntropy::default()));
        assert!((own - other).abs() <= 2e-6 * other, "{name}: {own}, {other}");
    }
}

/// The index of no class, and biases that are large alike, which are taken off.
#[test]
fn indices_and_large_biases() {
    let floats = |shape: &[usize], numbers: &[f64]| tensor(DType::F32, shape, numbers);
    let given = |class: f64| -> Vec<(&str, Tensor<'static>)> {
        vec![
            ("input", floats(&[1, 2], &[1.0, -0.5])),
            ("linear_weight", floats(&[3, 2], &[0.5, 0.25, -1.0, 0.5, 0.125, 1.0])),
            ("linear_bias", floats(&[3], &[1e6, 1e6 + 0.5, 1e6 + 1.0])),
            ("target", tensor(DType::I64, &[1], &[class])),
        ]
    };
    // Logits above 1e6: 0.375, -0.75, 0.625.
    let want = (1.0 + (-0.75 - 0.375f64)).max(0.0) + 1.0 + (0.625 - 0.375);
    let loss = Linear(MultiMargin::default());
    for (name, backend) in backends() {
        let own = given(0.0);
        let batch = Batch { inputs: &own, ..Batch::default() };
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        let value = f64::from(got.value.expect("wanted").to_f32()[0]);
        assert!((value - want / 3.0).abs() < 1e-6, "{name}: {value}");
        for class in [3.0, -1.0, 4_294_967_296.0] {
            let own = given(class);
            let batch = Batch { inputs: &own, ..Batch::default() };
            let error = backend.evaluate_blocking(&loss, &batch).expect_err("no class");
            assert!(error.to_string().starts_with("target"), "{name}: {error}");
        }
    }
}
