//! Preferences and policies: kinks, log-probabilities of 0, labels, and what a mask leaves out.

use super::{INF, NAN, assert_same, evaluated, floats};
use crate::common::{assert_close, backends, tensor};
use wgloss::{
    Batch, Cpo, CpoType, DType, Dpo, DpoType, Evaluator, Grpo, GrpoType, ImportanceSampling, Kto,
    Loss, Orpo, Reduction, Request, Simpo, Tensor, definition::Options,
};

/// Why both backends refuse a batch: the same on both.
#[track_caller]
fn refused(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)]) -> String {
    let batch = Batch { inputs, ..Batch::default() };
    let messages = backends().map(|(_, backend)| {
        backend.evaluate_blocking(loss, &batch).expect_err("a bad batch").to_string()
    });
    assert_eq!(messages[0], messages[1]);
    messages[0].clone()
}

fn pairs<'a>(numbers: &[[f64; 4]]) -> Vec<(&'a str, Tensor<'static>)> {
    let names = ["policy_chosen", "policy_rejected", "reference_chosen", "reference_rejected"];
    let column = |i: usize| numbers.iter().map(|four| four[i]).collect::<Vec<_>>();
    let input = |(i, name): (usize, &'a str)| (name, floats(&[numbers.len()], &column(i)));
    names.into_iter().enumerate().map(input).collect()
}

#[test]
fn hinges_have_no_slope_at_their_kink() {
    // z is 0.5, 1, 2 and NaN.
    let numbers = [[0.5, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0], [NAN; 4]];
    let dpo = Dpo { beta: 1.0, loss_type: DpoType::Hinge, ..Dpo::default() };
    let cpo = Cpo { beta: 1.0, loss_type: CpoType::Hinge, ..Cpo::default() };
    for (loss, inputs) in [(&dpo as &dyn Loss, 4), (&cpo, 2)] {
        for (name, value, gradient) in evaluated(loss, &pairs(&numbers)[..inputs], Reduction::None)
        {
            assert_same(name, &value, &[0.5, 0.0, 0.0, NAN]);
            assert_same(name, &gradient, &[-1.0, 0.0, 0.0, 0.0]);
        }
    }
}

#[test]
fn infinite_preferences_are_certain() {
    let inputs = pairs(&[[0.0, -INF, 0.0, 0.0], [-INF, 0.0, 0.0, 0.0]]);
    for (loss, inputs) in [
        (&Dpo::default() as &dyn Loss, &inputs[..]),
        (&Cpo::default(), &inputs[..2]),
        (&Simpo::default(), &inputs[..2]),
    ] {
        let slope = f64::from(-0.1f32);
        for (name, value, gradient) in evaluated(loss, inputs, Reduction::None) {
            assert_same(name, &value, &[0.0, INF]);
            assert_same(name, &gradient, &[0.0, slope]);
        }
    }
}

/// The factors of `sigmoid(z / tau) exp(-z)` are 0 and infinite.
#[test]
fn discopop_is_finite_far_below() {
    let loss = Dpo { beta: 1.0, loss_type: DpoType::Discopop, ..Dpo::default() };
    let inputs = pairs(&[[-100.0, 0.0, 0.0, 0.0], [-1000.0, 0.0, 0.0, 0.0]]);
    for (name, value, gradient) in evaluated(&loss, &inputs, Reduction::None) {
        assert_same(name, &value, &[100.0, 1000.0]);
        assert_same(name, &gradient, &[-1.0, -1.0]);
    }
}

#[test]
fn smoothing_is_refused_where_a_type_has_none() {
    let smoothed = |loss_type, label_smoothing| {
        Dpo { loss_type, label_smoothing, ..Dpo::default() }.validate().map_err(|e| e.to_string())
    };
    for loss_type in [DpoType::Hinge, DpoType::Ipo, DpoType::NcaPair, DpoType::Discopop] {
        assert_eq!(smoothed(loss_type, 0.0), Ok(()));
        let message = "label_smoothing: 0.1 is not valid, expected 0 for a loss_type other than \
                       sigmoid, robust and exo_pair";
        assert_eq!(smoothed(loss_type, 0.1), Err(message.into()));
    }
    for (loss_type, label_smoothing, valid) in [
        (DpoType::Sigmoid, 1.0, true),
        (DpoType::Robust, 0.0, true),
        (DpoType::Robust, 0.49, true),
        (DpoType::Robust, 0.5, false),
        (DpoType::ExoPair, 0.0, false),
        (DpoType::ExoPair, 0.001, true),
        (DpoType::ExoPair, 1.0, false),
    ] {
        assert_eq!(smoothed(loss_type, label_smoothing).is_ok(), valid, "{loss_type:?}");
    }
    for (loss_type, valid) in [(CpoType::Sigmoid, true), (CpoType::Ipo, false)] {
        let loss = Cpo { loss_type, label_smoothing: 0.1, ..Cpo::default() };
        assert_eq!(loss.validate().is_ok(), valid);
    }
}

/// Where the odds of the chosen answer are infinite nothing is lost, and where those of the rejected one
/// are, everything.
#[test]
fn odds_of_certain_answers() {
    let loss = Orpo { beta: 1.0 };
    let (chosen, rejected) = ([0.0, -1.0, 0.0, 1e-6, -1.0], [-1.0, 0.0, 0.0, -1.0, 1e-6]);
    let inputs =
        [("policy_chosen", floats(&[5], &chosen)), ("policy_rejected", floats(&[5], &rejected))];
    let names = ["policy_chosen", "policy_rejected"];
    let request = Request { reduction: Reduction::None, ..Request::with_gradients(&names) };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        assert_same(name, &got.value.expect("wanted").to_f32(), &[0.0, INF, NAN, NAN, NAN]);
        let by_chosen = got.gradients[0].1.to_f32();
        let (limit, other) = (1.0 - 1f64.exp(), 1.0 - (-1f64).exp());
        assert_close(name, &by_chosen, &[1.0 / limit, -1.0 / other, NAN, NAN, NAN], 0.0);
        assert_same(name, &got.gradients[1].1.to_f32(), &[0.0, INF, NAN, NAN, NAN]);
    }
}

#[test]
fn labels_are_0_or_1_whatever_their_type() {
    let inputs = |labels| {
        let (policy, reference) = (floats(&[2, 2], &[-1.0; 4]), floats(&[2, 2], &[-2.0; 4]));
        [("policy", policy), ("reference", reference), ("labels", labels)]
    };
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let want = [sigmoid(-0.1), sigmoid(0.1), sigmoid(0.1), sigmoid(-0.1)];
    for dtype in [DType::F32, DType::F16, DType::F64, DType::U8, DType::I64, DType::I8] {
        let labels = tensor(dtype, &[2, 2], &[1.0, 0.0, 0.0, 1.0]);
        for (name, value, _) in evaluated(&Kto::default(), &inputs(labels), Reduction::None) {
            assert_close(name, &value, &want, 0.0);
        }
    }
    let of = |labels| refused(&Kto::default(), &inputs(labels));
    let bad = tensor(DType::I64, &[2, 2], &[1.0, 0.0, 2.0, -1.0]);
    assert_eq!(of(bad), "labels[1, 0]: 2 is not valid, expected 0 or 1");
    let bad = tensor(DType::I8, &[2, 2], &[1.0, -1.0, 0.0, 0.0]);
    assert_eq!(of(bad), "labels[0, 1]: -1 is not valid, expected 0 or 1");
    let bad = floats(&[2, 2], &[1.0, 0.0, 0.0, 0.5]);
    assert_eq!(of(bad), "labels[1, 1]: 0.5 is not valid, expected 0 or 1");
    assert_eq!(of(floats(&[2, 2], &[NAN; 4])), "labels[0, 0]: NaN is not valid, expected 0 or 1");
    let message = "labels: shape [4] does not fit, expected [2, 2], the shape of policy";
    assert_eq!(of(floats(&[4], &[0.0; 4])), message);
}

/// One number for all answers, one for each, and none, which is 0.
#[test]
fn divergences_of_one_or_all_answers() {
    let inputs = |kl: Option<Tensor<'static>>| {
        let (policy, reference) = (floats(&[3], &[-1.0, -2.0, -3.0]), floats(&[3], &[-2.0; 3]));
        let labels = tensor(DType::U8, &[3], &[1.0, 0.0, 1.0]);
        let given = [("policy", policy), ("reference", reference), ("labels", labels)];
        given.into_iter().chain(kl.map(|kl| ("kl", kl))).collect::<Vec<_>>()
    };
    let run = |kl| evaluated(&Kto::default(), &inputs(kl), Reduction::None);
    for (kl, others) in [
        (0.0, vec![None, Some(floats(&[], &[0.0])), Some(floats(&[1], &[0.0]))]),
        (0.7, vec![Some(floats(&[], &[0.7])), Some(floats(&[1], &[0.7]))]),
    ] {
        let want = run(Some(floats(&[3], &[kl; 3])));
        for other in others {
            assert_eq!(run(other), want);
        }
    }
    let message = refused(&Kto::default(), &inputs(Some(floats(&[2], &[0.0; 2]))));
    assert_eq!(
        message,
        "kl: shape [2] does not fit, expected [3], the shape of policy, or one number"
    );
}

#[test]
fn a_mean_of_answers_does_not_divide_by_their_weights() {
    let loss = Kto { desirable_weight: 3.0, undesirable_weight: 0.0, ..Kto::default() };
    let inputs = [
        ("policy", floats(&[2], &[-1.0, -1.0])),
        ("reference", floats(&[2], &[-1.0, -1.0])),
        ("labels", floats(&[2], &[1.0, 0.0])),
    ];
    for (name, value, _) in evaluated(&loss, &inputs, Reduction::Mean) {
        assert_same(name, &value, &[0.75]);
    }
}

/// Two sequences of three tokens.
fn sequences(
    advantages: [f64; 2],
    old: Option<[f64; 6]>,
    mask: [f64; 6],
) -> Vec<(&'static str, Tensor<'static>)> {
    let log_probs = floats(&[2, 3], &[-1.0, -2.0, -3.0, -1.0, -0.5, -0.25]);
    let mut inputs = vec![
        ("log_probs", log_probs),
        ("advantages", floats(&[2], &advantages)),
        ("mask", tensor(DType::U8, &[2, 3], &mask)),
    ];
    inputs.extend(old.map(|old| ("old_log_probs", floats(&[2, 3], &old))));
    inputs
}

const ALL: [f64; 6] = [1.0; 6];

fn every_mean() -> Vec<Grpo> {
    let types = [GrpoType::Dapo, GrpoType::Grpo, GrpoType::Bnpo, GrpoType::DrGrpo];
    let levels = [ImportanceSampling::Token, ImportanceSampling::Sequence];
    let of = |loss_type| {
        levels.map(|importance_sampling_level| Grpo {
            loss_type,
            importance_sampling_level,
            ..Grpo::default()
        })
    };
    types.into_iter().flat_map(of).collect()
}

#[test]
fn tokens_outside_the_mask_are_never_read() {
    let old = [-1.0, NAN, -3.0, INF, -0.5, -INF];
    let mask = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
    for loss in every_mean() {
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            for (name, value, gradient) in
                evaluated(&loss, &sequences([1.0, -2.0], Some(old), mask), reduction)
            {
                let what = format!("{loss:?}, {reduction} on {name}");
                assert!(value.iter().chain(&gradient).all(|x| x.is_finite()), "{what}");
                assert_same(&what, &[gradient[1], gradient[3], gradient[5]], &[0.0; 3]);
                if reduction == Reduction::None {
                    assert_same(&what, &value, &[-1.0, 0.0, -1.0, 0.0, 2.0, 0.0]);
                }
            }
        }
    }
}

/// Counts are at least 1, and an empty sequence is one of those that a mean over sequences is of.
#[test]
fn empty_sequences_and_masks() {
    for loss in every_mean() {
        for (name, value, gradient) in
            evaluated(&loss, &sequences([1.0, 1.0], None, [0.0; 6]), Reduction::Mean)
        {
            assert_same(name, &value, &[0.0]);
            assert_same(name, &gradient, &[0.0; 6]);
        }
        let mask = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let want = match loss.loss_type {
            GrpoType::Grpo | GrpoType::DrGrpo => -0.5,
            _ => -1.0,
        };
        for (name, value, _) in
            evaluated(&loss, &sequences([1.0, 1.0], None, mask), Reduction::Mean)
        {
            assert_same(&format!("{loss:?} on {name}"), &value, &[want]);
        }
        let nothing =
            [("log_probs", floats(&[3, 0], &[])), ("advantages", floats(&[3], &[1.0; 3]))];
        for (name, value, _) in evaluated(&loss, &nothing, Reduction::Mean) {
            assert_same(name, &value, &[0.0]);
        }
    }
}

#[test]
fn means_divide_by_what_is_given() {
    let value = |loss: Grpo| {
        let answers = evaluated(&loss, &sequences([1.0, 1.0], None, ALL), Reduction::Mean);
        assert_eq!(answers[0].1, answers[1].1);
        answers[0].1[0]
    };
    let dapo = |num_items| Grpo { num_items, ..Grpo::default() };
    assert_eq!([None, Some(0), Some(12)].map(|n| value(dapo(n))), [-1.0, -6.0, -0.5]);
    let dr = |max_completion_length| Grpo {
        loss_type: GrpoType::DrGrpo,
        max_completion_length,
        ..Grpo::default()
    };
    assert_eq!([None, Some(1), Some(12)].map(|n| value(dr(n))), [-1.0, -3.0, -0.25]);
}

/// Without old log-probabilities the ratio is 1, and its gradient is the advantage's.
#[test]
fn absent_old_log_probabilities_are_those_of_now() {
    for loss in [Grpo::default(), Grpo { epsilon_low: 0.0, epsilon_high: 0.0, ..Grpo::default() }] {
        for (name, value, gradient) in
            evaluated(&loss, &sequences([2.0, -3.0], None, ALL), Reduction::Sum)
        {
            assert_same(name, &value, &[3.0]);
            assert_same(name, &gradient, &[-2.0, -2.0, -2.0, 3.0, 3.0, 3.0]);
        }
    }
}

#[test]
fn infinite_ratios_are_clipped_one_way() {
    let old = [-1000.0, -2.0, -3.0, -1000.0, -0.5, -0.25];
    let grpo = |delta| Grpo { delta, ..Grpo::default() };
    for (delta, value_of_second, slope_of_second) in [(None, INF, INF), (Some(3.0), 3.0, 0.0)] {
        let inputs = sequences([1.0, -1.0], Some(old), ALL);
        for (name, value, gradient) in evaluated(&grpo(delta), &inputs, Reduction::None) {
            assert_same(name, &value[..1], &[f64::from(-1.2f32)]);
            assert_same(name, &value[3..4], &[value_of_second]);
            assert_same(name, &[gradient[0], gradient[3]], &[0.0, slope_of_second]);
        }
        let inputs = sequences([0.0, 0.0], Some(old), ALL);
        for (name, value, gradient) in evaluated(&grpo(delta), &inputs, Reduction::None) {
            assert_same(name, &value, &[0.0; 6]);
            assert_same(name, &gradient, &[0.0; 6]);
        }
    }
}

/// Without advantages the divergence is left, of sequences too.
#[test]
fn the_divergence_is_of_each_token() {
    for importance_sampling_level in [ImportanceSampling::Token, ImportanceSampling::Sequence] {
        let loss = Grpo { beta: 0.5, importance_sampling_level, ..Grpo::default() };
        let mut inputs = sequences([0.0, 0.0], None, ALL);
        let numbers = [-1.0, -2.0, -3.0, -2.0, -0.5, -0.25];
        inputs.push(("reference_log_probs", floats(&[2, 3], &numbers)));
        let (value_of, slope_of) = (0.5 * (-1f64).exp(), -0.5 * (-1f64).exp_m1());
        for (name, value, gradient) in evaluated(&loss, &inputs, Reduction::Sum) {
            assert_close(name, &value, &[value_of], 0.0);
            assert_close(name, &gradient, &[0.0, 0.0, 0.0, slope_of, 0.0, 0.0], 0.0);
        }
        let message = "beta: 0.5 without reference_log_probs is not valid, expected 0, or \
                       reference_log_probs beside it";
        assert_eq!(refused(&loss, &inputs[..3]), message);
    }
}

#[test]
fn masks_and_shapes_that_do_not_fit_are_refused() {
    let inputs = sequences([1.0, 1.0], None, [0.0, 1.0, 1.0, 1.0, 7.0, 1.0]);
    let message = "mask[1, 1]: 7 is not valid, expected 0 or 1";
    assert_eq!(refused(&Grpo::default(), &inputs), message);
    let mut inputs = sequences([1.0, 1.0], None, ALL);
    inputs[1].1 = floats(&[3], &[1.0; 3]);
    let message = "advantages: shape [3] does not fit, expected [2], one number for each sequence";
    assert_eq!(refused(&Grpo::default(), &inputs), message);
    let inputs = [("log_probs", floats(&[6], &[0.0; 6])), ("advantages", floats(&[6], &[0.0; 6]))];
    let message = "log_probs: shape [6] does not fit, expected [B, T]";
    assert_eq!(refused(&Grpo::default(), &inputs), message);
    for loss in [
        Grpo { delta: Some(0.0), ..Grpo::default() },
        Grpo { delta: Some(f32::INFINITY), ..Grpo::default() },
        Grpo { num_items: Some(-1), ..Grpo::default() },
        Grpo { max_completion_length: Some(0), ..Grpo::default() },
        Grpo { epsilon_low: 1.5, ..Grpo::default() },
        Grpo { epsilon_high: -0.5, ..Grpo::default() },
        Grpo { beta: -0.5, ..Grpo::default() },
    ] {
        assert!(loss.validate().is_err(), "{loss:?}");
    }
    let request = Request { totals: true, ..Request::default() };
    let inputs = sequences([1.0, 1.0], None, ALL);
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let error = Evaluator::Cpu.evaluate_blocking(&Grpo::default(), &batch).expect_err("totals");
    assert!(error.to_string().starts_with("totals: true with grpo_loss"), "{error}");
}
