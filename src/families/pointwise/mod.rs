//! Losses of elements: a value and slopes of up to 16 numbers, which broadcast, or of vectors.

mod block;
mod cpu;
mod dispatch;
mod formula;
mod gather;
mod gathered;
pub(crate) mod kernel;
mod operand;
mod reference;
mod shape;
#[cfg(test)]
mod tests;
mod vectors;
mod way;
mod windows;

pub(crate) use block::{Block, OfBlocks, Runs, Tiles};
pub(crate) use formula::{Formula, Loops};
pub(crate) use kernel::Slopes;
pub(crate) use shape::Access;

use crate::cancel::Cancel;
use crate::cpu::{Results, Weights, Work, check_wholes};
use crate::definition::{Input, Role, Shader, Whole};
use crate::dispatch::Builder;
use crate::error::Result;
use crate::family::{Cut, Family, Loss};
use crate::kernel::TABLE;
use crate::layout::Layout;
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{DType, Tensor, TensorKind};
use crate::terms::Terms;

/// A formula's WGSL, which calls nothing of its kernels.
pub(crate) const fn shader(text: &'static str) -> Shader {
    Shader::new(text, &[])
}

/// That of a formula of tables, whose words are these.
pub(crate) const fn shader_with_table(text: &'static str, table: &'static [u32]) -> Shader {
    Shader { table, ..Shader::new(text, &[TABLE]) }
}

/// The family of a pointwise loss. It is not inlined, so that the loops of a loss are compiled here, and
/// not once more with each crate that uses it.
#[inline(never)]
pub(crate) fn family<L: Loss + Runs>(loss: &L) -> Box<dyn Family + '_> {
    let formula: &dyn Runs = loss;
    run_by(loss, formula)
}

/// The family of a pointwise loss whose blocks something else runs.
pub(crate) fn run_by<'a>(loss: &'a dyn Loss, runs: impl Runs + 'a) -> Box<dyn Family + 'a> {
    Box::new(Pointwise { loss, formula: Box::new(runs) })
}

/// The family of a pointwise loss of vectors, with N numbers a term.
#[inline(never)]
pub(crate) fn of_vectors<L: Loss + Formula<N>, const N: usize>(loss: &L) -> Box<dyn Family + '_> {
    run_by(loss, vectors::Vectors(loss))
}

struct Pointwise<'a> {
    loss: &'a dyn Loss,
    formula: Box<dyn Runs + 'a>,
}

impl Family for Pointwise<'_> {
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
        shape::layout(self.loss.definition(), inputs, reduction)
    }

    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        let inputs = self.loss.definition().inputs.iter().filter(|input| !input.optional);
        let shape = |role: Role| match role {
            Role::Vectors(width) | Role::ElementVectors(width) => vec![3, 4096, width.into()],
            _ => vec![3, 4096],
        };
        let dtype = |input: &Input| input.whole().map_or(DType::F32, Whole::dtype);
        let kind = |input: &Input| TensorKind::new(dtype(input), shape(input.role));
        inputs.map(|input| (input.name, kind(input))).collect()
    }

    fn check(&self, resolved: &Resolved, inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        check_wholes(resolved, inputs)
    }

    fn check_given_up(&self, resolved: &Resolved, inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        reference::check_given_up(&*self.formula, resolved, inputs)
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
        cpu::weights(resolved, inputs, cancel)
    }

    fn batch_axis(&self, resolved: &Resolved, input: usize) -> Option<usize> {
        shape::batch_axis(resolved, input)
    }

    fn counts(&self) -> bool {
        true
    }

    fn dispatch(&self, builder: &mut Builder<'_>) -> Result<()> {
        dispatch::build(builder, self.loss.may_give_up())
    }

    fn compute(&self, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
        cpu::evaluate(&*self.formula, work, results)
    }

    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
        reference::terms(&*self.formula, resolved, inputs)
    }
}
