//! `NAME=VALUE` on the command line.

use crate::error::{Error, Result};
use wgloss::Loss;

/// The options' names.
pub(crate) fn option_names(loss: &mut dyn Loss) -> Vec<&'static str> {
    loss.options().into_iter().map(|(name, _)| name).collect()
}

/// Splits `NAME=VALUE` at its first `=`; a file's name may hold more of them.
pub(crate) fn split<'a>(what: &str, text: &'a str, known: &[&str]) -> Result<(&'a str, &'a str)> {
    text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or_else(
        || {
            Error::argument(
                what,
                format!("{text:?}"),
                format!("NAME=VALUE, where NAME is one of {}", known.join(", ")),
            )
        },
    )
}

/// Sets the options among the arguments and returns the rest, which are inputs and their files.
pub(crate) fn assign<'a>(
    loss: &mut dyn Loss,
    arguments: &'a [String],
    inputs: &[&'static str],
) -> Result<Vec<(&'static str, &'a str)>> {
    let what = if inputs.is_empty() { "option" } else { "input or option" };
    let options = option_names(loss);
    let known: Vec<&str> = inputs.iter().chain(&options).copied().collect();
    let mut pairs = Vec::new();
    for argument in arguments {
        pairs.push(split(what, argument, &known)?);
    }
    for (name, _) in &pairs {
        let times = pairs.iter().filter(|(other, _)| other == name).count();
        if times > 1 {
            return Err(wgloss::Error::Repeated { argument: (*name).into(), times }.into());
        }
    }
    let mut files = Vec::new();
    for (name, value) in pairs {
        if let Some(input) = inputs.iter().find(|input| **input == name) {
            files.push((*input, value));
        } else if let Some((_, mut option)) = loss.options().into_iter().find(|(n, _)| *n == name) {
            option.set(name, value)?;
        } else {
            return Err(Error::unknown(what, name, &known));
        }
    }
    loss.validate()?;
    Ok(files)
}
