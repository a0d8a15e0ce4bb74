//! Matrices in slices.

use crate::cancel::Cancel;
use crate::error::Result;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, ShapeBuilder as _};

/// The fewest and most sums of a task: each repacks its parts of both matrices, which smaller ones do more often,
/// and larger ones leave cores without work.
const FEWEST: usize = 1 << 12;
const MOST: usize = 1 << 18;

/// So many rows and columns, each row so many numbers from the one before.
///
/// # Panics
/// If there are fewer numbers.
pub(crate) fn matrix(data: &[f32], shape: (usize, usize), stride: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape(shape.strides((stride, 1)), data).expect("whole rows")
}

/// The same to be written.
///
/// # Panics
/// If there are fewer numbers.
pub(crate) fn matrix_mut(
    data: &mut [f32],
    shape: (usize, usize),
    stride: usize,
) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape(shape.strides((stride, 1)), data).expect("whole rows")
}

/// `out = left right + before out` on all cores.
///
/// # Errors
/// If the work is given up.
pub(crate) fn multiply(
    left: ArrayView2<'_, f32>,
    right: ArrayView2<'_, f32>,
    before: f32,
    out: ArrayViewMut2<'_, f32>,
    cancel: Cancel<'_>,
) -> Result<()> {
    let most = (out.len() / rayon::current_num_threads()).clamp(FEWEST, MOST);
    Product { before, most, cancel }.run(left, right, out)
}

/// What the tasks of a product have in common.
#[derive(Clone, Copy)]
struct Product<'a> {
    before: f32,
    /// The most sums of a task.
    most: usize,
    cancel: Cancel<'a>,
}

impl Product<'_> {
    /// Halves the longer side, as both matrices are read anew for each part of the other.
    fn run(
        self,
        left: ArrayView2<'_, f32>,
        right: ArrayView2<'_, f32>,
        mut out: ArrayViewMut2<'_, f32>,
    ) -> Result<()> {
        let (rows, columns) = out.dim();
        let halved = |size: usize| (size / 2).next_multiple_of(64);
        if out.len() <= self.most || rows.max(columns) <= 64 {
            self.cancel.check()?;
            general_mat_mul(1.0, &left, &right, self.before, &mut out);
            return Ok(());
        }
        let (first, second) = if rows >= columns {
            let (above, below) = left.split_at(Axis(0), halved(rows));
            let (out, rest) = out.split_at(Axis(0), halved(rows));
            rayon::join(|| self.run(above, right, out), || self.run(below, right, rest))
        } else {
            let (before, behind) = right.split_at(Axis(1), halved(columns));
            let (out, rest) = out.split_at(Axis(1), halved(columns));
            rayon::join(|| self.run(left, before, out), || self.run(left, behind, rest))
        };
        first.and(second)
    }
}
