//! Losses and their slopes, evaluated point by point.

use super::inputs::Inputs;
use crate::arguments::{self, Chosen};
use crate::error::{Error, Result};
use std::path::Path;
use wgloss::{Batch, Evaluator, Reduction, Request, Tensor};

/// A loss with its options and the numbers of its inputs.
#[derive(Debug)]
pub(super) struct Curve {
    /// With the options and numbers that were given.
    pub(super) name: String,
    pub(super) loss: &'static str,
    pub(super) inputs: Inputs,
    chosen: Chosen,
}

/// The words that start with a loss, and what follows it.
#[derive(Debug)]
pub(super) struct Words<'a> {
    loss: &'a str,
    /// Whether the loss is a file whatever it is called.
    custom: bool,
    arguments: &'a [String],
}

/// Cuts the words before each loss. What stands before all of them is of the custom loss.
pub(super) fn split<'a>(custom: Option<&'a str>, words: &'a [String]) -> Result<Vec<Words<'a>>> {
    let is_loss = |word: &String| !word.contains('=');
    let first = words.iter().position(is_loss).unwrap_or(words.len());
    let (before, mut rest) = words.split_at(first);
    if let (None, [word, ..]) = (custom, before) {
        return Err(Error::argument("LOSS", word, "a loss before its options and inputs"));
    }
    let custom = custom.map(|loss| Words { loss, custom: true, arguments: before });
    let mut all: Vec<Words<'_>> = custom.into_iter().collect();
    while let [loss, after @ ..] = rest {
        let next = after.iter().position(is_loss).unwrap_or(after.len());
        let (arguments, others) = after.split_at(next);
        all.push(Words { loss, custom: false, arguments });
        rest = others;
    }
    Ok(all)
}

impl Curve {
    /// The loss and its inputs, plotted by one of them.
    pub(super) fn new(words: &Words<'_>, by: Option<&str>) -> Result<Self> {
        let arguments = words.arguments;
        let is_file = Path::new(words.loss).extension().is_some_and(|ending| ending == "wgsl");
        let mut chosen = if words.custom || is_file {
            Chosen::Custom(arguments::custom(words.loss)?)
        } else {
            Chosen::Known(wgloss::by_name(words.loss)?)
        };
        let loss = chosen.loss();
        let definition = loss.definition();
        let names: Vec<_> = definition.inputs.iter().map(|input| input.name).collect();
        let given = arguments::assign(loss, arguments, &names)?;
        let inputs = Inputs::new(loss, by, &given)?;
        let words = std::iter::once(definition.name);
        let words = words.chain(arguments.iter().map(String::as_str));
        let name = words.collect::<Vec<_>>().join(" ");
        Ok(Self { name, loss: definition.name, inputs, chosen })
    }

    /// The losses and their slopes at some numbers.
    pub(super) fn evaluate(&mut self, xs: &[f32]) -> Result<[Vec<f32>; 2]> {
        let by = [self.inputs.name()];
        let request = Request { reduction: Reduction::None, gradients: &by, ..Request::default() };
        let inputs = self.inputs.tensors(xs)?;
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let evaluation = Evaluator::Cpu.evaluate_blocking(self.chosen.loss(), &batch)?;
        let numbers = |tensor: &Tensor<'_>| tensor.to_f32().into_owned();
        let losses = evaluation.value.as_ref().map(numbers).unwrap_or_default();
        let gradients = evaluation.gradients.first().map(|(_, tensor)| numbers(tensor));
        Ok([losses, self.inputs.slopes(&gradients.unwrap_or_default())])
    }
}
