//! Elements in row-major order and of this machine's byte order.

use std::io;
use std::ops::Range;

/// The elements along each side of a tile: two tiles of 8-byte elements fit into the first cache.
const SIDE: usize = 32;

/// Gives column-major elements of so many bytes each away in row-major order, in panels of about
/// `most` bytes.
pub(super) fn row_major(
    from: &[u8],
    size: usize,
    shape: &[usize],
    most: usize,
    give: &mut dyn FnMut(&mut [u8]) -> io::Result<()>,
) -> io::Result<()> {
    match size {
        1 => Columns::<1>::of(from, shape).panels(most, &mut Vec::new(), give),
        2 => Columns::<2>::of(from, shape).panels(most, &mut Vec::new(), give),
        4 => Columns::<4>::of(from, shape).panels(most, &mut Vec::new(), give),
        _ => Columns::<8>::of(from, shape).panels(most, &mut Vec::new(), give),
    }
}

/// An axis of an array.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    /// How far apart two neighbours along it are.
    apart: usize,
}

/// Column-major elements.
struct Columns<'a, const SIZE: usize> {
    from: &'a [[u8; SIZE]],
    axes: Vec<Axis>,
}

impl<'a, const SIZE: usize> Columns<'a, SIZE> {
    fn of(from: &'a [u8], shape: &[usize]) -> Self {
        let mut apart = 1;
        let mut axes = Vec::new();
        for &size in shape {
            axes.push(Axis { size, apart });
            apart *= size;
        }
        Self { from: from.as_chunks().0, axes }
    }

    /// Gives as many rows at a time as a panel holds, and where it does not hold one, goes through
    /// them one by one.
    fn panels(
        &self,
        most: usize,
        panel: &mut Vec<u8>,
        give: &mut dyn FnMut(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let [first, rest @ ..] = self.axes.as_slice() else {
            return give(&mut self.from.as_flattened()[..SIZE].to_vec());
        };
        let row = SIZE * rest.iter().map(|axis| axis.size).product::<usize>();
        if row > most {
            for i in 0..first.size {
                let row = Columns { from: &self.from[i * first.apart..], axes: rest.to_vec() };
                row.panels(most, panel, give)?;
            }
            return Ok(());
        }
        let rows = most / row.max(1);
        for start in (0..first.size).step_by(rows.max(1)) {
            let rows = start..first.size.min(start + rows);
            panel.resize(rows.len() * row, 0);
            self.transpose(panel.as_chunks_mut().0, rows);
            give(panel)?;
        }
        Ok(())
    }

    /// Copies some places along the first axis to where they are row-major.
    fn transpose(&self, to: &mut [[u8; SIZE]], rows: Range<usize>) {
        let one = Axis { size: 1, apart: 0 };
        let (first, middle, last) = match self.axes.as_slice() {
            [] => return,
            [first] => (first, &[][..], &one),
            [first, middle @ .., last] => (first, middle, last),
        };
        if to.is_empty() {
            return;
        }
        let between: usize = middle.iter().map(|axis| axis.size).product();
        let row = between * last.size;
        let mut index = vec![0; middle.len()];
        for place in 0..between {
            let read: usize = index.iter().zip(middle).map(|(i, axis)| i * axis.apart).sum();
            let written = place * last.size;
            // Neighbours along the first axis are read together, those along the last written together.
            for tile in rows.clone().step_by(SIDE) {
                for other in (0..last.size).step_by(SIDE) {
                    for i in tile..(tile + SIDE).min(rows.end) {
                        let (read, written) =
                            (read + i * first.apart, written + (i - rows.start) * row);
                        for j in other..(other + SIDE).min(last.size) {
                            to[written + j] = self.from[read + j * last.apart];
                        }
                    }
                }
            }
            // Counts up the last axis first.
            for (i, axis) in index.iter_mut().zip(middle).rev() {
                *i += 1;
                if *i < axis.size {
                    break;
                }
                *i = 0;
            }
        }
    }
}

/// Turns the bytes of each element around.
pub(super) fn swap_bytes(bytes: &mut [u8], size: usize) {
    match size {
        2 => bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|element| element.reverse()),
        4 => bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|element| element.reverse()),
        8 => bytes.as_chunks_mut::<8>().0.iter_mut().for_each(|element| element.reverse()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::row_major;

    /// Element by element, as the orders are defined.
    fn plainly(from: &[u8], size: usize, shape: &[usize]) -> Vec<u8> {
        let count: usize = shape.iter().product();
        let mut to = Vec::new();
        for place in 0..count {
            let (mut rest, mut apart, mut source) = (place, count, 0);
            for &axis in shape.iter().rev() {
                apart /= axis;
                source += rest % axis * apart;
                rest /= axis;
            }
            to.extend_from_slice(&from[source * size..(source + 1) * size]);
        }
        to
    }

    #[test]
    fn columns_become_rows() {
        let shapes: &[&[usize]] = &[
            &[],
            &[7],
            &[1, 5],
            &[1, 1, 300],
            &[67, 35],
            &[3, 4, 5],
            &[33, 2, 3, 40],
            &[2, 3, 1, 4, 5],
            &[4, 0],
        ];
        for &shape in shapes {
            for size in [1, 2, 4, 8] {
                let bytes = size * shape.iter().product::<usize>();
                let from: Vec<u8> = (0..251).cycle().step_by(31).take(bytes).collect();
                for most in [8, 100, 1000, 1 << 20] {
                    let mut to = Vec::new();
                    let given = row_major(&from, size, shape, most, &mut |panel| {
                        assert!(panel.len() <= most, "{shape:?} of {size} bytes: {most}");
                        to.extend_from_slice(panel);
                        Ok(())
                    });
                    given.expect("it is taken");
                    assert_eq!(to, plainly(&from, size, shape), "{shape:?}, {size} bytes: {most}");
                }
            }
        }
    }
}
