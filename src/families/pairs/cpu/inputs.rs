//! The inputs as the loops take them.

use super::super::problem::Problem;
use super::super::setup::{Partners, Setup, Weigh};
use crate::cancel::Cancel;
use crate::cpu::{self, Classes, Weights, divisor, matrix};
use crate::error::Result;
use crate::request::{Resolved, Upstream};
use crate::tensor::Tensor;
use ndarray::ArrayView2;
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// The vectors, their directions where only these count, and which rows and columns are partners.
pub(super) struct Inputs<'a> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) features: usize,
    left: Cow<'a, [f32]>,
    /// `None` where the same vectors are rows and columns.
    right: Option<Cow<'a, [f32]>>,
    /// The inverse lengths of both, where only directions count.
    pub(super) lengths: [Vec<f32>; 2],
    /// The column of each row, `None` where it is ignored; its own number where there is no such input.
    indices: Option<Vec<Option<usize>>>,
    /// Equal numbers for equal labels.
    pub(super) labels: Option<Vec<u32>>,
}

/// What the similarities and the slopes are multiplied by.
pub(super) struct Known {
    pub(super) factor: f32,
    pub(super) bias: f32,
    pub(super) divisor: f32,
    upstream: Option<Vec<f32>>,
    by_term: bool,
}

impl<'a> Inputs<'a> {
    pub(super) fn of(
        setup: &Setup,
        resolved: &Resolved,
        inputs: &[Option<&'a Tensor<'a>>],
        found: Found<'_>,
    ) -> Self {
        let Problem { rows, columns, features } = Problem::of(setup, &resolved.inputs);
        let vectors = |input: usize| inputs[input].map_or(Cow::default(), Tensor::to_f32);
        let known = |floats| {
            if setup.normalize { directions(floats, features) } else { (floats, Vec::new()) }
        };
        let (indices, labels) = match found {
            Found::Own => (None, None),
            Found::Indices(indices) => (Some(indices.all()), None),
            Found::Labels { numbers, .. } => (None, Some(numbers)),
        };
        let mut left = vectors(setup.left);
        // A row that is ignored is never read: in sums of columns its slopes of 0 stay 0.
        if let Some(indices) = &indices {
            let ignored = indices.iter().enumerate().filter(|(_, index)| index.is_none());
            for (row, _) in ignored {
                left.to_mut()[row * features..][..features].fill(0.0);
            }
        }
        let (left, own) = known(left);
        let other = (setup.right != setup.left).then(|| known(vectors(setup.right)));
        let (right, others) =
            other.map_or((None, Vec::new()), |(right, others)| (Some(right), others));
        Self { rows, columns, features, left, right, lengths: [own, others], indices, labels }
    }

    pub(super) fn ignored(&self, row: usize) -> bool {
        self.indices.as_ref().is_some_and(|indices| indices[row].is_none())
    }

    /// The row's only partner.
    pub(super) fn class(&self, row: usize) -> Option<usize> {
        match &self.indices {
            Some(indices) => indices[row],
            None => self.labels.is_none().then_some(row),
        }
    }

    pub(super) fn left(&self, rows: Range<usize>) -> ArrayView2<'_, f32> {
        self.part(&self.left, rows)
    }

    pub(super) fn right(&self, columns: Range<usize>) -> ArrayView2<'_, f32> {
        self.part(self.right.as_ref().unwrap_or(&self.left), columns)
    }

    /// All vectors of a side, or their directions.
    pub(super) fn side(&self, side: usize) -> &[f32] {
        if side == 0 { &self.left } else { self.right.as_ref().unwrap_or(&self.left) }
    }

    fn part<'m>(&self, all: &'m [f32], vectors: Range<usize>) -> ArrayView2<'m, f32> {
        let shape = (vectors.len(), self.features);
        matrix(&all[vectors.start * self.features..][..shape.0 * shape.1], shape, self.features)
    }
}

impl Known {
    pub(super) fn of(setup: &Setup, request: &cpu::Work<'_>, weights: &Weights) -> Self {
        let cpu::Work { resolved, inputs, upstream, .. } = request;
        let number = |input: Option<usize>| {
            input.and_then(|input| inputs[input]).map(|number| number.to_f32()[0])
        };
        Self {
            factor: number(setup.scale).unwrap_or(setup.factor),
            bias: number(setup.bias).unwrap_or(0.0),
            divisor: divisor(resolved, || weights.sums.total()),
            upstream: upstream.as_deref().map(<[f32]>::to_vec),
            by_term: resolved.upstream == Upstream::Terms,
        }
    }

    /// What the slopes of a row's term are multiplied by.
    pub(super) fn scale(&self, row: usize) -> f32 {
        if self.divisor == 0.0 {
            // Without any weight the mean is NaN, but its gradient is 0.
            return 0.0;
        }
        let upstream = self.upstream.as_ref();
        upstream.map_or(1.0, |u| u[if self.by_term { row } else { 0 }]) / self.divisor
    }
}

/// The vectors divided by their lengths, and the inverse lengths: 0 for a vector of zeros.
fn directions(vectors: Cow<'_, [f32]>, features: usize) -> (Cow<'_, [f32]>, Vec<f32>) {
    let mut vectors = vectors.into_owned();
    let inverse = |vector: &mut [f32]| {
        let largest = vector.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let scale = 1.0 / largest;
        let sum: f32 = vector.iter().map(|x| (x * scale) * (x * scale)).sum();
        let inverse = if largest == 0.0 { 0.0 } else { scale / sum.sqrt() };
        vector.iter_mut().for_each(|x| *x *= inverse);
        inverse
    };
    let lengths = vectors.par_chunks_mut(features).map(inverse).collect();
    (Cow::Owned(vectors), lengths)
}

/// What an input says of rows and their partners.
pub(in crate::families::pairs) enum Found<'a> {
    /// Nothing: each row's is the column of its number.
    Own,
    /// The column of each row.
    Indices(Classes<'a>),
    /// Equal numbers for equal labels, from 0 on; how often each is there, and what that weighs.
    Labels { numbers: Vec<u32>, counts: Vec<u32>, weigh: Weigh },
}

impl<'a> Found<'a> {
    pub(in crate::families::pairs) fn of(
        setup: &Setup,
        resolved: &Resolved,
        inputs: &[Option<&'a Tensor<'a>>],
        cancel: Cancel<'_>,
    ) -> Result<Self> {
        match setup.partners {
            Partners::Class(target) => {
                let Problem { columns, .. } = Problem::of(setup, &resolved.inputs);
                let classes = |target| Classes::of(resolved, target, columns, cancel);
                inputs[target].map_or(Ok(Self::Own), |target| Ok(Self::Indices(classes(target)?)))
            }
            Partners::Labels(labels, weigh) => {
                Ok(inputs[labels].map_or(Self::Own, |labels| Self::labelled(labels, weigh)))
            }
            Partners::Own => Ok(Self::Own),
        }
    }

    fn labelled(labels: &Tensor<'_>, weigh: Weigh) -> Self {
        let (mut known, mut counts) = (HashMap::new(), Vec::new());
        let number = |label: i128| {
            let number = *known.entry(label).or_insert(counts.len());
            if number == counts.len() {
                counts.push(0);
            }
            counts[number] += 1;
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        let numbers = labels.to_integers().into_iter().map(number).collect();
        Self::Labels { numbers, counts, weigh }
    }

    /// The weights of all rows, where a mean divides by their sum.
    pub(in crate::families::pairs) fn weights(
        &self,
        resolved: &Resolved,
        cancel: Cancel<'_>,
    ) -> Result<Weights> {
        let (numbers, counts, weigh) = match self {
            Self::Own => return Ok(Weights::default()),
            Self::Indices(indices) => return indices.weights(resolved, &[], cancel),
            Self::Labels { numbers, counts, weigh } => (numbers, counts, *weigh),
        };
        let [_, order] = resolved.layout.summed.orders();
        #[expect(clippy::cast_precision_loss, reason = "counts in float32 arithmetic")]
        let weight = |&number: &u32| {
            let others = counts[number as usize] - 1;
            (if weigh == Weigh::Partners { others } else { others.min(1) }) as f32
        };
        Weights::of(order, resolved.first_term(), numbers.len(), |rows| {
            let weights: Vec<f32> = numbers[rows].iter().map(weight).collect();
            let kept = weights.len() as u64;
            Ok((weights, kept))
        })
    }
}
