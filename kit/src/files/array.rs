//! An array that lies whole in some bytes.

use super::{Keep, order};
use bytes::Bytes;
use std::io::{self, Write};
use std::ops::Range;
use wgloss::DType;

/// An array's type and shape, and where in some bytes its elements are.
#[derive(Clone, Debug)]
pub struct Array {
    /// The type of the elements; bools are bytes.
    pub dtype: DType,
    /// The shape.
    pub shape: Vec<usize>,
    /// The bytes of the elements.
    pub(super) range: Range<usize>,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
}

/// The bytes that are put in order at a time.
const PANEL: usize = 32 << 20;

impl Array {
    /// How many bytes the elements have.
    pub fn size(&self) -> usize {
        self.range.len()
    }

    /// The elements in row-major order and little-endian: where they lie, or kept.
    ///
    /// # Errors
    /// If they cannot be kept.
    pub fn in_order(&self, bytes: &Bytes, keep: &Keep<'_>) -> io::Result<Bytes> {
        let (from, size) = (bytes.slice(self.range.clone()), self.dtype.size());
        if (!self.big_endian && !self.fortran) || from.is_empty() {
            return Ok(from);
        }
        keep(&mut |to: &mut dyn Write| {
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
        })
    }
}
