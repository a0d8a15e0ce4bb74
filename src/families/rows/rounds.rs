//! Rows of formulas that loop: how many rounds each item may take, such that no invocation comes near the 65,535 after
//! which llvmpipe ends it. That depends on the row's length and not on the device, so that what is too much is so
//! everywhere.
//!
//! The lanes of a subgroup count together there: what they go through side by side counts once, but where they go
//! different ways, one of them through a loop and another through the next, they take turns. A call's turns are how
//! many times a lane's own rounds that may be.

use crate::kernel::Declared;

/// Rows have at most so many lanes because of their loops, as many as there are quads before that.
const LANES: u64 = 128;

/// What a lane's quads may take together, beside what it does once for a row.
const ALL: u64 = 52_000;

/// The most rounds of one call.
const MOST: u32 = 4000;

/// A call counts two more: one to leave the last loop, and one that is too many.
const SPARE: u64 = 2;

/// The rounds that a call for a row may take, which a lane calls twice, for the loss and its slopes.
pub(crate) fn most_of_row(turns: usize) -> u32 {
    MOST / u32::try_from(turns).unwrap_or(MOST)
}

/// The function by which kernels know that a formula loops: [`most`], in WGSL.
pub(crate) fn declare_most(turns: usize) -> String {
    let quad = ALL / 4;
    format!(
        "// The rounds of its loops that a call for an item of so long a row may take.
fn most_rounds(classes: u32) -> u32 {{
    let quads = (classes + {}u) / {}u;
    return min(max(({quad}u / quads - 1u) / {}u, {SPARE}u) - {SPARE}u, {MOST}u);
}}
",
        4 * LANES - 1,
        4 * LANES,
        turns.max(1)
    )
}

/// Whether a formula has it.
pub(super) fn has_loops(declared: &Declared) -> bool {
    declared.defines("most_rounds")
}

/// The rounds that a call for an item may take, where all calls for one take so many turns; a quad takes four passes
/// over the row beside.
pub(crate) fn most(classes: u64, turns: usize) -> u32 {
    let each = (ALL / 4 / quads(classes)).saturating_sub(1) / turns.max(1) as u64;
    u32::try_from(each.saturating_sub(SPARE)).unwrap_or(MOST).min(MOST)
}

/// The longest row whose items may take a round each.
pub(crate) fn longest(turns: usize) -> u64 {
    let each = 1 + (1 + SPARE) * turns.max(1) as u64;
    4 * LANES * (ALL / 4 / each)
}

/// The most quads that a lane has of such a row.
fn quads(classes: u64) -> u64 {
    classes.div_ceil(4 * LANES)
}

/// The fewest lanes of such a row.
pub(super) fn lanes(classes: u64) -> u64 {
    classes.div_ceil(4).next_power_of_two().min(LANES)
}

/// The longest row that so many lanes can share.
pub(super) fn longest_of(lanes: u64) -> u64 {
    if lanes < LANES { 4 * lanes } else { u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::WIDEST;
    use crate::families::rows::kernel::Lanes;

    #[test]
    fn no_invocation_takes_too_many() {
        for turns in (1..=8).chain([16, 32, 128]) {
            let long = (1..).map(|k| 977 * k * k).take_while(|&own| own < longest(turns));
            for classes in (1..5000).chain(long).chain([longest(turns)]) {
                let rounds = u64::from(most(classes, turns));
                assert!(rounds > 0, "{classes} classes, {turns} turns");
                let least = lanes(classes);
                assert!(least <= LANES && classes <= longest_of(least), "{classes}");
                let more = (0..3).map(|k| least << k).filter(|&threads| threads <= 256);
                for threads in more {
                    let lanes =
                        Lanes { threads, rows: 1, most_held: 0, most_ahead: 1, subgroup: None };
                    let quads = lanes.quads(classes.div_ceil(4));
                    assert!(quads <= super::quads(classes), "{classes}, {threads}");
                    let all = quads * (4 + 4 * turns as u64 * (rounds + SPARE));
                    let of_row =
                        |turns: usize| 2 * turns as u64 * (u64::from(most_of_row(turns)) + SPARE);
                    let of_row = (1..=WIDEST).map(of_row).max().unwrap_or_default();
                    assert!(all + of_row < 61_000, "{classes}, {turns}: {all}, {of_row}");
                }
            }
            assert_eq!(most(longest(turns) + 1, turns), 0, "{turns}");
        }
        assert_eq!(
            (most(1, 1), most(513, 2), most(2049, 2), most(512, 32)),
            (4000, 3247, 1297, 404)
        );
    }
}
