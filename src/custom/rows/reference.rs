//! The reference of custom losses over rows, in float64.

use super::made::{Rows, Stage};
use super::writing::Function;
use crate::custom::interpret::{Column, LANES, Machine};
use crate::custom::items::{By, From, Number};
use crate::custom::signature::Kind;
use crate::families::rows::{RowLoss, TextbookRow};

/// One row.
pub(super) struct Exact<'e> {
    made: &'e Rows,
    /// The parameters but for arrays.
    parameters: &'e [f64],
    machine: Machine<'e>,
    row: &'e TextbookRow<'e>,
    target: Option<usize>,
    /// Sums up to each item, and those from it on.
    of_items: Vec<(Number, Vec<f64>)>,
}

impl<'e> Exact<'e> {
    pub(super) fn new(
        made: &'e Rows,
        parameters: &'e [f64],
        machine: Machine<'e>,
        row: &'e TextbookRow<'e>,
    ) -> Self {
        let target = row.target.iter().position(|&x| x == 1.0);
        Self { made, parameters, machine, row, target, of_items: Vec::new() }
    }

    pub(super) fn loss(&mut self) -> RowLoss {
        let made = self.made;
        let classes = self.row.first.len();
        let mut known: Vec<(Number, f64)> = Vec::new();
        if let Some(stage) = &made.peaks {
            let mut peaks = vec![f64::from(f32::MIN); stage.function.gives.len()];
            self.items(stage, &known, |_, k, x| {
                if x > peaks[k] {
                    peaks[k] = x;
                }
            });
            known.extend(stage.function.gives.iter().copied().zip(peaks));
        }
        self.sums(&made.sums, &mut known);
        know_peaks(&mut known);
        if let Some(stage) = &made.running_sums {
            self.in_order(stage, &known, false);
        }
        self.sums(&made.second_sums, &mut known);
        let value = self.whole_row(&made.loss, &known)[0];
        let slopes = self.whole_row(&made.known, &known);
        known.extend(made.known.function.gives.iter().copied().zip(slopes.iter().copied()));
        if let Some(stage) = &made.later {
            self.in_order(stage, &known, true);
        }
        let mut loss = RowLoss { value, ..RowLoss::zeros(classes) };
        for (k, place) in made.row_slopes() {
            loss.row_slopes[place] = slopes[k];
        }
        let slopes = &mut loss.slopes;
        self.items(&made.slopes, &known, |class, k, x| slopes[made.component(k)][class] = x);
        loss
    }

    /// Calls a function for each item, and gives each number of what it gives.
    fn items(
        &mut self,
        stage: &Stage,
        known: &[(Number, f64)],
        mut each: impl FnMut(usize, usize, f64),
    ) {
        let classes = self.row.first.len();
        for first in (0..classes).step_by(LANES) {
            let lanes = LANES.min(classes - first);
            let column = |&number: &Number| -> Column {
                std::array::from_fn(|lane| self.number(number, known, first + lane.min(lanes - 1)))
            };
            let columns: Vec<Column> = stage.function.takes.iter().map(column).collect();
            let results = self.call(stage, columns);
            for (k, column) in results.iter().enumerate() {
                for (lane, &x) in column.iter().enumerate().take(lanes) {
                    each(first + lane, k, x);
                }
            }
        }
    }

    /// Adds up what a function gives for the items.
    fn sums(&mut self, stage: &Option<Stage>, known: &mut Vec<(Number, f64)>) {
        let Some(stage) = stage else { return };
        let mut sums = vec![0.0; stage.function.gives.len()];
        self.items(stage, known, |_, k, x| sums[k] += x);
        known.extend(stage.function.gives.iter().copied().zip(sums));
    }

    /// Adds it up to each item, or from it on.
    fn in_order(&mut self, stage: &Stage, known: &[(Number, f64)], from_end: bool) {
        let classes = self.row.first.len();
        let mut all: Vec<(Number, Vec<f64>)> =
            stage.function.gives.iter().map(|&own| (own, vec![0.0; classes])).collect();
        self.items(stage, known, |class, k, x| all[k].1[class] = x);
        for (_, numbers) in &mut all {
            let mut sum = 0.0;
            let mut add = |x: &mut f64| {
                sum += *x;
                *x = sum;
            };
            match from_end {
                true => numbers.iter_mut().rev().for_each(&mut add),
                false => numbers.iter_mut().for_each(&mut add),
            }
        }
        self.of_items.extend(all);
    }

    fn whole_row(&mut self, stage: &Stage, known: &[(Number, f64)]) -> Vec<f64> {
        let column = |&number: &Number| [self.number(number, known, 0); LANES];
        let columns = stage.function.takes.iter().map(column).collect();
        self.call(stage, columns).iter().map(|column| column[0]).collect()
    }

    fn call(&mut self, stage: &Stage, mut columns: Vec<Column>) -> &[Column] {
        let Function { takes_parameters, .. } = stage.function;
        if takes_parameters {
            columns.extend(self.parameters.iter().map(|&x| [x; LANES]));
        }
        let columns: Vec<&Column> = columns.iter().collect();
        self.machine.call(stage.entry, &columns)
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn number(&self, number: Number, known: &[(Number, f64)], class: usize) -> f64 {
        let (made, row, target) = (self.made, self.row, self.target);
        let at = |i: usize, class: Option<usize>| match made.item(i) {
            Some(input) => {
                let numbers = match input {
                    0..3 => [row.first, row.second, row.third][input],
                    _ => &row.more[input - 3],
                };
                class.map_or(0.0, |class| numbers[class])
            }
            None => class.unwrap_or_default() as f64,
        };
        let x = match number {
            Number::Of(By::Item(i)) => at(i, Some(class)),
            Number::Of(By::Picked(i)) => at(i, target),
            Number::Rounds => made.rounds(row.first.len()).into(),
            Number::IsPicked => f64::from(u8::from(target == Some(class))),
            Number::Of(By::Row(i)) => match made.row(i) {
                (From::Target, _) => target.unwrap_or_default() as f64,
                (From::Classes, _) => row.first.len() as f64,
                (_, label) => row.labels[label],
            },
            _ if number.is_of_item() => {
                let found = self.of_items.iter().find(|(own, _)| *own == number);
                found.map_or(0.0, |(_, numbers)| numbers[class])
            }
            _ => {
                let found = known.iter().find(|(own, _)| *own == number);
                found.map_or(0.0, |(_, x)| *x)
            }
        };
        match made.kind(number) {
            Kind::Flag => f64::from(u8::from(x != 0.0)),
            _ => x,
        }
    }
}

/// Maxima become what they are, as of rows in float32.
fn know_peaks(known: &mut [(Number, f64)]) {
    for place in 0..known.len() {
        let Number::Of(By::Peak(j)) = known[place].0 else { continue };
        let ties = known.iter().find(|(own, _)| *own == Number::Ties(j));
        known[place].1 = match ties.map(|(_, ties)| *ties) {
            Some(ties) if ties.is_nan() => ties,
            Some(_) if known[place].1 == f64::from(f32::MIN) => f64::NEG_INFINITY,
            _ => known[place].1,
        };
    }
}
