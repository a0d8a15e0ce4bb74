//! A loss specialised for shapes, types, reduction and wanted outputs on one device.

mod bindings;
pub(crate) use builder::{Builder, buffer, words};
mod builder;
mod encode;
mod pointwise;
mod request;
pub(crate) mod rows;
mod sharing;
mod sums;

pub(crate) use request::{Resolved, is_native};
pub(crate) use rows::MOST_ROUNDS;

pub use bindings::Bindings;
pub use request::Request;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pipeline};
use crate::kernel::{Kernel, Slot, reduce};
use crate::loss::{Family, Loss};
use crate::totals::Totals;
use sharing::InPlace;
use std::sync::{Arc, Mutex};

/// One dispatch.
#[derive(Clone, Debug)]
struct Step {
    pipeline: Arc<Pipeline>,
    regions: Vec<Region>,
    groups: [u32; 2],
}

/// The part of a slot's buffer that one dispatch sees.
#[derive(Clone, Copy, Debug)]
struct Region {
    slot: Slot,
    offset: u64,
    size: u64,
}

/// A loss specialised for shapes, types, reduction and wanted outputs on one device.
///
/// It holds compiled kernels, the scratch memory they need and the sizes of their dispatches, and
/// can be encoded any number of times; encodings on one queue run one after the other, as all work
/// on a queue does. A plan is `Send` and `Sync`, and may be encoded by several threads at once.
///
/// It keeps the bind groups of the last eight sets of buffers, so that encoding with one of them
/// again creates nothing. It keeps those buffers alive with them, until others take their place or
/// the plan is dropped.
#[derive(Debug)]
pub struct Plan {
    gpu: Gpu,
    resolved: Resolved,
    steps: Arc<[Step]>,
    uniforms: wgpu::Buffer,
    scratch: Option<wgpu::Buffer>,
    /// Where gradients narrower than float32 are added up, by input.
    staging: Vec<(usize, wgpu::Buffer)>,
    /// Where the status goes if the caller wants none.
    status: Option<wgpu::Buffer>,
    /// For each gradient, that it can be written over its input, or why not.
    in_place: Vec<(usize, InPlace)>,
    made: Mutex<encode::Made>,
}

impl Plan {
    /// Plans a loss: checks names, options, shapes and the device's limits, compiles what is not
    /// compiled yet, and allocates the scratch memory.
    ///
    /// # Errors
    /// If an option, name, type or shape does not fit, or a size is past the device's limits.
    pub fn new(gpu: &Gpu, loss: &dyn Loss, request: &Request<'_>) -> Result<Self> {
        let resolved = Resolved::new(loss, request)?;
        resolved.check_native()?;
        let mut builder = Builder::new(gpu, &resolved, &loss.parameters());
        build(loss, &mut builder)?;
        let in_place = builder.in_place;
        let builder::Finished { steps, uniforms, scratch, staging } = builder.finish()?;
        let in_place = sharing::in_place(&resolved, &steps, in_place);
        let status = if resolved.layout.indices.is_some() {
            Some(builder::buffer(gpu, "wgloss status", 16, wgpu::BufferUsages::STORAGE)?)
        } else {
            None
        };
        gpu.check_alive("a plan")?;
        let (gpu, steps, made) = (gpu.clone(), steps.into(), Mutex::default());
        Ok(Self { gpu, resolved, steps, uniforms, scratch, staging, status, in_place, made })
    }

    /// The shape of the unreduced loss.
    pub fn output_shape(&self) -> &[usize] {
        &self.resolved.layout.output
    }

    /// The bytes of device memory that the plan itself holds; [the crate](crate#time-and-memory) says how
    /// they grow. A 16-bit gradient that
    /// [`LinearCrossEntropy`](crate::LinearCrossEntropy) adds up over tiles takes 4 bytes an
    /// element more, as its documentation says.
    pub fn scratch_bytes(&self) -> u64 {
        let staging = self.staging.iter().map(|(_, buffer)| buffer);
        let own = self.scratch.iter().chain(&self.status).chain(staging);
        self.uniforms.size() + own.map(wgpu::Buffer::size).sum::<u64>()
    }

    /// The bytes of the buffer that [`Bindings::totals`] writes.
    pub fn totals_bytes(&self) -> u64 {
        4 * self.resolved.totals_words()
    }

    /// The totals that an encoding has written.
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
        let words: Vec<f32> = bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect();
        Ok(Totals::from_words(&self.resolved, &words))
    }

    /// The exact WGSL that a request is compiled to on a device with WebGPU's default limits: each
    /// kernel's label and text once, in the order of their dispatches.
    ///
    /// # Errors
    /// As [`Plan::new`], but nothing is compiled and no device is needed.
    pub fn sources(loss: &dyn Loss, request: &Request<'_>) -> Result<Vec<(String, String)>> {
        texts(loss, request, None, |kernels, _| kernels)
    }

    /// The same for a device whose subgroups have so many lanes, a power of 2.
    ///
    /// # Errors
    /// As [`Plan::sources`].
    pub fn subgroup_sources(
        loss: &dyn Loss,
        request: &Request<'_>,
        lanes: u32,
    ) -> Result<Vec<(String, String)>> {
        texts(loss, request, Some(lanes), |kernels, _| kernels)
    }

    /// The same for inputs and outputs in one buffer; `in_place` with every gradient over its input
    /// that may be there.
    ///
    /// # Errors
    /// As [`Plan::sources`].
    pub fn shared_sources(
        loss: &dyn Loss,
        request: &Request<'_>,
        in_place: bool,
    ) -> Result<Vec<(String, String)>> {
        texts(loss, request, None, |kernels, mut gradients| {
            let fits = |&i: &usize| kernels.iter().all(|kernel| kernel.fits_in_place(i));
            gradients.retain(|i| in_place && fits(i));
            kernels.into_iter().map(|kernel| kernel.shared(&gradients)).collect()
        })
    }
}

/// The texts of a request's kernels; `change` gets these and the gradients that its passes allow in
/// place.
fn texts(
    loss: &dyn Loss,
    request: &Request<'_>,
    subgroup: Option<u32>,
    change: impl FnOnce(Vec<Kernel>, Vec<usize>) -> Vec<Kernel>,
) -> Result<Vec<(String, String)>> {
    let resolved = Resolved::new(loss, request)?;
    let limits = wgpu::Limits::default();
    let mut builder = Builder::with_limits(&limits, &resolved, &loss.parameters());
    builder.subgroup = subgroup;
    build(loss, &mut builder)?;
    let gradients = builder.in_place.map_or(Vec::new(), |()| resolved.gradients.clone());
    let kernels = change(builder.kernels(), gradients);
    Ok(kernels.into_iter().map(|kernel| (kernel.label.clone(), kernel.text())).collect())
}

fn build(loss: &dyn Loss, builder: &mut Builder<'_>) -> Result<()> {
    if builder.resolved.denominator {
        builder.push(reduce::denominator(), &[], &[], 1)?;
    }
    if builder.resolved.layout.indices.is_some() {
        builder.push(crate::kernel::status::clear(), &[], &[], 1)?;
    }
    match loss.family() {
        Family::Pointwise(_) => pointwise::build(builder),
        Family::Rows(_) => rows::build(builder, loss.ignore_index()),
        Family::Own(own) => own.plan(builder),
    }
}
