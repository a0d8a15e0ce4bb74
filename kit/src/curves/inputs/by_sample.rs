//! The inputs of a loss that has a sample: they start from it. Each point is a batch, of a loss of vectors
//! a term.

use super::super::numbers::{self, Numbers};
use super::{Held, Wanted};
use crate::error::{Error, Result};
use wgloss::Loss;
use wgloss::definition::{Role, Sample, SampleNumbers};

/// All inputs of which there is a sample, with their numbers.
pub(super) fn held(loss: &dyn Loss, wanted: &[Wanted<'_>]) -> Result<Vec<Held>> {
    let samples = loss.sample();
    let mut all = Vec::new();
    for wanted in wanted {
        let forms: Vec<&Sample> =
            samples.iter().filter(|sample| sample.input == wanted.input.name).collect();
        match (forms.first(), forms.last()) {
            (Some(usual), Some(row)) => all.push(input(wanted, usual, row)?),
            _ if wanted.present => {
                let expected = "one of whose inputs there is a sample: their shapes are its own";
                return Err(Error::argument("loss", loss.definition().name, expected));
            }
            _ => {}
        }
    }
    Ok(all)
}

/// An input in its usual form, or as a row where it varies or a list was given.
fn input(wanted: &Wanted<'_>, usual: &Sample, row: &Sample) -> Result<Held> {
    let &Wanted { input, present, text, .. } = wanted;
    let Sample { shape, numbers: sample, .. } = if wanted.is_list() { row } else { usual };
    let (usual, within, logits) = match sample {
        SampleNumbers::Integers(row, within) => {
            (Numbers::Integers(row.clone()), Some(*within), false)
        }
        SampleNumbers::Logits(row) => (Numbers::Floats(row.clone()), None, true),
        SampleNumbers::Floats(row) => (Numbers::Floats(row.clone()), None, false),
    };
    let numbers = match text {
        Some(text) if within.is_some() => numbers::integers(input.name, text, shape)?,
        Some(text) => numbers::floats(input.name, text, shape)?,
        None => usual,
    };
    Ok(Held {
        input,
        present,
        given: text.is_some(),
        numbers,
        shape: shape.clone(),
        each: matches!(input.role, Role::Vectors(_)),
        within,
        logits,
        varied: row.shape.clone(),
    })
}
