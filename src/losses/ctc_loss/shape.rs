//! The shapes of the inputs, and the sequences that the lengths cut out of them.

use super::{Ctc, unfit};
use crate::error::{Error, Result};
use crate::layout::{Indices, Layout, Summed, Weights, divisor};
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{Tensor, TensorKind, elements};

/// The longest target: a lane of the kernels runs through one, and llvmpipe ends an invocation
/// after 65,535 rounds of its loops.
pub(super) const LONGEST: usize = 40_000;

/// What the shapes say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Time steps.
    pub(super) steps: usize,
    /// Sequences.
    pub(super) batch: usize,
    pub(super) classes: usize,
    /// Elements of `targets`.
    pub(super) places: usize,
    /// Whether each sequence has a row of `targets` of its own.
    pub(super) padded: bool,
    /// The longest target that fits.
    pub(super) longest: usize,
}

/// A sequence as it lies in the inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    pub(super) steps: usize,
    /// The place of its first label in `targets`.
    pub(super) place: usize,
    pub(super) labels: usize,
}

impl Shape {
    fn new(inputs: &[Option<TensorKind>]) -> Self {
        let shape = |i: usize| inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape[..]);
        let (steps, batch, classes) = match *shape(0) {
            [steps, batch, classes] => (steps, batch, classes),
            [steps, classes] => (steps, 1, classes),
            _ => (0, 0, 0),
        };
        let targets = shape(1);
        let places = elements(targets).and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let padded = targets.len() == 2;
        let longest = if padded { targets[1] } else { places.min(LONGEST) };
        Self { steps, batch, classes, places, padded, longest }
    }

    pub(super) fn of(resolved: &Resolved) -> Self {
        Self::new(&resolved.inputs)
    }

    /// The sequences, `None` where the lengths do not fit.
    pub(super) fn sequences(&self, inputs: &[&[i128]; 2]) -> Vec<Option<Sequence>> {
        let mut end = Some(0usize);
        let length = |lengths: &[i128], n: usize| {
            let length = *lengths.get(if lengths.len() == 1 { 0 } else { n })?;
            usize::try_from(length).ok()
        };
        let sequence = |n: usize| {
            let labels = length(inputs[1], n);
            let place = if self.padded { Some(n * self.longest) } else { end };
            end = end.zip(labels).and_then(|(end, labels)| end.checked_add(labels));
            let fits = |&labels: &usize| {
                labels <= self.longest
                    && place.is_some_and(|p| labels <= self.places.saturating_sub(p))
            };
            let labels = labels.filter(fits)?;
            let steps = length(inputs[0], n).filter(|&steps| steps <= self.steps)?;
            Some(Sequence { steps, place: place?, labels })
        };
        (0..self.batch).map(sequence).collect()
    }

    /// Refuses lengths that do not fit.
    pub(super) fn check_lengths(&self, inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        let lengths = |i: usize| inputs[i].map_or(Vec::new(), Tensor::to_integers);
        let (steps, labels) = (lengths(2), lengths(3));
        let within = |name: &str, lengths: &[i128], most: usize, of: &str| {
            let bad = lengths.iter().position(|&n| n < 0 || n > most as i128);
            let Some(n) = bad else { return Ok(()) };
            let name = if lengths.len() > 1 { format!("{name}[{n}]") } else { name.into() };
            Err(unfit(&name, lengths[n], format!("0 to {most}, {of}")))
        };
        within("input_lengths", &steps, self.steps, "the steps of log_probs")?;
        let of = if self.padded { "the width of targets" } else { "the elements of targets" };
        let most = if self.padded { self.longest } else { self.places };
        within("target_lengths", &labels, most, of)?;
        if self.padded {
            return Ok(());
        }
        let repeats = if labels.len() == 1 { self.batch as i128 } else { 1 };
        let total = labels.iter().sum::<i128>() * repeats;
        if total > self.places as i128 {
            let expected = format!("at most {}, the elements of targets", self.places);
            return Err(unfit("target_lengths", format!("a sum of {total}"), expected));
        }
        let of = "the labels of one target that the kernels take";
        within("target_lengths", &labels, LONGEST, of)
    }
}

pub(super) fn layout(
    ctc: &Ctc,
    inputs: &[Option<TensorKind>],
    reduction: Reduction,
) -> Result<Layout> {
    let given = |i: usize| inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape[..]);
    if !matches!(given(0).len(), 2 | 3) {
        return Err(Error::shape("log_probs", given(0), "[T, N, C] or [T, C]"));
    }
    let shape = Shape::new(inputs);
    let batched = given(0).len() == 3;
    match *given(1) {
        [_] => {}
        [batch, _] if batch == shape.batch => {}
        _ => {
            let expected = format!("[{}, S], or [sum of target_lengths]", shape.batch);
            return Err(Error::shape("targets", given(1), expected));
        }
    }
    for (i, name) in [(2, "input_lengths"), (3, "target_lengths")] {
        if !given(i).is_empty() && given(i) != [shape.batch] {
            let expected = format!("[{}], one for each sequence, or []", shape.batch);
            return Err(Error::shape(name, given(i), expected));
        }
    }
    if usize::try_from(ctc.blank).map_or(true, |blank| blank >= shape.classes) {
        let expected = format!("0 to {}, a class of log_probs", shape.classes.saturating_sub(1));
        return Err(unfit("blank", ctc.blank, expected));
    }
    let output = if batched { vec![shape.batch] } else { Vec::new() };
    let terms = shape.batch as u64;
    Ok(Layout {
        terms,
        divisor: divisor(reduction, terms, Weights::None, &output),
        weights: Weights::None,
        output,
        indices: Some(Indices {
            input: 1,
            classes: shape.classes as u64,
            excluded: Some(ctc.blank),
            once: false,
        }),
        summed: Summed::Terms,
    })
}
