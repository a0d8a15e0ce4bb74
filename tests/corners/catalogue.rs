//! Corners that many losses have in common: nothing at all, NaN, huge and tiny numbers, and a
//! second run.

use super::{NAN, assert_same, evaluated, floats};
use crate::common::{self, assert_agrees, bits, tensor};
use crate::common::{Family, family};
use wgloss::definition::{Domain, Role};
use wgloss::{
    Batch, BinaryCrossEntropyWithLogits, CrossEntropy, DType, L1, Loss, Reduction, Request,
    SmoothL1, SoftMargin, losses,
};

#[test]
fn an_empty_input_has_mean_nan_and_sum_zero() {
    let inputs = [("input", floats(&[0, 3], &[])), ("target", floats(&[0, 3], &[]))];
    for (reduction, want) in
        [(Reduction::Mean, &[NAN][..]), (Reduction::Sum, &[0.0]), (Reduction::None, &[])]
    {
        for (name, value, gradient) in evaluated(&L1, &inputs, reduction) {
            assert_same(name, &value, want);
            assert_same(name, &gradient, &[]);
        }
    }
    let inputs = [("input", floats(&[0, 3], &[])), ("target", tensor(DType::I64, &[0], &[]))];
    for (name, value, _) in evaluated(&CrossEntropy::default(), &inputs, Reduction::Mean) {
        assert_same(name, &value, &[NAN]);
    }
}

/// Two runs of any loss over random rows or elements give the same bits.
#[test]
fn two_runs_give_the_same_bits() {
    for loss in losses::catalogue() {
        let loss = loss.as_ref();
        if family(loss) == Family::Own {
            continue; // in their own tests
        }
        let regions = family(loss) == Family::Regions;
        let shape: &[usize] = if regions { &[5, 3, 1000] } else { &[50, 300] };
        let (classes, output) = common::rows_of(loss, shape);
        let needed = loss.definition().inputs.iter().filter(|input| !input.optional);
        let shapes: Vec<_> = needed
            .map(|input| match input.role {
                Role::Index | Role::IndexOrRows => (input.name, DType::I64, &output[..]),
                Role::Labels => (input.name, DType::F32, &output[..]),
                _ => (input.name, DType::F32, shape),
            })
            .collect();
        let inputs = common::inputs(loss, &shapes, classes, &mut common::Random(17));
        let gradients = common::differentiable(loss, &inputs);
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&gradients),
            ..Batch::default()
        };
        for (name, backend) in common::backends() {
            let run = || bits(&backend.evaluate_blocking(loss, &batch).expect("a valid batch"));
            assert_eq!(run(), run(), "{} on {name}", loss.definition().name);
        }
    }
}

/// A NaN in any kept element of any float input makes every loss NaN, on both backends.
#[test]
fn nan_is_carried() {
    for loss in losses::catalogue() {
        if family(loss.as_ref()) == Family::Own {
            continue; // it has this in its own tests
        }
        let definition = loss.definition();
        let rows = family(loss.as_ref()) == Family::Rows;
        let regions = family(loss.as_ref()) == Family::Regions;
        // What is neither 0 nor 1 is refused where that is meant.
        let known = |input: &wgloss::definition::Input| input.domain != Domain::Binary;
        let make = |input: &wgloss::definition::Input, nan: bool| {
            let odd = if nan { NAN } else { 0.75 };
            match input.role {
                Role::Index | Role::IndexOrRows => {
                    let shape: &[usize] = if regions { &[3, 1] } else { &[3] };
                    tensor(DType::I64, shape, &[0.0, 1.0, 2.0])
                }
                Role::ListedClasses => {
                    tensor(DType::I64, &[3, 3], &[0.0, 1.0, 2.0, 2.0, 0.0, 1.0, 1.0, 0.0, 2.0])
                }
                Role::Classes | Role::Labels => floats(&[3], &[1.0, -1.0, odd]),
                Role::Regions => {
                    floats(&[3, 3, 1], &[0.5, 0.25, 0.5, 0.5, 0.25, 0.5, 0.5, 0.5, odd])
                }
                _ if rows => floats(&[3, 3], &[0.5, 0.25, 0.5, 0.5, 0.25, 0.5, 0.5, 0.5, odd]),
                Role::Vectors(4) => floats(
                    &[2, 4],
                    &[0.0, 0.0, 1.0, 1.5, 0.5, 0.5, 2.0, if nan { NAN } else { 1.0 }],
                ),
                _ if !known(input) => floats(&[3], &[1.0, 0.0, 1.0]),
                _ if input.domain == Domain::NonPositive => floats(&[3], &[-0.5, -0.25, -odd]),
                _ => floats(&[3], &[0.5, 0.25, odd]),
            }
        };
        let floating = |input: &wgloss::definition::Input| {
            !matches!(
                input.role,
                Role::Index | Role::IndexOrRows | Role::Marks | Role::ListedClasses
            )
        };
        for odd in definition.inputs.iter().filter(|input| floating(input) && known(input)) {
            let given = definition.inputs.iter().filter(|i| !i.optional || i.name == odd.name);
            let inputs: Vec<_> =
                given.map(|input| (input.name, make(input, input.name == odd.name))).collect();
            for (name, value, _) in evaluated(loss.as_ref(), &inputs, Reduction::Sum) {
                let what = format!("{}, {} on {name}", definition.name, odd.name);
                assert_same(&what, &value, &[NAN]);
            }
        }
    }
}

#[test]
fn extreme_values_agree() {
    let both = |exponent: i32| [10f64.powi(exponent), -(10f64.powi(exponent))];
    let squarable: Vec<f64> = [-30, -20, -10, -5, 5, 8].into_iter().flat_map(both).collect();
    let numbers = [&squarable[..], &both(20), &both(30), &[0.0]].concat();
    for (loss, numbers) in [
        (&L1 as &dyn Loss, &numbers),
        (&SmoothL1::default(), &numbers),
        (&wgloss::Huber::default(), &numbers),
        (&wgloss::LogCosh, &numbers),
        (&wgloss::Quantile::default(), &numbers),
        (&SoftMargin, &numbers),
        (&BinaryCrossEntropyWithLogits, &numbers),
        (&wgloss::Mse, &squarable),
    ] {
        let numbers = floats(&[numbers.len()], numbers).to_f64();
        let (count, signs) = (numbers.len(), numbers.iter().map(|x| x.signum()));
        let target: Vec<f64> = match loss.definition().inputs[1].domain {
            Domain::Unit => signs.map(|sign| (1.0 - sign) / 2.0).collect(),
            Domain::Sign => signs.rev().collect(),
            _ => numbers.iter().rev().copied().collect(),
        };
        let inputs = [("input", floats(&[count], &numbers)), ("target", floats(&[count], &target))];
        let batch = Batch {
            inputs: &inputs,
            request: Request {
                reduction: Reduction::None,
                gradients: &["input"],
                ..Request::default()
            },
            ..Batch::default()
        };
        assert_agrees(&format!("{loss:?}"), loss, &batch);
    }
    let numbers = floats(&[numbers.len()], &numbers).to_f64();
    let count = numbers.len();
    let rows = [numbers.clone(), vec![7.5; count], vec![-1e30; count]].concat();
    let target = tensor(DType::I64, &[3], &[3.0, 0.0, 1.0]);
    let inputs = [("input", floats(&[3, count], &rows)), ("target", target)];
    let batch = Batch {
        inputs: &inputs,
        request: Request {
            reduction: Reduction::None,
            gradients: &["input"],
            ..Request::default()
        },
        ..Batch::default()
    };
    assert_agrees("cross entropy", &CrossEntropy::default(), &batch);
}
