//! Batches of the reader's own arrays.

use crate::choice::Choice;
use crate::files::Place;
use crate::{device, thrown};
use js_sys::{Array, Uint8Array};
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wgloss::{Batch, GradientType, Loss, Request};
use wgloss_kit::files::{Elements, Problem};

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
    let wanted: Wanted = serde_json::from_str(&wanted).map_err(thrown)?;
    let read = |place: &Place| place.read();
    let arrays = wanted.inputs.iter().map(|input| {
        let elements = read(&input.place).map_err(|problem| format!("{}: {problem}", input.name));
        elements.map(|elements| (&*input.name, elements))
    });
    let arrays = arrays.collect::<Result<Vec<_>, _>>().map_err(thrown)?;
    let upstream: Result<Option<Elements>, Problem> =
        wanted.upstream.as_ref().map(read).transpose();
    let upstream = upstream.map_err(|problem| thrown(format!("upstream: {problem}")))?;
    let evaluated = async {
        let (loss, _) = wanted.choice.configured()?;
        Ok(evaluated(loss.as_ref(), &wanted, &arrays, upstream.as_ref()).await?)
    };
    evaluated.await.map_err(|error: wgloss_kit::Error| {
        let problem = js_sys::Error::new(&error.to_string());
        problem.set_name(error.kind());
        problem.into()
    })
}

async fn evaluated(
    loss: &dyn Loss,
    wanted: &Wanted,
    arrays: &[(&str, Elements)],
    upstream: Option<&Elements>,
) -> wgloss::Result<Array> {
    let tensors = arrays.iter().map(|(name, elements)| Ok((*name, elements.tensor()?)));
    let tensors = tensors.collect::<wgloss::Result<Vec<_>>>()?;
    let gradients: Vec<&str> = wanted.gradients.iter().map(String::as_str).collect();
    let request = Request {
        reduction: wanted.reduction.parse()?,
        gradients: &gradients,
        gradient_type: GradientType::Input,
        ..Request::default()
    };
    let upstream = upstream.map(Elements::tensor).transpose()?;
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
