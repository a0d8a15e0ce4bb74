mod plan;

use super::prelude::*;
use crate::cpu::{Filled, Results, Units, Work, check};
use crate::definition::Shader;
use crate::dispatch::Builder;
use crate::error::Error;
use crate::kernel::WINDOW;
use crate::layout::{Indices, Layout, Summed, Weights, divisor};
use crate::order::tree_sum;
use crate::request::{Resolved, Slot, Upstream};
use crate::tensor::{DType, elements};
use crate::terms::Terms;
use rayon::prelude::*;

options! {
    /// Hinge between each target of a row and each class that is none: `1 / C` times the sum over
    /// the targets `y` and the other classes `i` of `max(0, 1 - input[y] + input[i])`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[C]` or `[N, C]` | differentiable |
    /// | `target` | as `input`, any integer type | the row's classes, then -1 |
    ///
    /// A row's targets are its class indices before the first -1; one that is listed twice counts
    /// twice, and a row without any has loss 0. `mean` divides by the number of rows. The gradient
    /// is 0 at a kink. Any other index outside `0..C`, wherever in the row, is an error that names
    /// its place in the target; loss and gradient of its row are NaN.
    ///
    /// On a GPU it takes 8 bytes of scratch memory for each element of `input` (12 in rows of more
    /// than 30,000 classes) and 8 for each row, and the gradient cannot be written over `input`,
    /// whose rows are read as pairs.
    ///
    /// Source: PyTorch's `torch.nn.functional.multilabel_margin_loss`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MultiLabelMargin;
}

inputs! {
    of MultiLabelMargin;
    differentiable {
        /// The scores of the classes.
        input: T = Own,
    }
    constant {
        /// The class indices of each row, then -1.
        target: T = OwnIntegers,
    }
}

static DEFINITION: Definition = Definition {
    name: "multilabel_margin_loss",
    aliases: &["multilabel_margin"],
    summary: "Hinge between each target class of a row and each other class.",
    formula: "(1 / C) sum over targets y and other classes i of max(0, 1 - input[y] + input[i])",
    inputs: INPUTS,
    arguments: &["input", "target", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: Shader::new(include_str!("../../shaders/own/multilabel_margin_loss.wgsl"), &[WINDOW]),
};

impl Loss for MultiLabelMargin {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        Box::new(*self)
    }
}

impl Family for MultiLabelMargin {
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
        let shape = |i: usize| inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape);
        let (input, target) = (shape(0), shape(1));
        let (output, classes) = match *input {
            [] => (vec![], 1),
            [classes] => (vec![], classes),
            [rows, classes] => (vec![rows], classes),
            _ => return Err(Error::shape("input", input, "[C] or [N, C]")),
        };
        if classes == 0 {
            return Err(Error::shape("input", input, "at least one class"));
        }
        if target != input {
            return Err(Error::shape("target", target, format!("{input:?}, the input's shape")));
        }
        let terms = elements(&output).unwrap_or(u64::MAX);
        Ok(Layout {
            terms,
            divisor: divisor(reduction, terms, Weights::None, input),
            weights: Weights::None,
            output,
            indices: Some(Indices {
                input: 1,
                classes: classes as u64,
                excluded: None,
                once: false,
            }),
            summed: Summed::Terms,
        })
    }

    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        let kind = |dtype| TensorKind::new(dtype, [64, 100]);
        vec![("input", kind(DType::F32)), ("target", kind(DType::I64))]
    }

    fn batch_axis(&self, resolved: &Resolved, _input: usize) -> Option<usize> {
        (!resolved.layout.output.is_empty()).then_some(0)
    }

    fn dispatch(&self, builder: &mut Builder<'_>) -> Result<()> {
        plan::build(builder)
    }

    fn compute(&self, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
        let Work { resolved, inputs, upstream, cancel } = work;
        let [Some(input), Some(target)] = inputs[..] else {
            unreachable!("both inputs were checked");
        };
        let classes = classes(resolved);
        let last = i64::try_from(classes).unwrap_or(i64::MAX);
        check(resolved, target, |class| (-1..last).contains(&class), *cancel)?;
        let divisor = crate::cpu::divisor(resolved, || 1.0);
        let by_term = resolved.upstream == Upstream::Terms;
        let upstream = upstream.as_deref();
        let scale = |r: usize| upstream.map_or(1.0, |g| g[if by_term { r } else { 0 }]) / divisor;
        let reduces = resolved.reduction != Reduction::None;
        let unreduced = (!reduces && resolved.value).then_some(Filled::each(Slot::Value, 1));
        let gradient =
            resolved.gradients.first().map(|&i| Filled::each(Slot::Gradient(i), classes));
        let outputs: Vec<_> = unreduced.into_iter().chain(gradient).collect();
        let count = usize::try_from(resolved.layout.terms).unwrap_or(usize::MAX);
        let units = Units { count, numbers: classes, step: 1 };
        let (mut sums, place) = (results.sums(), resolved.first_term());
        results.fill(&outputs, units, |window, places| {
            let mut places = places.into_iter();
            let mut losses = unreduced.and_then(|_| places.next());
            let mut gradient = gradient.and_then(|_| places.next());
            let row = |r: usize| {
                cancel.check()?;
                let (mut x, mut y) = (vec![0.0; classes], vec![0; classes]);
                input.read(r * classes, &mut x);
                target.read_integers(r * classes, &mut y);
                Ok(pairs(&x, &y))
            };
            // A group of rows at a time: their slopes lie side by side only when they are written.
            let group = (16_384 / classes).max(1) * 16;
            for first in window.clone().step_by(group) {
                let rows = (first..window.end.min(first + group)).into_par_iter().map(row);
                let rows: Vec<(f32, Vec<f32>)> = rows.collect::<Result<_>>()?;
                let values: Vec<f32> = rows.iter().map(|row| row.0).collect();
                let start = first - window.start;
                if let Some(losses) = &mut losses {
                    losses[start..start + values.len()].copy_from_slice(&values);
                }
                if let Some(gradient) = &mut gradient {
                    let places = gradient[start * classes..].chunks_mut(classes);
                    for (k, (places, row)) in places.zip(&rows).enumerate() {
                        let scale = scale(first + k);
                        places.iter_mut().zip(&row.1).for_each(|(place, s)| *place = scale * s);
                    }
                }
                sums.add(place + first as u64, &values);
            }
            Ok(())
        })?;
        if reduces {
            results.put_sums(sums, divisor, &Default::default());
        }
        Ok(())
    }

    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
        let classes = classes(resolved);
        let mut terms = Terms::new(inputs.len());
        let [Some(input), Some(target)] = inputs else {
            unreachable!("both inputs were checked");
        };
        for (r, (x, y)) in input.chunks(classes).zip(target.chunks(classes)).enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
            let y: Vec<i64> = y.iter().map(|&y| y as i64).collect();
            let bad = y.iter().any(|&y| y < -1 || y >= i64::try_from(classes).unwrap_or(i64::MAX));
            let listed = y.iter().map_while(|&y| usize::try_from(y).ok());
            let listed: Vec<usize> = if bad { Vec::new() } else { listed.collect() };
            let is_target = marked(&listed, classes);
            let mut value = if bad { f64::NAN } else { 0.0 };
            #[expect(clippy::cast_precision_loss, reason = "far fewer classes than 2^53")]
            let share = 1.0 / classes as f64;
            for &target in &listed {
                for i in (0..classes).filter(|&i| !is_target[i]) {
                    let z = 1.0 + (x[i] - x[target]);
                    if z > 0.0 || z.is_nan() {
                        value += z * share;
                        terms.slopes[0].push((r, r * classes + i, share));
                        terms.slopes[0].push((r, r * classes + target, -share));
                    }
                }
            }
            terms.values.push(value);
        }
        terms
    }
}

/// So many pairs of a class are added up one after the other.
const CHUNK: usize = 256;

fn classes(resolved: &Resolved) -> usize {
    let indices = resolved.layout.indices;
    indices.map_or(1, |own| usize::try_from(own.classes).unwrap_or(usize::MAX))
}

/// Which classes are listed.
fn marked(listed: &[usize], classes: usize) -> Vec<bool> {
    let mut is_target = vec![false; classes];
    listed.iter().for_each(|&target| is_target[target] = true);
    is_target
}

/// A row's loss and its derivatives.
fn pairs(x: &[f32], y: &[i64]) -> (f32, Vec<f32>) {
    let listed: Vec<usize> = y.iter().map_while(|&y| usize::try_from(y).ok()).collect();
    let is_target = marked(&listed, x.len());
    #[expect(clippy::cast_precision_loss, reason = "a number of classes in float32 arithmetic")]
    let classes = x.len() as f32;
    let mut slopes = vec![0.0; x.len()];
    let mut parts = Vec::new();
    for i in (0..x.len()).filter(|&i| !is_target[i]) {
        // Sums of a few numbers on their own: one sum of all pairs would lose digits.
        for targets in listed.chunks(CHUNK) {
            let mut part = 0.0;
            for &target in targets {
                let z = numeric::max_nan(1.0 + (x[i] - x[target]), 0.0);
                part += z;
                if z > 0.0 {
                    slopes[i] += 1.0;
                    slopes[target] -= 1.0;
                }
            }
            parts.push(part);
        }
    }
    slopes.iter_mut().for_each(|slope| *slope /= classes);
    (tree_sum(parts) / classes, slopes)
}
