//! Rows of formulas that loop: how many rounds each item may take, such that no invocation comes near the 65,535 after
//! which llvmpipe ends it. That depends on the row's length and not on the device, so that what is too much is so
//! everywhere.

use crate::kernel::Declared;

/// Rows have at most so many lanes because of their loops, and of short ones a lane has so many quads.
const LANES: u64 = 128;
const QUADS: u64 = 4;

/// What a lane's quads may take together. What it does once for a row comes on top of it, twice at most.
const ALL: u64 = 52_000;

/// The most rounds of one call.
pub(crate) const MOST: u32 = 4000;

/// A call counts two more: one to leave the last loop, and one that is too many.
const SPARE: u64 = 2;

/// The function by which kernels know that a formula loops, which calls functions with loops so many times for an
/// item: [`most`], in WGSL.
pub(crate) fn declare_most(calls: usize) -> String {
    let quad = ALL / 4;
    format!(
        "// The rounds of its loops that a call for an item of so long a row may take.
fn most_rounds(classes: u32) -> u32 {{
    let quads = max((classes + {}u) / {}u, {QUADS}u);
    return min(max(({quad}u / quads - 1u) / {}u, {SPARE}u) - {SPARE}u, {MOST}u);
}}
",
        4 * LANES - 1,
        4 * LANES,
        calls.max(1)
    )
}

/// Whether a formula has it.
pub(super) fn has_loops(declared: &Declared) -> bool {
    declared.defines("most_rounds")
}

/// The rounds that a call for an item may take; a quad takes four passes over the row beside.
pub(crate) fn most(classes: u64, calls: usize) -> u32 {
    let each = (ALL / 4 / quads(classes)).saturating_sub(1) / calls.max(1) as u64;
    u32::try_from(each.saturating_sub(SPARE)).unwrap_or(MOST).min(MOST)
}

/// The longest row whose items may take a round each.
pub(crate) fn longest(calls: usize) -> u64 {
    let each = 1 + (1 + SPARE) * calls.max(1) as u64;
    4 * LANES * (ALL / 4 / each)
}

/// The most quads that a lane has of such a row.
pub(super) fn quads(classes: u64) -> u64 {
    classes.div_ceil(4 * LANES).max(QUADS)
}

/// The fewest lanes of such a row.
pub(super) fn lanes(classes: u64) -> u64 {
    classes.div_ceil(4).div_ceil(quads(classes)).next_power_of_two()
}

/// The longest row that so many lanes can share.
pub(super) fn longest_of(lanes: u64) -> u64 {
    if lanes < LANES { 4 * QUADS * lanes } else { u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::rows::kernel::Lanes;

    #[test]
    fn no_invocation_takes_too_many() {
        for calls in 1..=8 {
            let long = (1..).map(|k| 977 * k * k).take_while(|&own| own < longest(calls));
            for classes in (1..5000).chain(long).chain([longest(calls)]) {
                let rounds = u64::from(most(classes, calls));
                assert!(rounds > 0, "{classes} classes, {calls} calls");
                let least = lanes(classes);
                assert!(least <= LANES && classes <= longest_of(least), "{classes}");
                let more = (0..3).map(|k| least << k).filter(|&threads| threads <= 256);
                for threads in more {
                    let lanes =
                        Lanes { threads, rows: 1, most_held: 0, most_ahead: 1, subgroup: None };
                    let quads = lanes.quads(classes.div_ceil(4));
                    assert!(quads <= super::quads(classes), "{classes}, {threads}");
                    let all = quads * (4 + 4 * calls as u64 * (rounds + SPARE));
                    let of_row = 2 * (u64::from(MOST) + SPARE);
                    assert!(all + of_row < 65_000, "{classes}, {calls}: {all}");
                }
            }
            assert_eq!(most(longest(calls) + 1, calls), 0, "{calls}");
        }
        assert_eq!((most(1, 1), most(2048, 2), most(2049, 2)), (3247, 1622, 1297));
    }
}
