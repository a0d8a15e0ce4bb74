"""PyTorch's loss modules with our functions."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch

from ._catalogue import Entry, defaults, define, signature

Functions = dict[str, Callable[..., torch.Tensor]]


def module(entry: Entry, functions: Functions) -> type[torch.nn.Module]:
    """The module of a loss: PyTorch's, whose `forward` calls our function; or one of its kind."""
    names = [entry.name, *entry.facts["aliases"]]
    theirs = next((name for name in dir(torch.nn) if _is(name, names)), None)
    if theirs is None:
        return _own(entry, functions)
    base = getattr(torch.nn, theirs)
    # PyTorch's own way from the module's attributes to the function, with ours under its name.
    functional = types.SimpleNamespace(**{**vars(torch.nn.functional), **functions})
    code = base.forward
    forward = types.FunctionType(
        code.__code__,
        {**code.__globals__, "F": functional},
        "forward",
        code.__defaults__,
        code.__closure__,
    )
    forward.__doc__ = code.__doc__
    about = f"torch.nn.{theirs} by `wgloss.torch.{entry.name}`."
    return _class(theirs, base, forward, about)


def _is(name: str, names: list[str]) -> bool:
    """Whether a module of torch.nn is the loss of these names."""
    return name.endswith("Loss") and _plain(name) in map(_plain, names)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").removesuffix("loss")


def _class(
    name: str, base: type[torch.nn.Module], forward: Callable[..., Any], about: str, **more: Any
) -> type[torch.nn.Module]:
    forward.__module__ = "wgloss.torch"
    forward.__qualname__ = f"{name}.forward"
    body = {"__module__": "wgloss.torch", "__doc__": about, "forward": forward, **more}
    return type(name, (base,), body)


def _own(entry: Entry, functions: Functions) -> type[torch.nn.Module]:
    """A module for a loss that PyTorch has none for: the options are its attributes."""
    name = "".join(part.capitalize() for part in entry.name.split("_"))
    settings = [argument for argument in entry.arguments if argument.kind != "input"]
    in_order = sorted(entry.inputs, key=lambda fact: fact["optional"])
    inputs = ", ".join(fact["name"] + ("=None" if fact["optional"] else "") for fact in in_order)
    given = ", ".join(f"{fact['name']}={fact['name']}" for fact in entry.inputs)
    kept = ", ".join(f"{each.name}=self.{each.name}" for each in settings)
    forward = define(
        "forward",
        f"self, {inputs}",
        f"return _function({given}, {kept})",
        {"_function": functions[entry.name]},
        module="wgloss.torch",
        documentation="The loss.",
    )
    assigned = "".join(f"self.{each.name} = {each.name}\n" for each in settings)
    construct = define(
        "__init__",
        f"self, {signature(settings)}",
        f"_Module.__init__(self)\n{assigned}",
        {"_Module": torch.nn.Module, **defaults(settings)},
        module="wgloss.torch",
        documentation=f"The module of `wgloss.torch.{entry.name}`.",
    )

    def extra_repr(self: Any) -> str:
        return ", ".join(f"{each.name}={getattr(self, each.name)!r}" for each in settings)

    about = f"{entry.facts['summary']} See `wgloss.torch.{entry.name}`."
    return _class(name, torch.nn.Module, forward, about, __init__=construct, extra_repr=extra_repr)
