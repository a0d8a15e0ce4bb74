//! One evaluation: a loss with arrays, and what is wanted of it.

use crate::arrays::{Array, Kind};
use crate::backends::{self, evaluator};
use crate::errors::{raised, unknown_keyword};
use crate::interrupts::interruptible;
use crate::{options, warnings};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::atomic::AtomicBool;
use wgloss::{Batch, Evaluator, Loss, Reduction, Request, Tensor, Totals};

/// Below so many bytes the CPU is done before another thread has the interpreter's lock.
const SHORT: usize = 1 << 16;
/// From so many bytes on somebody may want to interrupt it: on a GPU, any number may take long.
const LONG: usize = 1 << 23;

/// What is called.
pub(crate) struct Call<'a, 'py> {
    pub(crate) loss: &'a dyn Loss,
    pub(crate) inputs: Vec<(&'static str, Array<'py>)>,
    pub(crate) request: Request<'a>,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) denominator: Option<&'a Totals>,
    pub(crate) backend: Option<&'a str>,
}

impl Call<'_, '_> {
    /// The kind of its results.
    pub(crate) fn kind(&self) -> Kind {
        self.inputs.iter().map(|(_, array)| array.kind).max().unwrap_or_default()
    }

    /// Evaluates it.
    pub(crate) fn run(&self, py: Python<'_>) -> PyResult<wgloss::Evaluation> {
        let evaluator = evaluator(py, self.backend)?;
        let inputs: Vec<(&str, Tensor<'_>)> = self
            .inputs
            .iter()
            .map(|(name, array)| Ok((*name, array.tensor()?)))
            .collect::<PyResult<_>>()?;
        let cancel = AtomicBool::new(false);
        let batch = Batch {
            inputs: &inputs,
            request: self.request.clone(),
            upstream: self.upstream.as_ref().map(Upstream::tensor).transpose()?,
            denominator: self.denominator,
            cancel: Some(&cancel),
        };
        let bytes: usize = inputs.iter().map(|(_, tensor)| tensor.bytes().len()).sum();
        let work = || backends::run(&evaluator, self.loss, &batch);
        let result = match (&evaluator, bytes) {
            (Evaluator::Cpu, ..SHORT) => work(),
            (Evaluator::Cpu, ..LONG) => py.detach(work),
            _ => interruptible(py, &cancel, work)?,
        };
        result.map_err(raised)
    }

    /// Evaluates it, and warns of what the library would tell; `level` frames up is the caller.
    pub(crate) fn run_and_warn(&self, py: Python<'_>, level: i32) -> PyResult<wgloss::Evaluation> {
        let evaluation = self.run(py)?;
        if let Some(broadcast) = &evaluation.broadcast {
            warnings::broadcast(py, self.loss, broadcast, level)?;
        }
        if evaluation.scalar().is_some_and(|value| !value.is_finite()) {
            warnings::not_finite(py, self, level)?;
        }
        Ok(evaluation)
    }
}

/// What gradients are multiplied by, in float32.
pub(crate) struct Upstream {
    shape: Vec<usize>,
    numbers: Vec<f32>,
}

impl Upstream {
    /// From an array of any float type.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let array = Array::new("upstream", object)?;
        let tensor = array.tensor()?;
        Ok(Self { shape: tensor.shape().to_vec(), numbers: tensor.to_f32().into_owned() })
    }

    fn tensor(&self) -> PyResult<Tensor<'_>> {
        Tensor::from_slice(&self.numbers, self.shape.as_slice()).map_err(raised)
    }
}

/// The inputs in the definition's order; those that are `None` are absent.
pub(crate) fn inputs_in_order<'py>(
    loss: &dyn Loss,
    given: &Bound<'py, PyTuple>,
) -> PyResult<Vec<(&'static str, Array<'py>)>> {
    let mut inputs = Vec::with_capacity(given.len());
    for (input, object) in loss.definition().inputs.iter().zip(given.iter()) {
        if !object.is_none() {
            inputs.push((input.name, Array::new(input.name, &object)?));
        }
    }
    Ok(inputs)
}

/// Sets the options among keyword arguments; the rest are inputs.
pub(crate) fn inputs_and_options<'py>(
    loss: &mut dyn Loss,
    given: &Bound<'py, PyDict>,
) -> PyResult<Vec<(&'static str, Bound<'py, PyAny>)>> {
    let names = loss.definition().inputs.iter().map(|input| input.name);
    let names: Vec<&'static str> = names.collect();
    let mut inputs = Vec::with_capacity(given.len());
    for (key, object) in given {
        let key: String = key.extract()?;
        if let Some(name) = names.iter().find(|name| **name == key) {
            if !object.is_none() {
                inputs.push((*name, object));
            }
            continue;
        }
        let known: Vec<_> = loss.values().into_iter().map(|(name, _)| name).collect();
        match loss.options().into_iter().find(|(name, _)| *name == key) {
            Some((name, mut setting)) => options::set(name, &mut setting, &object)?,
            None => {
                let known = names.iter().copied().chain(known);
                return Err(unknown_keyword("input or option", &key, known));
            }
        }
    }
    loss.validate().map_err(raised)?;
    Ok(inputs)
}

/// A reduction by its name; by default that of the loss.
pub(crate) fn reduction(loss: &dyn Loss, name: Option<&str>) -> PyResult<Reduction> {
    match name {
        Some(name) => name.parse().map_err(raised),
        None => Ok(loss.definition().reductions.first().copied().unwrap_or_default()),
    }
}
