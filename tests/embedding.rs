//! wgloss in somebody else's program: their device, buffers and encoder.

use crate::common::buffers::{empty, filled, kind, with_large_buffers};
use crate::common::{self, assert_close, read, tensor};
use wgloss::{
    Batch, Bindings, CrossEntropy, DType, Gpu, LinearCrossEntropy, Loss, Mse, MultiLabelMargin,
    Plan, Reduction, Request, SourceOptions, Status, reference,
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
        encoder.clear_buffer(&status, 0, None);
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

/// A plan over two rows whose class indices are the program's, in buffers of its own.
struct Head {
    plan: Plan,
    input: wgpu::Buffer,
    target: wgpu::Buffer,
    value: wgpu::Buffer,
}

impl Head {
    fn new(gpu: &Gpu, loss: &dyn Loss, targets: &[i64]) -> Self {
        let rows = loss.definition().name == "cross_entropy";
        let shape = if rows { [targets.len(), 3] } else { [targets.len() / 3, 3] };
        let target = if rows { &shape[..1] } else { &shape[..] };
        let kinds = [("input", kind(DType::F32, &shape)), ("target", kind(DType::I64, target))];
        Self {
            plan: Plan::new(gpu, loss, &kinds, &Request::default()).expect("a valid request"),
            input: filled(gpu, &vec![0.0f32; shape[0] * 3]),
            target: filled(gpu, targets),
            value: empty(gpu, 4),
        }
    }

    fn bound<T>(
        &self,
        status: Option<&wgpu::Buffer>,
        with: impl FnOnce(&Plan, &Bindings<'_>) -> T,
    ) -> T {
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let bindings = Bindings {
            inputs: &[("input", whole(&self.input)), ("target", whole(&self.target))],
            value: Some(whole(&self.value)),
            status: status.map(whole),
            ..Bindings::default()
        };
        with(&self.plan, &bindings)
    }
}

/// Plans of several kernels, in one encoder: none wipes or overwrites what another has found.
#[test]
fn plans_share_a_status() {
    let gpu = common::gpu();
    let cross_entropy = CrossEntropy::default();
    let first = Head::new(&gpu, &cross_entropy, &[0, 1, 2, 0, 1, 9, 12]);
    let earlier = Head::new(&gpu, &cross_entropy, &[0, -3, 2]);
    let good = Head::new(&gpu, &cross_entropy, &[0, 1, 2, 0, 1, 2, 2]);
    let labels = Head::new(&gpu, &MultiLabelMargin, &[0, 1, 2, -1, -1, 2, 1, 0, -1]);
    let bad_labels = Head::new(&gpu, &MultiLabelMargin, &[0, 1, 2, -1, -1, 2, 1, 7, -1]);
    let status = empty(&gpu, 16);
    let run = |heads: &[&Head], clear: bool| {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        if clear {
            encoder.clear_buffer(&status, 0, None);
        }
        for head in heads {
            let encode = |plan: &Plan, bindings: &Bindings<'_>| plan.encode(&mut encoder, bindings);
            head.bound(Some(&status), encode).expect("valid bindings");
        }
        gpu.queue().submit([encoder.finish()]);
        let bytes: Vec<[u8; 16]> = read(&gpu, &status);
        Status::from_bytes(bytes[0], DType::I64)
    };
    let found = |count, row, value| Some(Status { count, row, value });
    assert_eq!(run(&[&good, &labels], false), None);
    assert_eq!(run(&[&good, &first, &good, &labels, &earlier], false), found(3, 5, 9));
    assert_eq!(run(&[&good, &labels], false), found(3, 5, 9));
    assert_eq!(run(&[&first], false), found(5, 5, 9));
    assert_eq!(run(&[&earlier, &first], true), found(3, 1, -3));
    assert_eq!(run(&[&labels, &bad_labels, &first], true), found(3, 7, 7));
    // What was found while nobody asked is not told later.
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    first.bound(None, |plan, bindings| plan.encode(&mut encoder, bindings)).expect("bindings");
    gpu.queue().submit([encoder.finish()]);
    assert_eq!(run(&[&good], true), None);
    // 2^32 faults are not none.
    gpu.queue().write_buffer(&status, 0, bytemuck::cast_slice(&[u32::MAX - 1, !2, 8, 0]));
    assert_eq!(run(&[&first], false), found(u64::from(u32::MAX), 2, 8));
}

/// Value, status and totals in one line, and what is submitted later changes nothing.
#[test]
fn outcomes_are_read_back() {
    let gpu = common::gpu();
    let inputs = [("input", kind(DType::F32, &[4])), ("target", kind(DType::F32, &[4]))];
    let request = Request { totals: true, label: Some("read"), ..Request::default() };
    let plan = Plan::new(&gpu, &Mse, &inputs, &request).expect("a valid request");
    let numbers = filled(&gpu, &[1.0f32, 2.0, 3.0, 4.0]);
    let (zeros, both) = (filled(&gpu, &[0.0f32; 4]), empty(&gpu, 512));
    let totals = empty(&gpu, plan.totals_bytes());
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let bindings = Bindings {
        inputs: &[("input", whole(&numbers)), ("target", whole(&zeros))],
        value: Some(wgpu::BufferBinding { buffer: &both, offset: 256, size: None }),
        totals: Some(whole(&totals)),
        ..Bindings::default()
    };
    let step = || {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        plan.encode(&mut encoder, &bindings).expect("valid bindings");
        gpu.queue().submit([encoder.finish()]);
    };
    step();
    let mut first = plan.read(&bindings);
    gpu.queue().write_buffer(&numbers, 0, bytemuck::cast_slice(&[2.0f32; 4]));
    step();
    let second = plan.read(&bindings);
    gpu.queue().write_buffer(&both, 256, bytemuck::cast_slice(&[-1.0f32]));
    gpu.queue().submit([]);
    while !first.is_finished() {
        std::thread::yield_now();
    }
    for (pending, want) in [(second, 4.0f32), (first, 7.5)] {
        let outcome = pollster::block_on(pending).expect("a living device");
        assert_eq!(outcome.scalar(), Some(want));
        let totals = outcome.totals.as_ref().expect("totals");
        assert_eq!((totals.value().to_bits(), outcome.status), (want.to_bits(), None));
        outcome.checked().expect("nothing was wrong");
    }
    let unread = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 4,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    let error = plan.read(&Bindings { value: Some(whole(&unread)), ..bindings.clone() }).wait();
    assert_eq!(
        error.expect_err("no COPY_SRC").to_string(),
        "value: a buffer of usage BufferUsages(STORAGE) is not valid, expected one with COPY_SRC"
    );
}

#[test]
fn what_is_wrong_is_read_back() {
    let gpu = common::gpu();
    let bad = Head::new(&gpu, &CrossEntropy::default(), &[0, 1, 9, 2]);
    let status = empty(&gpu, 16);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let outcome = bad.bound(Some(&status), |plan, bindings| {
        plan.encode(&mut encoder, bindings).expect("valid bindings");
        gpu.queue().submit([encoder.finish()]);
        plan.read(bindings).wait().expect("a living device")
    });
    assert!(outcome.scalar().is_some_and(f32::is_nan));
    assert_eq!(outcome.status, Some(Status { count: 1, row: 2, value: 9 }));
    let error = outcome.checked().expect_err("a bad target").to_string();
    assert_eq!(error, "target[2] is 9, expected 0 to 2 or -100, which is ignored");
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
    let gpu = with_large_buffers();
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
    let shape = [1 << 18, 1 << 10];
    let inputs = [("input", kind(DType::F32, &shape)), ("target", kind(DType::F32, &shape))];
    let request = Request::with_gradients(&["input"]);
    Plan::new(&gpu, &Mse, &inputs, &request).expect("2^28 elements in windows");
}

/// What cannot be had at all is refused before any of it is laid out, which would take minutes and all
/// memory.
#[test]
fn what_no_buffer_holds_is_refused_at_once() {
    let (device, queue) = wgpu::Device::noop(&wgpu::DeviceDescriptor::default());
    let gpu = Gpu::from_device(device, queue);
    let refused = |loss: &dyn Loss, shapes: &[(&str, DType, &[usize])], request: Request<'_>| {
        let kinds: Vec<_> =
            shapes.iter().map(|(name, dtype, shape)| (*name, kind(*dtype, shape))).collect();
        let sources = Plan::sources(loss, &kinds, &request, SourceOptions::default());
        let error = Plan::new(&gpu, loss, &kinds, &request).expect_err("too large");
        assert_eq!(sources.expect_err("too large"), error);
        error.to_string()
    };
    let bytes = |argument: &str, size: u64, buffer: bool| {
        let (what, limit, name) = match buffer {
            true => ("buffer", 1 << 28, "max_buffer_size"),
            false => ("binding", 1 << 27, "max_storage_buffer_binding_size"),
        };
        format!("{argument}: {size} bytes in one {what}, at most {limit} ({name})")
    };
    let (f, whole): (_, &[usize]) = (DType::F32, &[1 << 24, 1 << 24]);
    let same = [("input", f, whole), ("target", f, whole)];
    let both = Request::with_gradients(&["input"]);
    assert_eq!(refused(&Mse, &same, both.clone()), bytes("input", 1 << 50, true));
    let rows: &[usize] = &[1 << 24];
    let cross_entropy = CrossEntropy::default();
    let inputs = [("input", f, whole), ("target", DType::I64, rows)];
    assert_eq!(refused(&cross_entropy, &inputs, both.clone()), bytes("input", 1 << 50, true));
    let inputs = [("input", f, &[1][..]), ("target", f, whole)];
    assert_eq!(refused(&Mse, &inputs, both.clone()), bytes("target", 1 << 50, true));
    // Small inputs that broadcast to much: the outputs, the plan's own memory.
    let columns = [("input", f, &[1 << 24, 1][..]), ("target", f, &[1, 1 << 24])];
    let losses = Request { reduction: Reduction::None, ..Request::default() };
    assert_eq!(refused(&Mse, &columns, losses), bytes("value", 1 << 50, true));
    let totals = Request { totals: true, ..Request::default() };
    for request in [totals, Request::default(), both] {
        let own = refused(&Mse, &columns, request);
        assert!(own.starts_with("scratch memory: "), "{own}");
    }
    let [tall, wide]: [&[usize]; 2] = [&[1 << 24, 1], &[1 << 25, 1]];
    let product =
        [("input", f, tall), ("linear_weight", f, wide), ("target", DType::U8, &tall[..1])];
    assert_eq!(
        refused(&LinearCrossEntropy::default(), &product, Request::default()),
        "linear_cross_entropy: 524289 dispatches, or more, at most 524288 (the windows of a plan)"
    );
}

#[test]
fn plans_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Plan>();
    shared::<Gpu>();
}
