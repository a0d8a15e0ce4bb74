//! Flags on the host, which are 0 or 1.

use crate::cancel::Cancel;
use crate::definition::Domain;
use crate::error::{Error, Result};
use crate::order::BLOCK_SIZE;
use crate::request::Resolved;
use crate::tensor::Tensor;
use rayon::prelude::*;

/// Checks the inputs that a loss knows as flags, whatever their type; the error tells of the first bad number.
pub(crate) fn check_flags(
    resolved: &Resolved,
    inputs: &[Option<&Tensor<'_>>],
    cancel: Cancel<'_>,
) -> Result<()> {
    let flags = resolved.definition.inputs.iter().zip(inputs);
    for (input, flags) in flags.filter(|(input, _)| input.domain == Domain::Binary) {
        let Some(flags) = flags else { continue };
        if let Some(place) = first_bad(flags, cancel)? {
            return Err(bad(input.name, flags, place));
        }
    }
    Ok(())
}

fn first_bad(flags: &Tensor<'_>, cancel: Cancel<'_>) -> Result<Option<usize>> {
    let blocks = (0..flags.len().div_ceil(BLOCK_SIZE)).into_par_iter();
    let found = blocks.find_map_first(|block| {
        let first = block * BLOCK_SIZE;
        let places = first..(first + BLOCK_SIZE).min(flags.len());
        let mut room = Vec::new();
        let bad = |numbers: &[f32]| numbers.iter().position(|&x| x != 0.0 && x != 1.0);
        match cancel.check() {
            Ok(()) => bad(flags.floats(places, &mut room)).map(|place| Ok(first + place)),
            Err(error) => Some(Err(error)),
        }
    });
    found.transpose()
}

fn bad(name: &str, flags: &Tensor<'_>, place: usize) -> Error {
    let index = match &flags.kind().index(place as u64)[..] {
        [] => String::new(),
        index => format!("{index:?}"),
    };
    let number = match flags.dtype().is_float() {
        true => flags.to_f64()[place].to_string(),
        false => flags.integer(place).to_string(),
    };
    Error::argument(&format!("{name}{index}"), number, "0 or 1")
}
