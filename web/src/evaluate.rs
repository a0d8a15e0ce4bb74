//! Batches of the reader's own arrays.

use crate::choice::Choice;
use crate::files::Place;
use crate::{device, thrown};
use js_sys::{Array, Uint8Array};
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wgloss::{Batch, Evaluation, GradientType, Loss, Request, Tensor};
use wgloss_kit::files::{Elements, npy};
use wgloss_kit::histogram::{Histogram, ignored};

/// An evaluation.
#[derive(Debug, Deserialize)]
struct Wanted {
    choice: Choice,
    /// `cpu` or `gpu`.
    backend: String,
    reduction: String,
    inputs: Vec<Input>,
    /// What the gradients are multiplied by.
    upstream: Option<Place>,
    gradients: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Input {
    name: String,
    #[serde(flatten)]
    place: Place,
}

/// Evaluates a loss of arrays in open files: the JSON of what there is, and the bytes of the value and of
/// each gradient, which is of its input's type.
#[wasm_bindgen]
pub async fn evaluate(wanted: String) -> Result<Array, JsValue> {
    evaluated(&wanted, |_, _, evaluation| {
        let outputs: Vec<_> = outputs(evaluation).collect();
        let told = outputs.iter().map(|(name, tensor)| {
            json!({ "name": name, "dtype": tensor.dtype().to_string(), "shape": tensor.shape() })
        });
        let bytes = outputs.iter().map(|(_, tensor)| Uint8Array::from(tensor.bytes()).into());
        let told = JsValue::from(told.collect::<Value>().to_string());
        Ok(std::iter::once(told).chain(bytes).collect())
    })
    .await
}

/// The same as `.npy` files, of which there are only those that are wanted.
#[wasm_bindgen]
pub async fn evaluate_to_npy(wanted: String) -> Result<Array, JsValue> {
    evaluated(&wanted, |_, _, evaluation| {
        let names: Value = outputs(evaluation).map(|(name, _)| json!(name)).collect();
        let value = evaluation.scalar().map(|value| value.to_string());
        let told = JsValue::from(json!({ "value": value, "files": names }).to_string());
        let files = outputs(evaluation)
            .map(|(_, tensor)| Ok(Uint8Array::from(&*npy::file(tensor).map_err(thrown)?).into()));
        std::iter::once(Ok(told)).chain(files).collect()
    })
    .await
}

/// The counts of a batch's unreduced losses.
#[wasm_bindgen]
pub async fn histogram(wanted: String) -> Result<String, JsValue> {
    evaluated(&wanted, |loss, tensors, evaluation| {
        let losses = evaluation.value.as_ref().map(Tensor::to_f32).unwrap_or_default();
        let counts = Histogram::of(&losses, ignored(loss, tensors));
        serde_json::to_string(&counts).map_err(thrown)
    })
    .await
}

/// The value, if it is one of the arrays, and the gradients.
fn outputs(evaluation: &Evaluation) -> impl Iterator<Item = (&str, &Tensor<'static>)> {
    let value = evaluation.value.iter().map(|value| ("value", value));
    value.chain(evaluation.gradients.iter().map(|(name, gradient)| (&**name, gradient)))
}

/// Evaluates, and makes of it what is wanted.
async fn evaluated<T>(
    wanted: &str,
    made: impl FnOnce(&dyn Loss, &[(&str, Tensor<'_>)], &Evaluation) -> Result<T, JsValue>,
) -> Result<T, JsValue> {
    let wanted: Wanted = serde_json::from_str(wanted).map_err(thrown)?;
    let (loss, _) = wanted.choice.configured().map_err(|error| named(&error))?;
    let read = |name: &str, place: &Place| {
        place.read().map_err(|problem| thrown(format!("{name}: {problem}")))
    };
    let arrays = wanted.inputs.iter().map(|input| read(&input.name, &input.place));
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    let upstream = wanted.upstream.as_ref().map(|place| read("upstream", place)).transpose()?;
    let names = wanted.inputs.iter().map(|input| &*input.name);
    let tensors = names.zip(&arrays).map(|(name, array)| Ok((name, array.tensor()?)));
    let tensors = tensors.collect::<wgloss::Result<Vec<_>>>().map_err(thrown)?;
    let upstream = upstream.as_ref().map(Elements::tensor).transpose().map_err(thrown)?;
    let run = async {
        let gradients: Vec<&str> = wanted.gradients.iter().map(String::as_str).collect();
        let request = Request {
            reduction: wanted.reduction.parse()?,
            gradients: &gradients,
            gradient_type: GradientType::Input,
            ..Request::default()
        };
        let batch = Batch { inputs: &tensors, request, upstream, ..Batch::default() };
        let backend = device::backend(&wanted.backend).await?;
        Ok(backend.evaluate(loss.as_ref(), &batch).await?)
    };
    let evaluation = run.await.map_err(|error| named(&error))?;
    made(loss.as_ref(), &tensors, &evaluation)
}

/// An error with its kind as its name.
fn named(error: &wgloss_kit::Error) -> JsValue {
    let problem = js_sys::Error::new(&error.to_string());
    problem.set_name(error.kind());
    problem.into()
}
