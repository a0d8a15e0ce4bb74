//! Totals of parts of a batch add up to those of the whole.

use crate::common::ctc::Case;
use crate::common::{self, Random, bits, inputs, tensor};
use wgloss::{
    Batch, BinaryCrossEntropyWithLogits, CrossEntropy, Ctc, Custom, DType, Distance, Evaluator,
    Huber, KlDiv, LinearCrossEntropy, Loss, Mse, MultiLabelMargin, Part, Reduction, Request,
    Tensor, TensorKind, Totals, TripletMarginWithDistance,
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
    // Some rows of a loss that can have them are ignored.
    for (loss, inputs, _) in &mut cases {
        for (_, target) in inputs.iter_mut().filter(|(name, tensor)| {
            *name == "target" && matches!(tensor.dtype(), DType::I64 | DType::I32)
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

/// Merges parts two at a time, in a random order and tree.
fn merged(mut parts: Vec<Totals>, random: &mut Random) -> Totals {
    while parts.len() > 1 {
        let other = parts.swap_remove(random.below(parts.len()));
        let into = random.below(parts.len());
        parts[into].merge(&other).expect("parts of one batch");
    }
    parts.remove(0)
}

/// Cut anywhere, in any order, in any tree, evaluated on the CPU or a GPU: the bits of one piece.
#[test]
fn parts_merge_to_the_same_bits_however_they_are_cut() {
    let mut random = Random(22);
    for (loss, inputs, items) in cases() {
        let loss = loss.as_ref();
        for (name, backend) in common::backends() {
            let reductions = loss.definition().reductions.iter();
            for &reduction in reductions.filter(|&&reduction| reduction != Reduction::None) {
                let what = format!("{} {reduction} on {name}", loss.definition().name);
                let whole = totals_of(&backend, loss, &inputs, reduction, None);
                assert!(whole.is_whole(), "{what}");
                assert!(whole.covered() == vec![0..items as u64; 1], "{what}");
                for round in 0..3 {
                    let mut cuts = vec![0, items];
                    cuts.extend((0..1 + 2 * round).map(|_| random.below(items)));
                    cuts.sort_unstable();
                    let parts = cuts.windows(2).map(|cut| {
                        let place = Part { first: cut[0] as u64, of: Some(items as u64) };
                        let inputs = part(&inputs, items, cut[0]..cut[1]);
                        totals_of(&backend, loss, &inputs, reduction, Some(place))
                    });
                    let parts: Vec<Totals> = parts.collect();
                    let merged = merged(parts, &mut random);
                    assert!(merged == whole, "{what}: parts at {cuts:?}");
                    assert_eq!(merged.value().to_bits(), whole.value().to_bits(), "{what}");
                }
            }
        }
    }
}

/// An infinity and a NaN anywhere keep their meaning, and a sum past the range is infinite at the end only.
#[test]
fn what_is_no_number_keeps_its_meaning() {
    let (inf, nan, large) = (f32::INFINITY, f32::NAN, f32::MAX);
    let loss = Custom::named("same", "fn value(p: f32) -> f32 { return p; }").expect("a loss");
    let items = 4 * 4096;
    let cases: [(&[(usize, f32)], f32); 6] = [
        (&[(5000, inf)], inf),
        (&[(5000, -inf), (9000, 1.0)], -inf),
        (&[(5000, inf), (12_000, -inf)], nan),
        (&[(1, nan), (2, inf)], nan),
        (&[(1, large), (5000, large)], inf),
        (&[(1, large), (5000, large), (9000, -large)], large),
    ];
    for (name, backend) in common::backends() {
        for (terms, want) in cases {
            let mut numbers = vec![0.0; items];
            terms.iter().for_each(|&(place, term)| numbers[place] = term);
            let cut = 5001;
            let totals = |range: std::ops::Range<usize>| {
                let place = Part { first: range.start as u64, of: Some(items as u64) };
                let input = Tensor::from_slice(&numbers[range.clone()], [range.len()]);
                let inputs = [("p", input.expect("numbers"))];
                totals_of(&backend, &loss, &inputs, Reduction::Sum, Some(place))
            };
            let whole = totals(0..items);
            let mut parts = totals(cut..items);
            parts.merge(&totals(0..cut)).expect("parts of one batch");
            for sum in [whole.sum(), parts.sum()] {
                assert!(
                    sum == want || (sum.is_nan() && want.is_nan()),
                    "{name}: {sum}, not {want}"
                );
            }
        }
    }
}

#[test]
fn places_are_told() {
    let numbers = [1.0f32; 10];
    let totals = |range: std::ops::Range<usize>, of| {
        let place = Part { first: range.start as u64, of };
        let input = Tensor::from_slice(&numbers[range.clone()], [range.len()]).expect("numbers");
        let inputs = [("input", input.clone()), ("target", input)];
        let request = Request { totals: true, ..Request::default() };
        let batch = Batch { inputs: &inputs, part: Some(place), request, ..Batch::default() };
        Evaluator::Cpu.evaluate_blocking(&Mse, &batch).map(|own| own.totals.expect("asked for"))
    };
    let part = |range| totals(range, Some(10)).expect("a part of 10 items");
    let mut all = part(2..4);
    all.merge(&part(6..7)).expect("apart");
    assert_eq!((all.covered(), all.missing()), (vec![2..4, 6..7], vec![0..2, 4..6, 7..10]));
    assert_eq!((all.of(), all.count(), all.is_whole()), (Some(10), 3, false));
    let before = all.clone();
    for (range, error) in [
        (3..5, "totals: items 3..4 come twice: in 3..5 and in 2..4"),
        (0..10, "totals: items 6..7 come twice: in 0..10 and in 6..7"),
        (2..4, "totals: items 2..4 come twice: in 2..4 and in 2..4"),
    ] {
        assert_eq!(all.merge(&part(range)).expect_err("twice").to_string(), error);
        assert_eq!(all, before, "as it was");
    }
    // Nothing is anywhere, and changes nothing.
    all.merge(&part(3..3)).expect("no items");
    assert_eq!(all, before);
    let unknown = totals(7..10, None).expect("a part");
    assert_eq!((unknown.of(), unknown.is_whole()), (None, false));
    assert!(unknown.missing() == vec![0..7; 1], "what is before it");
    all.merge(&unknown).expect("the size is known by the others");
    let joined = Totals::join([&all, &part(0..2), &part(4..6)]).expect("disjoint");
    let joined = joined.expect("three of them");
    assert!(joined.is_whole());
    assert_eq!(joined, part(0..10));
    assert_eq!(Totals::join([]), Ok(None));
    let errors = [
        totals(8..10, Some(9)).expect_err("past the end"),
        totals(0..1, Some(0)).expect_err("past the end"),
        part(0..2).merge(&totals(2..4, Some(11)).expect("a part")).expect_err("another size"),
        totals(8..10, None)
            .expect("a part")
            .merge(&totals(0..2, Some(9)).expect("a part"))
            .expect_err("past the end"),
    ];
    assert_eq!(
        errors.map(|error| error.to_string()),
        [
            "part: 2 items from 8 on is not valid, expected at most 9 in all",
            "part: 1 items from 0 on is not valid, expected at most 0 in all",
            "totals: a batch of 11 items is not valid, expected a batch of 10 items",
            "totals: items up to 10 is not valid, expected at most 9, all of the batch",
        ]
    );
}

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
                assert!(has("weight") || loss.ignore_index().is_some(), "{what}");
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
    let nan = totals(&Evaluator::Cpu, &Mse, &inputs);
    let (loss, inputs, items) = cases().swap_remove(4);
    let place = Part { first: 1000, of: Some(items as u64) };
    let mut cut = part(&inputs, items, 1000..19_000);
    let own = |inputs: &[(&str, Tensor<'_>)], place| {
        totals_of(&Evaluator::Cpu, loss.as_ref(), inputs, Reduction::Mean, Some(place))
    };
    let mut both = own(&cut, place);
    cut = part(&inputs, items, 19_500..20_000);
    both.merge(&own(&cut, Part { first: 19_500, ..place })).expect("apart");
    for totals in [nan, both, totals(&Evaluator::Cpu, loss.as_ref(), &inputs)] {
        let text = serde_json::to_string(&totals).expect("serialisable");
        let bytes = totals.to_bytes();
        assert!(bytes.starts_with(b"wgloss totals"));
        assert!(bytes.len() < 500 + 8 * 8190 + 8 * 500, "{} bytes", bytes.len());
        let backs = [
            serde_json::from_str(&text).expect("what was written"),
            Totals::from_bytes(&bytes).expect("what was written"),
        ];
        for back in backs {
            let same = |f: fn(&Totals) -> f32| f(&back).to_bits() == f(&totals).to_bits();
            assert!(same(Totals::sum) && same(Totals::weight) && same(Totals::value), "{text}");
            assert_eq!((back.count(), back.kept()), (totals.count(), totals.kept()), "{text}");
            assert_eq!(back.to_bytes(), bytes);
        }
        // Whatever is damaged is an error, and never more than that.
        for end in 0..bytes.len().min(400) {
            assert!(Totals::from_bytes(&bytes[..end]).is_err(), "the first {end} bytes");
        }
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1 << (place % 8);
            assert!(Totals::from_bytes(&bytes).is_err(), "another bit in byte {place}");
        }
    }
}

/// What a plan writes has no place until it is given one.
#[test]
fn totals_of_plans_are_put_into_their_places() {
    let gpu = common::gpu();
    let items = 20_000;
    let numbers: Vec<f32> = (0..1013u16).cycle().take(items).map(|i| f32::from(i) / 13.0).collect();
    let kind = |count: usize| TensorKind::new(DType::F32, [count]);
    let totals = |range: std::ops::Range<usize>| {
        let kinds = [("input", kind(range.len())), ("target", kind(range.len()))];
        let request = Request { totals: true, ..Request::default() };
        let mut batch = wgloss::Resident::new(&gpu, &Mse, &kinds, &request).expect("planned");
        let input = Tensor::from_slice(&numbers[range.clone()], [range.len()]).expect("numbers");
        let zeros = vec![0.0f32; range.len()];
        let target = Tensor::from_slice(&zeros, [range.len()]).expect("numbers");
        batch.upload("input", &input).expect("uploaded");
        batch.upload("target", &target).expect("uploaded");
        batch.run_blocking(1, None).expect("it runs");
        batch.read_blocking().expect("it is read").totals.expect("asked for")
    };
    let of = Some(items as u64);
    let place = |first: usize| Part { first: first as u64, of };
    let parts = [0..8192, 8192..9000, 9000..9100, 12_288..items, 9100..12_288];
    let placed = |range: std::ops::Range<usize>| totals(range.clone()).at(place(range.start));
    let mut all: Option<Totals> = None;
    for range in parts {
        let part = placed(range).expect("whole blocks, or less than one");
        match &mut all {
            Some(all) => all.merge(&part).expect("disjoint"),
            none => *none = Some(part),
        }
    }
    let all = all.expect("five parts");
    assert_eq!(all, totals(0..items).at(place(0)).expect("the whole"));
    let whole = Part { first: 100, of };
    let errors = [
        totals(0..5000).at(whole).expect_err("blocks begin elsewhere"),
        totals(0..4000).at(place(17_000)).expect_err("past the end"),
        all.at(place(0)).expect_err("it has a place"),
    ];
    assert_eq!(
        errors.map(|error| error.to_string()),
        [
            "part: the place of its first term, 100, is not valid, expected whole blocks of 4096 \
             terms from 0",
            "part: 4000 items from 17000 on is not valid, expected at most 20000 in all",
            "part: 0, for totals of a batch of 20000 items is not valid, expected totals of a plan, \
             or a batch of unknown size",
        ]
    );
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
    type Own = (Box<dyn Loss>, Inputs);
    let cases: Vec<(Own, Own, &str, &str)> = vec![
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
            let twice = twice.expect_err("the same part").kind();
            assert_eq!(twice, "twice", "{name}: all else is alike");
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
    let next = Part { first: 3, of: None };
    let small = totals_of(&Evaluator::Cpu, ce().as_ref(), &small, Reduction::Mean, Some(next));
    let first = Part { first: 0, of: None };
    let mut all = totals_of(&Evaluator::Cpu, ce().as_ref(), &rows(), Reduction::Mean, Some(first));
    assert_eq!(all.merge(&small), Ok(()));
}

#[test]
fn totals_of_another_form_are_refused() {
    let older = "{\"loss\":\"mse_loss\",\"reduction\":\"mean\",\"options\":[],\"inputs\":[],\"classes\":null,\
                 \"sums\":[0],\"weights\":[],\"weighted\":false,\"count\":1,\"kept\":1,\"batch\":1}";
    let oldest = "{\"loss\":\"mse_loss\",\"sums\":[0]}";
    let input = Tensor::from_slice(&[1.0f32], [1]).expect("a number");
    let own = totals(&Evaluator::Cpu, &Mse, &[("input", input.clone()), ("target", input)]);
    let newer = serde_json::to_string(&own).expect("serialisable").replace("form\":2", "form\":3");
    for (text, form) in [(older, 1), (oldest, 1), (&newer, 3)] {
        let error = serde_json::from_str::<Totals>(text).expect_err("another form").to_string();
        let want = format!(
            "totals of form {form}, which have to be evaluated again: expected form 2 at line 1"
        );
        assert!(error.starts_with(&want), "{error}");
    }
    let mut bytes = own.to_bytes();
    bytes[b"wgloss totals".len() + 1] = 7;
    let errors = [&bytes[..], b"wgloss totals", b"PK\x03 something else", b""]
        .map(|bytes| Totals::from_bytes(bytes).expect_err("no totals of this form").to_string());
    assert_eq!(
        errors,
        [
            "totals: bytes of form 7 is not valid, expected form 2",
            "totals: 13 damaged bytes is not valid, expected the bytes of totals",
            "totals: bytes that begin with \"PK\\x03 something\" is not valid, expected the bytes of \
             totals",
            "totals: bytes that begin with \"\" is not valid, expected the bytes of totals",
        ]
    );
}

/// A mean that divides each loss before they are added up, of items along another axis than the first.
#[test]
fn parts_of_sequences() {
    let mut random = Random(29);
    let labels: Vec<usize> = (0..23).map(|i| i % 5).collect();
    let whole = Case::new(&[12, labels.len(), 5], 0, &labels, 2.0, &mut random);
    let part = |range: std::ops::Range<usize>| {
        let steps = whole.log_probs.chunks(labels.len() * 5);
        Case {
            shape: vec![12, range.len(), 5],
            log_probs: steps
                .flat_map(|step| &step[5 * range.start..5 * range.end])
                .copied()
                .collect(),
            targets: whole.targets[range.clone()].to_vec(),
            input_lengths: whole.input_lengths[range].to_vec(),
        }
    };
    for (name, backend) in common::backends() {
        for reduction in [Reduction::Mean, Reduction::Sum] {
            let totals = |range: std::ops::Range<usize>| {
                let place = Part { first: range.start as u64, of: Some(labels.len() as u64) };
                let inputs = part(range).inputs(DType::F32, DType::I64, true);
                totals_of(&backend, &Ctc::default(), &inputs, reduction, Some(place))
            };
            let mut all = totals(5..6);
            for range in [20..labels.len(), 0..5, 6..20] {
                all.merge(&totals(range)).expect("disjoint");
            }
            assert_eq!(all, totals(0..labels.len()), "{reduction} on {name}");
        }
    }
}

/// A device that binds little takes parts that begin within a block as well, of types narrower than what
/// totals keep.
#[test]
fn parts_on_a_device_that_binds_little() {
    let mut random = Random(30);
    let (f, h) = (DType::F32, DType::F16);
    const ITEMS: usize = 150_001;
    let nll = wgloss::Nll::default();
    let rows = inputs(
        &nll,
        &[("input", h, &[ITEMS, 1]), ("target", DType::I8, &[ITEMS]), ("weight", f, &[1])],
        1,
        &mut random,
    );
    let pairs = inputs(&Mse, &[("input", h, &[ITEMS]), ("target", h, &[])], 0, &mut random);
    let weighted = inputs(
        &Mse,
        &[("input", h, &[ITEMS]), ("target", h, &[ITEMS]), ("weight", h, &[ITEMS])],
        0,
        &mut random,
    );
    let losses: [(&dyn Loss, &Inputs); 3] = [(&nll, &rows), (&Mse, &pairs), (&Mse, &weighted)];
    let backend = common::limited(1 << 18, 65_535, 8);
    for (loss, inputs) in losses {
        let name = loss.definition().name;
        for first in [1, 4096] {
            let request = Request {
                totals: true,
                gradient_type: wgloss::GradientType::Input,
                ..Request::with_gradients(&["input"])
            };
            let part = Some(Part { first, of: None });
            let batch = Batch { inputs, part, request, ..Batch::default() };
            let evaluate = |backend: &Evaluator| backend.evaluate_blocking(loss, &batch);
            let [got, want] = [&backend, &Evaluator::Cpu].map(|b| evaluate(b).expect(name));
            assert_eq!(got.totals, want.totals, "{name} from {first}");
            assert!(bits(&got) == bits(&want), "{name} from {first}");
        }
    }
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

#[test]
fn what_cannot_be_totals_is_refused() {
    let numbers = vec![1.0f32; 10_000];
    let input = Tensor::from_slice(&numbers, [10_000]).expect("numbers");
    let inputs = [("input", input.clone()), ("target", input)];
    let place = Part { first: 5000, of: Some(20_000) };
    let own = totals_of(&Evaluator::Cpu, &Mse, &inputs, Reduction::Mean, Some(place));
    let json = serde_json::to_value(&own).expect("serialisable");
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = json.clone();
        change(&mut json);
        serde_json::from_value::<Totals>(json).map(|_| ()).expect_err("no totals").to_string()
    };
    let errors = [
        changed(&|json| json["loss_sums"]["cut"] = serde_json::json!([])),
        changed(&|json| json["covered"] = serde_json::json!([[15_000, 5000]])),
        changed(&|json| json["covered"] = serde_json::json!([[5000, 15_000], [9000, 9001]])),
        changed(&|json| json["items"] = 14_999.into()),
        changed(&|json| json["losses_per_item"] = u64::MAX.into()),
        changed(&|json| json["kept"] = 9999.into()),
        changed(&|json| json["reduction"] = "none".into()),
        changed(&|json| json["weighted"] = true.into()),
        changed(&|json| json["weight_sums"]["whole"][0] = 1.into()),
    ];
    assert_eq!(
        errors,
        [
            "totals: no more terms of cut blocks is not valid, expected terms 5000..8192 of a cut block",
            "totals: items 15000..5000 is not valid, expected ranges of one item or more",
            "totals: items 9000..9001 come twice: in 9000..9001 and in 5000..15000",
            "totals: items up to 15000 is not valid, expected at most 14999, all of the batch",
            "totals: 20000 items of 18446744073709551615 losses is not valid, expected fewer than 2^64 \
             losses",
            "totals: 9999 kept terms of 10000, reduction mean is not valid, expected at most all terms, \
             and a reduction",
            "totals: 10000 kept terms of 10000, reduction none is not valid, expected at most all \
             terms, and a reduction",
            "totals: no more terms of cut blocks is not valid, expected terms 5000..8192 of a cut block",
            "totals: a sum of whole blocks is not valid, expected none, as no block is whole",
        ]
    );
}

#[test]
fn what_parts_cannot_be_is_refused() {
    let numbers = [1.0f32; 3000];
    let tensor = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        Tensor::from_slice(&numbers[..count], shape).expect("numbers")
    };
    let rows = [("input", tensor(&[3, 1000])), ("target", tensor(&[3, 1000]))];
    let evaluate = |place| {
        let request = Request { totals: true, ..Request::default() };
        let batch = Batch { inputs: &rows, part: Some(place), request, ..Batch::default() };
        Evaluator::Cpu.evaluate_blocking(&Mse, &batch).map(|own| own.totals.expect("asked for"))
    };
    let unknown = evaluate(Part::default()).expect("a part");
    let broadcast = [("input", tensor(&[1, 5])), ("target", tensor(&[8, 5]))];
    let batchmean = Request { reduction: Reduction::BatchMean, totals: true, ..Request::default() };
    let batchmean = Batch { inputs: &broadcast, request: batchmean, ..Batch::default() };
    let far = Part { first: 1 << 63, of: None };
    let large = Part { first: 0, of: Some(1 << 63) };
    let errors = [
        evaluate(far).map(|_| ()),
        evaluate(large).map(|_| ()),
        evaluate(Part { first: u64::MAX, of: None }).map(|_| ()),
        unknown.at(far).map(|_| ()),
        unknown.at(large).map(|_| ()),
        Evaluator::Cpu.evaluate_blocking(&KlDiv::default(), &batchmean).map(|_| ()),
    ];
    assert_eq!(
        errors.map(|error| error.expect_err("no part").to_string()),
        [
            "part: a batch of 9223372036854775811 items of 1000 losses is not valid, expected fewer \
             than 2^64 losses",
            "part: a batch of 9223372036854775808 items of 1000 losses is not valid, expected fewer \
             than 2^64 losses",
            "part: a batch of more items of 1000 losses is not valid, expected fewer than 2^64 losses",
            "part: a batch of 9223372036854775811 items of 1000 losses is not valid, expected fewer \
             than 2^64 losses",
            "part: a batch of 9223372036854775808 items of 1000 losses is not valid, expected fewer \
             than 2^64 losses",
            "totals: batchmean of an input that broadcasts along the batch is not valid, expected an \
             input with all its items",
        ]
    );
}
