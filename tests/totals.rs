//! Totals of parts of a batch add up to those of the whole.

use crate::common::ctc::Case;
use crate::common::{self, Random, bits, inputs, tensor};
use wgloss::{
    Batch, BinaryCrossEntropyWithLogits, CrossEntropy, Ctc, Custom, DType, Distance, Evaluator,
    Huber, KlDiv, LinearCrossEntropy, Loss, Mse, MultiLabelMargin, Reduction, Request, Tensor,
    Totals, TripletMarginWithDistance,
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
    let batch = Batch {
        inputs,
        request: Request { totals: true, ..Request::default() },
        ..Batch::default()
    };
    let evaluation = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
    let totals = evaluation.totals.clone().expect("they were asked for");
    assert_eq!(
        Some(totals.value().to_bits()),
        evaluation.scalar().map(f32::to_bits),
        "{}: the value of the totals",
        loss.definition().name
    );
    totals
}

/// Losses, inputs of so many items each, and the items that are whole blocks.
fn cases() -> Vec<(Box<dyn Loss>, Inputs, usize, usize)> {
    let mut random = Random(21);
    let mut cases: Vec<(Box<dyn Loss>, Inputs, usize, usize)> = Vec::new();
    let mut add = |loss: Box<dyn Loss>, shapes: &[(&'static str, DType, &[usize])], classes| {
        let made = inputs(loss.as_ref(), shapes, classes, &mut random);
        let items = shapes[0].2[0];
        let per_item: usize = match loss.definition().name {
            "mse_loss" | "huber_loss" | "binary_cross_entropy_with_logits" => {
                shapes[0].2[1..].iter().product()
            }
            _ => shapes[0].2.get(2..).map_or(1, |inner| inner.iter().product()),
        };
        cases.push((loss, made, items, 4096 / per_item));
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
        &[("input", f, &[700, 64]), ("target", f, &[700, 64]), ("weight", f, &[700, 64])],
        0,
    );
    add(
        Box::new(BinaryCrossEntropyWithLogits),
        &[("input", f, &[50_000]), ("target", f, &[50_000])],
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
    cases
}

#[test]
fn whole_blocks_merge_to_the_same_bits_in_any_grouping() {
    let mut random = Random(22);
    for (loss, inputs, items, block) in cases() {
        let loss = loss.as_ref();
        for (name, backend) in common::backends() {
            let what = format!("{} on {name}", loss.definition().name);
            let whole = totals(&backend, loss, &inputs);
            let blocks = items.div_ceil(block);
            for _ in 0..3 {
                let mut cuts = vec![0, blocks];
                cuts.extend((0..3).map(|_| random.below(blocks)));
                cuts.sort_unstable();
                cuts.dedup();
                let parts: Vec<Totals> = cuts
                    .windows(2)
                    .map(|cut| {
                        let range = cut[0] * block..(cut[1] * block).min(items);
                        totals(&backend, loss, &part(&inputs, items, range))
                    })
                    .collect();
                let mut forwards = parts[0].clone();
                parts[1..].iter().for_each(|part| forwards.merge(part).expect("alike"));
                assert_eq!(forwards, whole, "{what}: parts at {cuts:?}, from the left");
                let mut last = parts.clone();
                while last.len() > 1 {
                    let tail = last.pop().expect("more than one");
                    last.last_mut().expect("at least one").merge(&tail).expect("alike");
                }
                assert_eq!(last[0], whole, "{what}: parts at {cuts:?}, from the right");
                assert_eq!(forwards.value().to_bits(), whole.value().to_bits(), "{what}");
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
    let inputs = cases[3].1.clone();
    cases.push((Box::new(weighted_z), inputs, 20_001, 4096));
    for (loss, inputs, items, block) in cases {
        let loss = loss.as_ref();
        let gradients = common::differentiable(loss, &inputs);
        for (name, backend) in common::backends() {
            let what = format!("{} on {name}", loss.definition().name);
            let evaluate = |inputs: &[(&str, Tensor<'_>)], denominator: Option<&Totals>| {
                let gradients = &gradients;
                let batch = Batch {
                    inputs,
                    denominator,
                    request: Request::with_gradients(gradients),
                    ..Batch::default()
                };
                backend.evaluate_blocking(loss, &batch).expect("a valid batch")
            };
            let whole = evaluate(&inputs, None);
            let middle = items / (2 * block) * block;
            let parts = [part(&inputs, items, 0..middle), part(&inputs, items, middle..items)];
            // The totals of this loss do not add up without a denominator, but any loss of the
            // same rows has the same one.
            let plain = CrossEntropy::default();
            let is_z = loss.definition().name == "cross_entropy"
                && loss.check_totals(&kinds(&inputs)).is_err();
            let counted: &dyn Loss = if is_z { &plain } else { loss };
            let mut all = totals(&backend, counted, &parts[0]);
            all.merge(&totals(&backend, counted, &parts[1])).expect("alike");
            let answers = parts.each_ref().map(|part| evaluate(part, Some(&all)));
            // A part's own totals are to be had as well, and change nothing.
            let batch = Batch {
                denominator: Some(&all),
                request: Request { totals: true, ..Request::default() },
                ..Batch::default()
            };
            let batch = Batch {
                inputs: &parts[0],
                request: Request { gradients: &gradients, ..batch.request.clone() },
                ..batch
            };
            let both = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
            assert!(bits(&both) == bits(&answers[0]), "{what}: with totals");
            if !is_z {
                assert_eq!(both.totals, Some(totals(&backend, loss, &parts[0])), "{what}");
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

#[test]
fn every_loss_has_totals() {
    let mut random = Random(23);
    let shape: &[usize] = &[6, 9];
    let shapes = [("input", DType::F32, shape), ("target", DType::I64, shape)];
    let inputs = inputs(&MultiLabelMargin, &shapes, 9, &mut random);
    for (name, backend) in common::backends() {
        let all = totals(&backend, &MultiLabelMargin, &inputs);
        assert_eq!((all.count(), all.kept(), all.weight()), (6, 6, 6.0), "{name}");
        let case = Case::new(&[12, 3, 5], 0, &[4, 2, 0], 2.0, &mut random);
        let all = totals(&backend, &Ctc::default(), &case.inputs(DType::F32, DType::I64, true));
        assert_eq!((all.count(), all.kept()), (3, 3), "{name}");
    }
}

#[test]
fn counts_and_weights() {
    let logits = Tensor::from_slice(&[0.0f32; 8], [4, 2]).expect("8 numbers");
    let labels = Tensor::from_slice(&[0i64, 1, -100, 1], [4]).expect("4 labels");
    let weight = Tensor::from_slice(&[0.5f32, 2.0], [2]).expect("2 weights");
    let inputs = [("input", logits), ("target", labels), ("weight", weight)];
    for (name, backend) in common::backends() {
        let all = totals(&backend, &CrossEntropy::default(), &inputs);
        assert_eq!((all.count(), all.kept(), all.weight()), (4, 3, 4.5), "{name}");
        assert!((all.sum() - 4.5 * 2f32.ln()).abs() < 1e-6, "{name}: {}", all.sum());
        let input = Tensor::from_slice(&[1.0f32; 6], [3, 2]).expect("6 numbers");
        let inputs = [("input", input.clone()), ("target", input)];
        let reduction = Reduction::BatchMean;
        let batch = Batch {
            inputs: &inputs,
            request: Request { reduction, totals: true, ..Request::default() },
            ..Batch::default()
        };
        let evaluation = backend.evaluate_blocking(&KlDiv::default(), &batch).expect("valid");
        let totals = evaluation.totals.expect("asked for");
        assert_eq!(totals.denominator()[0], 3.0, "{name}: the size of the batch");
        assert_eq!(totals.value(), totals.sum() / 3.0, "{name}");
    }
}

#[test]
fn what_has_no_totals_is_refused() {
    let x = Tensor::from_slice(&[1.0f32; 6], [3, 2]).expect("6 numbers");
    let labels = Tensor::from_slice(&[0i64, 1, 1], [3]).expect("3 labels");
    let weight = Tensor::from_slice(&[0.5f32, 2.0], [2]).expect("2 weights");
    let pair = [("input", x.clone()), ("target", x.clone())];
    let rows = [("input", x), ("target", labels), ("weight", weight)];
    let evaluate = |loss: &dyn Loss, batch: &Batch<'_>| {
        Evaluator::Cpu.evaluate_blocking(loss, batch).map(|answer| answer.totals)
    };
    let batch = Batch {
        inputs: &pair,
        request: Request { totals: true, ..Request::default() },
        ..Batch::default()
    };
    let totals = evaluate(&Mse, &batch).expect("valid").expect("asked for");
    let others = evaluate(&wgloss::L1, &batch).expect("valid").expect("asked for");
    let none = Batch {
        request: Request { reduction: Reduction::None, ..batch.request.clone() },
        ..batch.clone()
    };
    let sum = Batch {
        inputs: &pair,
        denominator: Some(&totals),
        request: Request { reduction: Reduction::Sum, ..Request::default() },
        ..Batch::default()
    };
    let z_loss = CrossEntropy { z_loss: 0.1, ..CrossEntropy::default() };
    let shared = [
        ("input", Tensor::from_slice(&[1.0f32; 2], [2]).expect("2 numbers")),
        ("target", Tensor::from_slice(&[2.0f32; 8], [4, 2]).expect("8 numbers")),
        ("weight", Tensor::from_slice(&[1.0f32; 2], [2]).expect("2 numbers")),
    ];
    let other = Batch { inputs: &pair, denominator: Some(&others), ..Batch::default() };
    let errors = [
        evaluate(&Mse, &Batch { inputs: &shared, ..batch.clone() })
            .expect_err("shared")
            .to_string(),
        evaluate(&Mse, &other).expect_err("another loss").to_string(),
        evaluate(&Mse, &none).expect_err("no reduction").to_string(),
        evaluate(&Mse, &sum).expect_err("no mean").to_string(),
        evaluate(&z_loss, &Batch { inputs: &rows, ..batch.clone() }).expect_err("z").to_string(),
        others.clone().merge(&totals).expect_err("another loss").to_string(),
    ];
    assert_eq!(
        errors,
        [
            "totals: a weight that broadcasts is not valid, expected one for each term: parts of the \
             batch would share it",
            "denominator: the totals of mean of l1_loss without weights is not valid, \
             expected mean of mse_loss without weights",
            "totals: with reduction none is not valid, expected reduction mean, sum or batchmean",
            "denominator: with reduction sum is not valid, expected reduction mean or batchmean",
            "totals: z_loss with weight is not valid, expected a denominator, or no weight: \
             the mean of the z terms is not weighted",
            "totals: mean of mse_loss without weights is not valid, \
             expected mean of l1_loss without weights",
        ]
    );
}

#[test]
fn totals_travel_between_machines() {
    let input = Tensor::from_slice(&[1.0f32, f32::NAN, 3.1], [3]).expect("3 numbers");
    let inputs = [("input", input.clone()), ("target", input)];
    let batch = Batch {
        inputs: &inputs,
        request: Request { totals: true, ..Request::default() },
        ..Batch::default()
    };
    let evaluation = Evaluator::Cpu.evaluate_blocking(&Mse, &batch).expect("a valid batch");
    let (loss, inputs, items, block) = cases().swap_remove(3);
    let part = part(&inputs, items, 0..block);
    let whole = totals(&Evaluator::Cpu, loss.as_ref(), &part);
    for totals in [evaluation.totals.expect("asked for"), whole] {
        let text = serde_json::to_string(&totals).expect("serialisable");
        let back: Totals = serde_json::from_str(&text).expect("what was written");
        let same = |f: fn(&Totals) -> f32| f(&back).to_bits() == f(&totals).to_bits();
        assert!(same(Totals::sum) && same(Totals::weight) && same(Totals::value), "{text}");
        assert_eq!((back.count(), back.kept()), (totals.count(), totals.kept()), "{text}");
    }
}

/// Parts with other options or inputs are refused, with a name and both values.
#[test]
fn parts_that_do_not_belong_together() {
    let f = |shape: &[usize]| tensor(DType::F32, shape, &vec![0.5; shape.iter().product()]);
    let h = |shape: &[usize]| tensor(DType::F16, shape, &vec![0.5; shape.iter().product()]);
    let i = |shape: &[usize]| tensor(DType::I64, shape, &vec![1.0; shape.iter().product()]);
    let pair = |input, target| vec![("input", input), ("target", target)];
    let with_weight = |mut inputs: Inputs, weight| {
        inputs.push(("weight", weight));
        inputs
    };
    let huber = |delta| Box::new(Huber { delta });
    let bce = || Box::new(BinaryCrossEntropyWithLogits);
    let ce = || Box::<CrossEntropy>::default();
    let smooth = Box::new(CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() });
    let custom = |source: &str| Box::new(Custom::named("own", source).expect("a loss"));
    let [square, cube] = ["(p - t) * (p - t)", "(p - t) * (p - t) * (p - t)"]
        .map(|value| custom(&format!("fn value(p: f32, t: f32) -> f32 {{ return {value}; }}")));
    let distance = |distance| {
        let default = TripletMarginWithDistance::default();
        Box::new(TripletMarginWithDistance { distance, ..default })
    };
    let triplet = || ["anchor", "positive", "negative"].map(|name| (name, f(&[3, 4]))).to_vec();
    let p_t = || vec![("p", f(&[3])), ("t", f(&[3]))];
    let rows = || pair(f(&[3, 4]), i(&[3]));
    type Part = (Box<dyn Loss>, Inputs);
    let cases: Vec<(Part, Part, &str, &str)> = vec![
        (
            (huber(1.0), pair(f(&[3]), f(&[3]))),
            (huber(100.0), pair(f(&[3]), f(&[3]))),
            "huber_loss with delta=1",
            "huber_loss with delta=100",
        ),
        (
            (distance(Distance::Euclidean), triplet()),
            (distance(Distance::Cosine), triplet()),
            "triplet_margin_with_distance_loss with distance=euclidean",
            "triplet_margin_with_distance_loss with distance=cosine",
        ),
        (
            (bce(), pair(f(&[3]), f(&[3]))),
            (bce(), pair(f(&[3]), h(&[3]))),
            "binary_cross_entropy_with_logits with target of float32",
            "binary_cross_entropy_with_logits with target of float16",
        ),
        (
            (bce(), pair(f(&[3]), f(&[3]))),
            (bce(), with_weight(pair(f(&[3]), f(&[3])), f(&[3]))),
            "binary_cross_entropy_with_logits without weight",
            "binary_cross_entropy_with_logits with weight of float32",
        ),
        (
            (ce(), rows()),
            (smooth, rows()),
            "cross_entropy with label_smoothing=0",
            "cross_entropy with label_smoothing=0.1",
        ),
        (
            (ce(), rows()),
            (ce(), pair(f(&[3, 5]), i(&[3]))),
            "cross_entropy of 4 classes",
            "cross_entropy of 5 classes",
        ),
        (
            (ce(), pair(f(&[2, 4, 3]), i(&[2, 3]))),
            (ce(), with_weight(rows(), f(&[4]))),
            "cross_entropy without weight",
            "cross_entropy with weight of float32",
        ),
        ((square, p_t()), (cube, p_t()), "own with source=", "own with source="),
    ];
    for (name, backend) in common::backends() {
        for ((loss, inputs), (other, others), own, differing) in &cases {
            let first = totals(&backend, loss.as_ref(), inputs);
            let second = totals(&backend, other.as_ref(), others);
            let twice = first.clone().merge(&totals(&backend, loss.as_ref(), inputs));
            assert_eq!(twice, Ok(()), "{name}: parts of the same");
            let error = first.clone().merge(&second).expect_err(own).to_string();
            assert!(error.starts_with(&format!("totals: {differing}")), "{name}: {error}");
            assert!(error.contains(&format!("is not valid, expected {own}")), "{name}: {error}");
            let batch = Batch { inputs, denominator: Some(&second), ..Batch::default() };
            let error = backend.evaluate_blocking(loss.as_ref(), &batch).expect_err(own);
            let error = error.to_string();
            let got = format!("denominator: the totals of {differing}");
            assert!(error.starts_with(&got) && error.contains(own), "{name}: {error}");
        }
    }
    // Integers of any type are the same classes.
    let small = pair(f(&[3, 4]), tensor(DType::U8, &[3], &[1.0; 3]));
    let mut all = totals(&Evaluator::Cpu, ce().as_ref(), &rows());
    assert_eq!(all.merge(&totals(&Evaluator::Cpu, ce().as_ref(), &small)), Ok(()));
}

#[test]
fn totals_of_an_older_form_are_refused() {
    let older = "{\"loss\":\"mse_loss\",\"reduction\":\"mean\",\"sums\":[0],\"weights\":[],\
                 \"weighted\":false,\"count\":1,\"kept\":1,\"batch\":1}";
    let error = serde_json::from_str::<Totals>(older).expect_err("no options").to_string();
    assert!(
        error.starts_with("totals of an older form, which does not tell the options"),
        "{error}"
    );
}
