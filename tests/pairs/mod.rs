//! Losses of pairs: tiles against sums in float64 of sizes that no reference holds, corners, memory, what is refused.

mod corners;
mod large;
mod memory;
mod refused;
mod slopes;

use crate::common::tensor;
use wgloss::{DType, Tensor};

fn floats(shape: &[usize], numbers: &[f64]) -> Tensor<'static> {
    tensor(DType::F32, shape, numbers)
}

fn integers(numbers: &[f64]) -> Tensor<'static> {
    tensor(DType::I64, &[numbers.len()], numbers)
}
