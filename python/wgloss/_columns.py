"""Columns of tables (Arrow's, pandas', mappings) as arrays with a row along the first axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def count(table: Any) -> int:
    """The rows of a table."""
    if isinstance(table, Mapping):
        return len(next(iter(table.values())))
    return len(table)


def cut(table: Any, first: int, end: int) -> Any:
    """Some rows of a table of Arrow's or pandas'."""
    return table.iloc[first:end] if hasattr(table, "iloc") else table.slice(first, end - first)


def array(table: Any, name: str) -> Array:
    """A column, without a copy where it lies in one piece."""
    if isinstance(table, Mapping):
        known(name, list(table))
        return np.asarray(table[name])
    if hasattr(table, "iloc"):
        known(name, list(table.columns))
        return _of_series(name, table[name])
    known(name, table.column_names)
    return _of_arrow(name, table.column(name))


def known(name: str, names: Sequence[Any]) -> None:
    """Refuses a column that is not among those of a table."""
    if name not in names:
        raise ValueError(f'column "{name}" is not there; there are: {", ".join(map(str, names))}')


def _of_series(name: str, series: Any) -> Array:
    """A column of pandas: of numbers, of Arrow's types, or of an array or list in each row."""
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return np.asarray(series.to_numpy())
    if hasattr(series.array, "__arrow_array__") and series.dtype != object:
        return _of_arrow(name, series.array.__arrow_array__())
    rows: list[Array] = []
    for place, row in enumerate(series):
        each = np.asarray(row)
        if row is None or (each.ndim == 0 and each != each):
            raise ValueError(f'column "{name}": row {place} is null')
        if rows and each.shape != rows[0].shape:
            raise ValueError(_unequal(name, place, list(each.shape), list(rows[0].shape)))
        rows.append(each)
    return _numbers(name, np.stack(rows) if rows else np.empty(0))


def _of_arrow(name: str, column: Any) -> Array:
    """A column of Arrow: of numbers, of lists of equal lengths, or of tensors of one shape."""
    import pyarrow as pa

    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    arrays: list[Array] = []
    first = 0
    for chunk in chunks:
        part = _of_chunk(name, chunk, first)
        if arrays and part.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(_unequal(name, first, list(part.shape[1:]), list(arrays[0].shape[1:])))
        if len(part):
            arrays.append(part)
            first += len(part)
    if not arrays:
        return _of_chunk(name, pa.nulls(0, column.type), 0)
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _of_chunk(name: str, chunk: Any, first: int, each: int = 1) -> Array:
    """An array of Arrow of which `each` items are a row; the first one is the column's row `first`."""
    import pyarrow as pa

    if chunk.null_count:
        place = int(np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))[0])
        inside = "is null" if each == 1 else "has a null"
        raise ValueError(f'column "{name}": row {first + place // each} {inside}')
    if isinstance(chunk, pa.FixedShapeTensorArray):
        _of_chunk(name, chunk.storage, first)  # looks for nulls
        return np.asarray(chunk.to_numpy_ndarray())
    if isinstance(chunk, pa.ExtensionArray):
        return _of_extension(name, chunk, first)
    kind = chunk.type
    if pa.types.is_fixed_size_list(kind):
        width = kind.list_size
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        width = _width(name, chunk, first, each)
    else:
        return _numbers(name, chunk.to_numpy(zero_copy_only=False), kind)
    inner = _of_chunk(name, chunk.flatten(), first, each * max(width, 1))
    return inner.reshape(len(chunk), width, *inner.shape[1:])


def _of_extension(name: str, chunk: Any, first: int) -> Array:
    """Tensors of Ray's, whose storage is a list of the numbers, with the shape beside each or once."""
    import pyarrow as pa

    storage, shape = chunk.storage, getattr(chunk.type, "shape", None)
    if pa.types.is_struct(storage.type) and shape is not None:
        shapes = _of_chunk(name, storage.field("shape"), first)
        different = np.flatnonzero((shapes != shapes[:1]).any(axis=1))
        if len(different):
            place = int(different[0])
            raise ValueError(
                _unequal(name, first + place, shapes[place].tolist(), shapes[0].tolist())
            )
        shape = shapes[0].tolist() if len(shapes) else shape
        storage = storage.field("data")
    numbers = _of_chunk(name, storage, first)
    return numbers.reshape(len(chunk), *shape) if shape and len(chunk) else numbers


def _width(name: str, chunk: Any, first: int, each: int) -> int:
    """The length of all lists."""
    lengths = np.diff(chunk.offsets.to_numpy(zero_copy_only=False))
    different = np.flatnonzero(lengths != lengths[:1])
    if len(different):
        place = int(different[0])
        shape, expected = [int(lengths[place])], [int(lengths[0])]
        raise ValueError(_unequal(name, first + place // each, shape, expected))
    return int(lengths[0]) if len(lengths) else 0


def _numbers(name: str, values: Any, kind: Any = None) -> Array:
    if values.dtype.kind not in "biuf":
        found = kind or values.dtype
        raise ValueError(f'column "{name}" is of {found}, expected numbers or lists of them')
    return np.asarray(values)


def _unequal(name: str, place: int, shape: list[int], expected: list[int]) -> str:
    return f'column "{name}": row {place} has the shape {shape}, expected {expected} as row 0'
