//! `wgloss devices`: the GPU adapters.

use crate::error::Result;
use wgloss::{Gpu, adapters, wgpu};

/// The adapters with what matters of each, or what to install.
pub(crate) fn run() -> Result<String> {
    let adapters = pollster::block_on(adapters());
    if adapters.is_empty() {
        Gpu::new_blocking()?; // its error says what to install
    }
    Ok(adapters.iter().map(describe).collect::<Vec<_>>().join("\n"))
}

fn describe(adapter: &wgpu::Adapter) -> String {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    let driver = format!("{} {}", info.driver, info.driver_info);
    let mut text = format!("{}\n", info.name);
    let mut line = |name: &str, value: String| text += &format!("  {name:<37} {value}\n");
    line("backend", info.backend.to_string());
    line("device type", format!("{:?}", info.device_type));
    line("driver", driver.trim().into());
    let sizes = [
        ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size),
        ("max_buffer_size", limits.max_buffer_size),
    ];
    for (name, bytes) in sizes {
        line(name, format!("{bytes} ({} MiB)", bytes >> 20));
    }
    let counts = [
        ("max_compute_workgroups_per_dimension", limits.max_compute_workgroups_per_dimension),
        ("max_compute_invocations_per_workgroup", limits.max_compute_invocations_per_workgroup),
        ("max_storage_buffers_per_shader_stage", limits.max_storage_buffers_per_shader_stage),
        ("max_compute_workgroup_storage_size", limits.max_compute_workgroup_storage_size),
    ];
    for (name, count) in counts {
        line(name, count.to_string());
    }
    let features: Vec<_> = adapter.features().iter_names().map(|(name, _)| name).collect();
    line("features", features.join(", "));
    text
}
