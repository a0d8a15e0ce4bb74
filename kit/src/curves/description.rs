//! A curve as data: what there is to choose and to set.

use super::inputs::{Held, Inputs, element, range};
use super::numbers::Numbers;
use serde::Serialize;
use wgloss::Loss;

/// The inputs of a curve, and what varies.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// The loss's name.
    pub loss: &'static str,
    /// The inputs in their order.
    pub inputs: Vec<Field>,
    /// The number that varies, as [`Curve::new`](super::Curve::new) takes it.
    pub by: String,
    /// The name of the number that varies, for an axis.
    pub label: String,
    /// What the other numbers are, in words.
    pub others: String,
    /// The numbers between which it is drawn if nobody says.
    pub range: [f32; 2],
}

/// An input, with its numbers at a point of the curve.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Field {
    /// The input's name.
    pub name: &'static str,
    /// Whether it may be absent.
    pub optional: bool,
    /// Whether it is there; one that is given or varies is.
    pub present: bool,
    /// Whether its numbers were given.
    pub given: bool,
    /// Whether it holds whole numbers.
    pub integers: bool,
    /// Whether its numbers are logits: the input is their log-softmax along the last dimension.
    pub logits: bool,
    /// Its shape at a point: empty for a single number.
    pub shape: Vec<usize>,
    /// Its numbers in row-major order; of an absent input those that it has when it is given.
    pub numbers: Numbers,
    /// The domain's name.
    pub domain: String,
    /// The numbers between which a slider moves.
    pub range: [f32; 2],
    /// Its numbers that can vary, as [`Curve::new`](super::Curve::new) takes them; none without a gradient.
    pub by: Vec<String>,
}

impl Description {
    pub(super) fn new(loss: &dyn Loss, inputs: &Inputs) -> Self {
        Self {
            loss: loss.definition().name,
            inputs: inputs.all.iter().map(|held| field(loss, held)).collect(),
            by: inputs.by(),
            label: inputs.label(),
            others: inputs.others(),
            range: inputs.range(),
        }
    }
}

fn field(loss: &dyn Loss, held: &Held) -> Field {
    let input = held.input;
    let gradient = loss.definition().input(input.name).and_then(|i| loss.check_gradient(i));
    let varies = input.differentiable && gradient.is_ok();
    let places = if varies { held.varied.iter().product() } else { 0 };
    #[expect(clippy::cast_precision_loss, reason = "classes and lengths are few")]
    let within = held.within.map(|ends| ends.map(|end| end as f32));
    Field {
        name: input.name,
        optional: input.optional,
        present: held.present,
        given: held.given,
        integers: held.within.is_some(),
        logits: held.logits,
        shape: held.shape.clone(),
        numbers: held.numbers.clone(),
        domain: input.domain.to_string(),
        range: within.unwrap_or(range(input.domain)),
        by: (0..places).map(|place| element(input.name, &held.varied, place)).collect(),
    }
}
