//! Losses of pairs of sequences: what the rows of a sequence are worth is added up, and a pointwise formula says what
//! the sums of those that were chosen and rejected come to.

use super::problem::CONSTANTS;
use crate::definition::Definition;
use crate::dispatch::Builder;
use crate::families::pointwise;
use crate::family::Loss;
use crate::kernel::Parameters;
use crate::request::Slot;

/// What is made of the sums of two sequences.
pub(crate) struct Sequences<'a> {
    pub(super) definition: &'static Definition,
    pub(super) formula: &'a dyn PairFormula,
    /// Whether what its rows are worth on average counts, instead of their sum.
    pub(super) mean: bool,
}

impl<'a> Sequences<'a> {
    /// A loss whose first two inputs are what the chosen and the rejected sequence are worth. The others are constants
    /// of each pair.
    pub(crate) fn new<L: Loss + pointwise::Formula>(loss: &'a L, mean: bool) -> Self {
        Self { definition: loss.definition(), formula: loss, mean }
    }

    /// The inputs that have a constant of each pair.
    pub(super) fn places(&self) -> std::ops::Range<usize> {
        CONSTANTS..CONSTANTS + self.definition.inputs.len() - 2
    }

    /// The numbers of a pair's formula, with its constants by their order.
    pub(super) fn numbers<T: Copy + Default>(
        &self,
        scores: [T; 2],
        constant: impl Fn(usize) -> T,
    ) -> [T; 4] {
        let mut numbers = [T::default(); 4];
        numbers[..2].copy_from_slice(&scores);
        for i in 0..self.places().len() {
            numbers[2 + i] = constant(i);
        }
        numbers
    }
}

/// What the kernel of pairs is made for.
#[derive(Debug)]
pub(super) struct PairsSpec {
    pub(super) definition: &'static Definition,
    pub(super) parameters: Parameters,
    /// Where these are.
    pub(super) region: (Slot, u64, u64),
    pub(super) mean: bool,
}

impl PairsSpec {
    /// What is made of sequences by the loss that has the formula's parameters.
    pub(super) fn new(
        builder: &mut Builder<'_>,
        sequences: &Sequences<'_>,
        loss: &dyn Loss,
    ) -> Self {
        let Sequences { definition, mean, .. } = *sequences;
        let (parameters, region) = builder.further(definition.shader, &loss.parameters());
        Self { definition, parameters, region, mean }
    }
}

/// A pointwise formula, a term at a time.
pub(super) trait PairFormula: Send + Sync {
    fn reference(&self, numbers: [f64; 4]) -> (f64, [f64; 4]);
    fn value(&self, numbers: [f32; 4]) -> f32;
    fn gradient(&self, numbers: [f32; 4]) -> [f32; 4];
}

impl<F: pointwise::Formula> PairFormula for F {
    fn reference(&self, numbers: [f64; 4]) -> (f64, [f64; 4]) {
        pointwise::Formula::reference(self, numbers)
    }

    fn value(&self, numbers: [f32; 4]) -> f32 {
        pointwise::Formula::value(self, numbers)
    }

    fn gradient(&self, numbers: [f32; 4]) -> [f32; 4] {
        pointwise::Formula::gradient(self, numbers)
    }
}
