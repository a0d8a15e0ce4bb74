//! Data that stay on a GPU.

use crate::arrays::{Array, Kind};
use crate::backends;
use crate::call::{inputs_and_options, reduction};
use crate::errors::raised;
use crate::evaluation::{Evaluation, gradient_type, loss_of, wanted};
use crate::interrupts::interruptible;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wgloss::{DType, Evaluator, Request, Resident, TensorKind};

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
/// gradient_type : "float32" or "input"
///     The element type of the gradients: "input" is that of each input.
/// **inputs_and_options
///     Each input as an array, which is uploaded, or as a shape and an element type, such as
///     `((64, 1000), "float32")`, to be uploaded later; and options of the loss by name.
#[pyclass(frozen, module = "wgloss")]
pub(crate) struct Plan {
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
        reduction=None, backend="gpu", gradient_type="float32", **inputs_and_options
    ))]
    fn new(
        py: Python<'_>,
        loss: &Bound<'_, PyAny>,
        gradients: Option<&Bound<'_, PyAny>>,
        reduction: Option<&str>,
        backend: &str,
        gradient_type: &str,
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
            gradient_type: self::gradient_type(gradient_type)?,
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
        let plan = Self { resident: Mutex::new(state) };
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
            self.put(py, &name, &Array::new(&name, &object)?)?;
        }
        Ok(())
    }

    /// Runs the kernels so many times, one after the other, and waits for them. `download` tells how long
    /// they took.
    #[pyo3(signature = (times=1))]
    fn run(&self, py: Python<'_>, times: u32) -> PyResult<()> {
        let cancel = AtomicBool::new(false);
        let run = || self.lock().resident.run_blocking(times, Some(&cancel));
        interruptible(py, &cancel, run)?.map_err(raised)
    }

    /// What the last run came to. Its timings are those of planning, of all uploads, of the last run (all
    /// its times together) and of reading back.
    fn download(&self, py: Python<'_>) -> PyResult<Evaluation> {
        let (evaluation, kind) =
            self.with(py, |state| Ok((state.resident.read_blocking()?, state.kind)))?;
        Evaluation::new(py, evaluation, kind)
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
        py.detach(|| work(&mut self.lock())).map_err(raised)
    }

    fn put(&self, py: Python<'_>, name: &str, array: &Array<'_>) -> PyResult<()> {
        let (tensor, kind) = (array.tensor()?, array.kind);
        self.with(py, |state| {
            state.kind = state.kind.max(kind);
            state.resident.upload(name, &tensor)
        })
    }
}

impl<'py> Given<'py> {
    fn new(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyTuple>().ok().and_then(|pair| pair.extract().ok()) {
            Some((shape, dtype)) => Ok(Self::Kind(kind(name, shape, dtype)?)),
            None => Array::new(name, object).map(Self::Array),
        }
    }

    fn kind(&self) -> PyResult<TensorKind> {
        match self {
            Self::Array(array) => Ok(array.tensor()?.kind()),
            Self::Kind(kind) => Ok(kind.clone()),
        }
    }
}

fn kind(name: &str, shape: Vec<usize>, dtype: String) -> PyResult<TensorKind> {
    use DType::{BF16, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    let all = [F32, F64, F16, BF16, U8, I8, U16, I16, U32, I32, U64, I64];
    match all.iter().find(|own| own.to_string() == dtype) {
        Some(dtype) => Ok(TensorKind::new(*dtype, shape)),
        None => {
            let known = all.map(|own| own.to_string()).join(", ");
            let said = format!("{name}: element type {dtype} does not fit, expected {known}");
            Err(PyTypeError::new_err(said))
        }
    }
}
