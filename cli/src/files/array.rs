//! An array that lies whole in some bytes.

use super::{bytes, order};
use ::bytes::Bytes;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wgloss::DType;

/// An array's type and shape, and where in some bytes its elements are.
pub(super) struct Array {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    pub(super) range: Range<usize>,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
}

/// The bytes of all inputs that are put in order in memory: a temporary file is as slow as its disk.
static FOR_ORDER: AtomicUsize = AtomicUsize::new(768 << 20);

/// The bytes that are put in order at a time.
const PANEL: usize = 32 << 20;

impl Array {
    /// The elements in row-major order and little-endian.
    pub(super) fn in_order(&self, bytes: &Bytes) -> io::Result<Bytes> {
        let (from, size) = (bytes.slice(self.range.clone()), self.dtype.size());
        if (!self.big_endian && !self.fortran) || from.is_empty() {
            return Ok(from);
        }
        let put = |to: &mut dyn Write| {
            let mut write = |panel: &mut [u8]| {
                if self.big_endian {
                    order::swap_bytes(panel, size);
                }
                to.write_all(panel)
            };
            if self.fortran {
                return order::row_major(&from, size, &self.shape, PANEL, &mut write);
            }
            let mut panel = Vec::new();
            for part in from.chunks(PANEL) {
                panel.clear();
                panel.extend_from_slice(part);
                write(&mut panel)?;
            }
            Ok(())
        };
        let left = |left: usize| left.checked_sub(from.len());
        if FOR_ORDER.fetch_update(Relaxed, Relaxed, left).is_ok() {
            let mut all = Vec::with_capacity(from.len());
            put(&mut all)?;
            return Ok(all.into());
        }
        bytes::written(|spool| put(spool))
    }
}
