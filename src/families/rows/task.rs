//! A row as a task of the CPU, cut into segments of whole groups of items.

use crate::cpu::{ABREAST, Group, ZEROS, one_hot};

/// What a row holds for one class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// The first input.
    pub(crate) first: f32,
    /// The second one.
    pub(crate) second: f32,
    /// The third one.
    pub(crate) third: f32,
    /// The target: for a class index, 1 at that class and 0 elsewhere.
    pub(crate) target: f32,
    /// The weight of the class.
    pub(crate) weight: f32,
    /// For gradients, the first of the item's sums, if the loss [reuses](super::Formula::REUSES) it.
    pub(crate) reused: f32,
}

/// One row of a loss: its inputs, of the same length or absent, and where its results go.
#[derive(Debug)]
pub(crate) struct RowTask<'a> {
    pub(super) classes: usize,
    pub(super) inputs: [&'a [f32]; 3],
    /// Empty for a class index.
    pub(super) target: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) index: Option<usize>,
    /// The classes that a list names; empty where there is none.
    pub(super) listed: &'a [i64],
    pub(super) label: f32,
    pub(super) mean_weight: f32,
    pub(super) scale: f32,
    pub(super) value: &'a mut f32,
    pub(super) gradients: [Option<&'a mut [f32]>; 4],
    /// Where the last group is completed.
    pub(super) padding: &'a mut Padding,
}

/// The most classes: that many fill the lanes well enough.
pub(super) const FEW: usize = 16;

/// Some rows of a loss, at most as many as there are lanes: their inputs, each row's classes side by
/// side or absent, and where their results go.
#[derive(Debug)]
pub(crate) struct Abreast<'a> {
    pub(super) classes: usize,
    pub(super) inputs: [&'a [f32]; 3],
    /// Empty for class indices.
    pub(super) target: &'a [f32],
    /// Of each class, of each class of each row, or empty.
    pub(super) weight: &'a [f32],
    pub(super) indices: Option<&'a [Option<usize>]>,
    pub(super) labels: &'a [f32],
    pub(super) mean_weight: f32,
    pub(super) scales: Group,
    pub(super) values: &'a mut [f32],
    pub(super) gradients: [Option<&'a mut [f32]>; 4],
}

/// A number for each class and row.
pub(super) type Table = [Group; FEW];

const NOTHING: Table = [ZEROS; FEW];

/// The rows with a lane for each. What is absent is as it was made.
pub(crate) struct Lanes {
    pub(super) inputs: [Table; 3],
    pub(super) target: Table,
    pub(super) weight: Table,
    pub(super) reused: Table,
}

impl Lanes {
    pub(super) const EMPTY: Self = Self {
        inputs: [NOTHING; 3],
        target: NOTHING,
        weight: [[1.0; ABREAST]; FEW],
        reused: NOTHING,
    };
}

/// The items whose sums are added up on their own: in long rows this is more accurate.
const SEGMENT: usize = 64 * ABREAST;

/// A row's last group, where it is cut short.
#[derive(Debug)]
pub(super) struct Padding {
    inputs: [Group; 3],
    target: Group,
    weight: Group,
    gradients: [Group; 4],
}

impl Padding {
    pub(super) const EMPTY: Self =
        Self { inputs: [ZEROS; 3], target: ZEROS, weight: ZEROS, gradients: [ZEROS; 4] };
}

/// Some whole groups of a row, or its last one, completed in the padding; what is absent is empty.
pub(super) struct Segment<'a> {
    /// The first item.
    start: usize,
    pub(super) groups: usize,
    /// The number of items.
    pub(super) size: usize,
    inputs: [&'a [Group]; 3],
    target: &'a [Group],
    index: Option<usize>,
    weight: &'a [Group],
    gradients: [&'a mut [Group]; 4],
}

/// Some items side by side: copies, which the compiler knows that no store changes.
pub(super) struct Items {
    first: Group,
    second: Group,
    third: Group,
    target: Group,
    weight: Group,
    reused: Group,
}

impl Segment<'_> {
    #[inline(always)]
    pub(super) fn items(&self, group: usize) -> Items {
        let [first, second, third] = self.inputs;
        Items {
            first: group_at(first, group, 0.0),
            second: group_at(second, group, 0.0),
            third: group_at(third, group, 0.0),
            target: match self.index {
                Some(index) => one_hot(index, self.start + group * ABREAST),
                None => group_at(self.target, group, 0.0),
            },
            weight: group_at(self.weight, group, 1.0),
            reused: group_at(self.gradients[0], group, 0.0),
        }
    }

    #[inline(always)]
    pub(super) fn store(&mut self, component: usize, group: usize, numbers: Group) {
        if let Some(place) = self.gradients[component].get_mut(group) {
            *place = numbers;
        }
    }
}

impl Items {
    #[inline(always)]
    pub(super) fn at(&self, i: usize) -> Item {
        Item {
            first: self.first[i],
            second: self.second[i],
            third: self.third[i],
            target: self.target[i],
            weight: self.weight[i],
            reused: self.reused[i],
        }
    }
}

impl RowTask<'_> {
    /// Fills the padding with the last group of the inputs, if it is cut short.
    #[inline(always)]
    pub(super) fn complete(&mut self) {
        let Padding { inputs, target, weight, .. } = &mut *self.padding;
        let rest = self.classes % ABREAST;
        let [a, b, c] = inputs;
        let [first, second, third] = self.inputs;
        let [first, second, third] = [(a, first), (b, second), (c, third)];
        for (padded, values) in [first, second, third, (target, self.target), (weight, self.weight)]
        {
            if rest > 0 && !values.is_empty() {
                padded[..rest].copy_from_slice(&values[self.classes - rest..]);
            }
        }
    }

    /// What begins at an item: the first one, or the one after another segment.
    #[inline(always)]
    pub(super) fn segment(&mut self, start: usize) -> Segment<'_> {
        let groups = (self.classes - start).min(SEGMENT) / ABREAST;
        let Padding { inputs: [a, b, c], target, weight, gradients } = &mut *self.padding;
        let [first, second, third] = self.inputs;
        let [x, y, z, w] = gradients;
        let [by_first, by_second, by_third, by_target] = &mut self.gradients;
        Segment {
            start,
            groups: groups.max(1),
            size: if groups > 0 { groups * ABREAST } else { self.classes - start },
            inputs: [
                cut(first, start, groups, a),
                cut(second, start, groups, b),
                cut(third, start, groups, c),
            ],
            target: cut(self.target, start, groups, target),
            index: self.index,
            weight: cut(self.weight, start, groups, weight),
            gradients: [
                cut_mut(by_first, start, groups, x),
                cut_mut(by_second, start, groups, y),
                cut_mut(by_third, start, groups, z),
                cut_mut(by_target, start, groups, w),
            ],
        }
    }

    /// Writes the last group of the gradients, if it is cut short.
    #[inline(always)]
    pub(super) fn finish(&mut self) {
        let rest = self.classes % ABREAST;
        for (gradient, padded) in self.gradients.iter_mut().zip(&self.padding.gradients) {
            if let (1.., Some(gradient)) = (rest, gradient) {
                gradient[self.classes - rest..].copy_from_slice(&padded[..rest]);
            }
        }
    }
}

/// So many groups from `start` on, or the padded, if there are any values.
#[inline(always)]
fn cut<'a>(values: &'a [f32], start: usize, groups: usize, padded: &'a Group) -> &'a [Group] {
    if values.is_empty() {
        &[]
    } else if groups == 0 {
        std::slice::from_ref(padded)
    } else {
        &values[start..].as_chunks().0[..groups]
    }
}

/// One of some groups.
#[inline(always)]
fn group_at(groups: &[Group], group: usize, absent: f32) -> Group {
    groups.get(group).copied().unwrap_or([absent; ABREAST])
}

/// So many groups from `start` on, or the padded, if they are wanted.
#[inline(always)]
fn cut_mut<'a>(
    values: &'a mut Option<&mut [f32]>,
    start: usize,
    groups: usize,
    padded: &'a mut Group,
) -> &'a mut [Group] {
    match values {
        None => &mut [],
        Some(_) if groups == 0 => std::slice::from_mut(padded),
        Some(values) => &mut values[start..].as_chunks_mut().0[..groups],
    }
}
