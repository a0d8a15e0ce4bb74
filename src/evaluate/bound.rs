//! What evaluations bind to their plans alike, whole or in pieces.

use crate::error::Result;
use crate::gpu::{Gpu, buffer};
use crate::request::{Resolved, Slot};

/// What a mean divides by, on the device.
pub(super) fn denominator(gpu: &Gpu, given: [f32; 4]) -> Result<wgpu::Buffer> {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let buffer = buffer(gpu, "denominator", 16, usage)?;
    gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(&given));
    Ok(buffer)
}

/// The value and the gradients as a plan takes them.
pub(super) fn bound_outputs<'b>(
    resolved: &Resolved,
    outputs: impl Iterator<Item = (Slot, &'b wgpu::Buffer)>,
) -> (Option<wgpu::BufferBinding<'b>>, Vec<(&'static str, wgpu::BufferBinding<'b>)>) {
    let (mut value, mut gradients) = (None, Vec::new());
    for (slot, buffer) in outputs {
        let whole = buffer.as_entire_buffer_binding();
        match slot {
            Slot::Gradient(i) => gradients.push((resolved.definition.inputs[i].name, whole)),
            _ => value = Some(whole),
        }
    }
    (value, gradients)
}
