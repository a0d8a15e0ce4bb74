//! One device, many threads.

use crate::common::buffers::{device, empty, filled, kind, raw_device};
use crate::common::{self, Random, assert_close, read};
use wgloss::{
    Batch, Bindings, CrossEntropy, DType, Gpu, Huber, KlDiv, Loss, Mse, Nll, Plan, Request, Tensor,
    by_name, reference,
};

const THREADS: usize = 8;

/// The losses that all threads evaluate, each beginning with another one.
fn losses() -> [(Box<dyn Loss>, bool); 4] {
    [
        (Box::new(Mse), false),
        (Box::new(CrossEntropy::default()), true),
        (Box::new(Huber::default()), false),
        (Box::new(Nll::default()), true),
    ]
}

fn inputs(
    loss: &dyn Loss,
    rows: bool,
    random: &mut Random,
) -> Vec<(&'static str, Tensor<'static>)> {
    let shape = [20, 300];
    let target = if rows { (DType::I64, &shape[..1]) } else { (DType::F32, &shape[..]) };
    let shapes = [("input", DType::F32, &shape[..]), ("target", target.0, target.1)];
    common::inputs(loss, &shapes, 300, random)
}

fn plan(gpu: &Gpu, loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)]) -> Plan {
    let kinds: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
    let request = Request::with_gradients(&["input"]);
    Plan::new(gpu, loss, &kinds, &request).expect("a valid request")
}

/// Encodes and submits a plan twice with data of its own, and checks both results.
fn check(gpu: &Gpu, loss: &dyn Loss, plan: &Plan, rows: bool, random: &mut Random) {
    for _ in 0..2 {
        let inputs = inputs(loss, rows, random);
        let buffers: Vec<_> =
            inputs.iter().map(|(name, tensor)| (*name, filled(gpu, tensor.bytes()))).collect();
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        let bound: Vec<_> = buffers.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
        let (value, gradient) = (empty(gpu, 4), empty(gpu, inputs[0].1.bytes().len() as u64));
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let bindings = Bindings {
            inputs: &bound,
            value: Some(whole(&value)),
            gradients: &[("input", whole(&gradient))],
            ..Bindings::default()
        };
        plan.encode(&mut encoder, &bindings).expect("valid bindings");
        gpu.queue().submit([encoder.finish()]);
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&["input"]),
            ..Batch::default()
        };
        let want = reference::evaluate(loss, &batch).expect("valid inputs");
        assert_close("value", &read(gpu, &value), &want.value, want.scale);
        let largest = want.gradients[0].1.iter().map(|x| x.abs()).fold(0.0, f64::max);
        assert_close("gradient", &read(gpu, &gradient), &want.gradients[0].1, largest);
    }
}

/// The pipelines and shader modules that are alive.
fn compiled(gpu: &Gpu) -> [isize; 2] {
    alive(gpu.device())
}

fn alive(device: &wgpu::Device) -> [isize; 2] {
    let hal = device.get_internal_counters().hal;
    [hal.compute_pipelines.read(), hal.shader_modules.read()]
}

#[test]
fn threads_share_kernels_and_plans() {
    let alone = device(wgpu::Features::empty());
    for (loss, rows) in losses() {
        drop(plan(&alone, &*loss, &inputs(&*loss, rows, &mut Random(70))));
    }
    let gpu = device(wgpu::Features::empty());
    let (shared, _) = &losses()[1];
    let of_all = plan(&gpu, &**shared, &inputs(&**shared, true, &mut Random(70)));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (gpu, of_all) = (gpu.clone(), &of_all);
            scope.spawn(move || {
                let mut random = Random(71 + thread as u64);
                let mut losses = losses();
                losses.rotate_left(thread % 4);
                for (loss, rows) in &losses {
                    let own = plan(&gpu, &**loss, &inputs(&**loss, *rows, &mut random));
                    check(&gpu, &**loss, &own, *rows, &mut random);
                }
                check(&gpu, &CrossEntropy::default(), of_all, true, &mut random);
            });
        }
    });
    assert!(compiled(&alone)[0] > 0, "counters count");
    assert_eq!(compiled(&gpu), compiled(&alone));
}

/// Clones of a device's handle are one device, whichever `Gpu` they are wrapped in.
#[test]
fn all_gpus_of_a_device_share_its_kernels() {
    let (loss, rows) = (CrossEntropy::default(), true);
    let inputs = inputs(&loss, rows, &mut Random(90));
    let first = device(wgpu::Features::empty());
    let (device, queue) = (first.device().clone(), first.queue().clone());
    // wgpu has some of its own.
    let none = compiled(&first);
    drop(plan(&first, &loss, &inputs));
    let once = compiled(&first);
    assert!(once[0] > none[0], "counters count");
    let second = Gpu::from_device(device.clone(), queue.clone());
    let own = plan(&second, &loss, &inputs);
    assert_eq!(compiled(&second), once);
    // They are kept for whoever is left, and go with the last.
    drop(first);
    check(&second, &loss, &own, rows, &mut Random(91));
    assert_eq!(compiled(&second), once);
    drop((second, own));
    device.poll(wgpu::PollType::wait_indefinitely()).expect("a living device");
    let third = Gpu::from_device(device, queue);
    assert_eq!(compiled(&third), none);
    let own = plan(&third, &loss, &inputs);
    check(&third, &loss, &own, rows, &mut Random(92));
    assert_eq!(compiled(&third), once);
}

/// For wgpu they are equal: it compares their numbers.
#[test]
fn devices_of_two_instances_share_nothing() {
    let own = [90, 91].map(|_| raw_device(wgpu::Features::empty()));
    assert_eq!(own[0].0, own[1].0);
    let compiled = || own.each_ref().map(|(device, _)| alive(device)[0]);
    let none = compiled();
    let gpus = own.clone().map(|(device, queue)| Gpu::from_device(device, queue));
    for (gpu, seed) in gpus.iter().zip(90..) {
        for (loss, rows) in losses() {
            let own = plan(gpu, &*loss, &inputs(&*loss, rows, &mut Random(seed)));
            check(gpu, &*loss, &own, rows, &mut Random(seed));
        }
    }
    let all = compiled();
    assert!(all[0] > none[0] && all[0] == all[1], "{none:?} and {all:?}");
}

/// Planned beside the program, the in-place kernels too: neither the plan nor its first encoding
/// compiles anything then.
#[test]
fn plans_are_prepared_in_the_background() {
    let gpu = device(wgpu::Features::empty());
    let shape = [20, 300];
    let kinds = [("input", kind(DType::F32, &shape)), ("target", kind(DType::F32, &shape))];
    let request = Request::with_gradients(&["input"]);
    let mut pending = Plan::prepare(&gpu, KlDiv::default(), &kinds, &request);
    while !pending.is_finished() {
        std::thread::yield_now();
    }
    let plan = pending.wait().expect("a valid request");
    let apart = compiled(&gpu);
    pollster::block_on(plan.prepare_in_place(&["input"]).expect("in place")).expect("kernels");
    let all = compiled(&gpu);
    assert!(apart[0] > 0 && all[0] > apart[0], "{apart:?} and {all:?}");
    let planned = Plan::new(&gpu, &KlDiv::default(), &kinds, &request).expect("a valid request");
    let (input, target) = (filled(&gpu, &[-1.0f32; 6000]), filled(&gpu, &[0.5f32; 6000]));
    let (value, whole) = (empty(&gpu, 4), wgpu::Buffer::as_entire_buffer_binding);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let bindings = Bindings {
        inputs: &[("input", whole(&input)), ("target", whole(&target))],
        value: Some(whole(&value)),
        gradients: &[("input", whole(&input))],
        ..Bindings::default()
    };
    planned.encode(&mut encoder, &bindings).expect("valid bindings");
    gpu.queue().submit([encoder.finish()]);
    assert_eq!(read::<f32>(&gpu, &input), [-0.5f32 / 6000.0; 6000]);
    assert_eq!(compiled(&gpu), all);

    let error = plan.prepare_in_place(&["target"]).expect_err("no such gradient").to_string();
    assert!(error.starts_with("gradient target: one that was not requested"), "{error}");
    let wrong = Plan::prepare(&gpu, by_name("kl_div").expect("a loss"), &kinds[..1], &request);
    let error = wrong.wait().expect_err("a missing input").to_string();
    assert!(error.starts_with("target: missing"), "{error}");
}
