//! From the inputs' shapes to what the kernels index with.

mod pointwise;
mod rows;

pub(crate) use pointwise::{Access, Axis, MOST_AXES, placed};
pub(crate) use rows::{RowShape, RowWeight, check_ignore_index};

use crate::error::{Error, Result, listed};
use crate::loss::{Definition, Family, Loss, Role};
use crate::reduction::{Divisor, Reduction};
use crate::tensor::{DType, TensorKind};

/// How a request's inputs lie together.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The shape of the unreduced loss.
    pub(crate) output: Vec<usize>,
    /// The number of its terms.
    pub(crate) terms: u64,
    /// What the sum is divided by.
    pub(crate) divisor: Divisor,
    /// Whether the terms have weights by whose sum a mean divides.
    pub(crate) weighted: bool,
    /// The input that holds class indices, which are checked, and the number of classes.
    pub(crate) indices: Option<(usize, u64)>,
    /// What the family adds.
    pub(crate) family: FamilyLayout,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FamilyLayout {
    Pointwise {
        /// The output's axes, innermost first, with those merged that every operand runs through.
        axes: Vec<Axis>,
        /// How each input is read; `None` where it is absent.
        access: Vec<Option<Access>>,
    },
    Rows(RowShape),
    /// A loss of its own knows the rest.
    Own,
}

/// Checks the loss's options and inputs and lays them out.
pub(crate) fn resolve(
    loss: &dyn Loss,
    inputs: &[Option<TensorKind>],
    reduction: Reduction,
) -> Result<Layout> {
    loss.validate()?;
    let definition = loss.definition();
    if !definition.reductions.contains(&reduction) {
        let known = listed(definition.reductions.iter().map(|r| r.name()));
        return Err(Error::argument("reduction", reduction.name(), known));
    }
    for (input, kind) in definition.inputs.iter().zip(inputs) {
        match kind {
            Some(kind) => {
                kind.elements(input.name)?;
                check_dtype(input.name, input.role, kind.dtype)?;
            }
            None if input.optional => {}
            None => return Err(missing(definition, input.name)),
        }
    }
    match loss.family() {
        Family::Pointwise(_) => pointwise::layout(definition, inputs, reduction),
        Family::Rows(_) => rows::layout(loss, inputs, reduction),
        Family::Own(own) => own.layout(inputs, reduction),
    }
}

fn missing(definition: &Definition, name: &str) -> Error {
    let needed = definition.inputs.iter().filter(|input| !input.optional);
    Error::Missing {
        argument: name.into(),
        loss: definition.name,
        needed: listed(needed.map(|input| input.name)),
    }
}

fn check_dtype(name: &str, role: Role, dtype: DType) -> Result<()> {
    let fits = match role {
        Role::Index | Role::OwnIntegers => !dtype.is_float(),
        Role::IndexOrRows => true,
        _ => dtype.is_float(),
    };
    if fits {
        return Ok(());
    }
    let integers = matches!(role, Role::Index | Role::OwnIntegers);
    let expected = if integers { "an integer type" } else { "a float type" };
    Err(Error::DType { argument: name.into(), got: dtype.to_string(), expected: expected.into() })
}

/// What a reduction divides by; `first` is the first input's shape.
pub(crate) fn divisor(
    reduction: Reduction,
    terms: u64,
    weighted: bool,
    first: &[usize],
) -> Divisor {
    match reduction {
        Reduction::None | Reduction::Sum => Divisor::Count(1),
        Reduction::Mean if weighted => Divisor::Weights,
        Reduction::Mean => Divisor::Count(terms),
        Reduction::BatchMean => Divisor::Count(first.first().map_or(1, |&n| n as u64)),
    }
}
