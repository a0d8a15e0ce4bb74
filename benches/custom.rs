//! The cost of a derived gradient beside a hand-written one: value and gradient, fused, of 2^24
//! elements, as the built-in loss and as a custom loss of the same formula.
//!
//! `cargo bench --bench custom` prints the shortest of interleaved runs, and the ratio.

use pollster::block_on;
use std::time::Duration;
use wgloss::{BinaryCrossEntropyWithLogits, Custom, DType, Gpu, Huber, LogCosh, Loss, Mse, Result};
use wgloss_bench::{Data, Effort, Numbers, OnGpu, compare, pointwise};

const ELEMENTS: usize = 1 << 24;
const EFFORT: Effort =
    Effort { warm_ups: 2, runs: 15, span: Duration::ZERO, sample: Duration::ZERO };

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

fn main() -> Result<()> {
    let gpu = Gpu::new_blocking()?;
    println!("{}, {ELEMENTS} elements, shortest of {} runs", gpu.adapter_info().name, EFFORT.runs);
    println!("{:<34} {:>12} {:>12} {:>7}", "", "built-in ms", "custom ms", "ratio");
    compare_with(&gpu, MSE, Mse)?;
    compare_with(&gpu, HUBER, Huber::default())?;
    compare_with(&gpu, BCE_WITH_LOGITS, BinaryCrossEntropyWithLogits)?;
    compare_with(&gpu, LOG_COSH, LogCosh)
}

fn compare_with(gpu: &Gpu, source: &str, built_in: impl Loss + 'static) -> Result<()> {
    let custom = pointwise(Custom::new(source)?, ELEMENTS, Numbers::Normal);
    let built_in = pointwise(built_in, ELEMENTS, Numbers::Normal);
    let [theirs, ours] = [&built_in, &custom]
        .map(|own| block_on(OnGpu::new(gpu, own, DType::F32, &Data::new(own, DType::F32))));
    let times = block_on(compare(EFFORT, &[theirs?, ours?], OnGpu::run))?;
    let [theirs, ours] = [&times[0], &times[1]].map(|own| own.min.as_secs_f64() * 1e3);
    println!("{:<34} {theirs:>12.2} {ours:>12.2} {:>7.3}", built_in.name, ours / theirs);
    Ok(())
}
