"""The arrays that go in, and those that come out."""

import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wgloss

X = np.random.default_rng(0).integers(-8, 8, (4, 6)).astype(np.float32)
ZEROS = np.zeros_like(X)
WANTED = (X.astype(np.float64) ** 2).mean()
FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


class WithInterface:
    """An object that says where its numbers lie, as NumPy's protocol wants it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    @property
    def __array_interface__(self) -> Any:
        return self.array.__array_interface__


class WithDlpack:
    """An object that speaks DLPack and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **keywords: Any) -> Any:
        return self.array.__dlpack__(**keywords)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def strided(array: np.ndarray) -> np.ndarray:
    base = np.full((array.shape[0] * 2, array.shape[1] * 3), 99, array.dtype)
    base[::2, ::3] = array
    return base[::2, ::3]


def read_only(array: np.ndarray) -> np.ndarray:
    copied = array.copy()
    copied.flags.writeable = False
    return copied


def unaligned(array: np.ndarray) -> np.ndarray:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    moved = memory[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "contiguous": lambda array: array,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "Fortran order": np.asfortranarray,
    "strided": strided,
    "backwards": lambda array: array[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda array: array.T.copy().T,
    "read-only": read_only,
    "unaligned": unaligned,
    "array interface": WithInterface,
    "DLPack": WithDlpack,
    "memoryview": memoryview,
    "lists": lambda array: array.tolist(),
    "tuples": lambda array: tuple(map(tuple, array.tolist())),
    "a list of arrays": list,
    "a subclass": lambda array: array.view(np.recarray),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, backend: str) -> None:
    given = LAYOUTS[layout](X)
    value = wgloss.mse_loss(given, ZEROS)
    assert type(value) is np.float32
    assert value == pytest.approx(WANTED, rel=1e-6)
    terms = wgloss.mse_loss(given, ZEROS, reduction="none")
    assert type(terms) is np.ndarray and terms.dtype == np.float32
    np.testing.assert_array_equal(terms, X**2)
    gradient = wgloss.evaluate("mse_loss", input=given, target=ZEROS, gradients=True).gradients
    np.testing.assert_allclose(gradient["input"], X / 12, rtol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS + ["bool"])
def test_element_types(dtype: str, backend: str) -> None:
    given = np.abs(X).astype(dtype)
    if dtype.startswith("float") or dtype == "bool":
        value = wgloss.mse_loss(given, ZEROS)
        assert value == pytest.approx((given.astype(np.float64) ** 2).mean(), rel=1e-6)
    classes = (np.arange(4) % (2 if dtype == "bool" else 4)).astype(dtype)
    if dtype in INTEGERS:
        got = wgloss.cross_entropy(X, classes)
        assert got == wgloss.cross_entropy(X, classes.astype(np.int64))


def test_half_precision_is_rounded_nowhere_else() -> None:
    x = np.float16([0.1, 1000.5, 65504])
    terms = wgloss.mse_loss(x, np.float16([0, 0, 0]), reduction="none")
    np.testing.assert_allclose(terms, x.astype(np.float64) ** 2, rtol=1e-7)


def test_bfloat16_of_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = X.astype(ml_dtypes.bfloat16)
    value = wgloss.mse_loss(x, ZEROS)
    assert type(value) is np.float32
    assert value == pytest.approx(WANTED, rel=1e-6)
    gradient = wgloss.evaluate(
        "mse_loss", input=x, target=ZEROS, gradients=True, gradient_type="input"
    ).gradients["input"]
    assert gradient.dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_torch(dtype: str, backend: str) -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(X).to(getattr(torch, dtype))
    for given in (x, x.t().contiguous().t(), x.clone().requires_grad_()):
        value = wgloss.mse_loss(given, ZEROS)
        assert isinstance(value, torch.Tensor)
        assert (value.dtype, value.shape) == (torch.float32, ())
        assert float(value) == pytest.approx(WANTED, rel=1e-6)
        terms = wgloss.mse_loss(given, ZEROS, reduction="none")
        assert torch.equal(terms, torch.tensor(X**2))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_jax(dtype: str, backend: str) -> None:
    jax = pytest.importorskip("jax")
    x = jax.numpy.asarray(X, dtype)
    value = wgloss.mse_loss(x, ZEROS)
    assert isinstance(value, jax.Array)
    assert (value.dtype, value.shape) == (np.float32, ())
    assert float(value) == pytest.approx(WANTED, rel=1e-6)
    terms = wgloss.mse_loss(x, ZEROS, reduction="none")
    np.testing.assert_array_equal(np.asarray(terms), X**2)


def test_torch_comes_before_jax_and_jax_before_numpy() -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    kinds = {"torch": torch.tensor(X), "jax": jax.numpy.asarray(X), "numpy": X}
    classes = {"torch": torch.Tensor, "jax": jax.Array, "numpy": np.float32}
    for one in kinds:
        for other in kinds:
            first = next(kind for kind in kinds if kind in (one, other))
            value = wgloss.l1_loss(kinds[one], kinds[other])
            assert isinstance(value, classes[first])
    parts = wgloss.evaluate("l1_loss", input=kinds["torch"], target=X, gradients=True)
    assert all(isinstance(one, torch.Tensor) for one in parts.gradients.values())


def test_scalars_and_empty_arrays(backend: str) -> None:
    assert wgloss.mse_loss(3.0, 1) == 4
    assert wgloss.mse_loss(np.float64(3), np.array(1.0)) == 4
    none = wgloss.mse_loss(3.0, 1.0, reduction="none")
    assert np.asarray(none).shape == ()
    empty = np.zeros((0, 3), np.float32)
    assert wgloss.mse_loss(empty, empty, reduction="sum") == 0
    assert wgloss.mse_loss(empty, empty, reduction="none").shape == (0, 3)
    with pytest.warns(RuntimeWarning, match="mse_loss"):
        assert np.isnan(wgloss.mse_loss(empty, empty))
    assert wgloss.cross_entropy([1.0, 2.0, 3.0], 2) == pytest.approx(0.40760596, rel=1e-6)


def test_inputs_that_broadcast() -> None:
    row = np.float32([1, 2, 3])
    with pytest.warns(UserWarning, match="broadcast"):
        terms = wgloss.mse_loss(np.zeros((2, 1), np.float32), row, reduction="none")
    np.testing.assert_array_equal(terms, np.tile(row**2, (2, 1)))


def test_nothing_is_written_to(backend: str) -> None:
    x, target = X.copy(), np.arange(4)
    wgloss.evaluate("cross_entropy", input=x, target=target, gradients=True, totals=True)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(target, np.arange(4))


def test_results_outlive_everything_else(backend: str) -> None:
    def made() -> tuple[np.ndarray, dict[str, np.ndarray]]:
        x = X + 1
        result = wgloss.evaluate(
            "mse_loss", input=x, target=ZEROS, gradients=True, reduction="none"
        )
        return result.value, result.gradients

    value, gradients = made()
    gc.collect()
    for _ in range(20):
        wgloss.mse_loss(np.random.rand(4, 6), ZEROS, reduction="none")
    np.testing.assert_array_equal(value, (X + 1) ** 2)
    np.testing.assert_array_equal(gradients["input"], 2 * (X + 1))
    value += 1
    assert value.flags.writeable and value.flags.c_contiguous
    np.testing.assert_array_equal(gradients["input"], 2 * (X + 1))


PEAK = Path("/proc/self/clear_refs")


def resident(what: str) -> int:
    """Bytes of this process in memory: now (`VmRSS`), or the most since a reset (`VmHWM`)."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) << 10


def large_inputs() -> dict[str, Callable[[], Any]]:
    size = (1 << 26,)
    inputs: dict[str, Callable[[], Any]] = {
        "numpy": lambda: np.ones(size, np.float32),
        "read-only": lambda: read_only(np.ones(size, np.float32)),
        "interface": lambda: WithInterface(np.ones(size, np.float32)),
        "dlpack": lambda: WithDlpack(np.ones(size, np.float32)),
        "float16": lambda: np.ones(size, np.float16),
    }
    return inputs


def test_a_copy_would_be_seen() -> None:
    with pytest.raises(AssertionError):
        check_no_copy(np.ones(1 << 27, np.float32)[::2])


@pytest.mark.parametrize("kind", large_inputs())
def test_large_contiguous_arrays_are_not_copied(kind: str) -> None:
    given = large_inputs()[kind]()
    check_no_copy(given)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_large_tensors_are_not_copied(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    check_no_copy(torch.ones(1 << 26, dtype=getattr(torch, dtype), requires_grad=True))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_large_jax_arrays_are_not_copied(dtype: str) -> None:
    jax = pytest.importorskip("jax")
    check_no_copy(jax.numpy.ones(1 << 26, dtype).block_until_ready())


def check_no_copy(given: Any) -> None:
    """A copy would be 128 MiB or more."""
    if not PEAK.exists():
        pytest.skip("this system does not tell a process's peak of memory")
    wgloss.mse_loss(np.ones(8), np.ones(8), backend="cpu")
    gc.collect()
    PEAK.write_text("5")
    before = resident("VmRSS")
    assert float(wgloss.mse_loss(given, given, backend="cpu")) == 0
    assert resident("VmHWM") - before < 64 << 20


class Cuda(WithDlpack):
    def __dlpack_device__(self) -> Any:
        return (2, 0)

    def __dlpack__(self, **keywords: Any) -> Any:
        raise BufferError("these numbers lie on a GPU")


REFUSED: dict[str, tuple[Any, type[Exception]]] = {
    "complex": (X.astype(np.complex64), TypeError),
    "object": (X.astype(object), TypeError),
    "text": (np.full(X.shape, "a"), TypeError),
    "dates": (np.zeros(X.shape, "datetime64[s]"), TypeError),
    "records": (np.zeros(X.shape, [("a", "f4")]), TypeError),
    "masked": (np.ma.masked_array(X, X > 0), TypeError),
    "a word": ("input", TypeError),
    "None": (None, TypeError),
    "a dictionary": ({"a": 1}, TypeError),
    "a function": (len, TypeError),
    "on a GPU": (Cuda(X), (TypeError, ValueError)),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError),
    "longdouble": (X.astype(np.longdouble), TypeError),
    "shape": (X[:, :5], ValueError),
    "more dimensions": (X[None, :, :, None], ValueError),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_refused(kind: str, backend: str) -> None:
    given, error = REFUSED[kind]
    with pytest.raises(error, match="input"):
        wgloss.binary_cross_entropy(given, np.full(X.shape, 0.5, np.float32))
    with pytest.raises(error, match="input"):
        wgloss.evaluate(
            "binary_cross_entropy", input=given, target=np.full(X.shape, 0.5, np.float32)
        )


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="longdouble is float64 here")
def test_longdouble_is_told_what_would_do() -> None:
    with pytest.raises(TypeError, match="float64"):
        wgloss.mse_loss(X.astype(np.longdouble), ZEROS)


def test_an_exception_of_the_object_is_the_cause() -> None:
    class Broken:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise KeyError("lost")

    with pytest.raises(TypeError, match="target.*lost") as raised:
        wgloss.mse_loss(X, Broken())
    assert isinstance(raised.value.__cause__, KeyError)


def test_errors_name_the_argument(backend: str) -> None:
    with pytest.raises(IndexError, match=r"target\[2\] is 9"):
        wgloss.cross_entropy(X, [0, 1, 9, 2])
    with pytest.raises(ValueError, match="reduction"):
        wgloss.mse_loss(X, ZEROS, reduction="average")
    with pytest.raises(ValueError, match="label_smoothing"):
        wgloss.cross_entropy(X, [0, 1, 2, 3], label_smoothing=2)
    with pytest.raises(TypeError, match="label_smoothing"):
        wgloss.cross_entropy(X, [0, 1, 2, 3], label_smoothing="much")
    with pytest.raises(TypeError, match="target"):
        wgloss.mse_loss(X)
    with pytest.raises(TypeError, match="margin"):
        wgloss.mse_loss(X, ZEROS, margin=1)
    with pytest.raises(TypeError, match="target"):
        wgloss.mse_loss(X, ZEROS, target=ZEROS)
    with pytest.raises(TypeError, match="target"):
        wgloss.cross_entropy(X, np.zeros(4, np.float32))
    with pytest.raises(TypeError):
        wgloss.mse_loss(*[X] * 9)
    with pytest.raises(RuntimeError, match="no_such"):
        wgloss.mse_loss(X, ZEROS, backend="no_such")
    with pytest.raises(ValueError, match="no_such"):
        wgloss.evaluate("no_such", input=X)
    with pytest.raises((TypeError, ValueError), match="weights"):
        wgloss.evaluate("mse_loss", input=X, target=ZEROS, weights=ZEROS)
    with pytest.raises((TypeError, ValueError), match="target"):
        wgloss.evaluate(
            "hinge_embedding_loss", input=X, target=np.ones_like(X), gradients=("target",)
        )


def test_a_loss_that_is_not_finite_warns(backend: str) -> None:
    x = X.copy()
    x[1, 2] = np.nan
    with pytest.warns(RuntimeWarning, match=r"\[1, 2\]"):
        assert np.isnan(wgloss.mse_loss(x, ZEROS))
    with pytest.warns(RuntimeWarning, match=r"\[1, 2\]"):
        wgloss.evaluate("mse_loss", input=x, target=ZEROS)
    with pytest.warns(RuntimeWarning), np.errstate(all="ignore"):
        assert np.isinf(wgloss.mse_loss(np.float32([3e38]), np.float32([-3e38])))
