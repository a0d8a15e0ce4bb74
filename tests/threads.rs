//! One device, many threads.

use crate::common::buffers::{device, empty, filled};
use crate::common::{self, Random, assert_close, read};
use wgloss::{
    Batch, Bindings, CrossEntropy, DType, Gpu, Huber, Loss, Mse, Nll, Plan, Request, Tensor,
    reference,
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
    let hal = gpu.device().get_internal_counters().hal;
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
