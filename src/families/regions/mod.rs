//! Losses of regions: what the voxels of a class hold is summed, a term follows from the sums, and the slopes of the
//! voxels from factors that follow from them too.

mod cpu;
mod dispatch;
mod formula;
mod kernel;
mod reference;
mod runs;
mod shape;
mod tile;

pub use formula::Activation;
pub(crate) use formula::{Common, Formula, Textbook, Voxel};

use crate::cancel::Cancel;
use crate::cpu::{Classes, Results, Weights, Work};
use crate::definition::{Sample, Shader};
use crate::dispatch::Builder;
use crate::error::{Error, Result};
use crate::family::{Cut, Family, Loss};
use crate::layout::Layout;
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{DType, Tensor, TensorKind};
use crate::terms::Terms;
use runs::{Of, Runs};
use shape::RegionShape;

/// A formula's WGSL, which knows what a voxel is.
pub(crate) const fn shader(text: &'static str) -> Shader {
    Shader::new(text, &[kernel::REGION])
}

/// The family of a loss over regions. It is not inlined, so that the loops of a loss are compiled here, and not once
/// more with each crate that uses it.
#[inline(never)]
pub(crate) fn family<L: Loss + Formula<K>, const K: usize>(loss: &L) -> Box<dyn Family + '_> {
    Box::new(Regions { loss, formula: Box::new(Of(loss)) })
}

/// Inputs to begin with: two classes of three voxels.
pub(crate) fn sample() -> Vec<Sample> {
    vec![
        Sample::floats("input", &[1, 2, 3], &[0.5, 0.75, 0.25, 0.5, 0.25, 0.75]),
        Sample::floats("target", &[1, 2, 3], &[1.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
        Sample::floats("weight", &[2], &[1.0; 2]),
    ]
}

/// Totals of parts add up but where a region is of all items.
pub(crate) fn check_totals(common: Common) -> Result<()> {
    if !common.batch {
        return Ok(());
    }
    let expected =
        "false: with batch=true each sum is over all items, and parts have none of their own";
    Err(Error::argument("totals", "true with batch=true", expected))
}

struct Regions<'a> {
    loss: &'a dyn Loss,
    formula: Box<dyn Runs + 'a>,
}

impl Regions<'_> {
    fn shape(&self, resolved: &Resolved) -> RegionShape {
        RegionShape::of(self.formula.common(), self.formula.joins(), resolved)
    }
}

impl Family for Regions<'_> {
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
        let (common, joins) = (self.formula.common(), self.formula.joins());
        let ignored = self.loss.ignore_index();
        shape::layout(common, joins, self.loss.definition(), ignored, inputs, reduction)
    }

    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        let kind = TensorKind::new(DType::F32, [2, 4, 64, 64]);
        vec![("input", kind.clone()), ("target", kind)]
    }

    fn cut(&self, resolved: &Resolved) -> Option<Cut> {
        shape::cut(&self.shape(resolved), resolved)
    }

    fn weights(
        &self,
        resolved: &Resolved,
        inputs: &[Option<&Tensor<'_>>],
        cancel: Cancel<'_>,
    ) -> Result<Weights> {
        let shape = self.shape(resolved);
        if let (true, Some(target)) = (shape.index, inputs[shape::TARGET]) {
            let classes = usize::try_from(shape.classes).unwrap_or(usize::MAX);
            Classes::of(resolved, target, classes, cancel)?;
        }
        Ok(Weights::default())
    }

    fn batch_axis(&self, resolved: &Resolved, input: usize) -> Option<usize> {
        let shape = self.shape(resolved);
        (!shape.batch && shape.weight != Some(input)).then_some(0)
    }

    fn dispatch(&self, builder: &mut Builder<'_>) -> Result<()> {
        let shape = self.shape(builder.resolved);
        dispatch::build(self.formula.common().activation, shape, builder)
    }

    fn compute(&self, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
        cpu::evaluate(&*self.formula, self.shape(work.resolved), work, results)
    }

    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
        reference::terms(&*self.formula, self.shape(resolved), resolved, inputs)
    }
}
