//! `wgloss eval`: a loss, and its gradients, of arrays in files.

use crate::arguments::{self, Chosen, Which};
use crate::error::{Error, Result};
use crate::files::Input;
use crate::list;
use crate::outputs::{Content, Output, save};
use crate::plot::{self, Format};
use crate::report::{Report, Setting, Terms};
use crate::tell;
use clap::{Args, ValueEnum};
use wgloss::{Batch, DType, Evaluation, Evaluator, Gpu, Loss, Reduction, Request, Tensor};

/// The arguments of `wgloss eval`.
#[derive(Debug, Args)]
#[command(after_help = "\
Files: .npy, .npz:MEMBER and .safetensors:MEMBER (MEMBER may be left out where there is only one) of
float16, bfloat16 (.safetensors), float32, float64 (rounded to float32) and every integer type.

Examples: wgloss eval cross_entropy input=logits.npy target=data.npz:labels label_smoothing=0.1
          wgloss eval --custom my_loss.wgsl p=preds.npy t=targets.npy delta=0.5 --grad p=g.npy")]
pub(crate) struct Eval {
    #[command(flatten)]
    which: Which,
    /// An input of the loss and its file, or an option and its value
    #[arg(value_name = "NAME=VALUE")]
    arguments: Vec<String>,
    /// How the losses are combined, `mean` for most losses; with `none`, their shape, count, mean,
    /// minimum and maximum are printed, and --out writes them
    #[arg(long, value_parser = ["none", "mean", "sum", "batchmean"])]
    reduction: Option<String>,
    /// Write the gradient of an input to a .npy file (float32)
    #[arg(long, value_name = "NAME=FILE")]
    grad: Vec<String>,
    /// Write the second derivative of a custom loss by an input, element by element, to a .npy file
    /// (float32)
    #[arg(long, value_name = "NAME=FILE", requires = "custom")]
    second: Vec<String>,
    /// Write the unreduced losses to a .npy file (float32); with another reduction than `none`
    /// they are evaluated on their own, and the times are not theirs
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
    /// Draw a histogram of the unreduced losses, a .svg or .png file
    #[arg(long, value_name = "FILE")]
    histogram: Option<String>,
    /// Write the totals to a .json file: `wgloss total` adds up those of a batch's parts
    #[arg(long, value_name = "FILE")]
    totals: Option<String>,
    /// Where to evaluate; `auto` is the GPU if there is one
    #[arg(long, default_value = "auto")]
    backend: Place,
    /// The GPU adapter whose name contains this, in any case
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Print where the time went, and which clock timed the kernels: the GPU's timestamps, or the
    /// host's wall clock
    #[arg(long)]
    timings: bool,
    /// Print one JSON object, always with the times
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Place {
    Auto,
    Gpu,
    Cpu,
}

impl Eval {
    /// Evaluates, writes the files that were asked for, and returns the report.
    pub(crate) fn run(mut self) -> Result<String> {
        let mut chosen = self.which.open(&mut self.arguments)?;
        let loss = chosen.loss();
        let untouched = list::values(loss);
        let default = loss.definition().reductions.first().copied().unwrap_or_default();
        let reduction = self.reduction.as_deref().map_or(Ok(default), str::parse)?;
        let names: Vec<_> = loss.definition().inputs.iter().map(|input| input.name).collect();
        let files = arguments::assign(loss, &self.arguments, &names)?;
        let gradients = slopes("--grad", &self.grad, &names)?;
        let seconds = slopes("--second", &self.second, &names)?;
        self.check_place()?;
        let outputs = self.outputs(&gradients, &seconds)?;
        let inputs = files
            .into_iter()
            .map(|(name, file)| Input::open(name, file))
            .collect::<Result<Vec<_>>>()?;
        for output in &outputs {
            output.check_inputs(&inputs)?;
        }
        let backend = self.place()?;

        let tensors = inputs
            .iter()
            .map(|input| Ok((input.name, input.tensor()?)))
            .collect::<Result<Vec<_>>>()?;
        let wanted: Vec<&str> = gradients.iter().map(|(name, _)| *name).collect();
        let totals = self.totals.is_some();
        let batch = Batch {
            inputs: &tensors,
            request: Request { reduction, gradients: &wanted, totals, ..Request::default() },
            ..Batch::default()
        };
        let evaluation = backend.evaluate_blocking(chosen.loss(), &batch)?;
        let seconds = second_derivatives(&backend, &chosen, &batch, &seconds)?;
        let terms = self.terms(&backend, chosen.loss(), &batch, &evaluation)?;
        for input in inputs.iter().filter(|input| input.dtype == DType::F64) {
            tell(&format!("note: {}: {}: float64 rounded to float32", input.name, input.file));
        }
        let arrays = evaluation.gradients.iter().map(|(_, tensor)| tensor);
        let arrays = arrays.chain(&seconds).chain(terms.as_ref().filter(|_| self.out.is_some()));
        let totals = evaluation.totals.iter().map(Content::Totals);
        let histogram = self.histogram.iter().zip(&terms);
        let histogram = histogram
            .map(|(file, terms)| plot::histogram(file, chosen.loss(), &tensors, terms))
            .collect::<Result<Vec<_>>>()?;
        let pictures = histogram.iter().map(|picture| Content::Bytes(picture));
        save(outputs.iter().zip(arrays.map(Content::Array).chain(totals).chain(pictures)))?;

        let loss = chosen.loss();
        let report = Report {
            loss: loss.definition().name,
            reduction,
            value: evaluation.scalar(),
            terms: evaluation
                .value
                .as_ref()
                .filter(|_| reduction == Reduction::None)
                .map(Terms::new),
            adapter: match &backend {
                Evaluator::Gpu(gpu) => Some(gpu.adapter_info()),
                Evaluator::Cpu => None,
            },
            inputs: &inputs,
            options: Setting::all(loss, &untouched),
            timings: evaluation.timings,
            timed: self.timings,
            outputs: outputs.iter().map(|output| output.path.as_str()).collect(),
        };
        Ok(if self.json { report.json() } else { report.text() })
    }

    /// The files to write: the gradients in their order, then the second derivatives, the losses,
    /// the totals and the histogram.
    fn outputs(&self, gradients: &[(&str, &str)], seconds: &[(&str, &str)]) -> Result<Vec<Output>> {
        let mut outputs: Vec<Output> = Vec::new();
        let grad = gradients.iter().map(|(name, file)| (format!("--grad {name}"), *file));
        let second = seconds.iter().map(|(name, file)| (format!("--second {name}"), *file));
        let grad = grad.chain(second);
        let out = self.out.iter().map(|file| ("--out".to_string(), &**file));
        let arrays = grad.chain(out).map(|(argument, file)| (argument, file, "npy"));
        let totals = self.totals.iter().map(|file| ("--totals".to_string(), &**file, "json"));
        let histogram = self.histogram.iter().map(|file| ("--histogram".to_string(), &**file));
        let histogram = histogram
            .map(|(argument, file)| Ok((argument, file, Format::of("--histogram", file)?.ending())))
            .collect::<Result<Vec<_>>>()?;
        for (argument, file, ending) in arrays.chain(totals).chain(histogram) {
            let output = Output::new(argument, file, ending)?;
            if let Some(other) = outputs.iter().find(|other| other.place == output.place) {
                let problem = format!("already the file of {}", other.argument);
                return Err(Error::file(&output.argument, file, problem));
            }
            outputs.push(output);
        }
        Ok(outputs)
    }

    /// The unreduced losses, if they are to be written or drawn.
    fn terms(
        &self,
        backend: &Evaluator,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        evaluation: &Evaluation,
    ) -> Result<Option<Tensor<'static>>> {
        if self.out.is_none() && self.histogram.is_none() {
            return Ok(None);
        }
        if batch.request.reduction == Reduction::None {
            return Ok(evaluation.value.clone());
        }
        let batch = Batch {
            request: Request {
                reduction: Reduction::None,
                gradients: &[],
                totals: false,
                ..batch.request.clone()
            },
            ..batch.clone()
        };
        Ok(backend.evaluate_blocking(loss, &batch)?.value)
    }

    fn check_place(&self) -> Result<()> {
        match &self.adapter {
            Some(name) if self.backend == Place::Cpu => Err(Error::argument(
                "--adapter",
                format!("{name:?} with --backend cpu"),
                "--backend gpu or auto, or no --adapter",
            )),
            _ => Ok(()),
        }
    }

    fn place(&self) -> Result<Evaluator> {
        let named = |name| pollster::block_on(Gpu::with_adapter_named(Some(name)));
        match (self.backend, &self.adapter) {
            (Place::Cpu, _) => Ok(Evaluator::Cpu),
            (_, Some(name)) => Ok(Evaluator::Gpu(named(name)?)),
            (Place::Gpu, None) => Ok(Evaluator::Gpu(Gpu::new_blocking()?)),
            (Place::Auto, None) => {
                let (backend, reason) = pollster::block_on(Evaluator::auto());
                if let Some(reason) = reason {
                    let reason = Error::from(reason).line();
                    tell(&format!("note: running on the CPU: {reason}"));
                }
                Ok(backend)
            }
        }
    }
}

/// The inputs by which derivatives are wanted, and the files for them.
fn slopes<'a>(
    option: &str,
    texts: &'a [String],
    inputs: &[&str],
) -> Result<Vec<(&'a str, &'a str)>> {
    let mut slopes: Vec<(&str, &str)> = Vec::new();
    for text in texts {
        let (name, file) = arguments::split(option, text, inputs)?;
        if !inputs.contains(&name) {
            return Err(Error::unknown("gradient", name, inputs));
        }
        if slopes.iter().any(|(other, _)| *other == name) {
            let argument = format!("{option} {name}");
            return Err(wgloss::Error::Repeated { argument, times: 2 }.into());
        }
        slopes.push((name, file));
    }
    Ok(slopes)
}

/// The diagonals of the second derivatives of a custom loss: the gradients of its derivatives.
fn second_derivatives(
    backend: &Evaluator,
    chosen: &Chosen,
    batch: &Batch<'_>,
    wanted: &[(&str, &str)],
) -> Result<Vec<Tensor<'static>>> {
    let Chosen::Custom(custom) = chosen else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (name, _) in wanted {
        let slope = custom.derivative(name)?;
        let batch = Batch {
            request: Request {
                value: false,
                gradients: &[name],
                totals: false,
                ..batch.request.clone()
            },
            ..batch.clone()
        };
        let evaluation = backend.evaluate_blocking(&slope, &batch)?;
        all.extend(evaluation.gradients.into_iter().map(|(_, gradient)| gradient));
    }
    Ok(all)
}
