"""Random calls of every loss: right, or refused with one of the documented exceptions."""

import os
from collections import Counter
from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis")
torch = pytest.importorskip("torch")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import CATALOGUE, LOSSES, differentiable, exact, inputs

import wgloss

DOCUMENTED = (IndexError, TypeError, ValueError)
EXAMPLES = {"cpu": 240, "gpu": 10}
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]

SIZES = st.tuples(st.integers(0, 6), st.integers(1, 6))
FITTING = {
    "float": [0.3, 0.5, 1.0],
    "int": [0, 1, 2, -100],
    "bool": [True, False],
    "str": ["euclidean"],
}
DOUBTFUL = {
    "float": [0.0, 2.5, -1.0, float("nan"), float("inf"), 1e300, "1", None],
    "int": [-1, 10**12, 10**30, 2.5, True, "0", None],
    "bool": [1, "true", None],
    "str": ["cosine", "squared", "wrong", 2, None],
}
FLOATS = ["float32", "float32", "float16", "float64", ">f4"]
TYPES = ["int8", "int64", "uint16", "bool", "complex64", "object", "longdouble", "U1", "M8[s]"]
SHAPES = ["an axis of 1", "an axis more", "an axis less", "longer", "empty", "expanded"]
LAYOUTS = ["as it is", "as it is", "strided", "backwards", "Fortran", "list", "read-only"]
DOUBTS = ["no", "no", "no", "shape", "type", "option", "reduction", "gradients"]


@st.composite
def calls(draw: Any, name: str) -> dict[str, Any]:
    """The arguments of a call, of which half are doubtful; the numbers come from a seed."""
    rows, classes = draw(SIZES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    doubt = draw(st.sampled_from(DOUBTS))
    classes = max(classes, 3 if name in ("ctc_loss", "multilabel_margin_loss", "rnnt_loss") else 1)
    arrays = inputs(name, rows=rows, classes=classes, optional=draw(st.booleans()))
    arrays = {one: jittered(name, one, array, rng) for one, array in arrays.items()}
    changed = draw(st.sampled_from(sorted(arrays)))
    if doubt == "shape":
        arrays[changed] = reshaped(arrays[changed], draw(st.sampled_from(SHAPES)), rng)
    for one, array in arrays.items():
        if doubt == "type" and one == changed:
            arrays[one] = cast(array, draw(st.sampled_from(TYPES)))
        elif array.dtype.kind == "f":
            arrays[one] = cast(array, draw(st.sampled_from(FLOATS)))
        arrays[one] = laid_out(arrays[one], draw(st.sampled_from(LAYOUTS)))
    values = DOUBTFUL if doubt == "option" else FITTING
    options = {
        option["name"]: draw(st.sampled_from([option["default"], *values[option["type"]]]))
        for option in CATALOGUE[name]["options"]
        if draw(st.booleans())
    }
    known = differentiable(name, inputs(name))
    gradients = [True, (), known[:1]]
    return {
        "inputs": arrays,
        "options": options,
        "reduction": draw(
            st.sampled_from(
                ["batchmean", "average", "", 3, None]
                if doubt == "reduction"
                else ["mean", "sum", "none"]
            )
        ),
        "gradients": draw(
            st.sampled_from(
                [("target",), ("no_such",), "input", 7] if doubt == "gradients" else gradients
            )
        ),
    }


def cast(array: np.ndarray, dtype: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        return array.astype("int64").astype(dtype) if dtype == "M8[s]" else array.astype(dtype)


def jittered(name: str, one: str, array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Other numbers of the same domain; class indices may be out of range."""
    domain = next(each["domain"] for each in CATALOGUE[name]["inputs"] if each["name"] == one)
    if array.dtype.kind == "i":
        outside = rng.random() < 0.1 and array.size
        moved = array.copy()
        if outside:
            moved.flat[rng.integers(array.size)] += rng.choice([-9, 9, -101, 2**40])
        return moved
    match domain:
        case "real":
            return rng.normal(scale=2, size=array.shape).astype(np.float32)
        case "unit":
            return rng.uniform(0.01, 0.99, array.shape).astype(np.float32)
        case "non_negative":
            return rng.uniform(0.3, 3, array.shape).astype(np.float32)
        case "non_positive":
            return rng.uniform(-3, -0.3, array.shape).astype(np.float32)
    return array


def reshaped(array: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    match how:
        case "an axis more":
            return array[..., None] if rng.random() < 0.5 else array[None]
        case "an axis less" if array.ndim and array.shape[0]:
            return array[0]
        case "an axis of 1" if array.ndim:
            return array.take([0], axis=int(rng.integers(array.ndim))) if array.size else array
        case "longer" if array.ndim:
            return np.concatenate([array, array], axis=int(rng.integers(array.ndim)))
        case "empty":
            return array[:0] if array.ndim else array
        case "expanded":
            return np.broadcast_to(array, (2, *array.shape))
    return array


def laid_out(array: np.ndarray, how: str | None) -> Any:
    match how:
        case "strided":
            return np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array
        case "backwards":
            return np.flip(np.flip(array).copy())
        case "Fortran":
            return np.asfortranarray(array)
        case "list":
            return array.tolist()
        case "read-only":
            copied = np.array(array)
            copied.flags.writeable = False
            return copied
    return array


def wide(name: str, call: dict[str, Any]) -> dict[str, Any]:
    """The inputs in float64, and class indices as PyTorch takes them."""
    tensors = {}
    for one, array in call["inputs"].items():
        array = np.asarray(array)
        index = array.dtype.kind in "iu" and one in integers(name) or "lengths" in one
        tensors[one] = torch.tensor(array.astype("int64" if index else "float64"))
    return tensors


def integers(name: str) -> list[str]:
    """The inputs that hold whole numbers, or may."""
    roles = ("index", "index_or_rows", "listed_classes", "marks", "own_integers")
    return [one["name"] for one in CATALOGUE[name]["inputs"] if one["role"] in roles]


def reference(name: str, call: dict[str, Any], names: list[str]) -> Any:
    """PyTorch's value and gradients in float64, or `None` where it does not take the call."""
    tensors, options = wide(name, call), dict(call["options"])
    if any(options.get(one) for one in ("z_loss", "softcap")) or "distance" in options:
        return None
    if name == "triplet_margin_with_distance_loss" and options.get("eps", 1e-6) != 1e-6:
        return None
    if (
        name.endswith(("multi_margin_loss", "multilabel_margin_loss"))
        and not tensors["input"].numel()
    ):
        return None  # PyTorch's mean of nothing is 0 there, and NaN elsewhere.
    for one in names:
        if not tensors[one].is_floating_point():
            tensors[one] = tensors[one].double()
        tensors[one].requires_grad_()
    if not integers(name):
        tensors = {
            one: tensor if tensor.is_floating_point() else tensor.double()
            for one, tensor in tensors.items()
        }
    reduction = call["reduction"]
    try:
        value = exact(name, tensors, reduction, **options)
        if not value.requires_grad:
            return value, {}
        upstream = torch.ones_like(value)
        slopes = torch.autograd.grad(value, [tensors[one] for one in names], upstream)
        return value, dict(zip(names, slopes, strict=True))
    except (ArithmeticError, AttributeError, IndexError, RuntimeError, TypeError, ValueError):
        return None


def outcome(name: str, call: dict[str, Any]) -> str:
    try:
        result = wgloss.evaluate(
            name,
            **call["inputs"],
            **call["options"],
            reduction=call["reduction"],
            gradients=call["gradients"],
        )
    except DOCUMENTED as error:
        assert len(str(error)) > 10, error
        return "refused"
    if call["reduction"] is not None:
        function = getattr(wgloss, name)
        value = function(**call["inputs"], **call["options"], reduction=call["reduction"])
        np.testing.assert_array_equal(value, result.value)
    wanted = reference(name, call, list(result.gradients))
    if wanted is None:
        return "not compared"
    value, slopes = wanted
    assert_close(result.value, value)
    for one, slope in slopes.items():
        assert_close(result.gradients[one], slope)
    return "right"


def assert_close(got: Any, wanted: Any) -> None:
    other = wanted.detach().numpy()
    assert np.shape(got) == other.shape
    with np.errstate(over="ignore"):
        other = other.astype(np.float32).astype(np.float64)
    finite = other[np.isfinite(other)]
    absolute = 1e-5 * max(1.0, float(np.abs(finite).max())) if finite.size else 0
    np.testing.assert_allclose(got, other, rtol=2e-5, atol=absolute, equal_nan=True)


@pytest.mark.parametrize("name", LOSSES)
def test_random_calls(name: str, backend: str) -> None:
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES[backend],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(calls(name))
    def run(call: dict[str, Any]) -> None:
        outcomes[outcome(name, call)] += 1

    run()
    if backend == "cpu":
        assert outcomes.total() >= EXAMPLES[backend]
        assert outcomes["right"] >= 36 and outcomes["refused"] >= 24, outcomes


def test_ten_thousand_calls() -> None:
    assert EXAMPLES["cpu"] * len(LOSSES) >= 10_000


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system has no /proc")
def test_memory_does_not_grow() -> None:
    import wgloss.torch

    x = np.random.default_rng(0).normal(size=(64, 16)).astype(np.float32)
    strided, classes = x[::2, ::2], np.arange(64) % 16
    tensor = torch.tensor(x, requires_grad=True)
    custom = wgloss.Custom("fn value(p: f32, t: f32) -> f32 { let d = p - t; return d * d; }")

    def refused() -> None:
        with pytest.raises(IndexError):
            wgloss.cross_entropy(x, classes + 1)

    def backward() -> None:
        wgloss.torch.mse_loss(tensor, tensor.detach(), reduction="none").sum().backward()

    work = [
        lambda: wgloss.mse_loss(x, x),
        lambda: wgloss.l1_loss(strided, strided, reduction="none"),
        lambda: wgloss.cross_entropy(x, classes),
        lambda: wgloss.evaluate(
            "cross_entropy", input=x, target=classes, gradients=True, totals=True
        ),
        lambda: wgloss.huber_loss(x.astype(np.float64), x.tolist()),
        lambda: wgloss.evaluate(custom, p=x, t=x, gradients=True),
        refused,
        backward,
    ]

    def calls(count: int) -> None:
        for index in range(count):
            work[index % len(work)]()

    wgloss_before = wgloss.get_default_backend()
    wgloss.set_default_backend("cpu")
    try:
        calls(10_000)
        before = resident()
        calls(100_000)
        assert resident() - before < 8 << 20
    finally:
        wgloss.set_default_backend(wgloss_before)
