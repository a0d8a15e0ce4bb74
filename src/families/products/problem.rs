//! What the shapes of the inputs say.

use crate::definition::{Definition, Role};
use crate::error::{Error, Result};
use crate::tensor::TensorKind;

/// The places of the inputs, which every loss of the family has; the last one may lack. What stands at the
/// target's place is a [`Target`].
pub(super) const INPUT: usize = 0;
pub(super) const LINEAR_WEIGHT: usize = 1;
pub(super) const TARGET: usize = 2;
pub(super) const LINEAR_BIAS: usize = 3;

/// The first of the constants of pairs of sequences, which stand in the weights' place.
pub(super) const CONSTANTS: usize = 4;

/// Where the weights of classes are, if the loss has them.
pub(super) fn weight(definition: &Definition) -> Option<usize> {
    definition.inputs.iter().position(|input| input.role == Role::Classes)
}

/// Row `n * positions + k` has the logits of batch item n at position k; class c there has the
/// weights that start at `(c * positions + k) * features`. Items may be the tokens of sequences.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    pub(super) items: usize,
    /// How many of them are a sequence, where the input has sequences.
    pub(super) tokens: Option<usize>,
    pub(super) features: usize,
    pub(super) classes: usize,
    pub(super) positions: usize,
    pub(super) target: Target,
}

/// What is known of a row beside its logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// Nothing.
    None,
    /// The class index.
    Index,
    /// A number for each class.
    Rows,
    /// An integer, which marks the row where it is the ignored one.
    Marks,
}

impl Target {
    fn of(definition: &Definition, kind: Option<&TensorKind>) -> Self {
        match kind {
            None => Self::None,
            Some(_) if definition.inputs[TARGET].role == Role::Marks => Self::Marks,
            Some(kind) if kind.dtype.is_float() => Self::Rows,
            Some(_) => Self::Index,
        }
    }
}

fn shape(inputs: &[Option<TensorKind>], i: usize) -> &[usize] {
    inputs[i].as_ref().map_or(&[], |kind| &kind.shape)
}

/// `d1...`: what lies between the classes and the features.
fn inner(inputs: &[Option<TensorKind>]) -> &[usize] {
    match shape(inputs, LINEAR_WEIGHT) {
        [_, inner @ .., _] => inner,
        _ => &[],
    }
}

/// The shape of the unreduced loss: of sequences, a number for each pair.
pub(super) fn output(inputs: &[Option<TensorKind>]) -> Vec<usize> {
    match shape(inputs, INPUT) {
        [items, _] => [&[*items], inner(inputs)].concat(),
        [sequences, _, _] => vec![sequences / 2],
        _ => Vec::new(),
    }
}

impl Problem {
    pub(super) fn of(definition: &Definition, inputs: &[Option<TensorKind>]) -> Self {
        let input = shape(inputs, INPUT);
        Self {
            items: input.iter().rev().skip(1).product(),
            tokens: if let [_, tokens, _] = *input { Some(tokens) } else { None },
            features: input.last().copied().unwrap_or(0),
            classes: shape(inputs, LINEAR_WEIGHT).first().copied().unwrap_or(0),
            positions: inner(inputs).iter().product(),
            target: Target::of(definition, inputs[TARGET].as_ref()),
        }
    }

    /// Whether the target is a class index.
    pub(super) fn has_index(&self) -> bool {
        self.target == Target::Index
    }

    /// Whether rows may be left out of what a mean is of.
    pub(super) fn leaves_out(&self) -> bool {
        matches!(self.target, Target::Index | Target::Marks)
    }

    /// How many numbers the target has for each row.
    pub(super) fn per_row(&self) -> usize {
        if self.target == Target::Rows { self.classes } else { 1 }
    }

    pub(super) fn rows(&self) -> usize {
        self.items * self.positions
    }
}

/// Refuses shapes that do not fit; `of_pairs` are losses of pairs of sequences.
pub(super) fn check(
    definition: &Definition,
    inputs: &[Option<TensorKind>],
    of_pairs: bool,
) -> Result<()> {
    let name = |i: usize| definition.inputs[i].name;
    let (input, linear) = (shape(inputs, INPUT), shape(inputs, LINEAR_WEIGHT));
    let features = match *input {
        [sequences, _, _] if of_pairs && sequences % 2 == 1 => {
            return Err(Error::shape(
                name(INPUT),
                input,
                "as many chosen sequences as rejected ones",
            ));
        }
        [_, _, features] if of_pairs => features,
        _ if of_pairs => return Err(Error::shape(name(INPUT), input, "[2 B, T, D]")),
        [features] | [_, features] => features,
        _ => return Err(Error::shape(name(INPUT), input, "[N, D] or [D]")),
    };
    if features == 0 {
        return Err(Error::shape(name(INPUT), input, "at least one feature"));
    }
    let refused = |expected: String| Err(Error::shape(name(LINEAR_WEIGHT), linear, expected));
    match *linear {
        [0, .., _] => return refused("at least one class".into()),
        [_, .., last] if last != features => {
            return refused(format!("a last dimension of {features}, the features of input"));
        }
        [_, _, ..] if input.len() != 2 && linear.len() > 2 => {
            let other = if of_pairs { "" } else { "; [V, d1..., D] needs one of [N, D]" };
            return refused(format!("[V, D] with an input of shape {input:?}{other}"));
        }
        [_, _, ..] if linear[1..].contains(&0) => return refused("at least one position".into()),
        [_, _, ..] => {}
        _ => return refused("[V, D] or [V, d1..., D]".into()),
    }
    let (classes, inner) = (linear[0], inner(inputs));
    let batch = &input[..input.len() - 1];
    let (expected_target, what) = match Problem::of(definition, inputs).target {
        Target::Rows => ([batch, &[classes], inner].concat(), "probabilities"),
        Target::Marks => ([batch, inner].concat(), "the shape of the rows"),
        Target::Index | Target::None => ([batch, inner].concat(), "class indices"),
    };
    let expected_bias = [&[classes], inner].concat();
    let mut others = vec![
        (TARGET, expected_target, what),
        (LINEAR_BIAS, expected_bias, "linear_weight without its features"),
    ];
    others.extend(weight(definition).map(|i| (i, vec![classes], "one number for each class")));
    if of_pairs {
        let constants = CONSTANTS..definition.inputs.len();
        others.extend(constants.map(|i| (i, vec![input[0] / 2], "one number for each pair")));
    }
    for (i, expected, what) in others {
        if inputs.get(i).is_some_and(Option::is_some) && shape(inputs, i) != expected {
            let expected = format!("{expected:?}, {what}");
            return Err(Error::shape(name(i), shape(inputs, i), expected));
        }
    }
    Ok(())
}
