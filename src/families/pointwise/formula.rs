//! The mathematics of a pointwise loss on the CPU.

use std::fmt::Debug;

/// A pointwise loss on the CPU. Arguments are in the order of the definition's inputs without the
/// weight, an absent one is 1, and places past the last are unused.
pub(crate) trait Formula: Debug + Send + Sync {
    /// The textbook value and derivatives in float64: what tests compare with.
    fn reference(&self, x: [f64; 4]) -> (f64, [f64; 4]);

    /// The value in float32.
    fn value(&self, x: [f32; 4]) -> f32;

    /// The derivative with respect to each argument in float32.
    fn gradient(&self, x: [f32; 4]) -> [f32; 4];
}
