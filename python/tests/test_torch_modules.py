"""PyTorch's own inputs for its loss modules (ModuleInfo), each with a reference in plain Python:
the modules run with wgloss in place of torch.nn.functional's losses."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from torch.testing._internal.common_modules import ModuleErrorEnum, ModuleInfo, module_db
from torch.utils._python_dispatch import TorchDispatchMode

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
    return module(*case.forward_input.args, **case.forward_input.kwargs)


def leaves(module: torch.nn.Module, case: Any) -> list[torch.Tensor]:
    assert not case.forward_input.kwargs
    given = [*case.forward_input.args, *module.parameters()]
    return [one for one in given if isinstance(one, torch.Tensor) and one.requires_grad]


class Called(TorchDispatchMode):
    """Which of wgloss's operators ran."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "wgloss":
            self.names.add(func._opname)
        return func(*args, **(kwargs or {}))


def test_no_input_is_left_out() -> None:
    assert {name: len(cases(info)) for name, info in MODULES.items()} == COUNTS
    assert sum(COUNTS.values()) == 1157


@pytest.mark.parametrize("name", COUNTS)
def test_the_modules_run_with_wgloss(name: str) -> None:
    info = MODULES[name]
    case = cases(info)[0]
    with wgloss.torch.patch(), Called() as called:
        forward(made(info, case), case)
    assert called.names


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
    reference = case.reference_fn(module, *case.forward_input.args, **case.forward_input.kwargs)
    wanted = torch.as_tensor(reference).detach().float()
    with wgloss.torch.patch():
        got = forward(module, case)
    torch.testing.assert_close(got.detach(), wanted, **CLOSE)

    inputs = leaves(module, case)
    assert inputs
    theirs = forward(module, case)
    upstream = torch.randn_like(theirs)
    for one, other in zip(
        torch.autograd.grad(got, inputs, upstream, allow_unused=True),
        torch.autograd.grad(theirs, inputs, upstream, allow_unused=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other, **CLOSE)


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
