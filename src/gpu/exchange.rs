//! Buffers that the host fills and reads again and again, piece by piece of a batch.

use super::Gpu;
use super::transfer::{buffer, lost, new_buffer};
use crate::error::Result;
use crate::tensor::{DType, Tensor};
use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};
use std::ops::Range;

type Answer = OneshotReceiver<std::result::Result<(), wgpu::BufferAsyncError>>;

/// A buffer that is filled from host memory: by a copy of what the host writes, or, where device and
/// host share their memory, directly.
#[derive(Debug)]
pub(crate) struct Upload {
    buffer: wgpu::Buffer,
    staging: Option<wgpu::Buffer>,
    /// That the host may write again; of a new buffer it may.
    answer: Option<Answer>,
}

/// A buffer that kernels write and the host reads, by a copy or directly.
#[derive(Debug)]
pub(crate) struct ReadBack {
    buffer: wgpu::Buffer,
    staging: Option<wgpu::Buffer>,
    answer: Option<Answer>,
}

/// The elements that are converted at once.
const CONVERTED: usize = 4096;

impl Upload {
    pub(crate) fn new(gpu: &Gpu, label: &str, size: u64) -> Result<Self> {
        let storage = wgpu::BufferUsages::STORAGE;
        let write = wgpu::BufferUsages::MAP_WRITE;
        if gpu.shares_memory() {
            let buffer = new_buffer(gpu, label, size, storage | write, true)?;
            return Ok(Self { buffer, staging: None, answer: None });
        }
        let buffer = buffer(gpu, label, size, storage | wgpu::BufferUsages::COPY_DST)?;
        let usage = write | wgpu::BufferUsages::COPY_SRC;
        let staging = Some(new_buffer(gpu, "upload", size, usage, true)?);
        Ok(Self { buffer, staging, answer: None })
    }

    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    fn written(&self) -> &wgpu::Buffer {
        self.staging.as_ref().unwrap_or(&self.buffer)
    }

    /// Lets the host write again as soon as what was submitted has run.
    pub(crate) fn map_again(&mut self) {
        self.answer = Some(map(self.written(), wgpu::MapMode::Write));
    }

    /// Waits until the host may write.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        mapped("an upload", self.answer.take()).await
    }

    /// Writes some elements of a tensor, as elements of a type, when it is ready.
    pub(crate) fn write(
        &self,
        gpu: &Gpu,
        tensor: &Tensor<'_>,
        elements: Range<usize>,
        dtype: DType,
    ) -> Result<()> {
        let doing = "an upload";
        let written = self.written();
        let mut view =
            written.slice(..).get_mapped_range_mut().map_err(|error| lost(doing, error))?;
        let size = tensor.dtype().size();
        if tensor.dtype() == dtype {
            let bytes = &tensor.bytes()[elements.start * size..elements.end * size];
            view.slice(..bytes.len()).copy_from_slice(bytes);
        } else {
            let mut numbers = vec![0.0f32; CONVERTED];
            for first in elements.clone().step_by(CONVERTED) {
                let count = CONVERTED.min(elements.end - first);
                tensor.read(first, &mut numbers[..count]);
                let place = 4 * (first - elements.start);
                let bytes = bytemuck::cast_slice(&numbers[..count]);
                view.slice(place..place + bytes.len()).copy_from_slice(bytes);
            }
        }
        drop(view);
        gpu.checked(doing, |_| written.unmap())
    }

    /// Records the copy, if there is one.
    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        if let Some(staging) = &self.staging {
            encoder.copy_buffer_to_buffer(staging, 0, &self.buffer, 0, None);
        }
    }
}

impl ReadBack {
    pub(crate) fn new(gpu: &Gpu, label: &str, size: u64) -> Result<Self> {
        let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let (own, staging) = if gpu.shares_memory() {
            (storage | wgpu::BufferUsages::MAP_READ, None)
        } else {
            let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
            let staging = buffer(gpu, "read-back", size, usage)?;
            (storage | wgpu::BufferUsages::COPY_SRC, Some(staging))
        };
        Ok(Self { buffer: buffer(gpu, label, size, own)?, staging, answer: None })
    }

    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    fn read_from(&self) -> &wgpu::Buffer {
        self.staging.as_ref().unwrap_or(&self.buffer)
    }

    /// Records the copy, if there is one.
    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        if let Some(staging) = &self.staging {
            encoder.copy_buffer_to_buffer(&self.buffer, 0, staging, 0, None);
        }
    }

    /// Lets the host read as soon as what was submitted has run.
    pub(crate) fn map(&mut self) {
        self.answer = Some(map(self.read_from(), wgpu::MapMode::Read));
    }

    /// Waits until the host may read.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        mapped("reading the results", self.answer.take()).await
    }

    /// Reads the first so many bytes, when it is ready.
    pub(crate) fn read<T>(
        &self,
        gpu: &Gpu,
        size: u64,
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<T> {
        let doing = "reading the results";
        let from = self.read_from();
        let view = from.slice(..).get_mapped_range().map_err(|error| lost(doing, error))?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let result = read(&view[..size]);
        drop(view);
        // A device may be destroyed at any time, and its buffers with it.
        gpu.checked(doing, |_| from.unmap())?;
        result
    }
}

fn map(buffer: &wgpu::Buffer, mode: wgpu::MapMode) -> Answer {
    let (sender, answer) = oneshot_channel();
    buffer.map_async(mode, .., move |result| {
        let _ = sender.send(result);
    });
    answer
}

async fn mapped(doing: &'static str, answer: Option<Answer>) -> Result<()> {
    let Some(answer) = answer else { return Ok(()) };
    let answer = answer.receive().await.ok_or_else(|| lost(doing, "no answer"))?;
    answer.map_err(|error| lost(doing, error))
}
