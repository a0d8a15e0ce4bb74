//! What a program has that embeds wgloss: a device of its own, buffers, and an encoder.

use wgloss::wgpu::{self, util::DeviceExt as _};
use wgloss::{Bindings, Gpu, Plan, Request, Tensor, TensorKind};

/// Buffers that the kernels read and write, and that the program fills and reads.
pub const USAGE: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE
    .union(wgpu::BufferUsages::COPY_SRC)
    .union(wgpu::BufferUsages::COPY_DST);

/// What guards an output: nobody writes it.
pub const GUARD: u8 = 0xa5;

/// The machine's adapter.
pub fn adapter() -> wgpu::Adapter {
    let instance =
        wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    pollster::block_on(instance.request_adapter(&Default::default())).expect("an adapter")
}

/// A device with these limits and no features, and wgloss on it.
pub fn device(limits: wgpu::Limits) -> Gpu {
    device_with(limits, wgpu::Features::empty())
}

/// The same with those of these features that the adapter has.
pub fn device_with(required_limits: wgpu::Limits, features: wgpu::Features) -> Gpu {
    let adapter = adapter();
    let required_features = features & adapter.features();
    let descriptor =
        wgpu::DeviceDescriptor { required_limits, required_features, ..Default::default() };
    let (device, queue) =
        pollster::block_on(adapter.request_device(&descriptor)).expect("a device");
    Gpu::from_device(device, queue)
}

/// WebGPU's least limits with fewer storage buffers and invocations.
pub fn limits(buffers: u32, invocations: u32) -> wgpu::Limits {
    wgpu::Limits {
        max_storage_buffers_per_shader_stage: buffers,
        max_compute_invocations_per_workgroup: invocations,
        max_compute_workgroup_size_x: invocations,
        max_compute_workgroup_size_y: invocations,
        ..wgpu::Limits::downlevel_defaults()
    }
}

/// A buffer that holds these bytes, up to a multiple of 4.
pub fn filled(gpu: &Gpu, bytes: &[u8]) -> wgpu::Buffer {
    let mut contents = bytes.to_vec();
    contents.resize(bytes.len().next_multiple_of(4).max(4), 0);
    gpu.device().create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: Some("the program's"),
        contents: &contents,
        usage: USAGE,
    })
}

/// What a buffer holds when all that was submitted has run.
pub fn read(gpu: &Gpu, source: &wgpu::Buffer) -> Vec<u8> {
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
    staging.get_mapped_range(..).expect("a mapped buffer").to_vec()
}

/// The bytes as float32.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(bytes)
}

/// Inputs with the buffers that hold them.
pub struct Inputs {
    pub tensors: Vec<(&'static str, Tensor<'static>)>,
    pub buffers: Vec<wgpu::Buffer>,
}

impl Inputs {
    pub fn new(gpu: &Gpu, tensors: Vec<(&'static str, Tensor<'static>)>) -> Self {
        let buffers = tensors.iter().map(|(_, tensor)| filled(gpu, tensor.bytes())).collect();
        Self { tensors, buffers }
    }

    pub fn kinds(&self) -> Vec<(&'static str, TensorKind)> {
        self.tensors.iter().map(|(name, tensor)| (*name, tensor.kind())).collect()
    }

    pub fn bound(&self) -> Vec<(&'static str, wgpu::BufferBinding<'_>)> {
        let names = self.tensors.iter().map(|(name, _)| *name);
        names.zip(self.buffers.iter().map(wgpu::Buffer::as_entire_buffer_binding)).collect()
    }
}

/// The loss and the gradients of a plan, encoded once into buffers with guards behind.
pub fn run(
    gpu: &Gpu,
    plan: &Plan,
    inputs: &Inputs,
    request: &Request<'_>,
) -> (Vec<f32>, Vec<Vec<u8>>) {
    let terms = match request.reduction {
        wgloss::Reduction::None => plan.output_shape().iter().product(),
        _ => 1,
    };
    let guarded = |size: usize| {
        let mut bytes = vec![0; size.next_multiple_of(4)];
        bytes.resize(bytes.len() + 256, GUARD);
        filled(gpu, &bytes)
    };
    let value = guarded(4 * terms);
    let size = |name: &str| {
        let (_, tensor) = inputs.tensors.iter().find(|(own, _)| *own == name).expect("an input");
        let own = request.gradient_type == wgloss::GradientType::Input;
        tensor.len() * if own { tensor.dtype().size() } else { 4 }
    };
    let made: Vec<_> = request.gradients.iter().map(|name| (*name, guarded(size(name)))).collect();
    let outputs: Vec<_> =
        made.iter().map(|(name, buffer)| (*name, buffer.as_entire_buffer_binding())).collect();
    let bindings = Bindings {
        inputs: &inputs.bound(),
        value: request.value.then(|| value.as_entire_buffer_binding()),
        gradients: &outputs,
        ..Bindings::default()
    };
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    plan.encode(&mut encoder, &bindings).expect("valid bindings");
    gpu.queue().submit([encoder.finish()]);
    let within = |buffer: &wgpu::Buffer, size: usize| {
        let mut bytes = read(gpu, buffer);
        let guard = bytes.split_off(size.next_multiple_of(4));
        assert!(
            guard.iter().all(|&byte| byte == GUARD),
            "{}: a guard was written",
            plan_name(plan)
        );
        bytes.truncate(size);
        bytes
    };
    let gradients = made.iter().map(|(name, buffer)| within(buffer, size(name))).collect();
    (floats(&within(&value, 4 * terms)), gradients)
}

fn plan_name(plan: &Plan) -> String {
    format!("a plan of {:?}", plan.output_shape())
}

/// Numbers between -2 and 2 that do not repeat soon.
pub fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let number = |i: usize| {
        let [.., a, b, _] = (i + 31 * seed).wrapping_mul(0x9e37_79b9).to_le_bytes()[..4] else {
            return 0.0;
        };
        f32::from(u16::from_le_bytes([a, b])) / 16384.0 - 2.0
    };
    (0..count).map(number).collect()
}

/// A float32 tensor of such numbers.
pub fn tensor(shape: &[usize], seed: usize) -> Tensor<'static> {
    let numbers = numbers(shape.iter().product(), seed);
    Tensor::from_bytes(wgloss::DType::F32, shape, bytemuck::cast_slice(&numbers).to_vec())
        .expect("numbers")
}

/// Class indices.
pub fn classes(shape: &[usize], classes: i64) -> Tensor<'static> {
    let count: usize = shape.iter().product();
    let indices: Vec<i64> = (0..classes).cycle().take(count).collect();
    Tensor::from_bytes(wgloss::DType::I64, shape, bytemuck::cast_slice(&indices).to_vec())
        .expect("indices")
}
