//! The type of gradients.

use super::{Resolved, Slot};
use crate::reduction::Reduction;
use crate::tensor::{DType, TensorKind, elements};

/// The type of the gradients that are written. They are computed and summed in float32 either way
/// and rounded once, to the nearest number of their type, ties to even: what is too large becomes
/// infinite, and float16 has the multiples of 2^-24 below its normal numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GradientType {
    /// float32, whatever the inputs are: a small gradient of a mean does not vanish.
    #[default]
    Float32,
    /// Each gradient in its input's type; float32 for a float64 input. Gradients below float16's
    /// 2^-25 become 0 unless a loss scale or an upstream gradient lifts them.
    Input,
}

impl Resolved {
    /// The type of the gradient of an input.
    pub(crate) fn gradient_dtype(&self, input: usize) -> DType {
        let dtype = self.inputs[input].as_ref().map_or(DType::F32, |kind| kind.dtype);
        let narrow = matches!(dtype, DType::F16 | DType::BF16);
        if narrow && self.gradient_type == GradientType::Input { dtype } else { DType::F32 }
    }

    /// The number of elements of the gradient of an input.
    pub(crate) fn gradient_elements(&self, input: usize) -> u64 {
        let kind = self.inputs[input].as_ref();
        kind.map_or(0, |kind| elements(&kind.shape).unwrap_or(u64::MAX))
    }

    /// The outputs of the request.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = Slot> {
        let value = self.value.then_some(Slot::Value);
        value.into_iter().chain(self.gradients.iter().map(|&i| Slot::Gradient(i)))
    }

    /// Whether an output has a number for each element or term.
    pub(crate) fn is_array(&self, slot: Slot) -> bool {
        slot != Slot::Value || self.reduction == Reduction::None
    }

    /// The type and shape of an output.
    pub(crate) fn output_kind(&self, slot: Slot) -> TensorKind {
        let shape = match slot {
            Slot::Gradient(i) => self.inputs[i].as_ref().map_or(Vec::new(), |k| k.shape.clone()),
            _ if self.is_array(slot) => self.layout.output.clone(),
            _ => Vec::new(),
        };
        TensorKind::new(self.output_dtype(slot), shape)
    }

    /// The outputs of the request, their types and shapes.
    pub(crate) fn output_kinds(&self) -> impl Iterator<Item = (Slot, TensorKind)> {
        self.outputs().map(|slot| (slot, self.output_kind(slot)))
    }
}
