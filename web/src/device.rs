//! The reader's GPU.

use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wgloss::{Evaluator, Gpu, Result};

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

/// Why there is no GPU, or nothing.
#[wasm_bindgen]
pub async fn missing_gpu() -> Option<String> {
    gpu().await.err().map(|error| error.to_string())
}
