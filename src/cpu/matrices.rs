//! Matrices in slices.

use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder as _};

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
