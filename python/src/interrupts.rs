//! Work that Ctrl-C ends.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often the interpreter is asked whether there was a signal.
const TICK: Duration = Duration::from_millis(50);

/// Does work on a thread of its own, without the interpreter's lock. A signal whose handler raises sets
/// `cancel`, and once the work has ended that is raised.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    cancel: &AtomicBool,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (done, waiting) = (&done, thread::current());
        let worker = thread::Builder::new().spawn_scoped(scope, move || {
            let result = work();
            done.store(true, Ordering::Release);
            waiting.unpark();
            result
        });
        let worker = worker.map_err(|error| {
            PyRuntimeError::new_err(format!("evaluating: the system starts no thread: {error}"))
        })?;
        let mut signalled = Ok(());
        while !done.load(Ordering::Acquire) && !worker.is_finished() {
            py.detach(|| thread::park_timeout(TICK));
            if signalled.is_ok() {
                signalled = py.check_signals();
                cancel.store(signalled.is_err(), Ordering::Relaxed);
            }
        }
        match worker.join() {
            Ok(result) => signalled.map(|()| result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
