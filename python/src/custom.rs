//! Losses of one's own.

use crate::arrays::Array;
use crate::call::{inputs_and_options, value};
use crate::catalogue::of_input;
use crate::errors::raised;
use crate::loss::{check, forward};
use crate::options;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use wgloss::Loss as _;
use wgloss::definition::Options as _;

/// What made a derivative of a loss: the method, and its arguments.
type Step = (String, Vec<String>);

/// A loss of one's own: a WGSL function `value` of up to 16 arguments, from which its gradient is
/// derived: `f32`, vectors `vec2<f32>` to `vec4<f32>` along a last dimension of that size, and `i32`, `u32`
/// and `bool`, of arrays of integers and booleans.
///
/// Parameters
/// ----------
/// text_or_path : str or path
///     The WGSL, or the file that has it. The arguments of `value` are the inputs, which broadcast; a
///     last one of type `Parameters`, a struct of numbers and arrays of them, has the parameters.
/// name : str
///     What totals and messages call it; by default the file's name, or "custom".
/// **parameters
///     The numbers of `Parameters`; of its arrays sequences, or arrays of one dimension.
///
/// It is called with its inputs, by position or name, and with `reduction` and `backend` by name;
/// parameters may be given anew. What a text comes to is kept for the life of the process, once for each
/// text.
///
/// Raises
/// ------
/// ValueError
///     With line and column, if the text is not valid or has no derivative by its first argument.
/// OSError
///     If the file cannot be read.
#[pyclass(frozen, module = "wgloss")]
pub(crate) struct Custom {
    loss: wgloss::Custom,
    name: String,
    text: String,
    steps: Vec<Step>,
}

impl Custom {
    pub(crate) fn loss(&self) -> &wgloss::Custom {
        &self.loss
    }
}

#[pymethods]
impl Custom {
    #[new]
    #[pyo3(signature = (text_or_path, /, *, name=None, **parameters))]
    fn new(
        text_or_path: &Bound<'_, PyAny>,
        name: Option<String>,
        parameters: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let (stem, text) = text_of(text_or_path)?;
        let name = name.or(stem).unwrap_or_else(|| "custom".into());
        let mut loss = wgloss::Custom::named(&name, &text).map_err(raised)?;
        set_parameters(&mut loss, parameters)?;
        Ok(Self { loss, name, text, steps: Vec::new() })
    }

    /// The loss of some arrays, by position or name; parameters may be given by name as well.
    #[pyo3(signature = (*inputs, reduction="mean", backend=None, **named))]
    fn __call__(
        &self,
        py: Python<'_>,
        inputs: &Bound<'_, PyTuple>,
        reduction: &str,
        backend: Option<&str>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let mut loss = self.loss.clone();
        let all = self.named(py, inputs, named)?;
        let given = inputs_and_options(&mut loss, &all)?;
        let mut inputs = Vec::with_capacity(given.len());
        for (name, object) in given {
            inputs.push((name, Array::new(name, &object)?));
        }
        value(py, &loss, inputs, reduction, backend, 1)
    }

    /// The WGSL of `value` and of the gradient that was derived from it.
    #[getter]
    fn derived(&self) -> &'static str {
        self.loss.derived()
    }

    /// The loss that is this one's derivative by an argument, or by a number of a vector ("box.x"), with the
    /// same parameters. Its gradients are second derivatives: by the same argument the diagonal of the
    /// Hessian, by another one the mixed derivative by both.
    fn derivative(&self, argument: &str) -> PyResult<Self> {
        self.derived_as("derivative", vec![argument.into()])
    }

    /// The loss that is this one's derivative along directions of some arguments, with the same
    /// parameters: the sum of each one's derivative times its direction, an input `NAME_direction` after
    /// all arguments. Its gradients by the arguments are the product of the Hessian with the directions.
    #[pyo3(signature = (*arguments))]
    fn along(&self, arguments: Vec<String>) -> PyResult<Self> {
        self.derived_as("along", arguments)
    }

    /// The text that it was made of.
    #[getter]
    fn text(&self) -> &str {
        &self.text
    }

    /// Its name.
    #[getter]
    fn name(&self) -> &'static str {
        self.loss.definition().name
    }

    /// The names of its inputs.
    #[getter]
    fn inputs(&self) -> Vec<&'static str> {
        self.loss.definition().inputs.iter().map(|input| input.name).collect()
    }

    /// What is known of each input, as in the catalogue.
    #[pyo3(name = "_facts")]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.loss.definition().inputs.iter().map(|input| of_input(py, input)).collect()
    }

    /// The parameters that are set, by name.
    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let parameters = PyDict::new(py);
        let mut loss = self.loss.clone();
        if loss.validate().is_err() {
            return Ok(parameters);
        }
        for (name, setting) in loss.options() {
            parameters.set_item(name, options::value(py, &setting)?)?;
        }
        Ok(parameters)
    }

    /// The loss in the element type of the inputs, and the gradients of the inputs at some places in
    /// float32; with an upstream gradient only these, each multiplied by it, in its input's type.
    ///
    /// The options are all parameters in their order; with none they are those that are set.
    #[pyo3(
        name = "_forward",
        signature = (inputs, options, reduction, backend, gradients, upstream=None, wide=false)
    )]
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
        let loss = self.with(options)?;
        forward(py, &loss, inputs, reduction, backend, &gradients, upstream, wide)
    }

    /// Checks the types and shapes of inputs, in their order: the shape of the loss.
    #[pyo3(name = "_check")]
    fn check(
        &self,
        inputs: Vec<Option<(Vec<usize>, String)>>,
        options: &Bound<'_, PyTuple>,
        reduction: &str,
        gradients: Vec<usize>,
    ) -> PyResult<Vec<usize>> {
        check(&self.with(options)?, &inputs, reduction, &gradients)
    }

    /// One of the same text, name, parameters and derivatives: for pickles.
    #[staticmethod]
    #[pyo3(name = "_restored")]
    fn restored(
        text: &str,
        name: String,
        parameters: &Bound<'_, PyDict>,
        steps: Vec<Step>,
    ) -> PyResult<Self> {
        let mut loss = wgloss::Custom::named(&name, text).map_err(raised)?;
        set_parameters(&mut loss, Some(parameters))?;
        let whole = Self { loss, name, text: text.into(), steps: Vec::new() };
        steps.into_iter().try_fold(whole, |loss, (method, names)| loss.derived_as(&method, names))
    }

    #[expect(clippy::type_complexity, reason = "what pickle wants")]
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (String, String, Bound<'py, PyDict>, Vec<Step>))> {
        let own = slf.get();
        let parameters = own.parameters(slf.py())?;
        let state = (own.text.clone(), own.name.clone(), parameters, own.steps.clone());
        Ok((slf.get_type().getattr("_restored")?, state))
    }

    fn __repr__(&self) -> String {
        // What is not set has no value to be shown.
        let values = if self.loss.validate().is_ok() { self.loss.values() } else { Vec::new() };
        let values = values.into_iter().map(|(name, value)| format!(", {name}={value}"));
        let (name, inputs) = (self.name(), self.inputs().join(", "));
        format!("<wgloss.Custom {name}({inputs}){}>", values.collect::<String>())
    }
}

impl Custom {
    /// The loss that a method makes of it.
    fn derived_as(&self, method: &str, arguments: Vec<String>) -> PyResult<Self> {
        let names: Vec<&str> = arguments.iter().map(|argument| &**argument).collect();
        let loss = match (method, &names[..]) {
            ("derivative", [argument]) => self.loss.derivative(argument),
            _ => self.loss.along(&names),
        };
        let mut steps = self.steps.clone();
        steps.push((method.into(), arguments));
        let (name, text) = (self.name.clone(), self.text.clone());
        Ok(Self { loss: loss.map_err(raised)?, name, text, steps })
    }

    /// The loss with other parameters, in their order; with none it is as it is.
    fn with(&self, parameters: &Bound<'_, PyTuple>) -> PyResult<wgloss::Custom> {
        let mut loss = self.loss.clone();
        let names: Vec<_> = loss.options().into_iter().map(|(name, _)| name).collect();
        for (name, value) in names.into_iter().zip(parameters.iter()) {
            set_parameter(&mut loss, name, &value)?;
        }
        Ok(loss)
    }

    /// All arguments by name.
    fn named<'py>(
        &self,
        py: Python<'py>,
        inputs: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let all = named.map_or_else(|| Ok(PyDict::new(py)), |named| named.copy())?;
        let (names, got) = (self.inputs(), inputs.len());
        if got > names.len() {
            let known = names.join(", ");
            let said = format!("{}: {got} inputs, expected {} ({known})", self.name(), names.len());
            return Err(PyTypeError::new_err(said));
        }
        for (name, object) in names.into_iter().zip(inputs.iter()) {
            if all.contains(name)? {
                let argument = name.to_string();
                return Err(raised(wgloss::Error::Repeated { argument, times: 2 }));
            }
            all.set_item(name, object)?;
        }
        Ok(all)
    }
}

fn set_parameters(
    loss: &mut wgloss::Custom,
    parameters: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    for (name, value) in parameters.into_iter().flatten() {
        set_parameter(loss, &name.extract::<String>()?, &value)?;
    }
    Ok(())
}

fn set_parameter(loss: &mut wgloss::Custom, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(number) = value.extract::<f64>() {
        return loss.set(name, number).map_err(raised);
    }
    let numbers = (!value.is_instance_of::<PyString>()).then(|| value.extract::<Vec<f64>>().ok());
    let numbers = numbers.flatten().ok_or_else(|| {
        let expected = "a number, or for an array a sequence of them";
        PyTypeError::new_err(format!("{name}: {value} is not valid, expected {expected}"))
    })?;
    loss.set_table(name, &numbers).map_err(raised)
}

/// The text, and the name of the file that had it. Every WGSL function has a brace.
fn text_of(text_or_path: &Bound<'_, PyAny>) -> PyResult<(Option<String>, String)> {
    // A path has none of these, and is not empty.
    if let Ok(text) = text_or_path.extract::<String>()
        && (text.contains(['{', '\n']) || text.is_empty() || text.starts_with("// "))
    {
        return Ok((None, text));
    }
    let path = text_or_path.py().import("pathlib")?.call_method1("Path", (text_or_path,))?;
    let stem = path.getattr("stem")?.extract()?;
    Ok((Some(stem), path.call_method1("read_text", ("utf-8",))?.extract()?))
}
