//! The evaluations that one command asks for.

use super::progress::Progress;
use super::taken::Taken;
use crate::arguments::Chosen;
use crate::error::{Error, Result};
use crate::outputs::{Writer, check_room};
use crate::report::Terms;
use wgloss::{Batch, Evaluation, Evaluator, Loss, Output, Reduction, Request, Sink, TensorKind};

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
    pub(super) batch: Batch<'a>,
    /// The bytes of the inputs.
    pub(super) bytes: u64,
    pub(super) quiet: bool,
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
    ) -> Result<Evaluation> {
        let batch = Batch { request, ..self.batch.clone() };
        let files = writers.iter_mut().filter_map(|(holds, file)| Some((output(*holds)?, file)));
        let files = files.collect();
        let progress = Progress::new(self.bytes, self.quiet);
        let mut sink = Taken { files, terms, progress };
        let evaluation = self.backend.evaluate_to_blocking(loss, &batch, &mut sink);
        if matches!(evaluation, Err(wgloss::Error::Sink { .. }))
            && let Some(problem) = problem(writers)
        {
            // It tells of the file.
            return Err(problem);
        }
        Ok(evaluation?)
    }

    /// What was asked for: the gradients, and with reduction `none` the losses.
    pub(super) fn run(
        &self,
        loss: &dyn Loss,
        writers: &mut Writers<'_, '_>,
        terms: Option<&mut Terms>,
    ) -> Result<Evaluation> {
        let names: Vec<&'static str> = loss.definition().inputs.iter().map(|i| i.name).collect();
        let none = self.batch.request.reduction == Reduction::None;
        let output = |holds: Holds<'_>| match holds {
            Holds::Gradient(name) => {
                names.iter().find(|own| **own == name).map(|name| Output::Gradient(name))
            }
            Holds::Losses if none => Some(Output::Value),
            _ => None,
        };
        self.evaluate(loss, self.batch.request.clone(), writers, output, terms)
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
        let mut wanted = self.wanted(loss, self.batch.request.clone(), writers, holds)?;
        let has_losses = writers.iter().any(|(holds, _)| *holds == Holds::Losses);
        if has_losses && self.batch.request.reduction != Reduction::None {
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
        let outputs = wgloss::outputs(loss, &Batch { request, ..self.batch.clone() })?;
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
            ..self.batch.request.clone()
        }
    }

    /// The second derivative, as a gradient of the first.
    fn second<'r>(&'r self, gradients: &'r [&'r str]) -> Request<'r> {
        Request { value: false, gradients, totals: false, ..self.batch.request.clone() }
    }

    /// Shows the unreduced losses block by block, without keeping them.
    pub(super) fn see(&self, loss: &dyn Loss, see: &mut (dyn FnMut(&[f32]) + Send)) -> Result<()> {
        struct Seen<'s>(&'s mut (dyn FnMut(&[f32]) + Send));
        impl Sink for Seen<'_> {
            fn begin(&mut self, _: &[(Output, TensorKind)]) -> std::io::Result<()> {
                Ok(())
            }

            fn take(&mut self, _: Output, elements: &[u8]) -> std::io::Result<()> {
                crate::report::numbers(elements, self.0);
                Ok(())
            }
        }
        let batch = Batch { request: self.unreduced(), ..self.batch.clone() };
        self.backend.evaluate_to_blocking(loss, &batch, &mut Seen(see))?;
        Ok(())
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
        evaluation: &Evaluation,
        terms: Option<&Terms>,
    ) -> Result<Option<Terms>> {
        if let Some(terms) = terms {
            return Ok((!terms.all_finite()).then(|| terms.clone()));
        }
        if evaluation.scalar().is_none_or(f32::is_finite) {
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
