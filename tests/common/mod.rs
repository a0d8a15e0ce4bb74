//! Helpers that the tests share.

pub(crate) mod buffers;
pub(crate) mod catalogue;
pub(crate) mod ctc;
pub(crate) mod recorded;

use wgloss::definition::{Domain, Role, Setting};
use wgloss::{
    Batch, DType, Evaluation, Evaluator, Gpu, GradientType, Loss, Tensor, adapters, reference,
};

/// The float types.
pub(crate) const FLOATS: [DType; 4] = [DType::F32, DType::F16, DType::BF16, DType::F64];
/// The integer types.
pub(crate) const INTEGERS: [DType; 8] =
    [DType::U8, DType::I8, DType::U16, DType::I16, DType::U32, DType::I32, DType::U64, DType::I64];

/// The adapter under test. Without one the tests fail: nothing is skipped. A device runs one thing
/// after the other, and llvmpipe compiles a kernel when it first runs: each test has a device for
/// itself, which goes with its kernels when the test ends.
pub(crate) fn gpu() -> Gpu {
    thread_local! {
        static OWN: Gpu =
            Gpu::new_blocking().expect("the tests need a GPU adapter; ./test installs one");
    }
    OWN.with(Gpu::clone)
}

/// Both backends by name.
pub(crate) fn backends() -> [(&'static str, Evaluator); 2] {
    [("gpu", Evaluator::Gpu(gpu())), ("cpu", Evaluator::Cpu)]
}

/// A device of the adapter under test with these limits and no features.
pub(crate) fn with_limits(required_limits: wgpu::Limits) -> Evaluator {
    let all = pollster::block_on(adapters());
    let adapter = all.first().expect("the tests need a GPU adapter; ./test installs one");
    let descriptor = wgpu::DeviceDescriptor { required_limits, ..Default::default() };
    let (device, queue) =
        pollster::block_on(adapter.request_device(&descriptor)).expect("a device with less");
    Evaluator::Gpu(Gpu::from_device(device, queue))
}

/// A device that binds at most `binding` bytes and `buffers` storage buffers at once and dispatches
/// at most `groups` workgroups in a dimension.
pub(crate) fn limited(binding: u64, groups: u32, buffers: u32) -> Evaluator {
    with_limits(wgpu::Limits {
        max_storage_buffer_binding_size: binding,
        max_compute_workgroups_per_dimension: groups,
        max_storage_buffers_per_shader_stage: buffers,
        ..wgpu::Limits::default()
    })
}

/// The value and the gradients, bit for bit.
pub(crate) fn bits(evaluation: &Evaluation) -> Vec<Vec<u8>> {
    let gradients = evaluation.gradients.iter().map(|(_, gradient)| gradient);
    evaluation.value.iter().chain(gradients).map(|tensor| tensor.bytes().to_vec()).collect()
}

/// What a buffer holds when all that was submitted has run.
pub(crate) fn read<T: bytemuck::AnyBitPattern>(gpu: &Gpu, source: &wgpu::Buffer) -> Vec<T> {
    let staging = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: source.size(),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(source, 0, &staging, 0, None);
    gpu.queue().submit([encoder.finish()]);
    staging.map_async(wgpu::MapMode::Read, .., |result| result.expect("a mapped buffer"));
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("a living device");
    let view = staging.get_mapped_range(..).expect("a mapped buffer");
    view.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
}

/// A small deterministic generator of numbers (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1, both left out.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.bits() % n as u64).expect("below a usize")
    }

    /// A number of the domain, of ordinary size.
    pub(crate) fn number(&mut self, domain: Domain) -> f64 {
        match domain {
            Domain::Unit => self.unit(),
            Domain::NonNegative => 3.0 * self.unit(),
            Domain::NonPositive => -3.0 * self.unit(),
            Domain::Binary => [0.0, 1.0][self.below(2)],
            Domain::Sign => [-1.0, 1.0][self.below(2)],
            _ => 8.0 * self.unit() - 4.0,
        }
    }
}

/// Numbers as a tensor of a float or integer type.
pub(crate) fn tensor(dtype: DType, shape: &[usize], numbers: &[f64]) -> Tensor<'static> {
    #![allow(clippy::cast_possible_truncation, reason = "rounding to the type is the purpose")]
    #![allow(clippy::cast_sign_loss, reason = "tests give numbers of the type's range")]
    fn bytes<T: bytemuck::Pod>(numbers: &[f64], convert: impl Fn(f64) -> T) -> Vec<u8> {
        let converted: Vec<T> = numbers.iter().map(|&x| convert(x)).collect();
        bytemuck::cast_slice(&converted).to_vec()
    }
    let bytes = match dtype {
        DType::F32 => bytes(numbers, |x| x as f32),
        DType::F64 => bytes(numbers, |x| x),
        DType::F16 => bytes(numbers, half::f16::from_f64),
        DType::BF16 => bytes(numbers, half::bf16::from_f64),
        DType::U8 => bytes(numbers, |x| x as u8),
        DType::I8 => bytes(numbers, |x| x as i8),
        DType::U16 => bytes(numbers, |x| x as u16),
        DType::I16 => bytes(numbers, |x| x as i16),
        DType::U32 => bytes(numbers, |x| x as u32),
        DType::I32 => bytes(numbers, |x| x as i32),
        DType::U64 => bytes(numbers, |x| x as u64),
        _ => bytes(numbers, |x| x as i64),
    };
    Tensor::from_bytes(dtype, shape, bytes).expect("as many numbers as the shape has")
}

/// Checks numbers against float64 ones, with FORMAT.md's tolerance.
#[track_caller]
pub(crate) fn assert_close(what: &str, got: &[f32], want: &[f64], scale: f64) {
    assert_eq!(got.len(), want.len(), "{what}: number of elements");
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let got = f64::from(got);
        let same = got == want || (got.is_nan() && want.is_nan());
        let near = (got - want).abs() <= 1e-5 * want.abs() + 1e-6 * scale;
        let finite = got.is_finite() && want.is_finite();
        assert!(
            same || (finite && near),
            "{what}[{i}]: got {got:e}, want {want:e}, scale {scale:e}"
        );
    }
}

/// Checks a gradient against float64 numbers: as other outputs, and within half a unit of the last
/// bit of a 16-bit type. With p bits that is at most 2^-p of the number, and float16 has a smallest
/// unit of 2^-24 (bfloat16 one as small as float32's) and nothing past 65504 but infinity.
#[track_caller]
fn assert_gradient(what: &str, gradient: &Tensor<'_>, want: &[f64]) {
    let (part, least, largest) = match gradient.dtype() {
        DType::F16 => (2f64.powi(-11), 2f64.powi(-25), 65_504.0),
        DType::BF16 => (2f64.powi(-8), 0.0, f64::INFINITY),
        _ => (0.0, 0.0, f64::INFINITY),
    };
    let scale = want.iter().map(|x| x.abs()).filter(|&x| x <= largest).fold(0.0, f64::max);
    assert_eq!(gradient.len(), want.len(), "{what}: number of elements");
    for (i, (got, &want)) in gradient.to_f64().into_iter().zip(want).enumerate() {
        let past = want.abs() > largest && got == f64::INFINITY.copysign(want);
        let same = past || got == want || (got.is_nan() && want.is_nan());
        let near = (got - want).abs() <= (1e-5 + part) * want.abs() + 1e-6 * scale + least;
        let finite = got.is_finite() && want.is_finite();
        assert!(same || finite && near, "{what}[{i}]: got {got:e}, want {want:e}, scale {scale:e}");
    }
}

/// The type that the gradient of an input is to have.
fn gradient_dtype(batch: &Batch<'_>, name: &str) -> DType {
    let input = batch.inputs.iter().find(|(input, _)| *input == name).expect("a given input");
    let narrow = matches!(input.1.dtype(), DType::F16 | DType::BF16);
    let own = narrow && batch.request.gradient_type == GradientType::Input;
    if own { input.1.dtype() } else { DType::F32 }
}

/// Whether a loss is one of pairs of sequences, the answers of a language model.
pub(crate) fn is_of_answers(loss: &dyn Loss) -> bool {
    loss.values().iter().any(|(name, _)| *name == "average_log_prob")
}

/// Evaluates on both backends and checks value and gradients against the reference.
#[track_caller]
pub(crate) fn assert_agrees(what: &str, loss: &dyn Loss, batch: &Batch<'_>) {
    for (name, backend) in backends() {
        assert_agrees_on(&format!("{what} on {name}"), &backend, loss, batch);
    }
}

/// One backend's value and gradients against the reference.
pub(crate) fn assert_agrees_on(
    what: &str,
    backend: &Evaluator,
    loss: &dyn Loss,
    batch: &Batch<'_>,
) {
    let want = reference::evaluate(loss, batch).expect("the reference takes it");
    assert_answers(what, backend, loss, batch, &want);
}

/// The same against an answer of the reference.
#[track_caller]
pub(crate) fn assert_answers(
    what: &str,
    backend: &Evaluator,
    loss: &dyn Loss,
    batch: &Batch<'_>,
    want: &reference::Answer,
) {
    let got = backend.evaluate_blocking(loss, batch).unwrap_or_else(|e| panic!("{what}: {e}"));
    if let Some(value) = &got.value {
        assert_close(&format!("{what}: value"), &value.to_f32(), &want.value, want.scale);
    }
    for ((name, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
        assert_eq!(got.dtype(), gradient_dtype(batch, name), "{what}: gradient of {name}");
        assert_gradient(&format!("{what}: gradient of {name}"), got, want);
    }
}

/// The number of classes and the shape of the unreduced loss, for a loss over rows whose first input
/// has this shape.
pub(crate) fn rows_of(loss: &dyn Loss, shape: &[usize]) -> (usize, Vec<usize>) {
    let mut output = shape.to_vec();
    let features = loss.definition().inputs[0].role == Role::Features;
    let axis = if features { shape.len() - 1 } else { usize::from(shape.len() > 1) };
    let classes = output.remove(axis);
    (classes, output)
}

/// Random inputs for a loss: those of `shapes` by name, each in its domain; class indices are below
/// `classes`, now and then the ignored one.
pub(crate) fn inputs<'a>(
    loss: &dyn Loss,
    shapes: &[(&'a str, DType, &[usize])],
    classes: usize,
    random: &mut Random,
) -> Vec<(&'a str, Tensor<'static>)> {
    let definition = loss.definition();
    let make = |&(name, dtype, shape): &(&'a str, DType, &[usize])| {
        let input = definition.inputs[definition.input(name).expect("a known input")];
        // Shapes are those of terms.
        let shape = &with_vectors(input.role, shape)[..];
        if input.role == Role::ListedClasses {
            return (name, listed_classes(dtype, shape, classes, random));
        }
        let count = shape.iter().product();
        let signed = !matches!(dtype, DType::U8 | DType::U16 | DType::U32 | DType::U64);
        let mut number = || {
            if input.role == Role::Listed {
                // Of some lists the probabilities add up to more than 1.
                #[allow(clippy::cast_precision_loss, reason = "small numbers")]
                let count = shape.last().map_or(1.0, |&length| length as f64);
                #[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
                return f64::from((random.number(input.domain) - 0.7 * count.ln()) as f32);
            }
            if dtype.is_float() {
                // float64 is rounded to float32 by the backends: give numbers that are both.
                #[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
                return f64::from(random.number(input.domain) as f32);
            }
            let ignored = loss.ignore_index().filter(|_| signed && random.below(8) == 0);
            #[allow(clippy::cast_precision_loss, reason = "class indices are small")]
            ignored.map_or_else(|| random.below(classes) as f64, |i| i as f64)
        };
        let mut numbers: Vec<f64> = (0..count).map(|_| number()).collect();
        if input.domain == Domain::Corners {
            order_corners(&mut numbers);
        }
        (name, tensor(dtype, shape, &numbers))
    };
    shapes.iter().map(make).collect()
}

/// Classes for each row of a list, each once.
fn listed_classes(
    dtype: DType,
    shape: &[usize],
    classes: usize,
    random: &mut Random,
) -> Tensor<'static> {
    let dtype = if dtype.is_float() { DType::I64 } else { dtype };
    let length = shape.last().copied().unwrap_or(1);
    // What 8 bits hold.
    let most = classes.min(if dtype.size() == 1 { 128 } else { classes });
    let mut all = Vec::new();
    for _ in 0..shape.iter().product::<usize>() / length {
        let mut left: Vec<usize> = (0..most).collect();
        for i in 0..length {
            let other = i + random.below(most - i);
            left.swap(i, other);
        }
        #[allow(clippy::cast_precision_loss, reason = "class indices are small")]
        all.extend(left[..length].iter().map(|&class| class as f64));
    }
    tensor(dtype, shape, &all)
}

/// The shape of an input for terms of this one: vectors lie along another dimension, and lists name a part of the
/// classes.
pub(crate) fn with_vectors(role: Role, terms: &[usize]) -> Vec<usize> {
    match role {
        Role::Vectors(width) | Role::ElementVectors(width) => [terms, &[width.into()]].concat(),
        Role::Listed | Role::ListedClasses => {
            let (last, before) = terms.split_last().expect("classes");
            [before, &[(last / 3).clamp(1, 40)]].concat()
        }
        _ => terms.to_vec(),
    }
}

/// Whether a loss has a vector of numbers for each term.
pub(crate) fn takes_vectors(loss: &dyn Loss) -> bool {
    loss.definition().inputs.iter().any(|input| matches!(input.role, Role::Vectors(_)))
}

/// Makes boxes of numbers: the higher corner is above the lower one, by a quarter at least.
pub(crate) fn order_corners(numbers: &mut [f64]) {
    let (boxes, _) = numbers.as_chunks_mut::<4>();
    for [x1, y1, x2, y2] in boxes {
        for (low, high) in [(x1, x2), (y1, y2)] {
            let extent = (*high - *low).abs().max(0.25);
            *low = low.min(*high);
            #[allow(clippy::cast_possible_truncation, reason = "a float32 is meant")]
            let above = (*low + extent) as f32;
            *high = above.into();
        }
    }
}

/// Sets numbers back to their defaults, one after the other, until all options are valid together.
pub(crate) fn make_valid(loss: &mut dyn Loss) {
    let name = loss.definition().name;
    let defaults = wgloss::by_name(name).expect("a loss of the catalogue").values();
    for (option, default) in defaults {
        if loss.validate().is_ok() {
            return;
        }
        for (name, mut setting) in loss.options() {
            if name == option && matches!(setting, Setting::Number(_)) {
                setting.set(name, &default).expect("a default");
            }
        }
    }
}

/// The differentiable inputs among those given.
pub(crate) fn differentiable(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)]) -> Vec<&'static str> {
    let given = |name: &str| inputs.iter().any(|(n, t)| *n == name && t.dtype().is_float());
    let all = loss.definition().inputs.iter();
    all.filter(|input| input.differentiable && given(input.name)).map(|i| i.name).collect()
}

/// How data run through a loss, as its first input tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Pointwise,
    Rows,
    Regions,
    Own,
}

pub(crate) fn family(loss: &dyn Loss) -> Family {
    match loss.definition().inputs[0].role {
        Role::Own => Family::Own,
        Role::Rows | Role::RowsOrClasses | Role::Scores | Role::Features => Family::Rows,
        Role::Regions => Family::Regions,
        _ => Family::Pointwise,
    }
}
