//! Losses under an async executor: all at once, on one thread that waits for none of them.

use std::time::Duration;
use tokio::task::JoinSet;
use wgloss::{Batch, Evaluator, Gpu, Mse, Result, Tensor};

/// The mean squared error of numbers that are all this far from their targets.
async fn squared(backend: Evaluator, difference: f32) -> Result<()> {
    println!("started  {difference}");
    let count = 1 << 20;
    let (input, target) = (vec![difference; count], vec![0f32; count]);
    let inputs = [
        ("input", Tensor::from_slice(&input, [count])?),
        ("target", Tensor::from_slice(&target, [count])?),
    ];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    // Other tasks run while the data are uploaded, the kernels run, and the results are read back.
    let evaluation = backend.evaluate(&Mse, &batch).await?;
    println!("finished {}", evaluation.scalar().unwrap_or(f32::NAN));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let backend = Evaluator::Gpu(Gpu::new().await?);
    let mut losses = JoinSet::new();
    for difference in [1.0, 2.0, 3.0, 4.0] {
        losses.spawn(squared(backend.clone(), difference));
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
