//! `wgloss eval`: a loss, and its gradients, of arrays in files.

use crate::arguments;
use crate::error::{Error, Result};
use crate::files::Input;
use crate::outputs::{Content, Output, save};
use crate::report::{Chosen, Report, Terms};
use crate::tell;
use clap::{Args, ValueEnum};
use wgloss::{Backend, Batch, DType, Evaluation, Gpu, Loss, Reduction, Tensor};

/// The arguments of `wgloss eval`.
#[derive(Debug, Args)]
#[command(after_help = "\
Files: .npy, .npz:MEMBER and .safetensors:MEMBER (MEMBER may be left out where there is only one) of
float16, bfloat16 (.safetensors), float32, float64 (rounded to float32) and every integer type.

Example: wgloss eval cross_entropy input=logits.npy target=data.npz:labels label_smoothing=0.1")]
pub(crate) struct Eval {
    /// The loss; `wgloss list` shows them
    loss: String,
    /// An input of the loss and its file, or an option and its value
    #[arg(value_name = "NAME=VALUE", required = true)]
    arguments: Vec<String>,
    /// How the losses are combined, `mean` for most losses; with `none`, their shape, count, mean,
    /// minimum and maximum are printed, and --out writes them
    #[arg(long, value_parser = ["none", "mean", "sum", "batchmean"])]
    reduction: Option<String>,
    /// Write the gradient of an input to a .npy file (float32)
    #[arg(long, value_name = "NAME=FILE")]
    grad: Vec<String>,
    /// Write the unreduced losses to a .npy file (float32); with another reduction than `none`
    /// they are evaluated on their own, and the times are not theirs
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
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
    pub(crate) fn run(self) -> Result<String> {
        let mut loss = wgloss::by_name(&self.loss)?;
        let default = loss.definition().reductions.first().copied().unwrap_or_default();
        let reduction = self.reduction.as_deref().map_or(Ok(default), str::parse)?;
        let names: Vec<_> = loss.definition().inputs.iter().map(|input| input.name).collect();
        let files = arguments::assign(loss.as_mut(), &self.arguments, &names)?;
        let gradients = self.gradients(&names)?;
        self.check_place()?;
        let outputs = self.outputs(&gradients)?;
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
        let batch = Batch { inputs: &tensors, reduction, gradients: &wanted, ..Batch::default() };
        let batch = Batch { totals, ..batch };
        let evaluation = backend.evaluate_blocking(loss.as_ref(), &batch)?;
        let terms = self.terms(&backend, loss.as_ref(), &batch, &evaluation)?;
        for input in inputs.iter().filter(|input| input.dtype == DType::F64) {
            tell(&format!("note: {}: {}: float64 rounded to float32", input.name, input.file));
        }
        let arrays = evaluation.gradients.iter().map(|(_, tensor)| tensor).chain(&terms);
        let totals = evaluation.totals.iter().map(Content::Totals);
        save(outputs.iter().zip(arrays.map(Content::Array).chain(totals)))?;

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
                Backend::Gpu(gpu) => Some(gpu.adapter_info()),
                Backend::Cpu => None,
            },
            inputs: &inputs,
            options: Chosen::of(loss.as_mut())?,
            timings: evaluation.timings,
            timed: self.timings,
            outputs: outputs.iter().map(|output| output.path.as_str()).collect(),
        };
        Ok(if self.json { report.json() } else { report.text() })
    }

    /// The inputs whose gradients are wanted, and the files for them.
    fn gradients(&self, inputs: &[&str]) -> Result<Vec<(&str, &str)>> {
        let mut gradients: Vec<(&str, &str)> = Vec::new();
        for text in &self.grad {
            let (name, file) = arguments::split("--grad", text, inputs)?;
            if !inputs.contains(&name) {
                return Err(Error::unknown("gradient", name, inputs));
            }
            if gradients.iter().any(|(other, _)| *other == name) {
                let argument = format!("--grad {name}");
                return Err(wgloss::Error::Repeated { argument, times: 2 }.into());
            }
            gradients.push((name, file));
        }
        Ok(gradients)
    }

    /// The files to write: the gradients in their order, then the losses, then the totals.
    fn outputs(&self, gradients: &[(&str, &str)]) -> Result<Vec<Output>> {
        let mut outputs: Vec<Output> = Vec::new();
        let grad = gradients.iter().map(|(name, file)| (format!("--grad {name}"), *file));
        let out = self.out.iter().map(|file| ("--out".to_string(), &**file));
        let arrays = grad.chain(out).map(|(argument, file)| (argument, file, "npy"));
        let totals = self.totals.iter().map(|file| ("--totals".to_string(), &**file, "json"));
        for (argument, file, ending) in arrays.chain(totals) {
            let output = Output::new(argument, file, ending)?;
            if let Some(other) = outputs.iter().find(|other| other.place == output.place) {
                let problem = format!("already the file of {}", other.argument);
                return Err(Error::file(&output.argument, file, problem));
            }
            outputs.push(output);
        }
        Ok(outputs)
    }

    /// The unreduced losses, if they are to be written.
    fn terms(
        &self,
        backend: &Backend,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        evaluation: &Evaluation,
    ) -> Result<Option<Tensor<'static>>> {
        if self.out.is_none() {
            return Ok(None);
        }
        if batch.reduction == Reduction::None {
            return Ok(evaluation.value.clone());
        }
        let batch =
            Batch { reduction: Reduction::None, gradients: &[], totals: false, ..batch.clone() };
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

    fn place(&self) -> Result<Backend> {
        let named = |name| pollster::block_on(Gpu::with_adapter_named(Some(name)));
        match (self.backend, &self.adapter) {
            (Place::Cpu, _) => Ok(Backend::Cpu),
            (_, Some(name)) => Ok(Backend::Gpu(named(name)?)),
            (Place::Gpu, None) => Ok(Backend::Gpu(Gpu::new_blocking()?)),
            (Place::Auto, None) => {
                let (backend, reason) = pollster::block_on(Backend::auto());
                if let Some(reason) = reason {
                    let reason = Error::from(reason).line();
                    tell(&format!("note: running on the CPU: {reason}"));
                }
                Ok(backend)
            }
        }
    }
}
