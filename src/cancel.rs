//! Work that is given up once nobody wants it.

use crate::error::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(target_arch = "wasm32"))]
use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

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

    /// Waits for work, and leaves it once it is not wanted any more: what a device is at goes on there,
    /// and nobody reads it.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn block_on<T>(self, work: impl Future<Output = Result<T>>) -> Result<T> {
        if self.0.is_none() {
            return pollster::block_on(work);
        }
        let mut work = pin!(work);
        let waker = Waker::from(Arc::new(Unparked(thread::current())));
        loop {
            if let Poll::Ready(result) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return result;
            }
            thread::park_timeout(TICK);
            self.check()?;
        }
    }
}

/// How often a waiting thread looks whether its work is still wanted.
#[cfg(not(target_arch = "wasm32"))]
const TICK: Duration = Duration::from_millis(20);

/// A thread that waits.
#[cfg(not(target_arch = "wasm32"))]
struct Unparked(Thread);

#[cfg(not(target_arch = "wasm32"))]
impl Wake for Unparked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
