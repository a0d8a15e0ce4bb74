//! Arrays that are put in order as they are read.

use super::bytes;
use ::bytes::Bytes;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use wgloss_kit::files::Array;

/// The bytes of all inputs that are put in order in memory: a temporary file is as slow as its disk.
static FOR_ORDER: AtomicUsize = AtomicUsize::new(768 << 20);

/// The elements in row-major order and little-endian.
pub(super) fn in_order(array: &Array, bytes: &Bytes) -> io::Result<Bytes> {
    array.in_order(bytes, &|write| {
        let left = |left: usize| left.checked_sub(array.size());
        if FOR_ORDER.fetch_update(Relaxed, Relaxed, left).is_err() {
            return bytes::written(|spool| write(spool));
        }
        let mut all = Vec::with_capacity(array.size());
        write(&mut all)?;
        Ok(all.into())
    })
}
