//! Tensors larger than the device's largest buffer.

use crate::common::{self, Random, bits, inputs, tensor, with_limits};
use wgloss::{
    Batch, CrossEntropy, DType, Error, Evaluation, Evaluator, GradientType, KlDiv, Loss, Mse, Nll,
    RankingSoftmax, Reduction, Request, SoftmaxEntropy, Tensor,
};

/// A device whose buffers have at most so many bytes.
fn small_buffers(largest: u64) -> Evaluator {
    let default = wgpu::Limits::default();
    let binding = default.max_storage_buffer_binding_size.min(largest);
    with_limits(wgpu::Limits {
        max_buffer_size: largest,
        max_storage_buffer_binding_size: binding,
        ..default
    })
}

/// Names, types and shapes of inputs.
type Shapes<'a> = &'a [(&'a str, DType, &'a [usize])];

#[track_caller]
fn assert_same(loss: &dyn Loss, batch: &Batch<'_>) {
    let name = loss.definition().name;
    let what =
        format!("{name}, {}, gradients of {:?}", batch.request.reduction, batch.request.gradients);
    let run = |backend: &Evaluator| backend.evaluate_blocking(loss, batch).expect("a valid batch");
    let whole = run(&Evaluator::Gpu(common::gpu()));
    // With uploads and read-backs of their own, and in memory that host and device share.
    let own = Evaluator::Gpu(common::gpu().with_memory(1 << 20));
    for (pieces, how) in [
        (small_buffers(1 << 19), "small buffers"),
        (small_buffers(1_300_004), "buffers"),
        (own, "shared memory"),
    ] {
        let pieces = run(&pieces);
        assert_eq!(bits(&pieces), bits(&whole), "{what}, in {how}");
        assert_eq!(pieces.totals, whole.totals, "{what}: totals");
        let shapes = |evaluation: &Evaluation| -> Vec<Vec<usize>> {
            let gradients = evaluation.gradients.iter().map(|(_, gradient)| gradient);
            evaluation.value.iter().chain(gradients).map(|t| t.shape().to_vec()).collect()
        };
        assert_eq!(shapes(&pieces), shapes(&whole), "{what}: shapes");
    }
}

#[test]
fn pieces_have_the_bits_of_the_whole() {
    let mut random = Random(41);
    let (f, h) = (DType::F32, DType::F16);
    let plane: &[usize] = &[700, 503];
    let images: &[usize] = &[60, 5, 31, 33];
    let pixels: &[usize] = &[60, 31, 33];
    let cases: &[(&dyn Loss, Shapes<'_>, usize)] = &[
        (&Mse, &[("input", f, plane), ("target", h, plane)], 0),
        (&Mse, &[("input", f, plane), ("target", f, &[1, 1])], 0),
        (&Mse, &[("input", f, plane), ("target", f, plane), ("weight", h, plane)], 0),
        // Cut along the first axis, whole blocks by 8 and by 4096 of its places.
        (&Mse, &[("input", f, &[40, 3, 512, 6]), ("target", h, &[3, 1, 6])], 0),
        (&Mse, &[("input", f, &[9000, 16]), ("target", f, &[9000, 1])], 0),
        (&KlDiv { log_target: true }, &[("input", f, plane), ("target", f, plane)], 0),
        (&Nll::default(), &[("input", f, plane), ("target", DType::U16, &[700])], 503),
        (
            &CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() },
            &[("input", h, images), ("target", DType::I64, pixels), ("weight", f, &[5])],
            5,
        ),
        (&CrossEntropy::default(), &[("input", f, plane), ("target", f, plane)], 0),
        (&SoftmaxEntropy::default(), &[("input", f, plane), ("labels", DType::U16, &[700])], 503),
        (&RankingSoftmax, &[("input", f, plane), ("target", h, plane), ("mask", f, plane)], 0),
        // Weights by whose sum no mean divides.
        (
            &CrossEntropy::default(),
            &[("input", f, plane), ("target", f, plane), ("weight", f, &[503])],
            0,
        ),
    ];
    for &(loss, shapes, classes) in cases {
        let inputs = inputs(loss, shapes, classes, &mut random);
        let first = shapes[0].2[0];
        let dense = |name: &&str| {
            inputs.iter().any(|(n, t)| n == name && t.len() > 1 && t.shape()[0] == first)
        };
        let all = common::differentiable(loss, &inputs).into_iter().filter(dense);
        let gradients: Vec<&str> = all.collect();
        for &reduction in loss.definition().reductions {
            for gradients in [&[][..], &gradients[..1], &gradients] {
                let totals = reduction != Reduction::None;
                let rows = loss.definition().inputs[0].role != wgloss::definition::Role::Elements;
                let terms: &[usize] = match (totals, rows) {
                    (true, _) => &[],
                    (false, true) if shapes[0].2.len() == 4 => pixels,
                    (false, true) => &plane[..1],
                    (false, false) => shapes[0].2,
                };
                let count = terms.iter().product();
                let numbers: Vec<f64> = (0..count).map(|_| random.unit()).collect();
                let upstream = Some(tensor(f, terms, &numbers));
                let gradient_type = GradientType::Input;
                let batch = Batch {
                    inputs: &inputs,
                    request: Request { reduction, gradients, ..Request::default() },
                    ..Batch::default()
                };
                let batch = Batch {
                    upstream,
                    request: Request { totals, gradient_type, ..batch.request.clone() },
                    ..batch
                };
                assert_same(loss, &batch);
                if !gradients.is_empty() {
                    let request = Request { value: false, ..batch.request.clone() };
                    assert_same(loss, &Batch { request, ..batch });
                }
            }
        }
    }
}

/// A part would count the weights that it shares with others again.
#[test]
fn shared_weights_are_not_cut() {
    let numbers = vec![2.0f32; 400_000];
    let one = || Tensor::from_slice(&[1.0f32], [1]).expect("one number");
    let target = Tensor::from_slice(&numbers, [400_000]).expect("as many as the shape has");
    let inputs = [("input", one()), ("target", target), ("weight", one())];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    let error = small_buffers(1 << 20).evaluate_blocking(&Mse, &batch).expect_err("not cut");
    assert!(matches!(&error, Error::Limit { argument, .. } if argument == "target"), "{error}");
}

/// The row of a bad target is counted over the whole batch, and a loss that cannot be cut says what
/// is too large.
#[test]
fn errors_name_the_whole() {
    let mut labels = vec![1u8; 200_000];
    labels[150_000] = 7;
    labels[190_000] = 9;
    let logits = vec![0.0f32; 600_000];
    let target = Tensor::from_slice(&labels, [200_000]).expect("as many as the shape has");
    let input = Tensor::from_slice(&logits, [200_000, 3]).expect("as many as the shape has");
    let inputs = [("input", input), ("target", target)];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    let error = small_buffers(1 << 20).evaluate_blocking(&CrossEntropy::default(), &batch);
    let error = error.expect_err("two bad targets");
    assert!(
        matches!(error, Error::TargetOutOfRange { row: 150_000, value: 7, count: 2, .. }),
        "{error}"
    );
    // No piece would have a smaller weight, and no rows at all cannot be cut.
    for rows in [2, 0] {
        let row = Tensor::from_slice(&logits[..rows * 300_000], [rows, 300_000]);
        let target = Tensor::from_slice(&[5i64; 2][..rows], [rows]).expect("labels");
        let weight = Tensor::from_slice(&logits[..300_000], [300_000]).expect("a weight");
        let inputs = [("input", row.expect("rows")), ("target", target), ("weight", weight)];
        let batch = Batch { inputs: &inputs, ..Batch::default() };
        let error = small_buffers(1 << 20).evaluate_blocking(&Nll::default(), &batch);
        let error = error.expect_err("a weight that is too long");
        assert!(matches!(&error, Error::Limit { .. }), "{rows}: {error}");
    }
    let row = Tensor::from_slice(&logits, [1, 600_000]).expect("as many as the shape has");
    let target = Tensor::from_slice(&[5i64], [1]).expect("one label");
    let inputs = [("input", row), ("target", target)];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    let error = small_buffers(1 << 20).evaluate_blocking(&CrossEntropy::default(), &batch);
    let error = error.expect_err("a row that is too long");
    assert!(matches!(&error, Error::Limit { argument, .. } if argument == "input"), "{error}");
}

/// An input of 3 GiB and its gradient, cut in two ways. It takes 12 GiB of memory and some minutes:
/// `cargo test --release pieces -- --ignored`.
#[test]
#[ignore = "12 GiB of memory"]
fn three_gibibytes() {
    const COUNT: usize = (3 << 28) + 12_345;
    #[allow(clippy::cast_precision_loss, reason = "below 2^24")]
    let number = |i: usize| (i.wrapping_mul(2_654_435_761) >> 7 & 0xffff) as f32 / 65_536.0;
    let numbers: Vec<f32> = (0..COUNT).map(number).collect();
    let want: f64 = numbers.iter().map(|&x| (f64::from(x) - 0.25).powi(2)).sum();
    let input = Tensor::from_slice(&numbers, [COUNT]).expect("as many as the shape has");
    let inputs = [("input", input), ("target", tensor(DType::F32, &[], &[0.25]))];
    let batch =
        Batch { inputs: &inputs, request: Request::with_gradients(&["input"]), ..Batch::default() };
    let batch =
        Batch { request: Request { reduction: Reduction::Sum, ..batch.request.clone() }, ..batch };
    let mut values = Vec::new();
    for backend in [Evaluator::Gpu(common::gpu()), small_buffers(300 << 20)] {
        let got = backend.evaluate_blocking(&Mse, &batch).expect("a valid batch");
        let gradient = got.gradients[0].1.to_f32();
        let wrong = numbers.iter().zip(gradient.iter()).position(|(x, g)| *g != 2.0 * (x - 0.25));
        assert_eq!(wrong, None, "an element's gradient");
        let value = got.scalar().expect("a number");
        common::assert_close("sum", &[value], &[want], want);
        values.push(value.to_bits());
    }
    assert_eq!(values[0], values[1], "the bits of the sum");
}
