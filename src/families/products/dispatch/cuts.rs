//! What a dispatch sees: its window, and the parts of the tensors.

use super::super::problem::{INPUT, LINEAR_BIAS, LINEAR_WEIGHT, TARGET};
use super::work::{Tile, Work};
use crate::dispatch::index;
use crate::error::Result;
use crate::kernel::uniform;
use crate::reduction::Reduction;
use crate::request::Slot;

uniform! {
    /// The window of the kernels of products.
    pub(super) struct TileWindow {
        items: u32,
        first_item: u32,
        classes: u32,
        first_class: u32,
        all_classes: u32,
        features: u32,
        positions: u32,
        position: u32,
        statistics: u32,
        tile: u32,
        stride: u32,
        losses: u32,
        adds: u32,
        width: u32,
        ignored: i32,
        divisor: f32,
        scale: f32,
        offsets: u32,
        weight: f32,
        padding_0: u32,
    }
}

impl Work<'_, '_> {
    pub(super) fn window(&self, tile: Tile, groups: u64) -> Result<TileWindow> {
        // Those of the chunk's first row; the losses of all rows are in one place.
        let (losses, known) = match self.spec.sequences {
            Some(_) => (self.rows_place, tile.first_item * self.spec.statistics()),
            None => (self.losses_place, 0),
        };
        Ok(TileWindow {
            items: index(tile.items)?,
            first_item: index(tile.first_item)?,
            classes: index(tile.classes)?,
            first_class: index(tile.first_class)?,
            all_classes: index(self.classes)?,
            features: index(self.features)?,
            positions: index(self.positions)?,
            position: index(tile.position)?,
            statistics: index(self.statistics + known)?,
            tile: index(self.tile + if self.keeps { tile.first_class } else { 0 })?,
            stride: index(self.stride)?,
            losses: index(losses)?,
            adds: tile.adds.into(),
            width: self.builder.width(groups)?,
            ignored: self.builder.resolved.ignored_index(),
            divisor: self.builder.divisor(),
            scale: self.builder.resolved.scale(),
            weight: self.builder.resolved.loss_weight,
            offsets: index(self.offsets)?,
            ..TileWindow::default()
        })
    }

    /// What a dispatch sees of the tensors that are cut.
    pub(super) fn regions(&self, tile: Tile) -> Vec<(Slot, u64, u64)> {
        let size = |i: usize| self.spec.inputs[i].map_or(4, |dtype| dtype.size() as u64);
        let gradient = |i: usize| self.builder.resolved.gradient_dtype(i).size() as u64;
        let (rows, classes) = ((tile.first_item, tile.items), (tile.first_class, tile.classes));
        let per_class = self.positions * self.features;
        let per_row = self.spec.problem.per_row() as u64;
        let mut cuts = vec![
            (Slot::Input(INPUT), rows, self.features * size(INPUT)),
            (Slot::Gradient(INPUT), rows, self.features * gradient(INPUT)),
            (Slot::Staging(INPUT), (0, tile.items), self.features * 4),
            (Slot::Input(LINEAR_WEIGHT), classes, per_class * size(LINEAR_WEIGHT)),
            (Slot::Gradient(LINEAR_WEIGHT), classes, per_class * gradient(LINEAR_WEIGHT)),
            (Slot::Staging(LINEAR_WEIGHT), classes, per_class * 4),
            (Slot::Input(TARGET), rows, self.positions * per_row * size(TARGET)),
            (Slot::Gradient(TARGET), rows, self.positions * per_row * gradient(TARGET)),
            (Slot::Input(LINEAR_BIAS), classes, self.positions * size(LINEAR_BIAS)),
            (Slot::Gradient(LINEAR_BIAS), classes, self.positions * gradient(LINEAR_BIAS)),
            (Slot::Staging(LINEAR_BIAS), classes, self.positions * 4),
        ];
        if self.builder.resolved.reduction == Reduction::None {
            cuts.push((Slot::Value, rows, self.positions * 4));
            cuts.push((Slot::Upstream, rows, self.positions * 4));
        }
        let region = |(slot, (first, count), bytes): (Slot, (u64, u64), u64)| {
            (slot, first * bytes, (count * bytes).next_multiple_of(4))
        };
        cuts.into_iter().map(region).collect()
    }
}
