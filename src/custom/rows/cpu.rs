//! Custom losses over rows on the CPU, in float32, a tile of items at a time.

use super::loops;
use super::made::{Rows, Stage};
use super::reference::Exact;
use crate::cpu::{Instructions, Join, Larger};
use crate::custom::items::{By, Number};
use crate::error::Error;
use crate::families::rows::{RowLoss, Runs, Several, Taken, TextbookRow, Tiled};
use crate::family::Loss;
use std::borrow::Cow;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A custom loss over rows with its parameters, as it runs on the CPU.
pub(in crate::custom) struct OnCpu<'a> {
    loss: &'a dyn Loss,
    pub(super) rows: &'a Rows,
    /// The parameters but for arrays, and their bits.
    numbers: Vec<f64>,
    pub(super) parameters: Vec<u32>,
    /// The words of tables, which may be many: joined once they are asked for.
    table: OnceLock<Cow<'static, [u32]>>,
    /// Memory for kept values that no rows use now.
    idle: Mutex<Vec<Vec<f32>>>,
}

impl<'a> OnCpu<'a> {
    pub(in crate::custom) fn new(
        loss: &'a dyn Loss,
        rows: &'a Rows,
        numbers: Vec<f64>,
        parameters: Vec<u32>,
    ) -> Self {
        let (table, idle) = (OnceLock::new(), Mutex::default());
        Self { loss, rows, numbers, parameters, table, idle }
    }

    pub(super) fn table(&self) -> &[u32] {
        self.table.get_or_init(|| self.loss.table())
    }
}

impl Runs for OnCpu<'_> {
    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let machine = self.rows.program.machine(self.table());
        Exact::new(self.rows, &self.numbers, machine, row).loss()
    }

    fn taken(&self) -> Taken<'_> {
        Taken::ByTiles(self)
    }

    fn longest(&self) -> Option<(u64, &'static str)> {
        self.rows.longest(self.loss.definition().shader)
    }
}

impl Tiled for OnCpu<'_> {
    fn run(&self, rows: &mut Several<'_>) {
        let mut all = Known::new(self.rows, rows.values.len());
        let work = Work::new(self, rows);
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = idle().pop().unwrap_or_default();
        work.gather(rows, &mut all, &mut kept);
        work.finish(rows, &mut all, &kept);
        idle().push(kept);
    }

    fn given_up(&self, rows: &Several<'_>, first: usize) -> Option<Error> {
        Work::new(self, rows).given_up(rows, first)
    }
}

/// What is known of some rows: for each number one of each row.
pub(super) struct Known {
    peaks: Vec<Vec<f32>>,
    totals: Vec<Vec<f32>>,
    known: Vec<Vec<f32>>,
    /// What they are.
    of: [Vec<Number>; 3],
    /// Sums up to each item, and those from it on: a number of each item.
    of_items: Vec<(Number, Vec<f32>)>,
}

impl Known {
    /// Nothing of so many rows.
    pub(super) fn new(made: &Rows, count: usize) -> Self {
        let zeros = |numbers: &[Number]| vec![vec![0.0; count]; numbers.len()];
        let gives = |stage: &Option<Stage>| {
            stage.as_ref().map_or(Vec::new(), |stage| stage.function.gives.clone())
        };
        let peaks = gives(&made.peaks);
        let totals = [gives(&made.sums), gives(&made.second_sums)].concat();
        let known = made.known.function.gives.clone();
        Self {
            peaks: zeros(&peaks),
            totals: zeros(&totals),
            known: zeros(&known),
            of: [peaks, totals, known],
            of_items: Vec::new(),
        }
    }

    /// A number of each item.
    pub(super) fn of_items(&self, number: Number) -> Option<&[f32]> {
        let found = self.of_items.iter().find(|(own, _)| *own == number);
        found.map(|(_, numbers)| &numbers[..])
    }

    pub(super) fn get(&self, number: Number) -> Option<&[f32]> {
        let all = self.of.iter().zip([&self.peaks, &self.totals, &self.known]);
        let mut found = all.filter_map(|(of, numbers)| {
            let place = of.iter().position(|own| *own == number)?;
            Some(&numbers[place][..])
        });
        found.next()
    }
}

/// The loops over some rows.
#[derive(Clone, Copy)]
pub(super) struct Work<'w> {
    pub(super) own: &'w OnCpu<'w>,
    pub(super) instructions: Instructions,
}

impl<'w> Work<'w> {
    fn new(own: &'w OnCpu<'w>, rows: &Several<'_>) -> Self {
        Self { own, instructions: Instructions::chosen(rows.brief) }
    }

    pub(super) fn made(self) -> &'w Rows {
        self.own.rows
    }

    /// Maxima and sums, and what is kept for slopes: for each such value one of each item.
    pub(super) fn gather(self, rows: &Several<'_>, all: &mut Known, kept: &mut Vec<f32>) {
        let keeps = rows.gradients.classes.iter().any(Option::is_some);
        let (made, count) = (self.own.rows, rows.values.len());
        let items = count * rows.classes;
        if keeps {
            kept.resize(made.given(&made.slopes).count() * items, 0.0);
        }
        if let Some(stage) = &made.peaks {
            let columns: Vec<usize> = (0..stage.function.gives.len()).collect();
            let mut peaks = vec![vec![f32::MIN; count]; columns.len()];
            self.items(stage, &columns, None, rows, all, |row, _, k, numbers| {
                let highest = loops::highest(self.instructions, numbers);
                peaks[k][row] = Larger::join(peaks[k][row], highest);
            });
            all.peaks = peaks;
        }
        if let Some(stage) = &made.sums {
            self.gather_sums(stage, 0, keeps, rows, all, kept);
        }
        all.know_peaks();
        if let Some(stage) = &made.running_sums {
            self.gather_in_order(stage, false, rows, all);
        }
        if let Some(stage) = &made.second_sums {
            let before = made.sums.as_ref().map_or(0, |own| own.function.gives.len());
            self.gather_sums(stage, before, keeps, rows, all, kept);
        }
    }

    /// The totals of a stage, which lie behind so many others, and what it keeps.
    fn gather_sums(
        self,
        stage: &Stage,
        before: usize,
        keeps: bool,
        rows: &Several<'_>,
        all: &mut Known,
        kept: &mut [f32],
    ) {
        let (made, count) = (self.own.rows, rows.values.len());
        let items = count * rows.classes;
        let columns = made.wanted(stage, &rows.gradients);
        let mut sums = vec![vec![0.0; count]; stage.function.gives.len()];
        let (given, own) =
            kept.split_at_mut(if keeps { made.given(stage).count() * items } else { 0 });
        let given = keeps.then_some(&*given);
        self.items(stage, &columns, given, rows, all, |row, class, k, numbers| {
            match columns.get(k) {
                Some(&column) => {
                    sums[column][row] += f64::from(loops::sum(self.instructions, numbers))
                }
                None => {
                    let first = (k - columns.len()) * items + row * rows.classes + class;
                    own[first..first + numbers.len()].copy_from_slice(numbers);
                }
            }
        });
        #[expect(clippy::cast_possible_truncation, reason = "sums are float32")]
        for (total, sums) in all.totals[before..].iter_mut().zip(&sums) {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total = *sum as f32);
        }
    }

    /// Sums up to each item, or from it on, of what is wanted.
    fn gather_in_order(self, stage: &Stage, from_end: bool, rows: &Several<'_>, all: &mut Known) {
        let (columns, classes) = (self.own.rows.wanted(stage, &rows.gradients), rows.classes);
        let mut sums = vec![vec![0.0; rows.values.len() * classes]; columns.len()];
        self.items(stage, &columns, None, rows, all, |row, class, k, numbers| {
            let first = row * classes + class;
            sums[k][first..first + numbers.len()].copy_from_slice(numbers);
        });
        for row in sums.iter_mut().flat_map(|own| own.chunks_mut(classes)) {
            match from_end {
                true => add_up(row.iter_mut().rev()),
                false => add_up(row.iter_mut()),
            }
        }
        let numbers = columns.iter().map(|&k| stage.function.gives[k]);
        all.of_items.extend(numbers.zip(sums));
    }

    /// The losses, and the gradients that are wanted.
    fn finish(self, rows: &mut Several<'_>, all: &mut Known, kept: &[f32]) {
        let made = self.own.rows;
        let mut losses = vec![0.0; rows.values.len()];
        self.whole_rows(&made.loss, &[0], rows, all, |first, _, numbers| {
            losses[first..first + numbers.len()].copy_from_slice(numbers);
        });
        rows.values.copy_from_slice(&losses);
        if !rows.gradients.any() {
            return;
        }
        let wanted: Vec<usize> = (0..made.slopes.function.gives.len())
            .filter(|&k| rows.gradients.classes[made.component(k)].is_some())
            .collect();
        let columns: Vec<usize> = (0..made.known.function.gives.len()).collect();
        let mut known = vec![vec![0.0; losses.len()]; columns.len()];
        self.whole_rows(&made.known, &columns, rows, all, |first, k, numbers| {
            known[k][first..first + numbers.len()].copy_from_slice(numbers);
        });
        let (scales, classes) = (rows.scales, rows.classes);
        for (k, place) in made.row_slopes() {
            let Some(gradient) = &mut rows.gradients.rows[place] else { continue };
            let slopes = known[k].iter().zip(scales);
            gradient.iter_mut().zip(slopes).for_each(|(own, (slope, scale))| *own = scale * slope);
        }
        all.known = known;
        if wanted.is_empty() {
            return;
        }
        if let Some(stage) = &made.later {
            self.gather_in_order(stage, true, rows, all);
        }
        let mut gradients = std::mem::take(&mut rows.gradients);
        self.items(&made.slopes, &wanted, Some(kept), rows, all, |row, class, k, numbers| {
            let Some(gradient) = &mut gradients.classes[made.component(wanted[k])] else { return };
            let places = &mut gradient[row * classes + class..];
            loops::scale(self.instructions, numbers, scales[row], places);
        });
        rows.gradients = gradients;
    }
}

impl Known {
    /// Maxima become what they are: none where all numbers are -inf, and NaN where one is.
    fn know_peaks(&mut self) {
        let [peaks, totals, _] = &self.of;
        for (peak, numbers) in peaks.iter().zip(&mut self.peaks) {
            let Number::Of(By::Peak(j)) = *peak else { continue };
            let ties = totals.iter().position(|own| *own == Number::Ties(j));
            let Some(ties) = ties.map(|place| &self.totals[place]) else { continue };
            for (peak, &ties) in numbers.iter_mut().zip(ties) {
                *peak = match ties {
                    _ if ties.is_nan() => ties,
                    _ if *peak == f32::MIN => f32::NEG_INFINITY,
                    _ => *peak,
                };
            }
        }
    }
}

/// Each number becomes the sum of those up to it.
#[expect(clippy::cast_possible_truncation, reason = "sums are float32")]
fn add_up<'n>(numbers: impl Iterator<Item = &'n mut f32>) {
    let mut sum = 0.0;
    for number in numbers {
        sum += f64::from(*number);
        *number = sum as f32;
    }
}
