//! A row cut into stretches of whole groups of items.

use super::row::{Item, RowTask};
use crate::cpu::{Group, LANES, ZEROS, one_hot};

/// The items whose sums are added up on their own: in long rows this is more accurate.
const STRETCH: usize = 64 * LANES;

/// A row's last group, where it is cut short.
#[derive(Debug)]
pub(super) struct Rooms {
    inputs: [Group; 3],
    target: Group,
    weight: Group,
    gradients: [Group; 4],
}

impl Rooms {
    pub(super) const EMPTY: Self =
        Self { inputs: [ZEROS; 3], target: ZEROS, weight: ZEROS, gradients: [ZEROS; 4] };
}

/// Some whole groups of a row, or its last one, completed in the rooms; what is absent is empty.
pub(super) struct Stretch<'a> {
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
    kept: Group,
}

impl Stretch<'_> {
    #[inline(always)]
    pub(super) fn items(&self, group: usize) -> Items {
        let [first, second, third] = self.inputs;
        Items {
            first: group_at(first, group, 0.0),
            second: group_at(second, group, 0.0),
            third: group_at(third, group, 0.0),
            target: match self.index {
                Some(index) => one_hot(index, self.start + group * LANES),
                None => group_at(self.target, group, 0.0),
            },
            weight: group_at(self.weight, group, 1.0),
            kept: group_at(self.gradients[0], group, 0.0),
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
            kept: self.kept[i],
        }
    }
}

impl RowTask<'_> {
    /// Fills the rooms with the last group of the inputs, if it is cut short.
    #[inline(always)]
    pub(super) fn complete(&mut self) {
        let Rooms { inputs, target, weight, .. } = &mut *self.rooms;
        let rest = self.classes % LANES;
        let [a, b, c] = inputs;
        let [first, second, third] = self.inputs;
        let [first, second, third] = [(a, first), (b, second), (c, third)];
        for (room, values) in [first, second, third, (target, self.target), (weight, self.weight)] {
            if rest > 0 && !values.is_empty() {
                room[..rest].copy_from_slice(&values[self.classes - rest..]);
            }
        }
    }

    /// What begins at an item: the first one, or the one after another stretch.
    #[inline(always)]
    pub(super) fn stretch(&mut self, start: usize) -> Stretch<'_> {
        let groups = (self.classes - start).min(STRETCH) / LANES;
        let Rooms { inputs: [a, b, c], target, weight, gradients } = &mut *self.rooms;
        let [first, second, third] = self.inputs;
        let [x, y, z, w] = gradients;
        let [by_first, by_second, by_third, by_target] = &mut self.gradients;
        Stretch {
            start,
            groups: groups.max(1),
            size: if groups > 0 { groups * LANES } else { self.classes - start },
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
        let rest = self.classes % LANES;
        for (gradient, room) in self.gradients.iter_mut().zip(&self.rooms.gradients) {
            if let (1.., Some(gradient)) = (rest, gradient) {
                gradient[self.classes - rest..].copy_from_slice(&room[..rest]);
            }
        }
    }
}

/// So many groups from `start` on, or the room, if there are any values.
#[inline(always)]
fn cut<'a>(values: &'a [f32], start: usize, groups: usize, room: &'a Group) -> &'a [Group] {
    if values.is_empty() {
        &[]
    } else if groups == 0 {
        std::slice::from_ref(room)
    } else {
        &values[start..].as_chunks().0[..groups]
    }
}

/// One of some groups.
#[inline(always)]
fn group_at(groups: &[Group], group: usize, absent: f32) -> Group {
    groups.get(group).copied().unwrap_or([absent; LANES])
}

/// So many groups from `start` on, or the room, if they are wanted.
#[inline(always)]
fn cut_mut<'a>(
    values: &'a mut Option<&mut [f32]>,
    start: usize,
    groups: usize,
    room: &'a mut Group,
) -> &'a mut [Group] {
    match values {
        None => &mut [],
        Some(_) if groups == 0 => std::slice::from_mut(room),
        Some(values) => &mut values[start..].as_chunks_mut().0[..groups],
    }
}
