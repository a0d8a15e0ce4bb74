//! Gradients of 16 bits that several tiles add to are added up in float32 and then rounded.

use super::super::problem::{INPUT, LINEAR_BIAS, LINEAR_WEIGHT};
use super::work::{Tile, Work, step};
use crate::dispatch::index;
use crate::error::Result;
use crate::kernel::reduce::{self, RoundWindow};
use crate::request::Slot;
use crate::tensor::DType;

impl Work<'_, '_> {
    /// Decides where tiles put each gradient, and takes the memory to add it up in.
    pub(super) fn stage(&mut self) {
        let resolved = self.builder.resolved;
        for input in 0..resolved.inputs.len() {
            let adds = match input {
                INPUT => self.classes > self.most_classes || self.positions > 1,
                LINEAR_WEIGHT | LINEAR_BIAS => self.items > self.most_items,
                _ => false,
            };
            let dtype = resolved.gradient_dtype(input);
            let staged = adds && dtype != DType::F32 && resolved.gradients.contains(&input);
            if staged {
                let items = self.items.min(self.most_items);
                self.builder.stage(input, self.elements(input, items, self.classes));
            }
            self.spec.gradients.push(match staged {
                true => (Slot::Staging(input), DType::F32),
                false => (Slot::Gradient(input), dtype),
            });
        }
    }

    /// Rounds the gradient of a chunk of the input, all of whose tiles have been added up.
    pub(super) fn round_input(&mut self, first_item: u64) -> Result<()> {
        self.round(INPUT, self.tile_at(0, first_item, 0))
    }

    /// Rounds the gradients to which all chunks have been added.
    pub(super) fn round_classes(&mut self) -> Result<()> {
        for first_class in (0..self.classes).step_by(step(self.most_classes)) {
            let tile = self.tile_at(0, 0, first_class);
            self.round(LINEAR_WEIGHT, tile)?;
            self.round(LINEAR_BIAS, tile)?;
        }
        Ok(())
    }

    fn round(&mut self, input: usize, tile: Tile) -> Result<()> {
        if self.spec.gradients[input].0 != Slot::Staging(input) {
            return Ok(());
        }
        let elements = self.elements(input, tile.items, tile.classes);
        let groups = elements.div_ceil(4 * 64);
        let window = RoundWindow { elements: index(elements)?, width: self.builder.width(groups)? };
        let kernel = reduce::round(input, self.builder.resolved.gradient_dtype(input));
        self.builder.push(kernel, &window, &self.regions(tile), groups)
    }

    fn elements(&self, input: usize, items: u64, classes: u64) -> u64 {
        match input {
            INPUT => items * self.features,
            LINEAR_WEIGHT => classes * self.positions * self.features,
            _ => classes * self.positions,
        }
    }
}
