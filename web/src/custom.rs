//! Custom losses: what is derived from a text, or what is wrong with it.

use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wgloss::definition::Options;
use wgloss::{Custom, Error, Loss};

/// Reads the text of a custom loss: its name, inputs, parameters and the WGSL that is derived, or the place
/// and the reason of what is wrong.
#[wasm_bindgen]
pub(crate) fn custom(name: &str, text: &str) -> String {
    match Custom::named(name, text) {
        Ok(mut custom) => {
            let inputs: Vec<_> =
                custom.definition().inputs.iter().map(|input| input.name).collect();
            let parameters = custom.options().into_iter();
            let parameters: Value = parameters
                .map(|(name, setting)| {
                    json!({ "name": name, "default": wgloss_kit::options::json(&setting) })
                })
                .collect();
            let name = custom.definition().name;
            let derived = custom.derived();
            json!({ "name": name, "inputs": inputs, "parameters": parameters, "derived": derived })
        }
        Err(Error::Custom { line, column, reason }) => {
            json!({ "line": line, "column": column, "reason": reason })
        }
        Err(error) => json!({ "line": 1, "column": 1, "reason": error.to_string() }),
    }
    .to_string()
}
