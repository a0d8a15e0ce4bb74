//! The losses of the catalogue, for the functions that the package makes of them.

use crate::arrays::kind;
use crate::call::{Call, Upstream, inputs_in_order, names_at, reduction, value};
use crate::catalogue::facts;
use crate::errors::raised;
use crate::options;
use crate::results::{array, rounded};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use wgloss::{DType, GradientType, Request};

/// A loss of the catalogue.
#[pyclass(frozen, module = "wgloss._native")]
pub(crate) struct Loss {
    /// With its default options.
    default: Box<dyn wgloss::Loss>,
    /// Where it stands in the catalogue.
    place: usize,
    /// The default of each option: the objects that the functions have.
    options: Vec<Py<PyAny>>,
}

/// The name of the loss that any of its names means.
#[pyfunction]
pub(crate) fn proper_name(name: &str) -> PyResult<&'static str> {
    Ok(wgloss::by_name(name).map_err(raised)?.definition().name)
}

/// Every loss, in alphabetical order.
#[pyfunction]
pub(crate) fn catalogue(py: Python<'_>) -> PyResult<Vec<Loss>> {
    let losses = wgloss::catalogue().into_iter().enumerate();
    let loss = |(place, mut default): (usize, Box<dyn wgloss::Loss>)| {
        let options =
            default.options().into_iter().map(|(_, setting)| options::value(py, &setting));
        let options = options.collect::<PyResult<_>>()?;
        Ok(Loss { default, place, options })
    };
    losses.map(loss).collect()
}

#[pymethods]
impl Loss {
    /// What is known of it: names, documentation, inputs, options, reductions.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        facts(py, self.own().as_mut(), &self.options)
    }

    /// The loss of some inputs, with all options, both in the order of the facts.
    fn value(
        &self,
        py: Python<'_>,
        inputs: &Bound<'_, PyTuple>,
        options: &Bound<'_, PyTuple>,
        reduction: &str,
        backend: Option<&str>,
    ) -> PyResult<Py<PyAny>> {
        let own = self.with(options)?;
        let loss = own.as_deref().unwrap_or(self.default.as_ref());
        // The caller is one function up.
        value(py, loss, inputs_in_order(loss, inputs)?, reduction, backend, 2)
    }

    /// Checks the types and shapes of inputs, in their order: the shape of the loss.
    fn check(
        &self,
        inputs: Vec<Option<(Vec<usize>, String)>>,
        options: &Bound<'_, PyTuple>,
        reduction: &str,
        gradients: Vec<usize>,
    ) -> PyResult<Vec<usize>> {
        let own = self.with(options)?;
        check(own.as_deref().unwrap_or(self.default.as_ref()), &inputs, reduction, &gradients)
    }

    /// The loss in the element type of the inputs, and the gradients of the inputs at some places in
    /// float32; with an upstream gradient only these, each multiplied by it, in its input's type.
    #[pyo3(signature = (inputs, options, reduction, backend, gradients, upstream=None, wide=false))]
    #[expect(clippy::too_many_arguments, reason = "by position, as it is called for every step")]
    fn forward(
        &self,
        py: Python<'_>,
        inputs: &Bound<'_, PyTuple>,
        options: &Bound<'_, PyTuple>,
        reduction: &str,
        backend: Option<&str>,
        gradients: Vec<usize>,
        upstream: Option<&Bound<'_, PyAny>>,
        wide: bool,
    ) -> PyResult<Vec<Py<PyAny>>> {
        let own = self.with(options)?;
        let loss = own.as_deref().unwrap_or(self.default.as_ref());
        forward(py, loss, inputs, reduction, backend, &gradients, upstream, wide)
    }
}

/// Checks the types and shapes of inputs, in their order: the shape of the loss.
pub(crate) fn check(
    loss: &dyn wgloss::Loss,
    inputs: &[Option<(Vec<usize>, String)>],
    reduction_name: &str,
    gradients: &[usize],
) -> PyResult<Vec<usize>> {
    let mut kinds = Vec::new();
    for (input, given) in loss.definition().inputs.iter().zip(inputs) {
        if let Some((shape, element)) = given {
            kinds.push((input.name, kind(input.name, shape.clone(), element)?));
        }
    }
    let gradients = names_at(loss, gradients);
    let request = Request {
        reduction: reduction(loss, Some(reduction_name))?,
        gradients: &gradients,
        ..Request::default()
    };
    wgloss::loss_shape(loss, &kinds, &request).map_err(raised)
}

/// [`Loss::forward`] of any loss. A `wide` loss is float32 whatever the inputs are.
#[expect(clippy::too_many_arguments, reason = "as the method")]
pub(crate) fn forward(
    py: Python<'_>,
    loss: &dyn wgloss::Loss,
    inputs: &Bound<'_, PyTuple>,
    reduction_name: &str,
    backend: Option<&str>,
    gradients: &[usize],
    upstream: Option<&Bound<'_, PyAny>>,
    wide: bool,
) -> PyResult<Vec<Py<PyAny>>> {
    let gradients = names_at(loss, gradients);
    let inputs = inputs_in_order(loss, inputs)?;
    let call = Call {
        loss,
        request: Request {
            reduction: reduction(loss, Some(reduction_name))?,
            value: upstream.is_none(),
            gradients: &gradients,
            gradient_type: match upstream {
                Some(_) => GradientType::Input,
                // They are still to be multiplied: what is rounded before would vanish.
                None => GradientType::Float32,
            },
            ..Request::default()
        },
        upstream: upstream.map(Upstream::new).transpose()?,
        inputs,
        denominator: None,
        part: None,
        backend,
    };
    let evaluation = call.run(py)?;
    let kind = call.kind();
    let mut results = Vec::with_capacity(1 + gradients.len());
    if let Some(value) = evaluation.value {
        let dtype = if wide { DType::F32 } else { value_type(&call) };
        results.push(array(py, rounded(value, dtype)?, kind)?);
    }
    for (_, gradient) in evaluation.gradients {
        results.push(array(py, gradient, kind)?);
    }
    Ok(results)
}

/// The element type that PyTorch gives a loss: that of its float inputs, but for factors of terms.
fn value_type(call: &Call<'_, '_>) -> DType {
    let inputs = call.loss.definition().inputs;
    let is_factor = |name| inputs.iter().any(|input| input.name == name && input.optional);
    let types = call.inputs.iter().filter(|(name, _)| !is_factor(*name));
    let types = types.map(|(_, array)| array.dtype()).filter(|dtype| dtype.is_float());
    let wider = |a: DType, b: DType| match (a, b) {
        (a, b) if a == b => a,
        (DType::F64, _) | (_, DType::F64) => DType::F64,
        _ => DType::F32,
    };
    types.reduce(wider).unwrap_or(DType::F32)
}

impl Loss {
    /// One whose options can be set.
    fn own(&self) -> Box<dyn wgloss::Loss> {
        wgloss::catalogue().swap_remove(self.place)
    }

    /// With these options, unless all are the defaults.
    fn with(&self, given: &Bound<'_, PyTuple>) -> PyResult<Option<Box<dyn wgloss::Loss>>> {
        let mut default = self.options.iter().zip(given.iter());
        if default.all(|(own, given)| given.is(own)) {
            return Ok(None);
        }
        let mut own = self.own();
        for ((name, mut setting), value) in own.options().into_iter().zip(given.iter()) {
            options::set(name, &mut setting, &value)?;
        }
        own.validate().map_err(raised)?;
        Ok(Some(own))
    }
}
