//! Calls of wgpu in error scopes of their own, so that what it refuses is an [`Error`] and the
//! program's scopes and callbacks see nothing of it.

use super::Gpu;
use crate::error::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Gpu {
    /// Runs `make` in an error scope of its own and turns what wgpu refuses into an error.
    pub(crate) fn checked<T>(
        &self,
        what: &str,
        make: impl FnOnce(&wgpu::Device) -> T,
    ) -> Result<T> {
        let device = self.device();
        let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
        let made = make(device);
        let scopes = [internal.pop(), memory.pop(), validation.pop()];
        // A browser answers later, on its own event loop, which must not be blocked.
        if cfg!(target_arch = "wasm32") {
            return Ok(made);
        }
        if let Some(error) = scopes.map(pollster::block_on).into_iter().flatten().next() {
            let (what, reason) = (what.to_string(), error.to_string());
            // What a lost device made is invalid, and is refused for that.
            return Err(match self.is_lost() {
                true => Error::DeviceLost { doing: what, reason },
                false => Error::Refused { what, reason },
            });
        }
        Ok(made)
    }

    /// The same where objects of the caller take part: wgpu panics if one is of another
    /// `wgpu::Instance`, when it looks it up, before it has changed anything.
    pub(crate) fn caught<T>(&self, what: &str, make: impl FnOnce(&wgpu::Device) -> T) -> Result<T> {
        catch_unwind(AssertUnwindSafe(|| self.checked(what, make))).unwrap_or_else(|panic| {
            let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            let reason = format!("it is not of the device's wgpu::Instance: {message}");
            Err(Error::Refused { what: what.into(), reason })
        })
    }

    /// An error if the device is lost or destroyed.
    pub(crate) fn check_alive(&self, doing: &str) -> Result<()> {
        if !self.is_lost() {
            return Ok(());
        }
        let reason = "wgpu no longer does anything with it".into();
        Err(Error::DeviceLost { doing: doing.into(), reason })
    }

    /// Finds out without making anything but, the first time, a buffer of 8 bytes: a living device
    /// refuses to write from its byte 1 on, before it takes memory for what is written, and a lost one
    /// refuses nothing.
    #[cfg(not(target_arch = "wasm32"))]
    fn is_lost(&self) -> bool {
        let probe = self.inner.probe.get_or_init(|| {
            self.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some("wgloss probe"),
                size: 8,
                usage: wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        let scope = self.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let written = self.queue().write_buffer_with(probe, 1, wgpu::BufferSize::MIN);
        debug_assert!(written.is_none(), "wgpu writes words only");
        pollster::block_on(scope.pop()).is_none()
    }

    /// A browser tells of it in the device's own callback.
    #[cfg(target_arch = "wasm32")]
    fn is_lost(&self) -> bool {
        false
    }

    /// What wgpu has against a buffer: that it is of another device, destroyed or invalid.
    pub(crate) fn refuses(&self, buffer: &wgpu::BufferBinding<'_>) -> Option<String> {
        let bind = |device: &wgpu::Device| {
            let entry = wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Storage { read_only: true },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            };
            let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some("wgloss probe"),
                entries: &[entry],
            });
            let size = std::num::NonZeroU64::new(4);
            let resource = wgpu::BufferBinding { size, ..buffer.clone() };
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("wgloss probe"),
                layout: &layout,
                entries: &[wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::Buffer(resource),
                }],
            })
        };
        match self.caught("a buffer", bind) {
            // The cause is wgpu's last line.
            Err(Error::Refused { reason, .. }) => reason.lines().last().map(|l| l.trim().into()),
            _ => None,
        }
    }
}
