//! The options of a loss, set by text and told as JSON.

use crate::error::{Error, Result};
use crate::numbers;
use serde_json::{Value, json};
use wgloss::Loss;
use wgloss::definition::Setting;

/// An option's value for programs: a number as it is written, not as float32 rounds it.
pub fn json(setting: &Setting<'_>) -> Value {
    let text = setting.value();
    match setting {
        Setting::Number(_) | Setting::OptionalNumber(Some(_)) => {
            numbers::json(text.parse().unwrap_or(f64::NAN))
        }
        Setting::OptionalInteger(Some(x)) => json!(*x),
        Setting::OptionalNumber(None) | Setting::OptionalInteger(None) => Value::Null,
        Setting::Integer(x) => json!(**x),
        Setting::Flag(x) => json!(**x),
        Setting::Numbers(_) => {
            let number = |text: &str| numbers::json(text.parse().unwrap_or(f64::NAN));
            text.split(',').map(number).collect()
        }
        Setting::Integers(all) => json!(**all),
        _ => json!(text),
    }
}

/// What messages call a name of one of the inputs or of the loss's options, and these names.
pub fn known<'a>(loss: &dyn Loss, inputs: &[&'a str]) -> (&'static str, Vec<&'a str>) {
    let what = if inputs.is_empty() { "option" } else { "input or option" };
    let options = loss.values().into_iter().map(|(name, _)| name);
    (what, inputs.iter().copied().chain(options).collect())
}

/// Sets the options among names and texts, and returns the rest, which are of the inputs.
///
/// # Errors
/// If a name is neither, or is given twice, or a text is no value of its option.
pub fn assign<'a>(
    loss: &mut dyn Loss,
    pairs: &[(&'a str, &'a str)],
    inputs: &[&'static str],
) -> Result<Vec<(&'static str, &'a str)>> {
    for (name, _) in pairs {
        let times = pairs.iter().filter(|(other, _)| other == name).count();
        if times > 1 {
            return Err(wgloss::Error::Repeated { argument: (*name).into(), times }.into());
        }
    }
    let (mut others, mut options) = (Vec::new(), Vec::new());
    for &(name, text) in pairs {
        if let Some(input) = inputs.iter().find(|input| **input == name) {
            others.push((*input, text));
        } else if let Some((_, mut option)) = loss.options().into_iter().find(|(n, _)| *n == name) {
            option.set(name, text)?;
            options.push((name, text));
        } else {
            let (what, known) = known(loss, inputs);
            return Err(Error::unknown(what, name, &known));
        }
    }
    loss.validate().map_err(|error| as_written(error, &options))?;
    Ok(others)
}

/// An error that shows an option as it was written, not as float32 has it.
fn as_written(error: wgloss::Error, options: &[(&str, &str)]) -> wgloss::Error {
    match error {
        wgloss::Error::Argument { argument, got, expected } => {
            let written = options.iter().find(|(name, _)| *name == argument);
            let got = written.map_or(got, |(_, text)| (*text).into());
            wgloss::Error::Argument { argument, got, expected }
        }
        other => other,
    }
}
