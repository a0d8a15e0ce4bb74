//! The one place that decides how kernels share their work, where adapters differ.

/// How lanes share the rows of a loss. Another one gives other last digits, as sums go in another
/// order, and nothing else.
///
/// `wgloss bench --tune` measures candidates on the present adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// How many times four neighbouring classes a lane takes before a row gets more lanes.
    pub quads_per_lane: u32,
    /// The most lanes for a row: a power of 2, at most 256.
    pub most_lanes: u32,
}

impl Default for Tuning {
    /// For hardware GPUs, on which nothing has been measured yet: more lanes than on a CPU, as there are
    /// thousands to be kept busy.
    fn default() -> Self {
        Self { quads_per_lane: 8, most_lanes: 256 }
    }
}

impl Tuning {
    /// What suits adapters of this kind.
    ///
    /// On lavapipe (Mesa 22.3.6, 2 cores, 8 lanes of 32 bits side by side), cross entropy and its
    /// gradient of 16,384 rows of 1,000 classes took 148, 106 and 97 ms of both cores' time with 8,
    /// 16 and 32 quads a lane: the fewer lanes a row has, the fewer wait for each other. Rows of
    /// 32,000 and of 128,256 classes took the same with 64 to 256 lanes.
    pub(crate) fn of(kind: wgpu::DeviceType) -> Self {
        match kind {
            wgpu::DeviceType::Cpu => Self { quads_per_lane: 32, ..Self::default() },
            _ => Self::default(),
        }
    }

    /// The lanes for a row of so many quads.
    pub(crate) fn lanes(self, quads: u64) -> u64 {
        let most = self.most_lanes.clamp(1, 256).next_power_of_two();
        let wanted = quads / u64::from(self.quads_per_lane.max(1));
        wanted.max(1).next_power_of_two().min(most.into())
    }
}

#[cfg(test)]
mod tests {
    use super::Tuning;

    #[test]
    fn lanes_are_powers_of_2_within_a_workgroup() {
        let lanes =
            |quads_per_lane, most_lanes, quads| Tuning { quads_per_lane, most_lanes }.lanes(quads);
        assert_eq!(lanes(32, 256, 250), 8);
        assert_eq!(lanes(8, 256, 250), 32);
        assert_eq!(lanes(8, 256, 32064), 256);
        assert_eq!(lanes(8, 64, 32064), 64);
        assert_eq!(lanes(0, 0, 32064), 1);
        assert_eq!(lanes(1, u32::MAX, 1 << 40), 256);
        assert_eq!(lanes(8, 256, 0), 1);
    }
}
