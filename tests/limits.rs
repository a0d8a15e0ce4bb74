//! Devices with less than WebGPU promises.

use crate::common::{
    self, Random, assert_agrees_on, bits, catalogue, differentiable, inputs, with_limits,
};
use wgloss::{Batch, DType, Error, Evaluator, Loss, Reduction, Request, Tensor, Tuning};

/// WebGPU's least limits, but for the storage buffers that a kernel binds and the invocations of a
/// workgroup.
fn limits(buffers: u32, invocations: u32) -> wgpu::Limits {
    wgpu::Limits {
        max_storage_buffers_per_shader_stage: buffers,
        max_compute_invocations_per_workgroup: invocations,
        max_compute_workgroup_size_x: invocations,
        max_compute_workgroup_size_y: invocations,
        ..wgpu::Limits::downlevel_defaults()
    }
}

/// The value and all gradients of these inputs, with an upstream gradient.
fn evaluate(
    backend: &Evaluator,
    loss: &dyn Loss,
    inputs: &[(&str, Tensor<'static>)],
    reduction: Reduction,
) -> wgloss::Result<Vec<Vec<u8>>> {
    let gradients = differentiable(loss, inputs);
    let request = || Request { reduction, gradients: &gradients, ..Request::default() };
    let plain = Batch { inputs, request: request(), ..Batch::default() };
    let shape = match reduction {
        Reduction::None => wgloss::outputs(loss, &plain)?.swap_remove(0).1.shape,
        _ => Vec::new(),
    };
    let factors: Vec<f32> =
        (0..shape.iter().product()).map(|i: usize| [0.5, -1.25, 0.0, 3.0][i % 4]).collect();
    let upstream = Some(Tensor::from_slice(&factors, shape)?);
    let batch = Batch { inputs, request: request(), upstream, ..Batch::default() };
    backend.evaluate_blocking(loss, &batch).map(|evaluation| bits(&evaluation))
}

/// The guide's table of what devices can do: what they can has the bits that it has elsewhere.
#[test]
fn the_guide_says_what_each_level_of_limits_can_do() {
    let whole = Evaluator::Gpu(common::gpu());
    let mut table = String::new();
    for (buffers, invocations) in [(8, 256), (4, 256), (3, 64), (2, 64)] {
        let backend = with_limits(limits(buffers, invocations));
        let mut refused = Vec::new();
        for loss in wgloss::catalogue() {
            let (loss, name) = (loss.as_ref(), loss.definition().name);
            let all = catalogue::all_inputs(loss, DType::F32, &mut Random(1));
            let mut reasons: Vec<&str> = Vec::new();
            for (inputs, i) in all.iter().zip(0..) {
                let reduction = [Reduction::Mean, Reduction::None][i % 2];
                match evaluate(&backend, loss, inputs, reduction) {
                    Ok(got) => {
                        let want = evaluate(&whole, loss, inputs, reduction).expect("a loss");
                        assert!(got == want, "{name}, {buffers} buffers, {invocations} lanes");
                    }
                    Err(Error::Limit { name, .. }) => reasons.push(name),
                    Err(error) => panic!("{name}: {error}"),
                }
            }
            reasons.sort_unstable();
            reasons.dedup();
            assert!(reasons.len() < 2, "{name}: {reasons:?}");
            refused.extend(reasons.iter().map(|reason| (*reason, name)));
        }
        let without = |limit: &str| {
            let names = refused.iter().filter(|(reason, _)| *reason == limit);
            let names: Vec<String> = names.map(|(_, name)| format!("`{name}`")).collect();
            if names.is_empty() { "none".into() } else { names.join(", ") }
        };
        let by_buffers = without("max_storage_buffers_per_shader_stage");
        let by_lanes = without("max_compute_invocations_per_workgroup");
        table += &format!("//! | {buffers} | {by_buffers} | {invocations} | {by_lanes} |\n");
    }
    let guide = include_str!("../src/guide/embedding.rs");
    assert!(guide.contains(&table), "the guide's table should be\n{table}");
}

/// The lanes of long rows, and what they share, are bounded by the device.
#[test]
fn long_rows_fit_into_the_workgroups_of_the_device() {
    let mut random = Random(2);
    for (memory, invocations) in [(16 << 10, 256), (16 << 10, 64), (4 << 10, 256)] {
        let least =
            wgpu::Limits { max_compute_workgroup_storage_size: memory, ..limits(4, invocations) };
        let Evaluator::Gpu(gpu) = with_limits(least) else { unreachable!("a GPU backend") };
        // As many lanes as there may be.
        let tuning = Tuning { quads_per_lane: 1, subgroups: false, ..gpu.tuning() };
        let backend = Evaluator::Gpu(gpu.with_tuning(tuning));
        for (name, given) in [
            ("cross_entropy", &["input", "target"][..]),
            ("cosine_embedding_loss", &["input1", "input2", "target"]),
            ("triplet_margin_loss", &["anchor", "positive", "negative"]),
        ] {
            let loss = wgloss::by_name(name).expect("a loss");
            let shape: &[usize] = &[3, 2100];
            let of = |&name: &&'static str| match name {
                "target" => {
                    (name, if given.len() == 2 { DType::I64 } else { DType::F32 }, &shape[..1])
                }
                _ => (name, DType::F32, shape),
            };
            let shapes: Vec<_> = given.iter().map(of).collect();
            let inputs = inputs(loss.as_ref(), &shapes, 2100, &mut random);
            let gradients = differentiable(loss.as_ref(), &inputs);
            let request = Request::with_gradients(&gradients);
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees_on(name, &backend, loss.as_ref(), &batch);
        }
    }
}

/// What nothing can run on is refused, whatever is asked for.
#[test]
fn devices_without_compute_limits_are_refused() {
    let backend = with_limits(wgpu::Limits::downlevel_webgl2_defaults());
    for loss in wgloss::catalogue() {
        for inputs in catalogue::all_inputs(loss.as_ref(), DType::F32, &mut Random(3)) {
            let refused = evaluate(&backend, loss.as_ref(), &inputs, Reduction::Mean);
            let Err(Error::Limit { argument, name, .. }) = refused else {
                panic!("{}: {refused:?}", loss.definition().name)
            };
            assert_eq!(argument, "the device");
            assert_eq!(name, "max_compute_invocations_per_workgroup");
        }
    }
}
