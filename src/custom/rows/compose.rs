//! What is done with the derived functions, as text: functions of numbers for the CPU and the reference, and for
//! kernels those that a formula over rows has, which call them.
//!
//! With the sums S, the second sums T and the maxima m of a row the loss is V(q, m, S, T), where q is the item at the
//! target class. Its slope by an item's x is
//!
//! - those of the item's terms, dS/dx times V's by S and dT/dx times V's by T;
//! - where x gives a maximum, its share of V's slope by that;
//! - at the target class, V's by q.
//!
//! V's slopes by S, m and q are those through T, and through S, too: so the slopes of all terms by what items share
//! are sums of the row as S and T are. With them the slopes by the row's own numbers follow too, for which those of a
//! maximum are added up over the items that have it.
//!
//! Each step with loops also gathers for how many items they would have taken too many rounds; the loss and its slopes
//! are NaN where there is one.

use super::writing::{Function, Writing};
use crate::custom::derive::{self, Directions};
use crate::custom::items::{By, Called, Member, Number, Signature, Step};
use crate::custom::refusal::Refusal;
use crate::custom::source::Source;
use naga::Module;
use std::collections::HashSet;

/// The most numbers of all sums together.
const MOST_SUMS: usize = 16;

/// The functions of a loss, each if it has one.
#[derive(Clone, Debug)]
pub(super) struct Functions {
    pub(super) peaks: Option<Function>,
    pub(super) sums: Option<Function>,
    pub(super) second_sums: Option<Function>,
    pub(super) loss: Function,
    pub(super) known: Function,
    pub(super) slopes: Function,
}

/// What comes of it.
#[derive(Debug)]
pub(super) struct Composed {
    /// The functions.
    pub(super) text: String,
    pub(super) table: Vec<u32>,
    pub(super) functions: Functions,
}

impl Functions {
    /// The numbers that are summed over a row.
    pub(super) fn totals(&self) -> Vec<Number> {
        let all = [&self.sums, &self.second_sums].into_iter().flatten();
        all.flat_map(|own| own.gives.iter().copied()).collect()
    }

    /// How often functions with loops are called for an item in all steps, each as often as lanes may take turns.
    pub(super) fn turns(&self) -> usize {
        self.all().map(|own| own.turns).sum()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Function> {
        let all = [&self.peaks, &self.sums, &self.second_sums].into_iter().flatten();
        all.chain([&self.loss, &self.known, &self.slopes])
    }
}

/// The functions as they are derived.
const PEAKS: &str = "item_peaks";
const SHIFTS: &str = "item_shifts";
const SUMS: &str = "item_sums";
const SECOND_SUMS: &str = "item_second_sums";
const LOSS: &str = "row_loss";

/// A derived function with slopes.
struct Derived<'s> {
    called: &'s Called,
    name: String,
    /// What it has slopes by, and which of its numbers have them, as bits.
    by: Vec<(By, u64)>,
}

impl Derived<'_> {
    fn has(&self, by: By, leaf: usize) -> bool {
        self.by.iter().any(|(own, leaves)| *own == by && leaves >> leaf & 1 == 1)
    }
}

/// The loss's functions, with slopes by these members of `Item` and `Row`, each of which it has.
pub(super) fn compose(
    source: &Source,
    signature: &Signature,
    accurate: bool,
    by: &[By],
    reserved: &HashSet<String>,
) -> Result<Composed, Refusal> {
    let directions = signature.directions();
    let bits = |wanted: &dyn Fn(By) -> bool| -> Directions {
        let all = directions.iter().enumerate();
        all.filter(|(_, own)| wanted(**own)).map(|(k, _)| 1 << k).sum()
    };
    let of_item = bits(&|own| matches!(own, By::Item(_)) && by.contains(&own));
    let shared = bits(&|own| match own {
        By::Item(_) => false,
        By::Picked(i) => by.contains(&By::Item(i)),
        By::Row(_) => by.contains(&own),
        _ => true,
    });
    let mut stages = Vec::new();
    let mut wanted = Vec::new();
    let mut add = |called: &Option<Called>, plain: &str, with: &[(&'static str, Directions)]| {
        let Some(called) = called else { return };
        let function = called.function;
        stages.push(derive::Stage { function, name: plain.into(), slopes: None });
        wanted.push((called.name, ""));
        for (ending, by) in with {
            let name = format!("{plain}_by_{ending}");
            let kind: String = name.split('_').map(capital).collect();
            stages.push(derive::Stage { function, name, slopes: Some((kind, *by)) });
            wanted.push((called.name, *ending));
        }
    };
    let both = [("shared", shared), ("item", of_item)];
    add(&signature.shifts, SHIFTS, &[]);
    add(&signature.peaks, PEAKS, &both);
    add(&signature.sums, SUMS, &both);
    add(&signature.second_sums, SECOND_SUMS, &both);
    add(&Some(signature.value.clone()), LOSS, &both[..1]);
    let derived = derive::write_stages(source, accurate, &stages, reserved)?;
    let found = |name: &str, ending: &str| -> Option<Derived<'_>> {
        let place = wanted.iter().position(|own| *own == (name, ending))?;
        let (found, leaves) = &derived.found[place];
        let all = directions.iter().enumerate();
        let by = all.filter(|(k, _)| found >> k & 1 == 1).map(|(k, own)| (*own, leaves[k]));
        let by: Vec<(By, u64)> = by.filter(|(_, leaves)| *leaves != 0).collect();
        let called = signature.called(name)?;
        (!by.is_empty()).then(|| Derived { called, name: stages[place].name.clone(), by })
    };
    let counter = derived.counter();
    let parts = Parts {
        signature,
        module: &source.module,
        counter: counter.as_deref(),
        peaks: found("peaks", "item"),
        sums: found("sums", "item"),
        second_sums: found("second_sums", "item"),
        shared_peaks: found("peaks", "shared"),
        shared_sums: found("sums", "shared"),
        shared_second_sums: found("second_sums", "shared"),
        loss: found("value", "shared"),
    };
    let (own, functions) = parts.functions(by)?;
    let (text, table) = derived.called(&own);
    Ok(Composed { text: text + "\n" + &own, table, functions })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// The derived functions with slopes, where there are any.
struct Parts<'s> {
    signature: &'s Signature,
    module: &'s Module,
    /// The variable in which rounds of loops are counted down, where there are loops.
    counter: Option<&'s str>,
    peaks: Option<Derived<'s>>,
    sums: Option<Derived<'s>>,
    second_sums: Option<Derived<'s>>,
    shared_peaks: Option<Derived<'s>>,
    shared_sums: Option<Derived<'s>>,
    shared_second_sums: Option<Derived<'s>>,
    loss: Option<Derived<'s>>,
}

fn has(derived: &Option<Derived<'_>>, by: By) -> bool {
    derived.as_ref().is_some_and(|own| own.by.iter().any(|(own, _)| *own == by))
}

impl Parts<'_> {
    /// Whether the loss has slopes by a maximum.
    fn uses_peak(&self, peak: usize) -> bool {
        let all = [&self.loss, &self.shared_sums, &self.shared_second_sums];
        all.into_iter().any(|own| has(own, By::Peak(peak)))
    }

    fn functions(&self, by: &[By]) -> Result<(String, Functions), Refusal> {
        let mut text = String::new();
        let peaks = self.gathered_peaks(&mut text);
        let sums = self.gathered_sums(&mut text);
        let second_sums = self.gathered_second_sums(&mut text);
        let signature = self.signature;
        let totals = [&sums, &second_sums].into_iter().flatten();
        let totals: Vec<Number> = totals.flat_map(|own| own.gives.iter().copied()).collect();
        if totals.len() > MOST_SUMS {
            let own = totals.iter().filter(|own| matches!(own, Number::Of(_))).count();
            let count = totals.len();
            let reason = format!(
                "{own} sums of a row come to {count} with those that loops, derivatives by maxima, by the item at \
                 the target and of second sums need, expected at most {MOST_SUMS}: use shifts for maxima that the \
                 loss does not depend on"
            );
            return Err(Refusal::new(signature.value.span, reason));
        }
        let all = [&peaks, &sums, &second_sums].into_iter().flatten();
        let all = all.flat_map(|own| own.gives.iter().copied());
        let given_up: Vec<Number> = all.filter(|own| matches!(own, Number::GivenUp(_))).collect();
        let loss = self.of_row(&mut text, &given_up);
        let known = self.known(&mut text, &totals, &given_up);
        for &own in by {
            if let By::Row(i) = own
                && !known.gives.contains(&Number::Known(own))
            {
                return Err(self.constant(&signature.row_members()[i]));
            }
        }
        let slopes = self.slopes(&mut text, by, &known.gives)?;
        Ok((text, Functions { peaks, sums, second_sums, loss, known, slopes }))
    }

    /// The refusal of a member with which the loss does not change.
    fn constant(&self, member: &Member) -> Refusal {
        let name = &member.name;
        let reason = format!("the loss does not change with {name}: it has no derivative by that");
        Refusal::new(self.signature.value.span, reason)
    }

    fn writing(&self) -> Writing<'_> {
        Writing::new(self.signature, self.module, self.counter)
    }

    fn gathered_peaks(&self, text: &mut String) -> Option<Function> {
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

    /// The terms of a sum with their slopes by what items share.
    fn terms(
        writing: &mut Writing<'_>,
        (called, plain, step): (&Called, &str, Step),
        shared: &Option<Derived<'_>>,
        number: impl Fn(usize) -> Number,
        number_by: impl Fn(usize, By) -> Number,
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
        if let Some(own) = shared {
            for &(by, _) in &own.by {
                let name = by.name(writing.signature());
                for (k, leaf) in leaves().filter(|(k, _)| own.has(by, *k)) {
                    gives.push(number_by(k, by));
                    all.push(format!("terms.by_{name}{leaf}"));
                }
            }
        }
        count_given_up(writing, step, &mut gives, &mut all);
        (gives, all)
    }

    fn gathered_sums(&self, text: &mut String) -> Option<Function> {
        let mut writing = self.writing();
        let (mut gives, mut all) = (Vec::new(), Vec::new());
        if let Some(sums) = &self.signature.sums {
            let number = |k| Number::Of(By::Sum(k));
            let own = (sums, SUMS, Step::Sums);
            (gives, all) = Self::terms(&mut writing, own, &self.shared_sums, number, Number::SumBy);
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

    fn gathered_second_sums(&self, text: &mut String) -> Option<Function> {
        let mut writing = self.writing();
        let called = self.signature.second_sums.as_ref()?;
        let number = |l| Number::Of(By::SecondSum(l));
        let (gives, all) = Self::terms(
            &mut writing,
            (called, SECOND_SUMS, Step::SecondSums),
            &self.shared_second_sums,
            number,
            Number::SecondSumBy,
        );
        Some(writing.finish(text, "second_sums_of_item", "ItemSecondSums", gives, &all))
    }

    /// The loss of a row.
    fn of_row(&self, text: &mut String, given_up: &[Number]) -> Function {
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
    fn known(&self, text: &mut String, totals: &[Number], given_up: &[Number]) -> Function {
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

    /// The slopes of the loss by an item's members.
    fn slopes(&self, text: &mut String, by: &[By], known: &[Number]) -> Result<Function, Refusal> {
        let mut writing = self.writing();
        let signature = self.signature;
        let all = [("sums", &self.sums), ("second", &self.second_sums), ("peaks", &self.peaks)];
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
                ("sums", &self.sums, By::Sum as fn(usize) -> By),
                ("second", &self.second_sums, By::SecondSum),
                ("peaks", &self.peaks, By::Peak),
            ] {
                let Some(parts) = parts else { continue };
                for (k, leaf) in parts.called.leaves.iter().enumerate() {
                    if !known.contains(&Number::Known(number(k))) || !parts.has(By::Item(a), k) {
                        continue;
                    }
                    let factor = writing.take(Number::Known(number(k)));
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

/// Adds whether loops of a step have been given up to what it gives, if that may be.
fn count_given_up(
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
