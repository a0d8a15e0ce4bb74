//! `wgloss eval`: a loss, and its gradients, of arrays in files.

mod chunks;
mod job;
mod place;
mod progress;
mod taken;

use crate::arguments::{self, Chosen, Which};
use crate::error::{Error, Result};
use crate::files::{Input, is_stdin};
use crate::outputs::{Output, Writer, save};
use crate::plot;
use crate::report::{Report, Setting, Spent, Terms};
use crate::total;
use crate::{print, tell};
use chunks::{Asked, Chunks, Wanted};
use clap::Args;
use job::{Holds, Job, Outcome, Writers, problem};
use place::Place;
use std::io::Write;
use std::num::NonZeroUsize;
use std::time::Instant;
use wgloss::{Broadcast, DType, Evaluator, Reduction, Request};

/// The arguments of `wgloss eval`.
#[derive(Debug, Args)]
#[command(after_help = "\
Files: .npy, .npz:MEMBER, .safetensors:MEMBER, .parquet:COLUMN and .arrow:COLUMN (or .feather; MEMBER \
and COLUMN may be left out where there is only one) of float16, bfloat16 (.safetensors), float32, float64 \
(rounded to float32), bool and every integer type. Columns of lists of equal lengths, and of \
arrow.fixed_shape_tensor, have further axes; nulls are refused. - is standard input or output. What is \
read and written may be larger than the memory.

Shards: a folder or a pattern is one batch, the rows of its files in the order of the bytes of their \
names (part-10 comes before part-9): 'data/*.parquet:logits' or data/:logits. In a folder, hidden files \
and those whose names begin with _ are left out.

Examples: wgloss eval cross_entropy input=logits.npy target=data.npz:labels label_smoothing=0.1
          wgloss eval --custom my_loss.wgsl p=preds.npy t=targets.npy delta=0.5 --grad p=g.npy
          wgloss eval cross_entropy 'input=d/*.parquet:logits' 'target=d/*.parquet:label'
          wgloss eval mse input=p/ target=t/ --rows 4096..8192 --totals part-1.totals")]
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
    /// Write the totals to a .json file, or in their binary form to a .totals file: `wgloss total` joins
    /// those of a batch's parts
    #[arg(long, value_name = "FILE")]
    totals: Option<String>,
    /// Evaluate these rows of the batch alone, from A to before B, along the first axis; also A.. and
    /// ..B. The totals say their place, and `wgloss parts` says how a batch divides
    #[arg(long, value_name = "A..B")]
    rows: Option<Asked>,
    /// The totals of the whole batch, as `wgloss total --out` writes them: the loss is the share of these
    /// rows in the whole mean, and gradients are those of the whole mean
    #[arg(long, value_name = "FILE")]
    denominator: Option<String>,
    /// How much of the rows of shards and tables is read at a time, in MiB; while it is evaluated, as much
    /// is read
    #[arg(long, value_name = "MIB", default_value = "128")]
    chunk: NonZeroUsize,
    #[command(flatten)]
    place: Place,
    /// Print where the time went, and which clock timed the kernels: the GPU's timestamps, or the
    /// host's wall clock
    #[arg(long)]
    timings: bool,
    /// End with exit code 3 where a loss is NaN or infinite
    #[arg(long)]
    strict: bool,
    /// Show no progress and no notes
    #[arg(long)]
    quiet: bool,
    /// Print one JSON object, always with the times, and for an error too
    #[arg(long)]
    json: bool,
}

impl Eval {
    /// Evaluates, writes the files that were asked for, and returns the report.
    pub(crate) fn run(mut self) -> Result<String> {
        let start = Instant::now();
        let mut chosen = self.which.open(&mut self.arguments)?;
        let loss = chosen.loss();
        let untouched = loss.values();
        let default = loss.definition().reductions.first().copied().unwrap_or_default();
        let reduction = self.reduction.as_deref().map_or(Ok(default), str::parse)?;
        let names: Vec<_> = loss.definition().inputs.iter().map(|input| input.name).collect();
        let files = arguments::assign(loss, &self.arguments, &names)?;
        let piped: Vec<_> = files.iter().filter(|(_, file)| is_stdin(file)).collect();
        if let [(first, _), (second, _), ..] = piped[..] {
            return Err(Error::Usage(format!("{first} and {second} both read standard input")));
        }
        let gradients = slopes("--grad", &self.grad, &names)?;
        let seconds = slopes("--second", &self.second, &names)?;
        self.place.check()?;
        let outputs = self.outputs(&gradients, &seconds)?;
        let inputs = files
            .into_iter()
            .map(|(name, file)| Input::open(name, file))
            .collect::<Result<Vec<_>>>()?;
        for (_, output) in &outputs {
            output.check_inputs(&inputs)?;
        }
        // What cannot be written is noticed before the work.
        let writers = outputs.iter().map(|(holds, output)| Ok((*holds, output.open()?)));
        let mut writers: Writers<'_, '_> = writers.collect::<Result<_>>()?;
        let denominator = self.denominator.as_deref();
        let denominator = denominator.map(|file| total::read("--denominator", file)).transpose()?;
        let slopes = gradients.iter().chain(&seconds).map(|(name, _)| *name);
        let wanted = Wanted {
            rows: self.rows,
            reduction,
            gradients: &slopes.collect::<Vec<_>>(),
            at_a_time: self.chunk.get().saturating_mul(1 << 20),
        };
        let chunks = Chunks::new(chosen.loss_ref(), &inputs, &wanted)?;
        let read = start.elapsed();
        let (backend, reason) = self.place.open()?;

        let wanted: Vec<&str> = gradients.iter().map(|(name, _)| *name).collect();
        let totals = self.totals.is_some();
        let request = Request { reduction, gradients: &wanted, totals, ..Request::default() };
        let job = Job { backend, chunks, request, denominator, quiet: self.quiet };
        let mut terms = (reduction == Reduction::None).then(Terms::default);
        job.check_room(&chosen, &seconds, &writers)?;
        let outcome = job.run(chosen.loss(), &mut writers, terms.as_mut())?;
        let beside = self.beside(&job, &chosen, &seconds, &outcome, &mut writers);
        let not_finite = job.not_finite(chosen.loss(), outcome.value, terms.as_ref())?;
        let broadcast = outcome.broadcasts.then(|| job.broadcast(chosen.loss_ref())).transpose()?;

        let to_stdout = outputs.iter().any(|(_, output)| output.is_stdout());
        let failed = match beside.err().or_else(|| problem(&mut writers)) {
            Some(problem) => Some(problem),
            None => save(writers.into_iter().map(|(_, writer)| writer).collect()).err(),
        };
        if !self.quiet {
            self.notes(&inputs, broadcast.as_ref());
        }
        let loss = chosen.loss();
        let written = outputs.iter().filter(|_| failed.is_none());
        let report = Report {
            loss: loss.definition().name,
            reduction,
            value: outcome.value,
            terms,
            not_finite,
            broadcast,
            adapter: match &job.backend {
                Evaluator::Gpu(gpu) => Some(gpu.adapter_info()),
                Evaluator::Cpu => None,
            },
            reason,
            inputs: &inputs,
            rows: self.rows.map(|_| job.chunks.rows()),
            options: Setting::all(loss, &untouched),
            spent: Spent {
                read: read + outcome.waited,
                all: start.elapsed(),
                timings: outcome.timings,
            },
            timed: self.timings,
            outputs: written.map(|(_, output)| output.path.as_str()).collect(),
        };
        let strict = report.not_finite.as_ref().filter(|_| self.strict);
        let failed = failed.or(strict.map(|terms| Error::NotFinite(terms.not_finite())));
        let text = if self.json { report.json(failed.as_ref()) } else { report.text() };
        // What was computed is told all the same, beside an array on standard error.
        match failed {
            None if !to_stdout => return Ok(text),
            _ if to_stdout => {
                let _ = std::io::stderr().write_all(text.as_bytes());
            }
            _ => print(&text)?,
        }
        failed.map_or(Ok(String::new()), |error| Err(Error::Reported(Box::new(error))))
    }

    /// Writes what is wanted beside the loss, and does not cost it.
    fn beside(
        &self,
        job: &Job<'_>,
        chosen: &Chosen,
        seconds: &[(&str, &str)],
        outcome: &Outcome,
        writers: &mut Writers<'_, '_>,
    ) -> Result<()> {
        let loss = chosen.loss_ref();
        job.second_derivatives(chosen, seconds, writers)?;
        if self.out.is_some() && job.request.reduction != Reduction::None {
            job.losses(loss, writers, None)?;
        }
        if let (Some(totals), Some(path)) = (&outcome.totals, &self.totals)
            && let Some(file) = file(writers, Holds::Totals)
        {
            file.write(&total::written(totals, path)?);
        }
        if let (Some(path), Some(file)) = (&self.histogram, file(writers, Holds::Histogram)) {
            let read = |see: &mut (dyn FnMut(&[f32]) + Send)| job.see(loss, see);
            file.write(&plot::histogram(path, loss, job.ignored(loss)?, read)?);
        }
        Ok(())
    }

    /// What a user may not expect.
    fn notes(&self, inputs: &[Input], broadcast: Option<&Broadcast>) {
        for input in inputs.iter().filter(|input| input.dtype == DType::F64) {
            tell(&format!("note: {}: {}: float64 rounded to float32", input.name, input.file));
        }
        if let Some(Broadcast { inputs, terms }) = broadcast {
            let shapes = inputs.iter().map(|(name, shape)| format!("{name} {shape:?}"));
            let shapes = shapes.collect::<Vec<_>>().join(" and ");
            tell(&format!(
                "note: {shapes} broadcast to {terms:?}: more losses than any has elements"
            ));
        }
    }

    /// The files to write: the gradients in their order, then the second derivatives, the losses,
    /// the totals and the histogram.
    fn outputs<'a>(
        &self,
        gradients: &[(&'a str, &'a str)],
        seconds: &[(&'a str, &'a str)],
    ) -> Result<Vec<(Holds<'a>, Output)>> {
        let npy = ["npy"];
        let mut wanted: Vec<(Holds<'a>, String, &str, &[&str])> = Vec::new();
        for (name, file) in gradients {
            wanted.push((Holds::Gradient(name), format!("--grad {name}"), file, &npy));
        }
        for (name, file) in seconds {
            wanted.push((Holds::Second(name), format!("--second {name}"), file, &npy));
        }
        let single = [
            (Holds::Losses, "--out", &self.out, &npy[..]),
            (Holds::Totals, "--totals", &self.totals, &total::ENDINGS),
            (Holds::Histogram, "--histogram", &self.histogram, &["svg", "png"]),
        ];
        for (holds, argument, file, endings) in &single {
            wanted.extend(file.iter().map(|file| (*holds, (*argument).into(), &**file, *endings)));
        }
        let mut outputs: Vec<(Holds<'a>, Output)> = Vec::new();
        for (holds, argument, file, endings) in wanted {
            let output = Output::new(argument, file, endings)?;
            if let Some((_, other)) = outputs.iter().find(|(_, other)| output.excludes(other)) {
                let problem = format!("already the file of {}", other.argument);
                return Err(Error::file(&output.argument, file, problem));
            }
            outputs.push((holds, output));
        }
        Ok(outputs)
    }
}

/// The file that holds something.
fn file<'w, 'o>(writers: &'w mut Writers<'_, 'o>, holds: Holds<'_>) -> Option<&'w mut Writer<'o>> {
    writers.iter_mut().find(|(own, _)| *own == holds).map(|(_, file)| file)
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
