//! `wgloss show`: what a loss computes, and the kernels that do.

use crate::arguments::{Chosen, Which};
use crate::error::Result;
use crate::{arguments, list};
use clap::Args;
use wgloss::loss::{Definition, Family, Options, Role};
use wgloss::{Custom, DType, Loss, Plan, Reduction, Request, TensorKind};

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
        let inputs = example(loss.as_ref());
        let gradients = differentiable(definition);
        let mean = definition.reductions.contains(&Reduction::Mean);
        let first = definition.reductions.first().copied().unwrap_or_default();
        let reduction = if mean { Reduction::Mean } else { first };
        let request =
            Request { inputs: &inputs, reduction, gradients: &gradients, ..Request::default() };
        let kernels = Plan::sources(loss.as_ref(), &request)?;

        let mut text = format!("// {}\n", list::names(definition).join(", "));
        text += &format!("// {}\n//\n", definition.summary);
        text += &format!("//     {}\n//\n", definition.formula);
        text += &format!("// inputs:  {}\n", list::inputs(definition));
        text += "//          (* has a gradient, [may be left out])\n";
        let options = list::options(loss.as_mut(), "=");
        let options = if options.is_empty() { "none".into() } else { options.join(", ") };
        text += &format!("// options: {options}\n//\n");
        let shapes =
            inputs.iter().map(|(name, kind)| format!("{name} {} {:?}", kind.dtype, kind.shape));
        let shapes = shapes.collect::<Vec<_>>().join(", ");
        let of: String = gradients.iter().map(|name| format!(", gradient of {name}")).collect();
        text += &format!("// The kernels below: {shapes}; reduction {reduction}{of}.\n");
        for (i, (label, source)) in kernels.iter().enumerate() {
            let bar = "=".repeat(12);
            text += &format!("\n// {bar} kernel {} of {}: {label} {bar}\n\n", i + 1, kernels.len());
            text += source.trim_end();
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

/// The inputs that must be given, in shapes that fit together.
fn example(loss: &dyn Loss) -> Vec<(&'static str, TensorKind)> {
    let inputs = loss.definition().inputs.iter();
    if let Family::Own(own) = loss.family() {
        return inputs.map(|input| input.name).zip(own.example()).collect();
    }
    let kind = |role: Role| match role {
        Role::Rows => TensorKind { dtype: DType::F32, shape: vec![64, 1000] },
        Role::Index | Role::IndexOrRows => TensorKind { dtype: DType::I64, shape: vec![64] },
        Role::Classes => TensorKind { dtype: DType::F32, shape: vec![1000] },
        Role::Scores | Role::Features => TensorKind { dtype: DType::F32, shape: vec![64, 1000] },
        Role::Labels => TensorKind { dtype: DType::F32, shape: vec![64] },
        _ => TensorKind { dtype: DType::F32, shape: vec![3, 4096] },
    };
    inputs.filter(|input| !input.optional).map(|input| (input.name, kind(input.role))).collect()
}

/// The first input, if it has a gradient.
fn differentiable(definition: &Definition) -> Vec<&'static str> {
    let first = definition.inputs.first();
    first.filter(|input| input.differentiable).map(|input| input.name).into_iter().collect()
}
