//! wgloss in somebody else's program: their device, buffers and encoder.

use crate::common::buffers::{empty, filled, kind};
use crate::common::{self, assert_close, read, tensor};
use wgloss::{
    Batch, Bindings, CrossEntropy, DType, Gpu, Mse, Plan, Reduction, Request, Status, reference,
};

/// One plan, encoded twice into one encoder with other buffers, at offsets, with a scalar upstream
/// gradient, on the caller's device.
#[test]
fn a_plan_is_recorded_into_the_callers_encoder() {
    let theirs = common::gpu();
    let gpu = Gpu::from_device(theirs.device().clone(), theirs.queue().clone());
    let loss = CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() };
    let inputs = [("input", kind(DType::F32, &[2, 3])), ("target", kind(DType::I64, &[2]))];
    let plan = Plan::new(
        &gpu,
        &loss,
        &inputs,
        &Request { gradients: &["input"], upstream: true, ..Request::default() },
    )
    .expect("a valid request");
    let logits = [[1.0f32, 2.0, 3.0, 0.5, 0.0, -1.0], [0.0, 0.0, 4.0, 2.0, 2.0, 2.0]];
    let targets = [[0i64, 1], [2, -100]];
    let mut padded = vec![0.0f32; 64];
    padded.extend(logits[1]);
    let buffers = [filled(&gpu, &logits[0]), filled(&gpu, &padded)];
    let target_buffers = targets.map(|target| filled(&gpu, &target));
    let (value, upstream) = ([empty(&gpu, 4), empty(&gpu, 4)], filled(&gpu, &[2.5f32]));
    let gradients = [empty(&gpu, 24), empty(&gpu, 24)];
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    for k in 0..2 {
        let offset = if k == 0 { 0 } else { 256 };
        let input = wgpu::BufferBinding { buffer: &buffers[k], offset, size: None };
        plan.encode(
            &mut encoder,
            &Bindings {
                inputs: &[
                    ("input", input),
                    ("target", target_buffers[k].as_entire_buffer_binding()),
                ],
                value: Some(value[k].as_entire_buffer_binding()),
                gradients: &[("input", gradients[k].as_entire_buffer_binding())],
                upstream: Some(upstream.as_entire_buffer_binding()),
                ..Bindings::default()
            },
        )
        .expect("valid bindings");
    }
    gpu.queue().submit([encoder.finish()]);
    let targets = [[0.0, 1.0], [2.0, -100.0]];
    for k in 0..2 {
        let inputs = [
            ("input", tensor(DType::F32, &[2, 3], &logits[k].map(f64::from))),
            ("target", tensor(DType::I64, &[2], &targets[k])),
        ];
        let upstream = Some(tensor(DType::F32, &[], &[2.5]));
        let batch = Batch {
            inputs: &inputs,
            upstream,
            request: Request::with_gradients(&["input"]),
            ..Batch::default()
        };
        let want = reference::evaluate(&loss, &batch).expect("valid inputs");
        assert_close("value", &read(&gpu, &value[k]), &want.value, want.scale);
        assert_close("gradient", &read(&gpu, &gradients[k]), &want.gradients[0].1, 1.0);
    }
}

#[test]
fn a_bad_target_is_in_the_status_and_its_loss_is_nan() {
    let gpu = common::gpu();
    let inputs = [("input", kind(DType::F32, &[3, 2])), ("target", kind(DType::I64, &[3]))];
    let request =
        Request { reduction: Reduction::None, gradients: &["input"], ..Request::default() };
    let plan =
        Plan::new(&gpu, &CrossEntropy::default(), &inputs, &request).expect("a valid request");
    let input = filled(&gpu, &[0.0f32; 6]);
    let (value, gradient, status) = (empty(&gpu, 12), empty(&gpu, 24), empty(&gpu, 16));
    for (targets, want) in
        [([0i64, -7, 2], Some(Status { count: 2, row: 1, value: -7 })), ([0, 1, 1], None)]
    {
        let target = filled(&gpu, &targets);
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let bindings = Bindings {
            inputs: &[
                ("input", input.as_entire_buffer_binding()),
                ("target", target.as_entire_buffer_binding()),
            ],
            value: Some(value.as_entire_buffer_binding()),
            gradients: &[("input", gradient.as_entire_buffer_binding())],
            status: Some(status.as_entire_buffer_binding()),

            ..Bindings::default()
        };
        plan.encode(&mut encoder, &bindings).expect("valid bindings");
        gpu.queue().submit([encoder.finish()]);
        let bytes: Vec<[u8; 16]> = read(&gpu, &status);
        assert_eq!(Status::from_bytes(bytes[0], DType::I64), want);
        let (losses, slopes): (Vec<f32>, Vec<f32>) = (read(&gpu, &value), read(&gpu, &gradient));
        for (row, loss) in losses.iter().enumerate() {
            let bad = !(0..2).contains(&targets[row]);
            assert_eq!(loss.is_nan(), bad, "loss of row {row}");
            assert_eq!(slopes[2 * row].is_nan(), bad, "gradient of row {row}");
        }
    }
}

#[test]
fn wrong_bindings_are_refused() {
    let gpu = common::gpu();
    let inputs = [("input", kind(DType::F32, &[8])), ("target", kind(DType::F32, &[8]))];
    let request = Request::default();
    let plan = Plan::new(&gpu, &Mse, &inputs, &request).expect("a valid request");
    let (good, small) = (filled(&gpu, &[0.0f32; 128]), filled(&gpu, &[0.0f32; 7]));
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let at = |offset, size| wgpu::BufferBinding {
        buffer: &good,
        offset,
        size: std::num::NonZeroU64::new(size),
    };
    let other = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 32,
        usage: wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let alignment = gpu.device().limits().min_storage_buffer_offset_alignment;
    let cases = [
        (Some(whole(&small)), Some(whole(&good)), "input: size in bytes is 28, expected at least 32".to_string()),
        (None, Some(whole(&good)), "input: no buffer is not valid, expected one, as requested".into()),
        (Some(at(4, 32)), Some(whole(&good)), format!("input: offset is 4, expected a multiple of {alignment}")),
        (Some(at(256, 512)), Some(whole(&good)), "input: size in bytes is 512, expected at most 256, to the buffer's end".into()),
        (Some(whole(&good)), None, "value: no buffer is not valid, expected one, as requested".into()),
        (Some(whole(&other)), Some(whole(&good)), "input: a buffer of usage BufferUsages(COPY_DST) is not valid, expected one with STORAGE".into()),
    ];
    for (input, value, message) in cases {
        let mut inputs = vec![("target", whole(&good))];
        inputs.extend(input.map(|input| ("input", input)));
        let bindings = Bindings { inputs: &inputs, value, ..Bindings::default() };
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let error = plan.encode(&mut encoder, &bindings).expect_err("wrong bindings");
        assert_eq!(error.to_string(), message);
    }
    let gradient = [("input", whole(&good))];
    let inputs = [("input", whole(&good)), ("target", whole(&good))];
    let bindings = Bindings {
        inputs: &inputs,
        value: Some(whole(&small)),
        gradients: &gradient,
        ..Bindings::default()
    };
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let error = plan.encode(&mut encoder, &bindings).expect_err("an output too many");
    assert_eq!(
        error.to_string(),
        "gradient input: a buffer is not valid, expected none: it is not requested"
    );
}

/// Kernels would read it as float32.
#[test]
fn float64_is_refused() {
    let inputs = [("input", kind(DType::F64, &[8])), ("target", kind(DType::F32, &[8]))];
    let request = Request::default();
    let error = Plan::new(&common::gpu(), &Mse, &inputs, &request).expect_err("float64");
    assert_eq!(
        error.to_string(),
        "input: element type float64 does not fit, expected float32, float16 or bfloat16 on a GPU"
    );
}

/// Sizes past a device's limits are found before wgpu sees them, on a device that computes nothing.
#[test]
fn sizes_past_the_limits_are_refused() {
    let descriptor = wgpu::DeviceDescriptor::default();
    let (device, queue) = wgpu::Device::noop(&descriptor);
    let gpu = Gpu::from_device(device, queue);
    let shape = [1, 1 << 20, 64];
    let inputs = [("input", kind(DType::F32, &shape)), ("target", kind(DType::I64, &[1, 64]))];
    let request = Request::default();
    let error =
        Plan::new(&gpu, &CrossEntropy::default(), &inputs, &request).expect_err("too large");
    assert_eq!(
        error.to_string(),
        "input: 268435456 bytes in one binding, at most 134217728 \
         (max_storage_buffer_binding_size)"
    );
    // Dense tensors are cut into windows instead.
    let shape = [1 << 30, 1 << 10];
    let inputs = [("input", kind(DType::F32, &shape)), ("target", kind(DType::F32, &shape))];
    let request = Request::with_gradients(&["input"]);
    Plan::new(&gpu, &Mse, &inputs, &request).expect("2^40 elements in windows");
}

#[test]
fn plans_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Plan>();
    shared::<Gpu>();
}
