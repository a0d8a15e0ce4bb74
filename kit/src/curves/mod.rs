//! Curves of losses: one number of an input varies, the others stay.

mod description;
mod form;
mod heights;
mod inputs;
mod numbers;

pub use description::{Description, Field};
pub use heights::heights;
pub use numbers::Numbers;

use crate::error::Result;
use inputs::Inputs;
use wgloss::{Batch, Evaluator, Loss, Reduction, Request, Tensor};

/// A loss with its options, the numbers of its inputs, and which of them varies.
#[derive(Debug)]
pub struct Curve {
    loss: Box<dyn Loss>,
    inputs: Inputs,
}

/// A curve's numbers, in the order of those that it was evaluated at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// The losses.
    pub values: Vec<f32>,
    /// Their derivatives by the number that varies.
    pub slopes: Vec<f32>,
}

impl Curve {
    /// The curve of a loss by `NAME` or `NAME[INDEX]`, or by the first number of its first input with a
    /// gradient. Inputs may be given by name, as a number or as a list such as `0,1,2`; others hold
    /// usual numbers, and those that may be absent are, unless they vary.
    ///
    /// # Errors
    /// If there is no such input, number or gradient, or a text holds other numbers than the input does.
    pub fn new(
        loss: impl Into<Box<dyn Loss>>,
        given: &[(&str, &str)],
        by: Option<&str>,
    ) -> Result<Self> {
        let loss = loss.into();
        let inputs = Inputs::new(loss.as_ref(), by, given)?;
        Ok(Self { loss, inputs })
    }

    /// The loss.
    pub fn loss(&self) -> &dyn Loss {
        self.loss.as_ref()
    }

    /// What there is to choose and to set.
    pub fn description(&self) -> Description {
        Description::new(self.loss.as_ref(), &self.inputs)
    }

    /// The name of the number that varies.
    pub fn label(&self) -> String {
        self.inputs.label()
    }

    /// The numbers that were not given, and those among which one varies.
    pub fn others(&self) -> String {
        self.inputs.others()
    }

    /// The numbers between which it is drawn if nobody says.
    pub fn range(&self) -> [f32; 2] {
        self.inputs.range()
    }

    /// The inputs of a batch with a term for each of some numbers; of a loss whose shapes are its own, that
    /// of the first number.
    ///
    /// # Errors
    /// None: there are as many numbers as the shapes have.
    pub fn batch(&self, xs: &[f32]) -> Result<Vec<(&'static str, Tensor<'static>)>> {
        self.inputs.tensors(if self.inputs.one_by_one { &xs[..xs.len().min(1)] } else { xs })
    }

    /// The losses and their slopes at some numbers, by the CPU backend.
    ///
    /// # Errors
    /// What the library refuses: a class index outside its range, options that do not fit.
    pub async fn evaluate(&self, xs: &[f32]) -> Result<Points> {
        let mut points = Points::default();
        for xs in xs.chunks(if self.inputs.one_by_one { 1 } else { xs.len().max(1) }) {
            let by = [self.inputs.name()];
            let reduction = self.reduction();
            let request = Request { reduction, gradients: &by, ..Request::default() };
            let inputs = self.inputs.tensors(xs)?;
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let evaluation = Evaluator::Cpu.evaluate(self.loss.as_ref(), &batch).await?;
            let numbers = |tensor: &Tensor<'_>| tensor.to_f32().into_owned();
            points.values.extend(evaluation.value.as_ref().map(numbers).unwrap_or_default());
            let gradients = evaluation.gradients.first().map(|(_, tensor)| numbers(tensor));
            points.slopes.extend(self.inputs.slopes(&gradients.unwrap_or_default()));
        }
        Ok(points)
    }

    /// What makes one loss of what one point is made of.
    fn reduction(&self) -> Reduction {
        if !self.inputs.one_by_one {
            return Reduction::None;
        }
        let known = self.loss.definition().reductions;
        let sum = known.contains(&Reduction::Sum).then_some(Reduction::Sum);
        sum.or(known.first().copied()).unwrap_or_default()
    }
}

/// The numbers between which curves are drawn over each other if nobody says: what all of them may be.
pub fn range<'a>(curves: impl IntoIterator<Item = &'a Curve>) -> [f32; 2] {
    let ranges = curves.into_iter().map(Curve::range);
    ranges.fold([f32::NEG_INFINITY, f32::INFINITY], |[from, to], [least, largest]| {
        [from.max(least), to.min(largest)]
    })
}

/// So many numbers at the same distance, from one to another. A kink is often at a number that a share
/// of the whole meets, if it is rounded once.
pub fn points(from: f32, to: f32, count: u16) -> Vec<f32> {
    let (start, end) = (f64::from(from), f64::from(to));
    let last = f64::from(count.saturating_sub(1).max(1));
    let x = |i: u16| start + (end - start) * f64::from(i) / last;
    #[expect(clippy::cast_possible_truncation, reason = "it lies between two float32")]
    (0..count).map(|i| x(i) as f32).collect()
}
