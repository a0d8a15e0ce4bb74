//! How the lanes of a workgroup share rows.

use crate::dispatch::{Builder, limits};
use crate::families::rows::rounds;
use crate::families::rows::shape::{RowShape, RowWeight};
use crate::kernel::Declared;

/// The workgroup memory of `any_row` in `rows.wgsl`.
pub(super) const MARK: u64 = 8;

/// The most lanes of a row with sums up to each item.
pub(super) const LANES: u64 = 256;

/// The most tiles of such a row: in each a lane takes about a hundred rounds of loops, where the driver leaves these as they
/// are, and no more than 65,535 in all.
pub(super) const TILES: u64 = 512;

/// How lanes share the rows. It depends on the shape, the tuning and the device's limits on a workgroup
/// alone, so that sums are the same however the work is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lanes {
    /// Lanes for a row.
    pub(crate) threads: u64,
    /// Rows in a workgroup.
    pub(crate) rows: u64,
    /// The most quads of a row's inputs that a lane keeps.
    pub(crate) most_held: u64,
    /// The most quads of a row's inputs that a lane asks for at once, of those that it does not keep.
    pub(crate) most_ahead: u64,
    /// The size of the smallest subgroups, where they are used: a power of 2.
    pub(crate) subgroup: Option<u32>,
}

impl Lanes {
    /// How many groups of a row's lanes are joined apart, without subgroups.
    pub(super) fn groups(self) -> u64 {
        if self.threads > 16 { 16 } else { self.threads.div_ceil(4) }
    }

    /// How many of a row's lanes read side by side: 128 bytes of float32. On lavapipe (AMD EPYC, 2 cores)
    /// the value of cross entropy took 46 ms in teams of 32 and 26 ms in these, of 128 rows of 128,256
    /// classes.
    pub(super) fn team(self) -> u64 {
        self.threads.min(8)
    }

    /// The most quads that a lane reads of a row of so many: teams have stretches of whole 128 bytes.
    pub(in super::super) fn quads(self, quads: u64) -> u64 {
        let teams = self.threads / self.team();
        (quads.div_ceil(8 * teams) * 8).min(quads).div_ceil(self.team())
    }

    /// The bytes of a workgroup that a row's sums up to each item take.
    fn running(self, declared: &Declared, classes: u64) -> u64 {
        (self.threads + self.groups() + self.tiles(classes)) * declared.running_bytes
    }

    /// Whether these are few enough.
    fn runs_through(self, classes: u64) -> bool {
        self.tiles(classes) <= TILES
    }

    /// For how many tiles of a row there is room.
    pub(super) fn tiles(self, classes: u64) -> u64 {
        classes.div_ceil(4 * self.threads).next_power_of_two()
    }
}

/// The most lanes of a row of so many classes with sums up to each item.
fn most_lanes(classes: u64) -> u64 {
    classes.div_ceil(4).next_power_of_two().min(LANES)
}

impl RowShape {
    /// Rows whose classes lie apart are read together by neighbouring lanes.
    pub(crate) fn lanes(&self, builder: &Builder<'_>) -> Lanes {
        let (tuning, limits) = (builder.tuning, builder.limits);
        let apart = self.inner >= 32 && self.classes <= 4096;
        let quads =
            self.sections(builder).map_or(self.classes.div_ceil(4), |sections| sections.quads);
        let declared = Declared::of(builder.resolved.definition.shader);
        let mut threads = if apart { 1 } else { tuning.lanes(quads * self.inputs()) };
        if rounds::has_loops(declared) {
            threads = threads.max(rounds::lanes(self.classes));
        }
        let of = |threads: u64| Lanes {
            threads,
            rows: (64 / threads).max(1),
            most_held: tuning.most_held.min(64).into(),
            most_ahead: tuning.most_ahead.clamp(1, 16).into(),
            subgroup: builder.subgroup.filter(|_| tuning.subgroups).map(|own| own.least),
        };
        // Where the maxima and sums of all lanes would not fit into a workgroup, it has fewer.
        let memory = u64::from(limits.max_compute_workgroup_storage_size);
        let fits = |lanes: Lanes| {
            let each = (lanes.threads + lanes.groups()) * declared.lane_bytes
                + 4 * self.filter_words()
                + lanes.running(declared, self.classes);
            lanes.threads * lanes.rows <= limits::invocations(limits)
                && each * lanes.rows + MARK <= memory
                && (!declared.has_running() || lanes.runs_through(self.classes))
        };
        if declared.has_running() && !fits(of(threads)) {
            // With more lanes there is less before them to keep.
            threads = most_lanes(self.classes);
        }
        let mut lanes = of(threads);
        while !fits(lanes) {
            if declared.has_running() && lanes.rows > 1 {
                lanes.rows /= 2;
            } else if lanes.threads > 1 {
                lanes = of(lanes.threads / 2);
            } else {
                break;
            }
        }
        lanes.subgroup = lanes.subgroup.filter(|_| lanes.threads > 1);
        lanes
    }

    /// How many numbers a lane has to know of a class, or takes as much room for.
    pub(super) fn inputs(&self) -> u64 {
        self.with_slopes().count() as u64
            + u64::from(self.weight != RowWeight::One)
            + u64::from(self.mask.is_some())
            + 2 * u64::from(self.list.is_some())
    }
}
