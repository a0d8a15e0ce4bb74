//! What read-backs share: memory that the host can read, and a thread that waits for the device.

use super::{Gpu, buffer};
use crate::error::Result;
use std::sync::{Mutex, PoisonError};
#[cfg(not(target_arch = "wasm32"))]
use std::{sync::OnceLock, sync::mpsc, thread::JoinHandle};

/// What read-backs of a device share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The memory of an earlier read-back.
    spare: Mutex<Option<wgpu::Buffer>>,
    /// The thread that polls the device, if it has been started and could be.
    #[cfg(not(target_arch = "wasm32"))]
    poller: OnceLock<Option<Poller>>,
}

/// Larger memory is not kept.
const MOST_KEPT: u64 = 64 << 20;

impl Gpu {
    /// Memory that the host can read: that of an earlier read-back, if it is large enough.
    pub(super) fn staging(&self, size: u64) -> Result<wgpu::Buffer> {
        if let Some(spare) = self.spare().take_if(|spare| spare.size() >= size) {
            return Ok(spare);
        }
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        buffer(self, "read-back", size, usage)
    }

    /// Keeps memory for the next read-back, the larger one if there are two.
    pub(super) fn keep_staging(&self, buffer: wgpu::Buffer) {
        let mut spare = self.spare();
        let kept = spare.as_ref().map_or(0, wgpu::Buffer::size);
        if (kept + 1..=MOST_KEPT).contains(&buffer.size()) {
            *spare = Some(buffer);
        }
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Option<wgpu::Buffer>> {
        // A panic elsewhere leaves a whole buffer or none.
        self.inner.shared.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the callbacks of what was submitted come, without blocking the executor of whoever waits
    /// for them: a thread, one for the device, polls it. In a browser the event loop does.
    pub(crate) fn drive(&self, submission: wgpu::SubmissionIndex) {
        #[cfg(not(target_arch = "wasm32"))]
        {
            let device = self.device();
            let poller = self.inner.shared.poller.get_or_init(|| Poller::new(device.clone()));
            let left = match poller {
                Some(poller) => poller.wake(submission),
                None => Some(submission),
            };
            if let Some(submission) = left {
                // Without a thread the waiting is done here.
                wait(device, submission);
            }
        }
        #[cfg(target_arch = "wasm32")]
        let _ = submission;
    }
}

/// Waits until a submission has run, and its callbacks have come. Without a timeout: where one ends while
/// others poll the device too, wgpu 30 may find its queue empty and panic as it believes that impossible.
#[cfg(not(target_arch = "wasm32"))]
fn wait(device: &wgpu::Device, submission: wgpu::SubmissionIndex) {
    let until = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
    if device.poll(until).is_err() {
        // A device that is lost does not know what it did not run, and calls back when it is asked for
        // all. If that fails too, the callbacks tell of it.
        let _ = device.poll(wgpu::PollType::wait_indefinitely());
    }
}

/// A thread that waits for the device whenever it is woken. It ends with the device's last [`Gpu`],
/// before a program can end: a driver that is torn down under a thread of its own may crash.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
struct Poller {
    /// Taken when the thread is to end.
    wake: Option<mpsc::Sender<wgpu::SubmissionIndex>>,
    thread: Option<JoinHandle<()>>,
}

#[cfg(not(target_arch = "wasm32"))]
impl Poller {
    /// `None` where no thread can be started.
    fn new(device: wgpu::Device) -> Option<Self> {
        let (wake, woken) = mpsc::channel();
        let poll = move || {
            // One by one: who waits for the first is not held up by what was submitted since.
            for submission in woken {
                wait(&device, submission);
            }
        };
        let thread = std::thread::Builder::new().name("wgloss poll".into()).spawn(poll).ok()?;
        Some(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Has the thread poll the device until this has run; returns it where there is no thread.
    fn wake(&self, submission: wgpu::SubmissionIndex) -> Option<wgpu::SubmissionIndex> {
        match &self.wake {
            Some(wake) => wake.send(submission).err().map(|error| error.0),
            None => Some(submission),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Poller {
    fn drop(&mut self) {
        self.wake = None;
        // A callback of the device's may hold the last one: the thread cannot wait for itself.
        let others = |thread: &JoinHandle<()>| thread.thread().id() != std::thread::current().id();
        if let Some(thread) = self.thread.take().filter(others) {
            let _ = thread.join();
        }
    }
}
