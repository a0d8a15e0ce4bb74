"""Losses of Ray datasets and of shards, on the workers of a Ray cluster.

>>> import ray, wgloss.ray
>>> dataset = ray.data.read_parquet("logits/")
>>> result = wgloss.ray.evaluate(dataset, "cross_entropy", input="logits", target="label")
>>> result.value

The driver sees the references of blocks and their numbers of rows, and sends the references to workers,
which bring back totals: kilobytes. The value has the bits of one evaluation of the whole on one machine
that has the workers' backend, whatever the blocks, the workers and the order in which they are done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any

try:
    import ray
    import ray.data
except ImportError as _error:
    raise ImportError("wgloss.ray needs Ray: pip install wgloss[ray]") from _error

from . import _cluster, _native, _work
from ._cluster import Evaluated, IncompleteError

__all__ = ["Evaluated", "IncompleteError", "evaluate"]

_IN_FLIGHT = 2
"""Calls that a worker has at a time: one that it evaluates, and one whose data are on their way."""

_CHUNK = 64
"""Shards whose rows are counted by one call."""


def evaluate(
    data: Any,
    loss: str | _native.Custom,
    /,
    *,
    gradients: Sequence[str] | str | bool | None = None,
    gradients_to: str | PathLike[str] | None = None,
    gradient_type: str = "float32",
    reduction: str | None = None,
    backend: str | None = None,
    resume: _native.Totals | None = None,
    workers: int | None = None,
    num_cpus: float = 0,
    num_gpus: float = 0,
    retries: int = 3,
    **inputs_and_options: Any,
) -> Evaluated:
    """Evaluates a loss of data that may be larger than any machine's memory.

    Parameters
    ----------
    data : dataset, path, list of paths, or mapping
        A dataset of Ray's, whose blocks are read once for the value, and once more for the gradients of
        a mean; or shards that all workers can read: a pattern, a folder or a list of files with columns
        or members (.parquet, .arrow, .feather, .npz, .safetensors), or for each input by its name a
        pattern or a list of its own ("logits-*.npy", "data/*.parquet:logits").
    loss : str or Custom
        The loss, by any of its names, or one of your own.
    gradients : names of inputs, or True
        The inputs whose gradients (of the whole mean or sum) are written to files, one for each
        shard or block: `SHARD.grad_INPUT.npy`, beside the shard.
    gradients_to : path
        The folder for them instead; blocks of a dataset need one, `block-000000.grad_INPUT.npy`.
    gradient_type : float32 or "input"
        The element type of the gradients: input is that of each input.
    reduction : mean, "sum" or "batchmean"
        How the terms are combined; by default as the loss has it.
    backend : str
        Where each worker evaluates: see `wgloss.set_default_backend`.
    resume : Totals
        Those of an evaluation that was incomplete: the parts that they have are not evaluated again.
    workers : int
        How many; by default one for each node, as one uses all cores of its node, or its GPU.
    num_cpus, num_gpus : float
        What Ray reserves for each of them. What they take, the dataset's own tasks do not have.
    retries : int
        How often Ray starts a worker that died, and what it was at, again.
    **inputs_and_options
        The columns of the inputs (text), inputs that are the same for all rows such as class weights
        (arrays), and options of the loss, by name.

    Returns
    -------
    Evaluated
        `value`, `totals`, and `parts`: what became of each shard or block.

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
    shards = _cluster.shards(data, job)
    if shards is None and not isinstance(data, ray.data.Dataset):
        raise TypeError(f"data: {type(data).__name__}, expected a ray.data.Dataset or shards")
    if not ray.is_initialized():
        ray.init()
    workers = workers or sum(node["Alive"] for node in ray.nodes())
    pool = _Pool(job, workers, retries, num_cpus=num_cpus, num_gpus=num_gpus)
    try:
        if shards is None:
            outputs = _cluster.block_outputs(job, folder)
            stream, of = partial(_blocks, data), None
        else:
            outputs = _cluster.shard_outputs(shards, job, folder)
            parts = _cluster.placed([shard.name for shard in shards], pool.counts(shards))
            placed = [(part, (shard, None)) for part, shard in zip(parts, shards, strict=True)]
            stream, of = partial(iter, placed), parts[-1].end
        driver = _cluster.Driver(job, stream, pool.run, of=of, outputs=outputs, resume=resume)
        return driver.evaluate()
    finally:
        pool.close()


def _blocks(dataset: Any) -> Iterator[tuple[_work.Part, tuple[Any, _work.Range | None]]]:
    """The blocks in the dataset's order, as they are made, with the rows that are meant of each."""
    options = dataset.context.execution_options
    before, options.preserve_order = options.preserve_order, True
    try:
        number, first = 0, 0
        for bundle in dataset.iter_internal_ref_bundles():
            for entry, cut in zip(bundle.blocks, bundle.slices, strict=True):
                rows = entry.metadata.num_rows if cut is None else cut.num_rows
                if rows:
                    meant = None if cut is None else (cut.start_offset, cut.end_offset)
                    yield _work.Part(f"block {number}", first, rows), (entry.ref, meant)
                    number, first = number + 1, first + rows
    finally:
        options.preserve_order = before


class _Worker:
    """An actor. Its process keeps the device."""

    def work(
        self, job: _work.Job, call: _work.Call, source: Any, cut: _work.Range | None
    ) -> _work.Done | _work.Failed:
        return _work.work(job, call, source, cut)

    def counts(self, sources: Sequence[Any]) -> list[int | BaseException]:
        return _work.counts(sources)


class _Pool:
    """The workers."""

    def __init__(self, job: _work.Job, workers: int, retries: int, **resources: float) -> None:
        options = {"max_restarts": retries, "max_task_retries": retries, **resources}
        actor = ray.remote(_Worker).options(scheduling_strategy="SPREAD", **options)
        self._job = ray.put(job)
        self._actors = [actor.remote() for _ in range(workers)]

    def close(self) -> None:
        for actor in self._actors:
            ray.kill(actor)

    def counts(self, shards: Sequence[Any]) -> list[int | BaseException]:
        """The rows of each shard."""
        chunks = [shards[first : first + _CHUNK] for first in range(0, len(shards), _CHUNK)]
        actors = [self._actors[number % len(self._actors)] for number in range(len(chunks))]
        answers = [actor.counts.remote(chunk) for actor, chunk in zip(actors, chunks, strict=True)]
        counted: list[int | BaseException] = []
        for answer, chunk in zip(answers, chunks, strict=True):
            try:
                counted += ray.get(answer)
            except ray.exceptions.RayError as error:
                counted += [error] * len(chunk)
        return counted

    def run(self, calls: Iterable[tuple[_work.Call, Any]]) -> Iterator[_work.Done | _work.Failed]:
        """Gives calls to workers that have few, and their results back as they come.

        A worker that stays dead gets no more; if all do, what is left is not begun.
        """
        calls = iter(calls)
        free = deque(self._actors * _IN_FLIGHT)
        under_way: dict[Any, tuple[Any, _work.Part]] = {}
        while True:
            while free and (next_one := next(calls, None)):
                call, (source, cut) = next_one
                actor = free.popleft()
                under_way[actor.work.remote(self._job, call, source, cut)] = actor, call.part
            if not under_way:
                return
            for reference in ray.wait(list(under_way))[0]:
                actor, part = under_way.pop(reference)
                try:
                    yield ray.get(reference)
                except ray.exceptions.RayError as error:
                    yield _work.Failed(part, error)
                    if isinstance(error, ray.exceptions.ActorDiedError):
                        continue
                free.append(actor)
