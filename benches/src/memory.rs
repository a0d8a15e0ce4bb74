//! The memory that runs take, where the system tells it.

use std::fs;

/// What a process has resident at a time, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident(u64);

impl Resident {
    /// What is resident now; the most that will have been is counted from here on. On Linux alone.
    pub(crate) fn now() -> Option<Self> {
        fs::write("/proc/self/clear_refs", "5").ok()?;
        Some(Self(bytes("VmRSS:")?))
    }

    /// By how much there was more at most since then.
    pub(crate) fn grown(self) -> Option<u64> {
        Some(bytes("VmHWM:")?.saturating_sub(self.0))
    }
}

fn bytes(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}
