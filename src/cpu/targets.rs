//! Class indices on the host, read where they lie.

use super::weights::Weights;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::order::BLOCK_SIZE;
use crate::request::{Resolved, Status};
use crate::tensor::Tensor;
use rayon::prelude::*;

/// The class index of each row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classes<'a> {
    target: &'a Tensor<'a>,
    ignored: Option<i64>,
    count: i64,
}

impl<'a> Classes<'a> {
    /// Checks that all are indices of so many classes, or ignored.
    pub(crate) fn of(
        resolved: &Resolved,
        target: &'a Tensor<'a>,
        count: usize,
        cancel: Cancel<'_>,
    ) -> Result<Self> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let classes = Self { target, ignored: resolved.ignored, count };
        let fits = |class| Some(class) == classes.ignored || classes.has(class);
        check(resolved, target, fits, cancel)?;
        Ok(classes)
    }

    fn has(&self, class: i64) -> bool {
        (0..self.count).contains(&class)
    }

    /// Those of the rows from `first` on, `None` where a row is ignored.
    pub(crate) fn read(&self, first: usize, places: &mut [Option<usize>]) {
        self.read_as(first, places, |class| usize::try_from(class?).ok());
    }

    /// The same as numbers, -1 where a row is ignored.
    pub(crate) fn labels(&self, first: usize, places: &mut [i32]) {
        let label = |class: Option<i64>| class.and_then(|class| i32::try_from(class).ok());
        self.read_as(first, places, |class| label(class).unwrap_or(-1));
    }

    /// Those from `first` on as something else, `None` where a row is ignored.
    fn read_as<T>(&self, first: usize, places: &mut [T], of: impl Fn(Option<i64>) -> T) {
        let mut integers = [0; 256];
        for (k, places) in places.chunks_mut(integers.len()).enumerate() {
            let integers = &mut integers[..places.len()];
            self.target.read_integers(first + k * 256, integers);
            for (place, &class) in places.iter_mut().zip(&*integers) {
                *place = of(Some(class).filter(|_| Some(class) != self.ignored));
            }
        }
    }

    /// Those of all rows.
    pub(crate) fn all(&self) -> Vec<Option<usize>> {
        let mut all = vec![None; self.target.len()];
        self.read(0, &mut all);
        all
    }

    /// The weights of all rows, each of which has that of its class, or 1 where there are none.
    pub(crate) fn weights(
        &self,
        resolved: &Resolved,
        weight: &[f32],
        cancel: Cancel<'_>,
    ) -> Result<Weights> {
        let [_, order] = resolved.layout.summed.orders();
        Weights::of(order, resolved.first_term(), self.target.len(), |rows| {
            cancel.check()?;
            let mut classes = vec![None; rows.len()];
            self.read(rows.start, &mut classes);
            let kept = classes.iter().flatten().count() as u64;
            let of = |class: usize| weight.get(class).copied().unwrap_or(1.0);
            Ok((classes.into_iter().map(|class| class.map_or(0.0, of)).collect(), kept))
        })
    }
}

/// Checks all elements of an integer tensor; the error tells of the first bad one.
pub(crate) fn check(
    resolved: &Resolved,
    target: &Tensor<'_>,
    fits: impl Fn(i64) -> bool + Sync,
    cancel: Cancel<'_>,
) -> Result<()> {
    let count = target.len();
    let bad = |first: usize| {
        let mut integers = [0; BLOCK_SIZE];
        let integers = &mut integers[..BLOCK_SIZE.min(count - first)];
        target.read_integers(first, integers);
        let mut bad = integers.iter().enumerate().filter(|&(_, &class)| !fits(class));
        let place = bad.next()?.0;
        Some((first + place, 1 + bad.count() as u64))
    };
    let both = |a: Option<(usize, u64)>, b: Option<(usize, u64)>| match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a.0.min(b.0), a.1 + b.1))),
        _ => Ok(a.or(b)),
    };
    let blocks = (0..count.div_ceil(BLOCK_SIZE)).into_par_iter();
    let bad = blocks.map(|k| cancel.check().map(|()| bad(k * BLOCK_SIZE)));
    match bad.try_reduce(|| None, both)? {
        None => Ok(()),
        Some((place, count)) => {
            let value = target.integer(place);
            Err(Status { count, row: place as u64, value }.error(resolved))
        }
    }
}
