"""Shapes of unreduced losses, where only shapes are known: those of PyTorch, which may be symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def shape(
    name: str,
    facts: Sequence[dict[str, Any]],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
) -> tuple[Any, ...]:
    """The shape of the unreduced loss of some inputs, whose sizes may be symbols."""
    given = [(fact, each) for fact, each in zip(facts, inputs, strict=True) if each is not None]
    first = tuple(given[0][1].shape)
    if "average_log_prob" in options:
        return (first[0] // 2,)
    role = facts[0]["role"]
    if name == "generalized_dice_loss":
        return (1,) if options["batch"] else first[:1]
    if role == "regions":
        classes = first[1] if options["include_background"] else first[1] - 1
        return (classes,) if options["batch"] else (first[0], classes)
    if role == "elements":
        return _broadcast([tuple(each.shape) for fact, each in given if fact["role"] == "elements"])
    for fact, each in given:
        if fact["role"] in ("index", "index_or_rows") and not _is_float(each):
            return tuple(each.shape)
    if role == "rows_or_classes":
        own = [each for fact, each in given if fact["role"] == role]
        first = tuple(max(own, key=lambda each: len(each.shape)).shape)
    if role in ("rows", "rows_or_classes"):
        return first[:1] + first[2:] if len(first) > 1 else ()
    if (
        role in ("scores", "features")
        or role.startswith("vectors")
        or name == "multilabel_margin_loss"
    ):
        return first[:-1]
    if name == "ctc_loss":
        return first[1:2] if len(first) == 3 else ()
    if name.startswith("linear_"):
        return first[:-1] + tuple(given[1][1].shape)[1:-1]
    # A loss of its own mostly has a term for each row of its first input.
    return first[:1] if role == "own" and name != "grpo_loss" else first


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
