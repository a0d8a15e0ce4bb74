//! The sums that a loss is made of, in a form that adds up.

use crate::definition::Role;
use crate::error::{Error, Result};
use crate::layout::Weights;
use crate::order::{BLOCK, FAN_IN, tree_sum};
use crate::reduction::Reduction;
use crate::request::{List, Resolved, native};
use crate::tensor::TensorKind;
use std::borrow::Cow;

/// The sums that a reduced loss is made of: of the terms, of their weights, and counts.
///
/// Totals of parts of a batch (micro-batches, files, machines) [merge](Totals::merge) into those of
/// the whole. They hold the sum of each block of 4096 terms (a term is an element of a pointwise
/// loss, a row of the others), so that the order of the additions is that of one run: where all
/// parts but the last are whole blocks, the merged totals are the same, bit for bit, however the
/// batch was cut. Other parts merge too, with the usual rounding of float32.
///
/// The gradient of the whole batch's mean, part by part, is what a request with
/// [`denominator`](crate::Request::denominator) gives: the parts' gradients are those of the whole
/// batch, or, for inputs that the parts share, add up to them.
///
/// ```
/// use wgloss::{Batch, Evaluator, Mse, Request, Tensor};
///
/// let [input, target] = [[1.0f32, 2.0, 3.0, 4.0], [0.0; 4]];
/// let part = |range: std::ops::Range<usize>| {
///     let input = Tensor::from_slice(&input[range.clone()], [range.len()])?;
///     let target = Tensor::from_slice(&target[range.clone()], [range.len()])?;
///     let inputs = [("input", input), ("target", target)];
///     let batch = Batch {
///         inputs: &inputs,
///         request: Request { totals: true, ..Request::default() },
///         ..Batch::default()
///     };
///     Ok(Evaluator::Cpu.evaluate_blocking(&Mse, &batch)?.totals.expect("they are asked for"))
/// };
/// let mut totals = part(0..3)?;
/// totals.merge(&part(3..4)?)?;
/// assert_eq!((totals.sum(), totals.count(), totals.value()), (30.0, 4, 7.5));
/// # Ok::<(), wgloss::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Totals {
    loss: Cow<'static, str>,
    reduction: Reduction,
    /// The options of the loss and their values.
    options: Pairs,
    /// The inputs, and what they hold.
    inputs: Pairs,
    classes: Option<u64>,
    /// The sums of the blocks, in order.
    #[cfg_attr(feature = "serde", serde(with = "bits"))]
    sums: Vec<f32>,
    /// Those of the weights; empty where the terms have none.
    #[cfg_attr(feature = "serde", serde(with = "bits"))]
    weights: Vec<f32>,
    weighted: bool,
    count: u64,
    kept: u64,
    batch: u64,
}

impl Totals {
    /// Adds the totals of what follows in the batch.
    ///
    /// # Errors
    /// If they are of another loss, reduction, option, number of classes or type of input, or only
    /// one of both has an input.
    pub fn merge(&mut self, next: &Self) -> Result<()> {
        if let Some((own, others)) = difference(&self.facts(true), &next.facts(true)) {
            return Err(Error::argument("totals", others, own));
        }
        self.sums.extend_from_slice(&next.sums);
        self.weights.extend_from_slice(&next.weights);
        // No data have 2^64 terms, but what was read from a file may say so.
        self.count = self.count.saturating_add(next.count);
        self.kept = self.kept.saturating_add(next.kept);
        self.batch = self.batch.saturating_add(next.batch);
        Ok(())
    }

    /// What they are totals of, each fact in words; only totals with the same facts add up.
    fn facts(&self, options: bool) -> Vec<String> {
        let loss = &self.loss;
        let weights = if self.weighted { "with" } else { "without" };
        let mut facts = vec![format!("{} of {loss} {weights} weights", self.reduction)];
        if options {
            facts.extend(self.options.0.iter().map(|(name, x)| format!("{loss} with {name}={x}")));
        }
        facts.extend(self.inputs.0.iter().map(|(name, held)| match held.as_str() {
            ABSENT => format!("{loss} without {name}"),
            held => format!("{loss} with {name} of {held}"),
        }));
        facts.extend(self.classes.map(|classes| format!("{loss} of {classes} classes")));
        facts
    }

    /// Refuses a batch that these totals cannot be of. Where a loss's own totals do not add up, those
    /// of other options have its denominator.
    pub(crate) fn check(&self, resolved: &Resolved) -> Result<()> {
        let expected = Self::new(resolved, Vec::new(), Vec::new(), 0).facts(resolved.adds_up);
        match difference(&expected, &self.facts(resolved.adds_up)) {
            None => Ok(()),
            Some((expected, got)) => {
                Err(Error::argument("denominator", format!("the totals of {got}"), expected))
            }
        }
    }

    /// The loss's name.
    pub fn loss(&self) -> &str {
        &self.loss
    }

    /// The reduction that they were taken with.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// Whether they end with a whole block, so that more can follow without another rounding.
    pub fn is_whole(&self) -> bool {
        self.count.is_multiple_of(BLOCK)
    }

    /// The sum of the terms, each with its weight.
    pub fn sum(&self) -> f32 {
        tree_sum(self.sums.clone())
    }

    /// The sum of the weights of the kept terms; their number where they have no weights.
    #[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
    pub fn weight(&self) -> f32 {
        if self.weighted { tree_sum(self.weights.clone()) } else { self.count as f32 }
    }

    /// The number of terms.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The number of rows that are not ignored; of a loss without class indices, that of all terms.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// The loss: the sum, divided as the reduction says.
    pub fn value(&self) -> f32 {
        match self.reduction {
            Reduction::None | Reduction::Sum => self.sum(),
            Reduction::Mean | Reduction::BatchMean => self.sum() / self.divisor(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
    fn divisor(&self) -> f32 {
        if self.reduction == Reduction::BatchMean { self.batch as f32 } else { self.weight() }
    }

    /// What a plan with [`Request::denominator`](crate::Request::denominator) divides by, to be
    /// written into a buffer: the divisor of the mean, the number of kept rows, the mean, and 0.
    #[expect(clippy::cast_precision_loss, reason = "the kernels calculate in float32")]
    pub fn denominator(&self) -> [f32; 4] {
        let divisor = self.divisor();
        [divisor, self.kept as f32, self.sum() / divisor, 0.0]
    }

    /// The same as the totals of a batch that was evaluated in other shapes.
    pub(crate) fn of_batch(self, resolved: &Resolved) -> Self {
        let Self { sums, weights, kept, .. } = self;
        Self::new(resolved, sums, weights, kept)
    }

    /// From the sums of whole blocks; the weights and the number of kept terms count only where a mean
    /// divides by the sum of weights.
    pub(crate) fn new(resolved: &Resolved, sums: Vec<f32>, weights: Vec<f32>, kept: u64) -> Self {
        let weighted = resolved.layout.is_weighted();
        let first = resolved.inputs[0].as_ref().and_then(|kind| kind.shape.first());
        let options = resolved.options.iter();
        let inputs = resolved.definition.inputs.iter().zip(&resolved.inputs);
        let held = |role, kind: &TensorKind| match native(role, kind.dtype) {
            dtype if dtype.is_float() => dtype.to_string(),
            _ => "integers".into(),
        };
        let held = |role, kind: &Option<_>| kind.as_ref().map_or(ABSENT.into(), |k| held(role, k));
        Self {
            loss: resolved.definition.name.into(),
            reduction: resolved.reduction,
            options: Pairs(options.map(|(name, value)| ((*name).into(), value.clone())).collect()),
            inputs: Pairs(
                inputs.map(|(own, kind)| (own.name.into(), held(own.role, kind))).collect(),
            ),
            classes: classes(resolved),
            sums,
            weights: if weighted { weights } else { Vec::new() },
            weighted,
            count: resolved.layout.terms,
            kept: if weighted { kept } else { resolved.layout.terms },
            batch: first.map_or(1, |&n| n as u64),
        }
    }

    /// From what a plan has written.
    pub(crate) fn from_words(resolved: &Resolved, words: &[f32]) -> Self {
        let list = |list| {
            let (place, length) = resolved.totals_list(list);
            let [place, length] = [place, length].map(|n| usize::try_from(n).unwrap_or(0));
            words[place..place + length].to_vec()
        };
        let mut sums = list(List::Losses);
        if !resolved.sums_blocks() {
            let neighbours = usize::try_from(BLOCK / FAN_IN).unwrap_or(1);
            sums = sums.chunks(neighbours).map(|sums| tree_sum(sums.to_vec())).collect();
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 4096")]
        let kept = list(List::Kept).iter().map(|&rows| rows as u64).sum();
        let kept =
            if resolved.layout.weights == Weights::Kept { kept } else { resolved.layout.terms };
        Self::new(resolved, sums, list(List::Weights), kept)
    }
}

/// What an input that was not given holds.
const ABSENT: &str = "nothing";

/// Names and what they stand for.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Pairs(Vec<(String, String)>);

/// Totals were first written without these, which serde would tell as a missing field.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let older = "totals of an older form, which does not tell the options and inputs; \
                     evaluate the part again";
        let pairs = Option::deserialize(from)?;
        pairs.map(Self).ok_or_else(|| serde::de::Error::custom(older))
    }
}

/// The first fact that differs, from both.
fn difference(own: &[String], others: &[String]) -> Option<(String, String)> {
    let fact =
        |facts: &[String], i: usize| facts.get(i).cloned().unwrap_or_else(|| "no more".into());
    let longest = own.len().max(others.len());
    let mut facts = (0..longest).map(|i| (fact(own, i), fact(others, i)));
    facts.find(|(own, other)| own != other)
}

/// The classes or features of a row, where terms are rows.
fn classes(resolved: &Resolved) -> Option<u64> {
    let first = resolved.inputs[0].as_ref().map_or(&[][..], |kind| &kind.shape);
    let classes = match resolved.definition.inputs[0].role {
        Role::Rows => first.get(1).or(first.first()),
        Role::Scores | Role::Features => first.last(),
        _ => return resolved.layout.indices.map(|indices| indices.classes),
    };
    classes.map(|&classes| classes as u64)
}

/// Numbers as their bits, since some formats have no NaN and no infinity.
#[cfg(feature = "serde")]
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(numbers: &[f32], to: S) -> Result<S::Ok, S::Error> {
        numbers.iter().map(|number| number.to_bits()).collect::<Vec<u32>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
        Ok(Vec::deserialize(from)?.into_iter().map(f32::from_bits).collect())
    }
}
