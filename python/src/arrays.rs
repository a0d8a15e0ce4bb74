//! Arrays of all kinds as tensors, where they lie.

use crate::errors::raised;
use numpy::{
    PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyDict};
use wgloss::{DType, Tensor, TensorKind};

/// What library an array is of; the results are of the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    #[default]
    NumPy,
    Jax,
    Torch,
}

/// An argument's numbers.
pub(crate) struct Array<'py> {
    view: View<'py>,
    pub(crate) kind: Kind,
    /// Whether PyTorch's autograd follows it.
    pub(crate) tracked: bool,
}

/// Each element type: how it is viewed, and what it is.
macro_rules! views {
    ($($view:ident: $type:ty;)*) => {
        enum View<'py> {
            $($view(PyReadonlyArrayDyn<'py, $type>),)*
        }

        impl<'py> View<'py> {
            /// `None` where the elements do not lie one after the other.
            fn new(dtype: DType, array: &Bound<'py, PyUntypedArray>) -> PyResult<Option<Self>> {
                if !array.is_c_contiguous() {
                    return Ok(None);
                }
                Ok(match dtype {
                    $(DType::$view => {
                        let view = array.cast::<PyArrayDyn<$type>>()?.try_readonly();
                        let view = view.map_err(|error| PyValueError::new_err(error.to_string()))?;
                        view.as_slice().is_ok().then_some(Self::$view(view))
                    })*
                    _ => None,
                })
            }

            fn dtype(&self) -> DType {
                match self {
                    $(Self::$view(_) => DType::$view,)*
                }
            }

            fn tensor(&self) -> PyResult<Tensor<'_>> {
                match self {
                    $(Self::$view(view) => {
                        let bytes: &[u8] = bytemuck::cast_slice(view.as_slice()?);
                        Tensor::from_bytes(DType::$view, view.shape(), bytes).map_err(raised)
                    })*
                }
            }
        }
    };
}

views! {
    F32: f32; F64: f64; F16: half::f16; BF16: u16;
    U8: u8; I8: i8; U16: u16; I16: i16; U32: u32; I32: i32; U64: u64; I64: i64;
}

impl<'py> Array<'py> {
    /// The argument of this name.
    pub(crate) fn new(name: &str, object: &Bound<'py, PyAny>) -> PyResult<Self> {
        let named = |error: PyErr| named(object.py(), name, error);
        if let Ok(array) = object.cast::<PyUntypedArray>() {
            return of_numpy(name, array, Kind::NumPy);
        }
        if is_of(object, "torch", "Tensor", &TORCH)? {
            return of_torch(name, object);
        }
        let kind = if is_of(object, "jax", "Array", &JAX)? { Kind::Jax } else { Kind::NumPy };
        let array = as_numpy(object).map_err(named)?;
        of_numpy(name, array.cast().map_err(|error| named(error.into()))?, kind)
    }

    /// Their type.
    pub(crate) fn dtype(&self) -> DType {
        self.view.dtype()
    }

    /// The numbers as the library takes them.
    pub(crate) fn tensor(&self) -> PyResult<Tensor<'_>> {
        self.view.tensor()
    }
}

static TORCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static JAX: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Whether an object is of a class of a module; of one that nobody has imported, nothing is.
fn is_of(
    object: &Bound<'_, PyAny>,
    module: &str,
    class: &str,
    known: &PyOnceLock<Py<PyAny>>,
) -> PyResult<bool> {
    let py = object.py();
    if let Some(class) = known.get(py) {
        return object.is_instance(class.bind(py));
    }
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
    let Some(module) = modules.cast::<PyDict>()?.get_item(module)? else { return Ok(false) };
    // While a module is being imported, it has not everything yet.
    let Ok(class) = module.getattr(class) else { return Ok(false) };
    object.is_instance(known.get_or_init(py, || class.unbind()).bind(py))
}

/// What NumPy makes of an object.
fn as_numpy<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let numpy = py.import(intern!(py, "numpy"))?;
    let dlpack_only = object.hasattr(intern!(py, "__dlpack__"))?
        && !object.hasattr(intern!(py, "__array__"))?
        && !object.hasattr(intern!(py, "__array_interface__"))?;
    let read = if dlpack_only { intern!(py, "from_dlpack") } else { intern!(py, "asarray") };
    numpy.call_method1(read, (object,))
}

fn of_torch<'py>(name: &str, tensor: &Bound<'py, PyAny>) -> PyResult<Array<'py>> {
    let py = tensor.py();
    let tracked = tensor.getattr(intern!(py, "requires_grad"))?.is_truthy()?;
    let detached =
        if tracked { tensor.call_method0(intern!(py, "detach"))? } else { tensor.clone() };
    let array = match detached.call_method0(intern!(py, "numpy")) {
        Ok(array) => array,
        Err(error) => {
            let torch = py.import(intern!(py, "torch"))?;
            let bfloat16 = torch.getattr(intern!(py, "bfloat16"))?;
            if !detached.getattr(intern!(py, "dtype"))?.is(&bfloat16) {
                let said = error.value(py).to_string();
                return Err(PyTypeError::new_err(format!("{name}: {said}")));
            }
            // NumPy has no such type: its bits.
            let bits = detached
                .call_method1(intern!(py, "view"), (torch.getattr(intern!(py, "uint16"))?,))
                .and_then(|bits| bits.call_method0(intern!(py, "numpy")))
                .map_err(|error| named(py, name, error))?;
            let array = viewed(name, DType::BF16, bits.cast()?, Kind::Torch)?;
            return Ok(Array { tracked, ..array });
        }
    };
    let array = of_numpy(name, array.cast()?, Kind::Torch)?;
    Ok(Array { tracked, ..array })
}

fn of_numpy<'py>(
    name: &str,
    array: &Bound<'py, PyUntypedArray>,
    kind: Kind,
) -> PyResult<Array<'py>> {
    let py = array.py();
    if !array.is_exact_instance_of::<PyUntypedArray>() && array.hasattr(intern!(py, "mask"))? {
        let said =
            "a masked array, expected one without a mask: select what counts, or give weights";
        return Err(PyTypeError::new_err(format!("{name}: {said}")));
    }
    let element = array.dtype();
    let dtype = match (element.kind(), element.itemsize()) {
        (b'f', 4) => DType::F32,
        (b'f', 8) => DType::F64,
        (b'f', 2) => DType::F16,
        (b'i', 8) => DType::I64,
        (b'i', 4) => DType::I32,
        (b'i', 2) => DType::I16,
        (b'i', 1) => DType::I8,
        (b'u', 8) => DType::U64,
        (b'u', 4) => DType::U32,
        (b'u', 2) => DType::U16,
        (b'u', 1) => DType::U8,
        // Truth values are 0 and 1.
        (b'b', 1) => return viewed(name, DType::U8, &bits(array, "uint8")?, kind),
        (_, 2) if element.typeobj().name()?.to_cow()? == "bfloat16" => {
            return viewed(name, DType::BF16, &bits(array, "uint16")?, kind);
        }
        _ => {
            let expected =
                "float16, bfloat16, float32, float64, bool, or an integer of 8 to 64 bits";
            let said = format!("{name}: element type {element} does not fit, expected {expected}");
            return Err(PyTypeError::new_err(said));
        }
    };
    viewed(name, dtype, array, kind)
}

/// A shape with an element type by its name.
pub(crate) fn kind(name: &str, shape: Vec<usize>, dtype: &str) -> PyResult<TensorKind> {
    use DType::{BF16, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    let all = [F32, F64, F16, BF16, U8, I8, U16, I16, U32, I32, U64, I64];
    // Truth values are 0 and 1.
    let known = if dtype == "bool" { "uint8" } else { dtype };
    let found = all.iter().find(|own| own.to_string() == known);
    found.map(|dtype| TensorKind::new(*dtype, shape)).ok_or_else(|| unfit(name, dtype))
}

fn unfit(name: &str, dtype: impl std::fmt::Display) -> PyErr {
    let expected = "float16, bfloat16, float32, float64, bool, or an integer of 8 to 64 bits";
    let said = format!("{name}: element type {dtype} does not fit, expected {expected}");
    PyTypeError::new_err(said)
}

/// An array of what has another type's bits.
fn bits<'py>(
    array: &Bound<'py, PyUntypedArray>,
    dtype: &str,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    Ok(array.call_method1(intern!(array.py(), "view"), (dtype,))?.cast_into()?)
}

/// The view of an array; one that is strided, or of foreign byte order, is copied.
fn viewed<'py>(
    name: &str,
    dtype: DType,
    array: &Bound<'py, PyUntypedArray>,
    kind: Kind,
) -> PyResult<Array<'py>> {
    let py = array.py();
    let in_order = array.dtype().is_native_byteorder().unwrap_or(true);
    if in_order && let Some(view) = View::new(dtype, array)? {
        return Ok(Array { view, kind, tracked: false });
    }
    let native = array.dtype().call_method1(intern!(py, "newbyteorder"), ("=",))?;
    let how = [("order", "C")].into_py_dict(py)?;
    let copied = array.call_method(intern!(py, "astype"), (native,), Some(&how))?;
    match View::new(dtype, copied.cast()?)? {
        Some(view) => Ok(Array { view, kind, tracked: false }),
        None => Err(PyValueError::new_err(format!("{name}: its elements cannot be read"))),
    }
}

/// An exception of a conversion, with the argument's name before what it says.
fn named(py: Python<'_>, name: &str, error: PyErr) -> PyErr {
    let said = format!("{name}: {}", error.value(py));
    let named = if error.is_instance_of::<PyValueError>(py) {
        PyValueError::new_err(said)
    } else if error.is_instance_of::<pyo3::exceptions::PyException>(py) {
        PyTypeError::new_err(said)
    } else {
        // Interruptions and the like are not the argument's.
        return error;
    };
    named.set_cause(py, Some(error));
    named
}
