"""Custom losses, by their text, their file, or themselves."""

from __future__ import annotations

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
