//! Bad input is an error that names the argument and both values, on both backends; nothing panics
//! and the device lives on.

use crate::common::{self, tensor};
use wgloss::definition::Options;
use wgloss::{
    Batch, BinaryCrossEntropy, CrossEntropy, DType, Evaluator, Huber, KlDiv, L1, Loss, Mse, Nll,
    Reduction, Request, SmoothL1, Tensor, losses,
};

/// The error that both backends and, where it does not depend on the data, the reference give.
#[track_caller]
fn refused(loss: &dyn Loss, batch: &Batch<'_>) -> String {
    let errors: Vec<String> = common::backends()
        .into_iter()
        .map(|(name, backend)| match backend.evaluate_blocking(loss, batch) {
            Err(error) => error.to_string(),
            Ok(answer) => panic!("{name} gives {:?}", answer.value),
        })
        .collect();
    assert_eq!(errors[0], errors[1]);
    if let Err(error) = wgloss::reference::evaluate(loss, batch) {
        assert_eq!(errors[0], error.to_string());
    }
    errors[0].clone()
}

fn zeros(dtype: DType, shape: &[usize]) -> Tensor<'static> {
    tensor(dtype, shape, &vec![0.0; shape.iter().product()])
}

#[track_caller]
fn assert_refused(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)], message: &str) {
    assert_eq!(refused(loss, &Batch { inputs, ..Batch::default() }), message);
}

#[test]
fn shapes() {
    let f = |shape: &[usize]| zeros(DType::F32, shape);
    let i = |shape: &[usize]| zeros(DType::I64, shape);
    assert_refused(
        &L1,
        &[("input", f(&[5, 4])), ("target", f(&[5]))],
        "target: shape [5] does not fit, expected one that broadcasts with [5, 4]",
    );
    assert_refused(
        &Mse,
        &[("input", f(&[5, 4])), ("target", f(&[5, 4])), ("weight", f(&[4]))],
        "weight: shape [4] does not fit, expected [5, 4], the shape of input",
    );
    assert_refused(
        &BinaryCrossEntropy,
        &[("input", f(&[5, 4])), ("target", f(&[5, 4])), ("weight", f(&[2, 5, 4]))],
        "weight: shape [2, 5, 4] does not fit, expected one that broadcasts onto [5, 4], the shape \
         of input",
    );
    assert_refused(
        &Mse,
        &[("input", f(&[2; 9])), ("target", f(&[2, 1, 2, 1, 2, 1, 2, 1, 2]))],
        "the broadcast inputs: 9 separate axes, at most 8 (axes of a broadcast)",
    );
    // As many dimensions, but two of them are one axis.
    let inputs = [("input", f(&[2; 9])), ("target", f(&[2, 1, 2, 1, 2, 1, 2, 2, 2]))];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    let value = Evaluator::Cpu.evaluate_blocking(&Mse, &batch).expect("few enough axes").scalar();
    assert_eq!(value, Some(0.0));
    let loss = CrossEntropy::default();
    assert_refused(
        &loss,
        &[("input", f(&[])), ("target", i(&[]))],
        "input: shape [] does not fit, expected [C], [N, C] or [N, C, d1...]",
    );
    assert_refused(
        &loss,
        &[("input", f(&[3, 0])), ("target", i(&[3]))],
        "input: shape [3, 0] does not fit, expected at least one class",
    );
    assert_refused(
        &loss,
        &[("input", f(&[3, 4])), ("target", i(&[4]))],
        "target: shape [4] does not fit, expected [3], the shape of the rows",
    );
    assert_refused(
        &loss,
        &[("input", f(&[3, 4])), ("target", f(&[3]))],
        "target: shape [3] does not fit, expected [3, 4], the input's shape, for probabilities",
    );
    assert_refused(
        &loss,
        &[("input", f(&[3, 4])), ("target", i(&[3])), ("weight", f(&[3]))],
        "weight: shape [3] does not fit, expected [4], one number for each class",
    );
}

#[test]
fn types_and_names() {
    let f = zeros(DType::F32, &[3]);
    assert_refused(
        &Nll::default(),
        &[("input", zeros(DType::F32, &[3, 2])), ("target", f.clone())],
        "target: element type float32 does not fit, expected an integer type",
    );
    assert_refused(&L1, &[("input", f.clone())], "target: missing; l1_loss needs input, target");
    assert_refused(
        &L1,
        &[("input", f.clone()), ("target", f.clone()), ("wieght", f.clone())],
        "input \"wieght\" is not known; known: input, target, weight",
    );
    assert_refused(
        &L1,
        &[("input", f.clone()), ("input", f.clone())],
        "input: given 2 times, expected once",
    );
    let error = losses::by_name("hube").expect_err("no such loss").to_string();
    assert!(error.starts_with("loss \"hube\" is not known; known: binary_cross_entropy, "));
    let error = "avg".parse::<Reduction>().expect_err("no such reduction").to_string();
    assert_eq!(error, "reduction: avg is not valid, expected none, mean, sum or batchmean");
}

#[test]
fn gradients_and_upstream() {
    let (f, i) = (zeros(DType::F32, &[3, 2]), zeros(DType::I64, &[3]));
    let inputs = [("input", f.clone()), ("target", i)];
    let loss = CrossEntropy::default();
    let batch = |gradients: &'static [&'static str]| Batch {
        inputs: &inputs,
        request: Request::with_gradients(gradients),
        ..Batch::default()
    };
    assert_eq!(
        refused(&loss, &batch(&["target"])),
        "gradient target: target of int64 is not valid, expected a differentiable input of a float \
         type: input, target"
    );
    assert_eq!(
        refused(&loss, &batch(&["weight"])),
        "gradient weight: an absent input is not valid, expected an input that is given"
    );
    assert_eq!(
        refused(&loss, &batch(&["input", "input"])),
        "gradient input: given 2 times, expected once"
    );
    let batch = Batch { upstream: Some(f), ..batch(&["input"]) };
    assert_eq!(refused(&loss, &batch), "upstream: shape [3, 2] does not fit, expected []");
}

#[test]
fn options() {
    let f = zeros(DType::F32, &[3, 2]);
    let inputs = [("input", f.clone()), ("target", f)];
    let huber = |delta| Huber { delta };
    assert_refused(&huber(0.0), &inputs, "delta: 0 is not valid, expected a finite number above 0");
    assert_refused(
        &huber(f32::NAN),
        &inputs,
        "delta: NaN is not valid, expected a finite number above 0",
    );
    assert_refused(
        &SmoothL1 { beta: -1.0 },
        &inputs,
        "beta: -1 is not valid, expected a finite number, 0 or more",
    );
    assert_refused(
        &CrossEntropy { label_smoothing: 1.5, ..CrossEntropy::default() },
        &inputs,
        "label_smoothing: 1.5 is not valid, expected a number from 0 to 1",
    );
    assert_refused(
        &CrossEntropy { ignore_index: 1, ..CrossEntropy::default() },
        &inputs,
        "ignore_index: 1 is not valid, expected a negative number where the target holds \
         probabilities",
    );
    let batch = Batch {
        inputs: &inputs,
        request: Request { reduction: Reduction::BatchMean, ..Request::default() },
        ..Batch::default()
    };
    assert_eq!(refused(&L1, &batch), "reduction: batchmean is not valid, expected mean, sum, none");
    let mut loss = KlDiv::default();
    let error = loss.options()[0].1.set("log_target", "yes").expect_err("no flag").to_string();
    assert_eq!(error, "log_target: yes is not valid, expected true or false");
}

/// A class index outside its range is found on the GPU, in every type that can hold one, and the
/// next batch runs on the same device.
#[test]
fn targets_outside_their_range() {
    let input = zeros(DType::F32, &[5, 3]);
    let all = |value: f64| [0.0, 1.0, value, 2.0, value];
    for loss in [&CrossEntropy::default() as &dyn Loss, &Nll::default()] {
        for (dtype, value) in [
            (DType::U8, 255.0),
            (DType::I8, -128.0),
            (DType::U16, 65_535.0),
            (DType::I16, -32_768.0),
            (DType::U32, 4_294_967_295.0),
            (DType::I32, -2_147_483_648.0),
            (DType::U64, 1_152_921_504_606_846_976.0),
            (DType::I64, -9_007_199_254_740_992.0),
            (DType::I64, 4_294_967_296.0),
            (DType::I64, 3.0),
            (DType::I64, -1.0),
        ] {
            let target = tensor(dtype, &[5], &all(value));
            let value = target.to_integers()[2];
            let inputs = [("input", input.clone()), ("target", target)];
            for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
                let batch = Batch {
                    inputs: &inputs,
                    request: Request { reduction, gradients: &["input"], ..Request::default() },
                    ..Batch::default()
                };
                let message = format!(
                    "target: row 2 is {value}, expected 0 to 2 or -100, which is ignored (2 such \
                     rows)"
                );
                assert_eq!(refused(loss, &batch), message);
            }
        }
        let target = tensor(DType::U8, &[5], &all(0.0));
        let inputs = [("input", input.clone()), ("target", target)];
        for (name, backend) in common::backends() {
            let batch = Batch { inputs: &inputs, ..Batch::default() };
            let answer = backend.evaluate_blocking(loss, &batch);
            assert!(answer.is_ok(), "{name} afterwards: {answer:?}");
        }
    }
}

#[test]
fn the_first_bad_row_of_many() {
    let rows = 100_000;
    let mut numbers = vec![1.0; rows];
    for bad in [77_777, 12_345, 99_999] {
        numbers[bad] = 9.0;
    }
    let inputs = [
        ("input", zeros(DType::F32, &[rows, 3])),
        ("target", tensor(DType::I32, &[rows], &numbers)),
    ];
    assert_refused(
        &CrossEntropy::default(),
        &inputs,
        "target: row 12345 is 9, expected 0 to 2 or -100, which is ignored (3 such rows)",
    );
}

#[test]
fn tensors() {
    let error = Tensor::from_slice(&[1.0f32, 2.0], [3]).expect_err("too few").to_string();
    assert_eq!(error, "tensor: size in bytes is 8, expected 12 for float32 [3]");
    let huge = [usize::MAX, usize::MAX];
    let error = Tensor::from_bytes(DType::F32, huge, vec![]).expect_err("too many").to_string();
    assert!(error.contains("expected more than 2^64 for float32"), "{error}");
}
