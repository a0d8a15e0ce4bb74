//! A loss's mathematics on the CPU, by family, and losses of their own.

use crate::cpu;
use crate::error::Result;
use crate::evaluate::Spare;
use crate::plan::{Builder, Resolved};
use crate::reduction::Reduction;
use crate::reference;
use crate::shape::Layout;
use crate::tensor::{Tensor, TensorKind};
use std::fmt::Debug;

/// A pointwise loss on the CPU. Arguments are in the order of the definition's inputs without the
/// weight, an absent one is 1, and places past the last are unused.
pub trait Pointwise: Debug + Send + Sync {
    /// The textbook value and derivatives in float64: what tests compare with.
    fn reference(&self, x: [f64; 4]) -> (f64, [f64; 4]);

    /// The value in float32.
    fn value(&self, x: [f32; 4]) -> f32;

    /// The derivative with respect to each argument in float32.
    fn gradient(&self, x: [f32; 4]) -> [f32; 4];

    /// Runs one block of the CPU backend. Not to be overridden: it is a default method so that
    /// each loss has its own loop, with `value` and `gradient` inlined.
    fn run(&self, block: &mut cpu::Block<'_>) {
        cpu::run_block(self, block);
    }
}

/// A loss over rows on the CPU, implemented by what implements [`RowTerms`].
pub trait Rows: Debug + Send + Sync {
    /// The textbook value and derivatives of one row in float64: what tests compare with.
    fn reference(&self, row: &reference::Row<'_>) -> reference::RowLoss;

    /// Runs one row of the CPU backend.
    fn run(&self, task: &mut cpu::RowTask<'_>);
}

/// What a loss gathers from a row in one pass each for maxima and sums, and what follows from it.
/// The kernels have the same functions.
pub trait RowTerms: Debug + Send + Sync {
    /// The maxima of a row: so many numbers.
    type Peaks: cpu::Gathered;
    /// The sums over a row: so many numbers.
    type Sums: cpu::Gathered;
    /// Whether the derivative with respect to the first member uses [`cpu::Item::kept`].
    const KEEPS: bool = false;
    /// Where the maxima only keep the sums from overflow and loss: what takes their place in rows
    /// whose sums are [in range](RowTerms::in_range) with it.
    const UNIT: Option<Self::Peaks> = None;

    /// Runs the loops over a row. Where the mathematics branches on options, it may run them with a
    /// copy whose options are constants in the common case, which then has loops of its own.
    #[inline(always)]
    fn run(&self, loops: cpu::RowLoops<'_, '_>)
    where
        Self: Sized,
    {
        loops.run(self);
    }

    /// The textbook value and derivatives of one row in float64.
    fn reference(&self, row: &reference::Row<'_>) -> reference::RowLoss;

    /// What the row's maxima are taken of.
    fn peaks(&self, item: cpu::Item) -> Self::Peaks;

    /// What is summed over the row.
    fn sums(&self, item: cpu::Item, row: &cpu::Row, peaks: Self::Peaks) -> Self::Sums;

    /// Whether sums with [`UNIT`](RowTerms::UNIT) are as good as those with the row's maxima.
    fn in_range(&self, _row: &cpu::Row, _sums: Self::Sums) -> bool {
        false
    }

    /// The row's loss.
    fn value(&self, row: &cpu::Row, peaks: Self::Peaks, sums: Self::Sums) -> f32;

    /// The derivatives with respect to the item's first, second and third member.
    fn gradient(
        &self,
        item: cpu::Item,
        row: &cpu::Row,
        peaks: Self::Peaks,
        sums: Self::Sums,
    ) -> [f32; 3];
}

impl<L: RowTerms> Rows for L {
    fn reference(&self, row: &reference::Row<'_>) -> reference::RowLoss {
        RowTerms::reference(self, row)
    }

    fn run(&self, task: &mut cpu::RowTask<'_>) {
        cpu::run_row(self, task);
    }
}

/// A loss that fits no family: it lays out its inputs, plans its dispatches and computes on the CPU
/// itself. The types that it works with are the crate's own, so that only its losses are such.
pub trait Own: Debug + Send + Sync {
    /// Checks the shapes and lays the inputs out.
    ///
    /// # Errors
    /// If they do not fit.
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout>;

    /// Small inputs that fit together, in the definition's order: what is planned to show the
    /// kernels.
    fn example(&self) -> Vec<TensorKind>;

    /// The value between 0 and the last class that is no class index.
    fn excluded(&self) -> Option<i64> {
        None
    }

    /// Checks what only the data tell, where they are on the host.
    ///
    /// # Errors
    /// If they do not fit.
    fn check(&self, _resolved: &Resolved, _inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        Ok(())
    }

    /// Adds the dispatches.
    ///
    /// # Errors
    /// If a size is past the device's limits.
    fn plan(&self, builder: &mut Builder<'_>) -> Result<()>;

    /// The outputs of the CPU backend in float32. The upstream gradient has the loss scale in it,
    /// and is one number for a scale alone. Outputs may be in the spare memory.
    ///
    /// # Errors
    /// If a class index is outside its range.
    fn evaluate(
        &self,
        resolved: &Resolved,
        inputs: &[Option<&Tensor<'_>>],
        upstream: Option<&[f32]>,
        spare: &mut Spare,
    ) -> Result<cpu::Outputs>;

    /// The textbook terms and derivatives in float64: what tests compare with.
    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> reference::Terms;
}
