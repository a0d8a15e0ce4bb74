//! Class indices on the host.

use crate::error::Result;
use crate::request::{Resolved, Status};
use crate::tensor::Tensor;

/// The class index of each row: `None` where the row is ignored.
pub(crate) fn class_indices(
    resolved: &Resolved,
    target: &Tensor<'_>,
    classes: usize,
) -> Result<Vec<Option<usize>>> {
    let ignored = resolved.ignored.map(i128::from);
    let values = target.to_integers();
    let in_range = |value: i128| usize::try_from(value).ok().filter(|&class| class < classes);
    let bad = |&(_, &value): &(usize, &i128)| Some(value) != ignored && in_range(value).is_none();
    if let Some((row, &value)) = values.iter().enumerate().find(bad) {
        let count = values.iter().enumerate().filter(bad).count() as u64;
        return Err(Status { count, row: row as u64, value }.error(resolved));
    }
    let index = |value| if Some(value) == ignored { None } else { in_range(value) };
    Ok(values.into_iter().map(index).collect())
}
