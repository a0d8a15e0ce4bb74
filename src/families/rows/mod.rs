//! Losses of rows: a class or feature axis that is gathered into maxima and sums, and what follows.

mod abreast;
mod cpu;
mod dispatch;
mod kept;
pub(crate) mod kernel;
mod lists;
mod over;
mod read;
mod reference;
pub(crate) mod rounds;
mod row;
mod runs;
mod shape;
mod targets;
mod task;
#[cfg(test)]
mod tests;
mod textbook;

pub(in crate::families) use kept::Kept;
pub(crate) use kernel::running::longest as longest_running;
pub(crate) use row::{Formula, Loops, Row, run};
pub(crate) use runs::{Gradients, Runs, Several, Taken, Tiled};
pub(crate) use shape::{MOST_LABELS, MOST_OVER, RowShape, check_ignore_index};
pub(crate) use targets::push_check;
pub(crate) use task::Item;
pub(crate) use textbook::{Row as TextbookRow, RowLoss};

use crate::cancel::Cancel;
use crate::cpu::{Results, Weights, Work, check_wholes};
use crate::definition::{Input, Role, Shader, Whole};
use crate::dispatch::Builder;
use crate::error::Result;
use crate::family::{Cut, Family, Loss};
use crate::kernel::OPTIONS;
use crate::layout::Layout;
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{DType, Tensor, TensorKind};
use crate::terms::Terms;

/// A formula's WGSL, which knows what a row is and whether its target is a class index.
pub(crate) const fn shader(text: &'static str) -> Shader {
    Shader::new(text, &[kernel::ROW, "const INDEX = true;"])
}

/// The same of a formula whose `moved` asks for its options.
pub(crate) const fn shader_with_options(text: &'static str) -> Shader {
    Shader::new(text, &[kernel::ROW, "const INDEX = true;", OPTIONS])
}

/// A derived formula's, which sees rows and items as numbers, beside them words where inputs are whole, and may read
/// tables of these words.
pub(crate) const fn derived_shader(
    text: &'static str,
    table: &'static [u32],
    row: kernel::DerivedRow,
) -> Shader {
    Shader { table, knows_zero: false, ..Shader::new(text, row.context()) }
}

/// The family of a loss over rows. It is not inlined, so that the loops of a loss are compiled here,
/// and not once more with each crate that uses it.
#[inline(never)]
pub(crate) fn family<L: Loss + Runs>(loss: &L) -> Box<dyn Family + '_> {
    let formula: &dyn Runs = loss;
    run_by(loss, formula)
}

/// The family of a loss over rows that something else runs through.
pub(crate) fn run_by<'a>(loss: &'a dyn Loss, runs: impl Runs + 'a) -> Box<dyn Family + 'a> {
    Box::new(Rows { loss, formula: Box::new(runs) })
}

struct Rows<'a> {
    loss: &'a dyn Loss,
    formula: Box<dyn Runs + 'a>,
}

impl Family for Rows<'_> {
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
        let (definition, ignored) = (self.loss.definition(), self.loss.ignore_index());
        shape::layout(definition, ignored, self.formula.longest(), inputs, reduction)
    }

    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        let number = |input: &Input| input.whole().map_or(DType::F32, Whole::dtype);
        let kind = |input: &Input| match input.role {
            Role::Index | Role::IndexOrRows => TensorKind::new(DType::I64, [64]),
            Role::Labels => TensorKind::new(number(input), [64]),
            Role::Classes => TensorKind::new(DType::F32, [1000]),
            Role::ListedClasses => TensorKind::new(DType::I64, [64, 32]),
            Role::Listed => TensorKind::new(DType::F32, [64, 32]),
            _ => TensorKind::new(number(input), [64, 1000]),
        };
        let inputs = self.loss.definition().inputs.iter().filter(|input| !input.optional);
        inputs.map(|input| (input.name, kind(input))).collect()
    }

    fn check_gradient(&self, inputs: &[Option<TensorKind>], input: usize) -> Result<()> {
        shape::check_gradient(self.loss.definition(), inputs, input)
    }

    fn check(&self, resolved: &Resolved, inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        check_wholes(resolved, inputs)
    }

    fn check_given_up(&self, resolved: &Resolved, inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        cpu::check_given_up(&*self.formula, resolved, inputs)
    }

    fn cut(&self, resolved: &Resolved) -> Option<Cut> {
        shape::cut(resolved)
    }

    fn weights(
        &self,
        resolved: &Resolved,
        inputs: &[Option<&Tensor<'_>>],
        cancel: Cancel<'_>,
    ) -> Result<Weights> {
        kept::weights(resolved, inputs, cancel)
    }

    fn batch_axis(&self, resolved: &Resolved, input: usize) -> Option<usize> {
        let role = resolved.definition.inputs[input].role;
        let is_shared = role == Role::RowsOrClasses && RowShape::of(resolved).is_shared(input);
        let own = !matches!(role, Role::Classes | Role::Factors) && !is_shared;
        (own && !resolved.layout.output.is_empty()).then_some(0)
    }

    fn counts(&self) -> bool {
        true
    }

    fn dispatch(&self, builder: &mut Builder<'_>) -> Result<()> {
        dispatch::build(builder)
    }

    fn compute(&self, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
        cpu::evaluate(&*self.formula, work, results)
    }

    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
        reference::terms(&*self.formula, resolved, inputs)
    }
}
