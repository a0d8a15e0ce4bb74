//! Small inputs of losses whose shapes are their own, and of losses of vectors.

/// What an input holds in a small batch. Numbers mean something together with those of the other inputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// The input's name.
    pub input: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers in row-major order.
    pub numbers: SampleNumbers,
}

/// The numbers of a [`Sample`].
#[derive(Clone, Debug, PartialEq)]
pub enum SampleNumbers {
    /// Numbers of the input's domain.
    Floats(Vec<f32>),
    /// Logits: the input is their log-softmax over the last dimension, and its gradient is by them.
    Logits(Vec<f32>),
    /// Integers, and the least and the largest that there may be.
    Integers(Vec<i64>, [i64; 2]),
}

impl Sample {
    /// Numbers of the input's domain.
    pub(crate) fn floats(input: &'static str, shape: &[usize], numbers: &[f32]) -> Self {
        Self { input, shape: shape.into(), numbers: SampleNumbers::Floats(numbers.into()) }
    }

    /// Log-probabilities whose gradient is by their logits.
    pub(crate) fn logits(input: &'static str, shape: &[usize], numbers: &[f32]) -> Self {
        Self { input, shape: shape.into(), numbers: SampleNumbers::Logits(numbers.into()) }
    }

    /// Integers within these two.
    pub(crate) fn integers(
        input: &'static str,
        shape: &[usize],
        numbers: &[i64],
        within: [i64; 2],
    ) -> Self {
        let numbers = SampleNumbers::Integers(numbers.into(), within);
        Self { input, shape: shape.into(), numbers }
    }
}
