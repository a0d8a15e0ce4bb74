"""wgloss.torch with PyTorch's autograd, compiler, transforms, types and modules."""

import copy
import inspect
import io
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

from samples import CATALOGUE, LOSSES, differentiable, exact, inputs
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.checkpoint import checkpoint

import wgloss.torch

# torch.nn's name of each loss that it has, and ours of the others.
MODULES = {
    "arc_face_loss": "ArcFaceLoss",
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "complete_box_iou_loss": "CompleteBoxIouLoss",
    "cos_face_loss": "CosFaceLoss",
    "cosine_embedding_loss": "CosineEmbeddingLoss",
    "cpo_loss": "CpoLoss",
    "cross_entropy": "CrossEntropyLoss",
    "ctc_loss": "CTCLoss",
    "dice_loss": "DiceLoss",
    "distance_box_iou_loss": "DistanceBoxIouLoss",
    "dpo_loss": "DpoLoss",
    "focal_tversky_loss": "FocalTverskyLoss",
    "gaussian_nll_loss": "GaussianNLLLoss",
    "generalized_box_iou_loss": "GeneralizedBoxIouLoss",
    "generalized_dice_loss": "GeneralizedDiceLoss",
    "generalized_jsd_loss": "GeneralizedJsdLoss",
    "grpo_loss": "GrpoLoss",
    "hinge_embedding_loss": "HingeEmbeddingLoss",
    "huber_loss": "HuberLoss",
    "info_nce_loss": "InfoNceLoss",
    "kl_div": "KLDivLoss",
    "kto_loss": "KtoLoss",
    "l1_loss": "L1Loss",
    "linear_cpo_loss": "LinearCpoLoss",
    "linear_cross_entropy": "LinearCrossEntropyLoss",
    "linear_dpo_loss": "LinearDpoLoss",
    "linear_multi_margin_loss": "LinearMultiMarginLoss",
    "linear_orpo_loss": "LinearOrpoLoss",
    "linear_poly1_cross_entropy": "LinearPoly1CrossEntropy",
    "linear_simpo_loss": "LinearSimpoLoss",
    "linear_softmax_entropy": "LinearSoftmaxEntropy",
    "linear_softmax_focal_loss": "LinearSoftmaxFocalLoss",
    "linear_token_log_probs": "LinearTokenLogProbs",
    "log_cosh_loss": "LogCoshLoss",
    "margin_ranking_loss": "MarginRankingLoss",
    "mse_loss": "MSELoss",
    "multi_margin_loss": "MultiMarginLoss",
    "multilabel_margin_loss": "MultiLabelMarginLoss",
    "multilabel_soft_margin_loss": "MultiLabelSoftMarginLoss",
    "nll_loss": "NLLLoss",
    "nt_xent_loss": "NtXentLoss",
    "orpo_loss": "OrpoLoss",
    "poly1_cross_entropy": "Poly1CrossEntropy",
    "poisson_nll_loss": "PoissonNLLLoss",
    "quantile_loss": "QuantileLoss",
    "ranking_softmax_loss": "RankingSoftmaxLoss",
    "rnnt_loss": "RnntLoss",
    "sigmoid_contrastive_loss": "SigmoidContrastiveLoss",
    "sigmoid_focal_loss": "SigmoidFocalLoss",
    "simpo_loss": "SimpoLoss",
    "smooth_l1_loss": "SmoothL1Loss",
    "soft_margin_loss": "SoftMarginLoss",
    "softmax_entropy": "SoftmaxEntropy",
    "softmax_focal_loss": "SoftmaxFocalLoss",
    "sup_con_loss": "SupConLoss",
    "token_log_probs": "TokenLogProbs",
    "top_k_distillation_loss": "TopKDistillationLoss",
    "total_variation_loss": "TotalVariationLoss",
    "triplet_margin_loss": "TripletMarginLoss",
    "triplet_margin_with_distance_loss": "TripletMarginWithDistanceLoss",
    "tversky_loss": "TverskyLoss",
}
TORCHS = {name: module for name, module in MODULES.items() if hasattr(torch.nn, module)}
REFUSED = (NotImplementedError, RuntimeError, TypeError, ValueError)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def tensors(name: str, dtype: torch.dtype = torch.float32, **sizes: Any) -> dict[str, Any]:
    given = {one: torch.tensor(array) for one, array in inputs(name, **sizes).items()}
    with_gradient = differentiable(name, given)
    return {
        one: tensor.to(dtype).requires_grad_(one in with_gradient)
        if tensor.is_floating_point()
        else tensor
        for one, tensor in given.items()
    }


def doubled(given: dict[str, Any]) -> dict[str, Any]:
    return {
        one: tensor.detach().double().requires_grad_(tensor.requires_grad)
        if tensor.is_floating_point()
        else tensor
        for one, tensor in given.items()
    }


def leaves(given: dict[str, Any]) -> list[torch.Tensor]:
    return [tensor for tensor in given.values() if tensor.requires_grad]


def ours(name: str, given: dict[str, Any], reduction: str, **options: Any) -> torch.Tensor:
    return getattr(wgloss.torch, name)(**given, reduction=reduction, **options)


def gradients(loss: torch.Tensor, given: dict[str, Any]) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(1)
    upstream = torch.randn(loss.shape, dtype=torch.float64).to(loss.dtype)
    return torch.autograd.grad(loss, leaves(given), upstream)


def assert_same(got: Any, wanted: Any, relative: float = 1e-5) -> None:
    torch.testing.assert_close(
        got, wanted, rtol=relative, atol=1e-6, check_dtype=False, equal_nan=True
    )


def test_every_loss_has_a_module() -> None:
    assert set(MODULES) == set(LOSSES)
    assert len(TORCHS) == len(LOSSES) - 40


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_all_gradients(name: str, reduction: str, backend: str) -> None:
    given = tensors(name)
    wide = doubled(given)
    got, wanted = ours(name, given, reduction), exact(name, wide, reduction)
    assert_same(got, wanted)
    assert_same(gradients(got, given), gradients(wanted, wide))


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_gradcheck(name: str, reduction: str, backend: str) -> None:
    given = tensors(name, rows=2, classes=3)
    names = [one for one, tensor in given.items() if tensor.requires_grad]

    def loss(*moved: torch.Tensor) -> torch.Tensor:
        if name == "ctc_loss":
            # Like PyTorch's, its gradient is that of probabilities which add up to 1.
            moved = tuple(one.log_softmax(-1) for one in moved)
        return ours(name, {**given, **dict(zip(names, moved, strict=True))}, reduction)

    assert torch.autograd.gradcheck(loss, leaves(given), eps=1e-2, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_opcheck(name: str, reduction: str) -> None:
    given = tensors(name)
    settings = {option["name"]: option["default"] for option in CATALOGUE[name]["options"]}
    settings |= {"reduction": reduction, "backend": None, "wide": False}
    forward, backward = (
        getattr(torch.ops.wgloss, one).default for one in (name, f"{name}_backward")
    )
    names = [one["name"] for one in CATALOGUE[name]["inputs"]]
    settings["gradients"] = [
        place for place, one in enumerate(names) if one in given and given[one].requires_grad
    ]
    detached = {one: tensor.detach() for one, tensor in given.items()}
    torch.library.opcheck(forward, called(forward, settings | detached))
    # The gradients that it returns with a reduced loss cannot be differentiated.
    whole = ("test_schema", "test_autograd_registration", "test_faketensor")
    checks = whole if reduction == "mean" else (*whole, "test_aot_dispatch_dynamic")
    torch.library.opcheck(forward, called(forward, settings | given), test_utils=checks)

    loss = ours(name, given, reduction)
    settings["upstream"] = torch.ones_like(loss).detach()
    settings["computed"] = []
    torch.library.opcheck(backward, called(backward, settings | detached))
    if reduction == "mean":
        settings["computed"] = list(torch.autograd.grad(loss, leaves(given)))
        torch.library.opcheck(backward, called(backward, settings | detached))


def called(operator: Any, given: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of an operator in their order."""
    return tuple(given.get(argument.name) for argument in operator._schema.arguments)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_fake_tensors(name: str, reduction: str) -> None:
    real = ours(name, tensors(name), reduction)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        given = {one: mode.from_tensor(tensor) for one, tensor in tensors(name).items()}
        fake = ours(name, given, reduction)
    assert fake.shape == real.shape
    assert fake.dtype == real.dtype
    assert fake.requires_grad


@pytest.mark.parametrize("name", LOSSES)
def test_compile(name: str, backend: str) -> None:
    def function(given: dict[str, Any]) -> torch.Tensor:
        moved = {
            one: tensor * 1.0 if tensor.requires_grad else tensor for one, tensor in given.items()
        }
        return ours(name, moved, "mean") * 2

    torch.compiler.reset()
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    given = tensors(name)
    got, wanted = compiled(given), function(given)
    assert torch.equal(got, wanted)
    assert_same(gradients(got, given), gradients(wanted, given), 1e-6)


def test_compile_with_inductor(backend: str) -> None:
    def function(x: torch.Tensor, classes: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(x)
        terms = wgloss.torch.huber_loss(hidden, values, reduction="none")
        return wgloss.torch.cross_entropy(hidden * 3, classes) + terms.square().sum()

    torch.compiler.reset()
    torch.manual_seed(0)
    x = torch.randn(8, 5, requires_grad=True)
    arguments = (x, torch.arange(8) % 5, torch.randn(8, 5))
    # What an earlier version of the package was compiled to is of no use.
    with torch._inductor.config.patch(force_disable_caches=True):
        got = torch.compile(function, fullgraph=True)(*arguments)
        gradient = torch.autograd.grad(got, x)
    wanted = function(*arguments)
    assert_same(got, wanted)
    assert_same(gradient, torch.autograd.grad(wanted, x))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("mode", ["real", "fake", "symbolic", "jit"])
def test_what_records_operators_sees_the_loss(mode: str) -> None:
    def function(x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return wgloss.torch.mse_loss(x, target) * 2

    x, target, other = torch.randn(4, 3), torch.randn(4, 3), torch.randn(4, 3)
    if mode == "jit":
        recorded = torch.jit.trace(function, (x, target))
    else:
        recorded = make_fx(function, tracing_mode=mode)(x, target)
    assert "wgloss" in str(recorded.graph)
    assert torch.equal(recorded(other, target), function(other, target))


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_second_derivative_is_refused(name: str, reduction: str) -> None:
    given = tensors(name)
    loss = ours(name, given, reduction).sum()
    with pytest.raises(RuntimeError, match="(?i)second|double|twice|once"):
        first = torch.autograd.grad(loss, leaves(given), create_graph=True)
        torch.autograd.grad(sum(one.sum() for one in first), leaves(given))


def penalized(loss: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    value = loss(x)
    (gradient,) = torch.autograd.grad(value, x, create_graph=True)
    return value + gradient.pow(2).sum()


def squared(reduction: str) -> Callable[[torch.Tensor], torch.Tensor]:
    def loss(x: torch.Tensor) -> torch.Tensor:
        return wgloss.torch.mse_loss(x, torch.zeros(4, 3), reduction=reduction).sum()

    return loss


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("compiled", ["nothing", "loss", "penalty"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_gradient_penalty_is_refused(reduction: str, compiled: str, backend: str) -> None:
    torch.compiler.reset()
    x = torch.randn(4, 3, requires_grad=True)
    loss, function = squared(reduction), penalized
    if compiled == "loss":
        loss = torch.compile(loss, backend=backend)
    if compiled == "penalty":
        function = torch.compile(penalized, backend=backend)
    # `grad` goes only where it meets the input, `backward` everywhere.
    with pytest.raises(RuntimeError, match="(?i)second|double|twice|once"):
        function(loss, x).backward()
    with pytest.raises(RuntimeError, match="(?i)second|double|twice|once"):
        torch.autograd.grad(function(loss, x), x)


def test_gradients_that_an_operator_returns_are_not_differentiated_in_silence() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    value, gradient = torch.ops.wgloss.mse_loss(
        x, torch.zeros(4, 3), None, "mean", None, [0], False
    )
    if gradient.requires_grad:
        with pytest.raises(RuntimeError, match="(?i)second|double|twice|once"):
            (value + gradient.pow(2).sum()).backward()


@pytest.mark.parametrize("transform", ["grad", "vmap", "jacrev"])
def test_transforms_are_right_or_refused(transform: str) -> None:
    torch.manual_seed(0)
    x, target = torch.randn(4, 3), torch.randn(4, 3)
    functions: dict[str, Callable[..., Any]] = {
        "grad": lambda of: torch.func.grad(lambda one: of(one, target))(x),
        "vmap": lambda of: torch.func.vmap(of)(x, target),
        "jacrev": lambda of: torch.func.jacrev(lambda one: of(one, target))(x),
    }
    wanted = functions[transform](torch.nn.functional.mse_loss)
    try:
        got = functions[transform](wgloss.torch.mse_loss)
    except REFUSED as error:
        assert len(str(error)) > 20
    else:
        assert_same(got, wanted)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("gradients", [True, False])
def test_a_forward_mode_derivative_is_refused(gradients: bool) -> None:
    x, target = torch.randn(4, 3), torch.randn(4, 3)
    with forward_ad.dual_level(), torch.set_grad_enabled(gradients):
        with pytest.raises(RuntimeError, match="mse_loss has no forward-mode derivative"):
            wgloss.torch.mse_loss(forward_ad.make_dual(x, torch.ones(4, 3)), target)
        assert torch.equal(wgloss.torch.mse_loss(x, x), torch.zeros(()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", LOSSES)
def test_types(name: str, dtype: torch.dtype) -> None:
    given = tensors(name, dtype)
    loss = ours(name, given, "mean")
    assert loss.dtype == dtype
    wide = doubled(given)
    wanted = exact(name, wide, "mean")
    relative = 1e-5 if dtype == torch.float64 else 2 * torch.finfo(dtype).eps
    assert_same(loss.detach().double(), wanted.detach(), relative)
    for one, other, leaf in zip(
        gradients(loss, given),
        torch.autograd.grad(wanted, leaves(wide)),
        leaves(given),
        strict=True,
    ):
        torch.manual_seed(1)
        upstream = torch.randn((), dtype=torch.float64).to(dtype).double()
        assert one.dtype == leaf.dtype
        absolute = 2e-3 * float(other.abs().max()) if dtype != torch.float64 else 1e-6
        # Half of the least number.
        absolute = max(absolute, 2.0**-25 if dtype == torch.float16 else 0)
        torch.testing.assert_close(one.double(), other * upstream, rtol=relative, atol=absolute)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_scaled_loss_keeps_small_gradients_of_float16(
    reduction: str, compiled: bool, backend: str
) -> None:
    torch.manual_seed(0)
    x, target = torch.randn(512, 1000).half().requires_grad_(), torch.arange(512)
    scale = 1024.0 if reduction == "mean" else 2.0**-12
    wide = x.detach().double().requires_grad_()
    (torch.nn.functional.cross_entropy(wide, target, reduction=reduction) * scale).backward()

    def loss(x: torch.Tensor) -> torch.Tensor:
        return wgloss.torch.cross_entropy(x, target, reduction=reduction).float() * scale

    if compiled:
        torch.compiler.reset()
        loss = torch.compile(loss, backend="aot_eager")
    loss(x).backward()
    assert x.grad is not None and wide.grad is not None
    torch.testing.assert_close(x.grad.double(), wide.grad, rtol=2**-10, atol=2**-24)


def test_saved_tensor_hooks_and_checkpoints(backend: str) -> None:
    torch.manual_seed(0)
    x, target = torch.randn(6, 4, requires_grad=True), torch.arange(6) % 4
    wanted = torch.autograd.grad(wgloss.torch.cross_entropy(x, target), x)
    with torch.autograd.graph.save_on_cpu():
        loss = wgloss.torch.cross_entropy(x, target)
    assert_same(torch.autograd.grad(loss, x), wanted)
    for reduction in ("mean", "none"):
        loss = checkpoint(
            lambda x, reduction: wgloss.torch.cross_entropy(x, target, reduction=reduction).mean(),
            x,
            reduction,
            use_reentrant=False,
        )
        assert_same(torch.autograd.grad(loss, x), wanted)


def test_layouts(backend: str) -> None:
    torch.manual_seed(0)
    base = torch.randn(10, 6)
    target = torch.randn(3, 5)
    views = {
        "transposed": base[:5, :3].t(),
        "strided": base[::2, ::2].t(),
        "expanded": base[0, :5].expand(3, 5),
        "offset": base[3:6, 1:],
        "column": base[:5, 2].expand(3, 5),
    }
    for what, view in views.items():
        leaf = view.detach().requires_grad_()
        got, wanted = (
            f(leaf, target) for f in (wgloss.torch.mse_loss, torch.nn.functional.mse_loss)
        )
        assert_same(got, wanted)
        assert_same(torch.autograd.grad(got, leaf), torch.autograd.grad(wanted, leaf)), what


def test_without_gradients(backend: str) -> None:
    x, target = torch.randn(4, 3, requires_grad=True), torch.zeros(4, 3)
    with torch.no_grad():
        assert not wgloss.torch.mse_loss(x, target).requires_grad
    with torch.inference_mode():
        inferred = wgloss.torch.mse_loss(x, target)
        assert inferred.is_inference()
    assert_same(inferred, torch.nn.functional.mse_loss(x, target).detach())
    assert not wgloss.torch.mse_loss(x.detach(), target).requires_grad


def test_only_what_is_asked_for_gets_a_gradient() -> None:
    for wanted in [("input",), ("target",), ("weight",), ("input", "weight")]:
        given = {one: torch.rand(4, 3) + 0.5 for one in ("input", "target", "weight")}
        for one in wanted:
            given[one].requires_grad_()
        wgloss.torch.mse_loss(**given).backward()
        assert [one for one, tensor in given.items() if tensor.grad is not None] == [
            one for one in given if one in wanted
        ]


# These are only compared, and have no gradient; PyTorch gives those that it has none either.
COMPARED = {
    ("cosine_embedding_loss", "target"),
    ("grpo_loss", "mask"),
    ("hinge_embedding_loss", "target"),
    ("kto_loss", "labels"),
    ("ranking_softmax_loss", "mask"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_has_no_gradient_is_refused(name: str) -> None:
    for one, tensor in tensors(name).items():
        if not tensor.is_floating_point() or tensor.requires_grad:
            continue
        given = tensors(name)
        given[one].requires_grad_()
        if (name, one) in COMPARED:
            ours(name, given, "mean").backward()
            assert given[one].grad is None
        else:
            with pytest.raises(RuntimeError, match=one):
                ours(name, given, "mean")


def test_gradients_accumulate_and_the_graph_can_be_kept() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    loss = wgloss.torch.mse_loss(x, torch.zeros(4, 3))
    loss.backward(retain_graph=True)
    assert x.grad is not None
    once = x.grad.clone()
    loss.backward()
    assert_same(x.grad, 2 * once, 1e-7)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_an_input_changed_in_place_is_noticed() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    moved = x * 1
    loss = wgloss.torch.mse_loss(moved, torch.zeros(4, 3), reduction="none")
    moved.add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        loss.sum().backward()


def test_autocast(backend: str) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(6, 4)
    x, target = torch.randn(8, 6), torch.arange(8) % 4
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = layer(x)
        loss = wgloss.torch.cross_entropy(logits, target)
    assert logits.dtype == torch.bfloat16
    assert_same(
        loss.detach().double(),
        torch.nn.functional.cross_entropy(logits.detach().double(), target),
        2**-8,
    )
    loss.backward()
    assert layer.weight.grad is not None and layer.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_autocast_of_compiled_losses(reduction: str, inside: bool) -> None:
    torch.manual_seed(0)
    x, target = torch.randn(8, 6).bfloat16().requires_grad_(), torch.arange(8) % 6

    def function(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=inside):
            loss = wgloss.torch.cross_entropy(x, target, reduction=reduction)
        return loss + wgloss.torch.cross_entropy(x, target, reduction=reduction) * 1

    torch.compiler.reset()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not inside):
        wanted = function(x)
        got = torch.compile(function, fullgraph=True, backend="aot_eager")(x)
    assert wanted.dtype == torch.float32
    assert torch.equal(got, wanted) and got.dtype == wanted.dtype
    assert torch.equal(gradients(got, {"x": x})[0], gradients(wanted, {"x": x})[0])


def test_hooks_and_grad_functions_see_the_gradient() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    seen: list[torch.Tensor] = []
    moved = x * 1
    moved.register_hook(seen.append)
    wgloss.torch.l1_loss(moved, torch.zeros(4, 3)).backward()
    assert_same(seen[0], torch.sign(x.detach()) / 12)


@pytest.mark.parametrize("name", TORCHS)
def test_function_signatures(name: str) -> None:
    theirs = inspect.signature(getattr(torch.nn.functional, name)).parameters
    own = inspect.signature(getattr(wgloss.torch, name)).parameters
    shared = [parameter for parameter in own if parameter in theirs]
    assert shared == list(theirs)
    for one in theirs:
        assert (own[one].kind, own[one].default) == (theirs[one].kind, theirs[one].default), one
    beyond = [parameter for one, parameter in own.items() if one not in theirs]
    assert all(parameter.kind == parameter.KEYWORD_ONLY for parameter in beyond)


@pytest.mark.parametrize("name", TORCHS)
def test_module_signatures(name: str) -> None:
    module = MODULES[name]
    theirs = inspect.signature(getattr(torch.nn, module)).parameters
    own = inspect.signature(getattr(wgloss.torch, module)).parameters
    assert [one for one in own if one in theirs] == list(theirs)
    for one in theirs:
        assert (own[one].kind, own[one].default) == (theirs[one].kind, theirs[one].default), one


@pytest.mark.parametrize("legacy", [{"size_average": False}, {"reduce": False}])
def test_what_pytorch_has_deprecated_has_its_meaning(legacy: dict[str, bool]) -> None:
    x, target = torch.randn(2, 3), torch.zeros(2, 3)
    wanted = torch.nn.functional.mse_loss(x, target, **legacy)
    assert_same(wgloss.torch.mse_loss(x, target, **legacy), wanted)
    assert_same(wgloss.torch.MSELoss(**legacy)(x, target), wanted)


def constructed(name: str) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """A module with other settings than the defaults where it has any, and inputs for it."""
    given = {one: tensor.detach() for one, tensor in tensors(name).items()}
    if name == "linear_cross_entropy":
        torch.manual_seed(0)
        module = wgloss.torch.LinearCrossEntropyLoss(4, 4, label_smoothing=0.1)
        return module, (given["input"], given["target"])
    named = ("weight", "pos_weight") if name in TORCHS else ()
    buffers = {one: given.pop(one) for one in named if one in given}
    if name in ("l1_loss", "mse_loss", "huber_loss"):
        buffers = {}
    module = getattr(wgloss.torch, MODULES[name])(**buffers, reduction="sum")
    in_order = sorted(CATALOGUE[name]["inputs"], key=lambda one: one["optional"])
    return module, tuple(given[one["name"]] for one in in_order if one["name"] in given)


@pytest.mark.parametrize("name", LOSSES)
def test_modules(name: str, backend: str) -> None:
    module, given = constructed(name)
    assert isinstance(module, torch.nn.Module)
    assert repr(module).startswith(MODULES[name] + "(")
    loss = module(*given)
    assert loss.shape == ()

    saved = io.BytesIO()
    torch.save(module, saved)
    saved.seek(0)
    copies = [
        copy.deepcopy(module),
        pickle.loads(pickle.dumps(module)),
        torch.load(saved, weights_only=False),
    ]
    for one in copies:
        assert torch.equal(one(*given), loss)
        assert list(one.state_dict()) == list(module.state_dict())


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss", "binary_cross_entropy_with_logits"])
def test_a_module_equals_that_of_torch_nn(name: str) -> None:
    weight = torch.tensor([0.5, 1.0, 2.0, 0.25])
    own, theirs = (getattr(one, MODULES[name])(weight=weight) for one in (wgloss.torch, torch.nn))
    assert list(own.state_dict()) == list(theirs.state_dict())
    own.load_state_dict(theirs.state_dict())
    assert repr(own) == repr(theirs)
    given = tensors(name)
    assert_same(own(given["input"], given["target"]), theirs(given["input"], given["target"]))
    assert own.double().weight.dtype == torch.float64
    assert str(own.to("meta").weight.device) == "meta"


CHARBONNIER = """
struct Parameters { epsilon: f32 }

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let d = p - t;
    return sqrt(d * d + c.epsilon * c.epsilon);
}
"""


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_custom(reduction: str, backend: str, tmp_path: Path) -> None:
    (tmp_path / "charbonnier.wgsl").write_text(CHARBONNIER)
    torch.manual_seed(0)
    p, t = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3, requires_grad=True)
    terms = ((p - t) ** 2 + 0.25).sqrt()
    wanted = terms if reduction == "none" else getattr(terms, reduction)()
    upstream = torch.randn_like(wanted)
    for source in (CHARBONNIER, tmp_path / "charbonnier.wgsl"):
        module = wgloss.torch.Custom(source, reduction=reduction, epsilon=0.5)
        assert isinstance(module, torch.nn.Module)
        for one in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            got = one(p, t)
            assert_same(got, wanted)
            assert_same(
                torch.autograd.grad(got, (p, t), upstream),
                torch.autograd.grad(wanted, (p, t), upstream, retain_graph=True),
            )


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_custom_loss_is_compiled(reduction: str) -> None:
    torch.compiler.reset()
    torch.manual_seed(0)
    p, t = torch.randn(5, 3, requires_grad=True), torch.randn(5, 3)
    first = wgloss.torch.Custom(CHARBONNIER, reduction=reduction, epsilon=0.5)
    loss = torch.compile(lambda module: module(p, t=t).sum() * 2, fullgraph=True)
    for module in (first, pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
        got, wanted = loss(module), module(p, t).sum() * 2
        assert_same(got, wanted)
        assert_same(torch.autograd.grad(got, p), torch.autograd.grad(wanted, p))


@pytest.mark.parametrize(
    ("count", "named", "said"),
    [
        (1, (), "t: missing"),
        (0, ("t",), "p: missing"),
        (3, (), "3 inputs, expected 2"),
        (2, ("t",), "t: given 2 times"),
        (2, ("x",), 'input "x" is not known'),
    ],
)
def test_inputs_that_a_custom_loss_does_not_have(
    count: int, named: tuple[str, ...], said: str
) -> None:
    x, module = torch.zeros(2), wgloss.torch.Custom(CHARBONNIER, epsilon=0.5)
    with pytest.raises(TypeError, match=said):
        module(*[x] * count, **dict.fromkeys(named, x))


SHARED = """
struct Item { prior: f32, input: f32, mark: i32 }
struct Row { target: i32 }
fn shifts(item: Item) -> f32 { return item.input + log(item.prior); }
fn sums(item: Item, picked: Item, shifts: f32) -> f32 {
    let e = exp(item.input + log(item.prior) - shifts);
    return select(0.0, e, item.mark == picked.mark);
}
fn value(picked: Item, shifts: f32, sums: f32) -> f32 {
    return log(sums) + (shifts - picked.input - log(picked.prior));
}
"""


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_rows_that_share_numbers(reduction: str, compiled: bool) -> None:
    torch.compiler.reset()
    torch.manual_seed(0)
    prior, x = torch.rand(7) + 0.1, torch.randn(4, 7, 5, requires_grad=True)
    target = torch.randint(7, (4, 5))
    # As float32 they would be alike.
    mark = 2**24 + torch.arange(7) % 2
    module = wgloss.torch.Custom(SHARED, reduction=reduction)
    loss = torch.compile(module, fullgraph=True, backend="aot_eager") if compiled else module
    adjusted = x + prior.log()[None, :, None]
    others = mark[None, :, None] != mark[target][:, None]
    wanted = torch.nn.functional.cross_entropy(
        adjusted.masked_fill(others, -torch.inf), target, reduction=reduction
    )
    got = loss(prior, x, mark, target)
    assert_same(got, wanted)
    upstream = torch.randn_like(wanted)
    assert_same(torch.autograd.grad(got, x, upstream), torch.autograd.grad(wanted, x, upstream))
    with pytest.raises(ValueError, match=r"gradient prior: prior of \[7\] for all rows"):
        module(prior.requires_grad_(), x, mark, target).sum().backward()


TEMPERATURES = """
struct Item { input: f32 }
struct Row { temperature: f32, target: i32 }
fn shifts(item: Item, row: Row) -> f32 { return item.input / row.temperature; }
fn sums(item: Item, row: Row, shifts: f32) -> f32 {
    return exp(item.input / row.temperature - shifts);
}
fn value(picked: Item, row: Row, shifts: f32, sums: f32) -> f32 {
    return log(sums) + (shifts - picked.input / row.temperature);
}
"""


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradients_by_numbers_of_rows(reduction: str, compiled: bool, backend: str) -> None:
    torch.compiler.reset()
    torch.manual_seed(0)
    x, target = torch.randn(4, 7, 5, requires_grad=True), torch.randint(7, (4, 5))
    temperature = (torch.rand(4, 5) + 0.5).requires_grad_()
    module = wgloss.torch.Custom(TEMPERATURES, reduction=reduction)
    loss = torch.compile(module, fullgraph=True, backend="aot_eager") if compiled else module
    wanted = torch.nn.functional.cross_entropy(
        x / temperature[:, None], target, reduction=reduction
    )
    got = loss(x, temperature, target)
    assert_same(got, wanted)
    upstream, both = torch.randn_like(wanted), (temperature, x)
    slopes = torch.autograd.grad(wanted, both, upstream)
    assert_same(torch.autograd.grad(got, both, upstream), slopes)


def registered() -> int:
    return sum(name.startswith("wgloss::") for name in torch._C._dispatch_get_all_op_names())


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_parameters_make_no_new_operators(compiled: bool, backend: str) -> None:
    text = """
    struct Parameters { wide: f32, power: u32, sign: i32 }
    fn value(p: f32, reduced: f32, c: Parameters) -> f32 {
        return (c.wide * p * p - reduced) * f32(c.power) * f32(c.sign);
    }
    """
    torch.compiler.reset()
    x, t = torch.ones(2, requires_grad=True), torch.zeros(2)
    counts = []
    for scale, power, sign in ((0.5, 2, -3), (2.0, 3, 1), (0.25, 1, 2), (7.0, 4, -1)):
        module = wgloss.torch.Custom(text, wide=scale, power=power, sign=sign)
        loss = torch.compile(module, fullgraph=True, backend="aot_eager") if compiled else module
        for one in (loss, pickle.loads(pickle.dumps(module))):
            got = one(x, t)
            assert float(got) == scale * power * sign
            assert torch.autograd.grad(got, x)[0].tolist() == [scale * power * sign] * 2
        counts.append(registered())
    assert len(set(counts)) == 1, counts


def test_threads_that_first_use_a_custom_loss(backend: str) -> None:
    x, target = torch.ones(3, requires_grad=True), torch.zeros(3)
    for attempt in range(20):
        # A loss that no operator was made for yet.
        text = CHARBONNIER.replace("value", f"value /* {backend} {attempt} */")
        module = wgloss.torch.Custom(text, epsilon=0.0)
        start = threading.Barrier(8)

        def work(_: int, module: Any = module, start: Any = start) -> float:
            start.wait()
            loss = module(x, target)
            torch.autograd.grad(loss, x)
            return float(loss)

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(work, range(8))) == {1.0}


def test_patch_puts_back_what_was_there() -> None:
    functional = torch.nn.functional
    before = {name: getattr(functional, name) for name in TORCHS}
    with pytest.raises(ZeroDivisionError), wgloss.torch.patch():
        assert all(getattr(functional, name) is not before[name] for name in TORCHS)
        with wgloss.torch.patch(backend="cpu"):
            loss = torch.nn.MSELoss()(torch.ones(3), torch.zeros(3))
        assert loss == 1
        raise ZeroDivisionError
    assert {name: getattr(functional, name) for name in TORCHS} == before


def test_patches_that_overlap() -> None:
    functional, default = torch.nn.functional, wgloss.get_default_backend()
    before = {name: getattr(functional, name) for name in TORCHS}
    first, second, third = (wgloss.torch.patch(backend=one) for one in ("cpu", None, "cpu"))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert functional.mse_loss is wgloss.torch.mse_loss
    assert wgloss.get_default_backend() == default
    third.__enter__()
    second.__exit__(None, None, None)
    assert functional.mse_loss is wgloss.torch.mse_loss
    assert wgloss.get_default_backend() == "cpu"
    third.__exit__(None, None, None)
    assert {name: getattr(functional, name) for name in TORCHS} == before
    assert wgloss.get_default_backend() == default


def test_patches_of_threads() -> None:
    before = torch.nn.functional.mse_loss

    def work(_: int) -> None:
        for _ in range(200):
            with wgloss.torch.patch(backend="cpu"):
                assert torch.nn.functional.mse_loss is wgloss.torch.mse_loss

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert torch.nn.functional.mse_loss is before


WITHOUT_BACKEND = """
import torch, wgloss.torch
before = torch.nn.functional.mse_loss
with wgloss.torch.patch(backend="cpu"):
    assert torch.nn.functional.mse_loss(torch.ones(2), torch.zeros(2)) == 1
assert torch.nn.functional.mse_loss is before
try:
    with wgloss.torch.patch(backend="cpu"):
        raise ZeroDivisionError
except ZeroDivisionError as error:
    assert error.__context__ is None
"""


def test_a_patch_where_the_environment_names_no_backend() -> None:
    environment = {**os.environ, "WGLOSS_BACKEND": "nowhere"}
    subprocess.run([sys.executable, "-c", WITHOUT_BACKEND], check=True, env=environment)


def test_a_patch_that_cannot_be_made_changes_nothing() -> None:
    before = torch.nn.functional.mse_loss
    with pytest.raises(RuntimeError, match="nowhere"), wgloss.torch.patch(backend="nowhere"):
        pass
    assert torch.nn.functional.mse_loss is before
    with wgloss.torch.patch():
        pass
    assert torch.nn.functional.mse_loss is before


@pytest.mark.parametrize("target", [0.0, [0.0, 0.0], None, "target"])
def test_what_is_no_tensor_is_refused(target: Any) -> None:
    for x in (torch.zeros(2), torch.zeros(2, requires_grad=True)):
        with pytest.raises(TypeError, match="target"):
            wgloss.torch.mse_loss(x, target)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("name", ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"])
def test_inputs_that_broadcast_to_more_are_warned_of(name: str, tracked: bool) -> None:
    loss = getattr(wgloss.torch, name)
    x = torch.zeros(3, 1, requires_grad=tracked)
    said = r"input \[3, 1\] and target \[3\] broadcast to \[3, 3\]"
    with pytest.warns(UserWarning, match=f"^{name}: {said}$") as seen:
        loss(x, torch.ones(3))
    assert seen[0].filename == __file__
    for shape in ((3, 1), (1,), (3, 4), (2, 3, 1)):
        loss(x, torch.ones(shape))
    with pytest.raises(ValueError, match="target"):
        loss(x, torch.ones(2, 4))


def test_the_type_of_what_is_no_tensor_is_told() -> None:
    for target, kind in ((np.zeros(2), "numpy.ndarray"), (0.5, "float")):
        with pytest.raises(TypeError, match=f"^target: got {kind}, expected a torch.Tensor$"):
            wgloss.torch.mse_loss(torch.zeros(2), target)


def test_inputs_of_several_types_are_promoted() -> None:
    types = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64)
    for one in types[:-1]:
        for other in types:
            x, target = torch.ones(3, dtype=one, requires_grad=True), torch.zeros(3, dtype=other)
            loss = wgloss.torch.mse_loss(x, target)
            assert loss.dtype == torch.promote_types(one, other)
            assert torch.autograd.grad(loss, x)[0].dtype == one


def test_tensors_elsewhere_are_refused() -> None:
    x = torch.zeros(2, 3)
    with pytest.raises(REFUSED, match="(?i)sparse|layout"):
        wgloss.torch.mse_loss(x.to_sparse(), x)
    with pytest.raises(REFUSED, match="(?i)complex"):
        wgloss.torch.mse_loss(x.to(torch.complex64), x)


def test_every_input_of_the_catalogue_is_an_argument() -> None:
    for name, loss in CATALOGUE.items():
        parameters = inspect.signature(getattr(wgloss.torch, name)).parameters
        assert {one["name"] for one in loss["inputs"]} <= set(parameters)
