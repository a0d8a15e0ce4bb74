//! What the kernels' bindings are connected with, by what a request asks for.

use super::Resolved;
use crate::sink::Output;
use crate::tensor::DType;

/// What a binding is connected with when a plan is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// The `Window` of one dispatch.
    Window,
    /// The loss's `Parameters`.
    Parameters,
    /// The words of the loss's tables.
    Table,
    /// An input, by its place in the definition.
    Input(usize),
    /// The upstream gradient.
    Upstream,
    /// The unreduced losses, or the one value.
    Value,
    /// The gradient of an input.
    Gradient(usize),
    /// The plan's own memory: the totals, block sums, row losses.
    Scratch,
    /// The plan's own float32 memory for the gradient of an input that tiles add up.
    Staging(usize),
    /// What was wrong with the targets, in the plan's own memory.
    Status,
    /// The same, where the caller wants it.
    Report,
    /// What totals are made of: exact sums, and the terms of cut blocks.
    Totals,
    /// What the mean divides by, where the caller gives it.
    Denominator,
    /// How many items the batch has, where the caller says it in a buffer.
    Count,
}

/// Where the losses of rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Losses {
    /// Nowhere: only gradients are wanted.
    Nowhere,
    /// Into the value, unreduced.
    Value,
    /// Into the scratch, to be summed.
    Scratch,
}

/// How the upstream gradient comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// Not at all: it counts as 1.
    One,
    /// One number.
    Scalar,
    /// One for each term.
    Terms,
}

impl Resolved {
    /// An output as a sink knows it.
    pub(crate) fn output(&self, slot: Slot) -> Output {
        match slot {
            Slot::Gradient(i) => Output::Gradient(self.definition.inputs[i].name),
            _ => Output::Value,
        }
    }

    /// The type of an output.
    pub(crate) fn output_dtype(&self, slot: Slot) -> DType {
        if let Slot::Gradient(i) = slot { self.gradient_dtype(i) } else { DType::F32 }
    }

    /// The bytes of an output, without what pads the last word.
    pub(crate) fn output_size(&self, slot: Slot) -> u64 {
        let kind = self.output_kind(slot);
        crate::tensor::elements(&kind.shape).unwrap_or(u64::MAX) * kind.dtype.size() as u64
    }

    /// The type of an input that is given.
    pub(crate) fn dtype(&self, name: &str) -> crate::error::Result<DType> {
        let kind = self.inputs[self.definition.input(name)?].as_ref();
        Ok(kind.map_or(DType::F32, |kind| kind.dtype))
    }

    /// What a slot is called in messages.
    pub(crate) fn slot_name(&self, slot: Slot) -> String {
        let name = |input: usize| self.definition.inputs[input].name;
        match slot {
            Slot::Input(i) => name(i).into(),
            Slot::Gradient(i) => format!("gradient {}", name(i)),
            Slot::Value => "value".into(),
            Slot::Upstream => "upstream".into(),
            Slot::Status | Slot::Report => "status".into(),
            Slot::Totals => "totals".into(),
            Slot::Denominator => "denominator".into(),
            Slot::Count => "count".into(),
            Slot::Scratch => "scratch memory".into(),
            Slot::Staging(i) => format!("float32 gradient {}", name(i)),
            Slot::Window | Slot::Parameters => "uniforms".into(),
            Slot::Table => "tables".into(),
        }
    }
}
