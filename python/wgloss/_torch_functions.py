"""PyTorch's functional losses, made from the catalogue and from PyTorch's own signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch.nn import _reduction

from ._catalogue import Argument, Entry, defaults, define, signature, tuple_of
from ._torch import Operator

_RESULT = """\
torch.Tensor
    The loss: a scalar, or with reduction "none" one for each term."""

_THEIRS = {
    "size_average": "Deprecated: see reduction.",
    "reduce": "Deprecated: see reduction.",
    "distance_function": "A function of two tensors; by default their Euclidean distance.",
    "options": "How PyTorch computes it, which changes nothing here.",
}

_PREPARED = {
    "reduce": """\
if size_average is not None or reduce is not None:
    reduction = _legacy(size_average, reduce)
""",
    "input_lengths": "input_lengths = _as_tensor(input_lengths)\n",
    "logit_lengths": "logit_lengths = _as_tensor(logit_lengths)\n",
    "target_lengths": "target_lengths = _as_tensor(target_lengths)\n",
    "var": """\
if not isinstance(var, _Tensor):
    var = _full_like(input, var)
""",
    "ignore_index": """\
if ignore_index is None:
    ignore_index = _default_ignored
""",
    "distance_function": """\
distance = "euclidean"
if distance_function is not None:
    distances = _measured(distance_function, anchor, positive, negative, margin, swap)
    return _ranked((*distances, _ones_like(distances[0])), (margin,), reduction, backend)
""",
}
"""What PyTorch takes in other forms than the operators, by the argument that is there then."""

_operators: dict[str, Operator] = {}


def function(entry: Entry) -> Callable[..., torch.Tensor]:
    """The function of a loss."""
    operator = Operator(entry.name, entry.inputs, entry.options, entry.native.forward)
    _operators[entry.name] = operator
    given = arguments(entry)
    prepared = "".join(_PREPARED.get(argument.name, "") for argument in given)
    inputs, options = tuple_of(entry.input_names), tuple_of(entry.option_names)
    names = {
        "_operator": operator,
        "_legacy": _reduction.legacy_get_string,
        "_as_tensor": torch.as_tensor,
        "_Tensor": torch.Tensor,
        "_full_like": torch.full_like,
        "_ones_like": torch.ones_like,
        "_measured": _measured,
        "_ranked": _ranked,
        "_default_ignored": next(
            (fact["default"] for fact in entry.options if fact["name"] == "ignore_index"), None
        ),
        **defaults(given),
    }
    return define(
        entry.name,
        signature(given, ("backend=None",)),
        f"{prepared}return _operator({inputs}, {options}, reduction, backend)",
        names,
        module="wgloss.torch",
        documentation=entry.documentation(given, "torch.Tensor", _RESULT),
    )


def arguments(entry: Entry) -> list[Argument]:
    """PyTorch's arguments in its order, deprecated ones included, and ours by keyword."""
    theirs = getattr(torch.nn.functional, entry.name, None)
    if theirs is None:
        return entry.arguments
    own = {argument.name: argument for argument in entry.arguments}
    result = []
    for parameter in inspect.signature(theirs).parameters.values():
        keyword_only = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        has_default = parameter.default is not inspect.Parameter.empty
        known = own.pop(parameter.name, None)
        if known is None:
            kind, type_, text = "theirs", "object", _THEIRS.get(parameter.name, "PyTorch's.")
        else:
            kind, type_, text = known.kind, known.type, known.documentation
        # An option's own default is the object by which the native function knows it.
        same = known is not None and kind == "option" and known.default == parameter.default
        default = known.default if known is not None and same else parameter.default
        result.append(
            Argument(parameter.name, kind, type_, default, has_default, keyword_only, text)
        )
    if any(argument.name == "distance_function" for argument in result):
        del own["distance"]
    result += [replace(each, has_default=True, keyword_only=True) for each in own.values()]
    return result


def _measured(
    distance: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    anchor: torch.Tensor,
    positive: torch.Tensor,
    negative: torch.Tensor,
    margin: float,
    swap: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The distances of a triplet, that to the negative first: the one that is to be the larger."""
    if margin <= 0:
        raise ValueError(f"margin: {margin} is not valid, expected a finite number above 0")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = torch.minimum(far, distance(positive, negative))
    return far, near


def _ranked(*arguments: Any) -> torch.Tensor:
    """The margin ranking loss, which a triplet's is once its distances are measured."""
    return _operators["margin_ranking_loss"](*arguments)
