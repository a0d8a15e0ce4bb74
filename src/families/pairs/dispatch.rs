//! The dispatches: chunks of rows by tiles of columns.

mod sides;
mod work;

use super::kernel::{Lines, Side};
use super::setup::{Partners, Setup};
use crate::dispatch::Builder;
use crate::error::Result;
use crate::families::products::kernel::Product;
use crate::families::rows::push_check;
use crate::kernel::Kernel;
use crate::request::Losses;
use work::{Tile, Work, step};

pub(super) fn build(builder: &mut Builder<'_>, setup: &Setup, twice: bool) -> Result<()> {
    let terms = builder.resolved.layout.terms;
    let losses = builder.resolved.losses();
    let mut work = Work::new(builder, setup, twice)?;
    work.stage();
    if terms > 0 {
        work.weigh()?;
        work.measure()?;
        work.clear_shared()?;
        work.passes(losses)?;
        work.finish_gradients()?;
    } else {
        work.builder.push_no_weights()?;
        work.clear_all()?;
    }
    if losses == Losses::Scratch {
        let (place, keep) = (work.losses, work.builder.losses_destination());
        work.builder.push_losses(place, terms, keep)?;
    }
    Ok(())
}

impl Work<'_, '_> {
    /// Looks for bad class indices, and adds up what the rows weigh.
    fn weigh(&mut self) -> Result<()> {
        if let Partners::Labels(input, weigh) = self.spec.setup.partners
            && self.builder.resolved.sums_weights()
        {
            let whole = Tile { items: self.rows, ..Tile::default() };
            self.push(self.spec.weights(input, weigh), whole, self.rows)?;
        }
        push_check(self.builder, self.builder.resolved.layout.terms, &self.spec.check(self.weights))
    }

    /// All rows, chunk by chunk.
    fn passes(&mut self, losses: Losses) -> Result<()> {
        let chunks: Vec<u64> = (0..self.rows).step_by(step(self.most_items)).collect();
        let gradients = self.builder.resolved.gradients.clone();
        let finish = self.spec.finish(losses, !gradients.is_empty());
        let differentiates = !gradients.is_empty();
        for &first_item in &chunks {
            let whole = self.chunk(first_item);
            for tile in self.tiles(whole) {
                self.push_products(tile)?;
                self.gather(tile)?;
            }
            self.gather_again(whole)?;
            if !self.spec.setup.symmetric {
                self.push(finish.clone(), whole, whole.items.div_ceil(64))?;
                if differentiates {
                    self.push_gradients(whole, true)?;
                }
            }
        }
        if self.spec.setup.symmetric {
            // Columns are known once all rows have been seen.
            let all = Tile { items: self.rows, classes: self.columns, ..Tile::default() };
            self.push(finish, all, self.rows.div_ceil(64))?;
            for &first_item in chunks.iter().filter(|_| differentiates) {
                self.push_gradients(self.chunk(first_item), chunks.len() == 1)?;
            }
        }
        Ok(())
    }

    fn gather(&mut self, tile: Tile) -> Result<()> {
        let rows = Tile { adds: tile.first_class > 0, ..tile };
        self.push(self.spec.gather(Lines::Rows, false), rows, tile.items)?;
        if self.spec.setup.symmetric {
            let columns = Tile { adds: tile.first_item > 0, ..tile };
            self.push(self.spec.gather(Lines::Columns, false), columns, tile.classes)?;
        }
        Ok(())
    }

    /// The second sums of a chunk's rows; the products of its last tile are there still.
    fn gather_again(&mut self, whole: Tile) -> Result<()> {
        if !self.spec.twice {
            return Ok(());
        }
        let tiles = self.tiles(whole);
        for &tile in &tiles {
            if !self.keeps && tiles.len() > 1 {
                self.push_products(tile)?;
            }
            self.push(self.spec.gather(Lines::Rows, true), tile, tile.items)?;
        }
        Ok(())
    }

    /// The slopes of a chunk and what follows from them; the products of its last tile may be there still.
    fn push_gradients(&mut self, whole: Tile, there: bool) -> Result<()> {
        let gradients = self.builder.resolved.gradients.clone();
        // Backwards, as the last tile's products are there where no others are.
        let tiles = self.tiles(whole);
        let last = tiles.len() - 1;
        for (i, &tile) in tiles.iter().enumerate().rev() {
            if !(there && (self.keeps || i == last)) {
                self.push_products(tile)?;
            }
            let slopes = Tile { adds: i < last, ..tile };
            self.push(self.spec.slopes(&gradients), slopes, tile.items)?;
            for side in [Side::Left, Side::Right] {
                if gradients.contains(&self.spec.input(side)) {
                    self.push_gradient(side, tile, i == last)?;
                }
            }
        }
        Ok(())
    }

    fn push_products(&mut self, tile: Tile) -> Result<()> {
        let (product, groups) =
            Product::of(self.builder, [tile.items, tile.classes, self.features]);
        self.push(self.spec.products(product), tile, groups)
    }

    /// Adds a tile's share in the gradient of one side.
    fn push_gradient(&mut self, side: Side, tile: Tile, first_tile: bool) -> Result<()> {
        let (adds, vectors, others) = match side {
            Side::Left => (!first_tile, tile.items, tile.classes),
            Side::Right => (tile.first_item > 0, tile.classes, tile.items),
        };
        let (product, groups) = Product::of(self.builder, [vectors, self.features, others]);
        let tile = Tile { adds: adds || self.spec.is_one(), ..tile };
        self.push(self.spec.gradient(side, product), tile, groups)
    }

    fn push(&mut self, kernel: Kernel, tile: Tile, groups: u64) -> Result<()> {
        let window = self.window(tile, groups)?;
        self.builder.push(kernel, &window, &self.regions(tile), groups)
    }
}
