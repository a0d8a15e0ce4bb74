//! The memory of inputs, and of what is copied.

use bytemuck::Pod;
use std::ops::{Deref, DerefMut};

/// Numbers, on Linux in large pages where they are many: as NumPy has the peers' inputs. A loss that does
/// little but read takes an eighth longer in pages of 4 KiB.
#[derive(Debug)]
pub(crate) enum Paged<T> {
    Owned(Vec<T>),
    #[cfg(target_os = "linux")]
    Mapped(memmap2::MmapMut),
}

/// The bytes from which on NumPy asks for large pages.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

impl<T: Pod> From<Vec<T>> for Paged<T> {
    fn from(numbers: Vec<T>) -> Self {
        #[cfg(target_os = "linux")]
        if size_of_val(&numbers[..]) >= LARGE
            && let Ok(mut map) = memmap2::MmapMut::map_anon(size_of_val(&numbers[..]))
            && map.advise(memmap2::Advice::HugePage).is_ok()
        {
            map.copy_from_slice(bytemuck::cast_slice(&numbers));
            return Self::Mapped(map);
        }
        Self::Owned(numbers)
    }
}

impl<T: Pod> Deref for Paged<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(numbers) => numbers,
            #[cfg(target_os = "linux")]
            Self::Mapped(map) => bytemuck::cast_slice(map),
        }
    }
}

impl<T: Pod> DerefMut for Paged<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Owned(numbers) => numbers,
            #[cfg(target_os = "linux")]
            Self::Mapped(map) => bytemuck::cast_slice_mut(map),
        }
    }
}
