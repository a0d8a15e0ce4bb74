"""What is known of a loss before there is any data."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from . import _native
from ._catalogue import ENTRIES


@dataclass(frozen=True)
class Known:
    """What is known of a loss: its name, inputs, options, and its reduction by default."""

    name: str
    inputs: Mapping[str, Mapping[str, Any]]
    options: Sequence[str]
    reduction: str
    shape: Callable[[list[Any]], list[int]]
    """The shape of the unreduced loss of inputs of these shapes and element types."""

    def axis(self, name: str) -> int:
        """The axis along which the items of an input with rows lie; as a column it has them along 0."""
        return self.inputs[name].get("batch_axis") or 0


def known(loss: str | _native.Custom) -> Known:
    """What is known of a loss."""
    if isinstance(loss, _native.Custom):
        inputs = {fact["name"]: fact for fact in loss._facts()}
        shape = partial(loss._check, options=(), reduction="none", gradients=[])
        return Known(loss.name, inputs, list(loss.parameters), "mean", shape)
    name = _native.proper_name(loss)
    entry = next(entry for entry in ENTRIES if entry.name == name)
    inputs = {fact["name"]: fact for fact in entry.inputs}
    options = tuple(fact["default"] for fact in entry.options)
    shape = partial(entry.native.check, options=options, reduction="none", gradients=[])
    return Known(name, inputs, entry.option_names, entry.reduction, shape)


def settled(
    loss: str | _native.Custom, arguments: Mapping[str, Any]
) -> tuple[str | _native.Custom, dict[str, Any]]:
    """A custom loss with the parameters that are among the arguments, and the other arguments."""
    if isinstance(loss, str):
        return loss, dict(arguments)
    parameters = {name: value for name, value in arguments.items() if name not in loss.inputs}
    text, name, own, derived_by = loss.__reduce__()[1]
    rest = {name: value for name, value in arguments.items() if name in loss.inputs}
    return _native.Custom._restored(text, name, {**own, **parameters}, derived_by), rest


Kind = tuple[tuple[int, ...], str]
"""The shape and the element type of an array."""


def kind(array: Any) -> Kind:
    """That of what is taken for an array."""
    array = array if hasattr(array, "dtype") else np.asarray(array)
    return tuple(array.shape), str(array.dtype).removeprefix("torch.")


def check_rows(
    loss: str | _native.Custom, kinds: Mapping[str, Kind], with_rows: Container[str], rows: int
) -> None:
    """Refuses inputs that broadcast along their rows: twice the rows would not have twice the losses."""

    def shape(factor: int) -> list[int]:
        def repeated(name: str) -> Kind | None:
            if name not in kinds:
                return None
            sizes, element = list(kinds[name][0]), kinds[name][1]
            if name in with_rows:
                sizes[about.axis(name)] *= factor
            return tuple(sizes), element

        return about.shape([repeated(name) for name in about.inputs])

    about = known(loss)
    one = shape(1)
    try:
        grows = shape(2) == [2 * rows, *one[1:]]
    except ValueError:  # A constant fits this number of rows alone.
        grows = False
    if one[:1] != [rows] or not grows:
        told = " and ".join(f"{name} {list(sizes)}" for name, (sizes, _) in kinds.items())
        raise ValueError(
            f"{about.name}: {told} broadcast to {one}, expected losses along their rows"
        )
