//! Losses of rows whose items are the logits of a product, `input linear_weight^T + linear_bias`, which are never all
//! held: they run under the contract of losses over [rows](super::rows).

mod cpu;
mod dispatch;
pub(crate) mod kernel;
mod problem;
mod reference;
pub(crate) mod row;
mod sequences;

pub(crate) use sequences::Sequences;

use super::rows::{self, Formula};
use crate::cancel::Cancel;
use crate::cpu::{Results, Weights as Known, Work};
use crate::definition::{Definition, Role, Sample};
use crate::dispatch::Builder;
use crate::error::Result;
use crate::family::{Family, Loss};
use crate::layout::{Indices, Layout, Summed, Weights, divisor};
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{DType, Tensor, TensorKind};
use crate::terms::Terms;
use problem::{INPUT, Problem, TARGET};
use row::Runs;

/// The family of a loss whose formula is one over rows. It is not inlined, so that the loops of a formula are
/// compiled here, and not once more with each crate that uses it.
#[inline(never)]
pub(crate) fn family<'a, F: Formula + 'a>(loss: &'a dyn Loss, formula: F) -> Box<dyn Family + 'a> {
    Box::new(Products { loss, formula: Box::new(formula), sequences: None })
}

/// The family of a loss of pairs of sequences, of what this formula says of their rows.
#[inline(never)]
pub(crate) fn of_sequences<'a, F: Formula + 'a>(
    loss: &'a dyn Loss,
    formula: F,
    sequences: Sequences<'a>,
) -> Box<dyn Family + 'a> {
    Box::new(Products { loss, formula: Box::new(formula), sequences: Some(sequences) })
}

/// Inputs to begin with: two features and three classes.
pub(crate) fn sample(definition: &Definition) -> Vec<Sample> {
    let linear_weight = [1.0, 0.0, 0.0, 1.0, -1.0, -1.0];
    let mut all = vec![
        Sample::floats("input", &[2], &[1.0, 0.5]),
        Sample::floats("linear_weight", &[3, 2], &linear_weight),
        Sample::integers("target", &[], &[0], [0, 2]),
        Sample::floats("target", &[3], &[1.0, 0.0, 0.0]),
        Sample::integers("labels", &[], &[0], [0, 2]),
        Sample::floats("linear_bias", &[3], &[0.0; 3]),
        Sample::floats("weight", &[3], &[1.0; 3]),
    ];
    all.retain(|sample| definition.input(sample.input).is_ok());
    all
}

struct Products<'a> {
    loss: &'a dyn Loss,
    formula: Box<dyn Runs + 'a>,
    /// Of a loss of sequences, what is made of them.
    sequences: Option<Sequences<'a>>,
}

impl Family for Products<'_> {
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
        let definition = self.loss.definition();
        let problem = Problem::of(definition, inputs);
        problem::check(definition, inputs, self.sequences.is_some())?;
        let takes_marks = definition.inputs[TARGET].role == Role::Marks;
        rows::check_ignore_index(self.loss.ignore_index(), problem.has_index() || takes_marks)?;
        let output = problem::output(inputs);
        let terms = output.iter().map(|&size| size as u64).product();
        let weighted = problem.leaves_out() && definition.weighted_mean;
        let weights = if weighted { Weights::Kept } else { Weights::None };
        let classes = problem.classes as u64;
        Ok(Layout {
            output,
            terms,
            divisor: divisor(reduction, terms, weights, &[]),
            weights,
            indices: problem.has_index().then_some(Indices {
                input: TARGET,
                classes,
                excluded: None,
                once: false,
            }),
            summed: Summed::Terms,
        })
    }

    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        let floats = |shape: &[usize]| TensorKind::new(DType::F32, shape);
        // What comes last are the weights of classes, or the constants of pairs.
        let (rows, last): (&[usize], _) =
            if self.sequences.is_some() { (&[8, 8], 4) } else { (&[64], 5000) };
        let kinds = [
            floats(&[rows, &[128]].concat()),
            floats(&[5000, 128]),
            TensorKind::new(DType::I64, rows),
            floats(&[5000]),
            floats(&[last]),
            floats(&[last]),
        ];
        self.loss.definition().inputs.iter().map(|input| input.name).zip(kinds).collect()
    }

    fn weights(
        &self,
        resolved: &Resolved,
        inputs: &[Option<&Tensor<'_>>],
        cancel: Cancel<'_>,
    ) -> Result<Known> {
        cpu::weights(resolved, inputs, cancel)
    }

    fn batch_axis(&self, resolved: &Resolved, input: usize) -> Option<usize> {
        // Of pairs, the chosen sequences stand before all that were rejected.
        let items = matches!(input, INPUT | TARGET) && !resolved.layout.output.is_empty();
        (items && self.sequences.is_none()).then_some(0)
    }

    fn dispatch(&self, builder: &mut Builder<'_>) -> Result<()> {
        dispatch::build(builder, &*self.formula, self.loss, self.sequences.as_ref())
    }

    fn compute(&self, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
        cpu::evaluate(&*self.formula, self.sequences.as_ref(), work, results)
    }

    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
        reference::terms(&*self.formula, self.sequences.as_ref(), resolved, inputs)
    }
}
