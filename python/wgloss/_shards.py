"""Files that hold a part of a batch each: their names, rows and arrays, and the gradients beside them."""

from __future__ import annotations

import glob
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from . import _columns

Array = np.ndarray[Any, Any]

_TABLES = ("parquet", "arrow", "feather")
_SOURCE = re.compile(r"(.+\.(parquet|arrow|feather|npy|npz|safetensors))(?::(.+))?", re.DOTALL)
_GRADIENT = re.compile(r"\.grad_\w+\.npy$")


@dataclass(frozen=True)
class Source:
    """An array of a file: the file, its kind, and a column or member of it."""

    path: str
    kind: str
    member: str | None

    def __str__(self) -> str:
        return self.path if self.member is None else f"{self.path}:{self.member}"


@dataclass(frozen=True)
class Shard:
    """A part of a batch: the source of each input."""

    sources: Mapping[str, Source]

    @property
    def name(self) -> str:
        """The file, or the files, each once."""
        return ", ".join(dict.fromkeys(source.path for source in self.sources.values()))

    def rows(self) -> int:
        """The rows, from the headers of the files."""
        rows = {source: _rows(source) for source in self.sources.values()}
        if len(set(rows.values())) > 1:
            raise ValueError(", ".join(f"{source}: {count} rows" for source, count in rows.items()))
        return next(iter(rows.values()))

    def pieces(self) -> Iterator[dict[str, Array]]:
        """The arrays of the inputs, by row groups or record batches where all are of one table."""
        first = next(iter(self.sources.values()))
        if first.kind in _TABLES and len({source.path for source in self.sources.values()}) == 1:
            columns = {name: _member(source) for name, source in self.sources.items()}
            for table in _tables(first, list(columns.values())):
                yield {name: _columns.array(table, column) for name, column in columns.items()}
        else:
            yield {name: _read(source) for name, source in self.sources.items()}


def of_tables(paths: Any, columns: Mapping[str, str]) -> list[Shard]:
    """Shards that have a column, or member, for each input."""
    shards = []
    for source in _expand(paths):
        if source.kind == "npy" or source.member is not None:
            raise ValueError(f"{source}: expected a file with columns: see the mapping of inputs")
        sources = {
            name: Source(source.path, source.kind, column) for name, column in columns.items()
        }
        shards.append(Shard(sources))
    return shards


def of_inputs(data: Mapping[str, Any]) -> list[Shard]:
    """Shards whose inputs have patterns or lists of their own, each in the same order."""
    lists = {name: _expand(paths) for name, paths in data.items()}
    if len({len(each) for each in lists.values()}) > 1:
        counts = ", ".join(f"{name}: {len(each)}" for name, each in lists.items())
        raise ValueError(f"the inputs have different numbers of shards: {counts}")
    rows = zip(*lists.values(), strict=True)
    return [Shard(dict(zip(lists, each, strict=True))) for each in rows]


def are_paths(data: Any) -> bool:
    """Whether it is a pattern or path, or a list of such."""
    if isinstance(data, (str, os.PathLike)):
        return True
    return isinstance(data, Sequence) and all(isinstance(one, (str, os.PathLike)) for one in data)


def _expand(paths: Any) -> list[Source]:
    """The sources of a list, or those of a pattern or a folder in the order of their names.

    Gradients that lie beside their shards are none.
    """
    if not isinstance(paths, (str, os.PathLike)):
        return [_source(path, member) for path, _, member in map(_parts, map(os.fspath, paths))]
    text = os.fspath(paths)
    if os.path.isdir(text):
        member = None
        # Writers leave files beside the data whose names begin with _, and hidden ones.
        inside = glob.glob(os.path.join(glob.escape(text), "[!_]*"))
        names = [name for name in inside if _SOURCE.fullmatch(name)]
    else:
        path, _, member = _parts(text)
        if not glob.has_magic(path) or os.path.exists(path):
            return [_source(path, member)]
        names = glob.glob(path, recursive=True)
    kept = sorted(name for name in names if not _GRADIENT.search(name))
    if not kept:
        raise FileNotFoundError(f"{text}: there are no such shards")
    return [_source(path, member) for path in kept]


def _parts(text: str) -> tuple[str, str, str | None]:
    match = _SOURCE.fullmatch(text)
    if match is None:
        kinds = "a folder, .parquet, .arrow, .feather, .npy, .npz:member or .safetensors:member"
        raise ValueError(f"{text}: not a kind of shard, expected {kinds}")
    return match[1], match[2], match[3]


def _source(path: str, member: str | None) -> Source:
    return Source(os.path.abspath(path), _parts(path)[1], member)


def _member(source: Source) -> str:
    if source.member is None:
        raise ValueError(f"{source}: expected a member: {source}:NAME")
    return source.member


def _rows(source: Source) -> int:
    if source.kind in _TABLES:
        return _table_rows(source)
    shape = _shape(source)
    if not shape:
        raise ValueError(f"{source}: an array of no dimension has no rows")
    return shape[0]


def _table_rows(source: Source) -> int:
    if source.kind == "parquet":
        import pyarrow.parquet

        return int(pyarrow.parquet.read_metadata(source.path).num_rows)
    import pyarrow.dataset

    return int(pyarrow.dataset.dataset(source.path, format="ipc").count_rows())


def _shape(source: Source) -> Sequence[int]:
    match source.kind:
        case "npy":
            mapped: Sequence[int] = _mapped(source.path).shape
            return mapped
        case "npz":
            return _npz_shape(source)
    import safetensors

    with safetensors.safe_open(source.path, framework="numpy") as file:
        _known(source, file.keys())
        shape: Sequence[int] = file.get_slice(_member(source)).get_shape()
        return shape


def _npz_shape(source: Source) -> Sequence[int]:
    with zipfile.ZipFile(source.path) as file:
        _known(source, [name.removesuffix(".npy") for name in file.namelist()])
        with file.open(f"{source.member}.npy") as member:
            header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[np.lib.format.read_magic(member)]
            return header(member)[0]


def _known(source: Source, names: Sequence[str]) -> None:
    if _member(source) not in names:
        raise ValueError(f"{source}: there is no such member; there are: {', '.join(names)}")


def _read(source: Source) -> Array:
    """A whole array; one of a .npy file stays there until it is needed."""
    match source.kind:
        case "npy":
            return _mapped(source.path)
        case "npz":
            with np.load(source.path) as file:
                array: Array = file[_member(source)]
                return array
        case "safetensors":
            import safetensors

            with safetensors.safe_open(source.path, framework="numpy") as file:
                array = file.get_tensor(_member(source))
                return array
    arrays = [
        _columns.array(table, _member(source)) for table in _tables(source, [_member(source)])
    ]
    return np.concatenate(arrays)


def _mapped(path: str) -> Array:
    array: Array = np.load(path, mmap_mode="r")
    return array


def _tables(source: Source, columns: Sequence[str]) -> Iterator[Any]:
    """The row groups of a Parquet file, or the record batches of Arrow's; at least one, if empty."""
    import pyarrow as pa
    import pyarrow.parquet

    if source.kind == "parquet":
        with pyarrow.parquet.ParquetFile(source.path, memory_map=True) as file:
            groups = file.metadata.num_row_groups
            for column in columns:
                _columns.known(column, file.schema_arrow.names)
            for group in range(groups):
                yield file.read_row_group(group, columns=columns)
            if not groups:
                yield file.schema_arrow.empty_table()
    else:
        with pa.memory_map(source.path) as memory, pa.ipc.open_file(memory) as file:
            for batch in range(file.num_record_batches):
                yield file.get_batch(batch)
            if not file.num_record_batches:
                yield file.schema.empty_table()


class Gradients:
    """Files of gradients, one for each input, that have their names once all rows are in them."""

    def __init__(self, paths: Mapping[str, str], rows: int, run: str) -> None:
        self._paths, self._rows, self._run = paths, rows, run
        self._files: dict[str, BinaryIO] = {}

    def append(self, gradients: Mapping[str, Any]) -> None:
        """Writes those of the next rows."""
        for name, gradient in gradients.items():
            if name not in self._files:
                self._files[name] = self._begun(self._paths[name], gradient)
            self._files[name].write(np.ascontiguousarray(gradient).reshape(-1).view(np.uint8).data)

    def _begun(self, path: str, gradient: Any) -> BinaryIO:
        folder, name = os.path.split(path)
        # Another try of the same part may be writing still: each has a file of its own.
        file = open(os.path.join(folder, f".{name}.{self._run}.{os.getpid()}.tmp"), "wb")
        header = {
            "descr": np.lib.format.dtype_to_descr(gradient.dtype),
            "fortran_order": False,
            "shape": (self._rows, *gradient.shape[1:]),
        }
        np.lib.format.write_array_header_1_0(file, header)
        return file

    def finish(self) -> dict[str, str]:
        """Gives the files their names, and tells them by their inputs."""
        for name, file in self._files.items():
            file.close()
            os.replace(file.name, self._paths[name])
        return {name: self._paths[name] for name in self._files}
