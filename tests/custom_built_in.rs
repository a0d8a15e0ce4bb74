//! Every built-in pointwise loss as a custom one: the derived gradient is the hand-written one, and
//! the second derivative is what central differences of the gradient come to.

use crate::common::{Family, family, takes_vectors};
use crate::common::{Random, assert_agrees, assert_close, backends, tensor};
use wgloss::definition::{Domain, Input, Options, Parameter, Role, Setting};
use wgloss::{Batch, Custom, DType, Loss, Reduction, Request, Tensor, losses, reference};

const ELEMENTS: usize = 500;

/// The loss's WGSL without its gradient.
fn source(loss: &dyn Loss) -> String {
    let shader = loss.definition().shader.text;
    let (before, gradient) = shader.split_once("fn gradient(").expect("a gradient");
    let after = gradient.split_once("\n}\n").map_or("", |(_, after)| after);
    format!("{before}{after}")
}

/// The arguments of the kernel: all inputs but weights.
fn arguments(loss: &dyn Loss) -> Vec<Input> {
    let inputs = loss.definition().inputs.iter();
    inputs.filter(|input| !matches!(input.role, Role::Weight | Role::WeightOnto)).copied().collect()
}

/// The custom loss of the same WGSL, with the same parameters.
fn custom(loss: &dyn Loss) -> Custom {
    let name = loss.definition().name;
    let mut custom = Custom::new(&source(loss)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let values = loss.parameters();
    for (parameter, setting) in custom.options() {
        let value = values.iter().find(|(known, _)| *known == parameter).expect("a value").1;
        match (setting, value) {
            (Setting::Number(x), Parameter::Number(value)) => *x = value,
            (Setting::Integer(x), Parameter::Flag(value)) => *x = value.into(),
            (Setting::Integer(x), Parameter::Choice(place)) => *x = place.into(),
            other => panic!("{name}: {other:?}"),
        }
    }
    custom
}

fn number(domain: Domain, random: &mut Random) -> f64 {
    match domain {
        // Away from the ends, where second differences are taken.
        Domain::Unit => 0.02 + 0.96 * random.unit(),
        Domain::NonNegative => 0.02 + 3.0 * random.unit(),
        Domain::NonPositive => -0.02 - 3.0 * random.unit(),
        other => random.number(other),
    }
}

/// Every pointwise loss with some of its options, beside itself as a custom one.
fn pairs() -> Vec<(Box<dyn Loss>, Custom)> {
    let mut pairs = Vec::new();
    for varied in [false, true] {
        for mut loss in losses::catalogue() {
            if family(loss.as_ref()) != Family::Pointwise || takes_vectors(loss.as_ref()) {
                continue; // custom losses are of single numbers
            }
            let mut changed = false;
            for (_, mut setting) in loss.options() {
                match &mut setting {
                    Setting::Number(x) if varied && **x > 0.1 => (**x, changed) = (0.7, true),
                    Setting::Flag(x) if varied => (**x, changed) = (!**x, true),
                    _ => {}
                }
            }
            if changed == varied {
                let custom = custom(loss.as_ref());
                pairs.push((loss, custom));
            }
        }
    }
    assert!(pairs.len() > 20, "the pointwise losses, and most with other options");
    pairs
}

#[test]
fn derived_gradients_are_the_hand_written_ones() {
    let mut random = Random(1);
    for (loss, custom) in pairs() {
        let name = loss.definition().name;
        let inputs = arguments(loss.as_ref());
        let own = custom.definition().inputs;
        let columns: Vec<Tensor<'_>> = inputs
            .iter()
            .map(|input| {
                let numbers: Vec<f64> =
                    (0..ELEMENTS).map(|_| number(input.domain, &mut random)).collect();
                tensor(DType::F32, &[ELEMENTS], &numbers)
            })
            .collect();
        let named = |names: Vec<&'static str>| -> Vec<(&'static str, Tensor<'_>)> {
            names.into_iter().zip(columns.iter().cloned()).collect()
        };
        let [theirs, ours] = [
            named(inputs.iter().map(|input| input.name).collect()),
            named(own.iter().map(|input| input.name).collect()),
        ];
        let slopes: Vec<(&str, &str)> = inputs
            .iter()
            .zip(own)
            .filter(|(input, _)| input.differentiable)
            .map(|(input, own)| (input.name, own.name))
            .collect();
        let [by_theirs, by_ours]: [Vec<&str>; 2] =
            [slopes.iter().map(|s| s.0).collect(), slopes.iter().map(|s| s.1).collect()];
        let reduction = Reduction::None;
        let built_in = Batch {
            inputs: &theirs,
            request: Request { gradients: &by_theirs, reduction, ..Request::default() },
            ..Batch::default()
        };
        let derived = Batch {
            inputs: &ours,
            request: Request { gradients: &by_ours, reduction, ..Request::default() },
            ..Batch::default()
        };
        assert_agrees(&format!("{name} itself"), loss.as_ref(), &built_in);
        assert_agrees(&format!("{name} derived"), &custom, &derived);
        let want = reference::evaluate(loss.as_ref(), &built_in).expect("the reference");
        for (place, backend) in backends() {
            let got = backend.evaluate_blocking(&custom, &derived).expect("an answer");
            let value = got.value.expect("a value");
            assert_close(&format!("{name} on {place}"), &value.to_f32(), &want.value, want.scale);
            for ((input, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
                let scale = want.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
                assert_close(&format!("{name} by {input} on {place}"), &got.to_f32(), want, scale);
            }
        }
    }
}

#[test]
fn second_derivatives_are_differences_of_the_gradient() {
    let mut random = Random(2);
    let (mut checked, mut all) = (0, 0);
    for (loss, custom) in pairs() {
        let name = loss.definition().name;
        let own = custom.definition().inputs;
        let inputs = arguments(loss.as_ref());
        for (place, by) in own.iter().enumerate().filter(|(i, _)| inputs[*i].differentiable) {
            let slope = custom.derivative(by.name).unwrap_or_else(|e| panic!("{name}: {e}"));
            for case in 0..200 {
                let at: Vec<f64> = inputs.iter().map(|i| number(i.domain, &mut random)).collect();
                let evaluate = |loss: &Custom, x: f64| {
                    let column =
                        |i: usize| tensor(DType::F64, &[1], &[if i == place { x } else { at[i] }]);
                    let columns: Vec<_> =
                        own.iter().enumerate().map(|(i, own)| (own.name, column(i))).collect();
                    let gradients = [by.name];
                    let batch = Batch {
                        inputs: &columns,
                        request: Request::with_gradients(&gradients),
                        ..Batch::default()
                    };
                    let answer = reference::evaluate(loss, &batch).expect("the reference");
                    (answer.value[0], answer.gradients[0].1[0])
                };
                let gradient = |x: f64| evaluate(&custom, x).1;
                let (value, second) = evaluate(&slope, at[place]);
                // As small as the distance to 0, where logarithms bend.
                let step = 1e-5 * (at[place].abs().min(1.0) + 0.01);
                let what = format!("{name} by {}, case {case} at {at:?}", by.name);
                if value.is_nan() {
                    // Outside of the domain that these options have.
                    assert!(gradient(at[place]).is_nan(), "{what}: {value}");
                    continue;
                }
                let first = gradient(at[place]);
                assert!((value - first).abs() <= 1e-12, "{what}: {value} and {first}");
                let [left, middle, right] =
                    [-step, 0.0, step].map(|step| gradient(at[place] + step));
                let [before, after] = [(middle - left) / step, (right - middle) / step];
                let size = second.abs() + middle.abs() + 1.0;
                // Not across a kink of the gradient.
                all += 1;
                if (after - before).abs() > 1e-2 * size {
                    continue;
                }
                checked += 1;
                let want = (right - left) / (2.0 * step);
                assert!((second - want).abs() <= 1e-5 * size, "{what}: {second} and {want}");
            }
        }
    }
    assert!(checked > all / 10 * 9, "{checked} of {all} points were away from kinks");
}
