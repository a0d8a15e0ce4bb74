//! The RNN transducer on both backends against the float64 reference: shapes, lengths, types, blanks,
//! impossible paths, confident sequences, cuts, and what is refused.

use crate::common::{self, INTEGERS, Random, assert_agrees, assert_close, backends, bits, limited};
use crate::common::{differentiable, tensor};
use wgloss::{
    Batch, DType, Evaluator, Loss, Plan, Reduction, Request, Rnnt, SourceOptions, Tensor,
    TensorKind, reference,
};

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// A batch before it is made tensors.
#[derive(Clone)]
struct Case {
    /// `[B, T, U + 1, V]`.
    shape: [usize; 4],
    logits: Vec<f64>,
    targets: Vec<f64>,
    steps: Vec<f64>,
    labels: Vec<f64>,
}

impl Case {
    /// Random logits and labels other than the blank, of full length.
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    #[allow(clippy::cast_possible_truncation, reason = "float32 is meant")]
    fn new(shape: [usize; 4], blank: usize, spread: f64, random: &mut Random) -> Self {
        let [batch, steps, columns, classes] = shape;
        let logits = (0..shape.iter().product())
            .map(|_| f64::from((spread * (2.0 * random.unit() - 1.0)) as f32))
            .collect();
        let mut label = || (blank + 1 + random.below(classes - 1)) % classes;
        let targets = (0..batch * (columns - 1)).map(|_| label() as f64).collect();
        let lengths = |length: usize| vec![length as f64; batch];
        Self { shape, logits, targets, steps: lengths(steps), labels: lengths(columns - 1) }
    }

    fn inputs(&self, float: DType, integer: DType) -> Inputs {
        let [batch, _, columns, _] = self.shape;
        vec![
            ("logits", tensor(float, &self.shape, &self.logits)),
            ("targets", tensor(integer, &[batch, columns - 1], &self.targets)),
            ("logit_lengths", tensor(integer, &[batch], &self.steps)),
            ("target_lengths", tensor(integer, &[batch], &self.labels)),
        ]
    }

    /// The logits of a node.
    fn node(&mut self, n: usize, t: usize, u: usize) -> &mut [f64] {
        let [_, steps, columns, classes] = self.shape;
        &mut self.logits[((n * steps + t) * columns + u) * classes..][..classes]
    }

    #[track_caller]
    fn check(&self, what: &str, loss: &Rnnt, random: &mut Random) {
        let inputs = self.inputs(DType::F32, DType::I64);
        for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
            check(&format!("{what}, {reduction}"), loss, &inputs, reduction, random);
        }
    }
}

/// Value and gradient with an upstream gradient, and the value alone.
#[track_caller]
fn check(what: &str, loss: &Rnnt, inputs: &Inputs, reduction: Reduction, random: &mut Random) {
    let terms = if reduction == Reduction::None { vec![inputs[0].1.shape()[0]] } else { vec![] };
    let numbers: Vec<f64> =
        (0..terms.iter().product()).map(|_| 2.0 * random.unit() - 1.0).collect();
    let request = Request { reduction, gradients: &["logits"], ..Request::default() };
    let upstream = Some(tensor(DType::F32, &terms, &numbers));
    assert_agrees(what, loss, &Batch { inputs, upstream, request, ..Batch::default() });
    let request = Request { reduction, ..Request::default() };
    let batch = Batch { inputs, request, ..Batch::default() };
    assert_agrees(&format!("{what}, value"), loss, &batch);
}

/// The unreduced losses and the gradient.
fn run(backend: &Evaluator, loss: &Rnnt, inputs: &Inputs) -> wgloss::Result<wgloss::Evaluation> {
    let request = Request { reduction: Reduction::None, ..Request::with_gradients(&["logits"]) };
    backend.evaluate_blocking(loss, &Batch { inputs, request, ..Batch::default() })
}

#[test]
fn shapes_and_blanks() {
    let mut random = Random(81);
    for (shape, blank) in [
        ([1, 1, 1, 1], 0),
        ([1, 1, 1, 2], -1),
        ([2, 1, 4, 3], 0),
        ([3, 5, 1, 4], 3),
        ([2, 7, 4, 5], -5),
        ([3, 4, 6, 28], -1),
        ([2, 3, 3, 301], 300),
        ([1, 2, 2, 1028], 7),
        ([2, 40, 20, 6], 2),
    ] {
        let classes = i64::try_from(shape[3]).expect("small");
        let class = usize::try_from(blank.max(blank + classes) % classes).expect("small");
        let mut case = Case::new(shape, class, 3.0, &mut random);
        if shape[3] == 1 {
            case.targets.clear();
        }
        let loss = Rnnt { blank, ..Rnnt::default() };
        case.check(&format!("{shape:?}, blank {blank}"), &loss, &mut random);
    }
}

/// What lies behind the lengths is not read, and its gradient is 0.
#[test]
fn lengths_and_padding() {
    let mut random = Random(82);
    let mut case = Case::new([5, 6, 5, 7], 6, 2.0, &mut random);
    case.steps = vec![6.0, 1.0, 4.0, 6.0, 3.0];
    case.labels = vec![4.0, 2.0, 0.0, 0.0, 3.0];
    for n in 0..5 {
        for t in 0..6 {
            for u in 0..5 {
                #[allow(clippy::cast_precision_loss, reason = "small numbers")]
                let inside = (t as f64) < case.steps[n] && u as f64 <= case.labels[n];
                if !inside {
                    case.node(n, t, u).fill(if t % 2 == 0 { f64::NAN } else { f64::INFINITY });
                }
            }
        }
    }
    // The blank and no class at all, behind the ends.
    case.targets[2 * 4] = 6.0;
    case.targets[4 + 3] = 99.0;
    let loss = Rnnt::default();
    case.check("padding", &loss, &mut random);
    for (name, backend) in backends() {
        let got = run(&backend, &loss, &case.inputs(DType::F32, DType::I64)).expect("valid");
        let gradient = got.gradients[0].1.to_f32();
        let zeros = gradient.iter().filter(|&&slope| slope == 0.0).count();
        assert_eq!(zeros, 7 * (150 - (30 + 3 + 4 + 6 + 12)), "{name}");
    }
}

/// Without labels there is one path: of blanks.
#[test]
fn a_target_without_labels() {
    let mut random = Random(83);
    let mut case = Case::new([1, 4, 3, 5], 4, 2.0, &mut random);
    case.labels = vec![0.0];
    let want: f64 = (0..4)
        .map(|t| {
            let row = case.node(0, t, 0).to_vec();
            -common::ctc::log_softmax(&row)[4]
        })
        .sum();
    for (name, backend) in backends() {
        let got = run(&backend, &Rnnt::default(), &case.inputs(DType::F32, DType::I64));
        let value = got.expect("valid").value.expect("wanted");
        assert_close(name, &value.to_f32(), &[want], want);
    }
}

#[test]
fn types() {
    let mut random = Random(84);
    for (i, shape) in [[3, 5, 4, 7], [2, 4, 5, 12]].into_iter().enumerate() {
        let case = Case::new(shape, 0, 3.0, &mut random);
        for (j, integer) in INTEGERS.into_iter().enumerate() {
            let float = common::FLOATS[(i + j) % 4];
            let loss = Rnnt { blank: 0, ..Rnnt::default() };
            let what = format!("{float}, {integer}");
            check(&what, &loss, &case.inputs(float, integer), Reduction::Mean, &mut random);
        }
    }
}

/// The limit is for a sequence's own gradient, before the upstream gradient multiplies it.
#[test]
fn gradients_are_clamped() {
    let mut random = Random(85);
    let case = Case::new([2, 5, 4, 5], 0, 4.0, &mut random);
    let loss = Rnnt { blank: 0, clamp: 0.05 };
    case.check("clamped", &loss, &mut random);
    let inputs = case.inputs(DType::F32, DType::I64);
    let request = Request { reduction: Reduction::Sum, ..Request::with_gradients(&["logits"]) };
    let upstream = Some(tensor(DType::F32, &[], &[8.0]));
    let batch = Batch { inputs: &inputs, upstream, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("valid");
        let gradient = got.gradients[0].1.to_f32();
        let largest = gradient.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
        assert_eq!(largest, 8.0 * 0.05, "{name}");
    }
}

/// Only the log-softmax matters, and far from 0 it keeps its digits.
#[test]
fn logits_of_any_offset() {
    let mut random = Random(86);
    let mut case = Case::new([2, 6, 4, 9], 8, 0.0, &mut random);
    case.logits.iter_mut().for_each(|x| *x = (random.unit() * 64.0).round() / 16.0);
    let near = case.inputs(DType::F32, DType::I64);
    case.logits.iter_mut().for_each(|x| *x += 4096.0);
    let far = case.inputs(DType::F32, DType::I64);
    for (name, backend) in backends() {
        let [near, far] = [&near, &far].map(|inputs| run(&backend, &Rnnt::default(), inputs));
        assert_eq!(bits(&near.expect("valid")), bits(&far.expect("valid")), "{name}");
    }
    for spread in [30.0, 300.0, 3000.0] {
        let case = Case::new([2, 12, 5, 6], 5, spread, &mut random);
        case.check(&format!("spread {spread}"), &Rnnt::default(), &mut random);
    }
}

/// However small the loss is, it and its gradient have their digits.
#[test]
fn confident_sequences() {
    let mut random = Random(87);
    for gap in [4.0, 9.0, 15.0, 22.0] {
        let mut case = Case::new([2, 9, 5, 6], 5, 0.5, &mut random);
        for n in 0..2 {
            for t in 0..9 {
                for u in 0..5 {
                    // A label at each second step.
                    let emits = t % 2 == 0 && u == t / 2 && u < 4;
                    #[allow(clippy::cast_possible_truncation, reason = "small")]
                    #[allow(clippy::cast_sign_loss, reason = "classes")]
                    let class = if emits { case.targets[n * 4 + u] as usize } else { 5 };
                    case.node(n, t, u)[class] += gap;
                }
            }
        }
        let inputs = case.inputs(DType::F32, DType::I64);
        let request = Request::with_gradients(&["logits"]);
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let want = reference::evaluate(&Rnnt::default(), &batch).expect("valid");
        for (name, backend) in backends() {
            let got = backend.evaluate_blocking(&Rnnt::default(), &batch).expect("valid");
            let what = format!("confident by {gap} on {name}");
            assert_close(&what, &got.value.expect("wanted").to_f32(), &want.value, want.scale);
            let (got, want) = (&got.gradients[0].1.to_f32(), &want.gradients[0].1);
            let largest = want.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            assert_close(&what, got, want, largest);
        }
    }
}

/// Logits of -inf: other paths remain, or none does; rows without probabilities are NaN.
#[test]
fn impossible_and_undefined_logits() {
    let mut random = Random(88);
    let mut case = Case::new([5, 4, 3, 5], 0, 2.0, &mut random);
    let never = f64::NEG_INFINITY;
    case.node(0, 1, 1)[0] = never;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a class")]
    let first = case.targets[2] as usize;
    for t in 0..4 {
        case.node(1, t, 0)[first] = never;
    }
    case.node(2, 2, 1)[3] = f64::NAN;
    case.node(3, 0, 0).fill(never);
    case.node(4, 3, 2)[1] = f64::INFINITY;
    let loss = Rnnt { blank: 0, ..Rnnt::default() };
    for (name, backend) in backends() {
        let got = run(&backend, &loss, &case.inputs(DType::F32, DType::I64)).expect("valid");
        let value = got.value.expect("wanted").to_f32().to_vec();
        assert!(value[0].is_finite() && value[1] == f32::INFINITY, "{name}: {value:?}");
        assert!(value[2..].iter().all(|x| x.is_nan()), "{name}: {value:?}");
        let gradient = got.gradients[0].1.to_f32().to_vec();
        let (finite, others) = gradient.split_at(60);
        assert!(finite.iter().all(|x| x.is_finite()), "{name}: {finite:?}");
        assert!(others.iter().all(|x| x.is_nan()), "{name}: {others:?}");
    }
    case.shape[0] = 1;
    case.logits.truncate(60);
    case.targets.truncate(2);
    case.steps.truncate(1);
    case.labels.truncate(1);
    case.check("-inf", &loss, &mut random);
}

/// The gradient is the slope of the loss.
#[test]
fn gradients_are_slopes() {
    const STEP: f64 = 1e-5;
    let mut random = Random(89);
    let mut case = Case::new([2, 3, 3, 4], 3, 2.0, &mut random);
    case.labels[1] = 1.0;
    let evaluate = |case: &Case| {
        let inputs = case.inputs(DType::F64, DType::I64);
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&["logits"]),
            ..Batch::default()
        };
        reference::evaluate(&Rnnt::default(), &batch).expect("valid")
    };
    let slopes = evaluate(&case).gradients.swap_remove(0).1;
    for (k, slope) in slopes.iter().enumerate() {
        let moved = |step: f64| {
            let mut case = case.clone();
            case.logits[k] += step;
            evaluate(&case).value[0]
        };
        let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        assert!((slope - difference).abs() < 1e-8, "{k}: {slope}, {difference}");
    }
}

/// Many steps and labels, whose likelihood is far below what float32 holds.
#[test]
fn long_sequences() {
    let mut random = Random(90);
    for shape in [[2, 600, 3, 5], [1, 90, 300, 6]] {
        let case = Case::new(shape, 0, 3.0, &mut random);
        let loss = Rnnt { blank: 0, ..Rnnt::default() };
        let inputs = case.inputs(DType::F32, DType::I64);
        check(&format!("{shape:?}"), &loss, &inputs, Reduction::Mean, &mut random);
    }
}

#[test]
fn the_same_bits_however_it_is_cut() {
    let mut random = Random(91);
    for classes in [60, 61] {
        let case = Case::new([3, 40, 12, classes], 0, 3.0, &mut random);
        for float in [DType::F32, DType::F16] {
            let inputs = case.inputs(float, DType::I64);
            let loss = Rnnt { blank: 0, ..Rnnt::default() };
            let run = |backend: &Evaluator| bits(&run(backend, &loss, &inputs).expect("valid"));
            let first = run(&Evaluator::Gpu(common::gpu()));
            assert!(first == run(&limited(1 << 16, 65_535, 8)), "in windows");
            assert!(first == run(&limited(1 << 16, 40, 8)), "in small groups");
            assert!(run(&Evaluator::Cpu) == run(&Evaluator::Cpu), "a second run on the CPU");
        }
    }
}

#[test]
fn an_empty_batch() {
    let case = Case::new([0, 3, 2, 4], 3, 1.0, &mut Random(92));
    let inputs = case.inputs(DType::F32, DType::I64);
    for (reduction, want) in [(Reduction::Mean, f32::NAN), (Reduction::Sum, 0.0)] {
        let gradients = differentiable(&Rnnt::default(), &inputs);
        let request = Request { reduction, gradients: &gradients, ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        for (name, backend) in backends() {
            let got = backend.evaluate_blocking(&Rnnt::default(), &batch).expect("valid");
            let value = got.scalar().expect("a number");
            assert!(value == want || (value.is_nan() && want.is_nan()), "{name}: {value}");
        }
    }
}

#[test]
fn refused() {
    let case = Case::new([2, 4, 3, 5], 4, 1.0, &mut Random(93));
    let valid = case.inputs(DType::F32, DType::I64);
    let integers = |shape: &[usize], numbers: &[f64]| tensor(DType::I64, shape, numbers);
    let mut changed = Vec::new();
    for (i, tensor, message) in [
        (
            0,
            tensor(DType::F32, &[2, 12, 5], &[0.0; 120]),
            "logits: shape [2, 12, 5] does not fit, expected [B, T, U + 1, V]",
        ),
        (
            1,
            integers(&[2, 3], &[0.0; 6]),
            "targets: shape [2, 3] does not fit, expected [2, 2], [B, U] of logits [B, T, U + 1, V]",
        ),
        (
            2,
            integers(&[1], &[4.0]),
            "logit_lengths: shape [1] does not fit, expected [2], one for each sequence",
        ),
        (
            3,
            integers(&[], &[2.0]),
            "target_lengths: shape [] does not fit, expected [2], one for each sequence",
        ),
        (
            2,
            integers(&[2], &[4.0, 0.0]),
            "logit_lengths[1]: 0 is not valid, expected 1 to 4, the steps of logits",
        ),
        (
            2,
            integers(&[2], &[5.0, 4.0]),
            "logit_lengths[0]: 5 is not valid, expected 1 to 4, the steps of logits",
        ),
        (
            3,
            integers(&[2], &[2.0, 3.0]),
            "target_lengths[1]: 3 is not valid, expected 0 to 2, the width of targets",
        ),
        (
            3,
            integers(&[2], &[-1.0, 2.0]),
            "target_lengths[0]: -1 is not valid, expected 0 to 2, the width of targets",
        ),
        (
            1,
            integers(&[2, 2], &[0.0, 4.0, 1.0, 1.0]),
            "targets[0, 1] is 4, expected 0 to 4 without 4",
        ),
        (
            1,
            integers(&[2, 2], &[0.0, 1.0, 5.0, -1.0]),
            "targets[1, 0] is 5, expected 0 to 4 without 4 (2 such in all)",
        ),
    ] {
        let mut inputs = valid.clone();
        inputs[i].1 = tensor;
        changed.push((Rnnt::default(), inputs, message));
    }
    for (blank, message) in [
        (5, "blank: 5 is not valid, expected -5 to 4, a class of logits"),
        (-6, "blank: -6 is not valid, expected -5 to 4, a class of logits"),
    ] {
        changed.push((Rnnt { blank, ..Rnnt::default() }, valid.clone(), message));
    }
    for (loss, inputs, message) in changed {
        for (name, backend) in backends() {
            let error = run(&backend, &loss, &inputs).expect_err(message).to_string();
            assert_eq!(error, message, "on {name}");
        }
    }
}

/// A plan meets bad data on the GPU: NaN for that sequence, and the others are as they were.
#[test]
fn a_plan_meets_bad_data() {
    let gpu = common::gpu();
    let case = Case::new([3, 4, 3, 5], 0, 2.0, &mut Random(94));
    let loss = Rnnt { blank: 0, ..Rnnt::default() };
    let valid = case.inputs(DType::F32, DType::I64);
    let want = run(&Evaluator::Gpu(gpu.clone()), &loss, &valid).expect("valid");
    let want =
        [want.value.expect("wanted").to_f32().to_vec(), want.gradients[0].1.to_f32().to_vec()];
    let kinds: Vec<_> = valid.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
    let request = Request { reduction: Reduction::None, ..Request::with_gradients(&["logits"]) };
    let plan = Plan::new(&gpu, &loss, &kinds, &request).expect("a plan");
    for (i, numbers) in [
        (1, [&case.targets[..2], &[0.0], &case.targets[3..]].concat()),
        (1, [&case.targets[..3], &[7.0], &case.targets[4..]].concat()),
        (2, vec![4.0, 0.0, 4.0]),
        (2, vec![4.0, 5.0, 4.0]),
        (3, vec![2.0, -1.0, 2.0]),
        (3, vec![2.0, 1e12, 2.0]),
    ] {
        let mut inputs = valid.clone();
        inputs[i].1 = tensor(DType::I64, inputs[i].1.shape(), &numbers);
        let buffers: Vec<_> = inputs
            .iter()
            .map(|(name, tensor)| (*name, common::buffers::filled(&gpu, tensor.bytes())))
            .collect();
        let value = common::buffers::empty(&gpu, 12);
        let gradient = common::buffers::empty(&gpu, 4 * 180);
        let bound: Vec<_> =
            buffers.iter().map(|(name, b)| (*name, b.as_entire_buffer_binding())).collect();
        let bindings = wgloss::Bindings {
            inputs: &bound,
            value: Some(value.as_entire_buffer_binding()),
            gradients: &[("logits", gradient.as_entire_buffer_binding())],
            ..wgloss::Bindings::default()
        };
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        plan.encode(&mut encoder, &bindings).expect("bound");
        gpu.queue().submit([encoder.finish()]);
        let got = [&value, &gradient].map(|buffer| common::read::<f32>(&gpu, buffer));
        for (got, want) in got.iter().zip(&want) {
            let each = want.len() / 3;
            let what = format!("input {i} of {numbers:?}");
            assert_eq!(got[..each], want[..each], "{what}");
            assert!(got[each..2 * each].iter().all(|x| x.is_nan()), "{what}: {got:?}");
            assert_eq!(got[2 * each..], want[2 * each..], "{what}");
        }
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let kind = |dtype, shape: &[usize]| TensorKind::new(dtype, shape);
    let inputs = [
        ("logits", kind(DType::F32, &[1, 2, 10_002, 5])),
        ("targets", kind(DType::I64, &[1, 10_001])),
        ("logit_lengths", kind(DType::I64, &[1])),
        ("target_lengths", kind(DType::I64, &[1])),
    ];
    let sources =
        Plan::sources(&Rnnt::default(), &inputs, &Request::default(), SourceOptions::default());
    let error = sources.expect_err("too long").to_string();
    let want = "targets: 10001 labels in a target, at most 10000 (rounds of a loop)";
    assert_eq!(error, want);
    assert!(Rnnt::default().definition().reductions.contains(&Reduction::Mean));
}
