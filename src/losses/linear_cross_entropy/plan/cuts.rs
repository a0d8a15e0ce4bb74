//! What a dispatch sees: its window, and the parts of the tensors.

use super::super::{DEFINITION, INPUT, LINEAR_BIAS, LINEAR_WEIGHT, TARGET};
use super::{Tile, Work};
use crate::dispatch::words;
use crate::error::{Error, Result};
use crate::reduction::Reduction;
use crate::request::Slot;

impl Work<'_, '_> {
    pub(super) fn window(&self, tile: Tile, groups: u64) -> Result<Vec<u8>> {
        let mut window = words(&[
            tile.items,
            tile.first_item,
            tile.classes,
            tile.first_class,
            self.classes,
            self.features,
            self.positions,
            tile.position,
            self.statistics,
            self.tile,
            stride(self.classes.min(self.most_classes)),
            self.losses_place,
            tile.adds.into(),
            self.builder.width(groups)?.into(),
        ])?;
        window.extend_from_slice(&self.builder.resolved.ignored_index().to_le_bytes());
        window.extend_from_slice(&self.builder.factors());
        window.extend(words(&[self.offsets, 0, 0])?);
        Ok(window)
    }

    /// What a dispatch sees of the tensors that are cut.
    pub(super) fn regions(&self, tile: Tile) -> Vec<(Slot, u64, u64)> {
        let size = |i: usize| self.spec.inputs[i].map_or(4, |dtype| dtype.size() as u64);
        let gradient = |i: usize| self.builder.resolved.gradient_dtype(i).size() as u64;
        let (rows, classes) = ((tile.first_item, tile.items), (tile.first_class, tile.classes));
        let per_class = self.positions * self.features;
        let probabilities = if self.spec.problem.index { 1 } else { self.classes };
        let mut cuts = vec![
            (Slot::Input(INPUT), rows, self.features * size(INPUT)),
            (Slot::Gradient(INPUT), rows, self.features * gradient(INPUT)),
            (Slot::Staging(INPUT), (0, tile.items), self.features * 4),
            (Slot::Input(LINEAR_WEIGHT), classes, per_class * size(LINEAR_WEIGHT)),
            (Slot::Gradient(LINEAR_WEIGHT), classes, per_class * gradient(LINEAR_WEIGHT)),
            (Slot::Staging(LINEAR_WEIGHT), classes, per_class * 4),
            (Slot::Input(TARGET), rows, self.positions * probabilities * size(TARGET)),
            (Slot::Gradient(TARGET), rows, self.positions * probabilities * gradient(TARGET)),
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

pub(super) fn check_rounds(input: usize, got: u64, unit: &'static str, limit: u64) -> Result<()> {
    if got <= limit {
        return Ok(());
    }
    let argument = DEFINITION.inputs[input].name.into();
    Err(Error::Limit { argument, got, unit, limit, name: "rounds of a loop" })
}

/// From one row of the tile to the next.
pub(super) fn stride(classes: u64) -> u64 {
    classes.next_multiple_of(4)
}
