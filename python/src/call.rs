//! One evaluation: a loss with arrays, and what is wanted of it.

use crate::arrays::{Array, Kind};
use crate::backends::{self, evaluator};
use crate::errors::{raised, unknown_keyword};
use crate::interrupts::interruptible;
use crate::results::{array, rounded};
use crate::{options, warnings};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::atomic::AtomicBool;
use wgloss::definition::Role;
use wgloss::{
    Batch, DType, Evaluator, GradientType, Loss, Part, Reduction, Request, Sink, Tensor, Totals,
};

/// Below so many numbers the CPU is done before another thread has the interpreter's lock.
const SHORT: usize = 1 << 14;
/// From so many numbers on somebody may want to interrupt it: on a GPU, any number may take long.
const LONG: usize = 1 << 21;

/// What is called.
pub(crate) struct Call<'a, 'py> {
    pub(crate) loss: &'a dyn Loss,
    pub(crate) inputs: Vec<(&'static str, Array<'py>)>,
    pub(crate) request: Request<'a>,
    pub(crate) upstream: Option<Upstream>,
    pub(crate) denominator: Option<&'a Totals>,
    pub(crate) part: Option<Part>,
    pub(crate) backend: Option<&'a str>,
}

impl Call<'_, '_> {
    /// The kind of its results.
    pub(crate) fn kind(&self) -> Kind {
        self.inputs.iter().map(|(_, array)| array.kind).max().unwrap_or_default()
    }

    /// Evaluates it.
    pub(crate) fn run(&self, py: Python<'_>) -> PyResult<wgloss::Evaluation> {
        let batch = Batch {
            request: self.request.clone(),
            upstream: self.upstream.as_ref().map(Upstream::tensor).transpose()?,
            denominator: self.denominator,
            part: self.part,
            ..Batch::default()
        };
        self.run_batch(py, batch, None)
    }

    /// Evaluates its inputs with another request into a sink.
    pub(crate) fn run_request(
        &self,
        py: Python<'_>,
        request: Request<'_>,
        sink: &mut dyn Sink,
    ) -> PyResult<wgloss::Evaluation> {
        self.run_batch(py, Batch { request, ..Batch::default() }, Some(sink))
    }

    fn run_batch(
        &self,
        py: Python<'_>,
        batch: Batch<'_>,
        sink: Option<&mut dyn Sink>,
    ) -> PyResult<wgloss::Evaluation> {
        let evaluator = evaluator(py, self.backend)?;
        let inputs: Vec<(&str, Tensor<'_>)> = self
            .inputs
            .iter()
            .map(|(name, array)| Ok((*name, array.tensor()?)))
            .collect::<PyResult<_>>()?;
        let cancel = AtomicBool::new(false);
        let batch = Batch { inputs: &inputs, cancel: Some(&cancel), ..batch };
        let work = || backends::run(&evaluator, self.loss, &batch, sink);
        let result = match (&evaluator, numbers(self.loss, &inputs)) {
            (Evaluator::Cpu, ..SHORT) => work(),
            (Evaluator::Cpu, ..LONG) => py.detach(work),
            _ => interruptible(py, &cancel, work)?,
        };
        self.typed(result.map_err(raised)?)
    }

    /// With gradients in the types of their inputs, where they are wanted so: those of float64 inputs are
    /// computed in float32 all the same.
    fn typed(&self, mut evaluation: wgloss::Evaluation) -> PyResult<wgloss::Evaluation> {
        if self.request.gradient_type == GradientType::Input {
            let typed = |(name, gradient): (&'static str, _)| {
                let own = self.inputs.iter().find(|(own, _)| *own == name);
                let dtype = own.map_or(DType::F32, |(_, array)| array.dtype());
                Ok((name, rounded(gradient, dtype)?))
            };
            let gradients = evaluation.gradients.into_iter().map(typed);
            evaluation.gradients = gradients.collect::<PyResult<_>>()?;
        }
        Ok(evaluation)
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

/// About how many numbers there are to be computed: those of the largest input; of inputs that broadcast,
/// all terms; and of a loss of its own, which may take pairs of them, no more than these.
fn numbers(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)]) -> usize {
    let largest = inputs.iter().map(|(_, tensor)| tensor.len()).max().unwrap_or(0);
    let all = || inputs.iter().map(|(_, tensor)| tensor.shape());
    match loss.definition().inputs.first().map(|input| input.role) {
        Some(
            Role::Elements | Role::ElementVectors(_) | Role::Signed | Role::Unsigned | Role::Flags,
        ) => {
            let rank = all().map(<[usize]>::len).max().unwrap_or(0);
            let size = |axis| all().filter_map(|shape| shape.iter().rev().nth(axis)).max();
            (0..rank).filter_map(size).fold(1, |n: usize, &size| n.saturating_mul(size))
        }
        Some(Role::Own) => {
            let others = inputs.iter().map(|(_, tensor)| tensor.len());
            let mut sizes: Vec<usize> = others.collect();
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            sizes.iter().take(2).fold(1, |n: usize, &size| n.saturating_mul(size))
        }
        _ => largest,
    }
}

/// The loss alone, as a function gives it; `level` frames up is the caller.
pub(crate) fn value(
    py: Python<'_>,
    loss: &dyn Loss,
    inputs: Vec<(&'static str, Array<'_>)>,
    reduction: &str,
    backend: Option<&str>,
    level: i32,
) -> PyResult<Py<PyAny>> {
    let reduction = self::reduction(loss, Some(reduction))?;
    let request = Request { reduction, ..Request::default() };
    let call =
        Call { loss, inputs, request, upstream: None, denominator: None, part: None, backend };
    warnings::untracked(py, &call, level)?;
    let evaluation = call.run_and_warn(py, level)?;
    evaluation.value.map_or_else(|| Ok(py.None()), |value| array(py, value, call.kind()))
}

/// The names of the inputs at some places.
pub(crate) fn names_at(loss: &dyn Loss, places: &[usize]) -> Vec<&'static str> {
    let inputs = loss.definition().inputs;
    places.iter().filter_map(|place| Some(inputs.get(*place)?.name)).collect()
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

    pub(crate) fn tensor(&self) -> PyResult<Tensor<'_>> {
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
    let known = loss.definition().reductions;
    let Some(name) = name else { return Ok(known.first().copied().unwrap_or_default()) };
    let found = known.iter().find(|reduction| reduction.name() == name);
    found.copied().ok_or_else(|| {
        let known = known.iter().map(|reduction| reduction.name());
        raised(wgloss::Error::unknown_name("reduction", name, known))
    })
}
