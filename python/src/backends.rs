//! Where losses are evaluated, by name.

use crate::errors::raised;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, RwLock};
use wgloss::{Batch, Evaluation, Evaluator, Gpu, Loss, Sink};

/// The name that stands where none is given; before one was set, that of the environment.
static DEFAULT: LazyLock<RwLock<String>> = LazyLock::new(|| {
    let name = std::env::var("WGLOSS_BACKEND").ok().filter(|name| !name.is_empty());
    RwLock::new(name.unwrap_or_else(|| "auto".into()))
});

/// The fastest GPU, or the CPU where there is none that is hardware.
static AUTO: OnceLock<Evaluator> = OnceLock::new();

/// GPUs by the name that they were asked for.
static GPUS: Mutex<Option<HashMap<String, Gpu>>> = Mutex::new(None);

/// Whether this process was forked from one that had the module. It has none of its threads.
static FORKED: AtomicBool = AtomicBool::new(false);

/// The threads of a forked process, made when they are first needed.
static THREADS: Mutex<Option<Arc<rayon::ThreadPool>>> = Mutex::new(None);

/// Sets where losses are evaluated that do not say it: "auto" (the fastest GPU that is hardware, or
/// else the CPU), "cpu", "gpu" (the fastest adapter, a software one too), or a part of an adapter's
/// name.
///
/// Before it is called, that is what the environment variable WGLOSS_BACKEND says, or "auto".
///
/// Raises RuntimeError if there is no such adapter.
#[pyfunction]
pub(crate) fn set_default_backend(py: Python<'_>, backend: &str) -> PyResult<()> {
    evaluator(py, Some(backend))?;
    *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = backend.into();
    Ok(())
}

/// Where losses are evaluated that do not say it.
#[pyfunction]
pub(crate) fn get_default_backend() -> String {
    DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The names of the adapters that can run the kernels, the fastest kind first.
#[pyfunction]
pub(crate) fn adapters(py: Python<'_>) -> PyResult<Vec<String>> {
    check_not_forked()?;
    let adapters = py.detach(|| pollster::block_on(wgloss::adapters()));
    Ok(adapters.iter().map(|adapter| adapter.get_info().name).collect())
}

/// Called in a process that was forked.
#[pyfunction]
pub(crate) fn forked() {
    FORKED.store(true, Ordering::Relaxed);
    // Those of a process in between are not there either: they cannot be waited for.
    if let Ok(mut threads) = THREADS.try_lock() {
        std::mem::forget(threads.take());
    }
}

/// Refuses a GPU to a process that was forked.
pub(crate) fn check_not_forked() -> PyResult<()> {
    if !FORKED.load(Ordering::Relaxed) {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(
        "backend: a GPU cannot be used in a process that was forked from one that had imported \
         wgloss; start it by multiprocessing's \"spawn\", or take \"cpu\"",
    ))
}

/// Where to evaluate by that name, or by default.
pub(crate) fn evaluator(py: Python<'_>, name: Option<&str>) -> PyResult<Evaluator> {
    let default;
    let name = match name {
        Some(name) => name,
        None => {
            default = get_default_backend();
            &default
        }
    };
    match name.to_ascii_lowercase().as_str() {
        "" => Err(PyValueError::new_err(
            "backend: \"\" is not valid, expected auto, cpu, gpu or an adapter's name",
        )),
        "cpu" => Ok(Evaluator::Cpu),
        "auto" if FORKED.load(Ordering::Relaxed) => Ok(Evaluator::Cpu),
        "auto" => {
            let auto = || AUTO.get_or_init(|| pollster::block_on(Evaluator::auto()).0).clone();
            Ok(AUTO.get().cloned().unwrap_or_else(|| py.detach(auto)))
        }
        _ => Ok(Evaluator::Gpu(gpu(py, name)?)),
    }
}

/// The GPU of that name.
pub(crate) fn gpu(py: Python<'_>, name: &str) -> PyResult<Gpu> {
    check_not_forked()?;
    py.detach(|| {
        let mut gpus = GPUS.lock().unwrap_or_else(PoisonError::into_inner);
        let gpus = gpus.get_or_insert_default();
        if let Some(gpu) = gpus.get(name) {
            return Ok(gpu.clone());
        }
        let gpu = if name.eq_ignore_ascii_case("gpu") {
            Gpu::new_blocking()
        } else {
            pollster::block_on(Gpu::with_adapter_named(Some(name)))
        }?;
        gpus.insert(name.into(), gpu.clone());
        Ok(gpu)
    })
    .map_err(raised)
}

/// Evaluates, in a forked process on threads of its own.
pub(crate) fn run(
    evaluator: &Evaluator,
    loss: &dyn Loss,
    batch: &Batch<'_>,
    sink: Option<&mut dyn Sink>,
) -> wgloss::Result<Evaluation> {
    let work = || match sink {
        Some(sink) => evaluator.evaluate_to_blocking(loss, batch, sink),
        None => evaluator.evaluate_blocking(loss, batch),
    };
    if !FORKED.load(Ordering::Relaxed) {
        return work();
    }
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    let own = match &*threads {
        Some(own) => Some(own.clone()),
        None => rayon::ThreadPoolBuilder::new().build().ok().map(Arc::new),
    };
    threads.clone_from(&own);
    drop(threads);
    match own {
        Some(own) => own.install(work),
        None => Err(wgloss::Error::Background {
            doing: "evaluating",
            reason: "the system starts no threads".into(),
        }),
    }
}
