"""Functions made from the catalogue of losses: names, order of arguments, defaults, documentation."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import _native


@dataclass(frozen=True)
class Argument:
    """An argument of a loss's function."""

    name: str
    kind: str
    """"input", "option", "reduction", "backend", or "theirs": PyTorch's only."""
    type: str
    """The type in Python of an option."""
    default: Any
    has_default: bool
    keyword_only: bool
    documentation: str


_BACKEND = Argument(
    "backend", "backend", "str", None, True, True,
    "Where it is evaluated: see `wgloss.set_default_backend`.",
)  # fmt: skip


class Entry:
    """A loss of the catalogue."""

    def __init__(self, native: _native.Loss) -> None:
        self.native = native
        self.facts: dict[str, Any] = native.facts()
        self.name: str = self.facts["name"]
        self.inputs: list[dict[str, Any]] = self.facts["inputs"]
        self.options: list[dict[str, Any]] = self.facts["options"]
        self.reduction: str = self.facts["reductions"][0]
        self.arguments = list(self._arguments())

    def _arguments(self) -> Iterator[Argument]:
        inputs = {fact["name"]: fact for fact in self.inputs}
        options = {fact["name"]: fact for fact in self.options}
        keyword_only = False
        for name in self.facts["arguments"]:
            if name == "*":
                keyword_only = True
            elif name == "reduction":
                choices = ", ".join(self.facts["reductions"])
                yield Argument(
                    name, "reduction", "str", self.reduction, True, keyword_only,
                    f"How the losses are combined: {choices}.",
                )  # fmt: skip
            elif name in inputs:
                fact = inputs[name]
                optional = fact["optional"]
                yield Argument(
                    name, "input", "array", None, optional, keyword_only, fact["documentation"]
                )
            else:
                fact = options[name]
                text = f"{fact['documentation']} Valid: {fact['valid']}."
                yield Argument(
                    name, "option", fact["type"], fact["default"], True, keyword_only, text
                )

    @property
    def input_names(self) -> list[str]:
        """The inputs in the order in which the native functions take them."""
        return [fact["name"] for fact in self.inputs]

    @property
    def option_names(self) -> list[str]:
        """The options in the order in which the native functions take them."""
        return [fact["name"] for fact in self.options]

    def documentation(self, arguments: Sequence[Argument], arrays: str, result: str) -> str:
        """The text for `help` of a function with these arguments and `backend`, in NumPy's form."""
        parts = [plain(self.facts["documentation"]), "Parameters\n----------"]
        for argument in (*arguments, _BACKEND):
            kind = arrays if argument.kind == "input" else argument.type
            if argument.has_default:
                kind += f", default {argument.default!r}"
            text = plain(argument.documentation).replace("\n", "\n    ")
            parts[-1] += f"\n{argument.name} : {kind}\n    {text}"
        parts.append(f"Returns\n-------\n{result}")
        parts.append(_RAISES)
        return "\n\n".join(parts) + "\n"


_RAISES = """\
Raises
------
ValueError
    If a shape or an option does not fit.
TypeError
    If an element type does not fit, or an input is missing.
IndexError
    If a class index is outside its range."""


def plain(text: str) -> str:
    """Documentation without what only Rust's has: links to its items."""
    text = re.sub(r"\[(`[^`]*`|[^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\[(`[^`]*`)\]", r"\1", text)


def signature(arguments: list[Argument], more: tuple[str, ...] = ()) -> str:
    """The arguments as they stand in a function's head, keyword-only ones of ours last.

    A default stands there by name: `_default_NAME`.
    """
    parts = []
    for argument in arguments:
        if argument.keyword_only and "*" not in parts:
            parts.append("*")
        default = f"=_default_{argument.name}" if argument.has_default else ""
        parts.append(argument.name + default)
    if more and "*" not in parts:
        parts.append("*")
    return ", ".join((*parts, *more))


def define(
    name: str,
    head: str,
    body: str,
    names: dict[str, Any],
    *,
    module: str,
    documentation: str,
) -> Callable[..., Any]:
    """A function from its text, so that the interpreter binds its arguments and tells its signature."""
    text = f"def {name}({head}):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    file = f"<{module}.{name}>"
    # Tracebacks and inspect.getsource show it.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {**names, "__name__": module}
    exec(compile(text, file, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    function.__doc__ = documentation
    return function


def defaults(arguments: list[Argument]) -> dict[str, Any]:
    """The names that `signature` has for defaults."""
    return {f"_default_{each.name}": each.default for each in arguments if each.has_default}


def tuple_of(names: list[str]) -> str:
    """A tuple's text."""
    return "(" + "".join(f"{name}, " for name in names) + ")"


def without_gradient(inputs: Sequence[dict[str, Any]], needed: Sequence[bool]) -> str | None:
    """The first input that has no gradient where one is needed, by a flag for each input.

    Labels of 1 and -1, or 0, are only compared and have none, as in PyTorch. Weights and probabilities have one
    in mathematics, so that its lack is an error.
    """
    for fact, flag in zip(inputs, needed, strict=True):
        if flag and not fact["differentiable"] and fact["domain"] not in ("binary", "sign"):
            return str(fact["name"])
    return None


ENTRIES = [Entry(native) for native in _native.catalogue()]


def catalogue() -> list[dict[str, Any]]:
    """What is known of each loss: names, documentation, inputs, options, reductions, arguments."""
    return [native.facts() for native in _native.catalogue()]
