//! What is gathered over a row's items: maxima, sums and running sums, with their slopes by what items share.

use super::compose::{Derived, PEAKS, Parts, RUNNING_SUMS, SECOND_SUMS, SHIFTS, SUMS};
use super::writing::{Function, Writing};
use crate::custom::items::{By, Called, MOST_SUMS, Number, Step};
use crate::custom::refusal::Refusal;

impl Parts<'_> {
    pub(super) fn gathered_peaks(&self, text: &mut String) -> Option<Function> {
        let mut writing = self.writing();
        let signature = self.signature;
        let (mut gives, mut all) = (Vec::new(), Vec::new());
        if let Some(shifts) = &signature.shifts {
            writing.call("shifts", SHIFTS, shifts);
            writing.watch("shifts", shifts);
            gives.extend((0..shifts.leaves.len()).map(Number::Shift));
            all.extend(shifts.leaves.iter().map(|leaf| format!("shifts{leaf}")));
        }
        if let Some(peaks) = &signature.peaks {
            writing.call("peaks", PEAKS, peaks);
            writing.watch("peaks", peaks);
            gives.extend((0..peaks.leaves.len()).map(|j| Number::Of(By::Peak(j))));
            all.extend(peaks.leaves.iter().map(|leaf| format!("peaks{leaf}")));
        }
        count_given_up(&writing, Step::Peaks, &mut gives, &mut all);
        (!gives.is_empty()).then(|| writing.finish(text, "peaks_of_item", "ItemPeaks", gives, &all))
    }

    /// The terms of a sum with their slopes by what items share, of which there may be more `through` running sums.
    fn terms(
        &self,
        writing: &mut Writing<'_>,
        (called, plain): (&Called, &str),
        shared: &Option<Derived<'_>>,
        number: impl Fn(usize) -> Number,
        number_by: impl Fn(usize, By) -> Number,
        through: impl Fn(&mut Writing<'_>, usize, By) -> Vec<String>,
    ) -> (Vec<Number>, Vec<String>) {
        let leaves = || called.leaves.iter().enumerate();
        let (value, name) = match shared {
            Some(own) => ("terms.value", &*own.name),
            None => ("terms", plain),
        };
        writing.call("terms", name, called);
        writing.watch("terms", called);
        let mut gives: Vec<Number> = leaves().map(|(k, _)| number(k)).collect();
        let mut all: Vec<String> = leaves().map(|(_, leaf)| format!("{value}{leaf}")).collect();
        for by in self.signature.directions() {
            if matches!(by, By::RunningSum(_)) {
                continue;
            }
            let name = by.name(self.signature);
            for (k, leaf) in leaves() {
                let own = shared.as_ref().filter(|own| own.has(by, k));
                let own = own.map(|_| format!("terms.by_{name}{leaf}"));
                let slopes: Vec<String> = own.into_iter().chain(through(writing, k, by)).collect();
                if !slopes.is_empty() {
                    gives.push(number_by(k, by));
                    all.push(slopes.join(" + "));
                }
            }
        }
        (gives, all)
    }

    pub(super) fn gathered_sums(&self, text: &mut String) -> Option<Function> {
        let mut writing = self.writing();
        let (mut gives, mut all) = (Vec::new(), Vec::new());
        if let Some(sums) = &self.signature.sums {
            let number = |k| Number::Of(By::Sum(k));
            let (own, shared) = ((sums, SUMS), &self.shared_sums);
            let none = |_: &mut Writing<'_>, _, _| Vec::new();
            (gives, all) = self.terms(&mut writing, own, shared, number, Number::SumBy, none);
            count_given_up(&writing, Step::Sums, &mut gives, &mut all);
        }
        if let Some(peaks) = &self.signature.peaks {
            let used: Vec<usize> = (0..peaks.leaves.len()).filter(|&j| self.uses_peak(j)).collect();
            if !used.is_empty() {
                writing.call("peaks", PEAKS, peaks);
                if let Some(own) = &self.shared_peaks {
                    writing.call("moved", &own.name, peaks);
                }
            }
            for j in used {
                let peak = writing.take(Number::Of(By::Peak(j)));
                let leaf = &peaks.leaves[j];
                gives.push(Number::Ties(j));
                all.push(format!("tie_of(peaks{leaf}, {peak})"));
                if !text.contains("fn tie_of(") {
                    *text += TIES;
                }
                let Some(own) = &self.shared_peaks else { continue };
                for &(by, _) in own.by.iter().filter(|(by, _)| own.has(*by, j)) {
                    let slope = format!("moved.by_{}{leaf}", by.name(self.signature));
                    gives.push(Number::TiesBy(j, by));
                    all.push(format!("select(0.0, {slope}, has_peak(peaks{leaf}, {peak}))"));
                }
            }
        }
        (!gives.is_empty()).then(|| writing.finish(text, "sums_of_item", "ItemSums", gives, &all))
    }

    /// What is added up to each item.
    pub(super) fn gathered_running_sums(
        &self,
        text: &mut String,
    ) -> Result<Option<Function>, Refusal> {
        let Some(called) = &self.signature.running_sums else { return Ok(None) };
        let mut writing = self.writing();
        let number = |k| Number::Of(By::RunningSum(k));
        let (own, shared) = ((called, RUNNING_SUMS), &self.shared_running_sums);
        let none = |_: &mut Writing<'_>, _, _| Vec::new();
        let (gives, all) =
            self.terms(&mut writing, own, shared, number, Number::RunningSumBy, none);
        if gives.len() > MOST_SUMS {
            let (own, count) = (called.leaves.len(), gives.len());
            let reason = format!(
                "{own} running sums come to {count} with those that derivatives by sums, maxima and what items share \
                 need, expected at most {MOST_SUMS}"
            );
            return Err(Refusal::new(called.span, reason));
        }
        Ok(Some(writing.finish(text, "running_sums_of_item", "ItemRunningSums", gives, &all)))
    }

    pub(super) fn gathered_second_sums(&self, text: &mut String) -> Option<Function> {
        let mut writing = self.writing();
        let called = self.signature.second_sums.as_ref()?;
        let (own, shared) = ((called, SECOND_SUMS), &self.shared_second_sums);
        let number = |l| Number::Of(By::SecondSum(l));
        let through = |writing: &mut Writing<'_>, l: usize, by: By| -> Vec<String> {
            let (Some(second), Some(running)) = (shared, &self.shared_running_sums) else {
                return Vec::new();
            };
            let both = |k: &usize| second.has(By::RunningSum(*k), l) && running.has(by, *k);
            let all = (0..running.called.leaves.len()).filter(both);
            let slope = |k: usize| {
                let way = By::RunningSum(k).name(self.signature);
                let moved = writing.take(Number::RunningSumBy(k, by));
                format!("terms.by_{way}{} * {moved}", called.leaves[l])
            };
            all.map(slope).collect()
        };
        let (mut gives, mut all) =
            self.terms(&mut writing, own, shared, number, Number::SecondSumBy, through);
        count_given_up(&writing, Step::SecondSums, &mut gives, &mut all);
        Some(writing.finish(text, "second_sums_of_item", "ItemSecondSums", gives, &all))
    }
}

/// Adds whether loops of a step have been given up to what it gives, if that may be.
pub(super) fn count_given_up(
    writing: &Writing<'_>,
    step: Step,
    gives: &mut Vec<Number>,
    all: &mut Vec<String>,
) {
    if let Some(given_up) = writing.given_up() {
        gives.push(Number::GivenUp(step));
        all.push(format!("select(0.0, 1.0, {given_up})"));
    }
}

/// Whether an item has the maximum, and 1 where it does; NaN counts as NaN, as maxima pass over it. The number is always
/// that of the function which gave the maximum: one with slopes may round otherwise.
const TIES: &str = "fn has_peak(x: f32, peak: f32) -> bool {
    return is_equal(max(x, -0x1.fffffep+127f), peak);
}

fn tie_of(x: f32, peak: f32) -> f32 {
    return select(select(0.0, 1.0, has_peak(x, peak)), x, is_nan(x));
}

// What a maximum is where so many have it: -inf, if it is the number that they begin with.
fn peak_of(peak: f32, ties: f32) -> f32 {
    return select(select(peak, -infinity(), peak == -0x1.fffffep+127f), ties, is_nan(ties));
}

";
