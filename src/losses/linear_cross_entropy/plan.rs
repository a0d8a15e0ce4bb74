//! The dispatches: for each chunk of batch items and each position, tiles of classes.

mod cuts;
mod staging;

use super::kernel::Spec;
use super::{INPUT, LINEAR_BIAS, LINEAR_WEIGHT, Problem, TARGET, WEIGHT};
use crate::dispatch::Builder;
use crate::error::Result;
use crate::families::rows::{RowShape, RowWeight, Target, kernel as rows, push_check};
use crate::kernel::Kernel;
use crate::request::Losses;
use cuts::{check_rounds, stride};

/// A tile has as many rows and classes at most: powers of two, so that windows are aligned. They
/// depend on the shapes alone, so that sums are the same everywhere.
const MOST_ITEMS: u64 = 4096;
const MOST_CLASSES: u64 = 2048;
/// Fewer would leave windows of 1-byte indices, or of 2-byte weights, unaligned to 256 bytes.
const FEWEST_ITEMS: u64 = 256;
const FEWEST_CLASSES: u64 = 128;
/// What every device can bind at once.
const BINDING: u64 = 128 << 20;
/// llvmpipe ends an invocation after 65,535 rounds of its loops: a product takes 7 for 16 features,
/// the pass over the biases one for 256 classes.
const MOST_FEATURES: u64 = 16 * 8_500;
const MOST_BIASES: u64 = 256 * 60_000;

/// The place of a tile.
#[derive(Clone, Copy, Debug)]
struct Tile {
    first_item: u64,
    items: u64,
    first_class: u64,
    classes: u64,
    position: u64,
    /// Whether statistics or gradients are there to be added to.
    adds: bool,
}

struct Work<'a, 'b> {
    builder: &'a mut Builder<'b>,
    spec: Spec,
    items: u64,
    features: u64,
    classes: u64,
    positions: u64,
    most_items: u64,
    most_classes: u64,
    losses: Losses,
    /// Where the losses, the offsets of the biases, the statistics and the tile are in the scratch.
    losses_place: u64,
    offsets: u64,
    statistics: u64,
    tile: u64,
}

pub(super) fn build(builder: &mut Builder<'_>) -> Result<()> {
    let resolved = builder.resolved;
    let losses = resolved.losses();
    let terms = resolved.layout.terms;
    let mut work = Work::new(builder, losses)?;
    if terms > 0 {
        work.check_targets()?;
        work.push_offsets()?;
        for first_item in (0..work.items).step_by(step(work.most_items)) {
            for position in 0..work.positions {
                work.chunk(position, first_item)?;
            }
            work.round_input(first_item)?;
        }
        work.round_classes()?;
    } else {
        work.builder.push_no_weights()?;
        work.clear()?;
    }
    if losses == Losses::Scratch {
        let (place, keep) = (work.losses_place, work.builder.losses_destination());
        work.builder.push_losses(place, terms, keep)?;
    }
    Ok(())
}

fn step(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// The largest size, halved from `most` on, of which each has so many bytes, that can be bound.
fn bindable(most: u64, fewest: u64, bytes: u64) -> u64 {
    let mut size = most;
    while size > fewest && size.saturating_mul(bytes) > BINDING {
        size /= 2;
    }
    size
}

impl<'a, 'b> Work<'a, 'b> {
    fn new(builder: &'a mut Builder<'b>, losses: Losses) -> Result<Self> {
        let resolved = builder.resolved;
        let problem = Problem::of(&resolved.inputs);
        let [items, features, classes, positions] =
            [problem.items, problem.features, problem.classes, problem.positions]
                .map(|size| size as u64);
        let biases = if resolved.inputs[LINEAR_BIAS].is_some() { classes } else { 0 };
        check_rounds(INPUT, features, "features", MOST_FEATURES)?;
        check_rounds(LINEAR_BIAS, biases, "classes", MOST_BIASES)?;
        let per_item = if problem.index { 8 * positions } else { 4 * positions * classes };
        let most_items = bindable(MOST_ITEMS, FEWEST_ITEMS, per_item.max(4 * features));
        let most_classes = bindable(MOST_CLASSES, FEWEST_CLASSES, 4 * positions * features);
        let terms = resolved.layout.terms;
        let losses_place = if losses == Losses::Scratch { builder.reserve(terms)? } else { 0 };
        let offsets = if biases > 0 { builder.reserve(positions)? } else { 0 };
        let (rows, stride) = (items.min(most_items), stride(classes.min(most_classes)));
        // Both parts are read as quads too; a whole one may be needed to get to a quad's start.
        let statistics = builder.reserve(rows * (8 + stride) + 3)?.next_multiple_of(4);
        let spec = Spec {
            parameters: builder.parameters(),
            inputs: resolved.inputs.iter().map(|kind| Some(kind.as_ref()?.dtype)).collect(),
            problem,
            gradients: Vec::new(),
            upstream: resolved.upstream,
            scratch_divisor: resolved.divisor_in_scratch(),
        };
        let mut work = Self {
            builder,
            spec,
            items,
            features,
            classes,
            positions,
            most_items,
            most_classes,
            losses,
            losses_place,
            offsets,
            statistics,
            tile: statistics + 8 * rows,
        };
        work.stage();
        Ok(work)
    }

    /// Looks for bad class indices, and sums and counts the weights that the mean divides by.
    fn check_targets(&mut self) -> Result<()> {
        if !self.spec.problem.index {
            return Ok(());
        }
        let weighted = self.spec.inputs[WEIGHT].is_some();
        let shape = RowShape {
            classes: self.classes,
            inner: self.positions,
            over: [None; 3],
            target: Target::Index(TARGET),
            label: None,
            weight: if weighted { RowWeight::Classes(WEIGHT) } else { RowWeight::One },
        };
        let spec = rows::Spec {
            definition: self.builder.resolved.definition,
            parameters: self.spec.parameters.clone(),
            inputs: self.spec.inputs.clone(),
            gradients: vec![],
            shape,
            lanes: shape.lanes(self.builder),
            ignores: true,
            upstream: self.spec.upstream,
            scratch_divisor: self.spec.scratch_divisor,
            by_weights: self.spec.scratch_divisor,
            counted: None,
        };
        push_check(self.builder, &spec)
    }

    /// Takes off what the biases have in common: all of them are seen at once.
    fn push_offsets(&mut self) -> Result<()> {
        if self.spec.inputs[LINEAR_BIAS].is_none() {
            return Ok(());
        }
        let whole = Tile { classes: self.classes, ..self.tile_at(0, 0, 0) };
        let window = self.window(whole, self.positions)?;
        self.builder.push(self.spec.offsets(), &window, &[], self.positions)
    }

    fn tile_at(&self, position: u64, first_item: u64, first_class: u64) -> Tile {
        Tile {
            first_item,
            items: self.most_items.min(self.items - first_item),
            first_class,
            classes: self.most_classes.min(self.classes - first_class),
            position,
            adds: false,
        }
    }

    /// All that depends on some items at one position.
    fn chunk(&mut self, position: u64, first_item: u64) -> Result<()> {
        let starts: Vec<u64> = (0..self.classes).step_by(step(self.most_classes)).collect();
        for &first_class in &starts {
            let tile = self.tile_at(position, first_item, first_class);
            self.push_logits(tile)?;
            self.push(self.spec.gather(), Tile { adds: first_class > 0, ..tile }, tile.items)?;
        }
        let gradients = self.builder.resolved.gradients.clone();
        let tile = self.tile_at(position, first_item, 0);
        let finish = self.spec.finish(self.losses, !gradients.is_empty());
        self.push(finish, tile, tile.items.div_ceil(64))?;
        if gradients.is_empty() {
            return Ok(());
        }
        // Backwards, as the last tile's logits are still there.
        let last = starts.len() - 1;
        for (i, &first_class) in starts.iter().enumerate().rev() {
            let tile = self.tile_at(position, first_item, first_class);
            if i < last {
                self.push_logits(tile)?;
            }
            let slopes = self.spec.slopes(gradients.contains(&TARGET));
            self.push(slopes, tile, (tile.items * tile.classes.div_ceil(4)).div_ceil(64))?;
            for &gradient in &gradients {
                self.push_gradient(gradient, tile, i == last)?;
            }
        }
        Ok(())
    }

    fn push_logits(&mut self, tile: Tile) -> Result<()> {
        let (side, groups) = self.builder.tuning.squares(tile.items, tile.classes);
        self.push(self.spec.logits(side), tile, groups)
    }

    /// Adds a tile's share in a gradient; the gradient of the target is written with the slopes.
    fn push_gradient(&mut self, gradient: usize, tile: Tile, first_tile: bool) -> Result<()> {
        let tuning = self.builder.tuning;
        let (kernel, adds, groups) = match gradient {
            INPUT => {
                let adds = !first_tile || tile.position > 0;
                let (side, groups) = tuning.squares(tile.items, self.features);
                (self.spec.by_input(side), adds, groups)
            }
            LINEAR_WEIGHT => {
                let (side, groups) = tuning.squares(tile.classes, self.features);
                (self.spec.by_linear_weight(side), tile.first_item > 0, groups)
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
