//! The shapes of the inputs, and the sequences that the lengths cut out of them.

use super::{Rnnt, unfit};
use crate::error::{Error, Result};
use crate::layout::{Indices, Layout, Summed, Weights, divisor};
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{Tensor, TensorKind};

/// What the shapes say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Sequences.
    pub(super) batch: usize,
    /// Time steps.
    pub(super) steps: usize,
    /// One more than the labels of the longest target.
    pub(super) columns: usize,
    pub(super) classes: usize,
}

/// A sequence as it lies in the inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    pub(super) steps: usize,
    pub(super) labels: usize,
}

impl Shape {
    fn new(inputs: &[Option<TensorKind>]) -> Self {
        match inputs[0].as_ref().map_or(&[][..], |kind| &kind.shape[..]) {
            &[batch, steps, columns, classes] => Self { batch, steps, columns, classes },
            _ => Self { batch: 0, steps: 0, columns: 1, classes: 0 },
        }
    }

    pub(super) fn of(resolved: &Resolved) -> Self {
        Self::new(&resolved.inputs)
    }

    /// The most labels of a target.
    pub(super) fn longest(&self) -> usize {
        self.columns - 1
    }

    /// The nodes of all sequences.
    pub(super) fn nodes(&self) -> usize {
        self.batch * self.steps * self.columns
    }

    /// The sequences of these lengths, `None` where they do not fit.
    pub(super) fn sequences(&self, lengths: [&[i128]; 2]) -> Vec<Option<Sequence>> {
        let length = |which: usize, n: usize| usize::try_from(*lengths[which].get(n)?).ok();
        let sequence = |n: usize| {
            let steps = length(0, n).filter(|steps| (1..=self.steps).contains(steps))?;
            let labels = length(1, n).filter(|&labels| labels < self.columns)?;
            Some(Sequence { steps, labels })
        };
        (0..self.batch).map(sequence).collect()
    }

    /// Refuses lengths that do not fit.
    pub(super) fn check_lengths(&self, inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        let within = |i: usize, name: &str, least: i128, most: usize, of: &str| {
            let lengths = inputs[i].map_or(Vec::new(), Tensor::to_integers);
            let bad = lengths.iter().position(|&n| n < least || n > most as i128);
            let Some(n) = bad else { return Ok(()) };
            Err(unfit(&format!("{name}[{n}]"), lengths[n], format!("{least} to {most}, {of}")))
        };
        within(2, "logit_lengths", 1, self.steps, "the steps of logits")?;
        within(3, "target_lengths", 0, self.longest(), "the width of targets")
    }
}

pub(super) fn layout(
    rnnt: &Rnnt,
    inputs: &[Option<TensorKind>],
    reduction: Reduction,
) -> Result<Layout> {
    let given = |i: usize| inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape[..]);
    if !matches!(*given(0), [_, _, columns, _] if columns > 0) {
        return Err(Error::shape("logits", given(0), "[B, T, U + 1, V]"));
    }
    let shape = Shape::new(inputs);
    let expected = [shape.batch, shape.longest()];
    if given(1) != expected {
        let expected = format!("{expected:?}, [B, U] of logits [B, T, U + 1, V]");
        return Err(Error::shape("targets", given(1), expected));
    }
    for (i, name) in [(2, "logit_lengths"), (3, "target_lengths")] {
        if given(i) != [shape.batch] {
            let expected = format!("[{}], one for each sequence", shape.batch);
            return Err(Error::shape(name, given(i), expected));
        }
    }
    let Some(blank) = rnnt.blank_of(shape.classes) else {
        let classes = shape.classes;
        let expected = format!("-{classes} to {}, a class of logits", classes.saturating_sub(1));
        return Err(unfit("blank", rnnt.blank, expected));
    };
    let (output, terms) = (vec![shape.batch], shape.batch as u64);
    Ok(Layout {
        terms,
        divisor: divisor(reduction, terms, Weights::None, &output),
        weights: Weights::None,
        output,
        indices: Some(Indices {
            input: 1,
            classes: shape.classes as u64,
            excluded: i64::try_from(blank).ok(),
            once: false,
        }),
        summed: Summed::Terms,
    })
}
