//! Bad input is an error that names the argument and both values, on both backends; nothing panics
//! and the device lives on.

use crate::common::{self, tensor};
use wgloss::definition::{Options, Setting};
use wgloss::{
    Batch, BinaryCrossEntropy, CrossEntropy, Custom, DType, Evaluator, Huber, KlDiv, L1, Loss, Mse,
    MultiMargin, Nll, Reduction, Request, SmoothL1, Tensor, TripletMarginWithDistance, losses,
};

/// The error that both backends and, where it does not depend on the data, the reference give.
#[track_caller]
fn refused(loss: &dyn Loss, batch: &Batch<'_>) -> String {
    let errors: Vec<String> = common::backends()
        .into_iter()
        .map(|(name, backend)| match backend.evaluate_blocking(loss, batch) {
            Err(error) => error.to_string(),
            Ok(answer) => panic!("{name} gives {:?}", answer.value),
        })
        .collect();
    assert_eq!(errors[0], errors[1]);
    if let Err(error) = wgloss::reference::evaluate(loss, batch) {
        assert_eq!(errors[0], error.to_string());
    }
    errors[0].clone()
}

fn zeros(dtype: DType, shape: &[usize]) -> Tensor<'static> {
    tensor(dtype, shape, &vec![0.0; shape.iter().product()])
}

#[track_caller]
fn assert_refused(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)], message: &str) {
    assert_eq!(refused(loss, &Batch { inputs, ..Batch::default() }), message);
}

#[test]
fn shapes() {
    let f = |shape: &[usize]| zeros(DType::F32, shape);
    let i = |shape: &[usize]| zeros(DType::I64, shape);
    assert_refused(
        &L1,
        &[("input", f(&[5, 4])), ("target", f(&[5]))],
        "target: shape [5] does not fit, expected one that broadcasts with [5, 4]",
    );
    assert_refused(
        &Mse,
        &[("input", f(&[5, 4])), ("target", f(&[5, 4])), ("weight", f(&[4]))],
        "weight: shape [4] does not fit, expected [5, 4], the shape of input",
    );
    assert_refused(
        &BinaryCrossEntropy,
        &[("input", f(&[5, 4])), ("target", f(&[5, 4])), ("weight", f(&[2, 5, 4]))],
        "weight: shape [2, 5, 4] does not fit, expected one that broadcasts onto [5, 4], the shape \
         of input",
    );
    assert_refused(
        &Mse,
        &[("input", f(&[2; 9])), ("target", f(&[2, 1, 2, 1, 2, 1, 2, 1, 2]))],
        "the broadcast inputs: 9 separate axes, at most 8 (axes of a broadcast)",
    );
    // As many dimensions, but two of them are one axis.
    let inputs = [("input", f(&[2; 9])), ("target", f(&[2, 1, 2, 1, 2, 1, 2, 2, 2]))];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    let value = Evaluator::Cpu.evaluate_blocking(&Mse, &batch).expect("few enough axes").scalar();
    assert_eq!(value, Some(0.0));
    let loss = CrossEntropy::default();
    assert_refused(
        &loss,
        &[("input", f(&[])), ("target", i(&[]))],
        "input: shape [] does not fit, expected [C], [N, C] or [N, C, d1...]",
    );
    assert_refused(
        &loss,
        &[("input", f(&[3, 0])), ("target", i(&[3]))],
        "input: shape [3, 0] does not fit, expected at least one class",
    );
    assert_refused(
        &loss,
        &[("input", f(&[3, 4])), ("target", i(&[4]))],
        "target: shape [4] does not fit, expected [3], the shape of the rows",
    );
    assert_refused(
        &loss,
        &[("input", f(&[3, 4])), ("target", f(&[3]))],
        "target: element type float32 does not fit, expected an integer type: in NumPy, \
         target.astype(\"int64\"), or probabilities in the shape of the classes",
    );
    assert_refused(
        &loss,
        &[("input", f(&[3, 4])), ("target", f(&[3, 1]))],
        "target: shape [3, 1] does not fit, expected [3, 4], the input's shape, for probabilities",
    );
    assert_refused(
        &loss,
        &[("input", f(&[3, 4])), ("target", i(&[3])), ("weight", f(&[3]))],
        "weight: shape [3] does not fit, expected [4], one number for each class",
    );
}

#[test]
fn types_and_names() {
    let f = zeros(DType::F32, &[3]);
    assert_refused(
        &Nll::default(),
        &[("input", zeros(DType::F32, &[3, 2])), ("target", f.clone())],
        "target: element type float32 does not fit, expected an integer type: in NumPy, \
         target.astype(\"int64\")",
    );
    assert_refused(&L1, &[("input", f.clone())], "target: missing; l1_loss needs input, target");
    assert_refused(
        &L1,
        &[("input", f.clone()), ("target", f.clone()), ("wieght", f.clone())],
        "input \"wieght\" is not known; did you mean weight? known: input, target, weight",
    );
    assert_refused(
        &L1,
        &[("input", f.clone()), ("input", f.clone())],
        "input: given 2 times, expected once",
    );
    let unknown = |name: &str| losses::by_name(name).expect_err("no such loss").to_string();
    let names =
        losses::catalogue().iter().map(|loss| loss.definition().names().count()).sum::<usize>();
    let meant = format!("loss \"hube\" is not known; did you mean huber_loss? {names} are known");
    assert_eq!(unknown("hube"), meant);
    let others = format!(" and {} others", names - 10);
    let error = unknown("perceptual");
    assert!(error.contains(" known: arc_face_loss, arcface, ") && error.ends_with(&others));
    let error = "meen".parse::<Reduction>().expect_err("no such reduction").to_string();
    let known = "did you mean mean? known: none, mean, sum, batchmean";
    assert_eq!(error, format!("reduction \"meen\" is not known; {known}"));
    let mut loss = TripletMarginWithDistance::default();
    let error = loss.options()[0].1.set("distance", "euclidian").expect_err("no distance");
    assert!(error.to_string().contains("did you mean euclidean?"), "{error}");
}

#[test]
fn gradients_and_upstream() {
    let (f, i) = (zeros(DType::F32, &[3, 2]), zeros(DType::I64, &[3]));
    let inputs = [("input", f.clone()), ("target", i)];
    let loss = CrossEntropy::default();
    let batch = |gradients: &'static [&'static str]| Batch {
        inputs: &inputs,
        request: Request::with_gradients(gradients),
        ..Batch::default()
    };
    assert_eq!(
        refused(&loss, &batch(&["target"])),
        "gradient target: target of int64 is not valid, expected a differentiable input of a float \
         type: input, target"
    );
    assert_eq!(
        refused(&loss, &batch(&["weight"])),
        "gradient weight: an absent input is not valid, expected an input that is given"
    );
    assert_eq!(
        refused(&loss, &batch(&["input", "input"])),
        "gradient input: given 2 times, expected once"
    );
    let batch = Batch { upstream: Some(f), ..batch(&["input"]) };
    assert_eq!(refused(&loss, &batch), "upstream: shape [3, 2] does not fit, expected []");
}

#[test]
fn options() {
    let f = zeros(DType::F32, &[3, 2]);
    let inputs = [("input", f.clone()), ("target", f)];
    let huber = |delta| Huber { delta };
    assert_refused(&huber(0.0), &inputs, "delta: 0 is not valid, expected a finite number above 0");
    assert_refused(
        &huber(f32::NAN),
        &inputs,
        "delta: NaN is not valid, expected a finite number above 0",
    );
    assert_refused(
        &SmoothL1 { beta: -1.0 },
        &inputs,
        "beta: -1 is not valid, expected a finite number, 0 or more",
    );
    assert_refused(
        &CrossEntropy { label_smoothing: 1.5, ..CrossEntropy::default() },
        &inputs,
        "label_smoothing: 1.5 is not valid, expected a number from 0 to 1",
    );
    assert_refused(
        &CrossEntropy { ignore_index: 1, ..CrossEntropy::default() },
        &inputs,
        "ignore_index: 1 is not valid, expected a negative number where the target holds \
         probabilities",
    );
    let batch = Batch {
        inputs: &inputs,
        request: Request { reduction: Reduction::BatchMean, ..Request::default() },
        ..Batch::default()
    };
    assert_eq!(refused(&L1, &batch), "reduction: batchmean is not valid, expected mean, sum, none");
    let mut loss = KlDiv::default();
    let error = loss.options()[0].1.set("log_target", "yes").expect_err("no flag").to_string();
    assert_eq!(error, "log_target: yes is not valid, expected true or false");
}

/// A class index outside its range is found on the GPU, in every type that can hold one, and the
/// next batch runs on the same device.
#[test]
fn targets_outside_their_range() {
    let input = zeros(DType::F32, &[5, 3]);
    let all = |value: f64| [0.0, 1.0, value, 2.0, value];
    for loss in [&CrossEntropy::default() as &dyn Loss, &Nll::default()] {
        for (dtype, value) in [
            (DType::U8, 255.0),
            (DType::I8, -128.0),
            (DType::U16, 65_535.0),
            (DType::I16, -32_768.0),
            (DType::U32, 4_294_967_295.0),
            (DType::I32, -2_147_483_648.0),
            (DType::U64, 1_152_921_504_606_846_976.0),
            (DType::I64, -9_007_199_254_740_992.0),
            (DType::I64, 4_294_967_296.0),
            (DType::I64, 3.0),
            (DType::I64, -1.0),
        ] {
            let target = tensor(dtype, &[5], &all(value));
            let value = target.to_integers()[2];
            let inputs = [("input", input.clone()), ("target", target)];
            for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
                let batch = Batch {
                    inputs: &inputs,
                    request: Request { reduction, gradients: &["input"], ..Request::default() },
                    ..Batch::default()
                };
                let message = format!(
                    "target[2] is {value}, expected 0 to 2 or -100, which is ignored (2 such in all)"
                );
                assert_eq!(refused(loss, &batch), message);
            }
        }
        let target = tensor(DType::U8, &[5], &all(0.0));
        let inputs = [("input", input.clone()), ("target", target)];
        for (name, backend) in common::backends() {
            let batch = Batch { inputs: &inputs, ..Batch::default() };
            let answer = backend.evaluate_blocking(loss, &batch);
            assert!(answer.is_ok(), "{name} afterwards: {answer:?}");
        }
    }
}

/// Each of the eight rows that a lane asks for at once is bad in a number of lanes of its own.
#[test]
fn the_first_bad_row_of_many() {
    let rows = 100_000;
    let is_bad = |row: usize| row >= 12_345 && row % 64 <= 7 * (row / 64 % 8);
    let numbers: Vec<f64> = (0..rows).map(|row| if is_bad(row) { 9.0 } else { 1.0 }).collect();
    let bad = (0..rows).filter(|&row| is_bad(row)).count();
    let inputs = [
        ("input", zeros(DType::F32, &[rows, 3])),
        ("target", tensor(DType::I32, &[rows], &numbers)),
    ];
    let message = format!(
        "target[12352] is 9, expected 0 to 2 or -100, which is ignored ({bad} such in all)"
    );
    assert_refused(&CrossEntropy::default(), &inputs, &message);
}

/// A bad class index is told by its indices in the target as it was given.
#[test]
fn places_are_indices_of_the_target() {
    let input = zeros(DType::F32, &[3, 4, 5, 6]);
    let mut numbers = vec![0.0; 90];
    numbers[2 * 30 + 3 * 6 + 4] = 9.0;
    let target = tensor(DType::I64, &[3, 5, 6], &numbers);
    let inputs = [("input", input), ("target", target)];
    for loss in [&CrossEntropy::default() as &dyn Loss, &Nll::default()] {
        let message = "target[2, 3, 4] is 9, expected 0 to 3 or -100, which is ignored";
        assert_refused(loss, &inputs, message);
    }
    let inputs = [("input", zeros(DType::F32, &[3])), ("target", tensor(DType::I64, &[], &[3.0]))];
    assert_refused(&MultiMargin::default(), &inputs, "target is 3, expected 0 to 2");
}

/// What an option cannot hold is told as it was written.
#[test]
fn numbers_that_float32_does_not_hold() {
    let mut huber = Huber::default();
    let mut set = |text: &str| huber.options()[0].1.set("delta", text).map_err(|e| e.to_string());
    let small = "expected 0, or at least 1.4e-45 in size: float32 holds no smaller number";
    let large = "expected at most 3.4e38 in size: float32 holds no larger number";
    for (text, expected) in [
        ("1e-50", small),
        ("-0.5E-60", small),
        ("1e-400", small),
        ("1e39", large),
        ("-1e400", large),
    ] {
        assert_eq!(set(text), Err(format!("delta: {text} is not valid, {expected}")));
    }
    for text in ["0", "-0.0e5", "1e-45", "3.4028235e38", "inf", "-Infinity", "nan"] {
        assert_eq!(set(text), Ok(()), "{text}");
    }
    let source = "struct Parameters { a: f32 }\n\
                  fn value(x: f32, c: Parameters) -> f32 { return c.a * x; }";
    let mut custom = Custom::new(source).expect("a loss");
    for (number, expected) in [(1e-50, small), (-1e39, large)] {
        let error = custom.set("a", number).expect_err(expected).to_string();
        assert_eq!(error, format!("a: {number:e} is not valid, {expected}"));
    }
    assert_eq!(custom.set("a", 0.0).and(custom.set("a", f64::INFINITY)), Ok(()));
    assert_eq!(set("1,5"), Err("delta: 1,5 is not valid, expected a number".into()));
    assert_eq!(set("0.1"), Ok(()));
    for (number, text) in [(1e-8, "1e-8"), (0.1, "0.1"), (-1e30, "-1e30"), (2.5e-45, "3e-45")] {
        assert_eq!(Setting::from(&mut { number }).value(), text);
    }
}

#[test]
fn tensors() {
    let error = Tensor::from_slice(&[1.0f32, 2.0], [3]).expect_err("too few").to_string();
    assert_eq!(error, "tensor: size in bytes is 8, expected 12 for float32 [3]");
    let huge = [usize::MAX, usize::MAX];
    let error = Tensor::from_bytes(DType::F32, huge, vec![]).expect_err("too many").to_string();
    assert!(error.contains("expected more than 2^64 for float32"), "{error}");
}

/// The classes of torch.nn, and each loss of the catalogue, in PyTorch's spellings.
#[test]
fn losses_by_other_spellings() {
    let classes = [
        ("L1Loss", "l1_loss"),
        ("NLLLoss", "nll_loss"),
        ("NLLLoss2d", "nll_loss"),
        ("PoissonNLLLoss", "poisson_nll_loss"),
        ("GaussianNLLLoss", "gaussian_nll_loss"),
        ("KLDivLoss", "kl_div"),
        ("MSELoss", "mse_loss"),
        ("BCELoss", "binary_cross_entropy"),
        ("BCEWithLogitsLoss", "binary_cross_entropy_with_logits"),
        ("HingeEmbeddingLoss", "hinge_embedding_loss"),
        ("MultiLabelMarginLoss", "multilabel_margin_loss"),
        ("SmoothL1Loss", "smooth_l1_loss"),
        ("HuberLoss", "huber_loss"),
        ("SoftMarginLoss", "soft_margin_loss"),
        ("CrossEntropyLoss", "cross_entropy"),
        ("LinearCrossEntropyLoss", "linear_cross_entropy"),
        ("MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss"),
        ("CosineEmbeddingLoss", "cosine_embedding_loss"),
        ("MarginRankingLoss", "margin_ranking_loss"),
        ("MultiMarginLoss", "multi_margin_loss"),
        ("TripletMarginLoss", "triplet_margin_loss"),
        ("TripletMarginWithDistanceLoss", "triplet_margin_with_distance_loss"),
        ("CTCLoss", "ctc_loss"),
    ];
    let found = |name: &str| losses::by_name(name).map(|loss| loss.definition().name);
    for (class, name) in classes {
        for spelling in [class, &format!("nn.{class}"), &format!("torch.nn.{class}")] {
            assert_eq!(found(spelling), Ok(name), "{spelling}");
        }
    }
    for loss in losses::catalogue() {
        let definition = loss.definition();
        for own in definition.names() {
            let spellings = [
                own.to_string(),
                own.replace('_', "-"),
                own.replace('_', ""),
                own.replace('_', " ").to_uppercase(),
                format!("F.{own}"),
                format!("torch.nn.functional.{own}"),
                format!("{}_loss", own.trim_end_matches("_loss")),
            ];
            for spelling in spellings {
                assert_eq!(found(&spelling), Ok(definition.name), "{spelling}");
            }
        }
    }
    for name in ["", "loss", "F.", "keras.losses.Huber", "F", "huber.", "nn", "mse_loss_loss"] {
        assert!(found(name).is_err(), "{name}");
    }
}
