//! Input that is refused, with the message.

use super::{floats, integers};
use crate::common::backends;
use wgloss::{
    ArcFace, Batch, CosFace, InfoNce, Loss, NtXent, Request, SigmoidContrastive, SupCon, Tensor,
};

fn zeros(shape: &[usize]) -> Tensor<'static> {
    floats(shape, &vec![0.0; shape.iter().product()])
}

#[track_caller]
fn assert_refused(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)], message: &str) {
    let batch = Batch { inputs, request: Request::default(), ..Batch::default() };
    for (name, backend) in backends() {
        let error = backend.evaluate_blocking(loss, &batch).expect_err(message);
        assert_eq!(error.to_string(), message, "{name}");
    }
}

#[test]
fn shapes() {
    let plain = InfoNce::default();
    let symmetric = InfoNce { symmetric: true, ..plain };
    let vectors = |name: &'static str, shape: &[usize]| (name, zeros(shape));
    for (loss, inputs, message) in [
        (
            plain,
            vec![vectors("query", &[3]), vectors("key", &[3, 2])],
            "query: shape [3] does not fit, expected [N, D]",
        ),
        (
            plain,
            vec![vectors("query", &[3, 0]), vectors("key", &[3, 0])],
            "query: shape [3, 0] does not fit, expected at least one feature",
        ),
        (
            plain,
            vec![vectors("query", &[3, 2]), vectors("key", &[3, 4])],
            "key: shape [3, 4] does not fit, expected a last dimension of 2, that of query",
        ),
        (
            plain,
            vec![vectors("query", &[3, 2]), vectors("key", &[2, 2])],
            "key: shape [2, 2] does not fit, expected at least 3 rows, one for each of query, where there is no target",
        ),
        (
            symmetric,
            vec![vectors("query", &[3, 2]), vectors("key", &[4, 2])],
            "key: shape [4, 2] does not fit, expected [3, 2], as query",
        ),
        (
            symmetric,
            vec![
                vectors("query", &[2, 2]),
                vectors("key", &[2, 2]),
                ("target", integers(&[0.0, 1.0])),
            ],
            "target: given beside symmetric is not valid, expected none: each row's partner is its own column",
        ),
        (
            plain,
            vec![vectors("query", &[2, 2]), vectors("key", &[2, 2]), ("target", integers(&[0.0]))],
            "target: shape [1] does not fit, expected [2], one for each row of query",
        ),
        (
            plain,
            vec![vectors("query", &[2, 2]), vectors("key", &[2, 2]), vectors("logit_scale", &[2])],
            "logit_scale: shape [2] does not fit, expected [] or [1]",
        ),
        (
            InfoNce { temperature: 0.5, ..plain },
            vec![vectors("query", &[2, 2]), vectors("key", &[2, 2]), vectors("logit_scale", &[])],
            "temperature: 0.5 is not valid, expected its default beside logit_scale",
        ),
        (
            plain,
            vec![
                vectors("query", &[2, 2]),
                vectors("key", &[0, 2]),
                ("target", integers(&[0.0, 0.0])),
            ],
            "key: shape [0, 2] does not fit, expected at least one row",
        ),
    ] {
        assert_refused(&loss, &inputs, message);
    }
    assert_refused(
        &SupCon::default(),
        &[vectors("input", &[2, 2]), ("labels", integers(&[1.0, 1.0, 2.0]))],
        "labels: shape [3] does not fit, expected [2], one for each row of input",
    );
    assert_refused(
        &SigmoidContrastive::default(),
        &[vectors("image", &[2, 2]), vectors("text", &[3, 2]), vectors("logit_scale", &[])],
        "text: shape [3, 2] does not fit, expected [2, 2], as image",
    );
}

#[test]
fn indices_and_options() {
    let inputs = [
        ("input", zeros(&[2, 2])),
        ("linear_weight", zeros(&[3, 2])),
        ("target", integers(&[0.0, 3.0])),
    ];
    let message = "target[1] is 3, expected 0 to 2 or -100, which is ignored";
    for loss in [&ArcFace::default() as &dyn Loss, &CosFace::default()] {
        assert_refused(loss, &inputs, message);
    }
    let of_labels = [("input", zeros(&[2, 2])), ("labels", integers(&[0.0, 0.0]))];
    let wide = ArcFace { margin: std::f32::consts::PI, ..ArcFace::default() };
    assert_refused(
        &wide,
        &inputs,
        "margin: 3.1415927 is not valid, expected a number from 0 to below pi",
    );
    let scale = CosFace { scale: 0.0, ..CosFace::default() };
    assert_refused(&scale, &inputs, "scale: 0 is not valid, expected a finite number above 0");
    let cold = "temperature: 0 is not valid, expected a finite number above 0";
    assert_refused(&SupCon { temperature: 0.0, ..SupCon::default() }, &of_labels, cold);
    assert_refused(&NtXent { temperature: 0.0, ..NtXent::default() }, &of_labels, cold);
}

/// A part of a batch has not all that its rows are compared with.
#[test]
fn totals() {
    let vectors = |name: &'static str| (name, zeros(&[2, 2]));
    let labels = ("labels", integers(&[0.0, 0.0]));
    let of_labels = vec![vectors("input"), labels];
    let pairs = vec![vectors("query"), vectors("key")];
    let images = vec![vectors("image"), vectors("text"), ("logit_scale", zeros(&[]))];
    let cases: [(&dyn Loss, _, &str); 4] = [
        (&NtXent::default(), &of_labels, "nt_xent_loss"),
        (&SupCon::default(), &of_labels, "sup_con_loss"),
        (&InfoNce::default(), &pairs, "info_nce_loss without target"),
        (&SigmoidContrastive::default(), &images, "sigmoid_contrastive_loss"),
    ];
    for (loss, inputs, name) in cases {
        let request = Request { totals: true, ..Request::default() };
        let batch = Batch { inputs, request, ..Batch::default() };
        let message = format!(
            "totals: true with {name} is not valid, expected false: rows are compared with all others, which a part has not"
        );
        for (backend_name, backend) in backends() {
            let error = backend.evaluate_blocking(loss, &batch).expect_err(&message);
            assert_eq!(error.to_string(), message, "{backend_name}");
        }
    }
}
