//! Batches of the reader's own arrays.

use crate::choice::Choice;
use crate::{device, thrown};
use js_sys::{Array, Uint8Array};
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use wasm_bindgen::prelude::*;
use wgloss::{Batch, DType, GradientType, Loss, Request, Tensor};

/// An evaluation.
#[derive(Debug, Deserialize)]
struct Wanted {
    choice: Choice,
    /// `cpu` or `gpu`.
    backend: String,
    reduction: String,
    /// Of the arrays beside this text.
    inputs: Vec<Input>,
    /// Whether the last array is what the gradients are multiplied by, with its shape.
    upstream: Option<Vec<usize>>,
    gradients: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Input {
    name: String,
    dtype: String,
    shape: Vec<usize>,
}

/// Evaluates a loss of arrays in row-major order: the JSON of what there is, and the bytes of the value and
/// of each gradient, which is of its input's type.
#[wasm_bindgen]
pub async fn evaluate(wanted: String, arrays: Vec<Uint8Array>) -> Result<Array, JsValue> {
    let wanted: Wanted = serde_json::from_str(&wanted).map_err(thrown)?;
    let (loss, _) = wanted.choice.configured().map_err(thrown)?;
    evaluated(loss.as_ref(), &wanted, &arrays).await.map_err(|error| {
        let problem = js_sys::Error::new(&error.to_string());
        problem.set_name(error.kind());
        problem.into()
    })
}

async fn evaluated(
    loss: &dyn Loss,
    wanted: &Wanted,
    arrays: &[Uint8Array],
) -> wgloss::Result<Array> {
    let mut tensors = Vec::new();
    for (input, bytes) in wanted.inputs.iter().zip(arrays) {
        let dtype: DType = input.dtype.parse()?;
        let bytes = Cow::Owned(bytes.to_vec());
        tensors.push((&*input.name, Tensor::from_bytes(dtype, &*input.shape, bytes)?));
    }
    let upstream = match (&wanted.upstream, arrays.last()) {
        (Some(shape), Some(bytes)) => {
            Some(Tensor::from_bytes(DType::F32, &**shape, Cow::Owned(bytes.to_vec()))?)
        }
        _ => None,
    };
    let gradients: Vec<&str> = wanted.gradients.iter().map(String::as_str).collect();
    let request = Request {
        reduction: wanted.reduction.parse()?,
        gradients: &gradients,
        gradient_type: GradientType::Input,
        ..Request::default()
    };
    let batch = Batch { inputs: &tensors, request, upstream, ..Batch::default() };
    let evaluation = device::backend(&wanted.backend).await?.evaluate(loss, &batch).await?;
    let value = evaluation.value.iter().map(|value| ("value", value));
    let gradients = evaluation.gradients.iter().map(|(name, gradient)| (&**name, gradient));
    let all: Vec<_> = value.chain(gradients).collect();
    let told: Value = all
        .iter()
        .map(|(name, tensor)| {
            json!({ "name": name, "dtype": tensor.dtype().to_string(), "shape": tensor.shape() })
        })
        .collect();
    let bytes = all.iter().map(|(_, tensor)| Uint8Array::from(tensor.bytes()).into());
    Ok(std::iter::once(JsValue::from(told.to_string())).chain(bytes).collect())
}
