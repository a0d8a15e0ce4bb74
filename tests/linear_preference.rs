//! Preferences of answers from what a model's head takes in, against the same of their log-probabilities.

use crate::common::{Random, assert_agrees, assert_close, backends, inputs, tensor};
use wgloss::{
    Batch, Cpo, CpoType, DType, Dpo, DpoType, LinearPreference, Loss, Orpo, Reduction, Request,
    Simpo, Tensor, reference,
};

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// Pairs, tokens, features and classes around chunks and tiles.
const SIZES: [[usize; 4]; 5] =
    [[1, 1, 5, 3], [3, 33, 17, 100], [2, 4, 8, 2500], [3, 60, 3, 7], [65, 2, 4, 5]];

fn given(
    loss: &dyn Loss,
    [pairs, tokens, features, classes]: [usize; 4],
    dtype: DType,
    random: &mut Random,
) -> Inputs {
    let all = [
        ("input", dtype, &[2 * pairs, tokens, features][..]),
        ("linear_weight", dtype, &[classes, features]),
        ("target", DType::I32, &[2 * pairs, tokens]),
        ("linear_bias", dtype, &[classes]),
        ("reference_chosen", DType::F32, &[pairs]),
        ("reference_rejected", DType::F32, &[pairs]),
    ];
    let mut own = inputs(loss, &all[..loss.definition().inputs.len()], classes, random);
    // Logits of 70, as larger weights give, are rounded by more than the tolerance asks.
    let smaller: Vec<f64> = own[1].1.to_f32().iter().map(|&x| f64::from(x) / 4.0).collect();
    own[1].1 = tensor(dtype, &[classes, features], &smaller);
    own
}

const GRADIENTS: [&str; 3] = ["input", "linear_weight", "linear_bias"];

fn check(loss: &dyn Loss, reduction: Reduction, dtype: DType, random: &mut Random) {
    for sizes in SIZES {
        let own = given(loss, sizes, dtype, random);
        let request = Request { reduction, ..Request::with_gradients(&GRADIENTS) };
        let batch = Batch { inputs: &own, request, ..Batch::default() };
        assert_agrees(&format!("{loss:?} {sizes:?} {dtype}"), loss, &batch);
    }
}

#[test]
fn losses_of_answers() {
    let mut random = Random(91);
    let (mean, none, sum) = (Reduction::Mean, Reduction::None, Reduction::Sum);
    let dpo = LinearPreference::<Dpo>::default();
    assert!(!dpo.average_log_prob && LinearPreference::<Simpo>::default().average_log_prob);
    check(&dpo, mean, DType::F32, &mut random);
    check(&LinearPreference { average_log_prob: true, ..dpo }, none, DType::F16, &mut random);
    for (loss_type, label_smoothing) in
        [(DpoType::Robust, 0.1), (DpoType::Ipo, 0.0), (DpoType::NcaPair, 0.0)]
    {
        let loss = Dpo { loss_type, label_smoothing, ..Dpo::default() };
        let loss = LinearPreference { loss, average_log_prob: true, ignore_index: 2 };
        check(&loss, sum, DType::F32, &mut random);
    }
    let cpo = Cpo { loss_type: CpoType::Hinge, ..Cpo::default() };
    let cpo = LinearPreference { loss: cpo, ..LinearPreference::default() };
    check(&cpo, mean, DType::BF16, &mut random);
    check(&LinearPreference::<Simpo>::default(), none, DType::F32, &mut random);
    check(&LinearPreference::<Orpo>::default(), mean, DType::F32, &mut random);
}

/// The value and the gradients follow from those of `dpo_loss` of log-probabilities that are computed here.
#[test]
fn it_is_the_loss_of_the_sums() {
    const PAIRS: usize = 3;
    const TOKENS: usize = 5;
    const FEATURES: usize = 4;
    const CLASSES: usize = 6;
    let mut random = Random(92);
    let loss = LinearPreference { ignore_index: 1, ..LinearPreference::<Dpo>::default() };
    let own = given(&loss, [PAIRS, TOKENS, FEATURES, CLASSES], DType::F32, &mut random);
    let [x, w, b] = [0, 1, 3].map(|i| own[i].1.to_f64());
    let target = own[2].1.to_integers();
    assert!(target.contains(&1) && target.iter().any(|&class| class != 1), "{target:?}");
    // For each row the slopes of its log-probability by its logits, and the sums of answers.
    let mut slopes = vec![0.0; 2 * PAIRS * TOKENS * CLASSES];
    let mut sums = [vec![0.0; PAIRS], vec![0.0; PAIRS]];
    for (r, &class) in target.iter().enumerate().filter(|(_, class)| **class != 1) {
        let logit = |c: usize| -> f64 {
            let product = |d: usize| x[r * FEATURES + d] * w[c * FEATURES + d];
            b[c] + (0..FEATURES).map(product).sum::<f64>()
        };
        let all: f64 = (0..CLASSES).map(|c| logit(c).exp()).sum();
        let class = usize::try_from(class).expect("a class");
        let sequence = r / TOKENS;
        sums[sequence / PAIRS][sequence % PAIRS] += logit(class) - all.ln();
        for c in 0..CLASSES {
            slopes[r * CLASSES + c] = f64::from(u8::from(c == class)) - logit(c).exp() / all;
        }
    }
    let answers = [
        ("policy_chosen", tensor(DType::F64, &[PAIRS], &sums[0])),
        ("policy_rejected", tensor(DType::F64, &[PAIRS], &sums[1])),
        ("reference_chosen", own[4].1.clone()),
        ("reference_rejected", own[5].1.clone()),
    ];
    let request = Request::with_gradients(&["policy_chosen", "policy_rejected"]);
    let batch = Batch { inputs: &answers, request, ..Batch::default() };
    let want = reference::evaluate(&loss.loss, &batch).expect("a valid batch");
    let mut by = [vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; CLASSES]];
    for r in 0..target.len() {
        let sequence = r / TOKENS;
        let of_answer = want.gradients[sequence / PAIRS].1[sequence % PAIRS];
        for c in 0..CLASSES {
            let slope = of_answer * slopes[r * CLASSES + c];
            by[2][c] += slope;
            for d in 0..FEATURES {
                by[0][r * FEATURES + d] += slope * w[c * FEATURES + d];
                by[1][c * FEATURES + d] += slope * x[r * FEATURES + d];
            }
        }
    }
    let batch =
        Batch { inputs: &own, request: Request::with_gradients(&GRADIENTS), ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        assert_close(name, &got.value.expect("wanted").to_f32(), &want.value, want.scale);
        for ((what, got), want) in got.gradients.iter().zip(&by) {
            let largest = want.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            assert_close(&format!("{what} on {name}"), &got.to_f32(), want, largest);
        }
    }
}

/// More tokens than are worked on at once, whose logits are computed again for the gradients.
#[test]
fn several_chunks() {
    let mut random = Random(93);
    let loss = LinearPreference::<Simpo>::default();
    for sizes in [[1, 2100, 3, 7], [2, 30, 4, 20_000]] {
        let own = given(&loss, sizes, DType::F32, &mut random);
        let batch = Batch {
            inputs: &own,
            request: Request::with_gradients(&GRADIENTS),
            ..Batch::default()
        };
        assert_agrees(&format!("{sizes:?}"), &loss, &batch);
    }
}

/// What stands at tokens that are left out is not read; an answer of no tokens is worth 0, and its mean is NaN.
#[test]
fn tokens_are_left_out() {
    let floats = |shape: &[usize], numbers: &[f64]| tensor(DType::F32, shape, numbers);
    let input = [1.0, 0.5, f64::NAN, f64::INFINITY, 0.25, -1.0, f64::NAN, f64::NAN];
    let own = |labels: [f64; 4]| -> Inputs {
        vec![
            ("input", floats(&[2, 2, 2], &input)),
            ("linear_weight", floats(&[2, 2], &[1.0, 0.0, 0.0, 1.0])),
            ("target", tensor(DType::I64, &[2, 2], &labels)),
            ("reference_chosen", floats(&[1], &[-0.5])),
            ("reference_rejected", floats(&[1], &[-0.75])),
        ]
    };
    let log_p = |own: f64, other: f64| -(1.0 + (other - own).exp()).ln();
    let loss = LinearPreference::<Dpo>::default();
    for (name, backend) in backends() {
        let of = |loss: &LinearPreference<Dpo>, labels: [f64; 4]| {
            let inputs = own(labels);
            let request = Request::with_gradients(&["input", "linear_weight"]);
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let got = backend.evaluate_blocking(loss, &batch)?;
            let gradients: Vec<Vec<f32>> =
                got.gradients.iter().map(|(_, numbers)| numbers.to_f32().to_vec()).collect();
            Ok::<_, wgloss::Error>((got.value.expect("wanted").to_f32()[0], gradients))
        };
        for (labels, rejected) in
            [([0.0, -100.0, 0.0, -100.0], log_p(0.25, -1.0)), ([0.0, -100.0, -100.0, -100.0], 0.0)]
        {
            let z = 0.1 * ((log_p(1.0, 0.5) + 0.5) - (rejected + 0.75));
            let (value, gradients) = of(&loss, labels).expect("a valid batch");
            assert!((f64::from(value) - (-z).exp().ln_1p()).abs() < 1e-6, "{name}: {value}");
            assert!(gradients.iter().flatten().all(|x| x.is_finite()), "{name}: {gradients:?}");
            assert_eq!(gradients[0][2..4], [0.0; 2], "{name}");
        }
        let mean = LinearPreference { average_log_prob: true, ..loss };
        let (value, _) = of(&mean, [0.0, -100.0, -100.0, -100.0]).expect("a valid batch");
        assert!(value.is_nan(), "{name}: {value}");
        for class in [2.0, -1.0, 4_294_967_296.0] {
            let error = of(&loss, [0.0, -100.0, class, -100.0]).expect_err("no class");
            let text = error.to_string();
            assert!(
                text.starts_with("target") && text.contains(&class.to_string()),
                "{name}: {text}"
            );
        }
    }
}

#[test]
fn refused() {
    let loss = LinearPreference::<Dpo>::default();
    let f = DType::F32;
    let refused = |shapes: &[(&'static str, DType, &[usize])]| {
        let zeros = shapes.iter().map(|&(name, dtype, shape)| {
            (name, tensor(dtype, shape, &vec![0.0; shape.iter().product()]))
        });
        let inputs: Inputs = zeros.collect();
        let batch = Batch { inputs: &inputs, ..Batch::default() };
        reference::evaluate(&loss, &batch).expect_err("refused").to_string()
    };
    let mut fitting: Vec<(&'static str, DType, &[usize])> = vec![
        ("input", f, &[4, 3, 2]),
        ("linear_weight", f, &[5, 2]),
        ("target", DType::I64, &[4, 3]),
        ("reference_chosen", f, &[2]),
        ("reference_rejected", f, &[2]),
    ];
    for (place, shape, expected) in [
        (
            0,
            &[3, 3, 2][..],
            "input: shape [3, 3, 2] does not fit, expected as many chosen sequences as rejected ones",
        ),
        (0, &[4, 2], "input: shape [4, 2] does not fit, expected [2 B, T, D]"),
        (
            1,
            &[5, 3],
            "linear_weight: shape [5, 3] does not fit, expected a last dimension of 2, the features of input",
        ),
        (
            1,
            &[5, 1, 2],
            "linear_weight: shape [5, 1, 2] does not fit, expected [V, D] with an input of shape [4, 3, 2]",
        ),
        (2, &[4, 2], "target: shape [4, 2] does not fit, expected [4, 3], class indices"),
        (
            3,
            &[4],
            "reference_chosen: shape [4] does not fit, expected [2], one number for each pair",
        ),
    ] {
        let was = std::mem::replace(&mut fitting[place].2, shape);
        let error = refused(&fitting);
        assert_eq!(error, expected);
        fitting[place].2 = was;
    }
    let error = refused(&fitting[..4]);
    assert!(error.contains("reference_rejected"), "{error}");
    // No pairs, and pairs of nothing.
    for (sequences, tokens) in [(0, 3), (4, 0)] {
        let own: Inputs = [
            ("input", DType::F32, &[sequences, tokens, 2][..]),
            ("linear_weight", f, &[5, 2]),
            ("target", DType::I64, &[sequences, tokens]),
            ("reference_chosen", f, &[sequences / 2]),
            ("reference_rejected", f, &[sequences / 2]),
        ]
        .map(|(name, dtype, shape)| {
            (name, tensor(dtype, shape, &vec![0.0; shape.iter().product()]))
        })
        .to_vec();
        let request = Request {
            reduction: Reduction::Sum,
            ..Request::with_gradients(&["input", "linear_weight"])
        };
        let batch = Batch { inputs: &own, request, ..Batch::default() };
        let pairs = f32::from(u8::try_from(sequences / 2).expect("few"));
        for (name, backend) in backends() {
            let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
            let value = got.value.expect("wanted").to_f32()[0];
            let want = pairs * std::f32::consts::LN_2;
            assert!((value - want).abs() < 1e-6, "{sequences} x {tokens} on {name}: {value}");
            assert_eq!(*got.gradients[1].1.to_f32(), [0.0; 10], "{name}");
        }
    }
}
