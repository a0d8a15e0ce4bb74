//! The evaluations that one command asks for.

use super::chunks::{Chunk, Chunks};
use super::progress::Progress;
use super::taken::{See, Taken};
use crate::arguments::Chosen;
use crate::error::{Error, Result};
use crate::outputs::{Writer, check_room};
use crate::report::Terms;
use std::time::Duration;
use wgloss::{
    Batch, Broadcast, DType, Evaluator, Loss, Output, Reduction, Request, TensorKind, Timings,
    Totals,
};
use wgloss_kit::histogram;

/// What a file is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds<'a> {
    Gradient(&'a str),
    Second(&'a str),
    Losses,
    Totals,
    Histogram,
}

/// The files that are being written.
pub(super) type Writers<'a, 'o> = Vec<(Holds<'a>, Writer<'o>)>;

/// A batch and where it is evaluated.
pub(super) struct Job<'a> {
    pub(super) backend: Evaluator,
    pub(super) chunks: Chunks<'a>,
    pub(super) request: Request<'a>,
    /// The totals of a whole that the batch is a part of.
    pub(super) denominator: Option<Totals>,
    pub(super) quiet: bool,
}

/// What a batch came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The reduced loss.
    pub(super) value: Option<f32>,
    pub(super) totals: Option<Totals>,
    /// Whether the inputs broadcast to more losses than any has elements.
    pub(super) broadcasts: bool,
    pub(super) timings: Timings,
    /// How long rows were waited for.
    pub(super) waited: Duration,
}

impl Outcome {
    /// Adds that of what follows, or of another pass.
    fn add(&mut self, timings: Timings, waited: Duration) {
        let own = &mut self.timings;
        own.plan += timings.plan;
        own.upload += timings.upload;
        own.kernels += timings.kernels;
        own.read_back += timings.read_back;
        own.clock = timings.clock;
        self.waited += waited;
    }
}

impl Job<'_> {
    /// Evaluates with another request than the batch's, and writes the outputs that files hold.
    fn evaluate(
        &self,
        loss: &dyn Loss,
        request: Request<'_>,
        writers: &mut Writers<'_, '_>,
        output: impl Fn(Holds<'_>) -> Option<Output>,
        terms: Option<&mut Terms>,
    ) -> Result<Outcome> {
        let files = writers.iter_mut().filter_map(|(holds, file)| Some((output(*holds)?, file)));
        let files = files.collect();
        let mut sink = Taken { files, terms, ..self.taken(loss, &request)? };
        let outcome = self.passes(loss, request, &mut sink);
        if matches!(outcome, Err(Error::Library(wgloss::Error::Sink { .. })))
            && let Some(problem) = problem(writers)
        {
            // It tells of the file.
            return Err(problem);
        }
        outcome
    }

    /// What takes the outputs of a request, and keeps none.
    fn taken<'w, 'o>(&self, loss: &dyn Loss, request: &Request<'_>) -> Result<Taken<'w, 'o>> {
        Ok(Taken {
            outputs: self.outputs(loss, request)?,
            first: self.chunks.first(),
            files: Vec::new(),
            terms: None,
            see: None,
            progress: Progress::new(self.chunks.bytes(), self.quiet),
        })
    }

    /// Goes through the data once; or twice, where the gradients of chunks need the totals of all.
    fn passes(
        &self,
        loss: &dyn Loss,
        request: Request<'_>,
        sink: &mut Taken<'_, '_>,
    ) -> Result<Outcome> {
        let is_mean = matches!(request.reduction, Reduction::Mean | Reduction::BatchMean);
        let given = self.given(&request);
        let own = is_mean && !request.gradients.is_empty() && given.is_none();
        if !own || !self.chunks.are_many() {
            return self.pass(loss, request, given, sink);
        }
        if let Some(known) = wgloss::denominator(loss, &self.chunks.kinds(), &request)? {
            let outcome = self.pass(loss, request, Some(&known), sink)?;
            let value = outcome.totals.as_ref().map(Totals::value);
            return Ok(Outcome { value, ..outcome });
        }
        let totals = Request { gradients: &[], value: true, totals: true, ..request.clone() };
        let mut none = self.taken(loss, &totals)?;
        let mut outcome = self.pass(loss, totals, None, &mut none)?;
        let request = Request { value: false, totals: false, ..request };
        let gradients = self.pass(loss, request, outcome.totals.as_ref(), sink)?;
        outcome.add(gradients.timings, gradients.waited);
        Ok(outcome)
    }

    /// Goes through the data.
    fn pass(
        &self,
        loss: &dyn Loss,
        request: Request<'_>,
        denominator: Option<&Totals>,
        sink: &mut Taken<'_, '_>,
    ) -> Result<Outcome> {
        let merges = self.chunks.are_parts() && request.reduction != Reduction::None;
        let totals = request.totals || (merges && request.value);
        let request = Request { totals, ..request };
        let mut outcome = Outcome::default();
        let waited = self.chunks.each(|chunk| {
            let Chunk { part, tensors, .. } = chunk;
            sink.progress.at(chunk.bytes.clone());
            let request = request.clone();
            let batch = Batch { inputs: tensors, request, part, denominator, ..Batch::default() };
            let evaluation = self.backend.evaluate_to_blocking(loss, &batch, sink);
            let evaluation = evaluation.map_err(|error| in_batch(error, &chunk))?;
            outcome.value = evaluation.scalar();
            outcome.broadcasts |= evaluation.broadcast.is_some();
            outcome.add(evaluation.timings, Duration::ZERO);
            match (&mut outcome.totals, evaluation.totals) {
                (Some(all), Some(own)) => all.merge(&own)?,
                (all, own) => *all = own,
            }
            Ok(())
        })?;
        outcome.waited += waited;
        if merges && let Some(totals) = &outcome.totals {
            outcome.value = Some(match denominator {
                Some(whole) => totals.sum() / whole.denominator()[0],
                None => totals.value(),
            });
        }
        Ok(outcome)
    }

    /// The whole's totals, for a request that divides by them: not one of unreduced losses beside it.
    fn given(&self, request: &Request<'_>) -> Option<&Totals> {
        let divides = request.reduction == self.request.reduction;
        self.denominator.as_ref().filter(|_| divides)
    }

    /// The outputs of a request, with their types and the shapes that they have of all rows.
    fn outputs(&self, loss: &dyn Loss, request: &Request<'_>) -> Result<Vec<(Output, TensorKind)>> {
        let kinds = self.chunks.kinds();
        let denominator = self.given(request).is_some();
        let request = Request { denominator, ..request.clone() };
        let losses = wgloss::loss_shape(loss, &kinds, &request)?;
        let of = |name: &&str| kinds.iter().find(|(own, _)| own == name);
        let gradients = request.gradients.iter().filter_map(of);
        let gradient = |(name, kind): &(&'static str, TensorKind)| {
            (Output::Gradient(name), TensorKind::new(DType::F32, kind.shape.as_slice()))
        };
        let value = request.value && request.reduction == Reduction::None;
        let value = value.then(|| (Output::Value, TensorKind::new(DType::F32, losses)));
        Ok(gradients.map(gradient).chain(value).collect())
    }

    /// What was asked for: the gradients, and with reduction `none` the losses.
    pub(super) fn run(
        &self,
        loss: &dyn Loss,
        writers: &mut Writers<'_, '_>,
        terms: Option<&mut Terms>,
    ) -> Result<Outcome> {
        let names: Vec<&'static str> = loss.definition().inputs.iter().map(|i| i.name).collect();
        let none = self.request.reduction == Reduction::None;
        let output = |holds: Holds<'_>| match holds {
            Holds::Gradient(name) => {
                names.iter().find(|own| **own == name).map(|name| Output::Gradient(name))
            }
            Holds::Losses if none => Some(Output::Value),
            _ => None,
        };
        self.evaluate(loss, self.request.clone(), writers, output, terms)
    }

    /// The unreduced losses, on their own.
    pub(super) fn losses(
        &self,
        loss: &dyn Loss,
        writers: &mut Writers<'_, '_>,
        terms: Option<&mut Terms>,
    ) -> Result<()> {
        let output = |holds: Holds<'_>| (holds == Holds::Losses).then_some(Output::Value);
        self.evaluate(loss, self.unreduced(), writers, output, terms)?;
        Ok(())
    }

    /// Refuses what the disks have no room for, before the work.
    pub(super) fn check_room(
        &self,
        chosen: &Chosen,
        seconds: &[(&str, &str)],
        writers: &Writers<'_, '_>,
    ) -> Result<()> {
        let loss = chosen.loss_ref();
        let holds = |output| match output {
            Output::Gradient(name) => Holds::Gradient(name),
            Output::Value => Holds::Losses,
        };
        let mut wanted = self.wanted(loss, self.request.clone(), writers, holds)?;
        let has_losses = writers.iter().any(|(holds, _)| *holds == Holds::Losses);
        if has_losses && self.request.reduction != Reduction::None {
            wanted.extend(self.wanted(loss, self.unreduced(), writers, holds)?);
        }
        if let Chosen::Custom(custom) = chosen {
            for &(name, _) in seconds {
                let (slope, gradients) = (custom.derivative(name)?, [name]);
                let holds = |_| Holds::Second(name);
                wanted.extend(self.wanted(&slope, self.second(&gradients), writers, holds)?);
            }
        }
        check_room(&wanted)
    }

    /// The files of what a request gives, with what they will hold.
    fn wanted<'w, 'o, 'h>(
        &self,
        loss: &dyn Loss,
        request: Request<'_>,
        writers: &'w Writers<'_, 'o>,
        holds: impl Fn(Output) -> Holds<'h>,
    ) -> Result<Vec<(&'w Writer<'o>, TensorKind)>> {
        let outputs = self.outputs(loss, &request)?;
        let file = |(output, kind)| {
            let file = writers.iter().find(|(own, _)| *own == holds(output));
            file.map(|(_, writer)| (writer, kind))
        };
        Ok(outputs.into_iter().filter_map(file).collect())
    }

    fn unreduced(&self) -> Request<'_> {
        Request {
            reduction: Reduction::None,
            value: true,
            gradients: &[],
            totals: false,
            ..self.request.clone()
        }
    }

    /// The second derivative, as a gradient of the first.
    fn second<'r>(&'r self, gradients: &'r [&'r str]) -> Request<'r> {
        Request { value: false, gradients, totals: false, ..self.request.clone() }
    }

    /// Shows the unreduced losses block by block, without keeping them.
    pub(super) fn see(&self, loss: &dyn Loss, see: See<'_>) -> Result<()> {
        let request = self.unreduced();
        let mut sink = Taken { see: Some(see), ..self.taken(loss, &request)? };
        self.pass(loss, request, None, &mut sink)?;
        Ok(())
    }

    /// How the inputs broadcast.
    pub(super) fn broadcast(&self, loss: &dyn Loss) -> Result<Broadcast> {
        let kinds = self.chunks.kinds();
        let terms = wgloss::loss_shape(loss, &kinds, &self.unreduced())?;
        let inputs = loss.definition().inputs.iter().filter_map(|input| {
            let (name, kind) = kinds.iter().find(|(name, _)| *name == input.name)?;
            Some((*name, kind.shape.clone()))
        });
        Ok(Broadcast { inputs: inputs.collect(), terms })
    }

    /// How many rows are ignored.
    pub(super) fn ignored(&self, loss: &dyn Loss) -> Result<u64> {
        if loss.ignore_index().is_none() {
            return Ok(0);
        }
        let mut ignored = 0;
        self.chunks.each(|chunk| {
            ignored += histogram::ignored(loss, chunk.tensors);
            Ok(())
        })?;
        Ok(ignored)
    }

    /// The diagonals of the second derivatives of a custom loss: the gradients of its derivatives.
    pub(super) fn second_derivatives(
        &self,
        chosen: &Chosen,
        wanted: &[(&str, &str)],
        writers: &mut Writers<'_, '_>,
    ) -> Result<()> {
        let Chosen::Custom(custom) = chosen else { return Ok(()) };
        for &(name, _) in wanted {
            let slope = custom.derivative(name)?;
            let inputs = slope.definition().inputs.iter();
            let own = inputs.map(|input| input.name).find(|own| *own == name);
            let gradients = [name];
            let request = self.second(&gradients);
            let output = |holds: Holds<'_>| {
                own.filter(|_| holds == Holds::Second(name)).map(Output::Gradient)
            };
            self.evaluate(&slope, request, writers, output, None)?;
        }
        Ok(())
    }

    /// Where the losses are not finite, if the value is not.
    pub(super) fn not_finite(
        &self,
        loss: &dyn Loss,
        value: Option<f32>,
        terms: Option<&Terms>,
    ) -> Result<Option<Terms>> {
        if let Some(terms) = terms {
            return Ok((!terms.all_finite()).then(|| terms.clone()));
        }
        if value.is_none_or(f32::is_finite) {
            return Ok(None);
        }
        let mut terms = Terms::default();
        self.losses(loss, &mut Vec::new(), Some(&mut terms))?;
        Ok(Some(terms))
    }
}

/// The first problem of any file.
pub(super) fn problem(writers: &mut Writers<'_, '_>) -> Option<Error> {
    writers.iter_mut().find_map(|(_, file)| file.problem())
}

/// An error of a chunk, with its place in the whole batch.
fn in_batch(error: wgloss::Error, chunk: &Chunk<'_>) -> wgloss::Error {
    match error {
        wgloss::Error::TargetOutOfRange {
            argument,
            row,
            mut index,
            value,
            last,
            ignored,
            count,
        } => {
            let target = chunk.tensors.iter().find(|(name, _)| *name == argument);
            let in_row = target.map_or(1, |(_, target)| target.shape().iter().skip(1).product());
            let row = row + (chunk.rows.start * in_row) as u64;
            if let Some(index) = index.first_mut() {
                *index += chunk.rows.start as u64;
            }
            wgloss::Error::TargetOutOfRange { argument, row, index, value, last, ignored, count }
        }
        other => other,
    }
}
