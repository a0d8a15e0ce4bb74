//! The catalogue for programs.

use crate::options;
use serde_json::{Value, json};
use std::collections::HashMap;
use wgloss::Loss;
use wgloss::definition::{Definition, Input, Setting};

/// A loss: its names, summary, formula, documentation, arguments, inputs, options and reductions.
pub fn json(loss: &mut dyn Loss) -> Value {
    let definition = loss.definition();
    let input = |input: &Input| {
        json!({
            "name": input.name,
            "role": input.role.to_string(),
            "domain": input.domain.to_string(),
            "optional": input.optional,
            "differentiable": input.differentiable,
            "documentation": input.documentation(),
        })
    };
    let valid: HashMap<_, _> = loss.valid().into_iter().collect();
    let described: HashMap<_, _> = loss.described().into_iter().collect();
    let option = |(name, setting): (&str, Setting<'_>)| {
        let kind = match setting {
            Setting::Number(_) | Setting::OptionalNumber(_) => "number",
            Setting::Numbers(_) => "numbers",
            Setting::Integers(_) => "integers",
            Setting::Integer(_) | Setting::OptionalInteger(_) => "integer",
            Setting::Flag(_) => "flag",
            _ => "choice",
        };
        let valid = valid.get(name).map_or(setting.expected(), |words| (*words).into());
        let choices = match &setting {
            Setting::Choice(choice) => choice.names(),
            _ => &[],
        };
        json!({
            "name": name,
            "type": kind,
            "default": options::json(&setting),
            "valid": valid,
            "choices": choices,
            "documentation": described.get(name),
        })
    };
    json!({
        "name": definition.name,
        "aliases": definition.aliases,
        "summary": definition.summary,
        "formula": definition.formula,
        "documentation": loss.documentation(),
        "arguments": definition.arguments,
        "inputs": definition.inputs.iter().map(input).collect::<Value>(),
        "options": loss.options().into_iter().map(option).collect::<Value>(),
        "reductions": reductions(definition),
    })
}

/// The names of the reductions, the default first.
pub fn reductions(definition: &Definition) -> Vec<&'static str> {
    definition.reductions.iter().map(|reduction| reduction.name()).collect()
}
