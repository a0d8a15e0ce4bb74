//! Elements: infinities, clamps, kinks and certain predictions.

use super::{INF, NAN, assert_same, evaluated, floats};
use crate::common;
use wgloss::{
    Batch, BinaryCrossEntropy, BinaryCrossEntropyWithLogits, KlDiv, L1, Loss, PoissonNll,
    Reduction, Request, SigmoidFocal, SmoothL1, SoftMargin,
};

#[test]
fn infinite_logits_of_binary_cross_entropy() {
    let inputs = [
        ("input", floats(&[4], &[INF, -INF, -INF, NAN])),
        ("target", floats(&[4], &[1.0, 0.0, 1.0, 1.0])),
    ];
    let loss = BinaryCrossEntropyWithLogits;
    for (name, value, gradient) in evaluated(&loss, &inputs, Reduction::None) {
        assert_same(name, &value, &[0.0, 0.0, INF, NAN]);
        assert_same(name, &gradient, &[0.0, 0.0, -1.0, NAN]);
    }
}

#[test]
fn binary_cross_entropy_clamps_and_refuses() {
    let inputs = [
        ("input", floats(&[5], &[0.0, 1.0, -0.1, 1.1, NAN])),
        ("target", floats(&[5], &[1.0, 0.0, 0.0, 1.0, 0.0])),
    ];
    for (name, value, gradient) in evaluated(&BinaryCrossEntropy, &inputs, Reduction::None) {
        assert_same(name, &value, &[100.0, 100.0, NAN, NAN, NAN]);
        assert_same(name, &gradient[2..], &[NAN, NAN, NAN]);
        assert!(gradient[0] < -9e11 && gradient[1] > 9e11, "{name}: {gradient:?}");
    }
}

#[test]
fn kullback_leibler_of_nothing_is_nothing() {
    let inputs =
        [("input", floats(&[3], &[-INF, -1.0, NAN])), ("target", floats(&[3], &[0.0, 0.0, 0.0]))];
    for (name, value, gradient) in evaluated(&KlDiv::default(), &inputs, Reduction::None) {
        assert_same(name, &value, &[0.0, 0.0, NAN]);
        assert_same(name, &gradient[..2], &[0.0, 0.0]);
    }
    let inputs = [("input", floats(&[2], &[-INF, -1.0])), ("target", floats(&[2], &[-INF, -INF]))];
    for (name, value, _) in evaluated(&KlDiv { log_target: true }, &inputs, Reduction::None) {
        assert_same(name, &value, &[0.0, 0.0]);
    }
}

#[test]
fn l1_of_nan_has_a_nan_gradient_and_a_kink_has_none() {
    let inputs = [
        ("input", floats(&[4], &[NAN, INF, 2.0, -1.0])),
        ("target", floats(&[4], &[0.0, INF, 2.0, 0.0])),
    ];
    for loss in [&L1 as &dyn Loss, &SmoothL1 { beta: 0.0 }] {
        for (name, value, gradient) in evaluated(loss, &inputs, Reduction::None) {
            assert_same(name, &value, &[NAN, NAN, 0.0, 1.0]);
            assert_same(name, &gradient, &[NAN, NAN, 0.0, -1.0]);
        }
    }
}

#[test]
fn soft_margin_overflows_for_nothing() {
    let inputs = [
        ("input", floats(&[3], &[-100.0, 1e30, 88.0])),
        ("target", floats(&[3], &[1.0, -1.0, -1.0])),
    ];
    for (name, value, gradient) in evaluated(&SoftMargin, &inputs, Reduction::None) {
        assert_same(name, &value, &[100.0, f64::from(1e30f32), 88.0]);
        assert_same(name, &gradient, &[-1.0, 1.0, 1.0]);
    }
}

#[test]
fn poisson_of_a_target_of_zero() {
    let loss = PoissonNll { full: true, ..PoissonNll::default() };
    let inputs = [("input", floats(&[1], &[0.5])), ("target", floats(&[1], &[0.0]))];
    let batch = Batch {
        inputs: &inputs,
        request: Request::with_gradients(&["target"]),
        ..Batch::default()
    };
    for (name, backend) in common::backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        assert_same(name, &got.gradients[0].1.to_f32(), &[-0.5]);
    }
}

#[test]
fn focal_loss_of_a_certain_prediction() {
    for gamma in [0.0, 0.5, 1.0, 2.0] {
        let loss = SigmoidFocal { gamma, ..SigmoidFocal::default() };
        let inputs = [("input", floats(&[2], &[INF, -INF])), ("target", floats(&[2], &[1.0, 0.0]))];
        for (name, value, gradient) in evaluated(&loss, &inputs, Reduction::None) {
            assert_same(&format!("{gamma} on {name}"), &value, &[0.0, 0.0]);
            assert_same(&format!("{gamma} on {name}"), &gradient, &[0.0, 0.0]);
        }
    }
}
