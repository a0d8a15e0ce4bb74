//! Losses of elements.

use super::cancelling::{Sizes, is_flushed};
use super::{Spacing, Wrong, evaluated, moved, numbers, variants};
use crate::common::{Family, family, takes_vectors, tensor};
use wgloss::definition::{Domain, Input};
use wgloss::{BinaryCrossEntropy, DType, GaussianNll, KlDiv, Loss, PoissonNll, losses};

fn is_in(domain: Domain, x: f64) -> bool {
    match domain {
        Domain::Unit => (0.0..=1.0).contains(&x),
        Domain::NonNegative => x >= 0.0,
        Domain::Sign => x.abs() == 1.0,
        _ => x.is_finite(),
    }
}

/// Numbers of the first two domains with each other and with their neighbours, and with a third one's.
fn arguments(domains: &[Domain]) -> Vec<Vec<f64>> {
    let third = domains.get(2).map(|&domain| numbers(domain, Spacing::Coarse));
    let thin = if third.is_some() { 5 } else { 1 };
    let mut made = Vec::new();
    let mut add = |x: f64, y: f64, step: usize| match &third {
        Some(third) => made.extend(third.iter().step_by(step).map(|&z| vec![x, y, z])),
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
    for (backend, got) in &got {
        let mut compare = |output: &str, got: &[f32], want: &[f64]| {
            let what = format!("{output} of {loss:?} on {backend}");
            let place = needed.iter().position(|input| input.name == output).map(|i| i + 1);
            for ((x, &got), &want) in arguments.iter().zip(got).zip(want) {
                let name = loss.definition().name;
                let lost = sizes.is_at_kink(x) || *backend == "gpu" && is_flushed(name, output, x);
                if !lost {
                    wrong.check(&what, x, got, want, sizes.at(x)[place.unwrap_or(0)]);
                }
            }
        };
        compare("value", &got.value.as_ref().expect("wanted").to_f32(), &want.value);
        for ((name, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
            compare(name, &got.to_f32(), want);
        }
    }
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
