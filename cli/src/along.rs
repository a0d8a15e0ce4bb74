//! How a batch lies in its inputs: rows along their first axes, which can be evaluated in parts.

use crate::error::{Error, Result};
use crate::files::Input;
use std::ops::Range;
use wgloss::{Loss, Reduction, Request, TensorKind};

/// The terms of a block, which a part of a batch need not keep one by one where it has all of them.
const BLOCK: usize = 4096;

/// The rows of a batch.
#[derive(Debug)]
pub(crate) struct Along {
    /// Which inputs have them; the others are the same for all rows.
    pub(crate) has: Vec<bool>,
    /// How many there are.
    pub(crate) rows: usize,
    /// Whole blocks of terms end at multiples of so many.
    pub(crate) step: usize,
    /// The bytes of one in all inputs that have it.
    pub(crate) bytes: usize,
}

impl Along {
    /// The rows of a batch, for what the argument asks of them.
    pub(crate) fn of(
        loss: &dyn Loss,
        inputs: &[Input],
        reduction: Reduction,
        (argument, got): (&str, &str),
    ) -> Result<Self> {
        let kinds = kinds(inputs);
        let request = Request { reduction, ..Request::default() };
        let axes = wgloss::batch_axes(loss, &kinds, &request)?;
        let refused = |why: String| Error::argument(argument, got, format!("none: {why}"));
        if let Some((name, Some(axis))) = axes.iter().find(|(_, axis)| axis.is_some_and(|a| a > 0))
        {
            let why = format!("the items of {name} lie along its axis {axis}, not along rows");
            return Err(refused(why));
        }
        let lies = |input: &Input| axes.contains(&(input.name, Some(0)));
        let has: Vec<bool> = inputs.iter().map(lies).collect();
        let with_rows = || inputs.iter().zip(&has).filter(|(_, has)| **has).map(|(input, _)| input);
        let Some(first) = with_rows().next() else {
            return Err(refused(format!("{} of these inputs has no rows", loss.definition().name)));
        };
        let losses = Request { reduction: Reduction::None, ..Request::default() };
        let losses = wgloss::loss_shape(loss, &kinds, &losses)?;
        let terms: usize = losses.iter().skip(1).product();
        // Blocks are a power of two.
        let step = BLOCK >> terms.trailing_zeros().min(BLOCK.trailing_zeros());
        let bytes = with_rows().map(Input::row_bytes).fold(0, usize::saturating_add);
        Ok(Self { rows: first.rows(), has, step, bytes })
    }

    /// Inputs that are taken whole: one row that none of them has.
    pub(crate) fn none(inputs: &[Input]) -> Self {
        Self { has: vec![false; inputs.len()], rows: 1, step: 1, bytes: 0 }
    }

    /// The bytes of some rows in all inputs that have them.
    pub(crate) fn bytes_of(&self, rows: &Range<usize>) -> u64 {
        (self.bytes as u64).saturating_mul(rows.len() as u64)
    }
}

/// Refuses a loss whose parts' totals do not add up.
pub(crate) fn check_adds_up(loss: &dyn Loss, inputs: &[Input], reduction: Reduction) -> Result<()> {
    // Unreduced losses have no totals, but what they are made of may be more than rows, too.
    let reductions = loss.definition().reductions.iter().copied();
    let mut reduced = [reduction].into_iter().chain(reductions).filter(|r| *r != Reduction::None);
    let reduction = reduced.next().unwrap_or_default();
    let request = Request { reduction, totals: true, ..Request::default() };
    wgloss::batch_axes(loss, &kinds(inputs), &request)?;
    Ok(())
}

fn kinds(inputs: &[Input]) -> Vec<(&'static str, TensorKind)> {
    inputs.iter().map(|input| (input.name, input.kind())).collect()
}
