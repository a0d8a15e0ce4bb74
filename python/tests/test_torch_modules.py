"""PyTorch's own inputs for its loss modules (ModuleInfo), each with a reference in plain Python:
the modules run with wgloss in place of torch.nn.functional's losses."""

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from torch.testing._internal.common_modules import ModuleErrorEnum, ModuleInfo, module_db

import wgloss
import wgloss.torch

# PyTorch's modules and references warn about themselves.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# How many inputs PyTorch 2.15 has for each, so that none drops out unseen.
COUNTS = {
    "nn.BCELoss": 6,
    "nn.BCEWithLogitsLoss": 6,
    "nn.CTCLoss": 40,
    "nn.CosineEmbeddingLoss": 5,
    "nn.CrossEntropyLoss": 105,
    "nn.GaussianNLLLoss": 5,
    "nn.HingeEmbeddingLoss": 10,
    "nn.HuberLoss": 4,
    "nn.KLDivLoss": 10,
    "nn.L1Loss": 5,
    "nn.LinearCrossEntropyLoss": 881,
    "nn.MSELoss": 8,
    "nn.MarginRankingLoss": 5,
    "nn.MultiLabelMarginLoss": 8,
    "nn.MultiLabelSoftMarginLoss": 5,
    "nn.MultiMarginLoss": 7,
    "nn.NLLLoss": 28,
    "nn.PoissonNLLLoss": 7,
    "nn.SmoothL1Loss": 8,
    "nn.SoftMarginLoss": 4,
}
MODULES: dict[str, ModuleInfo] = {info.name: info for info in module_db if "Loss" in info.name}
WITH_ERRORS = [name for name, info in MODULES.items() if info.module_error_inputs_func]
CLOSE = {"rtol": 1e-5, "atol": 1e-5, "equal_nan": True}


def arguments(info: ModuleInfo) -> dict[str, Any]:
    return {"device": "cpu", "dtype": torch.float32, "requires_grad": True, "training": True}


def cases(info: ModuleInfo) -> list[Any]:
    torch.manual_seed(0)
    found = list(info.module_inputs_func(info, **arguments(info)))
    for case in found:
        assert not case.forward_input.kwargs
        case.forward_input.args = [leaf(one) for one in case.forward_input.args]
    return found


def leaf(one: Any) -> Any:
    """Some inputs were computed from leaves."""
    if not isinstance(one, torch.Tensor):
        return one
    return one.detach().requires_grad_(one.requires_grad)


def made(info: ModuleInfo, case: Any) -> torch.nn.Module:
    return info.module_cls(*case.constructor_input.args, **case.constructor_input.kwargs)


def forward(module: torch.nn.Module, case: Any) -> torch.Tensor:
    return module(*case.forward_input.args)


def leaves(module: torch.nn.Module, given: list[Any]) -> list[torch.Tensor]:
    given = [*given, *module.parameters()]
    return [one for one in given if isinstance(one, torch.Tensor) and one.requires_grad]


def exactly(one: Any) -> Any:
    if not isinstance(one, torch.Tensor) or not one.is_floating_point():
        return one
    return one.detach().double().requires_grad_(one.requires_grad)


def test_no_input_is_left_out() -> None:
    assert {name: len(cases(info)) for name, info in MODULES.items()} == COUNTS
    assert sum(COUNTS.values()) == 1157


@pytest.mark.parametrize("name", COUNTS)
def test_the_modules_call_wgloss(name: str) -> None:
    info = MODULES[name]
    case = cases(info)[0]
    with ExitStack() as stack:
        stack.enter_context(wgloss.torch.patch())
        spies = []
        for one in wgloss.catalogue():
            ours = getattr(wgloss.torch, one["name"])
            if hasattr(torch.nn.functional, one["name"]):
                assert getattr(torch.nn.functional, one["name"]) is ours
                spy = patch.object(torch.nn.functional, one["name"], wraps=ours)
                spies.append(stack.enter_context(spy))
        forward(made(info, case), case)
    assert [spy.call_count for spy in spies if spy.called] == [1]


@pytest.mark.parametrize("name", COUNTS)
def test_values_and_gradients(name: str, backend: str) -> None:
    info = MODULES[name]
    failures = []
    for index, case in enumerate(cases(info)):
        try:
            check(info, case)
        except Exception as error:
            failures.append(f"{index} {case.desc}: {type(error).__name__}: {error}")
    assert not failures, f"{len(failures)} of {COUNTS[name]} failed:\n" + "\n".join(failures[:5])


def check(info: ModuleInfo, case: Any) -> None:
    module = made(info, case)
    reference = case.reference_fn(module, *case.forward_input.args)
    wanted = torch.as_tensor(reference).detach().float()
    with wgloss.torch.patch():
        got = forward(module, case)
    torch.testing.assert_close(got.detach(), wanted, **CLOSE)

    # PyTorch's gradients of float32 are not all that close themselves: those of ctc_loss.
    given = case.forward_input.args
    exact, exactly_given = made(info, case).double(), [exactly(one) for one in given]
    exact.load_state_dict(module.state_dict())
    theirs = exact(*exactly_given)
    upstream = torch.randn_like(got)
    slopes = torch.autograd.grad(got, leaves(module, given), upstream)
    wanted = torch.autograd.grad(theirs, leaves(exact, exactly_given), upstream.double())
    assert slopes
    for one, other in zip(slopes, wanted, strict=True):
        torch.testing.assert_close(one, other.float(), **CLOSE)


@pytest.mark.parametrize("name", WITH_ERRORS)
def test_errors(name: str, backend: str) -> None:
    info = MODULES[name]
    refused = list(info.module_error_inputs_func(info, **arguments(info)))
    assert refused
    for error in refused:
        case = error.module_error_input
        if error.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
            continue  # That is torch.nn's own.
        module = made(info, case)
        with wgloss.torch.patch(), pytest.raises((IndexError, RuntimeError, TypeError, ValueError)):
            forward(module, case)
