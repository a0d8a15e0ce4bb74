//! What a derived gradient costs beside a hand-written one: value and gradient, fused, of 2^24
//! elements, as the built-in loss and as a custom loss of the same formula.
//!
//! `cargo bench --bench custom` prints the shortest of interleaved runs, and the ratio.

use std::time::{Duration, Instant};
use wgloss::{
    BinaryCrossEntropyWithLogits, Bindings, Custom, DType, Gpu, Huber, LogCosh, Loss, Mse, Plan,
    Request, Result, TensorKind, wgpu,
};

const ELEMENTS: usize = 1 << 24;
const RUNS: usize = 15;

const MSE: &str = "
fn value(input: f32, expected: f32) -> f32 {
    let d = input - expected;
    return d * d;
}";

const HUBER: &str = "
const DELTA = 1.0;

fn value(input: f32, expected: f32) -> f32 {
    let d = abs(input - expected);
    if (d <= DELTA) {
        return 0.5 * d * d;
    }
    return DELTA * (d - 0.5 * DELTA);
}";

const BCE_WITH_LOGITS: &str = "
fn value(input: f32, expected: f32) -> f32 {
    return max(input, 0.0) - input * expected + logarithm_one_plus(exp(-abs(input)));
}";

const LOG_COSH: &str = "
fn value(input: f32, expected: f32) -> f32 {
    return log_cosh(input - expected);
}";

fn buffer(gpu: &Gpu, numbers: &[f32]) -> wgpu::Buffer {
    let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: size_of_val(numbers) as u64,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(numbers));
    buffer
}

/// A loss with its plan and buffers.
struct Candidate {
    plan: Plan,
    inputs: Vec<(&'static str, wgpu::Buffer)>,
    gradient: wgpu::Buffer,
    value: wgpu::Buffer,
}

impl Candidate {
    fn new(gpu: &Gpu, loss: &dyn Loss, numbers: [&[f32]; 2]) -> Result<Self> {
        let names: Vec<&str> = loss.definition().inputs.iter().map(|input| input.name).collect();
        let kind = TensorKind { dtype: DType::F32, shape: vec![ELEMENTS] };
        let kinds = [(names[0], kind.clone()), (names[1], kind)];
        let gradients = [names[0]];
        let request = Request { inputs: &kinds, gradients: &gradients, ..Request::default() };
        let plan = Plan::new(gpu, loss, &request)?;
        let definition = loss.definition().inputs.iter().zip(numbers);
        let inputs = definition.map(|(input, own)| (input.name, buffer(gpu, own))).collect();
        let gradient = buffer(gpu, &vec![0.0; ELEMENTS]);
        Ok(Self { plan, inputs, gradient, value: buffer(gpu, &[0.0]) })
    }

    fn run(&self, gpu: &Gpu) -> Result<Duration> {
        let inputs = self.inputs.iter().map(|(n, b)| (*n, b.as_entire_buffer_binding()));
        let inputs: Vec<_> = inputs.collect();
        let gradients = [(inputs[0].0, self.gradient.as_entire_buffer_binding())];
        let bindings = Bindings {
            inputs: &inputs,
            value: Some(self.value.as_entire_buffer_binding()),
            gradients: &gradients,
            ..Bindings::default()
        };
        let mut encoder =
            gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        self.plan.encode(&mut encoder, &bindings)?;
        let commands = encoder.finish();
        let start = Instant::now();
        gpu.queue().submit([commands]);
        gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("a living device");
        Ok(start.elapsed())
    }
}

fn main() -> Result<()> {
    let gpu = Gpu::new_blocking()?;
    println!("{}, {ELEMENTS} elements, shortest of {RUNS} runs", gpu.adapter_info().name);
    println!("{:<34} {:>12} {:>12} {:>7}", "", "built-in ms", "custom ms", "ratio");
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let number = |i: usize, step: usize| (i * step % 1999) as f32 / 333.0 - 3.0;
    let first: Vec<f32> = (0..ELEMENTS).map(|i| number(i, 7919)).collect();
    let second: Vec<f32> = (0..ELEMENTS).map(|i| number(i, 104_729)).collect();
    let pairs: [(Box<dyn Loss>, &str); 4] = [
        (Box::new(Mse), MSE),
        (Box::new(Huber::default()), HUBER),
        (Box::new(BinaryCrossEntropyWithLogits), BCE_WITH_LOGITS),
        (Box::new(LogCosh), LOG_COSH),
    ];
    for (built_in, source) in pairs {
        let custom = Custom::new(source)?;
        let losses: [&dyn Loss; 2] = [built_in.as_ref(), &custom];
        let mut candidates = Vec::new();
        for loss in losses {
            candidates.push(Candidate::new(&gpu, loss, [&first, &second])?);
        }
        let mut shortest = [Duration::MAX; 2];
        for run in 0..RUNS + 2 {
            for (shortest, candidate) in shortest.iter_mut().zip(&candidates) {
                let time = candidate.run(&gpu)?;
                // The first two warm up.
                if run >= 2 {
                    *shortest = time.min(*shortest);
                }
            }
        }
        let [built, own] = shortest.map(|time| time.as_secs_f64() * 1e3);
        let name = built_in.definition().name;
        println!("{name:<34} {built:>12.2} {own:>12.2} {:>7.3}", own / built);
    }
    Ok(())
}
