//! `wgloss.evaluate`: everything that can be wanted, in one pass.

use crate::arrays::Array;
use crate::call::{Call, Upstream, inputs_and_options, reduction};
use crate::custom::Custom;
use crate::errors::raised;
use crate::results::array;
use crate::totals::Totals;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use wgloss::{DType, GradientType, Part, Request, Timings};

/// What a batch came to.
#[pyclass(frozen, module = "wgloss")]
pub(crate) struct Evaluation {
    value: Py<PyAny>,
    gradients: Py<PyDict>,
    totals: Option<Py<Totals>>,
    timings: Timings,
}

#[pymethods]
impl Evaluation {
    /// The loss in float32: a number, or with reduction "none" one for each term.
    #[getter]
    fn value(&self, py: Python<'_>) -> Py<PyAny> {
        self.value.clone_ref(py)
    }

    /// The gradients by the names of their inputs, each in its input's shape.
    #[getter]
    fn gradients(&self, py: Python<'_>) -> Py<PyDict> {
        self.gradients.clone_ref(py)
    }

    /// The sums that the loss is made of, if they were asked for.
    #[getter]
    fn totals(&self, py: Python<'_>) -> Option<Py<Totals>> {
        self.totals.as_ref().map(|totals| totals.clone_ref(py))
    }

    /// Where the time went, in seconds ("plan", "upload", "kernels", "read_back"), and what timed the
    /// kernels ("clock": "wall" or "timestamps").
    #[getter]
    fn timings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Timings { plan, upload, kernels, clock, read_back } = self.timings;
        let timings = PyDict::new(py);
        for (name, time) in
            [("plan", plan), ("upload", upload), ("kernels", kernels), ("read_back", read_back)]
        {
            timings.set_item(name, time.as_secs_f64())?;
        }
        timings.set_item("clock", clock.to_string())?;
        Ok(timings)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let names = self.gradients.bind(py).keys();
        Ok(format!("<wgloss.Evaluation value={} gradients={names}>", self.value.bind(py).repr()?))
    }
}

impl Evaluation {
    /// With arrays of the call's kind.
    pub(crate) fn new(
        py: Python<'_>,
        evaluation: wgloss::Evaluation,
        kind: crate::arrays::Kind,
    ) -> PyResult<Self> {
        let gradients = PyDict::new(py);
        for (name, gradient) in evaluation.gradients {
            gradients.set_item(name, array(py, gradient, kind)?)?;
        }
        let value = evaluation.value.map(|value| array(py, value, kind)).transpose()?;
        let totals =
            evaluation.totals.map(|totals| Py::new(py, Totals::new(totals))).transpose()?;
        Ok(Self {
            value: value.unwrap_or_else(|| py.None()),
            gradients: gradients.unbind(),
            totals,
            timings: evaluation.timings,
        })
    }
}

/// A loss by name, or a custom one.
pub(crate) fn loss_of(loss: &Bound<'_, PyAny>) -> PyResult<Box<dyn wgloss::Loss>> {
    if let Ok(custom) = loss.cast::<Custom>() {
        return Ok(Box::new(custom.get().loss().clone()));
    }
    let name = loss.cast::<PyString>().map_err(|_| {
        let got = loss.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
        PyTypeError::new_err(format!("loss: {got}, expected the name of a loss or a wgloss.Custom"))
    })?;
    wgloss::by_name(name.to_cow()?.as_ref()).map_err(raised)
}

/// The inputs whose gradients are wanted: named, or all that are given and have one, as integers have
/// not.
pub(crate) fn wanted(
    loss: &dyn wgloss::Loss,
    gradients: Option<&Bound<'_, PyAny>>,
    inputs: &[(&'static str, DType)],
) -> PyResult<Vec<String>> {
    let Some(gradients) = gradients else { return Ok(Vec::new()) };
    if let Ok(all) = gradients.cast::<PyBool>() {
        let own = loss.definition().inputs.iter();
        let given = |name| inputs.iter().any(|(own, dtype)| *own == name && dtype.is_float());
        let own = own.filter(|input| all.is_true() && input.differentiable && given(input.name));
        return Ok(own.map(|input| input.name.into()).collect());
    }
    if let Ok(one) = gradients.cast::<PyString>() {
        return Ok(vec![one.to_cow()?.into_owned()]);
    }
    let names = gradients.try_iter().and_then(|names| names.map(|name| name?.extract()).collect());
    names.map_err(|_: PyErr| {
        let got = gradients.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
        PyTypeError::new_err(format!("gradients: {got}, expected names of inputs, or True for all"))
    })
}

/// The type of gradients by its name.
pub(crate) fn gradient_type(name: &str) -> PyResult<GradientType> {
    match name {
        "float32" => Ok(GradientType::Float32),
        "input" => Ok(GradientType::Input),
        _ => Err(PyValueError::new_err(
            wgloss::Error::unknown_name("gradient_type", name, ["float32", "input"]).to_string(),
        )),
    }
}

/// The place of a part: the items before it, and those of the whole batch or None.
fn part(part: &Bound<'_, PyAny>) -> PyResult<Part> {
    let (first, of) = part.extract().or_else(|_| {
        let got = part.repr()?;
        let expected = "the number of items before it and that of the whole batch, or None";
        Err(PyValueError::new_err(format!("part: {got}, expected (first, of): {expected}")))
    })?;
    Ok(Part { first, of })
}

/// Evaluates a loss: its value, gradients and totals in one pass over the data.
///
/// Parameters
/// ----------
/// loss : str or Custom
///     The loss, by any of its names, or one of your own.
/// gradients : names of inputs, or True
///     The inputs whose gradients are wanted; True for all that are given and have one.
/// totals : bool
///     Whether the sums that the loss is made of are wanted, which add up with those of other parts.
/// reduction : "mean", "sum", "none" or "batchmean"
///     How the terms are combined; by default as the loss has it.
/// backend : str
///     Where: see set_default_backend.
/// upstream : array
///     What gradients are multiplied by: one number, or with reduction "none" one for each term.
/// denominator : Totals
///     Those of a whole batch that this is a part of: the value is the part's share in the mean of the
///     whole, and gradients are those of the whole.
/// part : (first, of)
///     Where it lies in a larger batch, which totals then say: the number of items before it, and that of
///     the whole batch, or None. Items are along the first axis of the losses. By default it is whole.
/// gradient_type : "float32" or "input"
///     The element type of the gradients: "input" is that of each input.
/// loss_scale, loss_weight : float
///     What gradients, and what loss and gradients, are multiplied by before they are rounded.
/// **inputs_and_options
///     The inputs (arrays) and options of the loss by name.
///
/// Returns
/// -------
/// Evaluation
///     With value, gradients (by name), totals and timings.
///
/// Raises
/// ------
/// ValueError
///     If a shape or an option does not fit.
/// TypeError
///     If an element type does not fit, or an argument is unknown or missing.
/// IndexError
///     If a class index is outside its range.
#[pyfunction]
#[pyo3(signature = (
    loss: "str | Custom", /, *, gradients: "list[str] | tuple[str, ...] | str | bool | None" = None, totals=false,
    reduction=None, backend=None, upstream=None, denominator=None,
    part: "tuple[int, int | None] | None" = None, gradient_type="float32", loss_scale=1.0, loss_weight=1.0, **inputs_and_options
))]
#[expect(clippy::too_many_arguments, reason = "by keyword")]
pub(crate) fn evaluate(
    py: Python<'_>,
    loss: &Bound<'_, PyAny>,
    gradients: Option<&Bound<'_, PyAny>>,
    totals: bool,
    reduction: Option<&str>,
    backend: Option<&str>,
    upstream: Option<&Bound<'_, PyAny>>,
    denominator: Option<&Bound<'_, Totals>>,
    part: Option<&Bound<'_, PyAny>>,
    gradient_type: &str,
    loss_scale: f32,
    loss_weight: f32,
    inputs_and_options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Evaluation> {
    let mut loss = loss_of(loss)?;
    let none = PyDict::new(py);
    let given = self::inputs_and_options(loss.as_mut(), inputs_and_options.unwrap_or(&none))?;
    let loss = loss.as_ref();
    let mut inputs = Vec::with_capacity(given.len());
    for (name, object) in &given {
        inputs.push((*name, Array::new(name, object)?));
    }
    let types: Vec<_> = inputs.iter().map(|(name, array)| (*name, array.dtype())).collect();
    let gradients = wanted(loss, gradients, &types)?;
    let gradients: Vec<&str> = gradients.iter().map(String::as_str).collect();
    let call = Call {
        loss,
        inputs,
        request: Request {
            reduction: self::reduction(loss, reduction)?,
            gradients: &gradients,
            totals,
            gradient_type: self::gradient_type(gradient_type)?,
            loss_scale,
            loss_weight,
            ..Request::default()
        },
        upstream: upstream.map(Upstream::new).transpose()?,
        denominator: denominator.map(|totals| totals.get().inner()),
        part: part.map(self::part).transpose()?,
        backend,
    };
    let evaluation = call.run_and_warn(py, 1)?;
    Evaluation::new(py, evaluation, call.kind())
}
