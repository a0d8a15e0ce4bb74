//! The loops over a row.

use super::lanes::{Gathered, Group, LANES, Larger, ONES, Sum, ZEROS, group, one_hot, store};
use crate::loss::RowTerms;
use pulp::{Arch, Simd, WithSimd};

/// What a row holds for one class.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// The first input.
    pub first: f32,
    /// The second one; for a class index, 1 at that class and 0 elsewhere.
    pub second: f32,
    /// The third one.
    pub third: f32,
    /// The weight of the class.
    pub weight: f32,
    /// For gradients, the first of the item's sums, if the loss [keeps](RowTerms::KEEPS) it.
    pub kept: f32,
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
    /// The row's own number.
    pub label: f32,
    /// The mean weight of the kept rows, where the mean divides by the sum of their weights.
    pub mean_weight: f32,
}

/// One row of a loss: its inputs, of the same length or absent, and where its results go.
#[derive(Debug)]
pub struct RowTask<'a> {
    pub(super) classes: usize,
    /// A class index takes the place of the second one.
    pub(super) inputs: [&'a [f32]; 3],
    pub(super) weight: &'a [f32],
    pub(super) index: Option<usize>,
    pub(super) label: f32,
    pub(super) mean_weight: f32,
    pub(super) scale: f32,
    pub(super) value: &'a mut f32,
    pub(super) gradients: [Option<&'a mut [f32]>; 3],
    /// Where groups that are cut short are completed, and what was kept of a group.
    pub(super) rooms: &'a mut Rooms,
}

/// The items whose sums are added up on their own: in long rows this is more accurate.
const STRETCH: usize = 32 * LANES;

pub(super) type Rooms = [Group; 5];

/// Runs a row with the widest instructions of the processor.
pub(crate) fn run_row<L: RowTerms>(loss: &L, task: &mut RowTask<'_>) {
    Arch::new().dispatch(Work { loss, task });
}

struct Work<'l, 't, 'a, L> {
    loss: &'l L,
    task: &'t mut RowTask<'a>,
}

impl<L: RowTerms> WithSimd for Work<'_, '_, '_, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.loss.run(RowLoops { task: self.task });
    }
}

/// The loops of a row, compiled for each loss and instruction set with the mathematics inlined.
#[derive(Debug)]
pub struct RowLoops<'t, 'a> {
    task: &'t mut RowTask<'a>,
}

/// Some items side by side.
struct Items<'a> {
    inputs: [&'a Group; 3],
    weight: &'a Group,
    kept: &'a Group,
}

impl Items<'_> {
    #[inline(always)]
    fn at(&self, i: usize) -> Item {
        let [first, second, third] = self.inputs;
        let [first, second, third] = [first[i], second[i], third[i]];
        Item { first, second, third, weight: self.weight[i], kept: self.kept[i] }
    }
}

impl RowTask<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a number of classes in float32 arithmetic")]
    fn row(&self) -> Row {
        let index = self.index.unwrap_or(usize::MAX);
        Row {
            classes: self.classes as f32,
            weight: self.weight.get(index).copied().unwrap_or(1.0),
            picked: self.inputs[0].get(index).copied().unwrap_or(0.0),
            label: self.label,
            mean_weight: self.mean_weight,
        }
    }

    #[inline(always)]
    fn items(&mut self, start: usize) -> Items<'_> {
        let [a, b, c, d, kept] = &mut *self.rooms;
        let [first, second, third] = self.inputs;
        let second = match self.index {
            Some(index) => one_hot(index, start, b),
            None => group(second, start, b, &ZEROS),
        };
        Items {
            inputs: [group(first, start, a, &ZEROS), second, group(third, start, c, &ZEROS)],
            weight: group(self.weight, start, d, &ONES),
            kept,
        }
    }
}

impl RowLoops<'_, '_> {
    /// Whether the target is a class index.
    pub fn has_index(&self) -> bool {
        self.task.index.is_some()
    }

    /// Runs the row.
    #[inline(always)]
    pub fn run<L: RowTerms>(self, loss: &L) {
        let Self { task } = self;
        let row = task.row();
        let mut lanes = L::Peaks::splat(f32::MIN);
        for start in (0..task.classes).step_by(LANES) {
            let size = task.classes - start;
            let before = (size < LANES).then_some(lanes);
            let items = task.items(start);
            for i in 0..LANES {
                loss.peaks(items.at(i)).join::<Larger>(&mut lanes, i);
            }
            if let Some(before) = before {
                L::Peaks::restore(&mut lanes, &before, size);
            }
        }
        let peaks = L::Peaks::joined::<Larger>(lanes);
        let mut totals = L::Sums::splat(0.0);
        let mut lanes = L::Sums::splat(0.0);
        let mut kept = ZEROS;
        for start in (0..task.classes).step_by(LANES) {
            if start > 0 && start.is_multiple_of(STRETCH) {
                L::Sums::move_into(&mut lanes, &mut totals);
            }
            let size = task.classes - start;
            let before = (size < LANES).then_some(lanes);
            let items = task.items(start);
            for (i, kept) in kept.iter_mut().enumerate() {
                let sums = loss.sums(items.at(i), &row, peaks);
                *kept = sums.first();
                sums.join::<Sum>(&mut lanes, i);
            }
            if let Some(before) = before {
                L::Sums::restore(&mut lanes, &before, size);
            }
            if let (true, Some(gradient)) = (L::KEEPS, &mut task.gradients[0]) {
                store(gradient, start, &kept);
            }
        }
        L::Sums::move_into(&mut lanes, &mut totals);
        let sums = L::Sums::joined::<Sum>(totals);
        *task.value = loss.value(&row, peaks, sums);
        task.differentiate(loss, &row, peaks, sums);
    }
}

impl RowTask<'_> {
    #[inline(always)]
    fn differentiate<L: RowTerms>(&mut self, loss: &L, row: &Row, peaks: L::Peaks, sums: L::Sums) {
        let [first, second, third] = &self.gradients;
        let wanted = [first.is_some(), second.is_some(), third.is_some()];
        let mut slopes = [ZEROS; 3];
        if wanted == [false; 3] {
            return;
        }
        for start in (0..self.classes).step_by(LANES) {
            if let (true, Some(kept)) = (L::KEEPS, &self.gradients[0]) {
                let rest = &kept[start..];
                let size = LANES.min(rest.len());
                self.rooms[4][..size].copy_from_slice(&rest[..size]);
            }
            let (scale, items) = (self.scale, self.items(start));
            if wanted == [true, false, false] {
                for (i, place) in slopes[0].iter_mut().enumerate() {
                    *place = scale * loss.gradient(items.at(i), row, peaks, sums)[0];
                }
            } else {
                for i in 0..LANES {
                    let by_member = loss.gradient(items.at(i), row, peaks, sums);
                    for (places, slope) in slopes.iter_mut().zip(by_member) {
                        places[i] = scale * slope;
                    }
                }
            }
            for (gradient, slopes) in self.gradients.iter_mut().zip(&slopes) {
                if let Some(gradient) = gradient {
                    store(gradient, start, slopes);
                }
            }
        }
    }
}
