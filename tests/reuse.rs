//! Evaluations into the memory of earlier ones.

use crate::common::catalogue::all_inputs;
use crate::common::{Random, bits, differentiable, tensor};
use wgloss::{
    Batch, CrossEntropy, DType, Evaluation, Evaluator, Loss, Mse, Reduction, Request, Tensor,
};

type Inputs<'a> = [(&'a str, Tensor<'a>)];

/// Evaluates other inputs first, and checks that nothing of them is left.
#[track_caller]
pub(crate) fn check(
    loss: &dyn Loss,
    others: &Inputs<'_>,
    inputs: &Inputs<'_>,
    reduction: Reduction,
) {
    let gradients = differentiable(loss, inputs);
    let batch = |inputs| Batch {
        inputs,
        request: Request { reduction, gradients: &gradients, ..Request::default() },
        ..Batch::default()
    };
    let want = Evaluator::Cpu.evaluate_blocking(loss, &batch(inputs)).expect("valid inputs");
    let mut evaluation = Evaluation::default();
    for inputs in [others, inputs] {
        Evaluator::Cpu
            .evaluate_into_blocking(loss, &batch(inputs), &mut evaluation)
            .expect("valid inputs");
    }
    let name = loss.definition().name;
    assert_eq!(bits(&evaluation), bits(&want), "{name}, {reduction}");
}

#[test]
fn every_loss_overwrites_what_was_there() {
    let mut random = Random(11);
    for loss in wgloss::catalogue() {
        let others = all_inputs(loss.as_ref(), DType::F32, &mut random);
        let inputs = all_inputs(loss.as_ref(), DType::F32, &mut random);
        for (others, inputs) in others.iter().zip(&inputs) {
            check(loss.as_ref(), others, inputs, Reduction::Mean);
            check(loss.as_ref(), others, inputs, Reduction::None);
        }
    }
}

#[test]
fn ignored_rows_and_unread_steps_become_zeros() {
    let mut random = Random(12);
    let mut numbers = |shape: &[usize]| {
        let count = shape.iter().product();
        tensor(DType::F32, shape, &(0..count).map(|_| random.unit() - 2.0).collect::<Vec<_>>())
    };
    let integers = |numbers: &[f64]| tensor(DType::I64, &[numbers.len()], numbers);
    let classes = |numbers: &[f64], input| [("input", input), ("target", integers(numbers))];
    let others = classes(&[1.0, 2.0, 0.0], numbers(&[3, 70]));
    let inputs = classes(&[1.0, -100.0, 0.0], numbers(&[3, 70]));
    for reduction in [Reduction::Mean, Reduction::None] {
        check(&CrossEntropy::default(), &others, &inputs, reduction);
    }
    let sequences = |lengths: &[f64], log_probs| {
        [
            ("log_probs", log_probs),
            ("targets", integers(&[1.0, 2.0, 1.0, 3.0])),
            ("input_lengths", integers(lengths)),
            ("target_lengths", integers(&[2.0, 2.0])),
        ]
    };
    let others = sequences(&[6.0, 6.0], numbers(&[6, 2, 4]));
    let inputs = sequences(&[6.0, 3.0], numbers(&[6, 2, 4]));
    check(&wgloss::Ctc::default(), &others, &inputs, Reduction::Mean);
}

#[test]
fn an_error_leaves_nothing() {
    let (input, target) = ([1.0f32; 4], [0.0f32; 4]);
    let input = Tensor::from_slice(&input, [4]).expect("four numbers");
    let target = Tensor::from_slice(&target, [2, 2]).expect("four numbers");
    let good = [("input", input.clone()), ("target", input.clone())];
    let bad = [("input", input), ("target", target.clone()), ("target", target)];
    let mut evaluation = Evaluation::default();
    let mut run = |inputs: &Inputs<'_>| {
        let batch =
            Batch { inputs, request: Request::with_gradients(&["input"]), ..Batch::default() };
        let result = Evaluator::Cpu.evaluate_into_blocking(&Mse, &batch, &mut evaluation);
        (result.is_ok(), evaluation.value.is_some(), evaluation.gradients.len())
    };
    assert_eq!(run(&good), (true, true, 1));
    assert_eq!(run(&bad), (false, false, 0));
}
