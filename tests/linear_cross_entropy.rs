//! Linear cross entropy on both backends against the float64 reference: sizes around tiles,
//! positions, target types, options, corners, and the memory that it holds.

mod common;

use common::{Random, assert_agrees, assert_close, differentiable, tensor};
use wgloss::{Batch, DType, Gpu, LinearCrossEntropy, Plan, Reduction, Request, Tensor, TensorKind};

/// Items, features, classes and the sizes d1...
type Shape<'a> = (usize, usize, usize, &'a [usize]);

const NAN: f64 = f64::NAN;

/// A case's types and which optional inputs it has.
#[derive(Clone, Copy, Debug)]
struct Case {
    float: DType,
    target: DType,
    bias: bool,
    weight: bool,
}

const PLAIN: Case = Case { float: DType::F32, target: DType::I64, bias: false, weight: false };
const FULL: Case = Case { bias: true, weight: true, ..PLAIN };

/// Random inputs whose logits are of ordinary size.
fn inputs(
    (items, features, classes, inner): Shape<'_>,
    case: Case,
    random: &mut Random,
) -> Vec<(&'static str, Tensor<'static>)> {
    let linear = [&[classes], inner, &[features]].concat();
    #[allow(clippy::cast_precision_loss, reason = "small sizes")]
    let size = (features as f64).sqrt();
    let mut numbers = |shape: &[usize], from: f64, to: f64| -> Vec<f64> {
        let count = shape.iter().product();
        #[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
        let number = |_| f64::from((from + (to - from) * random.unit()) as f32);
        (0..count).map(number).collect()
    };
    let float = |shape: &[usize], numbers: &[f64]| tensor(case.float, shape, numbers);
    let mut given = vec![
        ("input", float(&[items, features], &numbers(&[items, features], -3.0, 3.0))),
        ("linear_weight", float(&linear, &numbers(&linear, -3.0 / size, 3.0 / size))),
    ];
    let linear_bias = [&[classes], inner].concat();
    if case.bias {
        given.push(("linear_bias", float(&linear_bias, &numbers(&linear_bias, -2.0, 2.0))));
    }
    if case.weight {
        given.push(("weight", float(&[classes], &numbers(&[classes], 0.2, 2.0))));
    }
    let target = if case.target.is_float() {
        let shape = [&[items, classes], inner].concat();
        let mut q = numbers(&shape, 0.0, 1.0);
        #[allow(clippy::cast_precision_loss, reason = "small sizes")]
        q.iter_mut().for_each(|q| *q *= 2.0 / classes as f64);
        tensor(case.target, &shape, &q)
    } else {
        let shape = [&[items], inner].concat();
        let signed = matches!(case.target, DType::I8 | DType::I16 | DType::I32 | DType::I64);
        #[allow(clippy::cast_precision_loss, reason = "small sizes")]
        let class = |i: usize| match signed && i % 5 == 3 {
            true => -100.0,
            false => random.below(classes) as f64,
        };
        let count = shape.iter().product();
        tensor(case.target, &shape, &(0..count).map(class).collect::<Vec<_>>())
    };
    given.push(("target", target));
    given
}

/// Every gradient under a reduction, with a random upstream gradient.
#[track_caller]
fn check(
    loss: &LinearCrossEntropy,
    shape: Shape<'_>,
    case: Case,
    reduction: Reduction,
    random: &mut Random,
) {
    let inputs = inputs(shape, case, random);
    let gradients = differentiable(loss, &inputs);
    let terms = [&[shape.0], shape.3].concat();
    let terms = if reduction == Reduction::None { &terms[..] } else { &[] };
    let count: usize = terms.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| 2.0 * random.unit() + 0.5).collect();
    let upstream = Some(tensor(DType::F32, terms, &numbers));
    let batch = Batch {
        inputs: &inputs,
        reduction,
        gradients: &gradients,
        upstream,
        value: true,
        ..Batch::default()
    };
    assert_agrees(&format!("{loss:?}, {shape:?}, {case:?}, {reduction}"), loss, &batch);
}

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
    let floats = [DType::F32, DType::F16, DType::BF16, DType::F64];
    let integers = [
        DType::U8,
        DType::I8,
        DType::U16,
        DType::I16,
        DType::U32,
        DType::I32,
        DType::U64,
        DType::I64,
    ];
    for (i, float) in floats.into_iter().enumerate() {
        for (j, target) in floats.into_iter().chain(integers).enumerate() {
            for (k, loss) in [plain, smoothed, full].iter().enumerate() {
                let case = Case { float, target, bias: (i + j) % 2 == 0, weight: (j + k) % 2 == 0 };
                let all = [Reduction::None, Reduction::Mean, Reduction::Sum];
                let inner = [&[][..], &[3]][(i + j + k) % 2];
                check(
                    loss,
                    (13, 10 + 2 * (j % 2), 90, inner),
                    case,
                    all[(i + j + k) % 3],
                    &mut random,
                );
            }
        }
    }
    for loss in [smoothed, full] {
        for target in [DType::F32, DType::I64] {
            for weight in [false, true] {
                let case = Case { target, weight, ..FULL };
                for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
                    check(&loss, (11, 8, 4500, &[]), case, reduction, &mut random);
                }
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
            let batch = Batch { value: false, gradients: &[name], ..batch.clone() };
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
        let batch = Batch { inputs: &single, gradients: &names, reduction, ..Batch::default() };
        assert_agrees("unbatched", &loss, &batch);
    }
    let empty = inputs((0, 5, 3000, &[2]), FULL, &mut random);
    for (name, backend) in common::backends() {
        for (reduction, want) in [(Reduction::Mean, &[NAN][..]), (Reduction::Sum, &[0.0])] {
            let batch = Batch { inputs: &empty, gradients: &names, reduction, ..Batch::default() };
            let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
            assert_close(name, &got.value.expect("wanted").to_f32(), want, 0.0);
            for (input, gradient) in &got.gradients {
                let zeros = vec![0.0; gradient.len()];
                assert_close(&format!("{input} on {name}"), &gradient.to_f32(), &zeros, 0.0);
            }
        }
    }
}

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
        let batch = Batch { inputs: &kept, gradients: &gradients, ..Batch::default() };
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
        let batch = Batch { inputs: &inputs, gradients: &["input"], ..Batch::default() };
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
        let batch = Batch { inputs: &inputs, gradients: &["linear_bias"], ..Batch::default() };
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
                gradients: &["linear_bias"],
                reduction: Reduction::None,
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
            let batch = Batch { inputs: &inputs, gradients: &gradients, ..Batch::default() };
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
    let batch = Batch { inputs: &inputs, gradients: &["linear_weight"], ..Batch::default() };
    assert_agrees("all past the bound", &loss, &batch);
}

/// The same bits every time, also where rows are cut into chunks and classes into tiles.
#[test]
fn the_same_bits_every_run() {
    let mut random = Random(25);
    let inputs = inputs((4200, 20, 2100, &[]), FULL, &mut random);
    let loss = LinearCrossEntropy::default();
    let gradients = differentiable(&loss, &inputs);
    let batch = Batch { inputs: &inputs, gradients: &gradients, ..Batch::default() };
    for (name, backend) in common::backends() {
        let bits = || {
            let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
            let all = got.value.iter().chain(got.gradients.iter().map(|(_, tensor)| tensor));
            all.flat_map(|tensor| tensor.bytes().to_vec()).collect::<Vec<u8>>()
        };
        let first = bits();
        assert!(bits() == first && bits() == first, "{name}");
    }
}

#[test]
fn bad_input_is_refused() {
    let f = |shape: &[usize]| tensor(DType::F32, shape, &vec![0.0; shape.iter().product()]);
    let i =
        |shape: &[usize], class| tensor(DType::I64, shape, &vec![class; shape.iter().product()]);
    let plain = LinearCrossEntropy::default();
    let with = |ignore_index| LinearCrossEntropy { ignore_index, ..plain };
    let none: Option<(&str, Tensor<'_>)> = None;
    let cases = [
        (
            plain,
            f(&[2, 2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            none.clone(),
            "input: shape [2, 2, 3] does not fit, expected [N, D] or [D]",
        ),
        (
            plain,
            f(&[2, 0]),
            f(&[4, 0]),
            i(&[2], 0.0),
            none.clone(),
            "input: shape [2, 0] does not fit, expected at least one feature",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4]),
            i(&[2], 0.0),
            none.clone(),
            "linear_weight: shape [4] does not fit, expected [V, D] or [V, d1..., D]",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 4]),
            i(&[2], 0.0),
            none.clone(),
            "linear_weight: shape [4, 4] does not fit, expected a last dimension of 3, the features of input",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[0, 3]),
            i(&[2], 0.0),
            none.clone(),
            "linear_weight: shape [0, 3] does not fit, expected at least one class",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 0, 3]),
            i(&[2, 0], 0.0),
            none.clone(),
            "linear_weight: shape [4, 0, 3] does not fit, expected at least one position",
        ),
        (
            plain,
            f(&[3]),
            f(&[2, 4, 3]),
            i(&[4], 0.0),
            none.clone(),
            "linear_weight: shape [2, 4, 3] does not fit, expected [V, D] with an input of shape [3]; [V, d1..., D] needs one of [N, D]",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[3], 0.0),
            none.clone(),
            "target: shape [3] does not fit, expected [2], class indices",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 3]),
            f(&[2]),
            none.clone(),
            "target: shape [2] does not fit, expected [2, 4], probabilities",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            Some(("linear_bias", f(&[3]))),
            "linear_bias: shape [3] does not fit, expected [4], linear_weight without its features",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            Some(("weight", f(&[3]))),
            "weight: shape [3] does not fit, expected [4], one number for each class",
        ),
        (
            with(0),
            f(&[2, 3]),
            f(&[4, 3]),
            f(&[2, 4]),
            none.clone(),
            "ignore_index: 0 is not valid, expected a negative number where the target holds probabilities",
        ),
        (
            LinearCrossEntropy { label_smoothing: 2.0, ..plain },
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            none.clone(),
            "label_smoothing: 2 is not valid, expected a number from 0 to 1",
        ),
        (
            LinearCrossEntropy { z_loss: -1.0, ..plain },
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            none.clone(),
            "z_loss: -1 is not valid, expected a finite number, 0 or more",
        ),
        (
            LinearCrossEntropy { softcap: f32::NAN, ..plain },
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            none.clone(),
            "softcap: NaN is not valid, expected a finite number, 0 or more",
        ),
        (
            with(-1),
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 7.0),
            none.clone(),
            "target: row 0 is 7, expected 0 to 3 or -1, which is ignored (2 such rows)",
        ),
        (
            plain,
            f(&[3, 3]),
            f(&[4, 2, 3]),
            i(&[3, 2], -3.0),
            none,
            "target: row 0 is -3, expected 0 to 3 or -100, which is ignored (6 such rows)",
        ),
    ];
    for (loss, input, linear, target, more, message) in cases {
        let mut inputs = vec![("input", input), ("linear_weight", linear), ("target", target)];
        inputs.extend(more);
        for (name, backend) in common::backends() {
            let batch = Batch { inputs: &inputs, gradients: &["input"], ..Batch::default() };
            let error = backend.evaluate_blocking(&loss, &batch).expect_err(message);
            assert_eq!(error.to_string(), message, "on {name}");
        }
    }
}

/// The logits of these sizes have 2.1 GB, and the linear weight is larger than a binding.
#[test]
fn the_logits_are_never_all_held() {
    let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
    let gpu = Gpu::from_device(device, queue);
    let kind = |dtype, shape: &[usize]| TensorKind { dtype, shape: shape.to_vec() };
    let loss = LinearCrossEntropy { z_loss: 0.1, ..LinearCrossEntropy::default() };
    let (items, features, classes) = (4096, 1024, 128_256);
    for float in [DType::F32, DType::BF16] {
        let inputs = [
            ("input", kind(float, &[items, features])),
            ("linear_weight", kind(float, &[classes, features])),
            ("linear_bias", kind(float, &[classes])),
            ("weight", kind(float, &[classes])),
            ("target", kind(DType::I64, &[items])),
        ];
        let request = Request {
            inputs: &inputs,
            gradients: &["input", "linear_weight", "linear_bias"],
            ..Request::default()
        };
        let plan = Plan::new(&gpu, &loss, &request).expect("sizes within the limits");
        let bytes = plan.scratch_bytes();
        assert!(bytes <= 33 << 20, "{bytes} bytes");
    }
}
