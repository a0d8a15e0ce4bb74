//! The sums that a loss is made of, in a form that adds up.

use crate::error::{Error, Result};
use crate::layout::Weights;
use crate::order::{BLOCK, FAN_IN, tree_sum};
use crate::reduction::Reduction;
use crate::request::{List, Resolved};
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
    /// If they are of another loss or reduction, or only one of both has weights.
    pub fn merge(&mut self, next: &Self) -> Result<()> {
        let (own, others) = (self.kind(), next.kind());
        if own != others {
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

    /// What they are totals of.
    fn kind(&self) -> String {
        kind(&self.loss, self.reduction, self.weighted)
    }

    /// Refuses a batch that these totals cannot be of.
    pub(crate) fn check(&self, resolved: &Resolved) -> Result<()> {
        let name = resolved.definition.name;
        let expected = kind(name, resolved.reduction, resolved.layout.is_weighted());
        if self.kind() == expected {
            return Ok(());
        }
        Err(Error::argument("denominator", format!("the totals of {}", self.kind()), expected))
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

    /// From the sums of whole blocks.
    pub(crate) fn new(resolved: &Resolved, sums: Vec<f32>, weights: Vec<f32>, kept: u64) -> Self {
        let first = resolved.inputs[0].as_ref().and_then(|kind| kind.shape.first());
        Self {
            loss: resolved.definition.name.into(),
            reduction: resolved.reduction,
            sums,
            weights,
            weighted: resolved.layout.is_weighted(),
            count: resolved.layout.terms,
            kept,
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

fn kind(loss: &str, reduction: Reduction, weighted: bool) -> String {
    let weights = if weighted { "with" } else { "without" };
    format!("{reduction} of {loss} {weights} weights")
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
