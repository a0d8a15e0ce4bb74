//! Inputs that CTC refuses, and a plan's answer to bad data.

use crate::common::ctc::{Case, evaluated};
use crate::common::{self, Random, backends, read, tensor};
use wgloss::wgpu::util::DeviceExt as _;
use wgloss::{
    Batch, Bindings, Ctc, DType, Plan, Reduction, Request, SourceOptions, Status, Tensor,
    TensorKind, reference,
};

#[test]
fn an_empty_batch() {
    let inputs = [
        ("log_probs", tensor(DType::F32, &[5, 0, 3], &[])),
        ("targets", tensor(DType::I64, &[0, 2], &[])),
        ("input_lengths", tensor(DType::I64, &[0], &[])),
        ("target_lengths", tensor(DType::I64, &[0], &[])),
    ];
    for (name, backend) in backends() {
        for (reduction, zero) in [(Reduction::Mean, false), (Reduction::Sum, true)] {
            let batch = Batch {
                inputs: &inputs,
                request: Request { reduction, gradients: &["log_probs"], ..Request::default() },
                ..Batch::default()
            };
            let got = backend.evaluate_blocking(&Ctc::default(), &batch).expect("a valid batch");
            let value = got.scalar().expect("a number");
            assert!(if zero { value == 0.0 } else { value.is_nan() }, "{name}: {value}");
        }
    }
}

#[track_caller]
fn assert_refused(loss: &Ctc, inputs: &[(&str, Tensor<'_>)], message: &str) {
    for (name, backend) in backends() {
        let error = evaluated(&backend, loss, inputs).expect_err("an invalid batch");
        assert_eq!(error.to_string(), message, "on {name}");
    }
}

#[test]
fn refused() {
    let mut random = Random(40);
    let case = Case::new(&[10, 2, 5], 0, &[4, 2], 2.0, &mut random);
    let valid = case.inputs(DType::F32, DType::I64, true);
    let flat = case.inputs(DType::F32, DType::I64, false);
    let ctc = Ctc::default();
    let with = |inputs: &[(&'static str, Tensor<'static>)], i: usize, tensor: Tensor<'static>| {
        let mut inputs = inputs.to_vec();
        inputs[i].1 = tensor;
        inputs
    };
    let integers = |shape: &[usize], numbers: &[f64]| tensor(DType::I64, shape, numbers);
    for (blank, message) in [
        (5, "blank: 5 is not valid, expected 0 to 4, a class of log_probs"),
        (-1, "blank: -1 is not valid, expected 0 to 4, a class of log_probs"),
    ] {
        assert_refused(&Ctc { blank, ..ctc }, &valid, message);
    }
    let cases = [
        (
            with(&valid, 0, tensor(DType::F32, &[10], &[0.0; 10])),
            "log_probs: shape [10] does not fit, expected [T, N, C] or [T, C]",
        ),
        (
            with(&valid, 1, integers(&[1, 8], &[1.0; 8])),
            "targets: shape [1, 8] does not fit, expected [2, S], or [sum of target_lengths]",
        ),
        (
            with(&valid, 1, tensor(DType::F32, &[2, 4], &[1.0; 8])),
            "targets: element type float32 does not fit, expected an integer type: in NumPy, \
             targets.astype(\"int64\")",
        ),
        (
            with(&valid, 2, integers(&[3], &[1.0; 3])),
            "input_lengths: shape [3] does not fit, expected [2], one for each sequence, or []",
        ),
        (
            with(&valid, 2, integers(&[2], &[10.0, 11.0])),
            "input_lengths[1]: 11 is not valid, expected 0 to 10, the steps of log_probs",
        ),
        (
            with(&valid, 2, integers(&[2], &[-1.0, 10.0])),
            "input_lengths[0]: -1 is not valid, expected 0 to 10, the steps of log_probs",
        ),
        (
            with(&valid, 3, integers(&[2], &[4.0, 5.0])),
            "target_lengths[1]: 5 is not valid, expected 0 to 4, the width of targets",
        ),
        (
            with(&flat, 3, integers(&[2], &[4.0, 3.0])),
            "target_lengths: a sum of 7 is not valid, expected at most 6, the elements of targets",
        ),
        (
            with(&flat, 1, integers(&[6], &[1.0, 1.0, 1.0, 1.0, 5.0, -3.0])),
            "targets[4] is 5, expected 0 to 4 without 0 (2 such in all)",
        ),
        (
            with(&valid, 1, integers(&[2, 4], &[1.0, 2.0, 0.0, 1.0, 1.0, 1.0, 9.0, 9.0])),
            "targets[0, 2] is 0, expected 0 to 4 without 0",
        ),
    ];
    for (inputs, message) in cases {
        assert_refused(&ctc, &inputs, message);
    }
}

/// What a plan leaves in its buffers: the unreduced losses, the gradient and the status.
fn encoded(inputs: &[(&str, Tensor<'_>)]) -> (Vec<f32>, Vec<f32>, Option<Status>) {
    let gpu = common::gpu();
    let usage =
        wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let make = |contents: &[u8]| {
        let descriptor = wgpu::util::BufferInitDescriptor { label: None, contents, usage };
        gpu.device().create_buffer_init(&descriptor)
    };
    let kinds: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
    let request =
        Request { reduction: Reduction::None, gradients: &["log_probs"], ..Request::default() };
    let plan = Plan::new(&gpu, &Ctc::default(), &kinds, &request).expect("a valid request");
    let buffers: Vec<_> =
        inputs.iter().map(|(name, tensor)| (*name, make(tensor.bytes()))).collect();
    let bound: Vec<_> =
        buffers.iter().map(|(name, b)| (*name, b.as_entire_buffer_binding())).collect();
    let value = make(&vec![0; 4 * plan.output_shape()[0]]);
    let gradient = make(&vec![0; inputs[0].1.bytes().len()]);
    let status = make(&[0; 16]);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let bindings = Bindings {
        inputs: &bound,
        value: Some(value.as_entire_buffer_binding()),
        gradients: &[("log_probs", gradient.as_entire_buffer_binding())],
        status: Some(status.as_entire_buffer_binding()),
        ..Bindings::default()
    };
    plan.encode(&mut encoder, &bindings).expect("valid bindings");
    gpu.queue().submit([encoder.finish()]);
    let status = read::<[u8; 16]>(&gpu, &status)[0];
    (read(&gpu, &value), read(&gpu, &gradient), Status::from_bytes(status, DType::I64))
}

/// A plan meets bad data on the GPU: NaN for that sequence, and the others are as they were.
#[test]
fn a_plan_meets_bad_data() {
    let mut random = Random(41);
    let case = Case::new(&[10, 3, 5], 0, &[4, 2, 3], 2.0, &mut random);
    let valid = case.inputs(DType::F32, DType::I64, true);
    let want = reference::evaluate(
        &Ctc::default(),
        &Batch {
            inputs: &valid,
            request: Request {
                reduction: Reduction::None,
                gradients: &["log_probs"],
                ..Request::default()
            },
            ..Batch::default()
        },
    )
    .expect("a valid batch");
    let bad: [(usize, &[usize], &[f64]); 4] = [
        (1, &[3, 4], &[]),
        (2, &[3], &[10.0, 11.0, 10.0]),
        (3, &[3], &[4.0, -1.0, 3.0]),
        (3, &[3], &[4.0, 1e12, 3.0]),
    ];
    for (input, shape, numbers) in bad {
        let mut inputs = valid.clone();
        let mut numbers = numbers.to_vec();
        if input == 1 {
            numbers = inputs[1].1.to_f64();
            numbers[5] = 7.0;
        }
        inputs[input].1 = tensor(DType::I64, shape, &numbers);
        let (value, gradient, status) = encoded(&inputs);
        let found = status.map(|status| (status.count, status.row, status.value));
        assert_eq!(found, (input == 1).then_some((1, 5, 7)));
        let what = format!("input {input} of {numbers:?}");
        for n in 0..3 {
            let of = |gradient: &[f32]| -> Vec<f32> {
                gradient.chunks(5).skip(n).step_by(3).flatten().copied().collect()
            };
            #[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
            let wanted: Vec<f32> = want.gradients[0].1.iter().map(|&x| x as f32).collect();
            if n == 1 {
                assert!(value[1].is_nan(), "{what}: {value:?}");
                assert!(of(&gradient).iter().all(|x| x.is_nan()), "{what}: {gradient:?}");
                continue;
            }
            assert!((f64::from(value[n]) - want.value[n]).abs() < 1e-4, "{what}: {value:?}");
            let near = of(&gradient).iter().zip(of(&wanted)).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(near, "{what}: {gradient:?}");
        }
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let kind = |dtype, shape: &[usize]| TensorKind { dtype, shape: shape.to_vec() };
    let inputs = [
        ("log_probs", kind(DType::F32, &[10, 1, 5])),
        ("targets", kind(DType::I64, &[1, 40_001])),
        ("input_lengths", kind(DType::I64, &[1])),
        ("target_lengths", kind(DType::I64, &[1])),
    ];
    let request = Request::default();
    let error = Plan::sources(&Ctc::default(), &inputs, &request, SourceOptions::default())
        .expect_err("too long");
    let want = "targets: 40001 labels in a target, at most 40000 (rounds of a loop)";
    assert_eq!(error.to_string(), want);
}
