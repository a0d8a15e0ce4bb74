//! Custom losses: what is derived from a text, or what is wrong with it.

use serde_json::json;
use wasm_bindgen::prelude::*;
use wgloss::{Custom, Error};
use wgloss_kit::catalogue as facts;

/// Reads the text of a custom loss: what the catalogue says of a loss and the WGSL that is derived, or the
/// place and the reason of what is wrong.
#[wasm_bindgen]
pub fn custom(name: &str, text: &str) -> String {
    match Custom::named(name, text) {
        Ok(mut custom) => {
            let derived = custom.derived();
            json!({ "loss": facts::json(&mut custom), "derived": derived })
        }
        Err(Error::Custom { line, column, reason }) => {
            json!({ "line": line, "column": column, "reason": reason })
        }
        Err(error) => json!({ "line": 1, "column": 1, "reason": error.to_string() }),
    }
    .to_string()
}
