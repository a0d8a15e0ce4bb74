//! The catalogue, and the curves of losses over each other.

use crate::choice::Choice;
use crate::thrown;
use js_sys::{Array, Float32Array};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wgloss_kit::curves::{self, Curve, Description, Points, heights};
use wgloss_kit::{Result, catalogue as facts};

/// The losses of the catalogue.
#[wasm_bindgen]
pub fn catalogue() -> String {
    let losses = wgloss::catalogue().into_iter();
    losses.map(|mut loss| facts::json(loss.as_mut())).collect::<Value>().to_string()
}

/// What is to be drawn.
#[derive(Debug, Deserialize)]
struct Wanted {
    losses: Vec<Choice>,
    /// The ends of the axis, if they are not what all inputs may be.
    from: Option<f32>,
    to: Option<f32>,
    points: u16,
}

/// What is drawn of each loss, or why it is not.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Drawn {
    Curve { description: Description },
    Problem { problem: String },
}

/// The curves of some losses: the JSON of what they are, the numbers that vary, and of each curve that there
/// is its losses and its slopes.
#[wasm_bindgen]
pub async fn plot(wanted: &str) -> Result<Array, JsValue> {
    let wanted: Wanted = serde_json::from_str(wanted).map_err(thrown)?;
    let made: Vec<Result<Curve>> = wanted.losses.iter().map(Choice::curve).collect();
    let [from, to] = curves::range(made.iter().flatten());
    let (from, to) = (wanted.from.unwrap_or(from), wanted.to.unwrap_or(to));
    let any = made.iter().any(Result::is_ok);
    if any && !(from.is_finite() && to.is_finite() && from < to) {
        return Err(thrown(format!("from: {from} is not valid, expected less than to, {to}")));
    }
    let xs = curves::points(from, to, wanted.points);
    let (mut drawn, mut all) = (Vec::new(), Vec::<Points>::new());
    for curve in made {
        drawn.push(match evaluated(curve, &xs).await {
            Ok((curve, points)) => {
                all.push(points);
                Drawn::Curve { description: curve.description() }
            }
            Err(problem) => Drawn::Problem { problem: problem.to_string() },
        });
    }
    let numbers = |of: fn(&Points) -> &[f32]| {
        heights(all.iter().map(|points| of(points).iter().map(|y| f64::from(*y)).collect()))
    };
    let heights = [numbers(|points| &points.values), numbers(|points| &points.slopes)];
    let text = json!({ "from": from, "to": to, "heights": heights, "losses": drawn }).to_string();
    let arrays = all.iter().flat_map(|points| [&points.values, &points.slopes]);
    let arrays = std::iter::once(&xs).chain(arrays).map(|xs| Float32Array::from(&**xs).into());
    Ok(std::iter::once(JsValue::from(text)).chain(arrays).collect())
}

async fn evaluated(curve: Result<Curve>, xs: &[f32]) -> Result<(Curve, Points)> {
    let curve = curve?;
    let points = curve.evaluate(xs).await?;
    Ok((curve, points))
}
