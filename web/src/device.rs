//! The reader's GPU.

use serde_json::{Value, json};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wgloss::{Evaluator, Gpu, Result, wgpu};

thread_local! {
    static GPU: RefCell<Option<Gpu>> = const { RefCell::new(None) };
}

/// The device, which is opened once, and again after it was lost.
pub(crate) async fn gpu() -> Result<Gpu> {
    if let Some(gpu) = GPU.with_borrow(Clone::clone) {
        return Ok(gpu);
    }
    let gpu = Gpu::new().await?;
    gpu.device().set_device_lost_callback(|_, _| GPU.set(None));
    GPU.set(Some(gpu.clone()));
    Ok(gpu)
}

/// The backend of this name.
pub(crate) async fn backend(name: &str) -> Result<Evaluator> {
    match name {
        "gpu" => Ok(Evaluator::Gpu(gpu().await?)),
        "cpu" => Ok(Evaluator::Cpu),
        other => Err(wgloss::Error::unknown_name("backend", other, ["cpu", "gpu"])),
    }
}

/// What the browser tells of the adapter, or why there is none.
#[wasm_bindgen]
pub async fn adapter() -> String {
    match gpu().await {
        Ok(gpu) => described(&gpu),
        Err(error) => json!({ "problem": error.to_string() }),
    }
    .to_string()
}

fn described(gpu: &Gpu) -> Value {
    let info = gpu.adapter_info();
    let limits = gpu.device().limits();
    let kind = match info.device_type {
        wgpu::DeviceType::Cpu => "software",
        _ => "GPU",
    };
    json!({
        "name": [&*info.name, &*info.driver, &*info.driver_info].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", "),
        "kind": kind,
        "largest_binding": limits.max_storage_buffer_binding_size,
    })
}
