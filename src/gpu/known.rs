//! The devices that the process knows, so that all `Gpu`s of one share what was made for it.

use super::Inner;
use std::sync::{Arc, Weak};

#[cfg(not(target_arch = "wasm32"))]
static KNOWN: std::sync::Mutex<Vec<Weak<Inner>>> = std::sync::Mutex::new(Vec::new());

#[cfg(not(target_arch = "wasm32"))]
fn known<T>(with: impl FnOnce(&mut Vec<Weak<Inner>>) -> T) -> T {
    // A panic elsewhere leaves a list that is whole.
    with(&mut KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

// There wgpu's objects stay on their thread.
#[cfg(target_arch = "wasm32")]
thread_local! {
    static KNOWN: std::cell::RefCell<Vec<Weak<Inner>>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[cfg(target_arch = "wasm32")]
fn known<T>(with: impl FnOnce(&mut Vec<Weak<Inner>>) -> T) -> T {
    KNOWN.with_borrow_mut(with)
}

/// What was made for a device and queue before, if some of it lives, or else something new.
pub(super) fn inner_of(device: wgpu::Device, queue: wgpu::Queue) -> Arc<Inner> {
    // Those of others are dropped after the list is free again: the last one of a device's removes
    // itself from it.
    let mut others = Vec::new();
    known(|known| {
        for inner in known.iter().filter_map(Weak::upgrade) {
            if inner.queue == queue && is_same(&inner.device, &device) {
                return inner;
            }
            others.push(inner);
        }
        let inner = Arc::new(Inner::new(device, queue));
        known.push(Arc::downgrade(&inner));
        inner
    })
}

/// Whether two handles are of one device. For wgpu two are equal whose numbers in their
/// `wgpu::Instance`s are: what tells them apart is whose error scope sees an error of the other.
fn is_same(known: &wgpu::Device, asked: &wgpu::Device) -> bool {
    if known != asked || cfg!(target_arch = "wasm32") {
        // In a browser the numbers are the page's.
        return known == asked;
    }
    let own = asked.push_error_scope(wgpu::ErrorFilter::Validation);
    let scope = known.push_error_scope(wgpu::ErrorFilter::Validation);
    // Every device refuses a buffer without a usage.
    drop(asked.create_buffer(&wgpu::BufferDescriptor {
        label: Some("wgloss probe"),
        size: 4,
        usage: wgpu::BufferUsages::empty(),
        mapped_at_creation: false,
    }));
    let seen = pollster::block_on(scope.pop()).is_some();
    // Of a device of its own, the error ends here.
    drop(pollster::block_on(own.pop()));
    seen
}

impl Drop for Inner {
    fn drop(&mut self) {
        known(|known| known.retain(|inner| inner.strong_count() > 0));
    }
}
