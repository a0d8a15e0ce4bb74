//! What the kernels' bindings are connected with, by what a request asks for.

use super::Resolved;

/// What a binding is connected with when a plan is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// The `Window` of one dispatch.
    Window,
    /// The loss's `Parameters`.
    Parameters,
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
    /// What was wrong with the targets.
    Status,
    /// The sums of blocks, as totals are made of.
    Totals,
    /// What the mean divides by, where the caller gives it.
    Denominator,
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
    /// What a slot is called in messages.
    pub(crate) fn slot_name(&self, slot: Slot) -> String {
        let name = |input: usize| self.definition.inputs[input].name;
        match slot {
            Slot::Input(i) => name(i).into(),
            Slot::Gradient(i) => format!("gradient {}", name(i)),
            Slot::Value => "value".into(),
            Slot::Upstream => "upstream".into(),
            Slot::Status => "status".into(),
            Slot::Totals => "totals".into(),
            Slot::Denominator => "denominator".into(),
            Slot::Scratch => "scratch memory".into(),
            Slot::Staging(i) => format!("float32 gradient {}", name(i)),
            Slot::Window | Slot::Parameters => "uniforms".into(),
        }
    }
}
