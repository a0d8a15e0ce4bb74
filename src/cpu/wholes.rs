//! Integers and booleans that a loss takes as they are: their bits, where others have float32.

use crate::definition::Whole;
use crate::error::{Error, Result};
use crate::order::BLOCK_SIZE;
use crate::request::Resolved;
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::ops::Range;

/// Refuses integers that have no place in the 32 bits that the kernels read.
pub(crate) fn check_wholes(resolved: &Resolved, inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
    for (input, tensor) in resolved.definition.inputs.iter().zip(inputs) {
        let Some(tensor) = tensor else { continue };
        let (range, expected) = match input.whole() {
            Some(Whole::Signed) => {
                (i64::from(i32::MIN)..=i64::from(i32::MAX), "a number that i32 holds")
            }
            Some(Whole::Unsigned) => (0..=i64::from(u32::MAX), "a number that u32 holds"),
            _ => continue,
        };
        if tensor.dtype().range().iter().all(|x| range.contains(x)) {
            continue;
        }
        let blocks = (0..tensor.len().div_ceil(BLOCK_SIZE)).into_par_iter();
        let found = blocks.find_map_first(|block| {
            let first = block * BLOCK_SIZE;
            let mut integers = vec![0; BLOCK_SIZE.min(tensor.len() - first)];
            tensor.read_integers(first, &mut integers);
            let outside = integers.iter().position(|x| !range.contains(x));
            outside.map(|place| first + place)
        });
        if let Some(place) = found {
            let index = match &tensor.kind().index(place as u64)[..] {
                [] => String::new(),
                index => format!("{index:?}"),
            };
            let (name, got) = (format!("{}{index}", input.name), tensor.integer(place));
            return Err(Error::argument(&name, got.to_string(), expected));
        }
    }
    Ok(())
}

/// The elements, where they lie in memory as float32, or as the integers of 32 bits that they are.
pub(crate) fn lying<'t>(tensor: &'t Tensor<'_>, whole: Option<Whole>) -> Option<&'t [f32]> {
    match whole {
        None => tensor.as_f32(),
        Some(Whole::Flag) => None,
        Some(_) => tensor.as_bits(),
    }
}

/// As many elements from `first` on as there are places, rounded to float32; of what is whole, the bits.
pub(crate) fn read(tensor: &Tensor<'_>, whole: Option<Whole>, first: usize, places: &mut [f32]) {
    match whole {
        None => tensor.read(first, places),
        Some(Whole::Flag) => tensor.read_flags(first, places),
        Some(_) => tensor.read_bits(first, places),
    }
}

/// Some elements: where they lie, or else in `room`.
pub(crate) fn numbers<'b>(
    tensor: &'b Tensor<'_>,
    whole: Option<Whole>,
    places: Range<usize>,
    room: &'b mut Vec<f32>,
) -> &'b [f32] {
    if let Some(numbers) = lying(tensor, whole) {
        return &numbers[places];
    }
    room.resize(places.len(), 0.0);
    read(tensor, whole, places.start, room);
    room
}
