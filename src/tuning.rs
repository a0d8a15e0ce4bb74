//! The one place that decides how kernels share their work, where adapters differ.

/// How lanes share the rows of a loss, and workgroups a matrix product. Another one gives other last
/// digits, as sums go in another order (`subgroups` gives the same), and nothing else.
///
/// `wgloss bench --tune` measures candidates on the present adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// How many times four elements of a row's inputs a lane takes before a row gets more lanes.
    pub quads_per_lane: u32,
    /// The most lanes for a row: a power of 2, at most 256.
    pub most_lanes: u32,
    /// The most times four elements of a row's inputs that a lane keeps in registers between the steps
    /// of a loss, at most 64; if it has more, it reads them again. Each is written out in the kernel.
    pub most_held: u32,
    /// The most times four elements of a row's inputs that a lane asks memory for before it waits for the first, at most 16,
    /// where it reads them again; each is written out in the kernel.
    pub most_ahead: u32,
    /// The most times four classes of a row that a workgroup takes: several share a longer row, so that a few rows of
    /// a large vocabulary keep an adapter busy.
    pub quads_per_group: u32,
    /// How many labels of a target of [`Ctc`](crate::Ctc) a lane takes before a sequence gets more lanes.
    pub labels_per_lane: u32,
    /// How many workgroups keep the adapter busy: matrix products are cut into squares of 128 x 128
    /// where there are at least as many of them, and of 64 x 64 else.
    pub busy_groups: u32,
    /// Whether lanes that share a row join their sums by subgroup operations, where the device has the
    /// features `SUBGROUP` and `SUBGROUP_BARRIER`, and else through the workgroup's memory.
    pub subgroups: bool,
    /// From how many multiplications on the lanes of a subgroup, if those can be used and have 4 to 16 lanes, pass each
    /// other what they have read of a matrix product's matrices, where others go through the workgroup's memory; the
    /// bits are the same. For adapters on a CPU, on which a lane's read costs what dozens of multiplications do, and
    /// from a size on that is worth the kernel, which takes a second to compile there.
    pub least_exchanged: u64,
}

/// The lanes of a device's subgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subgroup {
    /// Of the smallest ones: a power of 2.
    pub(crate) least: u32,
    /// Whether a kernel's may be larger: the driver chooses.
    pub(crate) varies: bool,
}

impl Default for Tuning {
    /// For hardware GPUs, on which nothing has been measured yet: more lanes than on a CPU, as there are
    /// thousands to be kept busy.
    fn default() -> Self {
        Self {
            quads_per_lane: 4,
            most_lanes: 256,
            most_held: 16,
            most_ahead: 4,
            quads_per_group: 4096,
            labels_per_lane: 1,
            busy_groups: 256,
            subgroups: true,
            least_exchanged: u64::MAX,
        }
    }
}

impl Tuning {
    /// What suits adapters of this kind.
    ///
    /// On lavapipe (Mesa 22.3.6, 2 cores, 8 lanes of 32 bits side by side), cross entropy and its
    /// gradient of 16,384 rows of 1,000 classes took 67, 49 and 41 ms with 8, 16 and 32 quads a lane:
    /// the fewer lanes a row has, the fewer wait for each other. Rows of 32,000 and of 128,256 classes
    /// took the same with 64 to 256 lanes. With 32 quads kept instead of none, those of 1,000 classes
    /// took 41 instead of 48 ms, but 1.8 s instead of 0.4 to compile. A product of 256 x 512 by
    /// 512 x 2048 took 80 ms in squares of 64 x 64, 44 ms in squares of 128 x 128 and 15 ms where the lanes of
    /// subgroups exchange what they read. In rows subgroups made no difference.
    pub(crate) fn of(kind: wgpu::DeviceType) -> Self {
        match kind {
            wgpu::DeviceType::Cpu => Self {
                quads_per_lane: 32,
                most_held: 4,
                most_ahead: 1,
                quads_per_group: u32::MAX,
                labels_per_lane: 2,
                busy_groups: 4,
                least_exchanged: 1 << 26,
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// The lanes for a row of so many quads.
    pub(crate) fn lanes(self, quads: u64) -> u64 {
        let most = self.most_lanes.clamp(1, 256).next_power_of_two();
        let wanted = quads / u64::from(self.quads_per_lane.max(1));
        wanted.max(1).next_power_of_two().min(most.into())
    }

    /// The side of the squares of a matrix product, in blocks of 64, and how many squares there are.
    pub(crate) fn squares(self, height: u64, breadth: u64) -> (u32, u64) {
        let count = |side: u64| height.div_ceil(64 * side) * breadth.div_ceil(64 * side);
        let large = height > 64 && breadth > 64 && count(2) >= self.busy_groups.into();
        if large { (2, count(2)) } else { (1, count(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::Tuning;

    #[test]
    fn lanes_are_powers_of_2_within_a_workgroup() {
        let lanes = |quads_per_lane, most_lanes, quads| {
            Tuning { quads_per_lane, most_lanes, ..Tuning::default() }.lanes(quads)
        };
        assert_eq!(lanes(32, 256, 250), 8);
        assert_eq!(lanes(8, 256, 250), 32);
        assert_eq!(lanes(8, 256, 32064), 256);
        assert_eq!(lanes(8, 64, 32064), 64);
        assert_eq!(lanes(0, 0, 32064), 1);
        assert_eq!(lanes(1, u32::MAX, 1 << 40), 256);
        assert_eq!(lanes(8, 256, 0), 1);
    }

    #[test]
    fn squares_are_large_where_enough_are_left() {
        let squares = |height, breadth| {
            Tuning { busy_groups: 4, ..Tuning::default() }.squares(height, breadth)
        };
        assert_eq!(squares(256, 256), (2, 4));
        assert_eq!(squares(129, 200), (2, 4));
        assert_eq!(squares(256, 128), (1, 8));
        assert_eq!(squares(64, 4096), (1, 64));
        assert_eq!(squares(0, 64), (1, 0));
    }
}
