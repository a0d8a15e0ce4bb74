//! The memory of results.

use crate::error::Error;
use std::ops::{Deref, DerefMut};

/// Float32 results on the host. On Linux, large ones ask for large pages: without them the system's
/// page faults take longer than the arithmetic. Value and gradient of the mean squared error of 2^24
/// elements took 31 ms on two cores in pages of 4 KiB and 11 ms in pages of 2 MiB, and of 65,536
/// triplets of 128 features 36 and 9 ms.
#[derive(Debug)]
pub(crate) enum Numbers {
    Owned(Vec<f32>),
    #[cfg(target_os = "linux")]
    Mapped(memmap2::MmapMut),
}

/// The bytes of memory that can be had, where the system tells.
fn available() -> Option<u64> {
    // Elsewhere there is no such file.
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}

/// That there is no memory for a result.
pub(crate) fn no_memory(argument: String, bytes: u64) -> Error {
    Error::Memory { argument, bytes, available: available() }
}

/// The bytes from which on the system is asked what it has.
const ASKED: u64 = 256 << 20;

/// The bytes from which on a mapping is worth its while.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

impl Numbers {
    /// So many zeros; `None` where there is no memory for them.
    pub(crate) fn zeros(count: usize) -> Option<Self> {
        // A system may promise more than it has, and end the program when that is written.
        let bytes = (count as u64).saturating_mul(4);
        if bytes >= ASKED && available().is_some_and(|available| bytes > available) {
            return None;
        }
        #[cfg(target_os = "linux")]
        if let Some(bytes) = count.checked_mul(4).filter(|&bytes| bytes >= LARGE)
            && let Ok(map) = memmap2::MmapMut::map_anon(bytes)
        {
            // A system without large pages refuses, and the numbers lie in small ones.
            let _ = map.advise(memmap2::Advice::HugePage);
            return Some(Self::Mapped(map));
        }
        let mut numbers = Vec::new();
        numbers.try_reserve_exact(count).ok()?;
        numbers.resize(count, 0.0);
        Some(Self::Owned(numbers))
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

impl Clone for Numbers {
    fn clone(&self) -> Self {
        match Self::zeros(self.len()) {
            Some(mut copy) => {
                copy.copy_from_slice(self);
                copy
            }
            None => Self::Owned(self.to_vec()),
        }
    }
}

impl From<Vec<f32>> for Numbers {
    fn from(numbers: Vec<f32>) -> Self {
        Self::Owned(numbers)
    }
}

impl Deref for Numbers {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Owned(numbers) => numbers,
            #[cfg(target_os = "linux")]
            Self::Mapped(map) => bytemuck::cast_slice(map),
        }
    }
}

impl DerefMut for Numbers {
    fn deref_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Owned(numbers) => numbers,
            #[cfg(target_os = "linux")]
            Self::Mapped(map) => bytemuck::cast_slice_mut(map),
        }
    }
}

/// The memory of results that are no longer needed.
#[derive(Debug, Default)]
pub(crate) struct Spare(Vec<Numbers>);

impl Spare {
    /// So many numbers, of any value; `None` where there is no memory for them.
    pub(crate) fn numbers(&mut self, size: usize) -> Option<Numbers> {
        match self.0.iter().position(|numbers| numbers.len() == size) {
            Some(place) => Some(self.0.swap_remove(place)),
            None => Numbers::zeros(size),
        }
    }
}

impl FromIterator<Numbers> for Spare {
    fn from_iter<I: IntoIterator<Item = Numbers>>(numbers: I) -> Self {
        Self(numbers.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn more_than_there_is_is_not_promised() {
        if let Some(available) = super::available() {
            let count = usize::try_from(available / 4 + (1 << 26)).expect("64 bits");
            assert!(Numbers::zeros(count).is_none());
        }
    }

    #[test]
    fn numbers_of_any_size_are_zeros_that_can_be_written_and_copied() {
        for count in [0, 1, 1000, (1 << 20) - 1, 1 << 20, (1 << 21) + 3] {
            let mut numbers = Numbers::zeros(count).expect("memory");
            assert_eq!(numbers.len(), count);
            assert!(numbers.iter().all(|&number| number == 0.0), "{count}");
            numbers.iter_mut().for_each(|number| *number = 1.5);
            let copy = numbers.clone();
            numbers.fill(2.5);
            assert!(copy.iter().all(|&number| number == 1.5), "{count}");
            assert!(numbers.iter().all(|&number| number == 2.5), "{count}");
        }
    }
}
