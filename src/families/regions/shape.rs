//! Regions: the voxels of a class.

use super::formula::{Activation, Common};
use crate::definition::{Definition, Role};
use crate::error::{Error, Result};
use crate::families::rows::check_ignore_index;
use crate::family::{Cut, Share};
use crate::layout::{Indices, Layout, Summed, Weights, divisor};
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{TensorKind, elements};

/// The places of the inputs that every loss over regions has.
pub(super) const INPUT: usize = 0;
pub(super) const TARGET: usize = 1;

/// How many of all there are: class `c` of item `n` begins at voxel `(n * classes + c) * voxels`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RegionShape {
    pub(super) items: u64,
    pub(super) classes: u64,
    pub(super) voxels: u64,
    /// The first class that counts.
    pub(super) first: u64,
    /// Whether the sums are over the batch too.
    pub(super) batch: bool,
    /// Whether all classes of an item are one term.
    pub(super) joins: bool,
    /// Whether the target holds class indices.
    pub(super) index: bool,
    /// The input with a factor of each class.
    pub(super) weight: Option<usize>,
}

impl RegionShape {
    pub(super) fn of(common: Common, joins: bool, resolved: &Resolved) -> Self {
        let shape = Self::new(common, joins, resolved.definition, &resolved.inputs);
        shape.expect("a request's shapes were checked").0
    }

    /// The same with the dimensions of space.
    fn new<'a>(
        common: Common,
        joins: bool,
        definition: &Definition,
        inputs: &'a [Option<TensorKind>],
    ) -> Result<(Self, &'a [usize])> {
        let name = definition.inputs[INPUT].name;
        let shape = |i: usize| inputs[i].as_ref().map(|kind| &kind.shape[..]);
        let first = shape(INPUT).unwrap_or_default();
        let [items, classes, space @ ..] = first else {
            return Err(Error::shape(name, first, "[N, C, d1...]"));
        };
        if space.is_empty() {
            return Err(Error::shape(name, first, "[N, C, d1...], with a dimension of space"));
        }
        if *classes == 0 {
            return Err(Error::shape(name, first, "at least one class"));
        }
        let index = inputs[TARGET].as_ref().is_some_and(|kind| !kind.dtype.is_float());
        let weight = definition.inputs.iter().position(|input| input.role == Role::Classes);
        let own = Self {
            items: *items as u64,
            classes: *classes as u64,
            voxels: elements(space).unwrap_or(u64::MAX),
            first: u64::from(!common.include_background),
            batch: common.batch,
            joins,
            index,
            weight: weight.filter(|&i| inputs[i].is_some()),
        };
        Ok((own, space))
    }

    /// The classes that count.
    pub(super) fn counted(&self) -> u64 {
        self.classes - self.first
    }

    /// What is summed over.
    pub(super) fn regions(&self) -> u64 {
        if self.batch { self.counted() } else { self.items * self.counted() }
    }

    /// The regions of a term.
    pub(super) fn each(&self) -> u64 {
        if self.joins { self.counted() } else { 1 }
    }
}

pub(super) fn layout(
    common: Common,
    joins: bool,
    definition: &Definition,
    ignored: Option<i64>,
    inputs: &[Option<TensorKind>],
    reduction: Reduction,
) -> Result<Layout> {
    let (own, space) = RegionShape::new(common, joins, definition, inputs)?;
    let shape = |i: usize| inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape);
    let first = shape(INPUT);
    if own.classes == 1 {
        let got = |what: &str| format!("{what} with one class");
        if common.activation == Activation::Softmax {
            let expected = "none, sigmoid, or an input of two classes or more";
            return Err(Error::argument("activation", got("softmax"), expected));
        }
        if !common.include_background {
            let expected = "true, or an input of two classes or more";
            return Err(Error::argument("include_background", got("false"), expected));
        }
    }
    let wanted = match own.index {
        true => [&first[..1], space].concat(),
        false => first.to_vec(),
    };
    if shape(TARGET) != wanted {
        let what = if own.index { "an index for each voxel" } else { "the input's shape" };
        let name = definition.inputs[TARGET].name;
        return Err(Error::shape(name, shape(TARGET), format!("{wanted:?}, {what}")));
    }
    let counted = first[1] - usize::from(!common.include_background);
    if let Some(i) = own.weight.filter(|&i| shape(i) != [counted]) {
        let expected = format!("[{counted}], one number for each class that counts");
        return Err(Error::shape(definition.inputs[i].name, shape(i), expected));
    }
    check_ignore_index(ignored, own.index)?;
    let output = match (common.batch, joins) {
        (false, false) => vec![first[0], counted],
        (false, true) => vec![first[0]],
        (true, false) => vec![counted],
        (true, true) => vec![1],
    };
    let terms = elements(&output).unwrap_or(u64::MAX);
    let indices = Indices { input: TARGET, classes: own.classes, excluded: None, once: false };
    Ok(Layout {
        divisor: divisor(reduction, terms, Weights::None, first),
        output,
        terms,
        weights: Weights::None,
        indices: own.index.then_some(indices),
        summed: Summed::Terms,
    })
}

/// How a batch is cut along its items, which is not where sums run over it.
pub(super) fn cut(shape: &RegionShape, resolved: &Resolved) -> Option<Cut> {
    let of = |(i, kind): (usize, &Option<TensorKind>)| {
        let all = kind.as_ref().map_or(Vec::new(), |kind| kind.shape.clone());
        if shape.weight == Some(i) { Share::All(all) } else { Share::Unit(all[1..].to_vec()) }
    };
    let given = |(i, kind): (usize, &Option<TensorKind>)| match kind {
        Some(_) => of((i, kind)),
        None => Share::All(Vec::new()),
    };
    let inputs = resolved.inputs.iter().enumerate().map(given).collect();
    let terms = resolved.layout.output.get(1..).unwrap_or_default().to_vec();
    (!shape.batch).then_some(Cut { inputs, terms, step: 1 })
}
