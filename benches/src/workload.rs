//! A loss with its inputs and what is asked of it.

use wgloss::{Batch, DType, GradientType, Loss, Reduction, Request, Tensor, TensorKind};

/// What is timed: a loss, inputs of some shapes, and the value with or without gradients.
#[derive(Debug)]
pub struct Workload {
    /// What it is called.
    pub name: &'static str,
    /// The loss.
    pub loss: Box<dyn Loss>,
    /// The inputs.
    pub inputs: Vec<Input>,
    /// The inputs whose gradients are computed with the value.
    pub gradients: Vec<&'static str>,
    /// How the terms are combined.
    pub reduction: Reduction,
}

/// An input of a workload.
#[derive(Debug)]
pub struct Input {
    /// What the loss calls it.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What it holds.
    pub numbers: Numbers,
}

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Numbers {
    /// Numbers of mean 0 and variance 1, much like standard normals.
    Normal,
    /// The same divided by the root of a linear layer's features, as its weights are. With larger ones
    /// most probabilities are 0 or denormal, on which processors multiply slowly.
    Weights(usize),
    /// Evenly from 0 to 1.
    Uniform,
    /// 1 or -1.
    Signs,
    /// Boxes, four numbers each: corners from 0 to 1, and others above them by 0 to 1.
    Boxes,
    /// Probabilities over the last dimension.
    Softmax,
    /// Their logarithms.
    LogSoftmax,
    /// Integers from the first to before the second.
    Within(i64, i64),
    /// One integer, everywhere.
    All(i64),
}

impl Input {
    /// Its type, if floats have this one, and its shape.
    pub fn kind(&self, dtype: DType) -> TensorKind {
        let integers = matches!(self.numbers, Numbers::Within(..) | Numbers::All(_));
        TensorKind::new(if integers { DType::I64 } else { dtype }, self.shape.as_slice())
    }
}

impl Workload {
    /// The inputs' types and shapes.
    pub fn kinds(&self, dtype: DType) -> Vec<(&'static str, TensorKind)> {
        self.inputs.iter().map(|input| (input.name, input.kind(dtype))).collect()
    }

    /// What is wanted: gradients have their inputs' types.
    pub fn request(&self) -> Request<'_> {
        Request {
            reduction: self.reduction,
            gradients: &self.gradients,
            gradient_type: GradientType::Input,
            ..Request::default()
        }
    }

    /// The same with data.
    pub fn batch<'a>(&'a self, tensors: &'a [(&'a str, Tensor<'a>)]) -> Batch<'a> {
        Batch { inputs: tensors, request: self.request(), ..Batch::default() }
    }

    /// The bytes of all inputs.
    pub fn input_bytes(&self, dtype: DType) -> u64 {
        self.kinds(dtype).iter().map(|(_, kind)| bytes(kind)).sum()
    }

    /// The bytes that must move: each input once, each output once.
    pub fn bytes(&self, dtype: DType) -> u64 {
        let kinds = self.kinds(dtype);
        let gradients = kinds.iter().filter(|(name, _)| self.gradients.contains(name));
        let gradients: u64 = gradients.map(|(_, kind)| bytes(kind)).sum();
        self.input_bytes(dtype) + gradients + 4
    }
}

/// The bytes of a tensor, rounded up to what a buffer can have.
pub(crate) fn bytes(kind: &TensorKind) -> u64 {
    let elements: u64 = kind.shape.iter().map(|&size| size as u64).product();
    (elements * kind.dtype.size() as u64).next_multiple_of(4)
}
