//! Input that is refused, with the message.

use crate::common::{self, tensor};
use wgloss::{Batch, DType, LinearCrossEntropy, Request, Tensor};

#[test]
fn bad_input_is_refused() {
    let f = |shape: &[usize]| tensor(DType::F32, shape, &vec![0.0; shape.iter().product()]);
    let i =
        |shape: &[usize], class| tensor(DType::I64, shape, &vec![class; shape.iter().product()]);
    let plain = LinearCrossEntropy::default();
    let with = |ignore_index| LinearCrossEntropy { ignore_index, ..plain };
    let none: Option<(&str, Tensor<'_>)> = None;
    let cases = [
        (
            plain,
            f(&[2, 2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            none.clone(),
            "input: shape [2, 2, 3] does not fit, expected [N, D] or [D]",
        ),
        (
            plain,
            f(&[2, 0]),
            f(&[4, 0]),
            i(&[2], 0.0),
            none.clone(),
            "input: shape [2, 0] does not fit, expected at least one feature",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4]),
            i(&[2], 0.0),
            none.clone(),
            "linear_weight: shape [4] does not fit, expected [V, D] or [V, d1..., D]",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 4]),
            i(&[2], 0.0),
            none.clone(),
            "linear_weight: shape [4, 4] does not fit, expected a last dimension of 3, the features of input",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[0, 3]),
            i(&[2], 0.0),
            none.clone(),
            "linear_weight: shape [0, 3] does not fit, expected at least one class",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 0, 3]),
            i(&[2, 0], 0.0),
            none.clone(),
            "linear_weight: shape [4, 0, 3] does not fit, expected at least one position",
        ),
        (
            plain,
            f(&[3]),
            f(&[2, 4, 3]),
            i(&[4], 0.0),
            none.clone(),
            "linear_weight: shape [2, 4, 3] does not fit, expected [V, D] with an input of shape [3]; [V, d1..., D] needs one of [N, D]",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[3], 0.0),
            none.clone(),
            "target: shape [3] does not fit, expected [2], class indices",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 3]),
            f(&[2]),
            none.clone(),
            "target: element type float32 does not fit, expected an integer type: in NumPy, \
             target.astype(\"int64\"), or probabilities in the shape of the classes",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 3]),
            f(&[2, 3]),
            none.clone(),
            "target: shape [2, 3] does not fit, expected [2, 4], probabilities",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            Some(("linear_bias", f(&[3]))),
            "linear_bias: shape [3] does not fit, expected [4], linear_weight without its features",
        ),
        (
            plain,
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            Some(("weight", f(&[3]))),
            "weight: shape [3] does not fit, expected [4], one number for each class",
        ),
        (
            with(0),
            f(&[2, 3]),
            f(&[4, 3]),
            f(&[2, 4]),
            none.clone(),
            "ignore_index: 0 is not valid, expected a negative number where the target holds probabilities",
        ),
        (
            LinearCrossEntropy { label_smoothing: 2.0, ..plain },
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            none.clone(),
            "label_smoothing: 2 is not valid, expected a number from 0 to 1",
        ),
        (
            LinearCrossEntropy { z_loss: -1.0, ..plain },
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            none.clone(),
            "z_loss: -1 is not valid, expected a finite number, 0 or more",
        ),
        (
            LinearCrossEntropy { softcap: f32::NAN, ..plain },
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 0.0),
            none.clone(),
            "softcap: NaN is not valid, expected a finite number, 0 or more",
        ),
        (
            with(-1),
            f(&[2, 3]),
            f(&[4, 3]),
            i(&[2], 7.0),
            none.clone(),
            "target[0] is 7, expected 0 to 3 or -1, which is ignored (2 such in all)",
        ),
        (
            plain,
            f(&[3, 3]),
            f(&[4, 2, 3]),
            i(&[3, 2], -3.0),
            none,
            "target[0, 0] is -3, expected 0 to 3 or -100, which is ignored (6 such in all)",
        ),
    ];
    for (loss, input, linear, target, more, message) in cases {
        let mut inputs = vec![("input", input), ("linear_weight", linear), ("target", target)];
        inputs.extend(more);
        for (name, backend) in common::backends() {
            let batch = Batch {
                inputs: &inputs,
                request: Request::with_gradients(&["input"]),
                ..Batch::default()
            };
            let error = backend.evaluate_blocking(&loss, &batch).expect_err(message);
            assert_eq!(error.to_string(), message, "on {name}");
        }
    }
}
