//! A plan's request, as it is asked and as it is once names and shapes have been checked.

mod gradient;
mod lists;
mod slot;
mod status;

pub use gradient::GradientType;
pub(crate) use lists::List;
pub(crate) use slot::{Losses, Slot, Upstream};
pub use status::Status;

use crate::definition::{Definition, Input, Role};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::reduction::Reduction;
use crate::tensor::{DType, Tensor, TensorKind};
use std::borrow::Cow;

/// What is wanted of a loss.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// How the terms are combined.
    pub reduction: Reduction,
    /// Whether the loss itself is wanted.
    pub value: bool,
    /// The inputs whose gradients are wanted.
    pub gradients: &'a [&'a str],
    /// Whether gradients are multiplied by an upstream gradient: one number, or with
    /// [`Reduction::None`] one for each term.
    pub upstream: bool,
    /// Whether [`Totals`](crate::Totals) are wanted, which merge with those of other parts of a batch
    /// ([`Batch::part`](crate::Batch::part)); not with [`Reduction::None`].
    pub totals: bool,
    /// Whether the mean divides by what is given with the bindings, from the
    /// [`Totals`](crate::Totals) of a whole batch that this is a part of. The value then is the part's share in the
    /// mean, and gradients are those of the whole batch's mean.
    pub denominator: bool,
    /// The type of the gradients.
    pub gradient_type: GradientType,
    /// What gradients, but not the value, are multiplied by in float32 before they are rounded to
    /// their type: finite and not 0. Another one needs another plan, but no other kernels; a scale
    /// that changes from step to step belongs into the upstream gradient.
    pub loss_scale: f32,
    /// What the loss and its gradients are multiplied by, finite and not 0: `w` in a sum `w1 L1 + w2 L2`.
    /// [`Totals`](crate::Totals) hold the loss without it. Another one needs another plan, but no other
    /// kernels.
    pub loss_weight: f32,
    /// Whether the loss and its gradients are added to what a plan's buffers hold, in float32 before they are
    /// rounded to their type: of several micro-batches, or of several losses of the same inputs. The
    /// buffers that are not to be added to are cleared by the program. Not with an
    /// [`Evaluator`](crate::Evaluator), and not in place.
    pub accumulate: bool,
    /// Whether a plan reads from a buffer how many items the batch has ([`Bindings::count`](crate::Bindings::count)):
    /// as many as a kernel has found, of at most those that it was planned for. The losses and gradients
    /// of the others are 0, and a mean is that of those that are there. For pointwise losses and losses
    /// over rows, whose items lie along the first axis of the losses; not with totals or a denominator, nor
    /// with an [`Evaluator`](crate::Evaluator). Where the program itself knows the number,
    /// [`Plans`](crate::Plans) do no more than the work of the items.
    pub counted: bool,
    /// What a plan for it is called beside its loss, as in `wgloss cross_entropy "head"`: in captures
    /// and profilers, and in wgpu's messages.
    pub label: Option<&'a str>,
}

/// Where the items of a batch lie in a larger one: along the first axis of the losses, as the rows of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The items before it.
    pub first: u64,
    /// The items of the larger batch, if their number is known.
    pub of: Option<u64>,
}

impl Part {
    /// Checks that so many items of so many losses each end within the larger batch, whose losses can be
    /// counted.
    pub(crate) fn check(self, items: u64, each: u64) -> Result<()> {
        let Self { first, of } = self;
        let end = first.checked_add(items);
        if let Some(of) = of.filter(|&of| end.is_none_or(|end| end > of)) {
            let got = format!("{items} items from {first} on");
            return Err(Error::argument("part", got, format!("at most {of} in all")));
        }
        match end.and_then(|end| of.unwrap_or(end).checked_mul(each)) {
            Some(_) => Ok(()),
            None => {
                let all = of.or(end).map_or("more".into(), |all| all.to_string());
                let got = format!("a batch of {all} items of {each} losses");
                Err(Error::argument("part", got, "fewer than 2^64 losses"))
            }
        }
    }
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            reduction: Reduction::Mean,
            value: true,
            gradients: &[],
            upstream: false,
            totals: false,
            denominator: false,
            gradient_type: GradientType::Float32,
            loss_scale: 1.0,
            loss_weight: 1.0,
            accumulate: false,
            counted: false,
            label: None,
        }
    }
}

impl<'a> Request<'a> {
    /// The mean and the gradients of these inputs.
    pub fn with_gradients(gradients: &'a [&'a str]) -> Self {
        Self { gradients, ..Self::default() }
    }
}

/// A request whose names and shapes have been checked.
#[derive(Clone, Debug)]
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
    pub(crate) loss_weight: f32,
    pub(crate) accumulate: bool,
    pub(crate) counted: bool,
    pub(crate) label: Option<String>,
    /// For totals: the loss's options as text, and what tells a custom loss from others of its name.
    pub(crate) options: Vec<(&'static str, String)>,
    /// Whether totals of parts of a batch add up.
    pub(crate) adds_up: bool,
    /// Whether a mean divides by at least 1.
    pub(crate) guarded: bool,
    /// Where it lies in a larger batch.
    pub(crate) part: Part,
    /// The target that marks a term as ignored.
    pub(crate) ignored: Option<i64>,
    /// The words that kernels read from a buffer.
    pub(crate) table: Cow<'static, [u32]>,
    pub(crate) layout: Layout,
}

impl Resolved {
    /// What gradients are multiplied by.
    pub(crate) fn scale(&self) -> f32 {
        self.loss_scale * self.loss_weight
    }

    /// Multiplies losses by their weight.
    pub(crate) fn weigh(&self, slot: Slot, numbers: &mut [f32]) {
        if slot == Slot::Value && self.loss_weight != 1.0 {
            numbers.iter_mut().for_each(|loss| *loss *= self.loss_weight);
        }
    }

    /// Where the losses of rows go.
    pub(crate) fn losses(&self) -> Losses {
        match (self.sums_losses(), self.value) {
            (true, _) => Losses::Scratch,
            (false, true) => Losses::Value,
            (false, false) => Losses::Nowhere,
        }
    }

    /// The items, along the first axis of the losses.
    pub(crate) fn items(&self) -> u64 {
        self.layout.output.first().map_or(1, |&items| items as u64)
    }

    /// The terms of an item.
    pub(crate) fn terms_per_item(&self) -> u64 {
        self.layout.output.iter().skip(1).map(|&n| n as u64).product()
    }

    /// The place of the first term in the larger batch.
    pub(crate) fn first_term(&self) -> u64 {
        self.part.first.saturating_mul(self.terms_per_item())
    }

    /// What its plan is called, behind the library's name.
    pub(crate) fn title(&self) -> String {
        let name = self.definition.name;
        self.label.as_ref().map_or_else(|| name.into(), |label| format!("{name} {label:?}"))
    }

    /// The type of the class indices, if there are any.
    pub(crate) fn indices_dtype(&self) -> Option<DType> {
        let kind = self.inputs[self.layout.indices?.input].as_ref()?;
        Some(kind.dtype)
    }

    /// Kernels read no float64, and numbers from no integers: [`Evaluator`](crate::Evaluator) rounds
    /// both on the host.
    pub(crate) fn check_native(&self) -> Result<()> {
        for (input, kind) in self.definition.inputs.iter().zip(&self.inputs) {
            if let Some(kind) = kind.as_ref().filter(|kind| native(input, kind.dtype) != kind.dtype)
            {
                let expected = "float32, float16 or bfloat16 on a GPU".into();
                let (argument, got) = (input.name.into(), kind.dtype.to_string());
                return Err(Error::DType { argument, got, expected });
            }
        }
        Ok(())
    }

    /// The same with the types that kernels read.
    pub(crate) fn native(mut self) -> Self {
        for (input, kind) in self.definition.inputs.iter().zip(&mut self.inputs) {
            if let Some(kind) = kind {
                kind.dtype = native(input, kind.dtype);
            }
        }
        self
    }

    /// The ignored target as the kernels compare it. No index is the lowest i32, which stands for what
    /// does not fit.
    pub(crate) fn ignored_index(&self) -> i32 {
        self.ignored.and_then(|i| i32::try_from(i).ok()).unwrap_or(i32::MIN)
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
            Slot::Value | Slot::Upstream | Slot::Count => (1, 4),
            Slot::Status | Slot::Report | Slot::Denominator => (4, 4),
            Slot::Totals => (self.totals_words(), 4),
            Slot::Table => (self.table.len() as u64, 4),
            Slot::Window | Slot::Parameters | Slot::Scratch | Slot::Staging(_) => (0, 1),
        };
        count.saturating_mul(size).checked_next_multiple_of(4).unwrap_or(u64::MAX)
    }
}

/// The type that kernels read: that itself, or float32 where the host has to round.
pub(crate) fn native(input: &Input, dtype: DType) -> DType {
    let integers = matches!(
        input.role,
        Role::Index | Role::IndexOrRows | Role::Marks | Role::ListedClasses | Role::OwnIntegers
    ) || input.whole().is_some();
    match dtype {
        DType::F64 => DType::F32,
        _ if dtype.is_float() || integers => dtype,
        _ => DType::F32,
    }
}
