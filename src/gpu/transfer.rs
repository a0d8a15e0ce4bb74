//! Between host memory and buffers, without holding up whoever waits.

use super::Gpu;
use crate::error::{Error, Result};
use crate::tensor::{DType, Tensor};
use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};

/// A buffer, if the device's limits allow it.
pub(crate) fn buffer(
    gpu: &Gpu,
    label: &str,
    size: u64,
    usage: wgpu::BufferUsages,
) -> Result<wgpu::Buffer> {
    new_buffer(gpu, label, size, usage, false)
}

/// The same; if it is mapped, the host can write it before it is first used.
pub(super) fn new_buffer(
    gpu: &Gpu,
    label: &str,
    size: u64,
    usage: wgpu::BufferUsages,
    mapped: bool,
) -> Result<wgpu::Buffer> {
    let limit = gpu.limits().max_buffer_size;
    if size > limit {
        return Err(Error::Limit {
            argument: label.into(),
            got: size,
            unit: "bytes in one buffer",
            limit,
            name: "max_buffer_size",
        });
    }
    gpu.checked(label, |device| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(&format!("wgloss {label}")),
            size: size.next_multiple_of(4).max(4),
            usage,
            mapped_at_creation: mapped,
        })
    })
}

/// A buffer that holds a tensor, rounded to float32 where that is asked for.
pub(crate) fn upload(
    gpu: &Gpu,
    name: &str,
    tensor: &Tensor<'_>,
    dtype: DType,
) -> Result<wgpu::Buffer> {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let buffer = buffer(gpu, name, (tensor.len() * dtype.size()) as u64, usage)?;
    write(gpu, &buffer, tensor, dtype)?;
    Ok(buffer)
}

/// Writes a tensor into a buffer, rounded to float32 where that is asked for.
pub(crate) fn write(
    gpu: &Gpu,
    buffer: &wgpu::Buffer,
    tensor: &Tensor<'_>,
    dtype: DType,
) -> Result<()> {
    let rounded = (tensor.dtype() != dtype).then(|| tensor.to_f32());
    let bytes = rounded.as_deref().map_or(tensor.bytes(), bytemuck::cast_slice);
    // Only whole words can be copied: the rest of the last one is padding.
    let whole = bytes.len() / 4 * 4;
    gpu.checked("an upload", |_| {
        gpu.queue().write_buffer(buffer, 0, &bytes[..whole]);
        if whole < bytes.len() {
            let mut last = [0; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            gpu.queue().write_buffer(buffer, whole as u64, &last);
        }
    })
}

/// Has the uploads carried out that wait for a submission.
pub(crate) fn flush(gpu: &Gpu) -> Result<()> {
    let submission = gpu.checked("an upload", |_| gpu.queue().submit([]))?;
    gpu.drive(submission);
    Ok(())
}

/// Submits, and waits until everything submitted so far has run.
pub(crate) async fn submit<const N: usize>(
    gpu: &Gpu,
    encoders: [wgpu::CommandEncoder; N],
) -> Result<()> {
    let (sender, receiver) = oneshot_channel();
    let submission = gpu.checked("a submission", |_| {
        let submission = gpu.queue().submit(encoders.map(wgpu::CommandEncoder::finish));
        gpu.queue().on_submitted_work_done(move || {
            let _ = sender.send(());
        });
        submission
    })?;
    gpu.drive(submission);
    receiver.receive().await.ok_or_else(|| lost("running the kernels", "no answer"))
}

/// Memory that the host can read, and what is to be copied there.
struct Staging {
    buffer: wgpu::Buffer,
    /// The bytes in use.
    size: u64,
    answer: OneshotReceiver<std::result::Result<(), wgpu::BufferAsyncError>>,
}

/// Parts of buffers on their way to the host.
pub(crate) struct Download {
    staged: Vec<Staging>,
    /// Where each part is, and its bytes.
    places: Vec<(Place, u64)>,
}

const READING: &str = "reading the results";

impl Download {
    /// Copies parts of buffers, from an offset on so many bytes each, in one submission.
    ///
    /// # Errors
    /// If the device is lost.
    pub(crate) fn start(gpu: &Gpu, sources: &[(&wgpu::Buffer, u64, u64)]) -> Result<Self> {
        let sizes = || sources.iter().map(|source| source.2);
        let places = places(sizes(), gpu.limits().max_buffer_size);
        let places: Vec<_> = places.into_iter().zip(sizes()).collect();
        let buffers = staging_sizes(&places).into_iter();
        let buffers = buffers.map(|size| Ok((gpu.staging(size)?, size)));
        let buffers = buffers.collect::<Result<Vec<_>>>()?;
        let (submission, staged) = gpu.caught(READING, |device| {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor {
                label: Some("wgloss read-back"),
            });
            for (&(source, offset, size), (place, _)) in sources.iter().zip(&places) {
                let (buffer, _) = &buffers[place.staging];
                encoder.copy_buffer_to_buffer(source, offset, buffer, place.offset, Some(size));
            }
            let submission = gpu.queue().submit([encoder.finish()]);
            let map = |(buffer, size): (wgpu::Buffer, u64)| {
                let (sender, answer) = oneshot_channel();
                buffer.map_async(wgpu::MapMode::Read, ..size, move |result| {
                    let _ = sender.send(result);
                });
                Staging { buffer, size, answer }
            };
            (submission, buffers.into_iter().map(map).collect::<Vec<_>>())
        })?;
        gpu.drive(submission);
        Ok(Self { staged, places })
    }

    /// Waits for them; `read` takes the bytes of each by its place.
    ///
    /// # Errors
    /// If the device is lost, and the first that `read` returns.
    pub(crate) async fn finish(
        self,
        gpu: &Gpu,
        mut read: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let Self { staged, places } = self;
        for (number, Staging { buffer, size, answer }) in staged.into_iter().enumerate() {
            let answer = answer.receive().await.ok_or_else(|| lost(READING, "no answer"))?;
            answer.map_err(|error| lost(READING, error))?;
            let view = buffer.get_mapped_range(..size).map_err(|error| lost(READING, error))?;
            let own = places.iter().enumerate().filter(|(_, (place, _))| place.staging == number);
            for (i, (place, size)) in own {
                let [start, end] = [place.offset, place.offset + size]
                    .map(|byte| usize::try_from(byte).expect("mapped memory fits into memory"));
                read(i, &view[start..end])?;
            }
            drop(view);
            gpu.checked(READING, |_| buffer.unmap())?;
            gpu.keep_staging(buffer);
        }
        Ok(())
    }
}

/// Where a source is copied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    staging: usize,
    offset: u64,
}

/// One after the other, and in the next buffer what would make one larger than the device allows.
fn places(sizes: impl Iterator<Item = u64>, largest: u64) -> Vec<Place> {
    let mut next = Place { staging: 0, offset: 0 };
    let place = |size: u64| {
        if next.offset > 0 && next.offset + size > largest {
            next = Place { staging: next.staging + 1, offset: 0 };
        }
        let place = next;
        next.offset += size;
        place
    };
    sizes.map(place).collect()
}

/// The bytes of each staging buffer.
fn staging_sizes(places: &[(Place, u64)]) -> Vec<u64> {
    let mut sizes = Vec::new();
    for (place, size) in places {
        sizes.resize(place.staging + 1, 0);
        // No mapping is empty.
        sizes[place.staging] = (place.offset + size).max(4);
    }
    sizes
}

pub(super) fn lost(doing: &'static str, reason: impl ToString) -> Error {
    Error::DeviceLost { doing: doing.into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{Place, places};

    #[test]
    fn results_lie_side_by_side_up_to_the_largest_buffer() {
        let place = |staging, offset| Place { staging, offset };
        assert_eq!(
            places([4, 16, 0, 80, 4, 100, 4].into_iter(), 100),
            [
                place(0, 0),
                place(0, 4),
                place(0, 20),
                place(0, 20),
                place(1, 0),
                place(2, 0),
                place(3, 0)
            ]
        );
    }
}
