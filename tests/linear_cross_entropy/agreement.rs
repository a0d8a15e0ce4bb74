//! Sizes around tiles, positions, types, options and outputs, against the reference.

use super::{Case, FULL, NAN, PLAIN, Shape, check, inputs};
use crate::common::{
    self, FLOATS, INTEGERS, Random, assert_agrees, assert_close, bits, differentiable, tensor,
};
use wgloss::{Batch, DType, LinearCrossEntropy, Reduction, Request, Tensor};

#[test]
fn sizes() {
    let mut random = Random(21);
    let shapes: &[Shape<'_>] = &[
        (1, 1, 1, &[]),
        (1, 7, 5, &[]),
        (5, 1, 9, &[]),
        (4, 8, 1, &[]),
        (33, 17, 100, &[]),
        (65, 16, 129, &[]),
        (64, 64, 64, &[]),
        (130, 36, 67, &[]),
        (3, 20, 2047, &[]),
        (9, 12, 2049, &[]),
        (6, 10, 5000, &[]),
        (4100, 4, 6, &[]),
        (4100, 3, 2050, &[]),
        (7, 8, 5, &[3]),
        (5, 6, 2100, &[2]),
        (9, 5, 4, &[2, 1, 3]),
    ];
    for &shape in shapes {
        for (case, reduction) in [(PLAIN, Reduction::Mean), (FULL, Reduction::None)] {
            check(&LinearCrossEntropy::default(), shape, case, reduction, &mut random);
        }
    }
}

#[test]
fn types_and_options() {
    let mut random = Random(22);
    let plain = LinearCrossEntropy::default();
    let smoothed = LinearCrossEntropy { label_smoothing: 0.2, ..plain };
    let full = LinearCrossEntropy { z_loss: 0.01, softcap: 3.0, ..smoothed };
    let reductions = [Reduction::None, Reduction::Mean, Reduction::Sum];
    for (i, float) in FLOATS.into_iter().enumerate() {
        for (j, target) in FLOATS.into_iter().chain(INTEGERS).enumerate() {
            if !target.is_float() && (i + j) % 2 == 1 {
                continue;
            }
            // Any two settings meet, but an integer type only two float types and two losses.
            let loss = [plain, smoothed, full][(i + j) % 3];
            let reduction = reductions[(i + j / 2) % 3];
            let (bias, weight) = ((i / 2 + j) % 2 == 0, (i / 2 + j / 2) % 2 == 0);
            let inner = [&[][..], &[3]][(i / 2 + j / 3) % 2];
            let features = [10, 12][(i / 2 + j / 4) % 2];
            let case = Case { float, target, bias, weight };
            check(&loss, (13, features, 90, inner), case, reduction, &mut random);
        }
    }
    for (i, loss) in [smoothed, full].iter().enumerate() {
        for (j, target) in [DType::F32, DType::I64].into_iter().enumerate() {
            for weight in [false, true] {
                let case = Case { target, weight, ..FULL };
                let reduction = reductions[(i + j + usize::from(weight)) % 3];
                check(loss, (11, 8, 4500, &[]), case, reduction, &mut random);
            }
        }
    }
}

/// Each output alone is what it is among all others.
#[test]
fn outputs_alone() {
    let mut random = Random(23);
    let loss = LinearCrossEntropy { z_loss: 0.1, ..LinearCrossEntropy::default() };
    for target in [DType::I64, DType::F32] {
        let case = Case { target, ..FULL };
        let inputs = inputs((20, 9, 2500, &[2]), case, &mut random);
        let batch = Batch { inputs: &inputs, ..Batch::default() };
        assert_agrees("value alone", &loss, &batch);
        for name in differentiable(&loss, &inputs) {
            let batch = Batch {
                request: Request { value: false, gradients: &[name], ..batch.request.clone() },
                ..batch.clone()
            };
            assert_agrees(&format!("{name} alone"), &loss, &batch);
        }
    }
}

#[test]
fn unbatched_and_empty() {
    let mut random = Random(24);
    let loss = LinearCrossEntropy::default();
    let all = inputs((1, 5, 7, &[]), FULL, &mut random);
    let reshaped = |(name, t): &(&'static str, Tensor<'static>)| {
        let shape: &[usize] = match *name {
            "input" => &[5],
            "target" => &[],
            _ => t.shape(),
        };
        (*name, tensor(t.dtype(), shape, &t.to_f64()))
    };
    let single: Vec<_> = all.iter().map(reshaped).collect();
    let names = ["input", "linear_weight", "linear_bias"];
    for reduction in [Reduction::None, Reduction::Mean] {
        let batch = Batch {
            inputs: &single,
            request: Request { gradients: &names, reduction, ..Request::default() },
            ..Batch::default()
        };
        assert_agrees("unbatched", &loss, &batch);
    }
    let empty = inputs((0, 5, 3000, &[2]), FULL, &mut random);
    for (name, backend) in common::backends() {
        for (reduction, want) in [(Reduction::Mean, &[NAN][..]), (Reduction::Sum, &[0.0])] {
            let batch = Batch {
                inputs: &empty,
                request: Request { gradients: &names, reduction, ..Request::default() },
                ..Batch::default()
            };
            let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
            assert_close(name, &got.value.expect("wanted").to_f32(), want, 0.0);
            for (input, gradient) in &got.gradients {
                let zeros = vec![0.0; gradient.len()];
                assert_close(&format!("{input} on {name}"), &gradient.to_f32(), &zeros, 0.0);
            }
        }
    }
}

/// The same bits every time, also where rows are cut into chunks and classes into tiles.
#[test]
fn the_same_bits_every_run() {
    let mut random = Random(25);
    let inputs = inputs((4200, 20, 2100, &[]), FULL, &mut random);
    let loss = LinearCrossEntropy::default();
    let gradients = differentiable(&loss, &inputs);
    let batch =
        Batch { inputs: &inputs, request: Request::with_gradients(&gradients), ..Batch::default() };
    for (name, backend) in common::backends() {
        let run = || bits(&backend.evaluate_blocking(&loss, &batch).expect("a valid batch"));
        let first = run();
        assert!(run() == first && run() == first, "{name}");
    }
}
