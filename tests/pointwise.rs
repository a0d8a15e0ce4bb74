//! Pointwise losses on both backends against the float64 reference: every loss of the catalogue
//! over lengths around a block, element types, reductions, weights, broadcasts and upstream
//! gradients.

use crate::common::{Family, backends, family};
use crate::common::{Random, assert_agrees, assert_close, differentiable, inputs, tensor};
use wgloss::definition::Role;
use wgloss::{Batch, DType, Evaluator, Loss, Reduction, Request, losses};

const BLOCK: usize = 4096;

fn pointwise() -> Vec<Box<dyn Loss>> {
    let all = losses::catalogue().into_iter();
    all.filter(|loss| family(loss.as_ref()) == Family::Pointwise).collect()
}

/// The loss's inputs in one shape, with or without the optional ones.
fn alike<'a>(
    loss: &dyn Loss,
    dtype: DType,
    shape: &'a [usize],
    optional: bool,
) -> Vec<(&'static str, DType, &'a [usize])> {
    let given = loss.definition().inputs.iter().filter(|input| optional || !input.optional);
    given.map(|input| (input.name, dtype, shape)).collect()
}

#[test]
fn lengths_around_a_block() {
    let mut random = Random(1);
    for loss in pointwise() {
        for length in [1, 2, 3, 5, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 7] {
            for &reduction in loss.definition().reductions {
                let shapes = alike(loss.as_ref(), DType::F32, std::slice::from_ref(&length), false);
                let inputs = inputs(loss.as_ref(), &shapes, 0, &mut random);
                let gradients = differentiable(loss.as_ref(), &inputs);
                let batch = Batch {
                    inputs: &inputs,
                    request: Request { reduction, gradients: &gradients, ..Request::default() },
                    ..Batch::default()
                };
                let what = format!("{} of {length}, {reduction}", loss.definition().name);
                assert_agrees(&what, loss.as_ref(), &batch);
            }
        }
    }
}

#[test]
fn types_weights_and_upstream_gradients() {
    let mut random = Random(2);
    let ways = [
        (Reduction::None, true),
        (Reduction::Mean, false),
        (Reduction::Mean, true),
        (Reduction::Sum, true),
    ];
    for (i, loss) in pointwise().into_iter().enumerate() {
        for (j, dtype) in [DType::F32, DType::F16, DType::F64, DType::BF16].into_iter().enumerate()
        {
            for (reduction, optional) in ways.into_iter().skip((i + j) % 2).step_by(2) {
                let shape = [3, 1371];
                let shapes = alike(loss.as_ref(), dtype, &shape, optional);
                let inputs = inputs(loss.as_ref(), &shapes, 0, &mut random);
                let gradients = differentiable(loss.as_ref(), &inputs);
                let terms = if reduction == Reduction::None { &shape[..] } else { &[] };
                let count: usize = terms.iter().product();
                let numbers: Vec<f64> = (0..count).map(|_| 4.0 * random.unit() - 2.0).collect();
                let batch = Batch {
                    inputs: &inputs,
                    upstream: Some(tensor(DType::F32, terms, &numbers)),
                    request: Request { reduction, gradients: &gradients, ..Request::default() },
                    ..Batch::default()
                };
                let name = loss.definition().name;
                let what = format!("{name} of {dtype}, {reduction}, optional {optional}");
                assert_agrees(&what, loss.as_ref(), &batch);
            }
        }
    }
}

#[test]
fn broadcasts() {
    let mut random = Random(40);
    let pairs: &[(&[usize], &[usize])] = &[
        (&[4, 5], &[5]),
        (&[5], &[4, 5]),
        (&[4, 5], &[4, 1]),
        (&[4, 1, 3], &[2, 1]),
        (&[300, 70], &[]),
        (&[], &[70, 300]),
        (&[1, 9000], &[3, 1]),
        (&[7, 3, 1, 5, 2], &[3, 4, 1, 2]),
        (&[0, 4], &[4]),
        (&[0], &[0]),
    ];
    for (i, loss) in pointwise().into_iter().enumerate() {
        let definition = loss.definition();
        let [first, second, rest @ ..] = definition.inputs else { continue };
        if second.role != Role::Elements {
            continue;
        }
        // Each pair with half of the losses.
        for (j, &(a, b)) in pairs.iter().enumerate().skip(i % 2).step_by(2) {
            // A mean does not depend on its only weight: that gradient is all rounding.
            let optional = (i / 2 + j / 2) % 2 == 0 && !a.is_empty();
            let mut shapes = vec![(first.name, DType::F32, a), (second.name, DType::F32, b)];
            if optional || rest.iter().any(|input| !input.optional) {
                shapes.extend(rest.iter().map(|input| (input.name, DType::F32, a)));
            }
            let inputs = inputs(loss.as_ref(), &shapes, 0, &mut random);
            let gradients = differentiable(loss.as_ref(), &inputs);
            let all = definition.reductions;
            let reduction = all[(i / 4 + j / 2) % all.len()];
            let batch = Batch {
                inputs: &inputs,
                request: Request { reduction, gradients: &gradients, ..Request::default() },
                ..Batch::default()
            };
            let what = format!("{} of {a:?} and {b:?}, {reduction}", definition.name);
            assert_agrees(&what, loss.as_ref(), &batch);
        }
    }
}

#[test]
fn weights_that_broadcast() {
    let mut random = Random(4);
    for loss in pointwise() {
        let definition = loss.definition();
        let shape: &[usize] = &[6, 1, 2100];
        for other in [&[2100][..], &[6, 1, 1], &[1], &[], &[6, 1, 2100]] {
            let shapes: Vec<_> = definition
                .inputs
                .iter()
                .map(|input| match input.role {
                    Role::Onto | Role::WeightOnto | Role::Variance => {
                        (input.name, DType::F32, other)
                    }
                    _ => (input.name, DType::F32, shape),
                })
                .collect();
            let inputs = inputs(loss.as_ref(), &shapes, 0, &mut random);
            let gradients = differentiable(loss.as_ref(), &inputs);
            let batch = Batch {
                inputs: &inputs,
                request: Request::with_gradients(&gradients),
                ..Batch::default()
            };
            assert_agrees(&format!("{} with {other:?}", definition.name), loss.as_ref(), &batch);
        }
    }
}

/// Variances that broadcast, and those of the input's shape without its last dimension, which come
/// first where both could be meant. Their gradients are sums over the places that they broadcast to.
#[test]
fn variances_of_other_shapes() {
    let mut random = Random(43);
    let loss = wgloss::GaussianNll::default();
    let cases: [(&[usize], &[&[usize]]); 3] = [
        (
            &[4, 3, 2, 2],
            &[
                &[4, 1, 2, 2],
                &[4, 3, 1, 1],
                &[1, 1, 1, 1],
                &[4, 3, 2],
                &[4, 3, 2, 1],
                &[2],
                &[3, 1, 2],
                &[1],
                &[],
            ],
        ),
        (&[3, 3], &[&[3]]),
        (&[300, 70], &[&[1, 70], &[300]]),
    ];
    for (shape, variances) in cases {
        for (i, &variance) in variances.iter().enumerate() {
            let shapes = [("input", shape), ("target", shape), ("var", variance)]
                .map(|(name, shape)| (name, DType::F32, shape));
            let inputs = inputs(&loss, &shapes, 0, &mut random);
            let gradients = differentiable(&loss, &inputs);
            let reduction = [Reduction::Mean, Reduction::Sum, Reduction::None][i % 3];
            let batch = Batch {
                inputs: &inputs,
                request: Request { reduction, gradients: &gradients, ..Request::default() },
                ..Batch::default()
            };
            assert_agrees(&format!("{shape:?} with {variance:?}, {reduction}"), &loss, &batch);
        }
    }
    // A variance for each row, not for each column, of which the gradients tell.
    let (x, var) = ([0.0, 2.0, 0.0, 2.0], [1.0, 2.0]);
    let given = [
        ("input", tensor(DType::F32, &[2, 2], &x)),
        ("target", tensor(DType::F32, &[2, 2], &[0.0; 4])),
        ("var", tensor(DType::F32, &[2], &var)),
    ];
    let request = Request { reduction: Reduction::Sum, ..Request::with_gradients(&["var"]) };
    let batch = Batch { inputs: &given, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        // (1 / v - d^2 / v^2) / 2 over the row.
        assert_eq!(got.gradients[0].1.to_f32()[..], [-1.0, 0.0], "{name}");
    }
    for bad in [&[3][..], &[4, 2, 2, 2], &[1, 4, 3, 2, 2], &[5, 4, 3, 2, 2]] {
        let shapes = [("input", &[4, 3, 2, 2][..]), ("target", &[4, 3, 2, 2]), ("var", bad)]
            .map(|(name, shape)| (name, DType::F32, shape));
        let inputs = inputs(&loss, &shapes, 0, &mut random);
        let batch = Batch { inputs: &inputs, ..Batch::default() };
        let error = Evaluator::Cpu.evaluate_blocking(&loss, &batch).expect_err("a bad shape");
        let message = format!(
            "var: shape {bad:?} does not fit, expected one that broadcasts onto [4, 3, 2, 2], the \
             shape of input, or that without its last dimension"
        );
        assert_eq!(error.to_string(), message);
    }
}

/// Rates to which nothing is added, as PyTorch takes them.
#[test]
fn rates_without_eps() {
    let loss = wgloss::PoissonNll { log_input: false, eps: 0.0, ..Default::default() };
    let inputs = [
        ("input", tensor(DType::F32, &[4], &[0.0, 1e-40, 1.5, 0.0])),
        ("target", tensor(DType::F32, &[4], &[2.0, 1.0, 3.0, 0.0])),
    ];
    let request = Request { reduction: Reduction::None, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        let got = got.value.expect("wanted").to_f32().into_owned();
        assert_eq!(got[0], f32::INFINITY, "{name}");
        assert!(got[3].is_nan(), "{name}: 0 times an infinite logarithm, as in PyTorch");
        assert_close(name, &got[1..3], &[92.103_403, 1.5 - 3.0 * 1.5f64.ln()], 0.0);
    }
}
