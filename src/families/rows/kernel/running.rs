//! Sums up to each item, which the lanes of a row take in order.

use super::Spec;
use super::lanes::{LANES, Lanes, MARK, TILES};
use crate::kernel::{Declared, Header};

/// The memory of a workgroup that is usual.
const MEMORY: u64 = 16 << 10;

/// How long a row may be on the usual device: what comes before each tile of it is in the workgroup's memory.
pub(crate) fn longest(declared: &Declared) -> u64 {
    longest_on(declared, MEMORY, LANES)
}

/// The same where a workgroup has so much memory, and so many invocations.
pub(in super::super) fn longest_on(declared: &Declared, memory: u64, invocations: u64) -> u64 {
    let of = |threads: u64| {
        let lanes = Lanes { threads, rows: 1, most_held: 0, most_ahead: 1, subgroup: None };
        let places = threads + lanes.groups();
        let taken = MARK + places * (declared.lane_bytes + declared.running_bytes);
        let tiles = memory.saturating_sub(taken) / declared.running_bytes.max(1);
        tiles.min(TILES).checked_ilog2().map_or(0, |power| 4 * threads * (1 << power))
    };
    let threads = (0..=LANES.ilog2()).map(|power| 1 << power);
    threads.filter(|own| *own <= invocations).map(of).max().unwrap_or_default()
}

impl Spec<'_> {
    pub(super) fn has_running(&self) -> bool {
        self.declared().has_running()
    }

    /// What the rows' shader needs of it, where there are such sums, and their shader.
    pub(super) fn declare_running(&self, header: &mut Header) -> &'static str {
        if !self.has_running() {
            header.line(
                "fn store_running_gradients(
    r: u32, slot: u32, thread: u32, row: Row, peak: Peaks, total: Sums, is_own: bool
) {}",
            );
            return "";
        }
        header.constant("LINES", format!("{}u", self.lanes.groups()));
        header.constant("TILES", format!("{}u", self.lanes.tiles(self.shape.classes)));
        let last = if self.parameters.is_empty() { "" } else { ", options()" };
        for name in ["running_sums", "later_sums"] {
            header.line(&format!(
                "fn {name}_of(item: Item, row: Row, peak: Peaks, total: Sums) -> Running {{
    return {name}(item, row, peak, total{last});
}}"
            ));
        }
        include_str!("../../../../shaders/rows_running.wgsl")
    }
}
