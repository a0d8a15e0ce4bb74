//! The dispatches: for each chunk of batch items and each position, tiles of classes.

mod cuts;
mod sequences;
mod staging;
mod work;

use super::kernel::Product;
use super::problem::{INPUT, LINEAR_BIAS, LINEAR_WEIGHT, TARGET, Target, weight};
use super::sequences::Sequences;
use crate::dispatch::Builder;
use crate::error::Result;
use crate::families::products::row::Runs;
use crate::families::rows::kernel::{Check, LeftOut, Weighed};
use crate::families::rows::push_check;
use crate::family::Loss;
use crate::kernel::Kernel;
use crate::request::Losses;
use work::{Tile, Work, step};

pub(super) fn build(
    builder: &mut Builder<'_>,
    formula: &dyn Runs,
    loss: &dyn Loss,
    sequences: Option<&Sequences<'_>>,
) -> Result<()> {
    let resolved = builder.resolved;
    let losses = resolved.losses();
    let terms = resolved.layout.terms;
    let mut work = Work::new(builder, losses, formula, loss, sequences)?;
    work.stage();
    if work.items * work.positions > 0 {
        work.check_targets()?;
        work.push_offsets()?;
        if work.spec.sequences.is_some() {
            work.sequences()?;
        } else {
            work.rows()?;
        }
        work.round_classes()?;
    } else {
        work.builder.push_no_weights()?;
        work.clear()?;
        if terms > 0 {
            work.push_sequences()?;
        }
    }
    if losses == Losses::Scratch {
        let (place, keep) = (work.losses_place, work.builder.losses_destination());
        work.builder.push_losses(place, terms, keep)?;
    }
    Ok(())
}

impl Work<'_, '_> {
    /// Each chunk of rows is worked on once.
    fn rows(&mut self) -> Result<()> {
        let gradients = !self.builder.resolved.gradients.is_empty();
        for first_item in (0..self.items).step_by(step(self.most_items)) {
            for position in 0..self.positions {
                self.gather(position, first_item)?;
                let finish = self.spec.finish(self.losses, gradients);
                let whole = self.whole(position, first_item);
                self.push(finish, whole, whole.items.div_ceil(64))?;
                if gradients {
                    self.push_gradients(position, first_item, true)?;
                }
            }
            self.round_input(first_item)?;
        }
        Ok(())
    }

    /// Looks for bad class indices, and sums and counts the weights that the mean divides by.
    fn check_targets(&mut self) -> Result<()> {
        let problem = self.spec.problem;
        if !problem.leaves_out() {
            return Ok(());
        }
        let of = |i: usize| Some((i, self.spec.inputs[i]?));
        let weight = weight(self.spec.definition).and_then(of);
        let left_out = match of(TARGET).filter(|_| problem.target == Target::Marks) {
            Some((input, dtype)) => LeftOut::Marks { input, dtype },
            None => LeftOut::Nothing,
        };
        let class = |(input, dtype)| Weighed::Class { input, name: "weight", dtype };
        let check = Check {
            label: format!("wgloss {}", self.builder.resolved.definition.name),
            index: of(TARGET).filter(|_| problem.has_index()),
            classes: self.classes,
            weight: weight.map_or(Weighed::One, class),
            ignores: self.spec.ignores,
            counts: self.spec.scratch_divisor && weight.is_some(),
            counted: None,
            left_out,
        };
        push_check(self.builder, self.items * self.positions, &check)
    }

    /// Takes off what the biases have in common: all of them are seen at once.
    fn push_offsets(&mut self) -> Result<()> {
        if !self.spec.offset {
            return Ok(());
        }
        let whole = Tile { classes: self.classes, ..self.tile_at(0, 0, 0) };
        let window = self.window(whole, self.positions)?;
        self.builder.push(self.spec.offsets(), &window, &[], self.positions)
    }

    /// The tiles of some items at one position.
    fn tiles(&self, position: u64, first_item: u64) -> Vec<Tile> {
        let starts = (0..self.classes).step_by(step(self.most_classes));
        starts.map(|first_class| self.tile_at(position, first_item, first_class)).collect()
    }

    /// All their classes as one.
    fn whole(&self, position: u64, first_item: u64) -> Tile {
        Tile { classes: self.classes, ..self.tile_at(position, first_item, 0) }
    }

    /// The statistics of some items at one position.
    fn gather(&mut self, position: u64, first_item: u64) -> Result<()> {
        let tiles = self.tiles(position, first_item);
        let picks = self.spec.picks;
        for &tile in tiles.iter().filter(|_| picks) {
            self.push(self.spec.pick(), tile, tile.items)?;
        }
        for &tile in &tiles {
            self.push_logits(tile)?;
            let adds = tile.first_class > 0;
            self.push(self.spec.gather(false), Tile { adds, ..tile }, tile.items)?;
        }
        let twice = self.spec.twice;
        for &tile in tiles.iter().filter(|_| twice) {
            if !self.keeps && tiles.len() > 1 {
                self.push_logits(tile)?;
            }
            self.push(self.spec.gather(true), tile, tile.items)?;
        }
        Ok(())
    }

    /// Their share in the gradients; `there` are the logits that were gathered last: all that are kept, or those of the
    /// last tile.
    fn push_gradients(&mut self, position: u64, first_item: u64, there: bool) -> Result<()> {
        let tiles = self.tiles(position, first_item);
        if self.keeps {
            for &tile in tiles.iter().filter(|_| !there) {
                self.push_logits(tile)?;
            }
            self.push_slopes(self.whole(position, first_item))?;
        }
        // Backwards, as the last tile's logits may be there where no others are.
        let last = tiles.len() - 1;
        for (i, &tile) in tiles.iter().enumerate().rev() {
            if !self.keeps {
                if i < last || !there {
                    self.push_logits(tile)?;
                }
                self.push_slopes(tile)?;
            }
            for &gradient in &self.builder.resolved.gradients.clone() {
                self.push_gradient(gradient, tile, i == last)?;
            }
        }
        Ok(())
    }

    fn push_slopes(&mut self, tile: Tile) -> Result<()> {
        let slopes = self.spec.slopes(self.builder.resolved.gradients.contains(&TARGET));
        self.push(slopes, tile, (tile.items * tile.classes.div_ceil(4)).div_ceil(64))
    }

    fn push_logits(&mut self, tile: Tile) -> Result<()> {
        let dtypes = [INPUT, LINEAR_WEIGHT].map(|i| self.spec.inputs[i]);
        let sizes = [tile.items, tile.classes, self.features];
        let (product, groups) = Product::of_numbers(self.builder, dtypes, sizes);
        self.push(self.spec.logits(product), tile, groups)
    }

    /// Adds a tile's share in a gradient; the gradient of the target is written with the slopes.
    fn push_gradient(&mut self, gradient: usize, tile: Tile, first_tile: bool) -> Result<()> {
        let (kernel, adds, groups) = match gradient {
            INPUT => {
                let adds = !first_tile || tile.position > 0;
                let (product, groups) =
                    Product::of(self.builder, [tile.items, self.features, tile.classes]);
                (self.spec.by_input(product), adds, groups)
            }
            LINEAR_WEIGHT => {
                let (product, groups) =
                    Product::of(self.builder, [tile.classes, self.features, tile.items]);
                (self.spec.by_linear_weight(product), tile.first_item > 0, groups)
            }
            LINEAR_BIAS => {
                let groups = tile.classes.div_ceil(16);
                (self.spec.columns(LINEAR_BIAS), tile.first_item > 0, groups)
            }
            _ => return Ok(()),
        };
        self.push(kernel, Tile { adds, ..tile }, groups)
    }

    /// Without rows, gradients that are not empty are 0: sums of no rows.
    fn clear(&mut self) -> Result<()> {
        let whole = [self.positions, self.features];
        for &gradient in &self.builder.resolved.gradients.clone() {
            let per_class = match gradient {
                LINEAR_WEIGHT => whole[0] * whole[1],
                LINEAR_BIAS => whole[0],
                _ => continue,
            };
            for first_class in (0..self.classes).step_by(step(self.most_classes)) {
                let tile = self.tile_at(0, 0, first_class);
                let regions = self.regions(tile);
                (self.positions, self.features) = (1, 1);
                let cleared = Tile { classes: tile.classes * per_class, ..tile };
                let window = self.window(cleared, cleared.classes.div_ceil(16))?;
                [self.positions, self.features] = whole;
                let groups = cleared.classes.div_ceil(16);
                self.builder.push(self.spec.columns(gradient), &window, &regions, groups)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, kernel: Kernel, tile: Tile, groups: u64) -> Result<()> {
        let window = self.window(tile, groups)?;
        self.builder.push(kernel, &window, &self.regions(tile), groups)
    }
}
