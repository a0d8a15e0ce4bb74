//! `wgloss list`: the catalogue.

use crate::error::{Error, Result};
use clap::Args;
use serde_json::Value;
use wgloss::definition::{Definition, Input};
use wgloss::{Loss, catalogue};
use wgloss_kit::catalogue::reductions;

/// The arguments of `wgloss list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only losses whose name, alias or summary has this text, in any case
    filter: Option<String>,
    /// Print a Markdown table
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print one JSON array: the losses with names, summary, formula, documentation in Markdown,
    /// the arguments of PyTorch's function in their order (behind a * by name only), inputs,
    /// options (their defaults, what is valid and the words to choose from) and reductions, the
    /// default first; for an error one JSON object
    #[arg(long)]
    json: bool,
}

impl List {
    /// The list.
    pub(crate) fn run(&self) -> Result<String> {
        let mut losses = catalogue();
        if let Some(filter) = &self.filter {
            losses.retain(|loss| has(loss.definition(), filter));
            if losses.is_empty() {
                let names: Vec<_> =
                    catalogue().iter().flat_map(|loss| loss.definition().names()).collect();
                return Err(Error::unknown("loss", filter, &names));
            }
        }
        Ok(match (self.markdown, self.json) {
            (true, _) => markdown(losses),
            (_, true) => format!("{}\n", json(&mut losses)),
            _ => text(losses),
        })
    }
}

/// Whether a text stands in a loss's names or summary, or is another spelling of a name.
fn has(definition: &Definition, text: &str) -> bool {
    let text_in = |own: &str| own.to_lowercase().contains(&text.to_lowercase());
    let named = wgloss::by_name(text).is_ok_and(|loss| loss.definition().name == definition.name);
    named || definition.names().any(text_in) || text_in(definition.summary)
}

fn text(losses: Vec<Box<dyn Loss>>) -> String {
    let entry = |loss: Box<dyn Loss>| {
        let definition = loss.definition();
        let options = options(loss.as_ref(), "=");
        let mut entry = format!("{}\n  {}\n", names(definition).join(", "), definition.summary);
        entry += &format!("  inputs      {}\n", inputs(definition));
        if !options.is_empty() {
            entry += &format!("  options     {}\n", options.join(", "));
        }
        entry + &format!("  reductions  {}\n\n", reductions(definition).join(", "))
    };
    let list: String = losses.into_iter().map(entry).collect();
    list + "* has a gradient, [may be left out]\n"
}

/// The losses for programs.
fn json(losses: &mut [Box<dyn Loss>]) -> Value {
    losses.iter_mut().map(|loss| wgloss_kit::catalogue::json(loss.as_mut())).collect()
}

/// The inputs on one line.
pub(crate) fn inputs(definition: &Definition) -> String {
    let shown = |input: &Input| {
        let mark = if input.differentiable { "*" } else { "" };
        bracketed(input, format!("{}{mark}", input.name))
    };
    definition.inputs.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// The options with their values.
pub(crate) fn options(loss: &dyn Loss, between: &str) -> Vec<String> {
    let options = loss.values().into_iter();
    options.map(|(name, value)| format!("{name}{between}{value}")).collect()
}

/// The name and the aliases.
pub(crate) fn names(definition: &Definition) -> Vec<&'static str> {
    definition.names().collect()
}

fn bracketed(input: &Input, text: String) -> String {
    if input.optional { format!("[{text}]") } else { text }
}

fn markdown(losses: Vec<Box<dyn Loss>>) -> String {
    let mut table = String::from(
        "| Loss | Inputs | Options | Reductions | Formula |\n| --- | --- | --- | --- | --- |\n",
    );
    for loss in losses {
        let definition = loss.definition();
        let options: Vec<_> = options(loss.as_ref(), "=").iter().map(|o| code(o)).collect();
        let shown = |input: &Input| {
            // \u{2202} is the sign of a partial derivative.
            let mark = if input.differentiable { " \u{2202}" } else { "" };
            bracketed(input, format!("{}{mark}", code(input.name)))
        };
        let names: Vec<_> = names(definition).into_iter().map(code).collect();
        let inputs: Vec<_> = definition.inputs.iter().map(shown).collect();
        table += &format!(
            "| {} | {} | {} | {} | {} |\n",
            names.join(", "),
            inputs.join(", "),
            options.join(", "),
            reductions(definition).join(", "),
            code(definition.formula),
        );
    }
    table
}

/// Code in a table's cell, where a bar would end the cell even so.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}
