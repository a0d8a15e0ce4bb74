//! Losses of rows whose items are the similarities of vectors, each row's with all others, which are never all held:
//! they run under the contract of losses over [rows](super::rows).

mod cpu;
mod dispatch;
mod kernel;
mod problem;
mod reference;
mod setup;

pub(crate) use setup::{Margin, Partners, Setup, Weigh};

use super::products::row::Runs;
use super::rows::{self, Formula};
use crate::cancel::Cancel;
use crate::cpu::{Results, Weights as Known, Work};
use crate::definition::Sample;
use crate::dispatch::Builder;
use crate::error::{Error, Result};
use crate::family::{Family, Loss};
use crate::layout::{Indices, Layout, Summed, Weights, divisor};
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{DType, Tensor, TensorKind};
use crate::terms::Terms;
use problem::Problem;

/// Why losses of parts of a batch do not add up to that of the whole, where rows are compared with each other.
pub(crate) fn check_totals(loss: &'static str) -> Result<()> {
    let expected = "false: rows are compared with all others, which a part has not";
    Err(Error::argument("totals", format!("true with {loss}"), expected))
}

/// Inputs of a loss of classes to begin with.
pub(crate) fn classes_sample() -> Vec<Sample> {
    vec![
        Sample::floats("input", &[1, 2], &[1.0, 0.5]),
        Sample::floats("linear_weight", &[3, 2], &[1.0, 0.0, 0.0, 1.0, -1.0, -1.0]),
        Sample::integers("target", &[1], &[0], [0, 2]),
    ]
}

/// Inputs of a loss of labels to begin with.
pub(crate) fn labels_sample() -> Vec<Sample> {
    let input = [1.0, 0.5, 0.9, 0.7, -0.5, 1.0, -1.0, 0.8];
    vec![
        Sample::floats("input", &[4, 2], &input),
        Sample::integers("labels", &[4], &[0, 0, 1, 1], [0, 3]),
    ]
}

/// The family of a loss whose formula is one over rows. It is not inlined, so that the loops of a formula are
/// compiled here, and not once more with each crate that uses it.
#[inline(never)]
pub(crate) fn family<'a, F: Formula + 'a>(
    loss: &'a dyn Loss,
    formula: F,
    setup: Setup,
) -> Box<dyn Family + 'a> {
    Box::new(Pairs { loss, formula: Box::new(formula), setup })
}

struct Pairs<'a> {
    loss: &'a dyn Loss,
    formula: Box<dyn Runs + 'a>,
    setup: Setup,
}

impl Family for Pairs<'_> {
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
        problem::check(self.loss.definition(), &self.setup, inputs)?;
        let problem = Problem::of(&self.setup, inputs);
        let terms = problem.rows as u64;
        let index = match self.setup.partners {
            Partners::Class(input) => inputs[input].is_some().then_some(input),
            _ => None,
        };
        if index.is_some() {
            rows::check_ignore_index(self.loss.ignore_index(), true)?;
        }
        let labels = matches!(self.setup.partners, Partners::Labels(..));
        let weights = if index.is_some() || labels { Weights::Kept } else { Weights::None };
        let classes = problem.columns as u64;
        Ok(Layout {
            output: vec![problem.rows],
            terms,
            divisor: divisor(reduction, terms, weights, &[]),
            weights,
            indices: index.map(|input| Indices { input, classes, excluded: None, once: false }),
            summed: Summed::Terms,
        })
    }

    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        let of = |i: usize| {
            let Setup { left, right, scale, bias, .. } = self.setup;
            match i {
                _ if i == left || i == right => TensorKind::new(DType::F32, [64, 128]),
                _ if [scale, bias].contains(&Some(i)) => TensorKind::new(DType::F32, []),
                _ => TensorKind::new(DType::I64, [64]),
            }
        };
        let inputs = self.loss.definition().inputs.iter().enumerate();
        let given = inputs.filter(|(_, input)| !input.optional);
        given.map(|(i, input)| (input.name, of(i))).collect()
    }

    fn weights(
        &self,
        resolved: &Resolved,
        inputs: &[Option<&Tensor<'_>>],
        cancel: Cancel<'_>,
    ) -> Result<Known> {
        cpu::Found::of(&self.setup, resolved, inputs, cancel)?.weights(resolved, cancel)
    }

    fn batch_axis(&self, resolved: &Resolved, input: usize) -> Option<usize> {
        let Setup { left, right, partners, square, symmetric, .. } = self.setup;
        let of_rows = match partners {
            Partners::Class(place) | Partners::Labels(place, _) => input == place,
            Partners::Own => false,
        };
        // Each row has a column of its own.
        let own = match partners {
            Partners::Class(place) => resolved.inputs[place].is_none(),
            _ => square || symmetric,
        };
        let alike = input == right && own;
        (input == left || of_rows || alike).then_some(0)
    }

    fn dispatch(&self, builder: &mut Builder<'_>) -> Result<()> {
        let has_index = !matches!(self.setup.partners, Partners::Labels(..));
        dispatch::build(builder, &self.setup, self.formula.twice(has_index))
    }

    fn compute(&self, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
        cpu::evaluate(&*self.formula, &self.setup, work, results)
    }

    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
        reference::terms(&*self.formula, &self.setup, resolved, inputs)
    }
}
