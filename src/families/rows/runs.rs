//! What runs through the rows of a loss, and what it is given.

use super::shape::{MOST_LABELS, MOST_OVER};
use super::task::{Abreast, Lanes, RowTask};
use super::textbook::{Row as TextbookRow, RowLoss};
use crate::error::Error;

/// What runs through the rows of a loss.
pub(crate) trait Runs: Send + Sync {
    /// The textbook value and derivatives of one row in float64: what tests compare with.
    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss;

    /// How the CPU takes them.
    fn taken(&self) -> Taken<'_>;

    /// The longest row that there may be, and what has that limit; `None` where only kernels have one.
    fn longest(&self) -> Option<(u64, &'static str)> {
        None
    }
}

/// How the CPU takes rows: one by one, or by tiles.
#[derive(Clone, Copy)]
pub(crate) enum Taken<'a> {
    ByRow(&'a dyn ByRow),
    ByTiles(&'a dyn Tiled),
}

/// What runs rows one by one: for a [`Formula`], loops of its own with its mathematics inlined.
pub(crate) trait ByRow: Send + Sync {
    /// Runs one row of the CPU backend; of a batch that is brief, where it says so.
    fn run(&self, task: &mut RowTask<'_>, brief: bool);

    /// Runs some rows of few classes, in lanes in which others of the same inputs may have been.
    fn run_abreast(&self, task: &mut Abreast<'_>, lanes: &mut Lanes, brief: bool);
}

/// What runs through some rows at once by tiles of their numbers.
pub(crate) trait Tiled: Send + Sync {
    /// Runs them. What rows come to that are ignored does not matter.
    fn run(&self, rows: &mut Several<'_>);

    /// The error of the first row that is given up, where these are from row `first` on.
    fn given_up(&self, rows: &Several<'_>, first: usize) -> Option<Error>;
}

/// Some rows, each row's classes side by side; what is absent is empty. Of inputs that are whole these are the bits.
#[derive(Debug)]
pub(crate) struct Several<'a> {
    pub(crate) classes: usize,
    pub(crate) inputs: [&'a [f32]; MOST_OVER],
    pub(crate) indices: Option<&'a [Option<usize>]>,
    pub(crate) labels: [&'a [f32]; MOST_LABELS],
    /// What the slopes of each row are multiplied by.
    pub(crate) scales: &'a [f32],
    pub(crate) values: &'a mut [f32],
    pub(crate) gradients: Gradients<'a>,
    /// Whether the batch is a small one.
    pub(crate) brief: bool,
}

/// Where the gradients go that are wanted of some rows.
#[derive(Debug, Default)]
pub(crate) struct Gradients<'a> {
    /// By the inputs over classes: each row's classes side by side.
    pub(crate) classes: [Option<&'a mut [f32]>; MOST_OVER],
    /// By the rows' own numbers: one number for each row.
    pub(crate) rows: [Option<&'a mut [f32]>; MOST_LABELS],
}

impl<'a> Gradients<'a> {
    /// Those by what a formula may have over classes: three inputs and the target.
    pub(super) fn of_formula(self) -> [Option<&'a mut [f32]>; 4] {
        let [first, second, third, target, ..] = self.classes;
        [first, second, third, target]
    }

    /// Whether any are wanted.
    pub(crate) fn any(&self) -> bool {
        self.classes.iter().chain(&self.rows).any(Option::is_some)
    }
}

impl Runs for &dyn Runs {
    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        (**self).reference(row)
    }

    fn taken(&self) -> Taken<'_> {
        (**self).taken()
    }
}
