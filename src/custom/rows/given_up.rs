//! Which row has loops that take too many rounds.

use super::cpu::{Known, Work};
use super::made::{Rows, Stage};
use crate::custom::items::{Called, Number, Step};
use crate::custom::refusal::Refusal;
use crate::custom::signature::Kind;
use crate::error::{Error, listed};
use crate::families::rows::Several;
use crate::families::rows::rounds::most_of_row;

impl Work<'_> {
    /// The error of the first row whose loops take too many rounds, where these are from row `first` on.
    pub(super) fn given_up(self, rows: &Several<'_>, first: usize) -> Option<Error> {
        let made = self.made();
        let mut all = Known::new(made, rows.values.len());
        self.gather(rows, &mut all, &mut Vec::new());
        let left = self.rounds_left(rows, &all);
        let steps = [Step::Peaks, Step::Sums, Step::SecondSums];
        let is_kept = |row: &usize| rows.indices.is_none_or(|indices| indices[*row].is_some());
        let found = |row: usize| {
            let gave_up = |step: &Step| {
                let all = all.get(Number::GivenUp(*step));
                all.is_some_and(|numbers| numbers[row] != 0.0)
            };
            let step = steps.iter().copied().find(gave_up);
            step.or((left.get(row) == Some(&0)).then_some(Step::Row)).map(|step| (row, step))
        };
        let (row, step) = (0..rows.values.len()).filter(is_kept).find_map(found)?;
        let (signature, classes) = (&made.signature, rows.classes);
        let functions: Vec<&Called> = match step {
            Step::Peaks => [&signature.shifts, &signature.peaks].into_iter().flatten().collect(),
            Step::Sums => signature.sums.iter().collect(),
            Step::SecondSums => signature.second_sums.iter().collect(),
            Step::Row => vec![&signature.value],
        };
        let functions: Vec<&Called> =
            functions.into_iter().filter(|own| own.loops.is_some()).collect();
        let names = listed(functions.iter().map(|own| own.name));
        let loops = functions.first()?.loops?;
        let own = first + row;
        let reason = match self.item(step, rows, &all, row) {
            Some(class) => format!(
                "in row {own} at class {class}{} the loops of {names} take more than {} rounds in all, which is \
                 as many as every driver makes of rows of {classes} classes",
                numbers(made, rows, row, class),
                made.rounds(classes)
            ),
            None => format!(
                "in row {own} the loops of {names} take more than {} rounds in all, which is as many as every \
                 driver makes",
                most_of_row(loops.turns)
            ),
        };
        Some(Refusal::new(loops.first, reason).error(&made.text))
    }

    /// The rounds that the loss of each row has left; none where it has no loops.
    fn rounds_left(self, rows: &Several<'_>, all: &Known) -> Vec<u32> {
        let made = self.made();
        let mut left = Vec::new();
        if made.signature.value.loops.is_some() {
            // Behind the loss is what its loops have left.
            self.whole_rows(&made.loss, &[1], rows, all, |_, _, numbers| {
                left.extend(numbers.iter().map(|own| own.to_bits()));
            });
        }
        left
    }

    /// The first item of a row that has been given up in a step of items.
    fn item(self, step: Step, rows: &Several<'_>, all: &Known, row: usize) -> Option<usize> {
        let made = self.made();
        let stage: &Stage = match step {
            Step::Peaks => made.peaks.as_ref()?,
            Step::Sums => made.sums.as_ref()?,
            Step::SecondSums => made.second_sums.as_ref()?,
            Step::Row => return None,
        };
        let column = stage.function.gives.iter().position(|own| *own == Number::GivenUp(step))?;
        let mut found = None;
        self.items(stage, &[column], None, rows, all, |own, class, _, numbers| {
            if own == row && found.is_none() {
                found = numbers.iter().position(|&own| own != 0.0).map(|place| class + place);
            }
        });
        found
    }
}

/// The numbers of an item, in words.
fn numbers(made: &Rows, rows: &Several<'_>, row: usize, class: usize) -> String {
    let members = made.signature.item.members.iter().enumerate();
    let numbers = members.filter_map(|(i, member)| {
        let x = rows.inputs[made.item(i)?].get(row * rows.classes + class)?;
        let x = match member.kind {
            Kind::Signed => x.to_bits().cast_signed().to_string(),
            Kind::Unsigned => x.to_bits().to_string(),
            Kind::Flag => (x.to_bits() != 0).to_string(),
            _ => x.to_string(),
        };
        Some(format!("{} = {x}", member.name))
    });
    let numbers: Vec<String> = numbers.collect();
    format!(" with {}", listed(numbers.iter().map(|own| &**own)))
}
