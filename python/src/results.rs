//! Results as arrays of the kind that came in.

use crate::arrays::Kind;
use crate::errors::raised;
use half::{bf16, f16};
use numpy::{PyArrayDyn, PyArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use wgloss::{DType, Tensor};

/// Below so many bytes a copy is cheaper than an array that views memory of ours.
const COPIED: usize = 1 << 16;

/// The memory of a result, for as long as an array views it.
#[pyclass(frozen, module = "wgloss._native")]
struct Memory {
    tensor: Tensor<'static>,
    /// How NumPy calls the type of its elements.
    element: &'static str,
}

#[pymethods]
impl Memory {
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("typestr", self.element)?;
        interface.set_item("shape", PyTuple::new(py, self.tensor.shape())?)?;
        // Nothing reads or writes it here any more: it is the array's.
        interface.set_item("data", (self.tensor.bytes().as_ptr().addr(), false))?;
        Ok(interface)
    }
}

/// A result in another float type.
pub(crate) fn rounded(tensor: Tensor<'static>, dtype: DType) -> PyResult<Tensor<'static>> {
    if tensor.dtype() == dtype || tensor.dtype() != DType::F32 || !dtype.is_float() {
        return Ok(tensor);
    }
    let floats = tensor.to_f32();
    let bytes: Vec<u8> = match dtype {
        DType::F64 => floats.iter().flat_map(|&x| f64::from(x).to_ne_bytes()).collect(),
        DType::F16 => floats.iter().flat_map(|&x| f16::from_f32(x).to_ne_bytes()).collect(),
        _ => floats.iter().flat_map(|&x| bf16::from_f32(x).to_ne_bytes()).collect(),
    };
    Tensor::from_bytes(dtype, tensor.shape(), bytes).map_err(raised)
}

static FROM_NUMPY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static JAX_ASARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A result as an array of a kind; NumPy's own numbers where it has no dimensions.
pub(crate) fn array(py: Python<'_>, tensor: Tensor<'static>, kind: Kind) -> PyResult<Py<PyAny>> {
    let narrow = tensor.dtype() == DType::BF16;
    let array = numpy_array(py, tensor)?;
    if kind == Kind::Torch {
        let tensor = FROM_NUMPY.import(py, "torch", "from_numpy")?.call1((array,))?;
        let brain = || py.import("torch")?.getattr("bfloat16");
        return Ok(if narrow { view(&tensor, &brain()?)? } else { tensor }.unbind());
    }
    // Whoever gives such arrays to NumPy or JAX has the package.
    let brain = || py.import("ml_dtypes")?.getattr("bfloat16");
    let array = if narrow { view(&array, &brain()?)? } else { array };
    Ok(match kind {
        Kind::Jax => JAX_ASARRAY.import(py, "jax.numpy", "asarray")?.call1((array,))?,
        // An array without dimensions becomes a number, any other one stays.
        _ => array.get_item(PyTuple::empty(py))?,
    }
    .unbind())
}

fn numpy_array<'py>(py: Python<'py>, tensor: Tensor<'static>) -> PyResult<Bound<'py, PyAny>> {
    if tensor.dtype() == DType::F32 && tensor.bytes().len() <= COPIED {
        let array = PyArrayDyn::zeros(py, tensor.shape(), false);
        array.readwrite().as_slice_mut()?.copy_from_slice(&tensor.to_f32());
        return Ok(array.into_any());
    }
    let element = match tensor.dtype() {
        DType::F64 => "<f8",
        DType::F16 => "<f2",
        DType::BF16 => "<u2",
        _ => "<f4",
    };
    let memory = Bound::new(py, Memory { tensor, element })?;
    py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "asarray"), (memory,))
}

/// The same bits as another type.
fn view<'py>(array: &Bound<'py, PyAny>, dtype: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    array.call_method1(intern!(array.py(), "view"), (dtype,))
}
