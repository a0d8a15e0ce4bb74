//! The worst error of each elementary function, of `numeric.wgsl` on the GPU and of `numeric.rs` on
//! the CPU, against float64 of the standard library.

use on_cpu::{atan, exp, exp_m1, exp_of_negative, exp_of_negative_and_rest, ln, ln_1p, log_cosh};
use on_cpu::{max_nan, min_nan, power, sigmoid, sign, softplus, tanh};

/// The CPU backend's, which are its own.
#[path = "../src/cpu/numeric.rs"]
#[allow(dead_code, unreachable_pub, reason = "what is used here is what is tested here")]
mod on_cpu;

const SOURCE: &str = include_str!("../shaders/numeric.wgsl");
const POINTS: u32 = 1 << 19;

struct Function {
    wgsl: &'static str,
    /// The CPU has what its losses need.
    rust: Option<fn(f32, f32) -> f32>,
    want: fn(f64, f64) -> f64,
    /// The magnitudes that deserve a dense sweep, besides the sparse one over all bit patterns.
    range: (f32, f32),
}

fn function(
    wgsl: &'static str,
    rust: fn(f32, f32) -> f32,
    want: fn(f64, f64) -> f64,
    range: (f32, f32),
) -> Function {
    Function { wgsl, rust: Some(rust), want, range }
}

fn on_the_gpu(wgsl: &'static str, want: fn(f64, f64) -> f64, range: (f32, f32)) -> Function {
    Function { wgsl, rust: None, want, range }
}

fn log_sigmoid_64(x: f64) -> f64 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

fn log_cosh_64(x: f64) -> f64 {
    let a = x.abs();
    if a < 1.0 {
        (2.0 * (0.5 * a).sinh().powi(2)).ln_1p()
    } else {
        a + ((-2.0 * a).exp().ln_1p() - std::f64::consts::LN_2)
    }
}

fn functions() -> Vec<Function> {
    vec![
        function("exponential", |x, _| exp(x), |x, _| x.exp(), (1e-3, 104.0)),
        // That of numbers up to 0, which the CPU has of its own.
        function(
            "exponential",
            |x, _| if x > 0.0 { exp(x) } else { exp_of_negative(x) },
            |x, _| x.exp(),
            (1e-3, 104.0),
        ),
        function("exponential_minus_one", |x, _| exp_m1(x), |x, _| x.exp_m1(), (1e-3, 90.0)),
        // That of numbers up to 0, which comes with e^x.
        function(
            "exponential_minus_one",
            |x, _| match (-80.0..=0.0).contains(&x) {
                true => -exp_of_negative_and_rest(x)[1],
                false => exp_m1(x),
            },
            |x, _| x.exp_m1(),
            (1e-3, 90.0),
        ),
        function("logarithm", |x, _| ln(x), |x, _| x.ln(), (0.2, 5.0)),
        function("logarithm_one_plus", |x, _| ln_1p(x), |x, _| x.ln_1p(), (1e-3, 20.0)),
        // 1 + e^-x overflows nowhere in float64 where the result matters in float32.
        function("sigmoid", |x, _| sigmoid(x), |x, _| 1.0 / (1.0 + (-x).exp()), (1e-3, 90.0)),
        on_the_gpu("log_sigmoid", |x, _| log_sigmoid_64(x), (1e-3, 90.0)),
        function("softplus", |x, _| softplus(x), |x, _| -log_sigmoid_64(-x), (1e-3, 90.0)),
        function("hyperbolic_tangent", |x, _| tanh(x), |x, _| x.tanh(), (1e-3, 10.0)),
        function("log_cosh", |x, _| log_cosh(x), |x, _| log_cosh_64(x), (1e-3, 20.0)),
        function("arctangent", |x, _| atan(x), |x, _| x.atan(), (1e-3, 90.0)),
        function("power", power, f64::powf, (0.2, 5.0)),
    ]
}

/// Sparse over all bit patterns, dense over the range with both signs, and the special values. The
/// second column is the exponent of power: within 8 of 0, and 0.
#[expect(clippy::cast_precision_loss, reason = "integers of 16 bits")]
fn inputs(range: (f32, f32)) -> Vec<(f32, f32)> {
    let sparse = (0..POINTS).map(|i| f32::from_bits(i * (u32::MAX / POINTS) + 1));
    let (low, high) = (range.0.to_bits(), range.1.to_bits());
    let step = ((high - low) / POINTS).max(1);
    let dense = (low..high).step_by(step as usize).map(f32::from_bits);
    let ends = [0.0, f32::MIN_POSITIVE, 1e-40, 1e-38, 1e-10, 1e-8, 1e-6, 0.5, 1.0, 2.0, 80.0];
    let far = [88.0, 88.722_84, 88.73, 87.336_54, 100.0, 1e10, f32::MAX, f32::INFINITY, f32::NAN];
    let both = dense.chain(ends).chain(far).flat_map(|x| [x, -x]);
    let spread = |i: usize| (i.wrapping_mul(40_503) % 65_536) as f32;
    sparse.chain(both).enumerate().map(|(i, x)| (x, spread(i) / 4096.0 - 8.0)).collect()
}

/// The error in units in the last place of the wanted value. Where both are NaN, the same infinity,
/// or too small for a normal f32, it is 0.
#[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest f32 is meant")]
fn error(got: f32, want: f64) -> f64 {
    let nearest = want as f32;
    if got.is_nan() || nearest.is_nan() {
        return if got.is_nan() && nearest.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got == nearest || (nearest.abs() < f32::MIN_POSITIVE && got.abs() <= f32::MIN_POSITIVE) {
        return 0.0;
    }
    let exponent = (nearest.abs().to_bits() >> 23).max(1) as i32;
    (f64::from(got) - want).abs() / f64::from(exponent - 150).exp2()
}

/// Prints one row and returns whether the worst error is within the limit.
fn check(function: &Function, inputs: &[(f32, f32)], got: &[f32]) -> bool {
    let flushed = |x: f32| if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x };
    let reads_bits = ["logarithm", "power"].contains(&function.wgsl);
    let mut worst = (0.0, f32::NAN, f32::NAN, 0.0, 0.0);
    for (&(x, y), &got) in inputs.iter().zip(got) {
        if function.wgsl == "power" && x.is_sign_negative() {
            continue;
        }
        let want = (function.want)(x.into(), y.into());
        let base = if reads_bits { x } else { flushed(x) };
        let of_zero = (function.want)(base.into(), flushed(y).into());
        let found = error(got, want).min(error(got, of_zero));
        if found > worst.0 {
            worst = (found, x, y, got, want);
        }
    }
    let (found, x, y, got, want) = worst;
    println!("{:<32} {found:>6.3}  {x:e}, {y:e}  {got:e}  {want:e}", function.wgsl);
    found <= if function.wgsl == "power" { 16.0 } else { 4.0 }
}

fn device() -> (wgpu::Device, wgpu::Queue) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()));
    let adapter = adapter.expect("an adapter");
    println!("{}", adapter.get_info().name);
    pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()))
        .expect("a device")
}

fn pipeline(device: &wgpu::Device, expression: &str) -> wgpu::ComputePipeline {
    let source = format!(
        "{SOURCE}
        @group(0) @binding(0) var<storage, read> inputs: array<vec2f>;
        @group(0) @binding(1) var<storage, read_write> outputs: array<f32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {{
            if id.x < arrayLength(&outputs) {{
                let x = inputs[id.x].x;
                let y = inputs[id.x].y;
                outputs[id.x] = {expression};
            }}
        }}"
    );
    let source = wgpu::ShaderSource::Wgsl(source.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: None,
        compilation_options: Default::default(),
        cache: None,
    })
}

fn buffer(device: &wgpu::Device, size: usize, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    let size = size as u64;
    device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size,
        usage,
        mapped_at_creation: false,
    })
}

fn entry(binding: u32, buffer: &wgpu::Buffer) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }
}

fn evaluate(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    expression: &str,
    inputs: &[(f32, f32)],
) -> Vec<f32> {
    use wgpu::BufferUsages as Usage;
    let pipeline = pipeline(device, expression);
    let groups = u32::try_from(inputs.len().div_ceil(64)).expect("a dispatch of one dimension");
    let pairs: Vec<[f32; 2]> = inputs.iter().map(|&(x, y)| [x, y]).collect();
    let input = buffer(device, inputs.len() * 8, Usage::STORAGE | Usage::COPY_DST);
    let output = buffer(device, inputs.len() * 4, Usage::STORAGE | Usage::COPY_SRC);
    let mapped = buffer(device, inputs.len() * 4, Usage::MAP_READ | Usage::COPY_DST);
    queue.write_buffer(&input, 0, bytemuck::cast_slice(&pairs));
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[entry(0, &input), entry(1, &output)],
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(groups, 1, 1);
    drop(pass);
    encoder.copy_buffer_to_buffer(&output, 0, &mapped, 0, mapped.size());
    queue.submit([encoder.finish()]);
    mapped.map_async(wgpu::MapMode::Read, .., |result| result.expect("a mapped buffer"));
    device.poll(wgpu::PollType::wait_indefinitely()).expect("a finished queue");
    let view = mapped.get_mapped_range(..).expect("a mapped range");
    bytemuck::cast_slice(&view).to_vec()
}

/// Prints the table of all functions, and fails where one is beyond its limit.
fn check_all(title: &str, values: impl Fn(&Function, &[(f32, f32)]) -> Option<Vec<f32>>) {
    println!("{title:<32} {:>6}  at x, y  got  want", "ULP");
    let beyond = functions().into_iter().filter(|function| {
        let inputs = inputs(function.range);
        values(function, &inputs).is_some_and(|got| !check(function, &inputs, &got))
    });
    let beyond: Vec<_> = beyond.map(|function| function.wgsl).collect();
    assert!(beyond.is_empty(), "beyond the limit: {beyond:?}");
}

#[test]
fn wgsl_functions_match_float64() {
    let (device, queue) = device();
    check_all("function (GPU)", |function, inputs| {
        let arguments = if function.wgsl == "power" { "x, y" } else { "x" };
        Some(evaluate(&device, &queue, &format!("{}({arguments})", function.wgsl), inputs))
    });
}

#[test]
fn rust_functions_match_float64() {
    check_all("function (CPU)", |function, inputs| {
        let rust = function.rust?;
        Some(inputs.iter().map(|&(x, y)| rust(x, y)).collect())
    });
}

type Exact = (&'static str, fn(f32, f32) -> f32);

/// Expressions of two arguments that agree with Rust exactly: NaN carried, C's corners of power.
fn exact_functions() -> Vec<Exact> {
    vec![
        ("maximum(x, y)", max_nan),
        ("minimum(x, y)", min_nan),
        ("sign_of(x)", |x, _| sign(x)),
        ("clamped(x, -1.0, 2.0)", |x, _| x.clamp(-1.0, 2.0)),
        ("select(0.0, 1.0, is_nan(x))", |x, _| f32::from(u8::from(x.is_nan()))),
        ("select(0.0, 1.0, is_finite(x))", |x, _| f32::from(u8::from(x.is_finite()))),
        ("not_a_number()", |_, _| f32::NAN),
        ("infinity()", |_, _| f32::INFINITY),
        ("power(abs(x), y)", |x, y| x.abs().powf(y)),
    ]
}

#[test]
fn special_values_are_exact() {
    let (device, queue) = device();
    let values =
        [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let negative_nan = f32::from_bits(0xffc0_0001);
    let values = values.into_iter().chain([-f32::MAX, negative_nan, f32::MIN_POSITIVE, 0.25]);
    let pairs: Vec<_> = values.clone().flat_map(|x| values.clone().map(move |y| (x, y))).collect();
    for &(x, y) in &pairs {
        let (got, want) = (power(x.abs(), y), x.abs().powf(y));
        assert_eq!(error(got, want.into()), 0.0, "power of {x:e} and {y:e} on the CPU: {got:e}");
    }
    for (expression, want) in exact_functions() {
        let got = evaluate(&device, &queue, expression, &pairs);
        for (&(x, y), got) in pairs.iter().zip(got) {
            let found = error(got, want(x, y).into());
            assert_eq!(found, 0.0, "{expression} at {x:e}, {y:e}: {got:e}, not {:e}", want(x, y));
        }
    }
}
