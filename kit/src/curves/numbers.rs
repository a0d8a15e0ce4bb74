//! The numbers of an input at a point.

use crate::error::{Error, Result};
use crate::numbers::plain;
use serde::Serialize;
use std::str::FromStr;
use wgloss::{DType, Tensor};

/// An input's numbers in row-major order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Numbers {
    /// Numbers.
    Floats(Vec<f32>),
    /// Class indices, labels or lengths.
    Integers(Vec<i64>),
}

impl Numbers {
    /// How many.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Floats(row) => row.len(),
            Self::Integers(row) => row.len(),
        }
    }

    pub(super) fn texts(&self) -> Vec<String> {
        match self {
            Self::Floats(row) => row.iter().map(|x| plain(*x)).collect(),
            Self::Integers(row) => row.iter().map(i64::to_string).collect(),
        }
    }

    /// The same so many times.
    pub(super) fn repeated(&self, times: usize) -> Self {
        match self {
            Self::Floats(row) => Self::Floats(row.repeat(times)),
            Self::Integers(row) => Self::Integers(row.repeat(times)),
        }
    }

    pub(super) fn tensor(&self, shape: Vec<usize>) -> Result<Tensor<'static>> {
        let (dtype, bytes): (_, Vec<u8>) = match self {
            Self::Floats(row) => (DType::F32, row.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Self::Integers(row) => (DType::I64, row.iter().flat_map(|x| x.to_le_bytes()).collect()),
        };
        Ok(Tensor::from_bytes(dtype, shape, bytes)?)
    }
}

/// Reads whole numbers, as many as the shape has.
pub(super) fn integers(name: &str, text: &str, shape: &[usize]) -> Result<Numbers> {
    parse(name, text, "a whole number", shape, false).map(Numbers::Integers)
}

/// Reads finite numbers, as many as the shape has; one alone stands for all of them.
pub(super) fn floats(name: &str, text: &str, shape: &[usize]) -> Result<Numbers> {
    let row: Vec<f32> = parse(name, text, "a number", shape, true)?;
    match row.iter().find(|x| !x.is_finite()) {
        Some(x) => Err(Error::argument(name, x.to_string(), "a finite number")),
        None => Ok(Numbers::Floats(row)),
    }
}

fn parse<T: FromStr + Clone>(
    name: &str,
    text: &str,
    expected: &str,
    shape: &[usize],
    fills: bool,
) -> Result<Vec<T>> {
    let number = |text: &str| text.trim().parse();
    let row = text.split(',').map(number).collect::<Result<Vec<T>, _>>();
    let row = row.map_err(|_| {
        let lists = if shape.is_empty() { "" } else { ", or a list as in 0,1,0" };
        Error::argument(name, text, format!("{expected}{lists}"))
    })?;
    let count = shape.iter().product();
    match row.len() {
        1 if fills => Ok(vec![row[0].clone(); count]),
        got if got == count => Ok(row),
        got => Err(Error::argument(name, format!("{text} ({got} numbers)"), {
            if count == 1 { "one number".into() } else { format!("{count} numbers") }
        })),
    }
}

/// The logarithms of the softmax of each of the rows, which have so many numbers.
pub(super) fn log_softmax(numbers: &mut [f32], width: usize) {
    for row in numbers.chunks_mut(width.max(1)) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|x| (f64::from(*x) - f64::from(largest)).exp()).sum();
        let logarithm = f64::from(largest) + sum.ln();
        #[expect(clippy::cast_possible_truncation, reason = "rounding to float32 is the purpose")]
        row.iter_mut().for_each(|x| *x = (f64::from(*x) - logarithm) as f32);
    }
}

/// Texts as the rows that they are in, with brackets around each.
pub(super) fn nested(texts: &[String], shape: &[usize]) -> String {
    match shape {
        [] => texts.join(", "),
        [_, inner @ ..] => {
            let length = inner.iter().product::<usize>().max(1);
            let parts = texts.chunks(length).map(|part| nested(part, inner));
            format!("[{}]", parts.collect::<Vec<_>>().join(", "))
        }
    }
}
