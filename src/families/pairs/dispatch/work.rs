//! What the dispatches have in common: the sizes of tiles, where things are in the scratch, and what each dispatch
//! sees.

use super::super::kernel::{PairsWindow, Side, Spec};
use super::super::problem::Problem;
use super::super::setup::{Partners, Setup};
use crate::dispatch::limits::{bindable, check_rounds};
use crate::dispatch::{Builder, MOST_ROUNDS, index};
use crate::error::Result;
use crate::request::{Losses, Slot};

/// A tile has as many rows and columns at most: powers of two, so that windows are aligned. They depend on the
/// shapes alone, so that sums are the same everywhere.
const MOST_ITEMS: u64 = 4096;
const MOST_CLASSES: u64 = 2048;
const WIDEST: u64 = 65_536;
/// Fewer would leave windows of 2-byte numbers unaligned to 256 bytes.
const FEWEST: u64 = 128;
/// The bytes that the products of a chunk of rows may take: where those of the fewest rows fit, they are computed
/// once for value and gradients, else a second time.
const PRODUCTS: u64 = 32 << 20;

/// The place of a tile.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tile {
    pub(super) first_item: u64,
    pub(super) items: u64,
    pub(super) first_class: u64,
    pub(super) classes: u64,
    /// Whether statistics or gradients are there to be added to.
    pub(super) adds: bool,
}

pub(super) struct Work<'a, 'b> {
    pub(super) builder: &'a mut Builder<'b>,
    pub(super) spec: Spec,
    pub(super) rows: u64,
    pub(super) columns: u64,
    pub(super) features: u64,
    pub(super) most_items: u64,
    pub(super) most_classes: u64,
    /// Whether the products of all columns are kept.
    pub(super) keeps: bool,
    /// From one row of a tile in the scratch to the next.
    stride: u64,
    /// Where the losses, the rows' weights, the lengths and what is known of rows and columns are in the scratch.
    pub(super) losses: u64,
    pub(super) weights: u64,
    lengths: [u64; 2],
    statistics: u64,
    of_columns: u64,
    tile: u64,
}

impl<'a, 'b> Work<'a, 'b> {
    pub(super) fn new(builder: &'a mut Builder<'b>, setup: &Setup, twice: bool) -> Result<Self> {
        let resolved = builder.resolved;
        let problem = Problem::of(setup, &resolved.inputs);
        let [rows, columns, features] =
            [problem.rows, problem.columns, problem.features].map(|size| size as u64);
        let spec = Spec {
            definition: resolved.definition,
            parameters: builder.parameters(),
            setup: *setup,
            problem,
            inputs: resolved.inputs.iter().map(|kind| Some(kind.as_ref()?.dtype)).collect(),
            gradients: Vec::new(),
            outputs: (0..resolved.inputs.len()).map(|i| resolved.gradient_dtype(i)).collect(),
            twice,
            upstream: resolved.upstream,
            scratch_divisor: resolved.divisor_in_scratch(),
        };
        let name = |i: usize| resolved.definition.inputs[i].name;
        // 16 features a round of a product, and 64 of a length; 256 rows of a round of the last sum.
        check_rounds(name(setup.left), features, "features", 2 * MOST_ROUNDS)?;
        check_rounds(name(setup.left), rows, "rows", 64 * MOST_ROUNDS)?;
        let mut most_items = bindable(MOST_ITEMS, FEWEST, 4 * features);
        let per_row = 4 * columns.next_multiple_of(4);
        let keeps = !resolved.gradients.is_empty() && rows.min(FEWEST) * per_row <= PRODUCTS;
        // Where all products of a chunk are kept, tiles need not be small.
        let widest = if keeps { WIDEST } else { MOST_CLASSES };
        let most_classes = bindable(widest, FEWEST, 4 * features);
        while keeps && rows.min(most_items) * per_row > PRODUCTS {
            most_items /= 2;
        }
        let stride = if keeps { columns } else { columns.min(most_classes) }.next_multiple_of(4);
        let losses = resolved.losses() == Losses::Scratch;
        let losses = if losses { builder.reserve(rows)? } else { 0 };
        let weighs = matches!(setup.partners, Partners::Labels(..)) && resolved.sums_weights();
        let weights = if weighs { builder.reserve(rows)? } else { 0 };
        let mut lengths = [0; 2];
        if setup.normalize {
            lengths[0] = builder.reserve(rows)?;
            lengths[1] = if spec.is_one() { lengths[0] } else { builder.reserve(columns)? };
        }
        // Read as quads too; a whole one may be needed to get to a quad's start.
        let known = rows + if setup.symmetric { columns } else { 0 };
        let size = known * spec.statistics() + rows.min(most_items) * stride + 3;
        let statistics = builder.reserve(size)?.next_multiple_of(4);
        let of_columns = statistics + rows * spec.statistics();
        let tile = statistics + known * spec.statistics();
        Ok(Self {
            builder,
            spec,
            rows,
            columns,
            features,
            most_items,
            most_classes,
            keeps,
            stride,
            losses,
            weights,
            lengths,
            statistics,
            of_columns,
            tile,
        })
    }

    /// Some rows with all columns.
    pub(super) fn chunk(&self, first_item: u64) -> Tile {
        let items = self.most_items.min(self.rows - first_item);
        Tile { first_item, items, classes: self.columns, ..Tile::default() }
    }

    /// The tiles of a chunk.
    pub(super) fn tiles(&self, chunk: Tile) -> Vec<Tile> {
        let starts = (0..self.columns).step_by(step(self.most_classes));
        let tile = |first_class: u64| {
            let classes = self.most_classes.min(self.columns - first_class);
            Tile { first_class, classes, ..chunk }
        };
        starts.map(tile).collect()
    }

    pub(super) fn window(&self, tile: Tile, groups: u64) -> Result<PairsWindow> {
        let setup = &self.spec.setup;
        let [margin_0, margin_1, margin_2] = setup.margin.map_or([0.0; 3], |m| m.numbers);
        Ok(PairsWindow {
            items: index(tile.items)?,
            first_item: index(tile.first_item)?,
            classes: index(tile.classes)?,
            first_class: index(tile.first_class)?,
            all_items: index(self.rows)?,
            all_classes: index(self.columns)?,
            features: index(self.features)?,
            width: self.builder.width(groups)?,
            statistics: index(self.statistics)?,
            columns: index(self.of_columns)?,
            tile: index(self.tile + if self.keeps { tile.first_class } else { 0 })?,
            stride: index(self.stride)?,
            losses: index(self.losses)?,
            weights: index(self.weights)?,
            lengths: index(self.lengths[0])?,
            other_lengths: index(self.lengths[1])?,
            adds: tile.adds.into(),
            ignored: self.builder.resolved.ignored_index(),
            divisor: self.builder.divisor(),
            scale: self.builder.resolved.scale(),
            weight: self.builder.resolved.loss_weight,
            factor: setup.factor,
            margin_0,
            margin_1,
            margin_2,
            ..PairsWindow::default()
        })
    }

    /// What a dispatch sees of the vectors and their gradients; one matrix for both sides is seen whole.
    pub(super) fn regions(&self, tile: Tile) -> Vec<(Slot, u64, u64)> {
        if self.spec.is_one() {
            return self.regions_of(Side::Left, (0, self.rows)).into();
        }
        let mut regions = Vec::new();
        let of = |side: Side| match side {
            Side::Left => (tile.first_item, tile.items),
            Side::Right => (tile.first_class, tile.classes),
        };
        for side in [Side::Left, Side::Right] {
            regions.extend(self.regions_of(side, of(side)));
        }
        regions
    }

    /// The bytes of some vectors of one side.
    pub(super) fn regions_of(
        &self,
        side: Side,
        (first, count): (u64, u64),
    ) -> [(Slot, u64, u64); 3] {
        let input = self.spec.input(side);
        let size = self.spec.inputs[input].map_or(4, |dtype| dtype.size() as u64);
        let part = |slot: Slot, size: u64| {
            let bytes = self.features * size;
            (slot, first * bytes, (count * bytes).next_multiple_of(4))
        };
        [
            part(Slot::Input(input), size),
            part(Slot::Gradient(input), self.spec.outputs[input].size() as u64),
            part(Slot::Staging(input), 4),
        ]
    }
}

pub(super) fn step(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
