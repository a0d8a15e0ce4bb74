//! `wgloss show`: what a loss computes, and the kernels that do.

use crate::arguments::{Chosen, Which};
use crate::error::Result;
use crate::{arguments, list};
use clap::Args;
use wgloss::definition::{Definition, Options};
use wgloss::{Custom, Loss, Plan, Reduction, Request, SourceOptions};

/// The arguments of `wgloss show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    /// An option and its value
    #[arg(value_name = "NAME=VALUE")]
    options: Vec<String>,
}

impl Show {
    /// The facts as WGSL comments, and the kernels for a small example.
    pub(crate) fn run(mut self) -> Result<String> {
        let mut loss = match self.which.open(&mut self.options)? {
            Chosen::Known(loss) => loss,
            Chosen::Custom(custom) => return Ok(derived(custom)),
        };
        arguments::assign(loss.as_mut(), &self.options, &[])?;
        let definition = loss.definition();
        let inputs = loss.example();
        let gradients = differentiable(definition);
        let mean = definition.reductions.contains(&Reduction::Mean);
        let first = definition.reductions.first().copied().unwrap_or_default();
        let reduction = if mean { Reduction::Mean } else { first };
        let request = Request { reduction, gradients: &gradients, ..Request::default() };
        let kernels = Plan::sources(loss.as_ref(), &inputs, &request, SourceOptions::default())?;

        let mut text = format!("// {}\n", list::names(definition).join(", "));
        text += &format!("// {}\n//\n", definition.summary);
        text += &format!("//     {}\n//\n", definition.formula);
        text += &format!("// inputs:  {}\n", list::inputs(definition));
        text += "//          (* has a gradient, [may be left out])\n";
        let options = list::options(loss.as_ref(), "=");
        let options = if options.is_empty() { "none".into() } else { options.join(", ") };
        text += &format!("// options: {options}\n//\n");
        let shapes =
            inputs.iter().map(|(name, kind)| format!("{name} {} {:?}", kind.dtype, kind.shape));
        let shapes = shapes.collect::<Vec<_>>().join(", ");
        let of: String = gradients.iter().map(|name| format!(", gradient of {name}")).collect();
        text += &format!("// The kernels below: {shapes}; reduction {reduction}{of}.\n");
        for (i, kernel) in kernels.iter().enumerate() {
            let bar = "=".repeat(12);
            text += &format!(
                "\n// {bar} kernel {} of {}: {} {bar}\n\n",
                i + 1,
                kernels.len(),
                kernel.label
            );
            text += kernel.text.trim_end();
            text += "\n";
        }
        Ok(text)
    }
}

/// What a custom loss takes, and the WGSL that its kernels are joined with.
fn derived(mut custom: Custom) -> String {
    let definition = custom.definition();
    let inputs = list::inputs(definition);
    let parameters: Vec<_> = custom.options().into_iter().map(|(name, _)| name).collect();
    let parameters = if parameters.is_empty() { "none".into() } else { parameters.join(", ") };
    format!(
        "// {}\n//\n// inputs:     {inputs}\n//             (* has a gradient)\n\
         // parameters: {parameters}\n//\n\
         // NAME_ARGUMENT is the derivative of NAME by ARGUMENT. What neither WGSL nor this text\n\
         // has is wgloss's own: its elementary functions, which `wgloss show mse_loss` shows.\n\n{}",
        definition.name,
        custom.derived(),
    )
}

/// The first input, if it has a gradient.
fn differentiable(definition: &Definition) -> Vec<&'static str> {
    let first = definition.inputs.first();
    first.filter(|input| input.differentiable).map(|input| input.name).into_iter().collect()
}
