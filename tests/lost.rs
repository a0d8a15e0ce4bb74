//! Devices that are lost, buffers of other devices, and what the program's own error handling sees.

use crate::common::buffers::{device, empty, filled, kind, pair};
use crate::common::{self, Random, tensor};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wgloss::{
    Batch, Bindings, CrossEntropy, DType, Error, Evaluator, Gpu, Mse, Plan, Request, Result,
};

/// The error's class, whatever its words.
#[track_caller]
fn assert_lost<T: std::fmt::Debug>(result: Result<T>) {
    match result {
        Err(Error::DeviceLost { .. }) => {}
        other => panic!("expected a lost device, got {other:?}"),
    }
}

fn plan(gpu: &Gpu) -> Result<Plan> {
    let inputs = [("input", kind(DType::F32, &[64])), ("target", kind(DType::F32, &[64]))];
    let request = Request::with_gradients(&["input"]);
    Plan::new(gpu, &Mse, &inputs, &request)
}

/// Four buffers for the plan: input, target, value, gradient.
fn buffers(gpu: &Gpu) -> [wgpu::Buffer; 4] {
    [filled(gpu, &[1.0f32; 64]), filled(gpu, &[3.0f32; 64]), empty(gpu, 4), empty(gpu, 256)]
}

fn encode(
    plan: &Plan,
    encoder: &mut wgpu::CommandEncoder,
    [input, target, value, gradient]: [&wgpu::Buffer; 4],
) -> Result<()> {
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let bindings = Bindings {
        inputs: &[("input", whole(input)), ("target", whole(target))],
        value: Some(whole(value)),
        gradients: &[("input", whole(gradient))],
        ..Bindings::default()
    };
    plan.encode(encoder, &bindings)
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&Default::default())
}

/// The plan still works, with these buffers.
#[track_caller]
fn assert_works(gpu: &Gpu, plan: &Plan, buffers: &[wgpu::Buffer; 4]) {
    let mut encoder = encoder(gpu);
    encode(plan, &mut encoder, buffers.each_ref()).expect("a living device");
    gpu.queue().submit([encoder.finish()]);
    assert_eq!(common::read::<f32>(gpu, &buffers[2]), [4.0]);
}

#[test]
fn a_device_is_destroyed_before_planning() {
    let gpu = device(wgpu::Features::empty());
    gpu.device().destroy();
    assert_lost(plan(&gpu));
    let input = tensor(DType::F32, &[2, 3], &[0.5; 6]);
    let inputs = [("input", input), ("target", tensor(DType::I64, &[2], &[0.0, 1.0]))];
    let batch =
        Batch { inputs: &inputs, request: Request::with_gradients(&["input"]), ..Batch::default() };
    assert_lost(Evaluator::Gpu(gpu).evaluate_blocking(&CrossEntropy::default(), &batch));
}

#[test]
fn a_device_is_destroyed_between_plan_and_encoding() {
    let gpu = device(wgpu::Features::empty());
    let plan = plan(&gpu).expect("a valid request");
    let buffers = buffers(&gpu);
    assert_works(&gpu, &plan, &buffers);
    let (mut before, mut open) = (encoder(&gpu), encoder(&gpu));
    let mut pass = open.begin_compute_pass(&Default::default());
    gpu.device().destroy();
    // Bind groups that are kept, and ones that are not.
    assert_lost(encode(&plan, &mut before, buffers.each_ref()));
    let [input, target, value, gradient] = buffers.each_ref();
    assert_lost(encode(&plan, &mut before, [target, input, value, gradient]));
    assert_lost(encode(&plan, &mut encoder(&gpu), buffers.each_ref()));
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let bindings = Bindings {
        inputs: &[("input", whole(input)), ("target", whole(target))],
        value: Some(whole(value)),
        gradients: &[("input", whole(gradient))],
        ..Bindings::default()
    };
    assert_lost(plan.encode_pass(&mut pass, &bindings));
    assert_lost(plan.read(&bindings).wait());
}

/// Whenever the device is destroyed, what is read back comes or is said to be lost.
#[test]
fn a_device_is_destroyed_while_a_loss_comes_back() {
    for round in 0..16 {
        let gpu = device(wgpu::Features::empty());
        let (plan, buffers) = (plan(&gpu).expect("a valid request"), buffers(&gpu));
        let mut encoder = encoder(&gpu);
        encode(&plan, &mut encoder, buffers.each_ref()).expect("a living device");
        gpu.queue().submit([encoder.finish()]);
        let [input, target, value, gradient] = buffers.each_ref();
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let reading = plan.read(&Bindings {
            inputs: &[("input", whole(input)), ("target", whole(target))],
            value: Some(whole(value)),
            gradients: &[("input", whole(gradient))],
            ..Bindings::default()
        });
        std::thread::sleep(Duration::from_micros(20 * round * round));
        gpu.device().destroy();
        match reading.wait() {
            Ok(outcome) => assert_eq!(outcome.scalar(), Some(4.0), "round {round}"),
            result => assert_lost(result),
        }
    }
}

/// Whenever the device is destroyed, an evaluation answers or says that it was lost.
#[test]
fn a_device_is_destroyed_during_an_evaluation() {
    let shapes = [("input", DType::F32, &[400, 1000][..]), ("target", DType::I64, &[400])];
    let loss = CrossEntropy::default();
    let inputs = common::inputs(&loss, &shapes, 1000, &mut Random(61));
    let batch =
        Batch { inputs: &inputs, request: Request::with_gradients(&["input"]), ..Batch::default() };
    let (mut answers, mut losses) = (0, 0);
    for round in 0..24 {
        let gpu = device(wgpu::Features::empty());
        let other = gpu.device().clone();
        let destroyer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(500 * round * round));
            other.destroy();
        });
        match Evaluator::Gpu(gpu).evaluate_blocking(&loss, &batch) {
            Ok(answer) => {
                let loss = answer.scalar().expect("a loss");
                assert!((5.0..20.0).contains(&loss), "round {round}: {loss}");
                answers += 1;
            }
            result => {
                assert_lost(result);
                losses += 1;
            }
        }
        destroyer.join().expect("a thread that destroys");
    }
    println!("{answers} answers, {losses} losses");
    assert!(losses > 0, "{answers} answers, {losses} losses");
}

#[test]
fn buffers_of_another_device_are_refused() {
    let [gpu, theirs] = pair();
    let plan = plan(&gpu).expect("a valid request");
    let (own, [_, foreign, ..]) = (buffers(&gpu), buffers(&theirs));
    let [input, _, value, gradient] = own.each_ref();
    let mut recorded = encoder(&gpu);
    let error = encode(&plan, &mut recorded, [input, &foreign, value, gradient]);
    assert_eq!(
        error.expect_err("another device's buffer").to_string(),
        "target: a buffer that wgpu refuses (Device with 'theirs' label of Buffer with '' label \
         doesn't match Device with 'ours' label) is not valid, expected a living buffer of the \
         plan's device"
    );
    let dead = empty(&gpu, 256);
    dead.destroy();
    let error = encode(&plan, &mut recorded, [input, &own[1], value, &dead]);
    assert_eq!(
        error.expect_err("a destroyed buffer").to_string(),
        "gradient input: a buffer that wgpu refuses (Buffer with '' label has been destroyed) is \
         not valid, expected a living buffer of the plan's device"
    );
    let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
    let invalid = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("invalid"),
        size: 256,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    pollster::block_on(scope.pop()).expect("not both usages");
    let error = encode(&plan, &mut recorded, [&invalid, &own[1], value, gradient]);
    assert_eq!(
        error.expect_err("an invalid buffer").to_string(),
        "input: a buffer that wgpu refuses (Buffer with 'invalid' label is invalid) is not valid, \
         expected a living buffer of the plan's device"
    );
    // Nothing was recorded by any, and the encoder is still good.
    gpu.queue().submit([recorded.finish()]);
    assert_works(&gpu, &plan, &own);
}

/// wgpu panics at a buffer of another instance that it does not find among its own, or takes its
/// own one of that number: no panic comes out.
#[test]
fn a_buffer_of_another_instance_is_refused_or_taken_for_one() {
    // `adapters` makes an instance for each call.
    let (gpu, theirs) = (device(wgpu::Features::empty()), device(wgpu::Features::empty()));
    let plan = plan(&gpu).expect("a valid request");
    let own = buffers(&gpu);
    let crowd: Vec<_> = (0..64).map(|_| empty(&theirs, 256)).collect();
    let foreign = crowd.last().expect("64 buffers");
    let [input, target, value, _] = own.each_ref();
    let error = encode(&plan, &mut encoder(&gpu), [input, target, value, foreign]);
    let error = error.expect_err("a buffer of another instance").to_string();
    assert!(error.starts_with("gradient input: a buffer that wgpu refuses ("), "{error}");
    assert!(error.contains("it is not of the device's wgpu::Instance"), "{error}");
    let error = encode(&plan, &mut encoder(&theirs), own.each_ref());
    println!("an encoder of another instance: {error:?}");
    assert_works(&gpu, &plan, &own);
}

/// The program's error scope and its callbacks see nothing of what we turn into errors.
#[test]
fn the_programs_error_handling_is_its_own() {
    let gpu = device(wgpu::Features::empty());
    let (errors, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, counted) = (errors.clone(), lost.clone());
    gpu.device().on_uncaptured_error(Arc::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    gpu.device().set_device_lost_callback(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let plan = plan(&gpu).expect("a valid request");
    let own = buffers(&gpu);
    let dead = empty(&gpu, 256);
    dead.destroy();
    let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
    let [input, target, value, _] = own.each_ref();
    encode(&plan, &mut encoder(&gpu), [input, target, value, &dead]).expect_err("a dead buffer");
    assert!(pollster::block_on(scope.pop()).is_none(), "the scope's error was ours");
    encode(&plan, &mut encoder(&gpu), [input, target, value, &dead]).expect_err("a dead buffer");
    assert_works(&gpu, &plan, &own);
    assert_eq!([errors.load(Ordering::SeqCst), lost.load(Ordering::SeqCst)], [0, 0]);
    // They are still there.
    let usage = wgpu::BufferUsages::empty();
    let (label, size, mapped_at_creation) = (None, 4, false);
    let wrong = wgpu::BufferDescriptor { label, size, usage, mapped_at_creation };
    drop(gpu.device().create_buffer(&wrong));
    assert_eq!(errors.load(Ordering::SeqCst), 1);
    gpu.device().destroy();
    assert_lost(encode(&plan, &mut encoder(&gpu), own.each_ref()));
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("nothing to wait for");
    assert_eq!([errors.load(Ordering::SeqCst), lost.load(Ordering::SeqCst)], [1, 1]);
}
