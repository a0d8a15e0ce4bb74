//! A tensor over the classes of each row, or of all rows, read row by row.

use crate::cpu;
use crate::definition::Whole;
use crate::tensor::Tensor;

/// Numbers for the classes of each row, or the bits of whole ones.
#[derive(Clone, Copy)]
pub(in crate::families) struct Over<'a> {
    tensor: &'a Tensor<'a>,
    classes: usize,
    inner: usize,
    whole: Option<Whole>,
    /// Whether they are the same for all rows.
    shared: bool,
}

impl<'a> Over<'a> {
    pub(super) fn new(tensor: &'a Tensor<'a>, classes: usize, inner: usize) -> Self {
        Self { tensor, classes, inner, whole: None, shared: false }
    }

    /// The same of an input that may be whole, or the same for all rows.
    pub(super) fn of(self, whole: Option<Whole>, shared: bool) -> Self {
        Self { whole, shared, ..self }
    }

    /// So many rows from `first` on, each row's classes side by side; in `room` where they do not lie
    /// so as float32.
    pub(super) fn rows<'b>(
        &'b self,
        first: usize,
        count: usize,
        room: &'b mut Vec<f32>,
    ) -> &'b [f32] {
        let Self { tensor, classes, inner, whole, shared } = *self;
        if shared {
            room.resize(count * classes, 0.0);
            let (one, others) = room.split_at_mut(classes.min(count * classes));
            cpu::read(tensor, whole, 0, one);
            others.chunks_exact_mut(classes).for_each(|other| other.copy_from_slice(one));
            return room;
        }
        if inner == 1 {
            return cpu::numbers(tensor, whole, first * classes..(first + count) * classes, room);
        }
        room.resize(count * classes, 0.0);
        let mut run = Vec::new();
        let mut done = 0;
        while done < count {
            let (item, place) = ((first + done) / inner, (first + done) % inner);
            let length = (inner - place).min(count - done);
            for class in 0..classes {
                let start = (item * classes + class) * inner + place;
                let numbers = cpu::numbers(tensor, whole, start..start + length, &mut run);
                let places = room[done * classes + class..].iter_mut().step_by(classes);
                places.zip(numbers).for_each(|(place, &number)| *place = number);
            }
            done += length;
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::Over;
    use crate::tensor::Tensor;

    #[test]
    fn rows_are_read_where_their_classes_lie() {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let numbers: Vec<f32> = (0..5 * 3 * 7).map(|i| i as f32).collect();
        let halves: Vec<half::f16> = numbers.iter().map(|&x| half::f16::from_f32(x)).collect();
        for inner in [1, 7] {
            let classes = 21 / inner;
            let floats = Tensor::from_slice(&numbers, [5, classes, inner]).expect("the size");
            let halves = Tensor::from_slice(&halves, [5, classes, inner]).expect("the size");
            let rows = 5 * inner;
            for first in 0..rows {
                for end in first..=rows {
                    let mut want = Vec::new();
                    for row in first..end {
                        let start = row / inner * classes * inner + row % inner;
                        want.extend((0..classes).map(|class| numbers[start + class * inner]));
                    }
                    for tensor in [&floats, &halves] {
                        let mut room = Vec::new();
                        let over = Over::new(tensor, classes, inner);
                        assert_eq!(over.rows(first, end - first, &mut room), want);
                    }
                }
            }
        }
    }
}
