//! Gradients in the inputs' types, and loss scales: every loss of the catalogue on both backends.

mod common;

use common::ctc::Case;
use common::{Random, assert_agrees, backends, differentiable, inputs, rows_of, tensor};
use wgloss::loss::{Family, Role};
use wgloss::{
    Backend, Batch, DType, GradientType, Loss, Mse, Plan, Reduction, Request, Tensor, losses,
};

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// The first input's shape, and that of what broadcasts with it: whole blocks, parts of one, odd
/// numbers of elements, sums over few and many places.
const POINTWISE: [(&[usize], &[usize]); 7] = [
    (&[1], &[1]),
    (&[8192], &[8192]),
    (&[4099], &[4099]),
    (&[5, 3], &[3]),
    (&[300, 7], &[7]),
    (&[6, 4, 5], &[6, 1, 5]),
    (&[4097], &[]),
];

/// Odd and even numbers of classes, side by side and apart.
const ROWS: [&[usize]; 7] =
    [&[7], &[5, 7], &[5, 8], &[130, 3], &[2, 257], &[3, 6, 5], &[3, 5, 2, 7]];

fn family_inputs(loss: &dyn Loss, dtype: DType, random: &mut Random) -> Vec<Inputs> {
    let definition = loss.definition();
    let scores = definition.inputs[0].role == Role::Scores;
    let all = match loss.family() {
        Family::Pointwise(_) => POINTWISE.to_vec(),
        _ => ROWS.into_iter().filter(|s| !scores || s.len() < 3).map(|s| (s, s)).collect(),
    };
    let mut made = Vec::new();
    for (shape, other) in all {
        for probabilities in [false, true] {
            let (classes, rows) = rows_of(loss, shape);
            let of = |input: &wgloss::loss::Input| match input.role {
                Role::Index => (input.name, DType::I64, &rows[..]),
                Role::IndexOrRows if !probabilities => (input.name, DType::U8, &rows[..]),
                // Gradients of two types at once.
                Role::IndexOrRows => (input.name, DType::F32, shape),
                Role::Labels => (input.name, dtype, &rows[..]),
                Role::Classes | Role::Factors => {
                    (input.name, dtype, std::slice::from_ref(&classes))
                }
                Role::Elements | Role::Onto | Role::WeightOnto if input.name != "input" => {
                    (input.name, dtype, other)
                }
                _ => (input.name, dtype, shape),
            };
            let given = definition.inputs.iter().filter(|input| !input.optional || !probabilities);
            let shapes: Vec<_> = given.map(of).collect();
            made.push(inputs(loss, &shapes, classes, random));
        }
    }
    made
}

/// Inputs of the losses of their own: tiles that are alone and tiles that add up, lone halves of
/// words.
fn own_inputs(loss: &dyn Loss, dtype: DType, random: &mut Random) -> Vec<Inputs> {
    let mut made = Vec::new();
    match loss.definition().name {
        "ctc_loss" => {
            for shape in [[7, 3, 5], [6, 2, 8]] {
                let case = Case::new(&shape, 0, &vec![2; shape[1]], 4.0, random);
                made.push(case.inputs(dtype, DType::I64, true));
            }
        }
        "multilabel_margin_loss" => {
            for shape in [[5, 3], [7, 10]] {
                #[allow(clippy::cast_precision_loss, reason = "small numbers")]
                let target = |i: usize| if i % shape[1] < 2 { (i % shape[1]) as f64 } else { -1.0 };
                let target: Vec<f64> = (0..shape[0] * shape[1]).map(target).collect();
                let input = inputs(loss, &[("input", dtype, &shape)], 0, random);
                let target = ("target", tensor(DType::I64, &shape, &target));
                made.push(input.into_iter().chain([target]).collect());
            }
        }
        "linear_cross_entropy" => {
            // Items, features, classes, positions.
            let all = [[33, 17, 100, 1], [3, 5, 2049, 1], [4101, 3, 7, 1], [7, 3, 5, 3]];
            for [items, features, classes, positions] in all {
                let several = positions > 1;
                let with = |shape: &[usize]| -> Vec<usize> {
                    let at = [positions];
                    let (first, rest) = shape.split_at(1);
                    [first, &at[..usize::from(several)], rest].concat()
                };
                let shapes = [
                    ("input", dtype, &[items, features][..]),
                    ("linear_weight", dtype, &with(&[classes, features])[..]),
                    ("target", DType::U8, &with(&[items])[..]),
                    ("linear_bias", dtype, &with(&[classes])[..]),
                ];
                made.push(inputs(loss, &shapes, classes.min(200), random));
            }
        }
        name => panic!("no inputs for {name}"),
    }
    made
}

fn all_inputs(loss: &dyn Loss, dtype: DType, random: &mut Random) -> Vec<Inputs> {
    match loss.family() {
        Family::Own(_) => own_inputs(loss, dtype, random),
        _ => family_inputs(loss, dtype, random),
    }
}

/// The shape of the upstream gradient of unreduced losses.
fn terms(loss: &dyn Loss, inputs: &Inputs) -> Vec<usize> {
    let batch = Batch { inputs, reduction: Reduction::None, ..Batch::default() };
    let answer = Backend::Cpu.evaluate_blocking(loss, &batch).expect("a valid batch");
    answer.value.expect("the losses").shape().to_vec()
}

fn check(dtype: DType, seed: u64) {
    let mut random = Random(seed);
    for loss in losses::catalogue() {
        for (case, inputs) in all_inputs(loss.as_ref(), dtype, &mut random).iter().enumerate() {
            let mut gradients = differentiable(loss.as_ref(), inputs);
            if inputs[0].1.len() == 1 {
                gradients.retain(|name| *name != "weight"); // all rounding: no mean depends on it
            }
            let none = terms(loss.as_ref(), inputs);
            for (reduction, terms) in [(Reduction::None, &none[..]), (Reduction::Mean, &[])] {
                let count = terms.iter().product();
                let numbers: Vec<f64> = (0..count).map(|_| 4.0 * random.unit() - 2.0).collect();
                for gradient_type in [GradientType::Float32, GradientType::Input] {
                    let batch = Batch {
                        inputs,
                        reduction,
                        gradients: &gradients,
                        upstream: Some(tensor(DType::F32, terms, &numbers)),
                        gradient_type,
                        loss_scale: [1.0, 0.75, -6.0][case % 3],
                        ..Batch::default()
                    };
                    let shapes: Vec<_> = inputs.iter().map(|(_, tensor)| tensor.shape()).collect();
                    let name = loss.definition().name;
                    let what =
                        format!("{name} of {dtype} {shapes:?}, {reduction}, {gradient_type:?}");
                    assert_agrees(&what, loss.as_ref(), &batch);
                }
            }
        }
    }
}

#[test]
fn gradients_of_float16_inputs() {
    check(DType::F16, 31);
}

#[test]
fn gradients_of_bfloat16_inputs() {
    check(DType::BF16, 32);
}

#[test]
fn gradients_of_float32_inputs() {
    check(DType::F32, 33);
}

/// A scale that is a power of two changes exponents only, in every gradient and in no value.
#[test]
fn a_loss_scale_scales_gradients_alone() {
    let mut random = Random(34);
    for loss in losses::catalogue() {
        for inputs in all_inputs(loss.as_ref(), DType::F16, &mut random) {
            let gradients = differentiable(loss.as_ref(), &inputs);
            for (name, backend) in backends() {
                let run = |loss_scale| {
                    let batch = Batch {
                        inputs: &inputs,
                        gradients: &gradients,
                        loss_scale,
                        ..Batch::default()
                    };
                    backend.evaluate_blocking(loss.as_ref(), &batch).expect("a valid batch")
                };
                let (plain, scaled) = (run(1.0), run(1024.0));
                let what = format!("{} on {name}", loss.definition().name);
                assert_eq!(plain.scalar().map(f32::to_bits), scaled.scalar().map(f32::to_bits));
                for ((name, plain), (_, scaled)) in plain.gradients.iter().zip(&scaled.gradients) {
                    let plain: Vec<f64> = plain.to_f64().iter().map(|x| 1024.0 * x).collect();
                    assert_eq!(plain, scaled.to_f64(), "{what}: gradient of {name}");
                }
            }
        }
    }
}

/// Of 2^20 elements, none has a gradient that float16 could hold, but for the scale.
#[test]
fn a_loss_scale_keeps_small_gradients() {
    const COUNT: usize = 1 << 20;
    let mut random = Random(35);
    let numbers: Vec<f64> = (0..COUNT).map(|_| 0.005 + 0.005 * random.unit()).collect();
    let input = tensor(DType::F16, &[COUNT], &numbers);
    let target = tensor(DType::F16, &[COUNT], &vec![0.0; COUNT]);
    let inputs = [("input", input), ("target", target)];
    let scaled = Batch {
        inputs: &inputs,
        gradients: &["input"],
        gradient_type: GradientType::Input,
        loss_scale: 65_536.0,
        ..Batch::default()
    };
    assert_agrees("scaled", &Mse, &scaled);
    let plain = Batch { loss_scale: 1.0, ..scaled.clone() };
    for (name, backend) in backends() {
        let run = |batch| backend.evaluate_blocking(&Mse, batch).expect("a valid batch");
        let (vanished, kept) = (run(&plain), run(&scaled));
        assert!(vanished.gradients[0].1.to_f64().iter().all(|&x| x == 0.0), "{name}");
        assert!(kept.gradients[0].1.to_f64().iter().all(|&x| x > 6e-4), "{name}");
        assert_eq!(vanished.scalar(), kept.scalar(), "{name}");
    }
}

#[test]
fn another_loss_scale_needs_no_other_kernels() {
    let mut random = Random(36);
    for loss in losses::catalogue() {
        for inputs in all_inputs(loss.as_ref(), DType::BF16, &mut random) {
            let gradients = differentiable(loss.as_ref(), &inputs);
            let kinds: Vec<_> =
                inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
            let sources = |loss_scale| {
                let request = Request {
                    inputs: &kinds,
                    gradients: &gradients,
                    loss_scale,
                    ..Request::default()
                };
                Plan::sources(loss.as_ref(), &request).expect("a valid request")
            };
            assert_eq!(sources(1.0), sources(3e-5), "{}", loss.definition().name);
        }
    }
}

#[test]
fn a_scale_that_would_lose_all_gradients_is_refused() {
    let tensor = tensor(DType::F32, &[2], &[1.0, 2.0]);
    let inputs = [("input", tensor.clone()), ("target", tensor)];
    for (loss_scale, got) in [(0.0, "0"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let batch = Batch { inputs: &inputs, loss_scale, ..Batch::default() };
        for (name, backend) in backends() {
            let error = backend.evaluate_blocking(&Mse, &batch).expect_err(name);
            let message =
                format!("loss_scale: {got} is not valid, expected a finite number other than 0");
            assert_eq!(error.to_string(), message, "{name}");
        }
    }
}
