//! Losses of elements.

use super::cancelling::{Sizes, is_flushed};
use super::{Spacing, Wrong, evaluated, moved, numbers, variants};
use crate::common::{Family, differentiable, family, takes_vectors, tensor};
use wgloss::definition::{Domain, Input};
use wgloss::reference::{self, Answer};
use wgloss::{
    Batch, BinaryCrossEntropy, DType, GaussianNll, KlDiv, Loss, PoissonNll, Reduction, Request,
    Tensor, losses,
};

fn is_in(domain: Domain, x: f64) -> bool {
    match domain {
        Domain::Unit => (0.0..=1.0).contains(&x),
        Domain::NonNegative => x >= 0.0,
        Domain::NonPositive => x <= 0.0,
        Domain::Sign => x.abs() == 1.0,
        Domain::Binary => x == 0.0 || x == 1.0,
        _ => x.is_finite(),
    }
}

/// Numbers of the first two domains with each other and with their neighbours, and with a third one's; a
/// fourth one's by turns.
fn arguments(domains: &[Domain]) -> Vec<Vec<f64>> {
    let [third, fourth] = [2, 3].map(|i| Some(numbers(*domains.get(i)?, Spacing::Coarse)));
    let thin = [1, 1, 1, 5, 15][domains.len()];
    let mut made: Vec<Vec<f64>> = Vec::new();
    let mut add = |x: f64, y: f64, step: usize| match &third {
        // Of few numbers all.
        Some(third) => {
            let step = if third.len() < 10 { 1 } else { step };
            for &z in third.iter().step_by(step) {
                let turn = made.len() * 7;
                let last = fourth.as_ref().map(|numbers| numbers[turn % numbers.len()]);
                made.push([x, y, z].into_iter().chain(last).collect());
            }
        }
        None => made.push(vec![x, y]),
    };
    let coarse = [0, 1].map(|i| numbers(domains[i], Spacing::Coarse));
    for &x in coarse[0].iter().step_by(thin) {
        let neighbours = [-1000, -3, -1, 0, 1, 2].map(|steps| moved(x, steps));
        let neighbours = neighbours.into_iter().filter(|&y| is_in(domains[1], y));
        for y in coarse[1].iter().copied().step_by(thin).chain(neighbours) {
            add(x, y, thin);
        }
    }
    // Around 1/2, 1 and 2, slopes may lose digits at few places.
    for &y in coarse[1].iter().step_by(60 * thin) {
        numbers(domains[0], Spacing::Dense).iter().for_each(|&x| add(x, y, 90));
    }
    for &x in coarse[0].iter().step_by(60 * thin) {
        numbers(domains[1], Spacing::Dense).iter().for_each(|&y| add(x, y, 90));
    }
    made
}

fn check(loss: &dyn Loss, dtype: DType, arguments: &[Vec<f64>], wrong: &mut Wrong) {
    let needed = loss.definition().inputs.iter().filter(|input| !input.optional);
    let needed: Vec<&Input> = needed.collect();
    let column = |i: usize| arguments.iter().map(|x| x[i]).collect::<Vec<f64>>();
    let make =
        |(i, input): (usize, &&Input)| (input.name, tensor(dtype, &[arguments.len()], &column(i)));
    let inputs: Vec<_> = needed.iter().enumerate().map(make).collect();
    let (want, got) = evaluated(loss, &inputs);
    let sizes = Sizes::of(loss);
    let moves = if sizes.of_differences() { moves(loss, &inputs, &want) } else { Vec::new() };
    let moves = |output: usize, i: usize| moves.get(output).map_or(0.0, |moves| moves[i]);
    for (backend, got) in &got {
        let mut compare = |output: &str, got: &[f32], want: &[f64]| {
            let what = format!("{output} of {loss:?} on {backend}");
            let place = needed.iter().position(|input| input.name == output).map(|i| i + 1);
            for (i, ((x, &got), &want)) in arguments.iter().zip(got).zip(want).enumerate() {
                let name = loss.definition().name;
                let lost = sizes.is_at_kink(x) || *backend == "gpu" && is_flushed(name, output, x);
                if !lost {
                    let place = place.unwrap_or(0);
                    let size = sizes.at(x).get(place).copied().unwrap_or(0.0) + moves(place, i);
                    wrong.check(&what, x, got, want, size);
                }
            }
        };
        compare("value", &got.value.as_ref().expect("wanted").to_f32(), &want.value);
        for ((name, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
            compare(name, &got.to_f32(), want);
        }
    }
}

/// How much the value and each slope change with the inputs, in units of the inputs' relative change: a loss of
/// differences cannot know better what its inputs are.
fn moves(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)], want: &Answer) -> Vec<Vec<f64>> {
    const STEP: f64 = 1e-6;
    let gradients = differentiable(loss, inputs);
    let lists = |answer: &Answer| -> Vec<Vec<f64>> {
        let slopes = answer.gradients.iter().map(|(_, slopes)| slopes.clone());
        std::iter::once(answer.value.clone()).chain(slopes).collect()
    };
    let want = lists(want);
    let mut moves: Vec<Vec<f64>> = want.iter().map(|list| vec![0.0; list.len()]).collect();
    for name in &gradients {
        let mut moved = inputs.to_vec();
        for (_, own) in moved.iter_mut().filter(|(own, _)| own == name) {
            let numbers: Vec<f64> = own.to_f64().iter().map(|x| x + x * STEP).collect();
            *own = tensor(DType::F64, own.shape(), &numbers);
        }
        let request =
            Request { reduction: Reduction::None, gradients: &gradients, ..Request::default() };
        let batch = Batch { inputs: &moved, request, ..Batch::default() };
        let other = lists(&reference::evaluate(loss, &batch).expect("the reference takes it"));
        for ((moves, want), other) in moves.iter_mut().zip(&want).zip(&other) {
            for ((own, want), other) in moves.iter_mut().zip(want).zip(other) {
                let by = (other - want).abs() / STEP;
                *own += if by.is_finite() { by } else { 0.0 };
            }
        }
    }
    moves
}

#[test]
fn elements_keep_their_digits() {
    let mut wrong = Wrong::default();
    for loss in losses::catalogue() {
        if family(loss.as_ref()) == Family::Pointwise && !takes_vectors(loss.as_ref()) {
            let definition = loss.definition();
            let needed = definition.inputs.iter().filter(|input| !input.optional);
            let domains: Vec<Domain> = needed.map(|input| input.domain).collect();
            let arguments = arguments(&domains);
            for loss in variants(definition.name) {
                check(loss.as_ref(), DType::F32, &arguments, &mut wrong);
            }
        }
    }
    wrong.assert_none();
}

/// Rates as they are, without anything added, and with all that a variant has.
#[test]
fn rates_and_variances_keep_their_digits() {
    let mut wrong = Wrong::default();
    let arguments = arguments(&[Domain::NonNegative; 2]);
    for eps in [0.0, 1e-8, 1e-3] {
        for full in [false, true] {
            let loss = PoissonNll { log_input: false, full, eps };
            check(&loss, DType::F32, &arguments, &mut wrong);
        }
    }
    let with_variance: Vec<_> = arguments.iter().map(|x| vec![0.0, x[0], x[1]]).collect();
    check(&GaussianNll { full: true, eps: 1e-30 }, DType::F32, &with_variance, &mut wrong);
    wrong.assert_none();
}

/// Every number of float16 from 0 to 1, of which the denormal ones are normal float32 numbers.
#[test]
fn float16_keeps_its_digits() {
    let all = (0..=0x3c00).map(|bits| half::f16::from_bits(bits).to_f64());
    let arguments: Vec<_> = all.flat_map(|p| [0.0, 0.25, 1.0].map(|t| vec![p, t])).collect();
    let mut wrong = Wrong::default();
    check(&BinaryCrossEntropy, DType::F16, &arguments, &mut wrong);
    let swapped: Vec<_> = arguments.iter().map(|x| vec![-x[1], x[0]]).collect();
    check(&KlDiv::default(), DType::F16, &swapped, &mut wrong);
    wrong.assert_none();
}
