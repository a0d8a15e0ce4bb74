//! A training loop in plain wgpu with two losses: a linear classifier learns labels and, with a small
//! weight, another model's scores. Both losses add to one value and one gradient, the last batch of an
//! epoch is smaller than the others, and nothing is planned or compiled once the loop has begun.

use std::error::Error;
use wgloss::wgpu::{self, util::DeviceExt as _};
use wgloss::{Bindings, CrossEntropy, DType, Gpu, Mse, Plans, Request, TensorKind};

const ROWS: usize = 1000;
const BATCH: usize = 96;
const FEATURES: usize = 16;
const CLASSES: usize = 5;
/// The workgroups of 64 that suffice for a batch of 96 rows of 5 scores.
const GROUPS: u32 = 8;

/// The program's own kernels: the model's scores, and a step down their gradient.
const MODEL: &str = "
@group(0) @binding(0) var<storage, read> data: array<f32>;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= arrayLength(&scores)) { return; }
    var sum = 0.0;
    for (var f = 0u; f < 16u; f++) { sum += data[id.x / 5u * 16u + f] * weights[f * 5u + id.x % 5u]; }
    scores[id.x] = sum;
}

@compute @workgroup_size(64)
fn step(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= 80u) { return; }
    var sum = 0.0;
    for (var r = 0u; r < arrayLength(&gradient) / 5u; r++) {
        sum += data[r * 16u + id.x / 5u] * gradient[r * 5u + id.x % 5u];
    }
    weights[id.x] -= 0.5 * sum;
}";

/// Records one of the program's own kernels with these buffers.
fn record(
    device: &wgpu::Device,
    encoder: &mut wgpu::CommandEncoder,
    pipeline: &wgpu::ComputePipeline,
    buffers: &[(u32, wgpu::BufferBinding<'_>)],
) {
    let entries: Vec<_> = buffers
        .iter()
        .map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding: *binding,
            resource: wgpu::BindingResource::Buffer(buffer.clone()),
        })
        .collect();
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(GROUPS, 1, 1);
}

/// Numbers between -1 and 1.
fn number(i: usize) -> f32 {
    f32::from(i.wrapping_mul(2_654_435_761).to_le_bytes()[2]) / 128.0 - 1.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::new_blocking()?;
    let (device, queue) = (gpu.device(), gpu.queue());
    let usage =
        wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffer = |contents: &[u8]| {
        let descriptor = wgpu::util::BufferInitDescriptor { label: None, contents, usage };
        device.create_buffer_init(&descriptor)
    };
    let floats = |numbers: &[f32]| buffer(bytemuck::cast_slice(numbers));

    // What is learned: the classes and the scores of another linear model.
    let data: Vec<f32> = (0..ROWS * FEATURES).map(number).collect();
    let teacher = |row: usize, class: usize| -> f32 {
        let own = &data[row * FEATURES..][..FEATURES];
        own.iter().enumerate().map(|(f, x)| 2.0 * x * number(7919 * (f * CLASSES + class))).sum()
    };
    let scores = |row| (0..CLASSES).map(move |class| teacher(row, class));
    let taught: Vec<f32> = (0..ROWS).flat_map(scores).collect();
    let best = |scores: &[f32]| {
        (0i64..).zip(scores).max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |best| best.0)
    };
    let labels: Vec<i64> = taught.chunks(CLASSES).map(best).collect();
    // Each batch begins where a binding may.
    let batches: Vec<_> = (0..ROWS)
        .step_by(BATCH)
        .map(|first| {
            let rows = first..ROWS.min(first + BATCH);
            let part = |size: usize| rows.start * size..rows.end * size;
            let labels = buffer(bytemuck::cast_slice(&labels[rows.clone()]));
            (rows.len(), floats(&data[part(FEATURES)]), labels, floats(&taught[part(CLASSES)]))
        })
        .collect();

    // The losses, planned for the largest batch: the second adds to what the first has written.
    let of =
        |target| [("input", TensorKind::new(DType::F32, [BATCH, CLASSES])), ("target", target)];
    let labelled = of(TensorKind::new(DType::I64, [BATCH]));
    let scored = of(TensorKind::new(DType::F32, [BATCH, CLASSES]));
    let gradients = &["input"][..];
    let head = Request { label: Some("labels"), ..Request::with_gradients(gradients) };
    let head = Plans::new(&gpu, CrossEntropy::default(), &labelled, &head)?;
    let hint = Request {
        label: Some("scores"),
        loss_weight: 0.05,
        accumulate: true,
        ..Request::with_gradients(gradients)
    };
    let hint = Plans::new(&gpu, Mse, &scored, &hint)?;

    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("model"),
        source: wgpu::ShaderSource::Wgsl(MODEL.into()),
    });
    let pipeline = |entry| {
        device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry),
            layout: None,
            module: &module,
            entry_point: Some(entry),
            compilation_options: Default::default(),
            cache: None,
        })
    };
    let (forward, step) = (pipeline("forward"), pipeline("step"));
    let weights = floats(&[0.0; FEATURES * CLASSES]);
    let (logits, gradient) = (floats(&[0.0; BATCH * CLASSES]), floats(&[0.0; BATCH * CLASSES]));
    let (loss, status) = (floats(&[0.0]), buffer(&[0; 16]));
    let whole = wgpu::Buffer::as_entire_buffer_binding;

    for epoch in 0..5 {
        // Of the batches' means.
        let mut sum = 0.0;
        for (rows, data, labels, taught) in &batches {
            // The part of the buffers that belongs to this batch's rows.
            let part = |buffer| wgpu::BufferBinding {
                buffer,
                offset: 0,
                size: wgpu::BufferSize::new((rows * CLASSES * 4) as u64),
            };
            let outputs = [("input", part(&gradient))];
            let labelled = [("input", part(&logits)), ("target", whole(labels))];
            let scored = [("input", part(&logits)), ("target", whole(taught))];
            let first = Bindings {
                inputs: &labelled,
                value: Some(whole(&loss)),
                gradients: &outputs,
                status: Some(whole(&status)),
                ..Bindings::default()
            };
            let second = Bindings { inputs: &scored, status: None, ..first.clone() };
            let model = [(0, whole(data)), (1, whole(&weights))];
            let mut encoder = device.create_command_encoder(&Default::default());
            let forward_buffers = [&model[..], &[(2, part(&logits))]].concat();
            record(device, &mut encoder, &forward, &forward_buffers);
            let plan = head.of(*rows)?;
            plan.encode(&mut encoder, &first)?;
            hint.of(*rows)?.encode(&mut encoder, &second)?;
            let step_buffers = [&model[..], &[(3, part(&gradient))]].concat();
            record(device, &mut encoder, &step, &step_buffers);
            queue.submit([encoder.finish()]);
            let outcome = plan.read(&first).wait()?.checked()?;
            sum += outcome.scalar().unwrap_or(f32::NAN);
        }
        println!("epoch {epoch}: loss {sum}");
    }
    Ok(())
}
