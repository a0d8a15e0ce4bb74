//! What the shapes of the inputs say.

use super::setup::{Partners, Setup};
use crate::definition::Definition;
use crate::error::{Error, Result};
use crate::tensor::TensorKind;

/// The sizes: so many rows, columns, and features of each vector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) features: usize,
}

impl Problem {
    pub(super) fn of(setup: &Setup, inputs: &[Option<TensorKind>]) -> Self {
        let size = |input: usize, axis: usize| {
            inputs[input].as_ref().and_then(|kind| kind.shape.get(axis).copied()).unwrap_or(0)
        };
        Self {
            rows: size(setup.left, 0),
            columns: size(setup.right, 0),
            features: size(setup.left, 1),
        }
    }
}

/// Refuses shapes that do not fit, and what has no meaning together.
pub(super) fn check(
    definition: &Definition,
    setup: &Setup,
    inputs: &[Option<TensorKind>],
) -> Result<()> {
    let shape = |i: usize| inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape);
    let name = |i: usize| definition.inputs[i].name;
    let given = |i: usize| inputs[i].is_some();
    let (left, right) = (setup.left, setup.right);
    let refused = |i: usize, expected: String| Err(Error::shape(name(i), shape(i), expected));
    let [rows, features] = *shape(left) else {
        return refused(left, "[N, D]".into());
    };
    if features == 0 {
        return refused(left, "at least one feature".into());
    }
    let [columns, others] = *shape(right) else {
        return refused(right, "[M, D]".into());
    };
    if others != features {
        return refused(right, format!("a last dimension of {features}, that of {}", name(left)));
    }
    let target = match setup.partners {
        Partners::Class(target) => Some(target).filter(|&target| given(target)),
        _ => None,
    };
    if let Some(target) = target.filter(|_| setup.symmetric) {
        let expected = "none: each row's partner is its own column";
        return Err(Error::argument(name(target), "given beside symmetric", expected));
    }
    if (setup.square || setup.symmetric) && columns != rows {
        return refused(right, format!("{:?}, as {}", shape(left), name(left)));
    }
    match setup.partners {
        Partners::Class(input) if target.is_none() && columns < rows => {
            let expected = format!(
                "at least {rows} rows, one for each of {}, where there is no {}",
                name(left),
                name(input)
            );
            return refused(right, expected);
        }
        Partners::Class(_) if columns == 0 && rows > 0 => {
            return refused(right, "at least one row".into());
        }
        Partners::Class(input) | Partners::Labels(input, _)
            if given(input) && shape(input) != [rows] =>
        {
            return refused(input, format!("[{rows}], one for each row of {}", name(left)));
        }
        _ => {}
    }
    for number in [setup.scale, setup.bias].into_iter().flatten() {
        if given(number) && !matches!(shape(number), [] | [1]) {
            return refused(number, "[] or [1]".into());
        }
    }
    if let (Some(scale), Some((option, value))) = (setup.scale, setup.not_with_scale)
        && given(scale)
    {
        let expected = format!("its default beside {}", name(scale));
        return Err(Error::argument(option, value.to_string(), expected));
    }
    Ok(())
}
