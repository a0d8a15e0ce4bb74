//! The mathematics of a loss over regions on the CPU.

use crate::definition::choices;
use std::fmt::Debug;

choices! {
    /// What turns the input of a loss over regions into probabilities.
    pub enum Activation {
        /// Nothing: it holds them.
        None = "none",
        /// The sigmoid of each number.
        Sigmoid = "sigmoid",
        /// The softmax over the classes, before the background is left out.
        Softmax = "softmax",
    }
}

/// The options that say which sums there are: all losses over regions have them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    /// What turns the input into probabilities.
    pub(crate) activation: Activation,
    /// Whether the first class counts.
    pub(crate) include_background: bool,
    /// Whether the sums are over the batch too.
    pub(crate) batch: bool,
}

/// What a voxel holds for one class. The rests are as exact as the numbers themselves where these come from logits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voxel {
    /// The probability.
    pub(crate) p: f32,
    /// What is missing to 1.
    pub(crate) rest_p: f32,
    /// The target.
    pub(crate) y: f32,
    /// What is missing to 1.
    pub(crate) rest_y: f32,
}

/// A loss over regions, the sums of which are K numbers.
pub(crate) trait Formula<const K: usize>: Debug + Send + Sync {
    /// Whether all classes of an item are one term, each with its importance.
    const JOINS: bool = false;

    /// Which sums there are.
    fn common(&self) -> Common;

    /// The textbook term and its derivatives in float64: what tests compare with. A term is of one region, or where
    /// they are joined of one for each class; of each voxel there are p and y.
    fn reference(&self, regions: &[Vec<[f64; 2]>]) -> Textbook;

    /// What is added up over the voxels of a region.
    fn sums(&self, v: &Voxel) -> [f32; K];

    /// How much the class with these sums counts in its item, where all are one term; where that is 0 it is as
    /// much as the largest.
    fn importance(&self, _own: [f32; K]) -> f32 {
        1.0
    }

    /// The term of these sums: those of its region, or of all classes' together.
    fn value(&self, total: [f32; K]) -> f32;

    /// What the slopes of its voxels are made with: the derivatives by the sums.
    fn factors(&self, total: [f32; K]) -> [f32; K];

    /// The slopes by p and y.
    fn slopes(&self, v: &Voxel, by: [f32; K]) -> [f32; 2];
}

/// A term and its derivatives, of each voxel of each region those by p and y.
#[derive(Clone, Debug)]
pub(crate) struct Textbook {
    /// The term.
    pub(crate) value: f64,
    /// The size of what cancels in it, if that is more than itself.
    pub(crate) size: f64,
    /// For each region those of its voxels.
    pub(crate) slopes: Vec<Vec<[f64; 2]>>,
}
