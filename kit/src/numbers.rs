//! Numbers as people and programs read them.

use serde_json::{Value, json};
use std::fmt::{Display, LowerExp};

/// A number, with a power of ten where it would have many zeros.
pub fn plain<T: Into<f64> + Display + LowerExp + Copy>(x: T) -> String {
    let size = x.into().abs();
    let is_short = size == 0.0 || (1e-3..1e6).contains(&size);
    if is_short { x.to_string() } else { format!("{x:e}") }
}

/// JSON has no NaN and no infinity.
pub fn json(x: f64) -> Value {
    match x {
        x if x.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        x => json!(x),
    }
}

/// A count that is drawn.
#[expect(clippy::cast_precision_loss, reason = "nobody sees the difference")]
pub fn float(count: u64) -> f64 {
    count as f64
}
