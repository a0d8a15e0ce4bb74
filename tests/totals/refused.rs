//! What has no totals, and what does not belong together.

use super::{Inputs, totals, totals_of};
use crate::common::{self, tensor};
use wgloss::{
    Batch, BinaryCrossEntropyWithLogits, CrossEntropy, Custom, DType, Distance, Evaluator, Huber,
    KlDiv, Loss, Mse, Part, Reduction, Request, Tensor, TripletMarginWithDistance,
};

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
