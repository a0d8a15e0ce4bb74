//! Totals of parts of a batch add up to those of the whole.

mod forms;
mod means;
mod merging;
mod refused;

use crate::common::{Random, inputs, tensor};
use wgloss::{
    Batch, BinaryCrossEntropyWithLogits, CrossEntropy, DType, Evaluator, Huber, LinearCrossEntropy,
    Loss, Mse, MultiLabelMargin, Part, RankingSoftmax, Reduction, Request, SoftmaxEntropy, Tensor,
    Totals,
};

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// The items `range` of the first dimension of every input that has one of `items`.
fn part<'a>(
    inputs: &'a [(&'static str, Tensor<'static>)],
    items: usize,
    range: std::ops::Range<usize>,
) -> Vec<(&'static str, Tensor<'a>)> {
    let cut = |(name, tensor): &'a (&'static str, Tensor<'static>)| {
        if tensor.shape().first() != Some(&items) {
            return (*name, tensor.clone());
        }
        let size = tensor.bytes().len() / items;
        let shape = [&[range.len()], &tensor.shape()[1..]].concat();
        let bytes = &tensor.bytes()[size * range.start..size * range.end];
        (*name, Tensor::from_bytes(tensor.dtype(), shape, bytes).expect("the shape of the part"))
    };
    inputs.iter().map(cut).collect()
}

fn totals(backend: &Evaluator, loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)]) -> Totals {
    totals_of(backend, loss, inputs, Request::default().reduction, None)
}

/// The totals of a part, whose value does not depend on whether they are asked for.
fn totals_of(
    backend: &Evaluator,
    loss: &dyn Loss,
    inputs: &[(&str, Tensor<'_>)],
    reduction: Reduction,
    part: Option<Part>,
) -> Totals {
    let request = Request { reduction, totals: true, ..Request::default() };
    let batch = Batch { inputs, part, request, ..Batch::default() };
    let evaluation = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
    let totals = evaluation.totals.clone().expect("they were asked for");
    let request = Request { reduction, ..Request::default() };
    let plain = Batch { request, ..batch };
    let plain = backend.evaluate_blocking(loss, &plain).expect("a valid batch");
    assert_eq!(plain.scalar().map(f32::to_bits), evaluation.scalar().map(f32::to_bits));
    assert_eq!(
        Some(totals.value().to_bits()),
        evaluation.scalar().map(f32::to_bits),
        "{} from {part:?}: the value of the totals",
        loss.definition().name
    );
    totals
}

/// Losses, inputs of so many items each, and the items.
fn cases() -> Vec<(Box<dyn Loss>, Inputs, usize)> {
    let mut random = Random(21);
    let mut cases: Vec<(Box<dyn Loss>, Inputs, usize)> = Vec::new();
    let mut add = |loss: Box<dyn Loss>, shapes: &[(&'static str, DType, &[usize])], classes| {
        let made = inputs(loss.as_ref(), shapes, classes, &mut random);
        cases.push((loss, made, shapes[0].2[0]));
    };
    let (f, h) = (DType::F32, DType::F16);
    let rows: &[usize] = &[20_001];
    add(
        Box::new(Mse),
        &[("input", f, &[700, 64]), ("target", h, &[700, 64]), ("weight", f, &[700, 64])],
        0,
    );
    add(
        Box::<Huber>::default(),
        &[("input", f, &[700, 63]), ("target", f, &[700, 63]), ("weight", f, &[700, 63])],
        0,
    );
    add(
        Box::new(BinaryCrossEntropyWithLogits),
        &[("input", f, &[50_000]), ("target", f, &[50_000])],
        0,
    );
    // One that broadcasts within an item.
    add(
        Box::new(BinaryCrossEntropyWithLogits),
        &[("input", f, &[300, 5, 11]), ("target", f, &[300, 5, 11]), ("pos_weight", f, &[11])],
        0,
    );
    add(
        Box::new(CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() }),
        &[("input", f, &[20_001, 7]), ("target", DType::I64, rows), ("weight", f, &[7])],
        7,
    );
    add(
        Box::new(CrossEntropy { z_loss: 0.1, ..CrossEntropy::default() }),
        &[("input", f, &[400, 5, 8, 8]), ("target", DType::U8, &[400, 8, 8])],
        5,
    );
    add(
        Box::<LinearCrossEntropy>::default(),
        &[
            ("input", f, &[9000, 4]),
            ("linear_weight", f, &[6, 4]),
            ("target", DType::I32, &[9000]),
            ("weight", f, &[6]),
        ],
        6,
    );
    add(
        Box::new(MultiLabelMargin),
        &[("input", f, &[5000, 3]), ("target", DType::I64, &[5000, 3])],
        3,
    );
    add(
        Box::<SoftmaxEntropy>::default(),
        &[("input", f, &[20_001, 7]), ("labels", DType::I64, rows)],
        7,
    );
    // Lists without an item are among them.
    let lists: &[usize] = &[9001, 2];
    add(
        Box::new(RankingSoftmax),
        &[("input", f, lists), ("target", h, lists), ("mask", f, lists)],
        0,
    );
    // Some rows of a loss that can have them are ignored.
    for (loss, inputs, _) in &mut cases {
        for (_, target) in inputs.iter_mut().filter(|(name, tensor)| {
            ["target", "labels"].contains(name) && matches!(tensor.dtype(), DType::I64 | DType::I32)
        }) {
            if loss.ignore_index().is_none() {
                continue;
            }
            let mut labels: Vec<f64> = target.to_f32().iter().map(|&label| label.into()).collect();
            labels.iter_mut().step_by(5).for_each(|label| *label = -100.0);
            *target = tensor(target.dtype(), target.shape(), &labels);
        }
    }
    cases
}
