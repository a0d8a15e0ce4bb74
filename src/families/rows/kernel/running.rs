//! Sums up to each item, which the lanes of a row take in order.

use super::{Lanes, MARK, Spec};
use crate::kernel::{Declared, Header};

/// The memory of a workgroup that is usual.
const MEMORY: u64 = 16 << 10;

/// The most lanes of a row.
const LANES: u64 = 256;

/// The most tiles of a row: in each a lane takes about a hundred rounds of loops, where the driver leaves these as they
/// are, and no more than 65,535 in all.
const TILES: u64 = 512;

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

/// The most lanes of a row.
pub(super) fn most_lanes(classes: u64) -> u64 {
    classes.div_ceil(4).next_power_of_two().min(LANES)
}

impl Lanes {
    /// The bytes of a workgroup that a row's sums up to each item take.
    pub(super) fn running(self, declared: &Declared, classes: u64) -> u64 {
        (self.threads + self.groups() + self.tiles(classes)) * declared.running_bytes
    }

    /// Whether these are few enough.
    pub(super) fn runs_through(self, classes: u64) -> bool {
        self.tiles(classes) <= TILES
    }

    /// For how many tiles of a row there is room.
    fn tiles(self, classes: u64) -> u64 {
        classes.div_ceil(4 * self.threads).next_power_of_two()
    }
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
