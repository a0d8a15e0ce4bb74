//! wgloss for its page: what the page's worker calls.
//!
//! Functions take and give JSON texts and typed arrays, whose forms `page/src/engine.ts` has as types. What
//! goes wrong is a JavaScript error with the library's message.

#![expect(
    clippy::missing_errors_doc,
    reason = "what is thrown is what the library's functions say"
)]

mod choice;
pub mod custom;
pub mod device;
pub mod evaluate;
pub mod files;
pub mod see;
pub mod time;
pub mod trust;

use std::fmt::Display;
use wasm_bindgen::JsValue;

/// A problem as JavaScript has it.
fn thrown(problem: impl Display) -> JsValue {
    js_sys::Error::new(&problem.to_string()).into()
}
