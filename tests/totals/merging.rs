//! Totals of parts merge to those of the whole, however it is cut.

use super::{Inputs, cases, part, totals, totals_of};
use crate::common::ctc::Case;
use crate::common::{self, Random, bits, inputs};
use wgloss::{
    Batch, CrossEntropy, Ctc, Custom, DType, Evaluator, KlDiv, Loss, Mse, MultiLabelMargin, Part,
    Reduction, Request, Tensor, TensorKind, Totals,
};

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
