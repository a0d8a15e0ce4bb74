//! Which rows are kept where no class index tells, and which of their classes are there.

use super::over::Over;
use super::shape::{RowShape, RowWeight};
use crate::cancel::Cancel;
use crate::cpu::{Classes, Weights};
use crate::error::Result;
use crate::request::Resolved;
use crate::tensor::Tensor;

/// What tells which rows are kept, on the host.
#[derive(Clone, Copy)]
pub(in crate::families) enum Kept<'a> {
    /// Rows are kept whose integers are not the ignored one.
    Marks(&'a Tensor<'a>, Option<i64>),
    /// Rows are kept that have a class that is there.
    Mask(Over<'a>, usize),
}

impl<'a> Kept<'a> {
    /// `None` where all rows are kept, or a class index tells.
    pub(super) fn of(
        resolved: &Resolved,
        shape: &RowShape,
        inputs: &[Option<&'a Tensor<'a>>],
    ) -> Option<Self> {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let (classes, inner) = (size(shape.classes), size(shape.inner));
        if let Some(marks) = shape.marks.and_then(|i| inputs[i]) {
            return Some(Self::Marks(marks, resolved.ignored));
        }
        let mask = shape.mask.and_then(|i| inputs[i])?;
        Some(Self::Mask(Over::new(mask, classes, inner), classes))
    }

    /// Whether those from `first` on are kept.
    pub(in crate::families) fn read(&self, first: usize, places: &mut [bool]) {
        match self {
            Self::Marks(marks, ignored) => {
                let mut integers = [0; 256];
                for (k, places) in places.chunks_mut(integers.len()).enumerate() {
                    let integers = &mut integers[..places.len()];
                    marks.read_integers(first + k * 256, integers);
                    let kept = integers.iter().map(|&integer| Some(integer) != *ignored);
                    places.iter_mut().zip(kept).for_each(|(place, kept)| *place = kept);
                }
            }
            Self::Mask(over, classes) => {
                let mut room = Vec::new();
                let rows = over.rows(first, places.len(), &mut room).chunks_exact(*classes);
                let any = |row: &[f32]| row.iter().any(|&flag| flag != 0.0);
                places.iter_mut().zip(rows).for_each(|(place, row)| *place = any(row));
            }
        }
    }

    /// The weights of all rows: 1 where they are kept.
    pub(in crate::families) fn weights(
        &self,
        resolved: &Resolved,
        cancel: Cancel<'_>,
    ) -> Result<Weights> {
        let [_, order] = resolved.layout.summed.orders();
        let rows = usize::try_from(resolved.layout.terms).unwrap_or(usize::MAX);
        Weights::of(order, resolved.first_term(), rows, |rows| {
            cancel.check()?;
            let mut kept = vec![false; rows.len()];
            self.read(rows.start, &mut kept);
            let count = kept.iter().filter(|&&kept| kept).count() as u64;
            Ok((kept.into_iter().map(|kept| f32::from(u8::from(kept))).collect(), count))
        })
    }
}

/// The weights of the rows of which a mean may leave some out.
pub(super) fn weights(
    resolved: &Resolved,
    inputs: &[Option<&Tensor<'_>>],
    cancel: Cancel<'_>,
) -> Result<Weights> {
    let shape = RowShape::of(resolved);
    let Some(target) = shape.index().and_then(|i| inputs[i]) else {
        return Kept::of(resolved, &shape, inputs)
            .map_or(Ok(Weights::default()), |kept| kept.weights(resolved, cancel));
    };
    let classes = usize::try_from(shape.classes).unwrap_or(usize::MAX);
    let indices = Classes::of(resolved, target, classes, cancel)?;
    let weight = match shape.weight {
        RowWeight::Classes(i) => inputs[i].map(Tensor::to_f32),
        _ => None,
    };
    indices.weights(resolved, weight.as_deref().unwrap_or_default(), cancel)
}
