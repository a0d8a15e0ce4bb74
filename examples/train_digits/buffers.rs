//! Buffers from host memory and back.

use super::Result;
use wgloss::Gpu;
use wgloss::wgpu::{self, util::DeviceExt as _};

/// A storage buffer that holds these numbers.
pub(crate) fn storage<T: bytemuck::NoUninit>(gpu: &Gpu, numbers: &[T]) -> wgpu::Buffer {
    gpu.device().create_buffer_init(&wgpu::util::BufferInitDescriptor {
        label: None,
        contents: bytemuck::cast_slice(numbers),
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
    })
}

/// The numbers in a buffer, when all that was submitted has run.
pub(crate) fn read(gpu: &Gpu, buffer: &wgpu::Buffer) -> Result<Vec<f32>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (device, queue) = (gpu.device(), gpu.queue());
    wgpu::util::DownloadBuffer::read_buffer(device, queue, &buffer.slice(..), move |data| {
        // The receiver is gone only where the program has ended with an error.
        let _ = sender.send(data.map(|data| bytemuck::pod_collect_to_vec(&data)));
    });
    device.poll(wgpu::PollType::wait_indefinitely())?;
    Ok(receiver.recv()??)
}
