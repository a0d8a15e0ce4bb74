"""A function for each loss of the catalogue."""

from ._catalogue import ENTRIES, Entry, defaults, define, signature, tuple_of

_ARRAYS = "array"
_RESULT = """\
array
    The loss in float32: a number, or with reduction "none" one for each term. A PyTorch tensor if an
    input is one, a JAX array if one is, and else NumPy's."""


def _function(entry: Entry) -> object:
    inputs, options = tuple_of(entry.input_names), tuple_of(entry.option_names)
    return define(
        entry.name,
        signature(entry.arguments, ("backend=None",)),
        f"return _value({inputs}, {options}, reduction, backend)",
        {"_value": entry.native.value, **defaults(entry.arguments)},
        module="wgloss",
        documentation=entry.documentation(entry.arguments, _ARRAYS, _RESULT),
    )


for _entry in ENTRIES:
    globals()[_entry.name] = _function(_entry)

__all__ = [entry.name for entry in ENTRIES]
