//! The mathematics of a pointwise loss on the CPU.

use std::fmt::Debug;

/// The loops over a block, compiled for each loss and instruction set with the mathematics inlined.
pub(crate) trait Loops<const N: usize = 4> {
    /// Runs them.
    fn run<L: Formula<N>>(self, loss: &L);
}

/// A pointwise loss on the CPU, of N numbers a term. These are the arguments in the order of the
/// definition's inputs without the weight, an absent one counts as its role says, and places past the
/// last are unused. The numbers of an argument that is a vector follow one another.
pub(crate) trait Formula<const N: usize = 4>: Debug + Send + Sync {
    /// Runs the loops over a block. Where the mathematics branches on a choice, it runs them with a copy in
    /// which that is a constant, so that nothing of the others is in the loops.
    #[inline(always)]
    fn run<T: Loops<N>>(&self, loops: T)
    where
        Self: Sized,
    {
        loops.run(self);
    }

    /// The textbook value and derivatives in float64: what tests compare with.
    fn reference(&self, x: [f64; N]) -> (f64, [f64; N]);

    /// The value in float32.
    fn value(&self, x: [f32; N]) -> f32;

    /// The derivative with respect to each number in float32.
    fn gradient(&self, x: [f32; N]) -> [f32; N];
}
