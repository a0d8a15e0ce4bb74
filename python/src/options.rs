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
        Setting::OptionalNumber(place) if value.is_none() => {
            **place = None;
            return Ok(());
        }
        Setting::OptionalInteger(place) if value.is_none() => {
            **place = None;
            return Ok(());
        }
        Setting::Number(_) | Setting::OptionalNumber(_) => {
            let number =
                if value.is_instance_of::<PyString>() { None } else { value.extract().ok() };
            let Some(number) = number else { return Err(unfit(setting)) };
            match (held(number), &mut *setting) {
                (Some(number), Setting::Number(place)) => **place = number,
                (Some(number), Setting::OptionalNumber(place)) => **place = Some(number),
                _ => return setting.set(name, &format!("{number:e}")).map_err(raised),
            }
            return Ok(());
        }
        Setting::Integer(_) | Setting::OptionalInteger(_) => {
            if !value.hasattr("__index__")? || value.is_instance_of::<PyBool>() {
                return Err(unfit(setting));
            }
            match (value.extract::<i64>(), &mut *setting) {
                (Ok(integer), Setting::Integer(place)) => **place = integer,
                (Ok(integer), Setting::OptionalInteger(place)) => **place = Some(integer),
                _ => return setting.set(name, value.str()?.to_str()?).map_err(raised),
            }
            return Ok(());
        }
        Setting::Numbers(place) => match value.extract::<Vec<f64>>() {
            Ok(numbers) => {
                let all: Option<Vec<f32>> = numbers.iter().map(|&x| held(x)).collect();
                match all {
                    Some(all) => **place = all,
                    None => {
                        let texts: Vec<String> = numbers.iter().map(|x| format!("{x:e}")).collect();
                        return setting.set(name, &texts.join(",")).map_err(raised);
                    }
                }
                return Ok(());
            }
            Err(_) => return Err(unfit(setting)),
        },
        Setting::Integers(place) => match value.extract::<Vec<i64>>() {
            Ok(all) => {
                **place = all;
                return Ok(());
            }
            Err(_) => return Err(unfit(setting)),
        },
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
        Setting::OptionalNumber(None) | Setting::OptionalInteger(None) => py.None(),
        Setting::Number(_) | Setting::OptionalNumber(Some(_)) => {
            let number: f64 = setting.value().parse().unwrap_or(f64::NAN);
            number.into_pyobject(py)?.into_any().unbind()
        }
        Setting::Integer(x) => (**x).into_pyobject(py)?.into_any().unbind(),
        Setting::OptionalInteger(Some(x)) => (*x).into_pyobject(py)?.into_any().unbind(),
        Setting::Numbers(all) => {
            let numbers: Vec<f64> = all.iter().map(|&x| f64::from(x)).collect();
            numbers.into_pyobject(py)?.into_any().unbind()
        }
        Setting::Integers(all) => (**all).clone().into_pyobject(py)?.into_any().unbind(),
        Setting::Flag(x) => (**x).into_pyobject(py)?.to_owned().into_any().unbind(),
        _ => setting.value().into_pyobject(py)?.into_any().unbind(),
    })
}
