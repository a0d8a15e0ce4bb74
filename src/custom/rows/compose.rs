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
//! T's terms may depend on sums R up to their item, in order. R has slopes by S, m, q and the row's own numbers up to each
//! item as well, with which T's by these go on; and an item's slope has that of what it adds to R, times V's slopes by R
//! of that item and all after it.
//!
//! Each step with loops also gathers for how many items they would have taken too many rounds; the loss and its slopes
//! are NaN where there is one.

use super::writing::{Function, Writing};
use crate::custom::derive::{self, Directions};
use crate::custom::items::{By, Called, MOST_SUMS, Member, Number, Signature};
use crate::custom::refusal::Refusal;
use crate::custom::source::Source;
use naga::Module;
use std::collections::HashSet;

/// The functions of a loss, each if it has one.
#[derive(Clone, Debug)]
pub(super) struct Functions {
    pub(super) peaks: Option<Function>,
    pub(super) sums: Option<Function>,
    pub(super) running_sums: Option<Function>,
    pub(super) second_sums: Option<Function>,
    pub(super) loss: Function,
    pub(super) known: Function,
    /// The slopes of the loss by an item's running sums.
    pub(super) later: Option<Function>,
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
        let Self { peaks, sums, running_sums, second_sums, loss, known, later, slopes } = self;
        let all = [peaks, sums, running_sums, second_sums].into_iter().flatten();
        all.chain([loss, known]).chain(later).chain([slopes])
    }
}

/// The functions as they are derived.
pub(super) const PEAKS: &str = "peaks_by_one";
pub(super) const SHIFTS: &str = "shifts_by_one";
pub(super) const SUMS: &str = "sums_by_one";
pub(super) const RUNNING_SUMS: &str = "running_sums_by_one";
pub(super) const SECOND_SUMS: &str = "second_sums_by_one";
pub(super) const LOSS: &str = "loss_by_all";

/// A derived function with slopes.
pub(super) struct Derived<'s> {
    pub(super) called: &'s Called,
    pub(super) name: String,
    /// What it has slopes by, and which of its numbers have them, as bits.
    pub(super) by: Vec<(By, u64)>,
}

impl Derived<'_> {
    pub(super) fn has(&self, by: By, leaf: usize) -> bool {
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
    add(&signature.running_sums, RUNNING_SUMS, &both);
    let of_running = bits(&|own| matches!(own, By::RunningSum(_)));
    let of_second = [both[0], both[1], ("running", of_running)];
    add(&signature.second_sums, SECOND_SUMS, &of_second);
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
        running_sums: found("running_sums", "item"),
        second_sums: found("second_sums", "item"),
        shared_peaks: found("peaks", "shared"),
        shared_sums: found("sums", "shared"),
        shared_running_sums: found("running_sums", "shared"),
        shared_second_sums: found("second_sums", "shared"),
        later: found("second_sums", "running"),
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
pub(super) struct Parts<'s> {
    pub(super) signature: &'s Signature,
    module: &'s Module,
    /// The variable in which rounds of loops are counted down, where there are loops.
    counter: Option<&'s str>,
    pub(super) peaks: Option<Derived<'s>>,
    pub(super) sums: Option<Derived<'s>>,
    pub(super) running_sums: Option<Derived<'s>>,
    pub(super) second_sums: Option<Derived<'s>>,
    pub(super) shared_peaks: Option<Derived<'s>>,
    pub(super) shared_sums: Option<Derived<'s>>,
    pub(super) shared_running_sums: Option<Derived<'s>>,
    pub(super) shared_second_sums: Option<Derived<'s>>,
    /// The second sums' terms with slopes by running sums.
    pub(super) later: Option<Derived<'s>>,
    pub(super) loss: Option<Derived<'s>>,
}

pub(super) fn has(derived: &Option<Derived<'_>>, by: By) -> bool {
    derived.as_ref().is_some_and(|own| own.by.iter().any(|(own, _)| *own == by))
}

impl Parts<'_> {
    /// Whether the loss has slopes by a maximum.
    pub(super) fn uses_peak(&self, peak: usize) -> bool {
        let Self { loss, shared_sums, shared_running_sums, shared_second_sums, .. } = self;
        let all = [loss, shared_sums, shared_running_sums, shared_second_sums];
        all.into_iter().any(|own| has(own, By::Peak(peak)))
    }

    fn functions(&self, by: &[By]) -> Result<(String, Functions), Refusal> {
        let mut text = String::new();
        let peaks = self.gathered_peaks(&mut text);
        let sums = self.gathered_sums(&mut text);
        let running_sums = self.gathered_running_sums(&mut text)?;
        let second_sums = self.gathered_second_sums(&mut text);
        let signature = self.signature;
        let totals = [&sums, &second_sums].into_iter().flatten();
        let totals: Vec<Number> = totals.flat_map(|own| own.gives.iter().copied()).collect();
        if totals.len() > MOST_SUMS {
            let own = totals.iter().filter(|own| matches!(own, Number::Of(_))).count();
            let count = totals.len();
            let member = |own: &By| match *own {
                By::Row(i) => signature.row_members()[i].name.clone(),
                By::Item(i) | By::Picked(i) => signature.item.members[i].name.clone(),
                _ => own.name(signature),
            };
            let members: Vec<String> = by.iter().map(member).collect();
            let reason = format!(
                "{own} sums of a row come to {count} with those that loops, derivatives by {}, by maxima, by the item \
                 at the target and of second sums need, expected at most {MOST_SUMS}: use shifts for maxima that the \
                 loss does not depend on, or integers for what needs no gradient",
                members.join(", ")
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
        let later = self.later(&mut text, &known.gives);
        let slopes = self.slopes(&mut text, by, &known.gives, &later)?;
        let functions =
            Functions { peaks, sums, running_sums, second_sums, loss, known, later, slopes };
        Ok((text, functions))
    }

    /// The refusal of a member with which the loss does not change.
    pub(super) fn constant(&self, member: &Member) -> Refusal {
        let name = &member.name;
        let reason = format!("the loss does not change with {name}: it has no derivative by that");
        Refusal::new(self.signature.value.span, reason)
    }

    pub(super) fn writing(&self) -> Writing<'_> {
        Writing::new(self.signature, self.module, self.counter)
    }
}
