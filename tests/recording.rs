//! Recording a plan: its effects, and everything that it leaves alone.

use crate::common;
use crate::common::buffers::{device, empty, kind, pair};
use crate::common::recorded::{Case, encoder};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wgloss::{Bindings, CrossEntropy, DType, Gpu, Plan, Request};

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

/// Encoding with buffers that are kept makes nothing on the device, submits nothing and does not wait.
#[test]
fn encoding_again_makes_nothing() {
    let gpu = device(wgpu::Features::empty());
    let mut case = Case::new(&gpu);
    case.plan = case.plan.with_kept_sets(1);
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

/// The same buffers with other offsets are other places.
#[test]
fn offsets_tell_encodings_apart() {
    let gpu = common::gpu();
    let case = Case::new(&gpu);
    let values = empty(&gpu, 1024);
    let mut encoder = encoder(&gpu);
    for offset in [0, 768] {
        let value = Some(wgpu::BufferBinding { buffer: &values, offset, size: None });
        let bind = |b: Bindings<'_>| case.plan.encode(&mut encoder, &Bindings { value, ..b });
        case.bound(bind).expect("valid bindings");
    }
    gpu.queue().submit([encoder.finish()]);
    let values: Vec<f32> = common::read(&gpu, &values);
    assert!(values[0] > 0.0 && values[0] == values[192], "{} and {}", values[0], values[192]);
}

/// A plan holds no buffers, but those of as many sets as it is told to keep.
#[test]
fn buffers_are_kept_only_where_it_is_asked_for() {
    let gpu = device(wgpu::Features::empty());
    let mut case = Case::new(&gpu);
    let counts = |case: &Case, sets: usize| {
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
    let none = counts(&case, 0);
    assert_eq!(counts(&case, 5), none);
    case.plan = case.plan.with_kept_sets(3);
    let one = counts(&case, 1).map(|count| count - none[0]);
    let one = [one[0], one[1] + none[0] - none[1]];
    assert_eq!(one[0], 1);
    assert!(one[1] > 0);
    let three = [none[0] + 3, none[1] + 3 * one[1]];
    assert_eq!(counts(&case, 2), three);
    assert_eq!(counts(&case, 20), three);
    case.plan.clear();
    assert_eq!(counts(&case, 0), none);
    case.plan = case.plan.with_kept_sets(0);
    assert_eq!(counts(&case, 5), none);
}

/// What captures and wgpu's messages call things.
#[test]
fn everything_has_a_name() {
    let [gpu, theirs] = pair();
    let inputs = [("input", kind(DType::F32, &[9000, 3])), ("target", kind(DType::I64, &[9000]))];
    let request = Request { label: Some("head"), ..Request::with_gradients(&["input"]) };
    let plan = Plan::new(&gpu, &CrossEntropy::default(), &inputs, &request).expect("a request");
    let own = r#"wgloss cross_entropy "head""#;
    let report = gpu.device().generate_allocator_report().expect("Vulkan has one");
    for part in ["uniforms", "scratch", "status"] {
        let name = format!("{own} {part}");
        assert!(report.allocations.iter().any(|made| made.name == name), "{name}: {report:?}");
    }
    // A pass of another device refuses what is recorded into it, by its name.
    let buffers = [empty(&gpu, 108_000), empty(&gpu, 72_000), empty(&gpu, 4), empty(&gpu, 108_000)];
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let bindings = Bindings {
        inputs: &[("input", whole(&buffers[0])), ("target", whole(&buffers[1]))],
        value: Some(whole(&buffers[2])),
        gradients: &[("input", whole(&buffers[3]))],
        ..Bindings::default()
    };
    let mut foreign = encoder(&theirs);
    plan.encode(&mut foreign, &bindings).expect("it is recorded");
    let scope = theirs.device().push_error_scope(wgpu::ErrorFilter::Validation);
    drop(foreign.finish());
    let error = pollster::block_on(scope.pop()).expect("another device's pipeline").to_string();
    assert!(error.contains("wgloss cross_entropy targets"), "{error}");
    println!("{error}");
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
