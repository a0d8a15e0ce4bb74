//! What recording a plan does, and what it leaves alone.

mod common;

use common::buffers::{device, empty, filled, kind};
use common::{assert_close, read, tensor};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wgloss::{Batch, Bindings, CrossEntropy, DType, Gpu, Plan, Request, reference};

const LOGITS: [f32; 6] = [1.0, 2.0, 3.0, 0.5, 0.0, -1.0];
const TARGETS: [i64; 2] = [0, 1];
/// What outputs hold before anything has run.
const SENTINEL: f32 = -77.0;

/// A plan for cross entropy of 2 rows, with buffers for one encoding.
struct Case {
    plan: Plan,
    logits: wgpu::Buffer,
    targets: wgpu::Buffer,
    value: wgpu::Buffer,
    gradient: wgpu::Buffer,
}

impl Case {
    fn new(gpu: &Gpu) -> Self {
        let inputs = [("input", kind(DType::F32, &[2, 3])), ("target", kind(DType::I64, &[2]))];
        let request = Request { inputs: &inputs, gradients: &["input"], ..Request::default() };
        Self {
            plan: Plan::new(gpu, &CrossEntropy::default(), &request).expect("a valid request"),
            logits: filled(gpu, &LOGITS),
            targets: filled(gpu, &TARGETS),
            value: filled(gpu, &[SENTINEL]),
            gradient: filled(gpu, &[SENTINEL; 6]),
        }
    }

    /// Calls `with` with the bindings.
    fn bound<T>(&self, with: impl FnOnce(Bindings<'_>) -> T) -> T {
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        with(Bindings {
            inputs: &[("input", whole(&self.logits)), ("target", whole(&self.targets))],
            value: Some(whole(&self.value)),
            gradients: &[("input", whole(&self.gradient))],
            ..Bindings::default()
        })
    }

    fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        self.bound(|bindings| self.plan.encode(encoder, &bindings)).expect("valid bindings");
    }

    #[track_caller]
    fn assert_right(&self, gpu: &Gpu) {
        let inputs = [
            ("input", tensor(DType::F32, &[2, 3], &LOGITS.map(f64::from))),
            ("target", tensor(DType::I64, &[2], &[0.0, 1.0])),
        ];
        let batch = Batch { inputs: &inputs, gradients: &["input"], ..Batch::default() };
        let loss = CrossEntropy::default();
        let want = reference::evaluate(&loss, &batch).expect("valid inputs");
        assert_close("value", &read(gpu, &self.value), &want.value, want.scale);
        assert_close("gradient", &read(gpu, &self.gradient), &want.gradients[0].1, 1.0);
    }

    #[track_caller]
    fn assert_untouched(&self, gpu: &Gpu) {
        assert_eq!(read::<f32>(gpu, &self.value), [SENTINEL]);
        assert_eq!(read::<f32>(gpu, &self.gradient), [SENTINEL; 6]);
    }
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&Default::default())
}

/// Objects of the device that are alive: buffers, bind groups, layouts, pipelines, shader modules,
/// query sets and command encoders.
fn alive(gpu: &Gpu) -> [isize; 7] {
    let hal = gpu.device().get_internal_counters().hal;
    [
        &hal.buffers,
        &hal.bind_groups,
        &hal.bind_group_layouts,
        &hal.compute_pipelines,
        &hal.shader_modules,
        &hal.query_sets,
        &hal.command_encoders,
    ]
    .map(wgpu::wgt::InternalCounter::read)
}

#[test]
fn several_plans_share_an_open_pass() {
    let gpu = common::gpu();
    let cases = [Case::new(&gpu), Case::new(&gpu)];
    let mut encoder = encoder(&gpu);
    let mut pass = encoder.begin_compute_pass(&Default::default());
    for case in &cases {
        let encode = |bindings: Bindings<'_>| case.plan.encode_pass(&mut pass, &bindings);
        case.bound(encode).expect("valid bindings");
    }
    drop(pass);
    gpu.queue().submit([encoder.finish()]);
    cases.iter().for_each(|case| case.assert_right(&gpu));
}

/// Encoding again makes nothing on the device, submits nothing and does not wait.
#[test]
fn encoding_again_makes_nothing() {
    let gpu = device(wgpu::Features::empty());
    let case = Case::new(&gpu);
    let before_first = alive(&gpu);
    assert!(before_first.iter().any(|&count| count > 0), "counters count");
    let mut first = encoder(&gpu);
    case.encode(&mut first);
    let before = alive(&gpu);
    assert!(before[1] > before_first[1], "the first encoding makes bind groups");

    // A callback that comes with the next poll or submission.
    let done = Arc::new(AtomicBool::new(false));
    let staging = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 4,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let told = done.clone();
    staging.map_async(wgpu::MapMode::Read, .., move |_| told.store(true, Ordering::SeqCst));
    let mut second = encoder(&gpu);
    let before = alive(&gpu);
    for _ in 0..10 {
        case.encode(&mut second);
    }
    let mut pass = second.begin_compute_pass(&Default::default());
    case.bound(|bindings| case.plan.encode_pass(&mut pass, &bindings)).expect("valid bindings");
    drop(pass);
    assert_eq!(alive(&gpu), before);
    assert!(!done.load(Ordering::SeqCst), "nothing was polled or submitted");
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("a living device");
    assert!(done.load(Ordering::SeqCst), "a poll is noticed");

    // The outputs change with the submission and not before.
    case.assert_untouched(&gpu);
    drop(first);
    case.assert_untouched(&gpu);
    gpu.queue().submit([second.finish()]);
    case.assert_right(&gpu);
}

/// A plan keeps the bind groups of eight sets of buffers, and those buffers, whatever it is encoded
/// with.
#[test]
fn few_sets_of_buffers_are_kept() {
    let gpu = device(wgpu::Features::empty());
    let case = Case::new(&gpu);
    let counts = |sets: usize| {
        for _ in 0..sets {
            let value = empty(&gpu, 4);
            let encode = |bindings: Bindings<'_>| {
                let value = Some(value.as_entire_buffer_binding());
                case.plan.encode(&mut encoder(&gpu), &Bindings { value, ..bindings })
            };
            case.bound(encode).expect("valid bindings");
        }
        gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("a living device");
        let [buffers, groups, ..] = alive(&gpu);
        [buffers, groups]
    };
    let (none, one, eight) = (counts(0), counts(1), counts(7));
    let [one, eight] = [one, eight].map(|[b, g]| [b - none[0], g - none[1]]);
    assert_eq!(one[0], 1);
    assert!(one[1] > 0);
    assert_eq!(eight, [8, 8 * one[1]]);
    let many = counts(20);
    assert_eq!([many[0] - none[0], many[1] - none[1]], eight);
}

/// What was recorded and never submitted has no effect, also on what is recorded later.
#[test]
fn an_encoder_that_is_dropped_changes_nothing() {
    let gpu = common::gpu();
    let case = Case::new(&gpu);
    for _ in 0..3 {
        let mut encoder = encoder(&gpu);
        case.encode(&mut encoder);
        drop(encoder);
    }
    case.assert_untouched(&gpu);
    let mut encoder = encoder(&gpu);
    case.encode(&mut encoder);
    gpu.queue().submit([encoder.finish()]);
    case.assert_right(&gpu);
}

fn queries(gpu: &Gpu, ty: wgpu::QueryType, count: u32) -> wgpu::QuerySet {
    gpu.device().create_query_set(&wgpu::QuerySetDescriptor { label: None, ty, count })
}

#[test]
fn timestamps_are_the_callers() {
    let gpu = device(wgpu::Features::TIMESTAMP_QUERY);
    assert!(gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY), "an adapter's");
    let case = Case::new(&gpu);
    let set = queries(&gpu, wgpu::QueryType::Timestamp, 4);
    let writes = |begin, end| {
        Some(wgpu::ComputePassTimestampWrites {
            query_set: &set,
            beginning_of_pass_write_index: begin,
            end_of_pass_write_index: end,
        })
    };
    let mut encoder = encoder(&gpu);
    let mut encode = |timestamps| {
        let with = |b: Bindings<'_>| case.plan.encode(&mut encoder, &Bindings { timestamps, ..b });
        case.bound(with)
    };
    encode(writes(Some(1), Some(3))).expect("valid timestamps");
    let mut refused = |timestamps| encode(timestamps).expect_err("wrong timestamps").to_string();
    assert_eq!(
        refused(writes(None, None)),
        "timestamps: None for begin and end is not valid, expected two indices, or one and none"
    );
    assert_eq!(
        refused(writes(Some(2), Some(2))),
        "timestamps: Some(2) for begin and end is not valid, expected two indices, or one and none"
    );
    assert_eq!(
        refused(writes(None, Some(4))),
        "timestamps: index 4 is not valid, expected one below 4"
    );
    let mut pass = encoder.begin_compute_pass(&Default::default());
    let timestamps = writes(Some(0), None);
    let error = case
        .bound(|b| case.plan.encode_pass(&mut pass, &Bindings { timestamps, ..b }))
        .expect_err("a pass has its own");
    assert_eq!(
        error.to_string(),
        "timestamps: a query set is not valid, expected none for an open pass, whose descriptor \
         has its own"
    );
    drop(pass);
    let resolved = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 16,
        usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    encoder.resolve_query_set(&set, 1..2, &resolved, 0);
    let ends = empty(&gpu, 16);
    encoder.copy_buffer_to_buffer(&resolved, 0, &ends, 0, 8);
    encoder.resolve_query_set(&set, 3..4, &resolved, 0);
    encoder.copy_buffer_to_buffer(&resolved, 0, &ends, 8, 8);
    gpu.queue().submit([encoder.finish()]);
    let times: Vec<u64> = read(&gpu, &ends);
    assert!(0 < times[0] && times[0] < times[1], "{times:?}");
    case.assert_right(&gpu);
}

#[test]
fn timestamps_need_their_feature() {
    let gpu = device(wgpu::Features::empty());
    let case = Case::new(&gpu);
    let theirs = device(wgpu::Features::TIMESTAMP_QUERY);
    let set = queries(&theirs, wgpu::QueryType::Timestamp, 2);
    let timestamps = Some(wgpu::ComputePassTimestampWrites {
        query_set: &set,
        beginning_of_pass_write_index: Some(0),
        end_of_pass_write_index: Some(1),
    });
    let error = case
        .bound(|b| case.plan.encode(&mut encoder(&gpu), &Bindings { timestamps, ..b }))
        .expect_err("no timestamps");
    assert_eq!(
        error.to_string(),
        "timestamps: a query set is not valid, expected none on a device without TIMESTAMP_QUERY"
    );
}
