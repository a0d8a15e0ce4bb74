//! Batches of the reader's own arrays.

use crate::choice::Choice;
use crate::files::Place;
use crate::{device, thrown};
use js_sys::{Array, Uint8Array};
use serde::Deserialize;
use serde_json::json;
use wasm_bindgen::prelude::*;
use wgloss::{Batch, Evaluation, Loss, Request, Tensor};
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

/// Evaluates a loss of arrays in open files: the JSON of the reduced value, as text, and of the outputs' names,
/// and each of these, unreduced losses or the value and the gradients, as a `.npy` file.
#[wasm_bindgen]
pub async fn evaluate(wanted: String) -> Result<Array, JsValue> {
    evaluated(&wanted, |_, _, evaluation| {
        let value = evaluation.value.iter().map(|value| ("value", value));
        let gradients = evaluation.gradients.iter().map(|(name, gradient)| (&**name, gradient));
        let outputs: Vec<_> = value.chain(gradients).collect();
        let names: Vec<&str> = outputs.iter().map(|(name, _)| *name).collect();
        let reduced = evaluation.scalar().map(|value| value.to_string());
        let told = JsValue::from(json!({ "value": reduced, "files": names }).to_string());
        let files = outputs
            .iter()
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
