//! Ignored rows, NaN, infinite and extreme logits, and bounds far exceeded.

use super::{Case, FULL, NAN, check, inputs};
use crate::common::{self, Random, assert_agrees, assert_close, differentiable, tensor};
use wgloss::{Batch, DType, LinearCrossEntropy, Reduction, Request, Tensor};

fn floats(shape: &[usize], numbers: &[f64]) -> Tensor<'static> {
    tensor(DType::F32, shape, numbers)
}

/// NaN in an ignored row reaches nothing; without kept rows the mean is NaN and gradients are 0.
#[test]
fn ignored_rows() {
    let numbers = [NAN, f64::INFINITY, 1.0, -1.0];
    for (targets, all) in [([-100.0, 1.0], false), ([-100.0, -100.0], true)] {
        let inputs = [
            ("input", floats(&[2, 2], &numbers)),
            ("linear_weight", floats(&[3, 2], &[0.5, -0.5, 1.0, 0.25, 2.0, 0.5])),
            ("linear_bias", floats(&[3], &[0.0, 0.5, -0.5])),
            ("target", tensor(DType::I64, &[2], &targets)),
        ];
        let kept = [
            ("input", floats(&[1, 2], &numbers[2..])),
            inputs[1].clone(),
            inputs[2].clone(),
            ("target", tensor(DType::I64, &[1], &targets[1..])),
        ];
        let gradients = ["linear_weight", "linear_bias", "input"];
        let loss = LinearCrossEntropy { z_loss: 0.1, ..LinearCrossEntropy::default() };
        let batch = Batch {
            inputs: &kept,
            request: Request::with_gradients(&gradients),
            ..Batch::default()
        };
        let want = wgloss::reference::evaluate(&loss, &batch).expect("a valid batch");
        for (name, backend) in common::backends() {
            let batch = Batch { inputs: &inputs, ..batch.clone() };
            let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
            let value = if all { &[NAN][..] } else { &want.value };
            assert_close(name, &got.value.expect("wanted").to_f32(), value, 1.0);
            for ((input, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
                let got = got.to_f32();
                let (first, rest) = got.split_at(if *input == "input" { 2 } else { 0 });
                assert!(first.iter().all(|&x| x == 0.0), "{input} on {name}: {first:?}");
                let want = if all { vec![0.0; want.len()] } else { want.clone() };
                assert_close(&format!("{input} on {name}"), rest, &want, 1.0);
            }
        }
    }
}

/// A NaN in the weights reaches kept rows but not the gradient of an ignored one; NaN in a kept row
/// makes the loss NaN.
#[test]
fn nan_is_carried() {
    for (input, linear) in [([NAN, 1.0, 2.0, 3.0], 1.0), ([0.0, 1.0, 2.0, 3.0], NAN)] {
        let inputs = [
            ("input", floats(&[2, 2], &input)),
            ("linear_weight", floats(&[3, 2], &[0.5, -0.5, linear, 0.25, 2.0, 0.5])),
            ("target", tensor(DType::I64, &[2], &[0.0, -100.0])),
        ];
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&["input"]),
            ..Batch::default()
        };
        for (name, backend) in common::backends() {
            let got = backend.evaluate_blocking(&LinearCrossEntropy::default(), &batch);
            let got = got.expect("a valid batch");
            assert_close(name, &got.value.expect("wanted").to_f32(), &[NAN], 0.0);
            assert_close(name, &got.gradients[0].1.to_f32(), &[NAN, NAN, 0.0, 0.0], 0.0);
        }
    }
}

/// A class of share 0 contributes nothing at logit -inf, in the first tile or in a later one.
#[test]
fn minus_infinity_without_a_share() {
    let classes = 2100;
    for infinite in [0, 2099] {
        let mut bias = vec![0.0; classes];
        bias[infinite] = f64::NEG_INFINITY;
        let mut target = vec![1.0 / 2099.0; classes];
        target[infinite] = 0.0;
        let inputs = [
            ("input", floats(&[1, 1], &[0.0])),
            ("linear_weight", floats(&[classes, 1], &vec![1.0; classes])),
            ("linear_bias", floats(&[classes], &bias)),
            ("target", floats(&[1, classes], &target)),
        ];
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&["linear_bias"]),
            ..Batch::default()
        };
        for (name, backend) in common::backends() {
            let got = backend.evaluate_blocking(&LinearCrossEntropy::default(), &batch);
            let got = got.expect("a valid batch");
            assert_close(name, &got.value.expect("wanted").to_f32(), &[2099f64.ln()], 1.0);
            assert_close(name, &got.gradients[0].1.to_f32(), &vec![0.0; classes], 1.0);
        }
    }
}

/// Logits far from 0 and a confident row, with the largest logit in the first and the last tile.
#[test]
fn extreme_logits() {
    let classes = 4200;
    for (scale, shift) in [(1e-3, 0.0), (30.0, 0.0), (30.0, 1e4), (1e4, 0.0)] {
        for rising in [1.0, -1.0] {
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            #[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
            let bias = |c: usize| f64::from((rising * scale * (c as f64 / 4199.0) + shift) as f32);
            let bias: Vec<f64> = (0..classes).map(bias).collect();
            let inputs = [
                ("input", floats(&[2, 1], &[0.0, 1.0])),
                ("linear_weight", floats(&[classes, 1], &vec![0.25; classes])),
                ("linear_bias", floats(&[classes], &bias)),
                ("target", tensor(DType::I64, &[2], &[4199.0, 0.0])),
            ];
            let batch = Batch {
                inputs: &inputs,
                request: Request {
                    gradients: &["linear_bias"],
                    reduction: Reduction::None,
                    ..Request::default()
                },
                ..Batch::default()
            };
            assert_agrees(
                &format!("{scale} {shift} {rising}"),
                &LinearCrossEntropy::default(),
                &batch,
            );
        }
    }
}

/// Biases with much in common cost no digits.
#[test]
fn large_biases_alike() {
    let mut random = Random(26);
    for (from, to) in [(4096.0, 4097.0), (-2e5, -199_998.0), (-3.0, -2.0), (-1.0, 1.0)] {
        for z_loss in [0.0, 1e-3] {
            let mut inputs = inputs((9, 20, 2300, &[2]), FULL, &mut random);
            #[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
            let bias = |_| f64::from((from + (to - from) * random.unit()) as f32);
            let bias: Vec<f64> = (0..4600).map(bias).collect();
            let place = inputs.iter().position(|(name, _)| *name == "linear_bias");
            inputs[place.expect("a bias")].1 = floats(&[2300, 2], &bias);
            let loss = LinearCrossEntropy { z_loss, ..LinearCrossEntropy::default() };
            let gradients = differentiable(&loss, &inputs);
            let batch = Batch {
                inputs: &inputs,
                request: Request::with_gradients(&gradients),
                ..Batch::default()
            };
            assert_agrees(&format!("{from} to {to}, {z_loss}"), &loss, &batch);
        }
    }
}

/// Logits far past the bound keep a gradient with all its digits.
#[test]
fn saturated_bounds() {
    let mut random = Random(27);
    for softcap in [0.25, 0.5, 50.0] {
        for target in [DType::I64, DType::F32] {
            let loss = LinearCrossEntropy { softcap, ..LinearCrossEntropy::default() };
            let shape = (9, 20, 2300, &[][..]);
            check(&loss, shape, Case { target, ..FULL }, Reduction::None, &mut random);
        }
    }
    let inputs = [
        ("input", floats(&[1, 1], &[1.0])),
        ("linear_weight", floats(&[3, 1], &[9.0, -10.0, 11.0])),
        ("target", tensor(DType::I64, &[1], &[1.0])),
    ];
    let loss = LinearCrossEntropy { softcap: 1.0, ..LinearCrossEntropy::default() };
    let batch = Batch {
        inputs: &inputs,
        request: Request::with_gradients(&["linear_weight"]),
        ..Batch::default()
    };
    assert_agrees("all past the bound", &loss, &batch);
}

/// Kept rows of classes that weigh nothing: the mean is NaN, but its gradients are 0.
#[test]
fn no_weight() {
    let inputs = [
        ("input", floats(&[2, 2], &[1.0, -1.0, 0.5, 2.0])),
        ("linear_weight", floats(&[3, 2], &[0.5, -0.5, 1.0, 0.25, 2.0, 0.5])),
        ("target", tensor(DType::I64, &[2], &[1.0, 1.0])),
        ("weight", floats(&[3], &[1.0, 0.0, 1.0])),
    ];
    let request = Request::with_gradients(&["input", "linear_weight"]);
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    assert_agrees("no weight", &LinearCrossEntropy::default(), &batch);
    for (name, backend) in common::backends() {
        let got = backend.evaluate_blocking(&LinearCrossEntropy::default(), &batch);
        let got = got.expect("a valid batch");
        assert!(got.value.expect("wanted").to_f32()[0].is_nan(), "{name}");
        for (input, gradient) in &got.gradients {
            assert!(gradient.to_f32().iter().all(|&slope| slope == 0.0), "{input} on {name}");
        }
    }
}
