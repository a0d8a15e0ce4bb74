//! A loss specialised for shapes, types, reduction and wanted outputs on one device.

mod bindings;
pub(crate) use builder::{Builder, TOTAL, buffer, words};
mod builder;
mod encode;
mod pointwise;
pub(crate) mod rows;
mod sharing;

pub(crate) use rows::MOST_ROUNDS;

pub use bindings::Bindings;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pipeline};
use crate::kernel::{Slot, Upstream};
use crate::loss::{Definition, Family, Loss};
use crate::reduction::Reduction;
use crate::shape::{Layout, resolve};
use crate::tensor::{DType, Tensor, TensorKind};
use sharing::InPlace;
use std::sync::{Arc, Mutex};

/// What a plan is to compute.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The inputs that are given, by name, with their types and shapes.
    pub inputs: &'a [(&'a str, TensorKind)],
    /// How the terms are combined.
    pub reduction: Reduction,
    /// Whether the loss itself is wanted.
    pub value: bool,
    /// The inputs whose gradients are wanted.
    pub gradients: &'a [&'a str],
    /// Whether gradients are multiplied by an upstream gradient: one number, or with
    /// [`Reduction::None`] one for each term.
    pub upstream: bool,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            inputs: &[],
            reduction: Reduction::Mean,
            value: true,
            gradients: &[],
            upstream: false,
        }
    }
}

/// A request whose names and shapes have been checked.
#[derive(Debug)]
pub struct Resolved {
    pub(crate) definition: &'static Definition,
    /// In the definition's order.
    pub(crate) inputs: Vec<Option<TensorKind>>,
    pub(crate) reduction: Reduction,
    pub(crate) value: bool,
    /// Places in the definition, in the request's order.
    pub(crate) gradients: Vec<usize>,
    pub(crate) upstream: Upstream,
    pub(crate) layout: Layout,
}

impl Resolved {
    pub(crate) fn new(loss: &dyn Loss, request: &Request<'_>) -> Result<Self> {
        let definition = loss.definition();
        let mut inputs: Vec<Option<TensorKind>> = vec![None; definition.inputs.len()];
        for (name, kind) in request.inputs {
            let place = &mut inputs[definition.input(name)?];
            if place.replace(kind.clone()).is_some() {
                return Err(Error::Repeated { argument: (*name).into(), times: 2 });
            }
        }
        let layout = resolve(loss, &inputs, request.reduction)?;
        let mut gradients = Vec::new();
        for name in request.gradients {
            let input = definition.input(name)?;
            if gradients.contains(&input) {
                return Err(Error::Repeated { argument: format!("gradient {name}"), times: 2 });
            }
            check_gradient(definition, &inputs, input)?;
            gradients.push(input);
        }
        if !request.value && gradients.is_empty() {
            return Err(Error::argument(
                "value",
                "false without gradients",
                "something to compute",
            ));
        }
        let upstream = match (request.upstream, request.reduction) {
            (false, _) => Upstream::One,
            (true, Reduction::None) => Upstream::Terms,
            (true, _) => Upstream::Scalar,
        };
        let (reduction, value) = (request.reduction, request.value);
        Ok(Self { definition, inputs, reduction, value, gradients, upstream, layout })
    }

    /// Tensors by name in the definition's order.
    pub(crate) fn placed<'a>(
        &self,
        tensors: &'a [(&str, Tensor<'_>)],
    ) -> Result<Vec<Option<&'a Tensor<'a>>>> {
        let mut placed = vec![None; self.inputs.len()];
        for (name, tensor) in tensors {
            placed[self.definition.input(name)?] = Some(tensor);
        }
        Ok(placed)
    }

    /// The bytes of what a slot is bound to, as long as storage buffers can be: multiples of 4.
    pub(crate) fn bytes(&self, slot: Slot) -> u64 {
        let of = |kind: &TensorKind| {
            let count = crate::tensor::elements(&kind.shape).unwrap_or(u64::MAX);
            (count, kind.dtype.size() as u64)
        };
        let (count, size) = match slot {
            Slot::Input(i) => self.inputs[i].as_ref().map_or((0, 1), of),
            Slot::Gradient(i) => (self.inputs[i].as_ref().map_or(0, |kind| of(kind).0), 4),
            Slot::Value if self.reduction == Reduction::None => (self.layout.terms, 4),
            Slot::Upstream if self.upstream == Upstream::Terms => (self.layout.terms, 4),
            Slot::Value | Slot::Upstream => (1, 4),
            Slot::Status => (4, 4),
            Slot::Window | Slot::Parameters | Slot::Scratch => (0, 1),
        };
        (count * size).next_multiple_of(4)
    }
}

fn check_gradient(
    definition: &'static Definition,
    inputs: &[Option<TensorKind>],
    input: usize,
) -> Result<()> {
    let spec = &definition.inputs[input];
    let argument = format!("gradient {}", spec.name);
    let Some(kind) = &inputs[input] else {
        return Err(Error::argument(&argument, "an absent input", "an input that is given"));
    };
    if spec.differentiable && kind.dtype.is_float() {
        return Ok(());
    }
    let known = definition.inputs.iter().filter(|i| i.differentiable).map(|i| i.name);
    let known = crate::error::listed(known);
    let got = format!("{} of {}", spec.name, kind.dtype);
    Err(Error::argument(&argument, got, format!("a differentiable input of a float type: {known}")))
}

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
        let mut builder = Builder::new(gpu, &resolved, loss.parameters());
        build(loss, &mut builder)?;
        let in_place = builder.in_place;
        let (steps, uniforms, scratch) = builder.finish()?;
        let in_place = sharing::in_place(&resolved, &steps, in_place);
        let status = if resolved.layout.indices.is_some() {
            Some(builder::buffer(gpu, "wgloss status", 16, wgpu::BufferUsages::STORAGE)?)
        } else {
            None
        };
        gpu.check_alive("a plan")?;
        let (gpu, steps, made) = (gpu.clone(), steps.into(), Mutex::default());
        Ok(Self { gpu, resolved, steps, uniforms, scratch, status, in_place, made })
    }

    /// The shape of the unreduced loss.
    pub fn output_shape(&self) -> &[usize] {
        &self.resolved.layout.output
    }

    /// The bytes of device memory that the plan itself holds.
    pub fn scratch_bytes(&self) -> u64 {
        let status = self.status.as_ref().map_or(0, wgpu::Buffer::size);
        self.uniforms.size() + self.scratch.as_ref().map_or(0, wgpu::Buffer::size) + status
    }

    /// The exact WGSL that a loss is compiled to for float32 inputs of the given shapes: each
    /// kernel's label and text, in the order of their dispatches.
    ///
    /// # Errors
    /// As [`Plan::new`], but nothing is compiled and no device is needed.
    pub fn sources(loss: &dyn Loss, request: &Request<'_>) -> Result<Vec<(String, String)>> {
        let kernels = kernels(loss, request)?;
        Ok(kernels.into_iter().map(|kernel| (kernel.label.clone(), kernel.text())).collect())
    }
}

/// The kernels of a request on a device with WebGPU's default limits, without repetitions.
fn kernels(loss: &dyn Loss, request: &Request<'_>) -> Result<Vec<crate::kernel::Kernel>> {
    let resolved = Resolved::new(loss, request)?;
    let limits = wgpu::Limits::default();
    let mut builder = Builder::with_limits(&limits, &resolved, loss.parameters());
    build(loss, &mut builder)?;
    Ok(builder.kernels())
}

fn build(loss: &dyn Loss, builder: &mut Builder<'_>) -> Result<()> {
    if builder.resolved.layout.indices.is_some() {
        builder.push(crate::kernel::status::clear(), &[], &[], 1)?;
    }
    match loss.family() {
        Family::Pointwise(_) => pointwise::build(builder),
        Family::Rows(_) => rows::build(builder, loss.ignore_index()),
        Family::Own(own) => own.plan(builder),
    }
}

/// The types that kernels read without a conversion on the host.
pub(crate) fn is_native(dtype: DType) -> bool {
    dtype != DType::F64
}
