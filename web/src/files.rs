//! The reader's files of arrays, which stay in memory while the page has them.

use crate::thrown;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wgloss_kit::files::{self, Elements, Problem};

thread_local! {
    /// By their places; closed ones are gone.
    static FILES: RefCell<Vec<Option<(String, Bytes)>>> = const { RefCell::new(Vec::new()) };
}

/// An array of an open file.
#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    file: usize,
    member: Option<String>,
}

impl Place {
    pub(crate) fn read(&self) -> Result<Elements, Problem> {
        let known = FILES.with_borrow(|files| files.get(self.file).cloned().flatten());
        let (name, bytes) =
            known.ok_or_else(|| format!("file {} is not open, expected one that is", self.file))?;
        files::read(&name, &bytes, self.member.as_deref())
    }
}

/// Opens a file: the number that it is called by from now on, and its arrays.
#[wasm_bindgen]
pub fn open_file(name: String, bytes: Vec<u8>) -> Result<String, JsValue> {
    let bytes = Bytes::from(bytes);
    let arrays = files::list(&name, &bytes).map_err(thrown)?;
    let file = FILES.with_borrow_mut(|files| {
        files.push(Some((name, bytes)));
        files.len() - 1
    });
    Ok(json!({ "file": file, "arrays": arrays }).to_string())
}

/// Frees a file's memory.
#[wasm_bindgen]
pub fn close_file(file: usize) {
    FILES.with_borrow_mut(|files| {
        if let Some(place) = files.get_mut(file) {
            *place = None;
        }
    });
}
