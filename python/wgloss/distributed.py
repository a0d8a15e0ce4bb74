"""Losses of batches whose parts lie on the ranks of torch.distributed.

>>> import torch.distributed, wgloss.distributed
>>> torch.distributed.init_process_group("gloo")
>>> result = wgloss.distributed.evaluate("cross_entropy", input=logits, target=labels)
>>> result.value

Each rank gives its rows, and each gets the value of all. What travels are totals: kilobytes for each rank.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

try:
    import torch.distributed
except ImportError as _error:
    raise ImportError("wgloss.distributed needs PyTorch: pip install wgloss[torch]") from _error

import numpy as np

from . import _facts, _native, _work

__all__ = ["Evaluated", "evaluate"]

T = TypeVar("T")


@dataclass(frozen=True)
class Evaluated:
    """What a batch came to.

    value : the loss of the whole, the same on all ranks.
    totals : those of the whole.
    part : the place of this rank's rows: the first one, and how many there are in all.
    gradients : this rank's gradients of the whole, by the names of their inputs.
    """

    value: np.float32
    totals: _native.Totals
    part: tuple[int, int]
    gradients: dict[str, Any] = field(repr=False)


def evaluate(
    loss: str | _native.Custom,
    /,
    *,
    group: Any = None,
    part: tuple[int, int] | None = None,
    gradients: Sequence[str] | str | bool | None = None,
    gradient_type: str = "float32",
    reduction: str | None = None,
    backend: str | None = None,
    **inputs_and_options: Any,
) -> Evaluated:
    """Evaluates a loss of the rows of all ranks. Every rank of the group calls it.

    Parameters
    ----------
    loss : str or Custom
        The loss, by any of its names, or one of your own.
    group : process group
        By default that of all ranks. What is sent are objects: with NCCL they pass through the current
        CUDA device.
    part : (first, of)
        The place of this rank's rows: the first one, and how many there are in all. By default the rows
        lie in the order of the ranks, of which each may have another number, or none.
    gradients : names of inputs, or True
        The inputs whose gradients are wanted, for this rank's rows: those of the whole.
    gradient_type : float32 or "input"
        The element type of the gradients: input is that of each input.
    reduction : mean, "sum" or "batchmean"
        How the terms are combined; by default as the loss has it.
    backend : str
        Where: see `wgloss.set_default_backend`.
    **inputs_and_options
        This rank's inputs (arrays) and options of the loss by name.

    Raises
    ------
    RuntimeError
        On all ranks, if one of them failed: it names the rank, and is caused by what was raised there.
    """
    ranks = _Ranks(group)
    own = ranks.share(lambda: (_rows(loss, inputs_and_options), part, bool(gradients)))
    for rank, (_, place, wanted) in enumerate(own):
        for name, got, expected in (
            ("part", place is not None, part is not None),
            ("gradients", wanted, bool(gradients)),
        ):
            if got != expected:
                raise ValueError(f"{name}: given on some ranks only; rank {rank}: {got}")
    rows = [count for count, _, _ in own]
    first, of = part or (sum(rows[: ranks.own]), sum(rows))

    def evaluated(**more: Any) -> _native.Evaluation:
        with warnings.catch_warnings():
            # That a part's own mean is no number tells nothing of the whole.
            warnings.simplefilter("ignore", RuntimeWarning)
            evaluation: _native.Evaluation = _native.evaluate(
                loss, reduction=reduction, backend=backend, **more, **inputs_and_options
            )
        return evaluation

    def own_totals() -> bytes | None:
        if not rows[ranks.own]:
            return None
        totals = evaluated(part=(first, of), totals=True).totals
        return None if totals is None else totals.to_bytes()

    whole = _joined(ranks.share(own_totals))
    found: dict[str, Any] = {}
    if gradients:
        more: dict[str, Any] = {"gradients": gradients, "gradient_type": gradient_type}
        if whole.reduction != "sum":
            more["denominator"] = whole
        if rows[ranks.own]:
            more["part"] = (first, of)
        found = ranks.check(lambda: evaluated(**more).gradients)
    value = np.float32(whole.value)
    if not np.isfinite(value):
        warnings.warn(f"{whole.loss}: the loss is {value}", RuntimeWarning, stacklevel=2)
    return Evaluated(value, whole, (first, of), found)


def _joined(parts: Sequence[bytes | None]) -> _native.Totals:
    """The totals of all ranks, which are to be whole."""
    known = [_native.Totals.from_bytes(each) for each in parts if each is not None]
    if not known:
        raise ValueError("no rank has any rows")
    whole = _native.Totals.join(known)
    if not whole.is_whole:
        raise ValueError(f"part: no rank has {_work.spans(whole.missing)}")
    return whole


def _rows(loss: str | _native.Custom, inputs_and_options: Mapping[str, Any]) -> int:
    """The rows of some inputs: the losses along their first axis."""
    loss, arguments = _facts.settled(loss, inputs_and_options)
    about = _facts.known(loss)
    given = [arguments.get(name) for name in about.inputs]
    shape = about.shape([None if array is None else _facts.kind(array) for array in given])
    if not shape:
        raise ValueError(f"{about.name}: the loss of one row has no first axis, expected rows")
    return shape[0]


class _Ranks:
    """The ranks of a group, which fail together."""

    def __init__(self, group: Any) -> None:
        self._group = group
        self.own: int = torch.distributed.get_rank(group)

    def share(self, function: Callable[[], T]) -> list[T]:
        """What a function comes to on each rank."""
        result: T | None = None
        error: Exception | None = None
        try:
            result = function()
        except Exception as raised:
            error = raised
        told = (result, None if error is None else _work.plain(error))
        everyone: list[Any] = [None] * torch.distributed.get_world_size(self._group)
        torch.distributed.all_gather_object(everyone, told, self._group)
        for rank, (_, failed) in enumerate(everyone):
            if failed is not None:
                cause = error if rank == self.own else failed
                message = f"rank {rank}: {_work.brief(failed)}"
                raise RuntimeError(message) from cause
        return [each for each, _ in everyone]

    def check(self, function: Callable[[], T]) -> T:
        """What a function comes to here, if it fails nowhere."""
        results: list[T] = []
        self.share(lambda: results.append(function()))
        return results[0]
