//! The same batches here and where the tests ran.

use crate::{device, thrown};
use serde_json::json;
use wasm_bindgen::prelude::*;
use wgloss::Evaluator;
use wgloss_kit::pinned;

/// The losses whose bits are pinned.
#[wasm_bindgen]
pub fn pinned_losses() -> String {
    json!(pinned::pinned()).to_string()
}

/// The bits of a loss's batch on the CPU and, if asked for, on the GPU, and how far both are apart.
#[wasm_bindgen]
pub async fn bits(loss: String, on_gpu: bool) -> Result<String, JsValue> {
    let known = || wgloss::by_name(&loss).map_err(thrown);
    let cpu = pinned::evaluate(known()?, &Evaluator::Cpu).await.map_err(thrown)?;
    let mut found = json!({ "cpu": pinned::hash(&cpu) });
    if on_gpu {
        let gpu = Evaluator::Gpu(device::gpu().await.map_err(thrown)?);
        let gpu = pinned::evaluate(known()?, &gpu).await.map_err(thrown)?;
        found["gpu"] = json!(pinned::hash(&gpu));
        found["difference"] = json!(pinned::difference(&cpu, &gpu));
    }
    Ok(found.to_string())
}
