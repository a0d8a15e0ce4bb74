//! A loss specialised for shapes, types, reduction and wanted outputs on one device.

mod bindings;
pub(crate) use builder::{Builder, buffer, words};
mod builder;
mod encode;
mod pointwise;
pub(crate) mod rows;
mod sharing;
mod sums;

pub(crate) use rows::MOST_ROUNDS;

pub use bindings::Bindings;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pipeline};
use crate::gradient::GradientType;
use crate::kernel::{Kernel, Slot, Upstream, reduce};
use crate::loss::{Definition, Family, Loss};
use crate::reduction::Reduction;
use crate::shape::{Layout, resolve};
use crate::tensor::{DType, Tensor, TensorKind};
use crate::totals::Totals;
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
    /// Whether [`Totals`] are wanted, which merge with those of other parts of a batch; not with
    /// [`Reduction::None`].
    pub totals: bool,
    /// Whether the mean divides by what is given with the bindings, from the
    /// [`Totals`] of a whole batch that this is a part of. The value then is the part's share in the
    /// mean, and gradients are those of the whole batch's mean.
    pub denominator: bool,
    /// The type of the gradients.
    pub gradient_type: GradientType,
    /// What gradients, but not the value, are multiplied by in float32 before they are rounded to
    /// their type: finite and not 0. Another one needs another plan, but no other kernels; a scale
    /// that changes from step to step belongs into the upstream gradient.
    pub loss_scale: f32,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            inputs: &[],
            reduction: Reduction::Mean,
            value: true,
            gradients: &[],
            upstream: false,
            totals: false,
            denominator: false,
            gradient_type: GradientType::Float32,
            loss_scale: 1.0,
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
    pub(crate) totals: bool,
    pub(crate) denominator: bool,
    /// The denominator itself where it is on the host.
    pub(crate) given: Option<[f32; 4]>,
    pub(crate) gradient_type: GradientType,
    pub(crate) loss_scale: f32,
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
        if !request.value && gradients.is_empty() && !request.totals {
            return Err(Error::argument(
                "value",
                "false without gradients",
                "something to compute",
            ));
        }
        check_reduction(request)?;
        if request.totals && !request.denominator && !loss.totals_merge(&inputs) {
            let expected = "a denominator, or no weight: the mean of the z terms is not weighted";
            return Err(Error::argument("totals", "z_loss with weight", expected));
        }
        let upstream = match (request.upstream, request.reduction) {
            (false, _) => Upstream::One,
            (true, Reduction::None) => Upstream::Terms,
            (true, _) => Upstream::Scalar,
        };
        let Request { reduction, value, gradient_type, loss_scale, totals, denominator, .. } =
            *request;
        if !loss_scale.is_finite() || loss_scale == 0.0 {
            let expected = "a finite number other than 0";
            return Err(Error::argument("loss_scale", loss_scale.to_string(), expected));
        }
        let resolved = Self {
            definition,
            inputs,
            reduction,
            value,
            gradients,
            upstream,
            totals,
            denominator,
            given: None,
            gradient_type,
            loss_scale,
            layout,
        };
        if totals && resolved.weight_is_shared() {
            let expected = "one for each term: parts of the batch would share it";
            return Err(Error::argument("totals", "a weight that broadcasts", expected));
        }
        Ok(resolved)
    }

    /// Kernels read no float64, which [`Backend`](crate::Backend) rounds on the host.
    fn check_native(&self) -> Result<()> {
        let inputs = self.definition.inputs.iter().zip(&self.inputs);
        for (input, kind) in inputs {
            if let Some(kind) = kind.as_ref().filter(|kind| !is_native(kind.dtype)) {
                let expected = "float32, float16 or bfloat16 on a GPU".into();
                let (argument, got) = (input.name.into(), kind.dtype.to_string());
                return Err(Error::DType { argument, got, expected });
            }
        }
        Ok(())
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
            Slot::Gradient(i) => (self.gradient_elements(i), self.gradient_dtype(i).size() as u64),
            Slot::Value if self.reduction == Reduction::None => (self.layout.terms, 4),
            Slot::Upstream if self.upstream == Upstream::Terms => (self.layout.terms, 4),
            Slot::Value | Slot::Upstream => (1, 4),
            Slot::Status | Slot::Denominator => (4, 4),
            Slot::Totals => (self.totals_words(), 4),
            Slot::Window | Slot::Parameters | Slot::Scratch | Slot::Staging(_) => (0, 1),
        };
        (count * size).next_multiple_of(4)
    }
}

/// Totals are of a sum, and a denominator is that of a mean.
fn check_reduction(request: &Request<'_>) -> Result<()> {
    let (argument, expected) = match request.reduction {
        Reduction::None if request.totals => ("totals", "reduction mean, sum or batchmean"),
        Reduction::None | Reduction::Sum if request.denominator => {
            ("denominator", "reduction mean or batchmean")
        }
        _ => return Ok(()),
    };
    Err(Error::argument(argument, format!("with reduction {}", request.reduction), expected))
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
        let mut builder = Builder::new(gpu, &resolved, loss.parameters());
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

    /// The bytes of device memory that the plan itself holds. A 16-bit gradient that
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
        texts(loss, request, |kernels, _| kernels)
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
        texts(loss, request, |kernels, mut gradients| {
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
    change: impl FnOnce(Vec<Kernel>, Vec<usize>) -> Vec<Kernel>,
) -> Result<Vec<(String, String)>> {
    let resolved = Resolved::new(loss, request)?;
    let limits = wgpu::Limits::default();
    let mut builder = Builder::with_limits(&limits, &resolved, loss.parameters());
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

/// The types that kernels read without a conversion on the host.
pub(crate) fn is_native(dtype: DType) -> bool {
    dtype != DType::F64
}
