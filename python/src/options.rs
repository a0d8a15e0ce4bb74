//! Options from Python's values.

use crate::errors::raised;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyString};
use wgloss::definition::Setting;

/// Sets an option.
pub(crate) fn set(name: &str, setting: &mut Setting<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let unfit = |setting: &Setting<'_>| {
        let got = value.repr().map_or_else(|_| "?".into(), |text| text.to_string());
        let expected = setting.expected();
        PyTypeError::new_err(format!("{name}: {got} is not valid, expected {expected}"))
    };
    let text = match setting {
        Setting::Number(place) => {
            let number =
                if value.is_instance_of::<PyString>() { None } else { value.extract().ok() };
            let Some(number) = number else { return Err(unfit(setting)) };
            if let Some(number) = held(number) {
                **place = number;
                return Ok(());
            }
            format!("{number:e}")
        }
        Setting::Integer(place) => {
            if value.hasattr("__index__")? && !value.is_instance_of::<PyBool>() {
                match value.extract::<i64>() {
                    Ok(integer) => {
                        **place = integer;
                        return Ok(());
                    }
                    Err(_) => value.str()?.to_string(),
                }
            } else {
                return Err(unfit(setting));
            }
        }
        Setting::Flag(place) => match value.extract::<bool>() {
            Ok(flag) => {
                **place = flag;
                return Ok(());
            }
            Err(_) => return Err(unfit(setting)),
        },
        _ => match value.cast::<PyString>() {
            Ok(text) => text.to_string(),
            Err(_) => return Err(unfit(setting)),
        },
    };
    setting.set(name, &text).map_err(raised)
}

/// A number that float32 holds, rounded; others have a message of the library's.
#[expect(clippy::cast_possible_truncation, reason = "options are float32")]
fn held(number: f64) -> Option<f32> {
    let rounded = number as f32;
    let is_held = rounded.is_finite() && (rounded != 0.0 || number == 0.0);
    is_held.then_some(rounded)
}

/// An option's value for Python.
pub(crate) fn value(py: Python<'_>, setting: &Setting<'_>) -> PyResult<Py<PyAny>> {
    Ok(match setting {
        // As it is written: 0.1 is no sum of powers of two.
        Setting::Number(_) => {
            let number: f64 = setting.value().parse().unwrap_or(f64::NAN);
            number.into_pyobject(py)?.into_any().unbind()
        }
        Setting::Integer(x) => (**x).into_pyobject(py)?.into_any().unbind(),
        Setting::Flag(x) => (**x).into_pyobject(py)?.to_owned().into_any().unbind(),
        _ => setting.value().into_pyobject(py)?.into_any().unbind(),
    })
}
