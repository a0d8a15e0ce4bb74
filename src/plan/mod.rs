//! A loss specialised for shapes, types, reduction and wanted outputs on one device.

mod bindings;
mod encode;
mod pending;
mod prepare;
mod read;
mod sharing;
mod sizes;
mod sources;
#[cfg(test)]
mod tests;

pub use bindings::Bindings;
pub use pending::Pending;
pub use read::Outcome;
pub use sizes::Plans;
pub use sources::{Sharing, Source, SourceOptions};

use crate::dispatch::{Builder, Finished, Memory, Step, limits};
use crate::error::{Error, Result};
use crate::family::{Loss, resolve};
use crate::gpu::{Gpu, buffer};
use crate::kernel::{reduce, status};
use crate::request::{Request, Resolved, Slot};
use crate::tensor::TensorKind;
use crate::totals::Totals;
use sharing::InPlace;
use std::sync::{Arc, Mutex};

/// A loss specialised for shapes, types, reduction and wanted outputs on one device.
///
/// It holds compiled kernels, the scratch memory they need and the sizes of their dispatches, and
/// can be encoded any number of times; encodings on one queue run one after the other, as all work
/// on a queue does. A plan is `Send` and `Sync`, and may be encoded by several threads at once.
///
/// It holds none of the program's buffers, unless it is told to keep the bind groups of some
/// ([`Plan::with_kept_sets`]), so that encoding with the same buffers again creates nothing.
#[derive(Debug)]
pub struct Plan {
    gpu: Gpu,
    /// What it is called in captures.
    label: String,
    resolved: Arc<Resolved>,
    steps: Arc<[Step]>,
    uniforms: wgpu::Buffer,
    memory: Memory,
    /// What was wrong with the targets: what is told, and from [`bindings::UNREAD`] on what is not.
    status: Option<wgpu::Buffer>,
    /// For each gradient, that it can be written over its input, or why not.
    in_place: Vec<(usize, InPlace)>,
    made: Mutex<encode::Made>,
    /// The sets of buffers whose bind groups are kept.
    kept_sets: usize,
}

impl Plan {
    /// Plans a loss: checks names, options, shapes and the device's limits, compiles what is not
    /// compiled yet, and allocates the scratch memory.
    ///
    /// # Errors
    /// If an option, name, type or shape does not fit, or a size is past the device's limits.
    pub fn new(
        gpu: &Gpu,
        loss: &dyn Loss,
        inputs: &[(&str, TensorKind)],
        request: &Request<'_>,
    ) -> Result<Self> {
        Self::of_resolved(gpu, loss, resolve(loss, inputs, request)?)
    }

    /// The same of a request that has been checked.
    pub(crate) fn of_resolved(gpu: &Gpu, loss: &dyn Loss, resolved: Resolved) -> Result<Self> {
        Self::in_memory(gpu, loss, resolved, &Memory::default())
    }

    /// The same in memory that is there, as far as it is enough.
    fn in_memory(gpu: &Gpu, loss: &dyn Loss, resolved: Resolved, memory: &Memory) -> Result<Self> {
        let builder = builder(gpu, loss, &resolved)?;
        let in_place = builder.in_place;
        let Finished { steps, uniforms, memory } = builder.finish(memory)?;
        let in_place = sharing::in_place(&resolved, &steps, in_place);
        let title = resolved.title();
        let status = if resolved.layout.indices.is_some() {
            let size = bindings::UNREAD + 16;
            Some(buffer(gpu, &format!("{title} status"), size, wgpu::BufferUsages::STORAGE)?)
        } else {
            None
        };
        gpu.check_alive("a plan")?;
        Ok(Self {
            gpu: gpu.clone(),
            label: format!("wgloss {title}"),
            resolved: resolved.into(),
            steps: steps.into(),
            uniforms,
            memory,
            status,
            in_place,
            made: Mutex::default(),
            kept_sets: 0,
        })
    }

    /// The device that it is for.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The request that it was made for.
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// The shape of the unreduced loss.
    pub fn output_shape(&self) -> &[usize] {
        &self.resolved.layout.output
    }

    /// The bytes of device memory that the plan itself holds;
    /// [the guide](crate::guide::time_and_memory) says how they grow. A 16-bit gradient that
    /// [`LinearCrossEntropy`](crate::LinearCrossEntropy) adds up over tiles takes 4 bytes an
    /// element more, as its documentation says.
    pub fn scratch_bytes(&self) -> u64 {
        let staging = self.memory.staging.iter().map(|(_, buffer)| buffer);
        let own = self.memory.scratch.iter().chain(&self.status).chain(staging);
        self.uniforms.size() + own.map(wgpu::Buffer::size).sum::<u64>()
    }

    /// The bytes of the buffer that [`Bindings::totals`] writes.
    pub fn totals_bytes(&self) -> u64 {
        4 * self.resolved.totals_words()
    }

    /// The totals that an encoding has written, as those of the first items of a batch of unknown size:
    /// [`Totals::at`] puts them into another place.
    ///
    /// # Errors
    /// If the bytes are not [`Plan::totals_bytes`], or totals were not requested.
    pub fn totals(&self, bytes: &[u8]) -> Result<Totals> {
        if !self.resolved.totals {
            return Err(Error::argument("totals", "a plan without", "a request for totals"));
        }
        if bytes.len() as u64 != self.totals_bytes() {
            return Err(Error::Size {
                argument: "totals".into(),
                what: "size in bytes",
                got: bytes.len() as u64,
                expected: self.totals_bytes().to_string(),
            });
        }
        let words: Vec<u32> = bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect();
        Ok(Totals::from_words(&self.resolved, &words))
    }
}

/// Nothing larger than the device's largest buffer can be bound, however many windows it is cut into.
fn check_sizes(resolved: &Resolved, limits: &wgpu::Limits) -> Result<()> {
    let inputs = (0..resolved.inputs.len()).map(Slot::Input);
    let slots = inputs.chain(resolved.outputs()).chain([Slot::Upstream, Slot::Totals]);
    let limit = limits.max_buffer_size;
    let large = slots.map(|slot| (slot, resolved.bytes(slot))).find(|(_, bytes)| *bytes > limit);
    let Some((slot, got)) = large else { return Ok(()) };
    Err(Error::Limit {
        argument: resolved.slot_name(slot),
        got,
        unit: "bytes in one buffer",
        limit,
        name: "max_buffer_size",
    })
}

/// The dispatches of a request, once it is checked for a device.
fn builder<'a>(gpu: &'a Gpu, loss: &dyn Loss, resolved: &'a Resolved) -> Result<Builder<'a>> {
    resolved.check_native()?;
    limits::check(gpu.limits())?;
    check_sizes(resolved, gpu.limits())?;
    let mut builder = Builder::new(gpu, resolved, &loss.parameters());
    build(loss, &mut builder)?;
    Ok(builder)
}

fn build(loss: &dyn Loss, builder: &mut Builder<'_>) -> Result<()> {
    if builder.resolved.denominator {
        builder.push(reduce::denominator(), &(), &[], 1)?;
    }
    if builder.resolved.counted && builder.resolved.divisor_in_scratch() {
        builder.push_count()?;
    }
    loss.family().dispatch(builder)?;
    if builder.resolved.layout.indices.is_some() {
        builder.push(status::report(), &(), &[], 1)?;
    }
    if builder.resolved.accumulate {
        builder.in_place = Err("it is added to what its buffer holds");
    }
    Ok(())
}
