//! What is known of a loss, for the package that makes functions of it.

use crate::errors::raised;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::collections::HashMap;
use wgloss::definition::{Input, Setting};
use wgloss::{Loss, Request};

/// The facts of a loss.
pub(crate) fn facts<'py>(
    py: Python<'py>,
    loss: &mut dyn Loss,
    defaults: &[Py<PyAny>],
) -> PyResult<Bound<'py, PyDict>> {
    let definition = loss.definition();
    let facts = PyDict::new(py);
    facts.set_item("name", definition.name)?;
    facts.set_item("aliases", definition.aliases)?;
    facts.set_item("summary", definition.summary)?;
    facts.set_item("formula", definition.formula)?;
    facts.set_item("documentation", loss.documentation())?;
    let axes = wgloss::batch_axes(loss, &loss.example(), &Request::default()).map_err(raised)?;
    let axes: HashMap<_, _> = axes.into_iter().collect();
    let inputs = PyList::empty(py);
    for input in definition.inputs {
        let facts = of_input(py, input)?;
        facts.set_item("batch_axis", axes.get(input.name).copied().flatten())?;
        inputs.append(facts)?;
    }
    facts.set_item("inputs", inputs)?;
    let valid: HashMap<_, _> = loss.valid().into_iter().collect();
    let described: HashMap<_, _> = loss.described().into_iter().collect();
    let options = PyList::empty(py);
    for ((name, setting), default) in loss.options().into_iter().zip(defaults) {
        let valid = valid.get(name).map_or(setting.expected(), |words| (*words).into());
        let option = of_option(py, name, &setting)?;
        option.set_item("default", default)?;
        option.set_item("valid", valid)?;
        option.set_item("documentation", described.get(name).cloned().unwrap_or_default())?;
        options.append(option)?;
    }
    facts.set_item("options", options)?;
    let reductions: Vec<_> = definition.reductions.iter().map(|each| each.name()).collect();
    facts.set_item("reductions", reductions)?;
    facts.set_item("arguments", definition.arguments)?;
    Ok(facts)
}

/// The facts of an input.
pub(crate) fn of_input<'py>(py: Python<'py>, input: &Input) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("name", input.name)?;
    facts.set_item("role", input.role.to_string())?;
    facts.set_item("domain", input.domain.to_string())?;
    facts.set_item("optional", input.optional)?;
    facts.set_item("differentiable", input.differentiable)?;
    facts.set_item("documentation", input.documentation())?;
    Ok(facts)
}

fn of_option<'py>(
    py: Python<'py>,
    name: &str,
    setting: &Setting<'_>,
) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("name", name)?;
    let kind = match setting {
        Setting::Number(_) | Setting::OptionalNumber(_) => "float",
        Setting::Integer(_) | Setting::OptionalInteger(_) => "int",
        Setting::Numbers(_) => "list[float]",
        Setting::Integers(_) => "list[int]",
        Setting::Flag(_) => "bool",
        _ => "str",
    };
    facts.set_item("type", kind)?;
    Ok(facts)
}
