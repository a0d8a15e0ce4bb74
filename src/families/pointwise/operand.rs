//! An input, read as the output's elements broadcast it.

use super::shape::{Access, Axis};
use super::way::{Kind, Way, short};
use crate::cpu;
use crate::definition::Role;
use crate::tensor::Tensor;

/// An input, read as the output's elements are. Of integers and flags these are the bits.
pub(super) struct Operand<'a> {
    tensor: &'a Tensor<'a>,
    access: Access,
    way: Way,
    role: Role,
}

impl<'a> Operand<'a> {
    pub(super) fn new(
        tensor: &'a Tensor<'a>,
        access: Access,
        axes: &[Axis],
        input: usize,
        role: Role,
    ) -> Self {
        Self { tensor, access, way: Way::new(axes, input, role.width()), role }
    }

    /// The numbers of an element.
    pub(super) fn width(&self) -> usize {
        self.role.width()
    }

    /// The operand at so many of the output's elements from `first` on; in `room` where they do not
    /// lie side by side as 32 bits each.
    pub(super) fn block<'b>(
        &'b self,
        first: usize,
        count: usize,
        room: &'b mut Vec<f32>,
    ) -> &'b [f32] {
        let (first, count) = (first * self.width(), count * self.width());
        let lying = cpu::lying(self.tensor, self.role.whole());
        if self.access == Access::Dense {
            if let Some(numbers) = lying {
                return &numbers[first..first + count];
            }
            room.resize(count, 0.0);
            self.read(first, room);
            return room;
        }
        let places = self.way.places(first, count);
        room.resize(count, 0.0);
        if let Some(numbers) = lying {
            self.spread(first, room, &numbers[places.clone()], places.start);
        } else if places.len() <= count {
            // The numbers that the block is of lie behind it.
            room.resize(count + places.len(), 0.0);
            let (block, numbers) = room.split_at_mut(count);
            self.read(places.start, numbers);
            self.spread(first, block, numbers, places.start);
        } else {
            // The end of a row and the beginning of the next, which is the same.
            self.way.tiles(first, count, |tile| {
                self.read(tile.place, &mut room[tile.range()][..tile.width()]);
            });
        }
        &room[..count]
    }

    fn read(&self, first: usize, places: &mut [f32]) {
        cpu::read(self.tensor, self.role.whole(), first, places);
    }

    /// Fills a block with the numbers that it is of, of which the first is the input's `low`th.
    fn spread(&self, first: usize, block: &mut [f32], numbers: &[f32], low: usize) {
        self.way.tiles(first, block.len(), |tile| {
            let numbers = &numbers[tile.place - low..][..tile.width()];
            let block = &mut block[tile.range()];
            match (tile.kind, tile.count) {
                (Kind::Column, count) => short!(count, repeat(block, numbers), {
                    block.chunks_exact_mut(count).zip(numbers).for_each(|(run, &x)| run.fill(x));
                }),
                (Kind::Row, count) => {
                    // Each copy is as long as all before it.
                    block[..count].copy_from_slice(numbers);
                    let mut there = count;
                    while there < block.len() {
                        let more = there.min(block.len() - there);
                        block.copy_within(..more, there);
                        there += more;
                    }
                }
            }
        });
    }
}

/// Fills short runs with a number each.
fn repeat<const N: usize>(block: &mut [f32], numbers: &[f32]) {
    let (groups, rest) = block.as_chunks_mut::<N>().0.as_chunks_mut::<4>();
    let (fours, others) = numbers.as_chunks::<4>();
    // Four runs at once, whose stores are as wide as they can be.
    for (group, four) in groups.iter_mut().zip(fours) {
        *group = four.map(|x| [x; N]);
    }
    rest.iter_mut().zip(others).for_each(|(run, &x)| *run = [x; N]);
}
