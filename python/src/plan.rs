//! Data that stay on a GPU.

use crate::arrays::{self, Array, Kind};
use crate::backends::{self, check_not_forked};
use crate::call::{Upstream, inputs_and_options, reduction};
use crate::errors::raised;
use crate::evaluation::{Evaluation, gradient_type, loss_of, wanted};
use crate::interrupts::interruptible;
use crate::warnings;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wgloss::{Evaluator, Request, Resident, TensorKind};

/// A loss whose inputs and results stay on a GPU, so that a loop measures kernels and not transfers.
///
/// Parameters
/// ----------
/// loss : str or Custom
///     The loss, by any of its names, or one of your own.
/// gradients : names of inputs, or True
///     The inputs whose gradients are wanted; True for all that are given and have one.
/// reduction : "mean", "sum", "none" or "batchmean"
///     How the terms are combined; by default as the loss has it.
/// backend : str
///     "gpu", the fastest adapter, or a part of an adapter's name.
/// totals : bool
///     Whether the sums that the loss is made of are wanted.
/// upstream : array
///     What gradients are multiplied by, in float32: one number, or with reduction "none" one for each
///     term. `upload(upstream=...)` changes it.
/// gradient_type : "float32" or "input"
///     The element type of the gradients: "input" is that of each input.
/// loss_scale, loss_weight : float
///     What gradients, and what loss and gradients, are multiplied by before they are rounded.
/// **inputs_and_options
///     Each input as an array, which is uploaded, or as a shape and an element type, such as
///     `((64, 1000), "float32")`, to be uploaded later; and options of the loss by name.
#[pyclass(frozen, module = "wgloss")]
pub(crate) struct Plan {
    /// That of the loss.
    name: &'static str,
    resident: Mutex<State>,
}

struct State {
    resident: Resident,
    /// The kind of the arrays that were uploaded.
    kind: Kind,
}

/// An input: its numbers, or only what they will be.
enum Given<'py> {
    Array(Array<'py>),
    Kind(TensorKind),
}

#[pymethods]
impl Plan {
    #[new]
    #[pyo3(signature = (
        loss: "str | Custom", /, *, gradients: "list[str] | tuple[str, ...] | str | bool | None" = None,
        totals=false, reduction=None, backend="gpu", upstream=None, gradient_type="float32",
        loss_scale=1.0, loss_weight=1.0, **inputs_and_options
    ))]
    #[expect(clippy::too_many_arguments, reason = "by keyword")]
    fn new(
        py: Python<'_>,
        loss: &Bound<'_, PyAny>,
        gradients: Option<&Bound<'_, PyAny>>,
        totals: bool,
        reduction: Option<&str>,
        backend: &str,
        upstream: Option<&Bound<'_, PyAny>>,
        gradient_type: &str,
        loss_scale: f32,
        loss_weight: f32,
        inputs_and_options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut loss = loss_of(loss)?;
        let none = PyDict::new(py);
        let given = self::inputs_and_options(loss.as_mut(), inputs_and_options.unwrap_or(&none))?;
        let given = given.iter().map(|(name, object)| Ok((*name, Given::new(name, object)?)));
        let given: Vec<_> = given.collect::<PyResult<_>>()?;
        let mut kinds = Vec::new();
        for (name, given) in &given {
            kinds.push((*name, given.kind()?));
        }
        let types: Vec<_> = kinds.iter().map(|(name, kind)| (*name, kind.dtype)).collect();
        let wanted = wanted(loss.as_ref(), gradients, &types)?;
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let request = Request {
            reduction: self::reduction(loss.as_ref(), reduction)?,
            gradients: &wanted,
            upstream: upstream.is_some(),
            totals,
            gradient_type: self::gradient_type(gradient_type)?,
            loss_scale,
            loss_weight,
            ..Request::default()
        };
        let Evaluator::Gpu(gpu) = backends::evaluator(py, Some(backend))? else {
            return Err(PyValueError::new_err(format!(
                "backend: {backend:?} is not valid, expected \"gpu\" or an adapter's name: a plan's \
                 data stay on a GPU"
            )));
        };
        let made = py.detach(|| Resident::new(&gpu, loss.as_ref(), &kinds, &request));
        let state = State { resident: made.map_err(raised)?, kind: Kind::default() };
        let plan = Self { name: loss.definition().name, resident: Mutex::new(state) };
        if let Some(upstream) = upstream {
            plan.put_upstream(py, upstream)?;
        }
        for (name, given) in &given {
            if let Given::Array(array) = given {
                plan.put(py, name, array)?;
            }
        }
        Ok(plan)
    }

    /// Uploads inputs by name, of the types and shapes that were planned.
    #[pyo3(signature = (**inputs))]
    fn upload(&self, py: Python<'_>, inputs: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        for (name, object) in inputs.into_iter().flatten() {
            let name: String = name.extract()?;
            match name.as_str() {
                "upstream" => self.put_upstream(py, &object)?,
                _ => self.put(py, &name, &Array::new(&name, &object)?)?,
            }
        }
        Ok(())
    }

    /// Runs the kernels so many times, one after the other, and waits for them. `download` tells how long
    /// they took.
    #[pyo3(signature = (times=1))]
    fn run(&self, py: Python<'_>, times: u32) -> PyResult<()> {
        check_not_forked()?;
        let cancel = AtomicBool::new(false);
        let run = || self.lock().resident.run_blocking(times, Some(&cancel));
        interruptible(py, &cancel, run)?.map_err(raised)
    }

    /// What the last run came to. Its timings are those of planning, of all uploads, of the last run (all
    /// its times together) and of reading back.
    fn download(&self, py: Python<'_>) -> PyResult<Evaluation> {
        let (evaluation, kind) =
            self.with(py, |state| Ok((state.resident.read_blocking()?, state.kind)))?;
        if let Some(value) = evaluation.scalar().filter(|value| !value.is_finite()) {
            warnings::not_finite_there(py, self.name, value)?;
        }
        Evaluation::new(py, evaluation, kind)
    }

    fn __repr__(&self) -> String {
        format!("<wgloss.Plan of {}>", self.name)
    }
}

impl Plan {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.resident.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with the buffers, without the interpreter's lock.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut State) -> wgloss::Result<T> + Send,
    ) -> PyResult<T> {
        check_not_forked()?;
        py.detach(|| work(&mut self.lock())).map_err(raised)
    }

    fn put(&self, py: Python<'_>, name: &str, array: &Array<'_>) -> PyResult<()> {
        let (tensor, kind) = (array.tensor()?, array.kind);
        self.with(py, |state| {
            state.kind = state.kind.max(kind);
            state.resident.upload(name, &tensor)
        })
    }

    fn put_upstream(&self, py: Python<'_>, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let upstream = Upstream::new(object)?;
        let tensor = upstream.tensor()?;
        self.with(py, |state| state.resident.upload("upstream", &tensor))
    }
}

impl<'py> Given<'py> {
    fn new(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let pair = object.cast::<PyTuple>().ok().and_then(|pair| pair.extract().ok());
        let Some((shape, element)) = pair else { return Array::new(name, object).map(Self::Array) };
        kind(name, shape, &element).map(Self::Kind)
    }

    fn kind(&self) -> PyResult<TensorKind> {
        match self {
            Self::Array(array) => Ok(array.tensor()?.kind()),
            Self::Kind(kind) => Ok(kind.clone()),
        }
    }
}

/// A shape with an element type: its name, or what NumPy makes a type of.
fn kind(name: &str, shape: Vec<usize>, element: &Bound<'_, PyAny>) -> PyResult<TensorKind> {
    let of_numpy =
        || element.py().import("numpy")?.call_method1("dtype", (element,))?.getattr("name");
    let dtype = match element.extract::<String>() {
        Ok(dtype) => dtype,
        Err(_) => of_numpy()?.extract()?,
    };
    arrays::kind(name, shape, &dtype)
}
