"""PyTorch's own samples for its losses (OpInfo): values and gradients are PyTorch's, computed in
float64, and what its tests say must be refused is refused."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo, SampleInput

import wgloss
import wgloss.torch

# PyTorch's operators warn about themselves.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

LOSSES = {loss["name"] for loss in wgloss.catalogue()}
# How many float32 samples PyTorch 2.15 has for each.
COUNTS = {
    "binary_cross_entropy": 11,
    "binary_cross_entropy_with_logits": 26,
    "cosine_embedding_loss": 6,
    "cross_entropy": 21,
    "ctc_loss": 12,
    "gaussian_nll_loss": 324,
    "hinge_embedding_loss": 10,
    "huber_loss": 9,
    "kl_div": 16,
    "l1_loss": 6,
    "linear_cross_entropy": 121,
    "linear_cross_entropy/chunked": 135,
    "linear_cross_entropy/chunked_none": 79,
    "margin_ranking_loss": 24,
    "mse_loss": 6,
    "multi_margin_loss": 10,
    "multilabel_margin_loss": 7,
    "multilabel_soft_margin_loss": 4,
    "nll_loss": 62,
    "poisson_nll_loss": 72,
    "smooth_l1_loss": 8,
    "soft_margin_loss": 6,
    "triplet_margin_loss": 7,
    "triplet_margin_with_distance_loss": 7,
}


def function_name(info: OpInfo) -> str:
    return info.name.rsplit(".", 1)[-1]


OPERATORS: dict[str, OpInfo] = {
    function_name(info) + (f"/{info.variant_test_name}" if info.variant_test_name else ""): info
    for info in op_db
    if info.name.startswith("nn.functional.") and function_name(info) in LOSSES
}
WITH_ERRORS = [name for name, info in OPERATORS.items() if info.error_inputs_func]
# Every operator with each type that it takes beside float32; complex numbers have no order.
OTHERS = [
    pytest.param(name, dtype, id=f"{name}-{str(dtype).removeprefix('torch.')}")
    for name, info in OPERATORS.items()
    for dtype in sorted(info.dtypes, key=str)
    if dtype != torch.float32 and not dtype.is_complex
]
# A result is rounded once, and a gradient once more where it is multiplied by its upstream.
RELATIVE = {torch.float16: 2**-10, torch.bfloat16: 2**-7}


def samples(name: str, dtype: torch.dtype) -> list[SampleInput]:
    torch.manual_seed(0)
    wanted = dtype.is_floating_point
    return list(OPERATORS[name].sample_inputs("cpu", dtype, requires_grad=wanted))


def ours(name: str) -> Any:
    return getattr(wgloss.torch, name.split("/")[0])


def theirs(name: str) -> Any:
    return getattr(torch.nn.functional, name.split("/")[0])


def test_no_sample_is_left_out() -> None:
    counts = {name: len(samples(name, torch.float32)) for name in OPERATORS}
    assert counts == COUNTS
    assert sum(COUNTS.values()) == 989


@pytest.mark.parametrize("name", COUNTS)
def test_float32(name: str, backend: str) -> None:
    check_all(name, samples(name, torch.float32), torch.float32)


@pytest.mark.parametrize("name, dtype", OTHERS)
def test_other_types(name: str, dtype: torch.dtype, backend: str) -> None:
    # The CPU has them all; kernels are compiled for every type that they meet, which takes time.
    check_all(name, samples(name, dtype)[:: 1 if backend == "cpu" else 8], dtype)


def check_all(name: str, given: list[SampleInput], dtype: torch.dtype) -> None:
    assert given
    failures = []
    for index, sample in enumerate(given):
        try:
            check(name, sample, dtype)
        except Exception as error:
            failures.append(f"{index} {sample.summary()}: {type(error).__name__}: {error}")
    assert not failures, f"{len(failures)} of {len(given)} failed:\n" + "\n".join(failures[:5])


def check(name: str, sample: SampleInput, dtype: torch.dtype) -> None:
    arguments = [sample.input, *sample.args]
    got = ours(name)(*arguments, **sample.kwargs)

    exact = sample.transform(lambda one: exactly(name, one, dtype))
    exact.kwargs.pop("options", None)
    wanted = theirs(name)(exact.input, *exact.args, **exact.kwargs)
    assert_close(got, wanted, theirs(name)(*arguments, **sample.kwargs).dtype)

    inputs = leaves(arguments, sample.kwargs)
    assert got.requires_grad == wanted.requires_grad == bool(inputs)
    if not inputs:
        return
    upstream = torch.randn_like(got)
    exact_inputs = leaves([exact.input, *exact.args], exact.kwargs)
    for leaf, one, other in zip(
        inputs,
        torch.autograd.grad(got, inputs, upstream, allow_unused=True),
        torch.autograd.grad(wanted, exact_inputs, upstream.to(wanted.dtype), allow_unused=True),
        strict=True,
    ):
        assert (one is None) == (other is None)
        if one is not None:
            assert_close(one, other, leaf.dtype)


def exactly(name: str, one: Any, dtype: torch.dtype) -> Any:
    """In float64, as numbers of half precision in between would lose more than is allowed here, and
    those of uint8 would wrap; class indices, which have a type of their own, stay."""
    if not isinstance(one, torch.Tensor) or one.dtype != dtype:
        return one
    if name == "triplet_margin_with_distance_loss":
        return one.detach().clone().requires_grad_(one.requires_grad)  # The distance is PyTorch's.
    exact = one.detach().to(torch.float64, copy=True)
    if name == "poisson_nll_loss":
        # PyTorch's gradient by a target of 0 is NaN.
        exact[exact == 0] = 1e-30
    return exact.requires_grad_(one.requires_grad)


def leaves(arguments: list[Any], keywords: dict[str, Any]) -> list[torch.Tensor]:
    given = [*arguments, *keywords.values()]
    return [one for one in given if isinstance(one, torch.Tensor) and one.requires_grad]


def assert_close(got: torch.Tensor, wanted: torch.Tensor, dtype: torch.dtype) -> None:
    """float64 goes through float32; small numbers are sums of large ones."""
    assert got.dtype == dtype
    finite = wanted[wanted.isfinite()].abs().double()
    # Where PyTorch itself computed in half precision, it rounded more than once.
    relative = RELATIVE.get(dtype, 1e-5)
    absolute = relative if wanted.dtype in RELATIVE else 1e-6
    absolute = max(1e-5, absolute * float(finite.max()) if finite.numel() else 0)
    torch.testing.assert_close(
        got.detach(), wanted.detach().to(dtype), rtol=relative, atol=absolute, equal_nan=True
    )


@pytest.mark.parametrize("name", WITH_ERRORS)
def test_errors(name: str, backend: str) -> None:
    refused = list(OPERATORS[name].error_inputs("cpu"))
    assert refused
    accepted = []
    for error in refused:
        sample = error.sample_input
        try:
            got = ours(name)(sample.input, *sample.args, **sample.kwargs)
        except (IndexError, RuntimeError, TypeError, ValueError):
            continue
        accepted.append(f"{sample.summary()} ({error.error_regex}): {got}")
    assert not accepted, "\n".join(accepted)
