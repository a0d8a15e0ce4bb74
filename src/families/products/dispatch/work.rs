//! What the dispatches have in common: the sizes of tiles, and where things are in the scratch.

use super::super::kernel::Spec;
use super::super::problem::{INPUT, LINEAR_BIAS, LINEAR_WEIGHT, Problem, TARGET};
use super::super::row::Runs;
use super::super::sequences::{PairsSpec, Sequences};
use crate::dispatch::Builder;
use crate::dispatch::limits::{bindable, check_rounds};
use crate::error::Result;
use crate::family::Loss;
use crate::request::Losses;
use crate::tensor::DType;

/// A tile has as many rows and classes at most: powers of two, so that windows are aligned. They
/// depend on the shapes alone, so that sums are the same everywhere.
const MOST_ITEMS: u64 = 4096;
const MOST_CLASSES: u64 = 2048;
/// Fewer would leave windows of 2-byte numbers unaligned to 256 bytes; of 1-byte indices, twice as many rows.
const FEWEST_ITEMS: u64 = 128;
const FEWEST_CLASSES: u64 = 128;
/// The bytes that the logits of a chunk of rows may take: where those of the fewest rows fit, they are computed
/// once for value and gradients, else a second time.
const LOGITS: u64 = 64 << 20;
/// llvmpipe ends an invocation after 65,535 rounds of its loops: a product takes 7 for 16 features,
/// the pass over the biases one for 256 classes.
const MOST_FEATURES: u64 = 16 * 8_500;
const MOST_BIASES: u64 = 256 * 60_000;

/// The place of a tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    pub(super) first_item: u64,
    pub(super) items: u64,
    pub(super) first_class: u64,
    pub(super) classes: u64,
    pub(super) position: u64,
    /// Whether statistics or gradients are there to be added to.
    pub(super) adds: bool,
}

pub(super) struct Work<'a, 'b> {
    pub(super) builder: &'a mut Builder<'b>,
    pub(super) spec: Spec,
    pub(super) items: u64,
    pub(super) features: u64,
    pub(super) classes: u64,
    pub(super) positions: u64,
    pub(super) most_items: u64,
    pub(super) most_classes: u64,
    /// Whether the logits of all classes are kept.
    pub(super) keeps: bool,
    /// From one row of the logits in the scratch to the next.
    pub(super) stride: u64,
    pub(super) losses: Losses,
    /// Where the losses, what the rows of sequences are worth, the offsets of the biases, the statistics and the tile
    /// are in the scratch.
    pub(super) losses_place: u64,
    pub(super) rows_place: u64,
    pub(super) offsets: u64,
    pub(super) statistics: u64,
    pub(super) tile: u64,
}

impl<'a, 'b> Work<'a, 'b> {
    pub(super) fn new(
        builder: &'a mut Builder<'b>,
        losses: Losses,
        formula: &dyn Runs,
        loss: &dyn Loss,
        sequences: Option<&Sequences<'_>>,
    ) -> Result<Self> {
        let resolved = builder.resolved;
        let problem = Problem::of(resolved.definition, &resolved.inputs);
        let [items, features, classes, positions] =
            [problem.items, problem.features, problem.classes, problem.positions]
                .map(|size| size as u64);
        let biases = if resolved.inputs[LINEAR_BIAS].is_some() { classes } else { 0 };
        let names = resolved.definition.inputs;
        check_rounds(names[INPUT].name, features, "features", MOST_FEATURES)?;
        check_rounds(names[LINEAR_BIAS].name, biases, "classes", MOST_BIASES)?;
        let per_item = positions * (4 * problem.per_row() as u64).max(8);
        let bytes_of = |i: usize| resolved.inputs[i].as_ref().map_or(4, |kind| kind.dtype.size());
        let fewest_items = if bytes_of(TARGET) == 1 { 2 * FEWEST_ITEMS } else { FEWEST_ITEMS };
        let mut most_items = bindable(MOST_ITEMS, fewest_items, per_item.max(4 * features));
        let most_classes = bindable(MOST_CLASSES, FEWEST_CLASSES, 4 * positions * features);
        let terms = resolved.layout.terms;
        let losses_place = if losses == Losses::Scratch { builder.reserve(terms)? } else { 0 };
        let rows_place = if sequences.is_some() { builder.reserve(items)? } else { 0 };
        let offset = biases > 0 && formula.shifts();
        let offsets = if offset { builder.reserve(positions)? } else { 0 };
        // A gradient of 16 bits to which several chunks are added takes float32 memory of its size, which is
        // more than the logits are.
        let narrow = |&i: &usize| {
            matches!(i, LINEAR_WEIGHT | LINEAR_BIAS) && resolved.gradient_dtype(i) != DType::F32
        };
        let one_chunk = resolved.gradients.iter().any(narrow);
        let fewest = if one_chunk { most_items } else { fewest_items };
        // Whole quads.
        let stride = |classes: u64| classes.next_multiple_of(4);
        let per_row = 4 * stride(classes);
        let keeps = !resolved.gradients.is_empty() && items.min(fewest) * per_row <= LOGITS;
        while keeps && items.min(most_items) * per_row > LOGITS {
            most_items /= 2;
        }
        let spec = Spec {
            definition: resolved.definition,
            parameters: builder.parameters(),
            inputs: resolved.inputs.iter().map(|kind| Some(kind.as_ref()?.dtype)).collect(),
            problem,
            gradients: Vec::new(),
            upstream: resolved.upstream,
            scratch_divisor: resolved.divisor_in_scratch(),
            offset,
            twice: formula.twice(problem.has_index()),
            picks: problem.has_index() && formula.picks(),
            ignores: resolved.ignored.is_some(),
            sequences: sequences.map(|sequences| PairsSpec::new(builder, sequences, loss)),
        };
        // Sequences are known whole before the first of their rows has a slope.
        let known = if sequences.is_some() { items } else { items.min(most_items) };
        let stride = stride(if keeps { classes } else { classes.min(most_classes) });
        // Both parts are read as quads too; a whole one may be needed to get to a quad's start.
        let size = known * spec.statistics() + items.min(most_items) * stride + 3;
        let statistics = builder.reserve(size)?.next_multiple_of(4);
        let tile = statistics + spec.statistics() * known;
        Ok(Self {
            builder,
            spec,
            items,
            features,
            classes,
            positions,
            most_items,
            most_classes,
            keeps,
            stride,
            losses,
            losses_place,
            rows_place,
            offsets,
            statistics,
            tile,
        })
    }

    pub(super) fn tile_at(&self, position: u64, first_item: u64, first_class: u64) -> Tile {
        Tile {
            first_item,
            items: self.most_items.min(self.items - first_item),
            first_class,
            classes: self.most_classes.min(self.classes - first_class),
            position,
            adds: false,
        }
    }
}

pub(super) fn step(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
