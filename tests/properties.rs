//! Random shapes, options and values: both backends against the float64 reference.

use crate::common::{self, Family};
use crate::common::{Random, assert_agrees, differentiable, inputs, rows_of, tensor};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wgloss::definition::{Role, Setting};
use wgloss::{Batch, CrossEntropy, DType, Loss, Reduction, Request, losses};

/// The losses of the families; those of their own have tests of their own.
fn family(rows: bool) -> Vec<Box<dyn Loss>> {
    let fits = |loss: &dyn Loss| match common::family(loss) {
        Family::Pointwise => !rows,
        Family::Rows => rows,
        _ => false,
    };
    losses::catalogue().into_iter().filter(|loss| fits(loss.as_ref())).collect()
}

/// Other options than the defaults, where these numbers are valid.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few choices")]
fn vary(loss: &mut dyn Loss, number: f32) {
    for (_, mut setting) in loss.options() {
        match &mut setting {
            Setting::Number(x) if **x > 0.01 => **x = number,
            Setting::Flag(x) => **x = number > 0.5,
            Setting::Choice(x) => {
                let count = x.names().len();
                x.choose((number * 100.0) as usize % count);
            }
            _ => {}
        }
    }
    if loss.validate().is_err() {
        // Some choices have other numbers than 0.
        for (_, mut setting) in loss.options() {
            match &mut setting {
                Setting::Number(x) if **x == 0.0 => **x = number,
                _ => {}
            }
        }
    }
    common::make_valid(loss);
}

fn reductions() -> impl Strategy<Value = Reduction> {
    prop_oneof![Just(Reduction::None), Just(Reduction::Mean), Just(Reduction::Sum)]
}

proptest! {
    // A fixed seed: within rounding of a kink, float32 may rightly take the other side.
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn pointwise(
        which in 0usize..64,
        shape in prop::collection::vec(1usize..9, 0..5),
        ones in prop::collection::vec(any::<bool>(), 5),
        number in 0.05f32..0.95,
        options: bool,
        optional: bool,
        reduction in reductions(),
        seed: u64,
    ) {
        let mut all = family(false);
        let count = all.len();
        let loss = all[which % count].as_mut();
        if options {
            vary(loss, number);
        }
        let other: Vec<usize> =
            shape.iter().zip(&ones).map(|(&d, &one)| if one { 1 } else { d }).collect();
        let shapes: Vec<_> = loss
            .definition()
            .inputs
            .iter()
            .enumerate()
            .filter(|(_, input)| optional || !input.optional)
            .map(|(i, input)| match input.role {
                Role::Elements | Role::Onto | Role::WeightOnto if i > 0 => {
                    (input.name, DType::F32, &other[..])
                }
                _ => (input.name, DType::F32, &shape[..]),
            })
            .collect();
        let inputs = inputs(loss, &shapes, 0, &mut Random(seed));
        let mut gradients = differentiable(loss, &inputs);
        if shape.iter().product::<usize>() == 1 {
            gradients.retain(|name| *name != "weight"); // all rounding: the mean does not depend on it
        }
        let batch = Batch { inputs: &inputs, request: Request { reduction, gradients: &gradients, ..Request::default() }, ..Batch::default() };
        assert_agrees(&format!("{loss:?} of {shape:?} and {other:?}, {reduction}"), loss, &batch);
    }

    #[test]
    fn rows(
        which in 0usize..64,
        batch in 1usize..40,
        classes in 1usize..300,
        inner in 1usize..6,
        number in 0.05f32..0.95,
        options: bool,
        weighted: bool,
        probabilities: bool,
        reduction in reductions(),
        seed: u64,
    ) {
        let mut all = family(true);
        let count = all.len();
        let loss = all[which % count].as_mut();
        if options {
            vary(loss, number);
        }
        let first = loss.definition().inputs[0].role;
        let whole = [batch, classes, inner];
        let shape = if first == Role::Rows && inner > 1 { &whole[..] } else { &whole[..2] };
        let (classes, output) = rows_of(loss, shape);
        let shapes: Vec<_> = loss
            .definition()
            .inputs
            .iter()
            .filter(|input| weighted || !input.optional)
            .map(|input| match input.role {
                Role::Index | Role::Marks => (input.name, DType::I64, &output[..]),
                Role::IndexOrRows if !probabilities => (input.name, DType::I64, &output[..]),
                Role::Labels => (input.name, DType::F32, &output[..]),
                Role::Classes | Role::Factors => {
                    (input.name, DType::F32, std::slice::from_ref(&classes))
                }
                _ => (input.name, DType::F32, shape),
            })
            .collect();
        let inputs = inputs(loss, &shapes, classes, &mut Random(seed));
        let gradients = differentiable(loss, &inputs);
        let batch = Batch { inputs: &inputs, request: Request { reduction, gradients: &gradients, ..Request::default() }, ..Batch::default() };
        let what = format!("{loss:?} of {shape:?}, {probabilities}, {weighted}, {reduction}");
        assert_agrees(&what, loss, &batch);
    }
}

/// Rows of a large vocabulary, and very many rows of two classes.
#[test]
fn wide_and_many_rows() {
    let mut random = Random(16);
    let loss = CrossEntropy::default();
    for (rows, classes) in [(3, 128_256), (300_000, 2), (1, 1), (1, 128_256)] {
        let shapes =
            [("input", DType::F32, &[rows, classes][..]), ("target", DType::I64, &[rows][..])];
        let inputs = inputs(&loss, &shapes, classes, &mut random);
        let batch = Batch {
            inputs: &inputs,
            request: Request {
                reduction: Reduction::Sum,
                gradients: &["input"],
                ..Request::default()
            },
            ..Batch::default()
        };
        assert_agrees(&format!("{rows} rows of {classes}"), &loss, &batch);
    }
    let equal = tensor(DType::F32, &[5, 1000], &[-7.25; 5000]);
    let target = tensor(DType::I64, &[5], &[0.0, 1.0, 500.0, 998.0, 999.0]);
    let inputs = [("input", equal), ("target", target)];
    let batch =
        Batch { inputs: &inputs, request: Request::with_gradients(&["input"]), ..Batch::default() };
    assert_agrees("all logits equal", &loss, &batch);
}
