//! Elements in row-major order and of this machine's byte order.

use std::ops::Range;

/// The elements along each side of a tile: two tiles of 8-byte elements fit into the first cache.
const SIDE: usize = 32;

/// Copies column-major elements of so many bytes each to where they are row-major: those of some
/// places along the first axis.
pub(super) fn row_major(
    from: &[u8],
    to: &mut [u8],
    size: usize,
    shape: &[usize],
    rows: Range<usize>,
) {
    match size {
        1 => transpose::<1>(from, to, shape, rows),
        2 => transpose::<2>(from, to, shape, rows),
        4 => transpose::<4>(from, to, shape, rows),
        _ => transpose::<8>(from, to, shape, rows),
    }
}

fn transpose<const SIZE: usize>(from: &[u8], to: &mut [u8], shape: &[usize], rows: Range<usize>) {
    let (from, to) = (from.as_chunks::<SIZE>().0, to.as_chunks_mut::<SIZE>().0);
    let [first, middle @ .., last] = shape else {
        return to.copy_from_slice(&from[rows]);
    };
    if to.is_empty() {
        return;
    }
    let between: usize = middle.iter().product();
    // How far apart two neighbours along an axis are, where they are read and where they are written.
    let (last_apart, first_apart) = (first * between, between * last);
    let mut index = vec![0; middle.len()];
    for _ in 0..between {
        let (mut read, mut written) = (0, 0);
        let (mut reads, mut writes) = (*first, first_apart);
        for (&i, &size) in index.iter().zip(middle) {
            writes /= size;
            read += i * reads;
            written += i * writes;
            reads *= size;
        }
        // Neighbours along the first axis are read together, those along the last written together.
        for tile in rows.clone().step_by(SIDE) {
            for other in (0..*last).step_by(SIDE) {
                for i in tile..(tile + SIDE).min(rows.end) {
                    let place = written + (i - rows.start) * first_apart;
                    for j in other..(other + SIDE).min(*last) {
                        to[place + j] = from[read + j * last_apart + i];
                    }
                }
            }
        }
        // Counts up the last axis first.
        for (i, &size) in index.iter_mut().zip(middle).rev() {
            *i += 1;
            if *i < size {
                break;
            }
            *i = 0;
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
            &[67, 35],
            &[3, 4, 5],
            &[33, 2, 3, 40],
            &[2, 3, 1, 4, 5],
            &[4, 0],
        ];
        for &shape in shapes {
            for size in [1, 2, 4, 8] {
                let bytes = size * shape.iter().product::<usize>();
                let from: Vec<u8> = (0..=250).cycle().step_by(31).take(bytes).collect();
                let rows = shape.first().copied().unwrap_or(1);
                let each = bytes / rows;
                let mut to = vec![0; bytes];
                let (start, end) = to.split_at_mut(rows / 3 * each);
                row_major(&from, start, size, shape, 0..rows / 3);
                row_major(&from, end, size, shape, rows / 3..rows);
                assert_eq!(to, plainly(&from, size, shape), "{shape:?} of {size} bytes");
            }
        }
    }
}
