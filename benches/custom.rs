//! The cost of a derived gradient beside a hand-written one: the value, and value and gradient, fused, of
//! 2^24 elements on a GPU and 2^22 on the CPU, as the built-in loss and as a custom loss of the same
//! formula; and of rows of 1000 and 10 classes.
//!
//! `cargo bench --bench custom` prints the shortest of interleaved runs, and the ratio; with words behind
//! `--`, of what has them all: `huber CPU`.

use pollster::block_on;
use std::time::Duration;
use wgloss::SigmoidFocal;
use wgloss::{
    BinaryCrossEntropyWithLogits, CrossEntropy, Custom, DType, Gpu, Huber, LogCosh, Loss, Mse,
    Result, SoftmaxFocal,
};
use wgloss_bench::{
    Data, Effort, Numbers, OnCpu, OnGpu, Times, Workload, compare, of_classes, pointwise,
};

const ON_GPU: usize = 1 << 24;
const ON_CPU: usize = 1 << 22;
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

const FOCAL: &str = "
struct Parameters { alpha: f32, gamma: f32 }

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    let balance = c.alpha * t + (1.0 - c.alpha) * (1.0 - t);
    let miss = t * sigmoid(-x) + (1.0 - t) * sigmoid(x);
    return balance * pow(miss, c.gamma) * softplus_sum(x, t, 1.0 - t);
}";

const CROSS_ENTROPY: &str = "
struct Item { input: f32 }
struct Row { target: i32 }

fn shifts(item: Item) -> f32 { return item.input; }

fn sums(item: Item, shifts: f32) -> f32 { return exp(item.input - shifts); }

fn value(picked: Item, shifts: f32, sums: f32) -> f32 {
    return log(sums) + (shifts - picked.input);
}";

const SOFTMAX_FOCAL: &str = include_str!("../examples/losses_over_rows/focal_softmax.wgsl");

const LOG_COSH: &str = "
fn value(input: f32, expected: f32) -> f32 {
    return log_cosh(input - expected);
}";

fn main() -> Result<()> {
    let gpu = Gpu::new_blocking()?;
    println!("{}, {ON_GPU} elements, shortest of {} runs", gpu.adapter_info().name, EFFORT.runs);
    println!("CPU, {ON_CPU} elements");
    println!("{:<57} {:>12} {:>9} {:>7}", "", "built-in ms", "custom ms", "ratio");
    compare_with(&gpu, &Custom::new(MSE)?, Numbers::Normal, Mse)?;
    compare_with(&gpu, &Custom::new(HUBER)?, Numbers::Normal, Huber::default())?;
    let bce = Custom::new(BCE_WITH_LOGITS)?;
    compare_with(&gpu, &bce, Numbers::Uniform, BinaryCrossEntropyWithLogits)?;
    let (built_in, mut focal) = (SigmoidFocal::default(), Custom::new(FOCAL)?);
    focal.set("alpha", built_in.alpha.into())?;
    focal.set("gamma", built_in.gamma.into())?;
    compare_with(&gpu, &focal, Numbers::Uniform, built_in)?;
    compare_with(&gpu, &Custom::new(LOG_COSH)?, Numbers::Normal, LogCosh)?;
    let (built_in, mut focal) = (SoftmaxFocal::default(), Custom::new(SOFTMAX_FOCAL)?);
    focal.set("gamma", built_in.gamma.into())?;
    for classes in [1000, 10] {
        let cross_entropy = Custom::new(CROSS_ENTROPY)?;
        compare_rows(&gpu, &cross_entropy, classes, CrossEntropy::default())?;
        compare_rows(&gpu, &focal, classes, built_in)?;
    }
    Ok(())
}

fn compare_with<L: Loss + Clone + 'static>(
    gpu: &Gpu,
    custom: &Custom,
    second: Numbers,
    built_in: L,
) -> Result<()> {
    let both = |elements| {
        [pointwise(built_in.clone(), elements, second), pointwise(custom.clone(), elements, second)]
    };
    compare_both(gpu, built_in.definition().name, both)
}

fn compare_rows<L: Loss + Clone + 'static>(
    gpu: &Gpu,
    custom: &Custom,
    classes: usize,
    built_in: L,
) -> Result<()> {
    let both = |elements| {
        let rows = elements / classes;
        [of_classes(built_in.clone(), rows, classes), of_classes(custom.clone(), rows, classes)]
    };
    compare_both(gpu, &format!("{} of {classes}", built_in.definition().name), both)
}

fn compare_both(gpu: &Gpu, name: &str, both: impl Fn(usize) -> [Workload; 2]) -> Result<()> {
    for gradient in [false, true] {
        let workloads = |elements| {
            let mut both = both(elements);
            if !gradient {
                both.iter_mut().for_each(|own| own.gradients.clear());
            }
            both
        };
        let asked = if gradient { "value and gradient" } else { "value" };
        let what = format!("{name}, GPU, {asked}");
        if is_wanted(&what) {
            let both = workloads(ON_GPU);
            let [theirs, ours] = both
                .each_ref()
                .map(|own| block_on(OnGpu::new(gpu, own, DType::F32, &Data::new(own, DType::F32))));
            report(&what, &block_on(compare(EFFORT, &[theirs?, ours?], OnGpu::run))?);
        }
        let what = format!("{name}, CPU, {asked}");
        if is_wanted(&what) {
            let both = workloads(ON_CPU);
            let data = both.each_ref().map(|own| Data::new(own, DType::F32));
            let both = [OnCpu::new(&both[0], &data[0])?, OnCpu::new(&both[1], &data[1])?];
            let run = async |own: &OnCpu<'_>, runs| Ok(own.run(runs).await?.0);
            report(&what, &block_on(compare(EFFORT, &both, run))?);
        }
    }
    Ok(())
}

fn is_wanted(what: &str) -> bool {
    std::env::args().skip(1).filter(|word| !word.starts_with('-')).all(|word| what.contains(&word))
}

fn report(what: &str, times: &[Times]) {
    let [theirs, ours] = [0, 1].map(|i| times[i].min.as_secs_f64() * 1e3);
    println!("{what:<60} {theirs:>9.2} {ours:>9.2} {:>7.3}", ours / theirs);
}
