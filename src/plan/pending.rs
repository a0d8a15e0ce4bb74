//! What is under way beside the program.

use crate::error::Result;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

#[cfg(not(target_arch = "wasm32"))]
type Work<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;
#[cfg(target_arch = "wasm32")]
type Work<T> = Pin<Box<dyn Future<Output = Result<T>>>>;

/// What is under way beside the program, whether anybody asks for it or not: a future for any
/// executor, which a loop without one asks whether it [is finished](Self::is_finished).
///
/// Dropping it loses the result, but stops nothing.
#[must_use = "the result comes out of it"]
pub struct Pending<T> {
    work: Work<T>,
    /// What has come and was not taken.
    result: Option<Result<T>>,
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("arrived", &self.result.is_some()).finish_non_exhaustive()
    }
}

impl<T> Pending<T> {
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn new(work: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self { work: Box::pin(work), result: None }
    }

    #[cfg(target_arch = "wasm32")]
    pub(super) fn new(work: impl Future<Output = Result<T>> + 'static) -> Self {
        Self { work: Box::pin(work), result: None }
    }

    /// Whether the result is there, so that [`Pending::wait`] and `.await` return it at once. It does
    /// not wait.
    pub fn is_finished(&mut self) -> bool {
        if self.result.is_none()
            && let Poll::Ready(result) =
                self.work.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.result = Some(result);
        }
        self.result.is_some()
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// What went wrong meanwhile.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(self) -> Result<T> {
        pollster::block_on(self)
    }
}

// The work is in a box of its own, and the result is never pinned.
impl<T> Unpin for Pending<T> {}

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.result.take() {
            Some(result) => Poll::Ready(result),
            None => self.work.as_mut().poll(context),
        }
    }
}

/// Does something on a thread of its own.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn in_background<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Pending<T> {
    use crate::error::Error;
    let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
    let run = move || {
        // Nobody may be there any more who wants it.
        let _ = sender.send(work());
    };
    let thread = std::thread::Builder::new().name("wgloss plan".into()).spawn(run);
    Pending::new(async move {
        thread.map_err(|error| Error::Background { doing, reason: error.to_string() })?;
        let panicked = || Error::Background { doing, reason: "its thread has panicked".into() };
        receiver.receive().await.unwrap_or_else(|| Err(panicked()))
    })
}

/// A browser compiles beside the page by itself, and there are no threads: it is done at once.
#[cfg(target_arch = "wasm32")]
pub(super) fn in_background<T: 'static>(
    _: &'static str,
    work: impl FnOnce() -> Result<T>,
) -> Pending<T> {
    Pending::new(std::future::ready(work()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn it_is_finished_when_the_result_is_there() {
        let (release, released) = channel::<u32>();
        let mut pending = in_background("a test", move || Ok(released.recv().expect("a number")));
        assert!(!pending.is_finished());
        release.send(7).expect("a thread that waits");
        while !pending.is_finished() {
            std::thread::yield_now();
        }
        assert!(pending.is_finished(), "the result stays until it is taken");
        assert_eq!(pending.wait(), Ok(7));
    }

    #[test]
    fn a_panic_is_an_error() {
        let pending = in_background::<()>("a test", || panic!("on purpose"));
        let error = pending.wait().expect_err("a panic");
        assert_eq!(error.to_string(), "a test in the background: its thread has panicked");
    }
}
