//! A caller's buffers.

use wgloss::wgpu::util::DeviceExt as _;
use wgloss::{DType, Gpu, TensorKind, adapters};

pub(crate) const STORAGE: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE
    .union(wgpu::BufferUsages::COPY_SRC)
    .union(wgpu::BufferUsages::COPY_DST);

pub(crate) fn kind(dtype: DType, shape: &[usize]) -> TensorKind {
    TensorKind { dtype, shape: shape.to_vec() }
}

pub(crate) fn filled<T: bytemuck::Pod>(gpu: &Gpu, data: &[T]) -> wgpu::Buffer {
    gpu.device().create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: None,
        contents: bytemuck::cast_slice(data),
        usage: STORAGE,
    })
}

pub(crate) fn empty(gpu: &Gpu, size: u64) -> wgpu::Buffer {
    let label = None;
    gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label,
        size,
        usage: STORAGE,
        mapped_at_creation: false,
    })
}

/// A device that computes nothing, with buffers of nearly 2^31 bytes and WebGPU's default limits else.
pub(crate) fn with_large_buffers() -> Gpu {
    let required_limits =
        wgpu::Limits { max_buffer_size: (1 << 31) - 1, ..wgpu::Limits::default() };
    let descriptor = wgpu::DeviceDescriptor { required_limits, ..Default::default() };
    let (device, queue) = wgpu::Device::noop(&descriptor);
    Gpu::from_device(device, queue)
}

/// Two devices of one instance, called "ours" and "theirs".
pub(crate) fn pair() -> [Gpu; 2] {
    let all = pollster::block_on(adapters());
    let adapter = all.first().expect("the tests need a GPU adapter; ./test installs one");
    ["ours", "theirs"].map(|label| {
        let descriptor = wgpu::DeviceDescriptor { label: Some(label), ..Default::default() };
        let made = pollster::block_on(adapter.request_device(&descriptor)).expect("a device");
        Gpu::from_device(made.0, made.1)
    })
}

/// A device of one's own, with these features if the adapter has them.
pub(crate) fn device(features: wgpu::Features) -> Gpu {
    let (device, queue) = raw_device(features);
    Gpu::from_device(device, queue)
}

/// The same as the program has it, of an instance of its own.
pub(crate) fn raw_device(features: wgpu::Features) -> (wgpu::Device, wgpu::Queue) {
    let all = pollster::block_on(adapters());
    let adapter = all.first().expect("the tests need a GPU adapter; ./test installs one");
    let required_features = features & adapter.features();
    let descriptor = wgpu::DeviceDescriptor { required_features, ..Default::default() };
    pollster::block_on(adapter.request_device(&descriptor)).expect("a device")
}
