//! Between host memory and buffers, without holding up whoever waits.

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::plan::buffer;
use crate::tensor::Tensor;

/// A buffer that holds a tensor.
pub(crate) fn upload(gpu: &Gpu, name: &str, tensor: &Tensor<'_>) -> Result<wgpu::Buffer> {
    let bytes = tensor.bytes();
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let buffer = buffer(gpu, name, bytes.len() as u64, usage)?;
    // Only whole words can be copied: the rest of the last one is padding.
    let whole = bytes.len() / 4 * 4;
    gpu.checked("an upload", |_| {
        gpu.queue().write_buffer(&buffer, 0, &bytes[..whole]);
        if whole < bytes.len() {
            let mut last = [0; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            gpu.queue().write_buffer(&buffer, whole as u64, &last);
        }
    })?;
    Ok(buffer)
}

/// Submits, and waits until everything submitted so far has run.
pub(crate) async fn submit<const N: usize>(
    gpu: &Gpu,
    encoders: [wgpu::CommandEncoder; N],
) -> Result<()> {
    let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
    gpu.checked("a submission", |_| {
        gpu.queue().submit(encoders.map(wgpu::CommandEncoder::finish));
        gpu.queue().on_submitted_work_done(move || {
            let _ = sender.send(());
        });
    })?;
    drive(gpu);
    receiver.receive().await.ok_or_else(|| lost("running the kernels", "no answer"))
}

/// Copies a buffer to the host, where `read` takes its bytes.
pub(crate) async fn download<T>(
    gpu: &Gpu,
    source: &wgpu::Buffer,
    size: u64,
    read: impl FnOnce(&[u8]) -> T,
) -> Result<T> {
    let doing = "reading the results";
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = buffer(gpu, "wgloss read-back", size, usage)?;
    let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
    gpu.checked(doing, |device| {
        let mut encoder = device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(source, 0, &staging, 0, Some(size));
        gpu.queue().submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            let _ = sender.send(result);
        });
    })?;
    drive(gpu);
    let answer = receiver.receive().await.ok_or_else(|| lost(doing, "no answer"))?;
    answer.map_err(|error| lost(doing, error))?;
    let view = staging.get_mapped_range(..).map_err(|error| lost(doing, error))?;
    Ok(read(&view[..usize::try_from(size).expect("mapped memory fits into memory")]))
}

fn lost(doing: &'static str, reason: impl ToString) -> Error {
    Error::DeviceLost { doing: doing.into(), reason: reason.to_string() }
}

/// Makes callbacks come. A browser's event loop does so itself; elsewhere somebody must poll, and a
/// thread does it so that an executor is never blocked.
fn drive(gpu: &Gpu) {
    #[cfg(not(target_arch = "wasm32"))]
    {
        let device = gpu.device().clone();
        std::thread::spawn(move || {
            // A failed poll is a lost device, which the callbacks tell of.
            let _ = device.poll(wgpu::PollType::wait_indefinitely());
        });
    }
    #[cfg(target_arch = "wasm32")]
    let _ = gpu;
}
