//! Losses in a program's own buffers, read back under an async executor: all at once, on one thread
//! that waits for none of them.

use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use wgloss::wgpu::{self, util::DeviceExt as _};
use wgloss::{Bindings, DType, Gpu, Mse, Plan, Request, Result, TensorKind};

const COUNT: usize = 1 << 20;

/// The mean squared error of numbers that are all this far from their targets.
async fn squared(gpu: Gpu, plan: Arc<Plan>, difference: f32) -> Result<()> {
    println!("started  {difference}");
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let buffer = |numbers: &[f32]| {
        let contents = bytemuck::cast_slice(numbers);
        let descriptor = wgpu::util::BufferInitDescriptor { label: None, contents, usage };
        gpu.device().create_buffer_init(&descriptor)
    };
    let (input, target) = (buffer(&vec![difference; COUNT]), buffer(&vec![0.0; COUNT]));
    let loss = buffer(&[0.0]);
    let bindings = Bindings {
        inputs: &[
            ("input", input.as_entire_buffer_binding()),
            ("target", target.as_entire_buffer_binding()),
        ],
        value: Some(loss.as_entire_buffer_binding()),
        ..Bindings::default()
    };
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    plan.encode(&mut encoder, &bindings)?;
    gpu.queue().submit([encoder.finish()]);
    // Other tasks run while the kernels do and the loss comes back.
    let outcome = plan.read(&bindings).await?;
    println!("finished {}", outcome.scalar().unwrap_or(f32::NAN));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let gpu = Gpu::new().await?;
    let kinds = ["input", "target"].map(|name| (name, TensorKind::new(DType::F32, [COUNT])));
    let plan = Arc::new(Plan::prepare(&gpu, Mse, &kinds, &Request::default()).await?);
    let mut losses = JoinSet::new();
    for difference in [1.0, 2.0, 3.0, 4.0] {
        losses.spawn(squared(gpu.clone(), plan.clone(), difference));
    }
    let mut clock = tokio::time::interval(Duration::from_millis(1));
    let mut ticks = 0;
    while !losses.is_empty() {
        tokio::select! {
            Some(ended) = losses.join_next() => ended??,
            _ = clock.tick() => ticks += 1,
        }
    }
    println!("the clock ticked {ticks} times meanwhile");
    Ok(())
}
