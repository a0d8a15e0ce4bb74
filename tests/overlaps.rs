//! Outputs that overlap other tensors are refused, with both ranges and the reason.

use crate::common;
use crate::common::buffers::{empty, kind};
use wgloss::{Bindings, CrossEntropy, Ctc, DType, Loss, MultiLabelMargin, Plan, Request};

/// What forbids writing in place is told by the plan, and by the error of trying it.
#[test]
fn what_cannot_be_written_in_place_says_why() {
    let gpu = common::gpu();
    let f = |shape: &[usize]| kind(DType::F32, shape);
    let half = |shape: &[usize]| kind(DType::F16, shape);
    let cases: [(&dyn Loss, _, _, &str); 5] = [
        (
            &wgloss::Mse,
            vec![("input", f(&[4, 64])), ("target", f(&[64]))],
            vec!["input", "target"],
            "the gradient of a broadcast input or of the weight reads all inputs again",
        ),
        (
            &wgloss::Mse,
            vec![("input", half(&[256])), ("target", f(&[256]))],
            vec!["input"],
            "the gradient's elements have another size",
        ),
        (
            &CrossEntropy::default(),
            vec![("input", half(&[3, 5])), ("target", kind(DType::I64, &[3]))],
            vec!["input"],
            "rows of 16-bit elements that are not whole quads share words",
        ),
        (
            &MultiLabelMargin,
            vec![("input", f(&[8, 32])), ("target", kind(DType::I64, &[8, 32]))],
            vec!["input"],
            "the loss reads its inputs in several passes",
        ),
        (
            &Ctc::default(),
            vec![
                ("log_probs", f(&[5, 2, 4])),
                ("targets", kind(DType::I64, &[2, 3])),
                ("input_lengths", kind(DType::I64, &[2])),
                ("target_lengths", kind(DType::I64, &[2])),
            ],
            vec!["log_probs"],
            "the loss reads its inputs in several passes",
        ),
    ];
    for (loss, inputs, gradients, why) in cases {
        let request = Request::with_gradients(&gradients);
        let plan = Plan::new(&gpu, loss, &inputs, &request).expect("a valid request");
        assert!(!plan.in_place(gradients[0]).expect("a requested gradient"), "{loss:?}");
        let one = empty(&gpu, 1 << 16);
        let at = |offset| wgpu::BufferBinding { buffer: &one, offset, size: None };
        let offset = |i: usize| 4096 * i as u64;
        let bound: Vec<_> =
            inputs.iter().enumerate().map(|(i, (name, _))| (*name, at(offset(i)))).collect();
        let over = gradients.iter().enumerate();
        let over: Vec<_> = over.map(|(i, name)| (*name, at(offset(i)))).collect();
        let bindings = Bindings {
            inputs: &bound,
            value: Some(at(offset(8))),
            gradients: &over,
            ..Bindings::default()
        };
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let error = plan.encode(&mut encoder, &bindings).expect_err("not in place").to_string();
        let name = gradients[0];
        assert!(error.starts_with(&format!("gradient {name}: bytes 0..")), "{error}");
        assert!(error.contains(&format!("of a buffer that has {name} at 0..")), "{error}");
        assert!(error.ends_with(&format!("(not in place: {why})")), "{error}");
    }
}

#[test]
fn overlaps_are_refused() {
    let gpu = common::gpu();
    let inputs = [("input", kind(DType::F32, &[64])), ("target", kind(DType::F32, &[64]))];
    let request = Request::with_gradients(&["input"]);
    let plan = Plan::new(&gpu, &wgloss::Mse, &inputs, &request).expect("a valid request");
    let one = empty(&gpu, 4096);
    let at = |offset| wgpu::BufferBinding { buffer: &one, offset, size: None };
    let encode = |[input, target, value, gradient]: [u64; 4]| {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let bindings = Bindings {
            inputs: &[("input", at(input)), ("target", at(target))],
            value: Some(at(value)),
            gradients: &[("input", at(gradient))],
            ..Bindings::default()
        };
        plan.encode(&mut encoder, &bindings).map(|()| drop(encoder.finish()))
    };
    let refused = |places| encode(places).expect_err("an overlap").to_string();
    let (step, tail) = (256, " is not valid, expected ranges apart");
    assert_eq!(
        refused([0, step, 0, 4 * step]),
        format!("value: bytes 0..4 of a buffer that has input at 0..256{tail}")
    );
    assert_eq!(
        refused([0, step, 2 * step, step]),
        format!("gradient input: bytes 256..512 of a buffer that has target at 256..512{tail}")
    );
    assert_eq!(
        refused([0, step, 4 * step, 4 * step]),
        format!("gradient input: bytes 1024..1280 of a buffer that has value at 1024..1028{tail}")
    );
    // The input's place is also the target's.
    assert_eq!(
        refused([0, 0, step, 0]),
        format!("gradient input: bytes 0..256 of a buffer that has target at 0..256{tail}")
    );
    // Inputs may overlap, and neighbours do not.
    encode([0, 0, step, 2 * step]).expect("one place for both inputs");
    encode([step, 2 * step, 0, 3 * step]).expect("neighbours");
    encode([step, 2 * step, 0, step]).expect("in place");
    let error = plan.in_place("target").expect_err("no such gradient").to_string();
    assert_eq!(
        error,
        "gradient target: one that was not requested is not valid, expected a gradient of the request"
    );
}
