//! A plan's request, as it is asked and as it is once names and shapes have been checked.

use crate::error::{Error, Result};
use crate::gradient::GradientType;
use crate::kernel::{Losses, Slot, Upstream};
use crate::loss::{Definition, Loss};
use crate::reduction::Reduction;
use crate::shape::{Layout, resolve};
use crate::tensor::{DType, Tensor, TensorKind};
#[cfg(doc)]
use crate::totals::Totals;

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
            loss.check_gradient(input)?;
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

    /// Where the losses of rows go.
    pub(crate) fn losses(&self) -> Losses {
        match (self.sums_losses(), self.value) {
            (true, _) => Losses::Scratch,
            (false, true) => Losses::Value,
            (false, false) => Losses::Nowhere,
        }
    }

    /// Kernels read no float64, which [`Backend`](crate::Backend) rounds on the host.
    pub(super) fn check_native(&self) -> Result<()> {
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

/// The types that kernels read without a conversion on the host.
pub(crate) fn is_native(dtype: DType) -> bool {
    dtype != DType::F64
}
