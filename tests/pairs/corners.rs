//! The corners of the documentation.

use super::{floats, integers};
use crate::common::{assert_close, backends};
use wgloss::{
    ArcFace, Batch, CosFace, InfoNce, Loss, NtXent, Reduction, Request, SigmoidContrastive, SupCon,
    Tensor,
};

const NAN: f64 = f64::NAN;

/// The value, and the gradients by the inputs named.
#[track_caller]
fn check(
    loss: &dyn Loss,
    inputs: &[(&str, Tensor<'_>)],
    reduction: Reduction,
    value: &[f64],
    gradients: &[(&str, &[f64])],
) {
    let names: Vec<&str> = gradients.iter().map(|(name, _)| *name).collect();
    let request = Request { reduction, ..Request::with_gradients(&names) };
    let batch = Batch { inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
        assert_close(name, &got.value.expect("wanted").to_f32(), value, 1.0);
        for ((input, got), (_, want)) in got.gradients.iter().zip(gradients) {
            assert_close(&format!("{input} on {name}"), &got.to_f32(), want, 1.0);
        }
    }
}

/// One pair has no negative.
#[test]
fn one_pair() {
    let inputs = [("query", floats(&[1, 2], &[3.0, 4.0])), ("key", floats(&[1, 2], &[1.0, 2.0]))];
    let zeros: [(&str, &[f64]); 2] = [("query", &[0.0, 0.0]), ("key", &[0.0, 0.0])];
    for symmetric in [false, true] {
        let loss = InfoNce { symmetric, ..InfoNce::default() };
        check(&loss, &inputs, Reduction::Mean, &[0.0], &zeros);
    }
}

/// No pairs at all: NaN, and a gradient of nothing; the sum is 0.
#[test]
fn nothing() {
    let none = || floats(&[0, 2], &[]);
    let inputs = [("query", none()), ("key", floats(&[1, 2], &[1.0, 2.0]))];
    let zeros: [(&str, &[f64]); 2] = [("query", &[]), ("key", &[0.0, 0.0])];
    check(&InfoNce::default(), &inputs, Reduction::Mean, &[NAN], &zeros);
    check(&InfoNce::default(), &inputs, Reduction::Sum, &[0.0], &zeros);
    let inputs = [("image", none()), ("text", none()), ("logit_scale", floats(&[], &[2.0]))];
    let zeros: [(&str, &[f64]); 2] = [("image", &[]), ("logit_scale", &[0.0])];
    check(&SigmoidContrastive::default(), &inputs, Reduction::Sum, &[0.0], &zeros);
    let inputs = [("input", none()), ("labels", integers(&[]))];
    check(&SupCon::default(), &inputs, Reduction::Mean, &[NAN], &[("input", &[])]);
}

/// Components near 1e-20 and 1e20 keep their digits, and a vector of zeros has no direction.
#[test]
fn directions() {
    let query = floats(&[3, 2], &[3e-20, 4e-20, 3e20, -4e20, 0.0, 0.0]);
    let key = floats(&[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    let loss = InfoNce { normalize: true, temperature: 1.0, ..InfoNce::default() };
    let row = |s: [f64; 3], own: usize| s.iter().map(|s| s.exp()).sum::<f64>().ln() - s[own];
    let want = [row([0.6, 0.8, 0.6], 0), row([0.6, -0.8, 0.6], 1), 3f64.ln()];
    let inputs = [("query", query), ("key", key)];
    let request = Request { reduction: Reduction::None, ..Request::with_gradients(&["query"]) };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        assert_close(name, &got.value.expect("wanted").to_f32(), &want, 1.0);
        let gradient = got.gradients[0].1.to_f32();
        assert!(gradient[0].abs() > 1e18 && gradient[0].is_finite(), "{name}: {gradient:?}");
        assert!(gradient[2].abs() < 1e-19 && gradient[2] != 0.0, "{name}: {gradient:?}");
        assert_eq!(gradient[4..], [0.0, 0.0], "{name}");
    }
}

/// A query that is ignored is never read, and counts in no mean.
#[test]
fn ignored() {
    let query = floats(&[2, 2], &[NAN, f64::INFINITY, 1.0, -1.0]);
    let key = || floats(&[2, 2], &[0.5, 0.25, 0.75, -0.5]);
    let s = [0.25f64, 1.25];
    let p = 1.0 / (1.0 + (s[0] - s[1]).exp());
    let slopes = [1.0 - p, p - 1.0];
    for normalize in [false, true] {
        let loss = InfoNce { temperature: 1.0, normalize, ..InfoNce::default() };
        let all =
            [("query", query.clone()), ("key", key()), ("target", integers(&[-100.0, -100.0]))];
        let zeros: [(&str, &[f64]); 2] = [("query", &[0.0; 4]), ("key", &[0.0; 4])];
        check(&loss, &all, Reduction::Mean, &[NAN], &zeros);
        check(&loss, &all, Reduction::None, &[0.0, 0.0], &zeros);
    }
    let loss = InfoNce { temperature: 1.0, ..InfoNce::default() };
    let inputs = [("query", query), ("key", key()), ("target", integers(&[-100.0, 1.0]))];
    let of_query =
        [0.0, 0.0, slopes[0] * 0.5 + slopes[1] * 0.75, slopes[0] * 0.25 - slopes[1] * 0.5];
    let of_key = [slopes[0], -slopes[0], slopes[1], -slopes[1]];
    let want: [(&str, &[f64]); 2] = [("query", &of_query), ("key", &of_key)];
    check(&loss, &inputs, Reduction::Mean, &[-p.ln()], &want);
}

/// A scale of 0 or below means what it says; its gradient does not divide by it.
#[test]
fn scales() {
    let vectors = [1.0, 0.0, 0.0, 2.0];
    for scale in [0.0, -1.5] {
        let inputs = [
            ("query", floats(&[2, 2], &vectors)),
            ("key", floats(&[2, 2], &vectors)),
            ("logit_scale", floats(&[1], &[scale])),
        ];
        // Products of 1 and 4 with the own key, and 0 with the other.
        let wrong = |product: f64| 1.0 / (1.0 + (scale * product).exp());
        let value = -((1.0 - wrong(1.0)).ln() + (1.0 - wrong(4.0)).ln()) / 2.0;
        let slope = -(wrong(1.0) + 4.0 * wrong(4.0)) / 2.0;
        check(
            &InfoNce::default(),
            &inputs,
            Reduction::Mean,
            &[value],
            &[("logit_scale", &[slope])],
        );
    }
}

/// Rows alone, partners alone, and labels that are all one.
#[test]
fn labels() {
    let one = [("input", floats(&[1, 2], &[1.0, 2.0])), ("labels", integers(&[7.0]))];
    let zeros: [(&str, &[f64]); 1] = [("input", &[0.0, 0.0])];
    for loss in [&SupCon::default() as &dyn Loss, &NtXent::default()] {
        check(loss, &one, Reduction::Mean, &[NAN], &zeros);
        check(loss, &one, Reduction::Sum, &[0.0], &zeros);
    }
    let vectors = || floats(&[2, 2], &[1.0, 2.0, 3.0, -1.0]);
    let two = [("input", vectors()), ("labels", integers(&[7.0, 7.0]))];
    for loss in [&SupCon::default() as &dyn Loss, &NtXent::default()] {
        check(loss, &two, Reduction::Mean, &[0.0], &[("input", &[0.0; 4])]);
    }
    // All partners: the others are in the denominator of supervised contrastive, and in none of NT-Xent.
    let three = [
        ("input", floats(&[3, 2], &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0])),
        ("labels", integers(&[-1.0, -1.0, -1.0])),
    ];
    let (near, far) = ((10f64.exp() + 1.0).ln(), 2f64.ln());
    let want = [near - 5.0, near - 5.0, far];
    check(&SupCon::default(), &three, Reduction::None, &want, &[]);
    check(&NtXent::default(), &three, Reduction::Sum, &[0.0], &[("input", &[0.0; 6])]);
    // Labels are compared whole.
    let other = [("input", vectors()), ("labels", integers(&[1.0, 4_294_967_297.0]))];
    check(&SupCon::default(), &other, Reduction::Sum, &[0.0], &[("input", &[0.0; 4])]);
}

/// No loss is too large for its gradient: the package caps it at 87.3.
#[test]
fn far_negatives() {
    let inputs =
        [("input", floats(&[3, 1], &[1.0, -1.0, 1.0])), ("labels", integers(&[0.0, 0.0, 1.0]))];
    let loss = NtXent { temperature: 0.01, normalize: false };
    // Of the first row the partner is at -100, the negative at 100; of the second both at -100.
    let want = [200.0, 2f64.ln(), 0.0];
    check(&loss, &inputs, Reduction::None, &want, &[]);
    let slope = 100.0 * (1.0 / 2.0) * 2.0;
    let request = Request { reduction: Reduction::Sum, ..Request::with_gradients(&["input"]) };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        assert!(f64::from(got.gradients[0].1.to_f32()[0].abs()) >= slope, "{name}");
    }
}

/// Angles of 0 and half a turn, margins past half a turn, one class, and no margin.
#[test]
fn angles() {
    let row = |input: &[f64], classes: usize, margin: f32| {
        let weight = [1.0, 0.0, 0.0, 1.0];
        let inputs = vec![
            ("input", floats(&[1, 2], input)),
            ("linear_weight", floats(&[classes, 2], &weight[..2 * classes])),
            ("target", integers(&[0.0])),
        ];
        (ArcFace { margin, scale: 2.0, ..ArcFace::default() }, inputs)
    };
    let entropy = |own: f64, other: f64| (own.exp() + other.exp()).ln() - own;
    for (input, margin) in
        [([3.0, 0.0], 0.5), ([-3.0, 0.0], 0.5), ([1.0, 1.0], 3.0), ([1.0, 2.0], 0.0)]
    {
        let (loss, inputs) = row(&input, 2, margin);
        let length = input[0].hypot(input[1]);
        let (cosine, other) = (input[0] / length, input[1] / length);
        let (angle, margin) = (cosine.acos(), f64::from(margin));
        let widened = match angle > std::f64::consts::PI - margin {
            true => cosine - margin * margin.sin(),
            false => (angle + margin).cos(),
        };
        let value = entropy(2.0 * widened, 2.0 * other);
        check(&loss, &inputs, Reduction::Mean, &[value], &[]);
        let request = Request::with_gradients(&["input", "linear_weight"]);
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        for (name, backend) in backends() {
            let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
            let finite = |(_, gradient): &(&str, Tensor<'_>)| {
                gradient.to_f32().iter().all(|slope| slope.is_finite())
            };
            assert!(got.gradients.iter().all(finite), "{name}: {:?}", got.gradients);
        }
    }
    let (loss, inputs) = row(&[1.0, 2.0], 1, 0.5);
    check(&loss, &inputs, Reduction::Mean, &[0.0], &[("input", &[0.0, 0.0])]);
    // A vector of zeros is at a right angle to all.
    let (loss, inputs) = row(&[0.0, 0.0], 2, 0.5);
    let value = entropy(-2.0 * f64::from(0.5f32).sin(), 0.0);
    check(&loss, &inputs, Reduction::Mean, &[value], &[("input", &[0.0, 0.0])]);
    let loss = CosFace { margin: -0.25, scale: 2.0, ..CosFace::default() };
    check(&loss, &inputs, Reduction::Mean, &[entropy(0.5, 0.0)], &[("input", &[0.0, 0.0])]);
}

/// A vector of zeros, whose direction is none, has the bias alone.
#[test]
fn biases() {
    let inputs = [
        ("image", floats(&[2, 1], &[0.0, 2.0])),
        ("text", floats(&[2, 1], &[1.0, -1.0])),
        ("logit_scale", floats(&[], &[-3.0])),
        ("logit_bias", floats(&[], &[0.5])),
    ];
    let softplus = |x: f64| x.exp().ln_1p();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let want = [softplus(-0.5) + softplus(0.5), softplus(-2.5) + softplus(-3.5)];
    let loss = SigmoidContrastive { normalize: true };
    let zero: [(&str, &[f64]); 1] = [("image", &[0.0, 0.0])];
    check(&loss, &inputs, Reduction::None, &want, &zero);
    let loss = SigmoidContrastive::default();
    let s = [[0.5, 0.5], [0.5 - 6.0, 0.5 + 6.0]];
    let h = [[-sigmoid(-s[0][0]), sigmoid(s[0][1])], [sigmoid(s[1][0]), -sigmoid(-s[1][1])]];
    let by_bias = h.iter().flatten().sum::<f64>();
    let by_scale = 2.0 * (h[1][0] - h[1][1]);
    let value = softplus(-0.5) + softplus(0.5) + softplus(-5.5) + softplus(-6.5);
    let want: [(&str, &[f64]); 2] = [("logit_scale", &[by_scale]), ("logit_bias", &[by_bias])];
    check(&loss, &inputs, Reduction::Sum, &[value], &want);
}
