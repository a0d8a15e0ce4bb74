"""What every engine does: parts get their places, are evaluated on workers, and add up on the driver.

A driver knows the rows of each part and nothing of its data. The sum of the rows before a part is its
place; a worker evaluates it there, and what comes back are the bytes of its totals. They add up in any
order to the bits of one evaluation of the whole.
"""

from __future__ import annotations

import bisect
import glob
import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import _native, _shards
from ._work import Call, Done, Failed, Job, Part, Range, brief, other_shapes, spans

MOST_FAILURES = 16
"""After so many parts that failed, no more are begun."""


@dataclass(frozen=True)
class Evaluated:
    """What a batch came to.

    value : the loss of the whole.
    totals : its totals.
    parts : what became of each part, in their order: which worker evaluated it in how many seconds,
        and the files of its gradients.
    """

    value: np.float32
    totals: _native.Totals
    parts: list[Done] = field(repr=False)


class IncompleteError(RuntimeError):
    """Some parts of a batch could not be evaluated; what was evaluated is not lost.

    totals : those of all that was evaluated (None if nothing was), to be given to `resume`.
    missing : the ranges of rows that are not in them, (first, end); or, where only gradients failed,
        those that have none.
    failures : the parts that failed, each with its `error`.
    """

    def __init__(
        self,
        message: str,
        totals: _native.Totals | None = None,
        missing: Sequence[Range] = (),
        failures: Sequence[Failed] = (),
    ) -> None:
        super().__init__(message)
        self.totals, self.missing, self.failures = totals, list(missing), list(failures)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.totals, self.missing, self.failures)


def placed(names: Sequence[str], counted: Iterable[int | BaseException]) -> list[Part]:
    """The parts of so many rows each, one after the other."""
    parts: list[Part] = []
    failures: list[Failed] = []
    first = 0
    for name, rows in zip(names, counted, strict=True):
        if isinstance(rows, BaseException):
            failures.append(Failed(Part(name, first, 0), rows))
        else:
            parts.append(Part(name, first, rows))
            first += rows
    if failures:
        lines = [f"  {each.part.name}: {brief(each.error)}" for each in failures[:MOST_FAILURES]]
        message = f"{len(failures)} of {len(names)} parts cannot be read; nothing was evaluated:"
        raise IncompleteError("\n".join([message, *lines]), failures=failures) from failures[
            0
        ].error
    return parts


class Collected:
    """Totals of parts, as they come: one for each run of rows without a gap.

    Runs are joined with their neighbours only, so that each merge is of constant size, whatever the
    order of the parts.
    """

    def __init__(self, resumed: _native.Totals | None = None) -> None:
        self._starts: list[int] = []
        self._runs: dict[int, tuple[int, _native.Totals]] = {}
        self._seen: dict[Range, bytes] = {}
        self._others: list[_native.Totals] = []
        self._covered: list[Range] = []
        if resumed is not None:
            self._others.append(resumed)
            self._covered = list(resumed.covered)

    def has(self, part: Part) -> bool:
        """Whether the totals that were there at the beginning have this part."""
        return any(first <= part.first and part.end <= end for first, end in self._covered)

    def add(self, part: Part, data: bytes) -> None:
        """Adds a part. One that comes twice with the same bits is dropped."""
        key, digest = (part.first, part.end), hashlib.blake2b(data, digest_size=16).digest()
        if key in self._seen:
            if self._seen[key] != digest:
                raise ValueError("it was evaluated twice, and the results differ")
            return
        totals = _native.Totals.from_bytes(data)
        place = bisect.bisect(self._starts, part.first)
        around = [
            (each, self._runs[each][0]) for each in self._starts[max(place - 1, 0) : place + 1]
        ]
        for first, end in (*around, *self._covered):
            if first < part.end and part.first < end:
                raise ValueError(f"{spans([(first, end)])} were evaluated before")
        first, end = part.first, part.end
        if place and self._runs[self._starts[place - 1]][0] == first:
            place -= 1
            first = self._starts.pop(place)
            totals = self._runs.pop(first)[1] + totals
        if place < len(self._starts) and self._starts[place] == end:
            end, behind = self._runs.pop(self._starts.pop(place))
            totals = totals + behind
        self._starts.insert(place, first)
        self._runs[first] = (end, totals)
        self._seen[key] = digest

    def totals(self) -> _native.Totals | None:
        """Those of all parts; None where there are none."""
        parts = [*self._others, *(self._runs[first][1] for first in self._starts)]
        return _native.Totals.join(parts) if parts else None


Stream = Callable[[], Iterable[tuple[Part, Any]]]
"""The parts in their order, each with what a worker reads it from; as often as it is called."""

Run = Callable[[Iterable[tuple[Call, Any]]], Iterator["Done | Failed"]]
"""An engine: calls go in, a bounded number at a time, and what they came to comes out in any order."""


class Driver:
    """An evaluation: a pass over all parts for the totals and, if asked for, one for gradients."""

    def __init__(
        self,
        job: Job,
        stream: Stream,
        run: Run,
        *,
        of: int | None = None,
        outputs: Callable[[int, Part], Mapping[str, str]] | None = None,
        resume: _native.Totals | None = None,
    ) -> None:
        self.job, self.stream, self.run, self.of = job, stream, run, of
        self.outputs = outputs
        """The files of a part's gradients, by its number; None where none are wanted."""
        self.collected = Collected(resume)
        self.done: dict[Range, Done] = {}
        self.failures: list[Failed] = []
        self.shapes: Mapping[str, tuple[int, ...]] = {}
        self.not_finite: list[Part] = []
        self.warned = False
        self.folders: set[str] = set()

    def evaluate(self) -> Evaluated:
        """All of it."""
        try:
            return self._evaluate()
        finally:
            self._remove_leftovers()

    def _evaluate(self) -> Evaluated:
        at_once = self.job.reduction == "sum"
        self._pass(totals=True, gradients=at_once)
        totals = self._whole()
        if self.outputs is not None and not at_once:
            self.done.clear()
            self._pass(denominator=totals.to_bytes(), gradients=True)
            if self.failures:
                missing = [(each.part.first, each.part.end) for each in self.failures]
                raise self._incomplete(f"{spans(missing)} have no gradients", totals, missing)
        value = np.float32(totals.value)
        if not np.isfinite(value):
            warnings.warn(self._why(value), RuntimeWarning, stacklevel=4)
        parts = sorted(self.done.values(), key=lambda done: (done.part.first, done.part.end))
        return Evaluated(value, totals, parts)

    def _pass(
        self, *, totals: bool = False, gradients: bool = False, denominator: bytes | None = None
    ) -> None:
        def call(number: int, part: Part, of: int | None) -> Call:
            outputs = self.outputs(number, part) if self.outputs and gradients else None
            self.folders.update(map(os.path.dirname, (outputs or {}).values()))
            return Call(part, of, totals, denominator, outputs)

        for result in self.run(self._calls(call, skip=totals)):
            self._take(result)

    def _calls(
        self, call: Callable[[int, Part, int | None], Call], skip: bool
    ) -> Iterator[tuple[Call, Any]]:
        """A call for each part. The last one tells where the whole ends, if that was not known."""
        held: tuple[int, Part, Any] | None = None
        end, of = 0, self.of
        try:
            for number, (part, source) in enumerate(self.stream()):
                end = part.end
                if len(self.failures) >= MOST_FAILURES:
                    return
                if skip and self.collected.has(part):
                    continue
                if held is not None:
                    yield call(*held[:2], of), held[2]
                held = number, part, source
            of = end
        except Exception as error:
            self.failures.append(Failed(Part("the rest of the data", end, 0), error))
        if held is not None:
            yield call(*held[:2], of), held[2]

    def _take(self, result: Done | Failed) -> None:
        if isinstance(result, Failed):
            self.failures.append(result)
            return
        part = result.part
        try:
            self._check_shapes(result)
            if result.totals:
                self.collected.add(part, result.totals)
        except ValueError as error:
            self.failures.append(Failed(part, error))
            return
        # Their bytes have done their duty.
        self.done[part.first, part.end] = replace(result, totals=b"")
        if not result.finite:
            self.not_finite.append(part)
        if result.warning and not self.warned:
            self.warned = True
            warnings.warn(f"{part}: {result.warning}", UserWarning, stacklevel=6)

    def _check_shapes(self, result: Done) -> None:
        self.shapes = self.shapes or result.shapes
        if result.part.rows and result.shapes != self.shapes:
            raise ValueError(other_shapes(result.shapes, self.shapes))

    def _whole(self) -> _native.Totals:
        totals = self.collected.totals()
        if totals is not None and totals.is_whole and not self.failures:
            return totals
        if totals is None and not self.failures:
            raise ValueError("data: there are no rows")
        missing = list(totals.missing) if totals else [(0, self.of)] if self.of else []
        told = f"{spans(missing)} are missing" if missing else "the end is missing"
        raise self._incomplete(told, totals, missing)

    def _incomplete(
        self, told: str, totals: _native.Totals | None, missing: list[Range]
    ) -> IncompleteError:
        lines = [f"{told}; parts that failed: {len(self.failures)}"]
        lines += [f"  {each}" for each in self.failures[:MOST_FAILURES]]
        error = IncompleteError("\n".join(lines), totals, missing, self.failures)
        error.__cause__ = self.failures[0].error if self.failures else None
        return error

    def _why(self, value: np.float32) -> str:
        told = f"{_name(self.job.loss)}: the loss is {value}"
        if not self.not_finite:
            return f"{told}, and the sum of each part is finite"
        first = min(self.not_finite, key=lambda part: part.first)
        return f"{told}; the first part whose sum is not finite is {first}"

    def _remove_leftovers(self) -> None:
        """Removes what workers that died in the middle of a file have left behind."""
        for folder in self.folders:
            for path in glob.glob(os.path.join(glob.escape(folder), f".*.{self.job.run}.*.tmp")):
                os.remove(path)


def _name(loss: str | _native.Custom) -> str:
    return loss if isinstance(loss, str) else loss.name


def shards(data: Any, job: Job) -> list[_shards.Shard] | None:
    """The shards that are meant, if it is shards."""
    if _shards.are_paths(data):
        found = _shards.of_tables(data, job.columns)
    elif isinstance(data, Mapping) and all(map(_shards.are_paths, data.values())):
        found = _shards.of_inputs(data)
    else:
        return None
    if not found:
        raise ValueError("data: an empty list, expected shards")
    return found


def shard_outputs(
    shards: Sequence[_shards.Shard], job: Job, folder: str | None
) -> Callable[[int, Part], Mapping[str, str]] | None:
    """The files of the gradients of shards: beside them, or in a folder."""
    if job.gradients == ():
        return None

    def outputs(number: int, part: Part) -> Mapping[str, str]:
        paths = {name: shards[number].sources[name].path for name in job.differentiable}
        return {
            name: os.path.join(folder or os.path.dirname(path), os.path.basename(path))
            + f".grad_{name}.npy"
            for name, path in paths.items()
        }

    seen: dict[str, str] = {}
    for number, shard in enumerate(shards):
        for path in outputs(number, Part("", 0, 0)).values():
            if path in seen:
                raise ValueError(
                    f"{seen[path]} and {shard.name} have both their gradients in {path}"
                )
            seen[path] = shard.name
    return outputs


def folder(path: str | os.PathLike[str] | None) -> str | None:
    """The folder for gradients, made if it is not there."""
    if path is None:
        return None
    os.makedirs(path, exist_ok=True)
    return os.path.abspath(path)


def block_outputs(job: Job, folder: str | None) -> Callable[[int, Part], Mapping[str, str]] | None:
    """The files of the gradients of blocks, by their numbers."""
    if job.gradients == ():
        return None
    if folder is None:
        raise ValueError("gradients_to: missing; blocks have no folder of their own")

    def outputs(number: int, part: Part) -> Mapping[str, str]:
        return {
            name: os.path.join(folder, f"block-{number:06}.grad_{name}.npy")
            for name in job.differentiable
        }

    return outputs
