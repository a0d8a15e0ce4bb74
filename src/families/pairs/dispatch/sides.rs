//! What is done for each side's vectors on its own: their lengths, and how their gradients begin and end.

use super::super::kernel::Side;
use super::work::{Tile, Work, step};
use crate::dispatch::index;
use crate::error::Result;
use crate::kernel::Kernel;
use crate::kernel::reduce::RoundWindow;
use crate::request::Slot;
use crate::tensor::DType;

impl Work<'_, '_> {
    fn sides(&self) -> Vec<Side> {
        if self.spec.is_one() { vec![Side::Left] } else { vec![Side::Left, Side::Right] }
    }

    fn vectors(&self, side: Side) -> u64 {
        if side == Side::Left { self.rows } else { self.columns }
    }

    /// Windows of one side's vectors: a first one, and so many.
    fn parts(&self, side: Side) -> Vec<(u64, u64)> {
        let most = if side == Side::Left { self.most_items } else { self.most_classes };
        let all = self.vectors(side);
        (0..all).step_by(step(most)).map(|first| (first, most.min(all - first))).collect()
    }

    /// Decides where tiles put each gradient: what is rounded or turned behind them is added up in float32 memory
    /// of its own, unless the gradient itself can hold it.
    pub(super) fn stage(&mut self) {
        let resolved = self.builder.resolved;
        for input in 0..self.spec.inputs.len() {
            let dtype = resolved.gradient_dtype(input);
            let side = self.sides().into_iter().find(|&side| self.spec.input(side) == input);
            let narrow = dtype != DType::F32;
            let adds = narrow || (self.spec.setup.normalize && resolved.accumulate);
            let staged = side.filter(|_| adds && resolved.gradients.contains(&input));
            if let Some(side) = staged {
                self.builder.stage(input, self.vectors(side) * self.features);
            }
            self.spec.gradients.push(match staged {
                Some(_) => (Slot::Staging(input), DType::F32),
                None => (Slot::Gradient(input), dtype),
            });
        }
    }

    /// The inverse lengths of all vectors.
    pub(super) fn measure(&mut self) -> Result<()> {
        if !self.spec.setup.normalize {
            return Ok(());
        }
        for side in self.sides() {
            for part in self.parts(side) {
                self.push_part(self.spec.lengths(side), side, part)?;
            }
        }
        Ok(())
    }

    /// A dispatch over some of one side's vectors, a workgroup to each.
    fn push_part(&mut self, kernel: Kernel, side: Side, part: (u64, u64)) -> Result<()> {
        let tile = Tile { first_item: part.0, items: part.1, ..Tile::default() };
        let mut window = self.window(tile, part.1)?;
        if side == Side::Right {
            window.lengths = window.other_lengths;
        }
        self.builder.push(kernel, &window, &self.regions_of(side, part), part.1)
    }

    /// Sets the gradient of a matrix that is both sides to 0: tiles add to it in any order.
    pub(super) fn clear_shared(&mut self) -> Result<()> {
        if self.spec.is_one() { self.clear(Side::Left) } else { Ok(()) }
    }

    /// Without rows, gradients that are not empty are 0.
    pub(super) fn clear_all(&mut self) -> Result<()> {
        for side in self.sides() {
            // What tiles would have added up is rounded or turned no more.
            let input = self.spec.input(side);
            self.spec.gradients[input] = (Slot::Gradient(input), self.spec.outputs[input]);
            self.clear(side)?;
        }
        self.totals()
    }

    fn clear(&mut self, side: Side) -> Result<()> {
        let input = self.spec.input(side);
        if !self.builder.resolved.gradients.contains(&input) {
            return Ok(());
        }
        let (slot, dtype) = self.spec.gradients[input];
        for part in self.parts(side) {
            let elements = part.1 * self.features;
            let groups = elements.div_ceil(4 * 64);
            let window =
                RoundWindow { elements: index(elements)?, width: self.builder.width(groups)? };
            let regions = self.regions_of(side, part);
            self.builder.push(self.spec.clear(slot, dtype), &window, &regions, groups)?;
        }
        Ok(())
    }

    /// Finishes the gradients to which all tiles have been added.
    pub(super) fn finish_gradients(&mut self) -> Result<()> {
        for side in self.sides() {
            let input = self.spec.input(side);
            if !self.builder.resolved.gradients.contains(&input) {
                continue;
            }
            if self.spec.setup.normalize {
                for part in self.parts(side) {
                    self.push_part(self.spec.turn(side), side, part)?;
                }
            } else if self.spec.gradients[input].0 == Slot::Staging(input) {
                self.builder.push_rounding(input)?;
            }
        }
        self.totals()
    }

    /// The gradients of the scale and the bias.
    fn totals(&mut self) -> Result<()> {
        let numbers = [self.spec.setup.scale, self.spec.setup.bias];
        for input in numbers.into_iter().flatten() {
            if self.builder.resolved.gradients.contains(&input) {
                let window = self.window(Tile::default(), 1)?;
                self.builder.push(self.spec.total(input), &window, &[], 1)?;
            }
        }
        Ok(())
    }
}
