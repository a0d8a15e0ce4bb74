//! What read-backs share: memory that the host can read, and a thread that waits for the device.

use super::{Gpu, buffer};
use crate::error::Result;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

/// What read-backs of a device share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The memory of an earlier read-back.
    spare: Mutex<Option<wgpu::Buffer>>,
    /// Wakes the thread that polls the device, if it has been started.
    #[cfg(not(target_arch = "wasm32"))]
    wake: std::sync::OnceLock<Option<mpsc::Sender<()>>>,
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
        buffer(self, "wgloss read-back", size, usage)
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

    /// Makes the callbacks of all that was submitted come, without blocking the executor of whoever
    /// waits for them: a thread, one for the device, polls it. In a browser the event loop does.
    pub(super) fn drive(&self) {
        #[cfg(not(target_arch = "wasm32"))]
        {
            let device = self.device();
            let wake = self.inner.shared.wake.get_or_init(|| poller(device.clone()));
            if wake.as_ref().is_none_or(|wake| wake.send(()).is_err()) {
                // Without a thread the waiting is done here.
                let _ = device.poll(wgpu::PollType::wait_indefinitely());
            }
        }
    }
}

/// Starts a thread that waits for the device whenever it is woken, until nobody can wake it.
#[cfg(not(target_arch = "wasm32"))]
fn poller(device: wgpu::Device) -> Option<mpsc::Sender<()>> {
    let (wake, woken) = mpsc::channel();
    let poll = move || {
        while woken.recv().is_ok() {
            // One poll is for all who have submitted so far.
            while woken.try_recv().is_ok() {}
            // A failed poll is a lost device, which the callbacks tell of.
            let _ = device.poll(wgpu::PollType::wait_indefinitely());
        }
    };
    let thread = std::thread::Builder::new().name("wgloss poll".into()).spawn(poll);
    thread.is_ok().then_some(wake)
}
