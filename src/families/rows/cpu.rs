//! The rows family on the CPU.

use super::row::Runs;
use super::shape::{RowShape, RowWeight};
use super::task::{Padding, RowTask};
use crate::cpu::{Outputs, class_indices, divisor, mean_weight};
use crate::error::Result;
use crate::numbers::{Numbers, Spare};
use crate::order::{tree_sum, weight_blocks};
use crate::reduction::Reduction;
use crate::request::{Resolved, Slot, Upstream};
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::borrow::Cow;

pub(super) fn evaluate(
    formula: &dyn Runs,
    resolved: &Resolved,
    tensors: &[Option<&Tensor<'_>>],
    upstream: Option<&[f32]>,
    spare: &mut Spare,
) -> Result<Outputs> {
    let shape = RowShape::of(resolved);
    let (classes, inner) = (size(shape.classes), size(shape.inner));
    let tensor = |i: usize| tensors[i].map_or(Cow::Borrowed(&[][..]), Tensor::to_f32);
    let indices = match shape.index().and_then(|i| tensors[i]) {
        Some(target) => Some(class_indices(resolved, target, classes)?),
        None => None,
    };
    let inputs: Vec<_> = shape.over().map(tensor).collect();
    let target = shape.target_rows().map_or(Cow::Borrowed(&[][..]), tensor);
    let weight = match shape.weight {
        RowWeight::One => Cow::Borrowed(&[][..]),
        RowWeight::Classes(i) | RowWeight::Rows(i) => tensor(i),
    };
    let weights =
        indices.iter().flatten().map(|index| Some(weight.get((*index)?).copied().unwrap_or(1.0)));
    let weights: Vec<Option<f32>> = weights.collect();
    let divisor = divisor(resolved, || tree_sum(weight_blocks(&weights)));
    let mean_weight = mean_weight(resolved, divisor, weights.iter().flatten().count());
    let pass = Pass {
        formula,
        mean_weight,
        shape,
        inputs: inputs.iter().map(|input| by_rows(input, classes, inner)).collect(),
        target: by_rows(&target, classes, inner),
        weight: &weight,
        labels: shape.label.map(tensor),
        indices: indices.as_deref(),
        upstream,
        by_term: resolved.upstream == Upstream::Terms,
        divisor,
    };
    let wanted: Vec<usize> = resolved.gradients.iter().map(|&i| shape.component(i)).collect();
    let (losses, gradients) = pass.run(size(resolved.layout.terms), &wanted, spare);
    let mut gradients = gradients.into_iter();
    let output = |slot| match slot {
        Slot::Gradient(_) => by_items(gradients.next().unwrap_or_default(), classes, inner),
        _ if resolved.reduction == Reduction::None => losses.clone(),
        _ => vec![tree_sum(losses.to_vec()) / divisor].into(),
    };
    Ok(Outputs::new(resolved, &losses, &weights, output))
}

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// A tensor with each row's classes side by side.
fn by_rows<'a>(values: &'a [f32], classes: usize, inner: usize) -> Cow<'a, [f32]> {
    if inner == 1 || values.is_empty() {
        return Cow::Borrowed(values);
    }
    let mut rows = vec![0.0; values.len()];
    rows.par_chunks_mut(classes).enumerate().for_each(|(r, row)| {
        let item = &values[r / inner * classes * inner + r % inner..];
        row.iter_mut().zip(item.iter().step_by(inner)).for_each(|(place, x)| *place = *x);
    });
    Cow::Owned(rows)
}

/// The inverse of [`by_rows`].
fn by_items(rows: Numbers, classes: usize, inner: usize) -> Numbers {
    if inner == 1 || rows.is_empty() {
        return rows;
    }
    let mut items = Numbers::zeros(rows.len());
    items.par_chunks_mut(inner).enumerate().for_each(|(plane, places)| {
        let first = &rows[plane / classes * classes * inner + plane % classes..];
        places.iter_mut().zip(first.iter().step_by(classes)).for_each(|(place, x)| *place = *x);
    });
    items
}

struct Pass<'a> {
    formula: &'a dyn Runs,
    mean_weight: f32,
    shape: RowShape,
    inputs: Vec<Cow<'a, [f32]>>,
    target: Cow<'a, [f32]>,
    weight: &'a [f32],
    labels: Option<Cow<'a, [f32]>>,
    indices: Option<&'a [Option<usize>]>,
    upstream: Option<&'a [f32]>,
    by_term: bool,
    divisor: f32,
}

impl Pass<'_> {
    /// The losses of all rows, and the wanted gradients.
    fn run(&self, terms: usize, wanted: &[usize], spare: &mut Spare) -> (Numbers, Vec<Numbers>) {
        let classes = size(self.shape.classes);
        let mut losses = spare.numbers(terms);
        let mut gradients: Vec<_> = wanted.iter().map(|_| spare.numbers(terms * classes)).collect();
        // Enough rows for a task to be worth its while.
        let rows = (16_384 / classes).max(1);
        {
            let mut chunks: Vec<_> =
                gradients.iter_mut().map(|g| g.chunks_mut(rows * classes)).collect();
            let tasks: Vec<_> = losses
                .chunks_mut(rows)
                .enumerate()
                .map(|(k, losses)| {
                    let gradients: Vec<_> = chunks.iter_mut().filter_map(Iterator::next).collect();
                    (k * rows, losses, gradients)
                })
                .collect();
            tasks.into_par_iter().for_each(|(first, losses, mut gradients)| {
                let mut padding = Padding::EMPTY;
                for (k, loss) in losses.iter_mut().enumerate() {
                    let slopes =
                        gradients.iter_mut().map(|g| &mut g[k * classes..(k + 1) * classes]);
                    let mut by_component = [None, None, None, None];
                    wanted.iter().zip(slopes).for_each(|(&c, s)| by_component[c] = Some(s));
                    self.run_row(classes, first + k, loss, by_component, &mut padding);
                }
            });
        }
        (losses, gradients)
    }

    /// One row, every number of which is written.
    fn run_row(
        &self,
        classes: usize,
        r: usize,
        value: &mut f32,
        mut gradients: [Option<&mut [f32]>; 4],
        padding: &mut Padding,
    ) {
        let index = match self.indices.map(|indices| indices[r]) {
            Some(None) => {
                // Ignored: zeros, whatever the row holds.
                *value = 0.0;
                gradients.iter_mut().flatten().for_each(|gradient| gradient.fill(0.0));
                return;
            }
            Some(index) => index,
            None => None,
        };
        let row = r * classes..(r + 1) * classes;
        let upstream = self.upstream.map_or(1.0, |g| g[if self.by_term { r } else { 0 }]);
        let mut inputs = [&[][..]; 3];
        for (place, input) in inputs.iter_mut().zip(&self.inputs) {
            *place = &input[row.clone()];
        }
        let by_row = matches!(self.shape.weight, RowWeight::Rows(_));
        self.formula.run(&mut RowTask {
            classes,
            inputs,
            target: self.target.get(row.clone()).unwrap_or_default(),
            weight: if by_row { &self.weight[row] } else { self.weight },
            index,
            label: self.labels.as_ref().map_or(0.0, |labels| labels[r]),
            mean_weight: self.mean_weight,
            // Without any weight the mean is NaN, but its gradient is 0.
            scale: if self.divisor == 0.0 { 0.0 } else { upstream / self.divisor },
            value,
            gradients,
            padding,
        });
    }
}
