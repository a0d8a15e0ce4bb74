//! The mean of a whole, and its gradients, part by part.

use super::{cases, part, totals, totals_of};
use crate::common::{self, Random, bits, inputs};
use wgloss::{
    Batch, CrossEntropy, DType, Evaluator, Loss, Part, Reduction, Request, Tensor, Totals,
};

/// What only shapes tell is known before there are data.
#[test]
fn denominators_of_shapes() {
    for (loss, inputs, _) in cases() {
        let loss = loss.as_ref();
        let kinds: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
        let known = wgloss::denominator(loss, &kinds, &Request::default()).expect("valid");
        let whole = totals(&Evaluator::Cpu, loss, &inputs);
        let what = loss.definition().name;
        match known {
            Some(known) => {
                assert_eq!(known.denominator()[..2], whole.denominator()[..2], "{what}");
                assert!(known.value().is_nan() && known.is_whole(), "{what}");
            }
            None => {
                let has = |input: &str| inputs.iter().any(|(name, _)| *name == input);
                let leaves_out = has("mask") || loss.ignore_index().is_some();
                assert!(has("weight") || leaves_out, "{what}");
            }
        }
    }
}

/// The whole batch's mean from parts: their shares add up to it, and their gradients are its own,
/// joined, or added up where the parts share the input.
#[test]
fn parts_with_the_denominator_have_the_gradient_of_the_whole() {
    let mut cases = cases();
    let weighted_z = CrossEntropy { z_loss: 0.1, ..CrossEntropy::default() };
    let inputs = cases[4].1.clone();
    cases.push((Box::new(weighted_z), inputs, 20_001));
    for (loss, inputs, items) in cases {
        let loss = loss.as_ref();
        let gradients = common::differentiable(loss, &inputs);
        for (name, backend) in common::backends() {
            let what = format!("{} on {name}", loss.definition().name);
            let evaluate = |inputs: &[(&str, Tensor<'_>)], denominator: Option<&Totals>, part| {
                let gradients = &gradients;
                let batch = Batch {
                    inputs,
                    part,
                    denominator,
                    request: Request::with_gradients(gradients),
                    ..Batch::default()
                };
                backend.evaluate_blocking(loss, &batch).expect("a valid batch")
            };
            let whole = evaluate(&inputs, None, None);
            let middle = items / 3;
            let parts = [part(&inputs, items, 0..middle), part(&inputs, items, middle..items)];
            let place = |first: usize| Some(Part { first: first as u64, of: Some(items as u64) });
            let places = [place(0), place(middle)];
            // The totals of this loss do not add up without a denominator, but any loss of the
            // same rows has the same one.
            let plain = CrossEntropy::default();
            let is_z = loss.definition().name == "cross_entropy"
                && loss.check_totals(&kinds(&inputs)).is_err();
            let counted: &dyn Loss = if is_z { &plain } else { loss };
            let own = |loss: &dyn Loss, i: usize| {
                totals_of(&backend, loss, &parts[i], Reduction::Mean, places[i])
            };
            let mut all = own(counted, 1);
            all.merge(&own(counted, 0)).expect("alike");
            let answers = [0, 1].map(|i| evaluate(&parts[i], Some(&all), places[i]));
            // A part's own totals are to be had as well, and change nothing.
            let batch = Batch {
                denominator: Some(&all),
                part: places[1],
                request: Request { totals: true, ..Request::default() },
                ..Batch::default()
            };
            let batch = Batch {
                inputs: &parts[1],
                request: Request { gradients: &gradients, ..batch.request.clone() },
                ..batch
            };
            let both = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
            assert!(bits(&both) == bits(&answers[1]), "{what}: with totals");
            if !is_z {
                assert_eq!(both.totals, Some(own(loss, 1)), "{what}");
            }
            let shares: f32 = answers.iter().filter_map(wgloss::Evaluation::scalar).sum();
            let want = whole.scalar().expect("a number");
            assert!((shares - want).abs() <= 1e-6 * want.abs(), "{what}: {shares}, not {want}");
            for (k, (input, gradient)) in whole.gradients.iter().enumerate() {
                let [first, second] = answers.each_ref().map(|a| a.gradients[k].1.to_f32());
                let gradient = gradient.to_f32();
                if first.len() < gradient.len() {
                    let joined = [&first[..], &second[..]].concat();
                    assert!(joined == *gradient, "{what}: gradient of {input}");
                } else {
                    let largest = gradient.iter().fold(0.0f32, |m, x| m.max(x.abs()));
                    for (i, want) in gradient.iter().enumerate() {
                        let got = first[i] + second[i];
                        assert!((got - want).abs() <= 2e-6 * largest, "{what}: {input} {i}");
                    }
                }
            }
        }
    }
}

fn kinds(inputs: &[(&str, Tensor<'_>)]) -> Vec<Option<wgloss::TensorKind>> {
    let mut kinds: Vec<_> = inputs.iter().map(|(_, tensor)| Some(tensor.kind())).collect();
    kinds.resize(5, None);
    kinds
}

/// A part that is on its own has one mean: its gradients are those with its own totals.
#[test]
fn parts_have_one_mean() {
    let mut random = Random(31);
    let shapes: [(&str, DType, &[usize]); 3] = [
        ("input", DType::F32, &[9000, 3]),
        ("target", DType::I64, &[9000]),
        ("weight", DType::F32, &[3]),
    ];
    for loss in [CrossEntropy::default(), CrossEntropy { z_loss: 0.1, ..CrossEntropy::default() }] {
        let plain = CrossEntropy { z_loss: 0.0, ..loss };
        for _ in 0..5 {
            let inputs = inputs(&loss, &shapes, 3, &mut random);
            for (name, backend) in common::backends() {
                let place = Some(Part { first: 1, of: None });
                let evaluate = |denominator: Option<&Totals>, totals| {
                    let request = Request { totals, ..Request::with_gradients(&["input"]) };
                    let batch = Batch {
                        inputs: &inputs,
                        part: place,
                        denominator,
                        request,
                        ..Batch::default()
                    };
                    backend.evaluate_blocking(&loss, &batch).expect("a valid batch")
                };
                let own = totals_of(&backend, &plain, &inputs, Reduction::Mean, place);
                let (alone, with) = (evaluate(None, false), evaluate(Some(&own), true));
                assert!(bits(&alone) == bits(&with), "{name}: {loss:?}");
                assert!(bits(&evaluate(Some(&own), false)) == bits(&with), "{name}: {loss:?}");
            }
        }
    }
}
