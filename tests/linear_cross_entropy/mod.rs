//! Linear cross entropy on both backends against the float64 reference: sizes around tiles,
//! positions, target types, options, corners, and the memory that it holds.

mod agreement;
mod corners;
mod memory;
mod refused;

use crate::common::{Random, assert_agrees, differentiable, tensor};
use wgloss::{Batch, DType, LinearCrossEntropy, Reduction, Request, Tensor};

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
        upstream,
        request: Request { reduction, gradients: &gradients, value: true, ..Request::default() },
        ..Batch::default()
    };
    assert_agrees(&format!("{loss:?}, {shape:?}, {case:?}, {reduction}"), loss, &batch);
}
