//! `wgloss list`: the catalogue.

use clap::Args;
use wgloss::definition::{Definition, Input};
use wgloss::{Loss, catalogue};

/// The arguments of `wgloss list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print a Markdown table
    #[arg(long)]
    markdown: bool,
}

impl List {
    /// The list.
    pub(crate) fn run(&self) -> String {
        if self.markdown { markdown() } else { text() }
    }
}

fn text() -> String {
    let entry = |mut loss: Box<dyn Loss>| {
        let definition = loss.definition();
        let options = options(loss.as_mut(), "=");
        let mut entry = format!("{}\n  {}\n", names(definition).join(", "), definition.summary);
        entry += &format!("  inputs      {}\n", inputs(definition));
        if !options.is_empty() {
            entry += &format!("  options     {}\n", options.join(", "));
        }
        entry + &format!("  reductions  {}\n\n", reductions(definition).join(", "))
    };
    let list: String = catalogue().into_iter().map(entry).collect();
    list + "* has a gradient, [may be left out]\n"
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
pub(crate) fn options(loss: &mut dyn Loss, between: &str) -> Vec<String> {
    let options = loss.options().into_iter();
    options.map(|(name, value)| format!("{name}{between}{}", value.value())).collect()
}

/// The values of the options.
pub(crate) fn values(loss: &mut dyn Loss) -> Vec<String> {
    loss.options().iter().map(|(_, value)| value.value()).collect()
}

/// The name and the aliases.
pub(crate) fn names(definition: &Definition) -> Vec<&'static str> {
    std::iter::once(definition.name).chain(definition.aliases.iter().copied()).collect()
}

fn reductions(definition: &Definition) -> Vec<&'static str> {
    definition.reductions.iter().map(|reduction| reduction.name()).collect()
}

fn bracketed(input: &Input, text: String) -> String {
    if input.optional { format!("[{text}]") } else { text }
}

fn markdown() -> String {
    let mut table = String::from(
        "| Loss | Inputs | Options | Reductions | Formula |\n| --- | --- | --- | --- | --- |\n",
    );
    for mut loss in catalogue() {
        let definition = loss.definition();
        let options: Vec<_> = options(loss.as_mut(), "=").iter().map(|o| code(o)).collect();
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
