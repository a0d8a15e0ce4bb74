"""Custom losses, by their text, their file, or themselves."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from . import _native


def custom(
    text_or_path: str | PathLike[str] | _native.Custom, parameters: dict[str, Any]
) -> _native.Custom:
    """The loss, with its parameters."""
    if not isinstance(text_or_path, _native.Custom):
        return _native.Custom(text_or_path, **parameters)
    if parameters:
        raise TypeError(f"{', '.join(parameters)}: the loss has its parameters already")
    return text_or_path


def ordered(
    name: str, names: Sequence[str], inputs: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, ...]:
    """The inputs of a loss in their order, some by position and the others by name.

    In Python's own terms, so that torch.compile sees through it.
    """
    known = ", ".join(names)
    if len(inputs) > len(names):
        raise TypeError(f"{name}: {len(inputs)} inputs, expected {len(names)} ({known})")
    for each in named:
        if each not in names:
            raise TypeError(f'input "{each}" is not known; known: {known}')
        if each in names[: len(inputs)]:
            raise TypeError(f"{each}: given 2 times, expected once")
    rest = names[len(inputs) :]
    for each in rest:
        if each not in named:
            raise TypeError(f"{each}: missing; {name} needs {known}")
    return inputs + tuple(named[each] for each in rest)
