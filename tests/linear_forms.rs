//! Losses over rows behind a linear layer, against the same loss of its logits.

use crate::common::{Random, assert_agrees, backends, inputs, tensor};
use wgloss::{
    Batch, DType, Linear, LinearCrossEntropy, Loss, MultiMargin, Poly1CrossEntropy, Reduction,
    Request, SoftmaxFocal, Tensor, TokenLogProbs,
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
            ("target", DType::I32, target),
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
