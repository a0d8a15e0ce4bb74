"""Losses of Dask's collections and of shards, on the workers of a Dask cluster or by its local scheduler.

>>> import wgloss.dask
>>> result = wgloss.dask.evaluate("logits/*.parquet", "cross_entropy", input="logits", target="label")
>>> result.value

With a `distributed.Client` that is current, its workers evaluate; else Dask's local scheduler does. What
comes back from a part are its totals: kilobytes. The value has the bits of one evaluation of the whole on
one machine that has the workers' backend, whatever the partitions, the workers and their order.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

try:
    import dask
    import distributed
except ImportError as _error:
    raise ImportError("wgloss.dask needs Dask: pip install wgloss[dask]") from _error

from . import _cluster, _native, _work
from ._cluster import Evaluated, IncompleteError

__all__ = ["Evaluated", "IncompleteError", "evaluate"]

_CHUNK = 64
"""Shards whose rows are counted by one task."""

_UNDER_WAY = 256
"""Tasks that the scheduler has at a time; it hands a worker no more than it has threads for."""


def evaluate(
    data: Any,
    loss: str | _native.Custom,
    /,
    *,
    gradients: Sequence[str] | str | bool | None = None,
    gradients_to: str | os.PathLike[str] | None = None,
    gradient_type: str = "float32",
    reduction: str | None = None,
    backend: str | None = None,
    resume: _native.Totals | None = None,
    retries: int = 2,
    **inputs_and_options: Any,
) -> Evaluated:
    """Evaluates a loss of data that may be larger than any machine's memory.

    Parameters
    ----------
    data : collection, list, path, or mapping
        A DataFrame of Dask's, or a list of Delayed tables (pandas', Arrow's, or mappings of arrays),
        which are computed once for their numbers of rows (a DataFrame: of one column) and once for
        the value, unless they are persisted; for each input by its name an array of Dask's, chunked along
        the first axis; or shards that all workers can read: a pattern, a folder or a list of files with
        columns or members (.parquet, .arrow, .feather, .npz, .safetensors), or for each input by its
        name a pattern or a list of its own ("logits-*.npy", "data/*.parquet:logits").
    loss : str or Custom
        The loss, by any of its names, or one of your own.
    gradients : names of inputs, or True
        The inputs whose gradients (of the whole mean or sum) are written to files, one for each
        shard or partition: `SHARD.grad_INPUT.npy`, beside the shard.
    gradients_to : path
        The folder for them instead; partitions need one, `block-000000.grad_INPUT.npy`.
    gradient_type : float32 or "input"
        The element type of the gradients: input is that of each input.
    reduction : mean, "sum" or "batchmean"
        How the terms are combined; by default as the loss has it.
    backend : str
        Where each worker evaluates: see `wgloss.set_default_backend`.
    resume : Totals
        Those of an evaluation that was incomplete: the parts that they have are not evaluated again.
    retries : int
        How often a cluster tries a task again that raises. Tasks of workers that die are tried again as
        the scheduler's `allowed-failures` says.
    **inputs_and_options
        The columns of the inputs (text), inputs that are the same for all rows such as class weights
        (arrays), and options of the loss, by name.

    Returns
    -------
    Evaluated
        `value`, `totals`, and `parts`: what became of each shard or partition.

    Raises
    ------
    IncompleteError
        If parts could not be read or evaluated: it names them and has the totals of all others.
    """
    job = _work.job(
        loss,
        data if isinstance(data, Mapping) else {},
        inputs_and_options,
        gradients=gradients,
        gradient_type=gradient_type,
        reduction=reduction,
        backend=backend,
    )
    folder = _cluster.folder(gradients_to)
    scheduler = _Scheduler(job, retries)
    sources: Sequence[Any]
    shards = _cluster.shards(data, job)
    if shards is not None:
        sources, names = shards, [shard.name for shard in shards]
        outputs = _cluster.shard_outputs(shards, job, folder)
        counted = scheduler.counts(shards, _CHUNK)
    else:
        sources, countable = _partitions(data, job)
        names = [f"block {number}" for number in range(len(sources))]
        outputs = _cluster.block_outputs(job, folder)
        counted = scheduler.counts(countable, 1)
    parts = _cluster.placed(names, counted)
    placed = list(zip(parts, sources, strict=True))
    of = parts[-1].end if parts else 0
    driver = _cluster.Driver(
        job, lambda: placed, scheduler.run, of=of, outputs=outputs, resume=resume
    )
    return driver.evaluate()


def _partitions(data: Any, job: _work.Job) -> tuple[list[Any], list[Any]]:
    """The tables of a collection, each Delayed, and what has as many rows as each."""
    if isinstance(data, Mapping):
        return _of_arrays(data)
    if hasattr(data, "to_delayed") and hasattr(data, "columns"):
        columns = list(dict.fromkeys(job.columns.values()))
        for column in columns:
            if column not in data.columns:
                known = ", ".join(map(str, data.columns))
                raise ValueError(f'column "{column}" is not there; there are: {known}')
        narrow = min(columns, key=lambda column: data[column].dtype == object)
        return data[columns].to_delayed(), data[[narrow]].to_delayed()
    if isinstance(data, Sequence) and all(hasattr(each, "dask") for each in data):
        return list(data), list(data)
    expected = "a DataFrame of Dask's, Delayed tables, arrays of Dask's by input, or shards"
    raise TypeError(f"data: {type(data).__name__}, expected {expected}")


def _of_arrays(arrays: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Tables of the chunks of arrays, which are cut as the first one along the first axis."""
    name, first = next(iter(arrays.items()))
    for each, array in arrays.items():
        if not hasattr(array, "chunks"):
            raise TypeError(f"{each}: {type(array).__name__}, expected an array of Dask's")
        if math.isnan(array.shape[0]):
            raise ValueError(f"{each}: the chunks have unknown sizes; see compute_chunk_sizes()")
        if array.shape[:1] != first.shape[:1]:
            raise ValueError(f"{each}: {array.shape[0]} rows, expected {first.shape[0]} as {name}")
    cut = {
        each: array.rechunk((first.chunks[0], *array.shape[1:])).to_delayed().ravel()
        for each, array in arrays.items()
    }
    rows = zip(*cut.values(), strict=True)
    tables = [dask.delayed(dict)(dict(zip(cut, chunks, strict=True))) for chunks in rows]
    return tables, [range(rows) for rows in first.chunks[0]]


class _Scheduler:
    """The current client's cluster, or a local scheduler."""

    def __init__(self, job: _work.Job, retries: int) -> None:
        self._job, self._retries = job, retries
        try:
            self._client = distributed.get_client()
        except ValueError:
            self._client = None

    def counts(self, sources: Sequence[Any], chunk: int) -> list[int | BaseException]:
        """The rows of each."""
        chunks = [sources[first : first + chunk] for first in range(0, len(sources), chunk)]
        tasks = [dask.delayed(_work.counts)(each) for each in chunks]
        counted: dict[int, list[int | BaseException]] = {}
        for number, result in self._results(enumerate(tasks)):
            failed = isinstance(result, BaseException)
            counted[number] = [result] * len(chunks[number]) if failed else result
        return [each for number in range(len(chunks)) for each in counted[number]]

    def run(self, calls: Iterable[tuple[_work.Call, Any]]) -> Iterator[_work.Done | _work.Failed]:
        """The results of calls as they come."""
        job = dask.delayed(self._job, traverse=False)
        work = dask.delayed(_work.work, pure=False)
        tasks = ((call, work(job, call, source)) for call, source in calls)
        for call, result in self._results(tasks):
            failed = isinstance(result, BaseException)
            yield _work.Failed(call.part, result) if failed else result

    def _results(self, tasks: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """The results of tasks, each with its key, or the exception that it came to."""
        return self._of_cluster(tasks) if self._client else _of_here(tasks)

    def _of_cluster(self, tasks: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        tasks, client = iter(tasks), self._client
        most = max(_UNDER_WAY, 4 * sum(client.nthreads().values()))
        under_way: dict[Any, Any] = {}
        completed = distributed.as_completed()
        while True:
            few = len(under_way) <= most // 2
            if few and (batch := list(itertools.islice(tasks, most - len(under_way)))):
                futures = client.compute([task for _, task in batch], retries=self._retries)
                under_way |= zip(futures, (key for key, _ in batch), strict=True)
                completed.update(futures)
            if not under_way:
                return
            future = next(completed)
            try:
                result = future.exception() or future.result()
            except distributed.CancelledError as error:
                result = error
            yield under_way.pop(future), result


def _of_here(tasks: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    tasks = iter(tasks)
    while batch := list(itertools.islice(tasks, os.cpu_count() or 1)):
        keys, delayed = zip(*batch, strict=True)
        try:
            results = dask.compute(*delayed)
        except Exception:
            results = [_outcome(task) for task in delayed]
        yield from zip(keys, results, strict=True)


def _outcome(task: Any) -> Any:
    try:
        return task.compute()
    except Exception as error:
        return error
