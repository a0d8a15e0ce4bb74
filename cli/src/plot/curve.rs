//! The curves that the words of a command line are.

use crate::arguments::{self, Chosen};
use crate::error::{Error, Result};
use std::path::Path;
use wgloss_kit::curves;

/// A curve with the words that it is of.
#[derive(Debug)]
pub(super) struct Curve {
    /// With the options and numbers that were given.
    pub(super) name: String,
    pub(super) loss: &'static str,
    pub(super) curve: curves::Curve,
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
        let curve = curves::Curve::new(chosen.into_loss(), &given, by)?;
        let words = std::iter::once(definition.name);
        let words = words.chain(arguments.iter().map(String::as_str));
        let name = words.collect::<Vec<_>>().join(" ");
        Ok(Self { name, loss: definition.name, curve })
    }
}
