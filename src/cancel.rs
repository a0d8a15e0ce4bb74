//! Work that is given up once nobody wants it.

use crate::error::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};

/// What tells whether work is still wanted; by default it always is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cancel<'a>(pub(crate) Option<&'a AtomicBool>);

impl Cancel<'_> {
    /// Asked between parts of the work, which take milliseconds at most wherever they can be so short.
    ///
    /// # Errors
    /// [`Error::Cancelled`], where it is not wanted any more.
    #[inline]
    pub(crate) fn check(self) -> Result<()> {
        match self.0 {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
}
