//! CTC on both backends against the float64 reference: shapes, lengths, types, impossible
//! alignments, extreme probabilities, and cuts in time.

use crate::common::ctc::{Case, check, evaluated};
use crate::common::{self, Random, assert_close, backends, bits, limited, tensor};
use wgloss::{Batch, Ctc, DType, Evaluator, Reduction, Request, reference};

const INTEGERS: [DType; 8] =
    [DType::U8, DType::I8, DType::U16, DType::I16, DType::U32, DType::I32, DType::U64, DType::I64];

#[test]
fn shapes() {
    let mut random = Random(31);
    let cases: &[(&[usize], usize, &[usize])] = &[
        (&[1, 1, 2], 0, &[0]),
        (&[1, 2, 2], 0, &[1, 0]),
        (&[1, 3, 5], 4, &[1, 1, 0]),
        (&[7, 2, 2], 1, &[3, 2]),
        (&[9, 3, 3], 1, &[4, 0, 3]),
        (&[12, 4], 2, &[5]),
        (&[12, 4], 0, &[0]),
        (&[50, 16, 20], 0, &[30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 10, 5, 2, 1, 0]),
        (&[40, 3, 700], 699, &[15, 16, 17]),
        (&[150, 2, 6], 3, &[64, 63]),
    ];
    for (i, &(shape, blank, labels)) in cases.iter().enumerate() {
        let case = Case::new(shape, blank, labels, 4.0, &mut random);
        for (j, reduction) in [Reduction::None, Reduction::Mean, Reduction::Sum].iter().enumerate()
        {
            // Repeated labels need a step more each: some of these have no alignment.
            let zero_infinity = (i + j) % 2 == 0;
            let padded = (i / 2 + j) % 2 == 0;
            #[allow(clippy::cast_possible_wrap, reason = "small")]
            let loss = Ctc { blank: blank as i64, zero_infinity };
            let inputs = case.inputs(DType::F32, DType::I64, padded);
            let what = format!("{shape:?}, {zero_infinity}, padded {padded}, {reduction}");
            check(&what, &loss, &inputs, *reduction, &mut random);
        }
    }
}

#[test]
fn lengths() {
    let mut random = Random(32);
    for zero_infinity in [false, true] {
        let loss = Ctc { blank: 0, zero_infinity };
        let mut case = Case::new(&[20, 8, 5], 0, &[5, 5, 0, 0, 9, 3, 1, 7], 3.0, &mut random);
        // Longer than needed, exactly as needed, one too short, no step at all.
        case.targets[4] = vec![1, 1, 2, 2, 3, 3, 4, 4, 1];
        case.input_lengths = vec![20, 11, 6, 0, 12, 0, 1, 19];
        case.check("too short", &loss, &mut random);
        case.input_lengths[4] = 13;
        case.check("just long enough", &loss, &mut random);
        // What follows a sequence may be anything.
        let skipped = (6 * 8 + 2) * 5;
        case.log_probs[skipped..skipped + 5].fill(f64::NAN);
        case.check("NaN behind the end", &loss, &mut random);
    }
}

#[test]
fn types() {
    let mut random = Random(33);
    let case = Case::new(&[15, 3, 7], 0, &[6, 4, 5], 4.0, &mut random);
    let floats = [DType::F32, DType::F16, DType::BF16, DType::F64];
    // Each float type with an integer of each size and padded or not, each integer with two floats.
    for (i, integer) in INTEGERS.into_iter().enumerate() {
        for (j, padded) in [true, false].into_iter().enumerate() {
            let float = floats[(i + i / 4 + j) % 4];
            let inputs = case.inputs(float, integer, padded);
            let what = format!("{float}, {integer}, padded {padded}");
            check(&what, &Ctc::default(), &inputs, Reduction::Mean, &mut random);
        }
    }
}

#[test]
fn one_length_for_all() {
    let mut random = Random(34);
    let case = Case::new(&[15, 3, 7], 0, &[6, 6, 6], 4.0, &mut random);
    for padded in [true, false] {
        let mut inputs = case.inputs(DType::F32, DType::I32, padded);
        inputs[2].1 = tensor(DType::U8, &[], &[13.0]);
        inputs[3].1 = tensor(DType::U8, &[], &[6.0]);
        check("scalars", &Ctc::default(), &inputs, Reduction::None, &mut random);
    }
}

/// Probabilities far below what float32 holds, and near 1, keep their digits.
#[test]
fn extreme_probabilities() {
    let mut random = Random(35);
    for spread in [30.0, 300.0, 3000.0, 1e6] {
        let case = Case::new(&[30, 3, 6], 0, &[8, 10, 3], spread, &mut random);
        case.check(&format!("spread {spread}"), &Ctc::default(), &mut random);
    }
    for gap in [3.0, 8.0, 14.0, 20.0] {
        let mut case = Case::new(&[40, 2, 6], 0, &[13, 7], 0.0, &mut random);
        let sequences: Vec<Vec<usize>> = case
            .targets
            .iter()
            .map(|target| target.iter().flat_map(|&label| [0, label, label]).collect())
            .collect();
        for t in 0..40 {
            for (n, sequence) in sequences.iter().enumerate() {
                let class = sequence.get(t).copied().unwrap_or(0);
                let noise = random.unit();
                let row: Vec<f64> =
                    (0..6).map(|c| if c == class { gap + noise } else { 0.0 }).collect();
                let row = common::ctc::log_softmax(&row);
                #[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
                let row: Vec<f64> = row.into_iter().map(|x| f64::from(x as f32)).collect();
                case.log_probs[(t * 2 + n) * 6..][..6].copy_from_slice(&row);
            }
        }
        check_confident(&format!("confident by {gap}"), &case);
    }
}

/// Both errors are measured with the loss, however small it is.
fn check_confident(what: &str, case: &Case) {
    let inputs = case.inputs(DType::F32, DType::I64, true);
    let batch = Batch {
        inputs: &inputs,
        request: Request::with_gradients(&["log_probs"]),
        ..Batch::default()
    };
    let want = reference::evaluate(&Ctc::default(), &batch).expect("a valid batch");
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&Ctc::default(), &batch).expect("a valid batch");
        let (value, what) = (got.value.expect("wanted"), format!("{what} on {name}"));
        assert_close(&what, &value.to_f32(), &want.value, want.scale);
        assert_close(&what, &got.gradients[0].1.to_f32(), &want.gradients[0].1, want.scale);
    }
}

#[test]
fn long_sequences() {
    let mut random = Random(36);
    for (shape, labels) in [([3000, 2, 12], [400, 399]), ([700, 2, 5], [300, 1])] {
        let case = Case::new(&shape, 0, &labels, 6.0, &mut random);
        for padded in [true, false] {
            let inputs = case.inputs(DType::F32, DType::I64, padded);
            check(&format!("{shape:?}"), &Ctc::default(), &inputs, Reduction::Mean, &mut random);
        }
    }
}

#[test]
fn the_same_bits_however_it_is_cut() {
    let mut random = Random(37);
    // 500 steps of 2.4 KiB of probabilities and 2.5 KiB of states.
    let case = Case::new(&[500, 3, 201], 0, &[50, 45, 20], 5.0, &mut random);
    for float in [DType::F32, DType::F16] {
        for padded in [true, false] {
            let inputs = case.inputs(float, DType::I64, padded);
            let run = |backend: &Evaluator| {
                bits(&evaluated(backend, &Ctc::default(), &inputs).expect("a valid batch"))
            };
            let first = run(&Evaluator::Gpu(common::gpu()));
            assert!(first == run(&Evaluator::Gpu(common::gpu())), "a second run");
            assert!(first == run(&limited(1 << 20, 65_535, 8)), "in windows");
            assert!(first == run(&limited(1 << 19, 64, 8)), "in small windows and groups");
            assert!(run(&Evaluator::Cpu) == run(&Evaluator::Cpu), "a second run on the CPU");
        }
    }
}

/// A log-probability of -inf is an impossibility, and NaN is carried.
#[test]
fn infinite_and_undefined_probabilities() {
    let mut random = Random(38);
    let mut case = Case::new(&[6, 3, 4], 0, &[2, 2, 2], 2.0, &mut random);
    case.targets = vec![vec![1, 2]; 3];
    // A class that is not in the target, and a label at one step: other alignments remain.
    case.log_probs[3] = f64::NEG_INFINITY;
    case.log_probs[(2 * 3) * 4 + 2] = f64::NEG_INFINITY;
    // A label at every step: none remains.
    for t in 0..6 {
        case.log_probs[(t * 3 + 1) * 4 + 2] = f64::NEG_INFINITY;
    }
    case.check("-inf", &Ctc::default(), &mut random);
    case.check("-inf", &Ctc { zero_infinity: true, ..Ctc::default() }, &mut random);
    for t in 0..6 {
        case.log_probs[(t * 3 + 2) * 4..][..4].fill(f64::NAN);
    }
    let inputs = case.inputs(DType::F32, DType::I64, true);
    for (name, backend) in backends() {
        for loss in [Ctc::default(), Ctc { zero_infinity: true, ..Ctc::default() }] {
            let got = evaluated(&backend, &loss, &inputs).expect("a valid batch");
            let value = got.value.expect("wanted").to_f32().to_vec();
            assert!(value[0].is_finite() && value[2].is_nan(), "{name}: {value:?}");
            let gradient = got.gradients[0].1.to_f32().to_vec();
            let of = |n: usize| gradient.chunks(4).skip(n).step_by(3).flatten();
            assert!(of(0).all(|x| x.is_finite()), "{name}: {gradient:?}");
            assert!(of(2).all(|x| x.is_nan()), "{name}: {gradient:?}");
        }
    }
}

/// The gradient is that of the logits: `exp(log_prob)` more than the slope.
#[test]
fn the_gradient_is_the_slope_plus_the_probability() {
    const STEP: f64 = 1e-6;
    let mut random = Random(39);
    let case = Case::new(&[6, 2, 4], 0, &[3, 2], 2.0, &mut random);
    let value = |case: &Case| {
        let inputs = case.inputs(DType::F64, DType::I64, true);
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&["log_probs"]),
            ..Batch::default()
        };
        let answer = reference::evaluate(&Ctc::default(), &batch).expect("a valid batch");
        (answer.value[0], answer.gradients[0].1.clone())
    };
    let (_, gradient) = value(&case);
    for (i, slope) in gradient.iter().enumerate() {
        let moved = |step: f64| {
            let mut case = case.clone();
            case.log_probs[i] += step;
            value(&case).0
        };
        let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        #[allow(clippy::cast_precision_loss, reason = "small")]
        let share = 1.0 / (2.0 * case.targets[i / 4 % 2].len() as f64);
        let want = difference + share * case.log_probs[i].exp();
        assert!((slope - want).abs() < 1e-8, "{i}: {slope}, differences give {want}");
    }
}
