//! The rows family on the CPU.

use super::{divisor, tree_sum};
use crate::error::Result;
use crate::kernel::{Slot, Upstream};
use crate::loss::{Loss, Role, Rows};
use crate::plan::Resolved;
use crate::reduction::Reduction;
use crate::shape::{FamilyLayout, RowShape};
use crate::status::Status;
use crate::tensor::Tensor;
use rayon::prelude::*;

/// What a row holds for one class.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// The first input.
    pub first: f32,
    /// The second one; for a class index, 1 at that class and 0 elsewhere.
    pub second: f32,
    /// The weight of the class.
    pub weight: f32,
}

/// What is known of a row before it is read.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The number of classes.
    pub classes: f32,
    /// The weight of the target class.
    pub weight: f32,
    /// The first input at the target class.
    pub picked: f32,
}

/// One row of a loss: its inputs, all of the same length, and where its results go.
#[derive(Debug)]
pub struct RowTask<'a> {
    first: &'a [f32],
    /// For a class index, 1 at that class and 0 elsewhere.
    second: &'a [f32],
    weight: &'a [f32],
    index: Option<usize>,
    scale: f32,
    value: &'a mut f32,
    gradients: [Option<&'a mut [f32]>; 2],
}

/// Numbers that are gathered side by side, so that the loop runs on SIMD lanes.
const ABREAST: usize = 16;

/// The loops of a row, compiled for each loss with its mathematics inlined.
pub(crate) fn run_row<L: Rows + ?Sized>(loss: &L, task: &mut RowTask<'_>) {
    let count = task.first.len();
    let (first, second, weight) = (task.first, &task.second[..count], &task.weight[..count]);
    let item = |c: usize| Item { first: first[c], second: second[c], weight: weight[c] };
    let index = task.index.unwrap_or(usize::MAX);
    #[expect(clippy::cast_precision_loss, reason = "a number of classes in float32 arithmetic")]
    let row = Row {
        classes: count as f32,
        weight: weight.get(index).copied().unwrap_or(1.0),
        picked: first.get(index).copied().unwrap_or(0.0),
    };
    let (mut peaks, mut sums) = ([f32::MIN; 4], [0.0; 4]);
    if loss.gathers() {
        peaks = gather(count, f32::MIN, f32::max, |c| loss.peaks(item(c)));
        sums = gather(count, 0.0, |a, b| a + b, |c| loss.sums(item(c), &row, peaks));
    }
    *task.value = loss.value(&row, peaks, sums);
    for (component, gradient) in task.gradients.iter_mut().enumerate() {
        let Some(gradient) = gradient else { continue };
        for (c, place) in gradient.iter_mut().enumerate() {
            *place = task.scale * loss.gradient(item(c), &row, peaks, sums)[component];
        }
    }
}

#[inline(always)]
pub(crate) fn gather(
    count: usize,
    start: f32,
    join: impl Fn(f32, f32) -> f32,
    term: impl Fn(usize) -> [f32; 4],
) -> [f32; 4] {
    let mut lanes = [[start; ABREAST]; 4];
    let mut add = |lane: usize, c: usize| {
        for (lanes, term) in lanes.iter_mut().zip(term(c)) {
            lanes[lane] = join(lanes[lane], term);
        }
    };
    let whole = count / ABREAST * ABREAST;
    for c in (0..whole).step_by(ABREAST) {
        for lane in 0..ABREAST {
            add(lane, c + lane);
        }
    }
    for c in whole..count {
        add(c - whole, c);
    }
    lanes.map(|lanes| lanes.into_iter().fold(start, &join))
}

/// The class index of each row: `None` where the row is ignored.
pub(crate) fn class_indices(
    loss: &dyn Loss,
    resolved: &Resolved,
    target: &Tensor<'_>,
    classes: usize,
) -> Result<Vec<Option<usize>>> {
    let ignored = loss.ignore_index().map(i128::from);
    let values = target.to_integers();
    let in_range = |value: i128| usize::try_from(value).ok().filter(|&class| class < classes);
    let bad = |&(_, &value): &(usize, &i128)| Some(value) != ignored && in_range(value).is_none();
    if let Some((row, &value)) = values.iter().enumerate().find(bad) {
        let count = values.iter().enumerate().filter(bad).count() as u64;
        return Err(Status { count, row: row as u64, value }.error(loss, resolved));
    }
    let index = |value| if Some(value) == ignored { None } else { in_range(value) };
    Ok(values.into_iter().map(index).collect())
}

pub(super) fn evaluate(
    loss: &dyn Loss,
    family: &dyn Rows,
    resolved: &Resolved,
    tensors: &[Option<&Tensor<'_>>],
    upstream: Option<&[f32]>,
) -> Result<Vec<Vec<f32>>> {
    let FamilyLayout::Rows(RowShape { classes, inner, .. }) = resolved.layout.family else {
        unreachable!("a loss over rows has a layout of rows");
    };
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (classes, inner, terms) = (size(classes), size(inner), size(resolved.layout.terms));
    let index_input = resolved.layout.indices.map(|(input, _)| input);
    let indices = match index_input.and_then(|i| tensors[i]) {
        Some(target) => Some(class_indices(loss, resolved, target, classes)?),
        None => None,
    };
    let role = |i: usize| resolved.definition.inputs[i].role;
    let weight = (0..tensors.len()).find(|&i| role(i) == Role::Classes).and_then(|i| tensors[i]);
    let weight = weight.map_or_else(|| vec![1.0; classes].into(), Tensor::to_f32);
    let over_classes: Vec<usize> = (0..tensors.len())
        .filter(|&i| tensors[i].is_some() && role(i) != Role::Classes && Some(i) != index_input)
        .collect();
    let inputs: Vec<_> =
        over_classes.iter().filter_map(|&i| tensors[i]).map(Tensor::to_f32).collect();
    let divisor = divisor(resolved, || {
        let kept = indices.iter().flatten().flatten();
        tree_sum(kept.map(|&class| weight[class]).collect())
    });
    let pass = Pass {
        family,
        inputs: inputs.iter().map(|input| &input[..]).collect(),
        weight: &weight,
        indices: indices.as_deref(),
        upstream,
        by_term: resolved.upstream == Upstream::Terms,
        divisor,
        classes,
        inner,
    };
    let component = |&i: &usize| over_classes.iter().position(|&o| o == i).unwrap_or_default();
    let wanted: Vec<usize> = resolved.gradients.iter().map(component).collect();
    let (losses, gradients) = pass.run(terms, &wanted);
    let mut gradients = gradients.into_iter();
    let output = |(slot, _)| match slot {
        Slot::Gradient(_) => gradients.next().unwrap_or_default(),
        _ if resolved.reduction == Reduction::None => losses.clone(),
        _ => vec![tree_sum(losses.clone()) / divisor],
    };
    Ok(resolved.outputs().into_iter().map(output).collect())
}

struct Pass<'a> {
    family: &'a dyn Rows,
    inputs: Vec<&'a [f32]>,
    weight: &'a [f32],
    indices: Option<&'a [Option<usize>]>,
    upstream: Option<&'a [f32]>,
    by_term: bool,
    divisor: f32,
    classes: usize,
    inner: usize,
}

impl Pass<'_> {
    /// The losses of all rows, and the wanted gradients.
    fn run(&self, terms: usize, wanted: &[usize]) -> (Vec<f32>, Vec<Vec<f32>>) {
        let mut losses = vec![0.0; terms];
        let mut gradients = vec![vec![0.0; terms * self.classes]; wanted.len()];
        if terms == 0 {
            return (losses, gradients);
        }
        {
            let mut chunks: Vec<_> =
                gradients.iter_mut().map(|g| g.chunks_mut(self.classes * self.inner)).collect();
            let items: Vec<_> = losses
                .chunks_mut(self.inner)
                .enumerate()
                .map(|(n, losses)| {
                    let gradients: Vec<_> = chunks.iter_mut().filter_map(Iterator::next).collect();
                    (n, losses, gradients)
                })
                .collect();
            items.into_par_iter().for_each_init(Rooms::default, |rooms, (n, losses, gradients)| {
                self.run_item(rooms, n, losses, gradients, wanted);
            });
        }
        (losses, gradients)
    }

    /// The rows of one batch item.
    fn run_item(
        &self,
        rooms: &mut Rooms,
        n: usize,
        losses: &mut [f32],
        mut gradients: Vec<&mut [f32]>,
        wanted: &[usize],
    ) {
        let size = self.classes * self.inner;
        for (d, loss) in losses.iter_mut().enumerate() {
            let r = n * self.inner + d;
            let index = match self.indices.map(|indices| indices[r]) {
                Some(None) => continue, // ignored: zeros, whatever the row holds
                Some(index) => index,
                None => None,
            };
            let Rooms { inputs, gradients: slopes } = rooms;
            // Stays for a class index; probabilities and the like take its place.
            inputs[1].clear();
            inputs[1].resize(self.classes, 0.0);
            if let Some(class) = index {
                inputs[1][class] = 1.0;
            }
            for (input, room) in self.inputs.iter().zip(inputs.iter_mut()) {
                room.clear();
                room.extend(input[n * size + d..(n + 1) * size].iter().step_by(self.inner));
            }
            let scale = match self.upstream {
                Some(upstream) => upstream[if self.by_term { r } else { 0 }] / self.divisor,
                None => 1.0 / self.divisor,
            };
            let mut by_component = [None, None];
            for (room, &component) in slopes.iter_mut().zip(wanted) {
                room.resize(self.classes, 0.0);
                by_component[component] = Some(&mut room[..]);
            }
            self.family.run(&mut RowTask {
                first: &inputs[0],
                second: &inputs[1],
                weight: self.weight,
                index,
                scale,
                value: loss,
                gradients: by_component,
            });
            for (gradient, slopes) in gradients.iter_mut().zip(slopes) {
                let places = gradient[d..].iter_mut().step_by(self.inner);
                places.zip(slopes.iter()).for_each(|(place, slope)| *place = *slope);
            }
        }
    }
}

/// Memory of a thread: a row of each input and of each gradient.
#[derive(Default)]
struct Rooms {
    inputs: [Vec<f32>; 2],
    gradients: [Vec<f32>; 2],
}
