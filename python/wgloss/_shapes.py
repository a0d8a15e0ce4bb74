"""Shapes of unreduced losses, where only shapes are known: those of PyTorch, which may be symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def shape(name: str, facts: Sequence[dict[str, Any]], inputs: Sequence[Any]) -> tuple[Any, ...]:
    """The shape of the unreduced loss of some inputs, whose sizes may be symbols."""
    given = [(fact, each) for fact, each in zip(facts, inputs, strict=True) if each is not None]
    first = tuple(given[0][1].shape)
    role = facts[0]["role"]
    if role == "elements":
        return _broadcast([tuple(each.shape) for fact, each in given if fact["role"] == "elements"])
    for fact, each in given:
        if fact["role"] in ("index", "index_or_rows") and not _is_float(each):
            return tuple(each.shape)
    if role == "rows":
        return first[:1] + first[2:] if len(first) > 1 else ()
    if (
        role in ("scores", "features")
        or role.startswith("vectors")
        or name == "multilabel_margin_loss"
    ):
        return first[:-1]
    if name == "rnnt_loss":
        return first[:1]
    if name == "ctc_loss":
        return first[1:2] if len(first) == 3 else ()
    if name == "linear_cross_entropy":
        target = given[2][1]
        behind = tuple(target.shape)
        return behind if not _is_float(target) else first[:-1] + behind[len(first) :]
    return first


def _is_float(array: Any) -> bool:
    return "float" in str(array.dtype)


def _broadcast(shapes: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    rank = max(map(len, shapes))
    result: list[Any] = [1] * rank
    for each in shapes:
        for place, size in enumerate(each, start=rank - len(each)):
            if isinstance(size, int) and size == 1:
                continue
            result[place] = size
    return tuple(result)
