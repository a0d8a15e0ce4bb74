//! A formula behind a pointer: its loops, compiled for each instruction set with the mathematics inlined.

use super::formula::{Common, Formula, Textbook};
use super::tile::{Patch, Room, Slopes, Sums};
use crate::cpu::dispatch;

/// What runs over regions.
pub(super) trait Runs: Send + Sync {
    fn common(&self) -> Common;

    /// Whether all classes of an item are one term.
    fn joins(&self) -> bool;

    /// The numbers of a region's sums.
    fn numbers(&self) -> usize;

    fn reference(&self, regions: &[Vec<[f64; 2]>]) -> Textbook;

    /// The sums of a patch, class by class; of a batch that is brief, where it says so.
    fn add(&self, patch: &Patch<'_>, room: &mut Room, sums: &mut [f32], brief: bool);

    /// The term of the sums of its regions, which make way for the factors of slopes times a scale.
    fn term(&self, regions: &mut [f32], scale: f32) -> f32;

    /// The gradients of a patch.
    fn differentiate(
        &self,
        patch: &Patch<'_>,
        room: &mut Room,
        factors: &[f32],
        gradients: [Vec<&mut [f32]>; 2],
        brief: bool,
    );
}

/// A loss whose sums are K numbers.
pub(super) struct Of<'a, L, const K: usize>(pub(super) &'a L);

impl<L: Formula<K>, const K: usize> Of<'_, L, K> {
    /// The numbers of each region.
    fn of_regions(regions: &mut [f32]) -> &mut [[f32; K]] {
        regions.as_chunks_mut().0
    }
}

impl<L: Formula<K>, const K: usize> Runs for Of<'_, L, K> {
    fn common(&self) -> Common {
        self.0.common()
    }

    fn joins(&self) -> bool {
        L::JOINS
    }

    fn numbers(&self) -> usize {
        K
    }

    fn reference(&self, regions: &[Vec<[f64; 2]>]) -> Textbook {
        self.0.reference(regions)
    }

    fn add(&self, patch: &Patch<'_>, room: &mut Room, sums: &mut [f32], brief: bool) {
        dispatch(brief, Sums { loss: self.0, patch, room, sums: Self::of_regions(sums) });
    }

    fn term(&self, regions: &mut [f32], scale: f32) -> f32 {
        let loss = self.0;
        let regions = Self::of_regions(regions);
        let mut largest = 0.0;
        if L::JOINS {
            let all = regions.iter().map(|&own| loss.importance(own));
            largest = all.fold(0.0, |a, b| if b > a { b } else { a });
        }
        // A class without an importance of its own takes the largest.
        let share = |own: [f32; K]| match loss.importance(own) {
            0.0 => largest,
            importance => importance,
        };
        let mut total = [0.0; K];
        for &own in &*regions {
            for (total, sum) in total.iter_mut().zip(own) {
                *total += share(own) * sum;
            }
        }
        let by = loss.factors(total).map(|factor| factor * scale);
        for own in regions {
            let share = share(*own);
            *own = by.map(|factor| share * factor);
        }
        loss.value(total)
    }

    fn differentiate(
        &self,
        patch: &Patch<'_>,
        room: &mut Room,
        factors: &[f32],
        gradients: [Vec<&mut [f32]>; 2],
        brief: bool,
    ) {
        let factors = factors.as_chunks().0;
        dispatch(brief, Slopes { loss: self.0, patch, room, factors, gradients });
    }
}
