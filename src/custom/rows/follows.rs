//! What follows from what is gathered: the loss of a row, and its slopes.

use super::compose::{LOSS, PEAKS, Parts, has};
use super::gathered::count_given_up;
use super::writing::Function;
use crate::custom::items::{By, Number, Signature, Step};
use crate::custom::refusal::Refusal;

impl Parts<'_> {
    /// The loss of a row.
    pub(super) fn of_row(&self, text: &mut String, given_up: &[Number]) -> Function {
        let mut writing = self.writing();
        writing.call("loss", LOSS, &self.signature.value);
        writing.watch("loss", &self.signature.value);
        writing.mind(given_up);
        let loss = match writing.given_up() {
            Some(given_up) => format!("select(loss, not_a_number(), {given_up})"),
            None => "loss".into(),
        };
        writing.finish_one(text, "loss_of_row", &loss)
    }

    /// The slopes of the loss by what all items share.
    pub(super) fn known(
        &self,
        text: &mut String,
        totals: &[Number],
        given_up: &[Number],
    ) -> Function {
        let mut writing = self.writing();
        let signature = self.signature;
        if let Some(loss) = &self.loss {
            writing.call("loss", &loss.name, loss.called);
            writing.watch("loss", loss.called);
        }
        writing.mind(given_up);
        let second = Signature::count(&signature.second_sums);
        let mut gives: Vec<Number> = Vec::new();
        let directions = signature.directions();
        let picked = directions.iter().copied().filter(|own| matches!(own, By::Picked(_)));
        let of_row = directions.iter().copied().filter(|own| matches!(own, By::Row(_)));
        let of_second = (0..second).map(By::SecondSum);
        let of_sums = (0..Signature::count(&signature.sums)).map(By::Sum);
        let of_peaks = (0..Signature::count(&signature.peaks)).map(By::Peak);
        for by in of_second.chain(of_sums).chain(of_peaks).chain(picked).chain(of_row) {
            let name = by.name(signature);
            let mut terms = Vec::new();
            if has(&self.loss, by) {
                terms.push(format!("loss.by_{name}"));
            }
            // What is known already goes on through it.
            for &known in &gives {
                let through = match known {
                    Number::Known(By::SecondSum(l)) => Number::SecondSumBy(l, by),
                    Number::Known(By::Sum(k)) => Number::SumBy(k, by),
                    Number::Known(By::Peak(j)) => Number::TiesBy(j, by),
                    _ => continue,
                };
                if totals.contains(&through) {
                    let sum = writing.take(through);
                    terms.push(format!("{} * {sum}", known.name(signature)));
                }
            }
            if terms.is_empty() {
                continue;
            }
            let mut sum = terms.join(" + ");
            match (by, writing.given_up()) {
                (By::Peak(j), _) => {
                    sum = format!("({sum}) / {}", writing.take(Number::Ties(j)));
                }
                // That of a gradient, as those of items are.
                (By::Row(_), Some(given_up)) => {
                    sum = format!("select({sum}, not_a_number(), {given_up})");
                }
                _ => {}
            }
            writing.line(&format!("let by_{name} = {sum};"));
            gives.push(Number::Known(by));
        }
        let mut all: Vec<String> = gives.iter().map(|own| own.name(signature)).collect();
        count_given_up(&writing, Step::Row, &mut gives, &mut all);
        writing.finish(text, "known_of_row", "Known", gives, &all)
    }

    /// The slopes of the loss by an item's running sums: those by what an item adds to them are the sums of these from
    /// that item on.
    pub(super) fn later(&self, text: &mut String, known: &[Number]) -> Option<Function> {
        let own = self.later.as_ref()?;
        let mut writing = self.writing();
        writing.call("second", &own.name, own.called);
        let (mut gives, mut all) = (Vec::new(), Vec::new());
        for k in 0..Signature::count(&self.signature.running_sums) {
            let by = By::RunningSum(k);
            let mut terms = Vec::new();
            for (l, leaf) in own.called.leaves.iter().enumerate().filter(|(l, _)| own.has(by, *l)) {
                let factor = Number::Known(By::SecondSum(l));
                if known.contains(&factor) {
                    let factor = writing.take(factor);
                    terms.push(format!("{factor} * second.by_{}{leaf}", by.name(self.signature)));
                }
            }
            if !terms.is_empty() {
                gives.push(Number::Later(k));
                all.push(terms.join(" + "));
            }
        }
        (!gives.is_empty()).then(|| writing.finish(text, "later_of_item", "ItemLater", gives, &all))
    }

    /// The slopes of the loss by an item's members.
    pub(super) fn slopes(
        &self,
        text: &mut String,
        by: &[By],
        known: &[Number],
        later: &Option<Function>,
    ) -> Result<Function, Refusal> {
        let mut writing = self.writing();
        let signature = self.signature;
        let later = later.as_ref().map_or(&[][..], |own| &own.gives);
        let all = [
            ("sums", &self.sums),
            ("running", &self.running_sums),
            ("second", &self.second_sums),
            ("peaks", &self.peaks),
        ];
        for (name, own) in all {
            if let Some(own) = own {
                writing.call(name, &own.name, own.called);
            }
        }
        if let Some(own) = &self.peaks {
            writing.call("highest", PEAKS, own.called);
        }
        let (mut gives, mut slopes) = (Vec::new(), Vec::new());
        for &own in by {
            let By::Item(a) = own else { continue };
            let name = own.name(signature);
            let mut terms = Vec::new();
            for (own, parts, number) in [
                ("sums", &self.sums, (|k| Number::Known(By::Sum(k))) as fn(usize) -> Number),
                ("running", &self.running_sums, Number::Later),
                ("second", &self.second_sums, |k| Number::Known(By::SecondSum(k))),
                ("peaks", &self.peaks, |k| Number::Known(By::Peak(k))),
            ] {
                let Some(parts) = parts else { continue };
                for (k, leaf) in parts.called.leaves.iter().enumerate() {
                    let is_there = known.contains(&number(k)) || later.contains(&number(k));
                    if !is_there || !parts.has(By::Item(a), k) {
                        continue;
                    }
                    let factor = writing.take(number(k));
                    let term = format!("{factor} * {own}.by_{name}{leaf}");
                    terms.push(match own {
                        "peaks" => {
                            let peak = writing.take(Number::Of(By::Peak(k)));
                            format!("select(0.0, {term}, is_equal(highest{leaf}, {peak}))")
                        }
                        _ => term,
                    });
                }
            }
            if known.contains(&Number::Known(By::Picked(a))) {
                let slope = writing.take(Number::Known(By::Picked(a)));
                let at = writing.take(Number::IsPicked);
                terms.push(format!("select(0.0, {slope}, {at})"));
            }
            if terms.is_empty() {
                return Err(self.constant(&signature.item.members[a]));
            }
            gives.push(Number::Of(own));
            slopes.push(terms.join(" + "));
        }
        let given_up = Number::GivenUp(Step::Row);
        if known.contains(&given_up) {
            let given_up = writing.take(given_up);
            for slope in &mut slopes {
                *slope = format!("select({slope}, not_a_number(), {given_up} != 0.0)");
            }
        }
        Ok(writing.finish(text, "slopes_of_item", "ItemSlopes", gives, &slopes))
    }
}
