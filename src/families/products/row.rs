//! What runs through the logits of rows, a tile at a time: the twin of `products.wgsl`.

use crate::cpu::{ABREAST, Gathered, Group, Larger, Sum, ZEROS, group, one_hot, store};
use crate::families::rows::{self, Formula, Item, Loops, Row, RowLoss, TextbookRow};

/// The most numbers that a formula's maxima, or its sums, have.
const MOST: usize = 8;

/// What is known of a row after some tiles.
#[derive(Clone, Copy, Debug)]
pub(in crate::families) struct Statistics {
    peaks: [f32; MOST],
    sums: [f32; MOST],
    /// The logit of the target class.
    pub(in crate::families) picked: f32,
    /// What the slopes are multiplied by.
    pub(in crate::families) scale: f32,
}

impl Default for Statistics {
    fn default() -> Self {
        Self { peaks: [f32::MIN; MOST], sums: [0.0; MOST], picked: 0.0, scale: 0.0 }
    }
}

/// A row's part of a tile of classes.
#[derive(Clone, Copy, Debug)]
pub(in crate::families) struct Tile<'a> {
    pub(in crate::families) row: Row,
    pub(in crate::families) first: usize,
    /// The row's class index, anywhere.
    pub(in crate::families) class: Option<usize>,
    /// Whether the target is a class index.
    pub(in crate::families) has_index: bool,
    /// The numbers that the target has for the tile's classes; empty where it has none.
    pub(in crate::families) target: &'a [f32],
    /// The weights of the tile's classes; empty where there are none.
    pub(in crate::families) weight: &'a [f32],
}

/// A formula over rows, tile by tile.
pub(in crate::families) trait Runs: Send + Sync {
    /// The textbook value and derivatives of one row in float64.
    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss;

    /// Whether a number may be taken off all logits of a row.
    fn shifts(&self) -> bool;

    /// Whether sums need the logit of the target class before all classes are seen.
    fn picks(&self) -> bool;

    /// Merges the logits of a tile into a row's statistics.
    fn gather(&self, statistics: &mut Statistics, tile: &Tile<'_>, logits: &[f32]);

    /// Whether there are second sums, which need the first ones of all tiles, where the target is a class index, or
    /// is not.
    fn twice(&self, has_index: bool) -> bool;

    /// Adds a tile's part in a row's second sums.
    fn gather_again(&self, statistics: &mut Statistics, tile: &Tile<'_>, logits: &[f32]);

    /// The loss of a row whose target is a class index, or is not.
    fn value(&self, statistics: &Statistics, row: &Row, has_index: bool) -> f32;

    /// Turns the logits of a tile into the loss's slopes by them, and gives those by the target, where they
    /// are wanted.
    fn slopes(
        &self,
        statistics: &Statistics,
        tile: &Tile<'_>,
        logits: &mut [f32],
        by_target: Option<&mut [f32]>,
    );
}

impl<F: Formula> Runs for F {
    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        Formula::reference(self, row)
    }

    fn shifts(&self) -> bool {
        Formula::shifts(self)
    }

    fn picks(&self) -> bool {
        F::PICKS
    }

    fn gather(&self, statistics: &mut Statistics, tile: &Tile<'_>, logits: &[f32]) {
        rows::run(self, false, Gather { statistics, tile, logits });
    }

    fn twice(&self, has_index: bool) -> bool {
        let mut twice = false;
        rows::run(self, true, Twice { has_index, twice: &mut twice });
        twice
    }

    fn gather_again(&self, statistics: &mut Statistics, tile: &Tile<'_>, logits: &[f32]) {
        rows::run(self, false, GatherAgain { statistics, tile, logits });
    }

    fn value(&self, statistics: &Statistics, row: &Row, has_index: bool) -> f32 {
        let mut value = 0.0;
        rows::run(self, true, Value { statistics, row, has_index, value: &mut value });
        value
    }

    fn slopes(
        &self,
        statistics: &Statistics,
        tile: &Tile<'_>,
        logits: &mut [f32],
        by_target: Option<&mut [f32]>,
    ) {
        rows::run(self, false, Slopes { statistics, tile, logits, by_target });
    }
}

impl Tile<'_> {
    /// What is known of the row, with the logit of its target class.
    fn row(&self, statistics: &Statistics) -> Row {
        Row { picked: statistics.picked, ..self.row }
    }

    #[inline(always)]
    fn items(&self, logits: &[f32], start: usize) -> Items {
        let class = self.class.and_then(|class| class.checked_sub(self.first));
        Items {
            logits: group(logits, start, 0.0),
            target: match class {
                Some(class) => one_hot(class, start),
                None => group(self.target, start, 0.0),
            },
            weight: group(self.weight, start, 1.0),
        }
    }
}

/// Some classes side by side.
struct Items {
    logits: Group,
    target: Group,
    weight: Group,
}

impl Items {
    #[inline(always)]
    fn at(&self, i: usize) -> Item {
        Item {
            first: self.logits[i],
            second: 0.0,
            third: 0.0,
            target: self.target[i],
            weight: self.weight[i],
            reused: 0.0,
        }
    }
}

struct Gather<'g> {
    statistics: &'g mut Statistics,
    tile: &'g Tile<'g>,
    logits: &'g [f32],
}

impl Loops for Gather<'_> {
    fn has_index(&self) -> bool {
        self.tile.has_index
    }

    #[inline(always)]
    fn run<L: Formula>(self, loss: &L) {
        let Self { statistics, tile, logits } = self;
        let row = tile.row(statistics);
        let lower = L::Peaks::read(&statistics.peaks);
        let whole = logits.len() - logits.len() % ABREAST;
        let parts = [(0, whole), (whole, logits.len())];
        let mut higher = lower;
        for (first, end) in parts {
            let mut lanes = L::Peaks::lanes::<Larger>();
            for start in (first..end).step_by(ABREAST) {
                let items = tile.items(logits, start);
                for i in 0..ABREAST {
                    loss.peaks(items.at(i)).join::<Larger>(&mut lanes, i);
                }
            }
            higher = higher.with::<Larger>(L::Peaks::joined::<Larger>(lanes, end - first));
        }
        let sums = added::<L>(
            tile,
            logits,
            #[inline(always)]
            |item| loss.sums(item, &row, higher),
        );
        let before = loss.moved(L::Sums::read(&statistics.sums), lower, higher);
        before.with::<Sum>(sums).write(&mut statistics.sums);
        higher.write(&mut statistics.peaks);
        let place = tile.class.and_then(|class| class.checked_sub(tile.first));
        if let Some(&picked) = place.and_then(|place| logits.get(place)).filter(|_| !L::PICKS) {
            statistics.picked = picked;
        }
    }
}

/// The sum over the classes of a tile.
#[inline(always)]
fn added<L: Formula>(tile: &Tile<'_>, logits: &[f32], of: impl Fn(Item) -> L::Sums) -> L::Sums {
    let whole = logits.len() - logits.len() % ABREAST;
    let mut sums = L::Sums::start::<Sum>();
    for (first, end) in [(0, whole), (whole, logits.len())] {
        let mut lanes = L::Sums::lanes::<Sum>();
        for start in (first..end).step_by(ABREAST) {
            let items = tile.items(logits, start);
            for i in 0..ABREAST {
                of(items.at(i)).join::<Sum>(&mut lanes, i);
            }
        }
        sums = sums.with::<Sum>(L::Sums::joined::<Sum>(lanes, end - first));
    }
    sums
}

struct Twice<'g> {
    has_index: bool,
    twice: &'g mut bool,
}

impl Loops for Twice<'_> {
    fn has_index(&self) -> bool {
        self.has_index
    }

    #[inline(always)]
    fn run<L: Formula>(self, _: &L) {
        *self.twice = L::TWICE;
    }
}

struct GatherAgain<'g> {
    statistics: &'g mut Statistics,
    tile: &'g Tile<'g>,
    logits: &'g [f32],
}

impl Loops for GatherAgain<'_> {
    fn has_index(&self) -> bool {
        self.tile.has_index
    }

    #[inline(always)]
    fn run<L: Formula>(self, loss: &L) {
        let Self { statistics, tile, logits } = self;
        let row = tile.row(statistics);
        let (peaks, sums) = (L::Peaks::read(&statistics.peaks), L::Sums::read(&statistics.sums));
        let second = added::<L>(
            tile,
            logits,
            #[inline(always)]
            |item| loss.second_sums(item, &row, peaks, sums),
        );
        sums.with::<Sum>(second).write(&mut statistics.sums);
    }
}

struct Value<'g> {
    statistics: &'g Statistics,
    row: &'g Row,
    has_index: bool,
    value: &'g mut f32,
}

impl Loops for Value<'_> {
    fn has_index(&self) -> bool {
        self.has_index
    }

    #[inline(always)]
    fn run<L: Formula>(self, loss: &L) {
        let Statistics { peaks, sums, picked, .. } = *self.statistics;
        let row = Row { picked, ..*self.row };
        let (peaks, sums) = (L::Peaks::read(&peaks), L::Sums::read(&sums));
        *self.value = loss.value(&row, peaks, loss.finished(&row, peaks, sums));
    }
}

/// A slope below 2^-100 is nothing beside that of the peak, but its products with small numbers would be
/// denormal, on which processors multiply up to a hundred times slower.
const NEGLIGIBLE: f32 = 7.888609e-31;

struct Slopes<'g> {
    statistics: &'g Statistics,
    tile: &'g Tile<'g>,
    logits: &'g mut [f32],
    by_target: Option<&'g mut [f32]>,
}

impl Loops for Slopes<'_> {
    fn has_index(&self) -> bool {
        self.tile.has_index
    }

    #[inline(always)]
    fn run<L: Formula>(self, loss: &L) {
        let Self { statistics, tile, logits, mut by_target } = self;
        let row = tile.row(statistics);
        let peaks = L::Peaks::read(&statistics.peaks);
        let sums = loss.finished(&row, peaks, L::Sums::read(&statistics.sums));
        for start in (0..logits.len()).step_by(ABREAST) {
            let items = tile.items(logits, start);
            let (mut by_logit, mut of_target) = (ZEROS, ZEROS);
            for i in 0..ABREAST {
                let mut item = items.at(i);
                if L::REUSES {
                    item.reused = loss.sums(item, &row, peaks).first();
                }
                let [slope, _, _, target] = loss.gradient(item, &row, peaks, sums);
                let slope = if slope.abs() < NEGLIGIBLE { 0.0 } else { slope };
                by_logit[i] = statistics.scale * slope;
                of_target[i] = statistics.scale * target;
            }
            store(logits, start, &by_logit);
            if let Some(by_target) = &mut by_target {
                store(by_target, start, &of_target);
            }
        }
    }
}
