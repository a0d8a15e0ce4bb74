"""What a worker does: it reads a part, evaluates it at its place, and brings the bytes of its totals."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _columns, _native, _shards
from ._facts import check_rows, kind, known, settled

Range = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """A part of a batch: what it is called, its first row in the whole, and its rows."""

    name: str
    first: int
    rows: int

    @property
    def end(self) -> int:
        """The row behind its last one."""
        return self.first + self.rows

    def __str__(self) -> str:
        rows = spans([(self.first, self.end)]) if self.rows else f"rows from {self.first} on"
        return f"{rows} ({self.name})"


@dataclass(frozen=True)
class Done:
    """What a worker made of a part."""

    part: Part
    seconds: float
    """How long it took to read and evaluate it."""
    worker: str
    """The host and the process."""
    gradients: Mapping[str, str]
    """The files of the gradients, by their inputs."""
    totals: bytes = field(repr=False)
    finite: bool = field(repr=False)
    """Whether the sum of the part is a finite number."""
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)
    warning: str | None = field(repr=False)


@dataclass(frozen=True)
class Failed:
    """A part that could not be evaluated, and why."""

    part: Part
    error: BaseException

    def __str__(self) -> str:
        return f"{self.part}: {brief(self.error)}"


@dataclass(frozen=True)
class Job:
    """What is evaluated of every part."""

    loss: str | _native.Custom
    columns: Mapping[str, str]
    """The column of each input that has rows."""
    axes: Mapping[str, int]
    """The axis along which each of these has them."""
    constants: Mapping[str, Any]
    """Inputs and options that all parts share."""
    differentiable: tuple[str, ...]
    """The inputs with rows that may have a gradient."""
    gradients: tuple[str, ...] | None
    """The inputs whose gradients are wanted; None for all that have one."""
    gradient_type: str
    reduction: str
    backend: str | None
    run: str
    """What tells the temporary files of this run from others."""

    def evaluate(
        self, arrays: Mapping[str, Any], place: tuple[int, int | None], **more: Any
    ) -> _native.Evaluation:
        """The loss of arrays that have this place in the whole."""
        evaluation: _native.Evaluation = _native.evaluate(
            self.loss,
            part=place,
            reduction=self.reduction,
            backend=self.backend,
            **arrays,
            **self.constants,
            **more,
        )
        return evaluation

    def check_rows(self, arrays: Mapping[str, Any]) -> None:
        """Refuses arrays whose loss has other rows than they."""
        inputs = known(self.loss).inputs
        kinds = {name: kind(each) for name, each in self.constants.items() if name in inputs}
        kinds |= {name: kind(self.turned(name, array)) for name, array in arrays.items()}
        check_rows(self.loss, kinds, self.columns, len(next(iter(arrays.values()))))

    def gradients_of(self, arrays: Mapping[str, Any]) -> list[str]:
        """The inputs whose gradients are wanted of these arrays."""
        if self.gradients is not None:
            return list(self.gradients)
        return [name for name in self.differentiable if "float" in str(arrays[name].dtype)]

    def written(self, evaluation: _native.Evaluation) -> dict[str, Any]:
        """Gradients as they are written: a row for each item."""
        return {name: self.turned(name, each) for name, each in evaluation.gradients.items()}

    def turned(self, name: str, array: Any) -> Any:
        """A column as the loss has this input, or the other way around."""
        return array.swapaxes(0, axis) if (axis := self.axes[name]) else array


def job(
    loss: str | _native.Custom,
    columns: Mapping[str, Any],
    inputs_and_options: Mapping[str, Any],
    *,
    gradients: Sequence[str] | str | bool | None,
    gradient_type: str,
    reduction: str | None,
    backend: str | None,
) -> Job:
    """The job of arguments as `wgloss.evaluate` has them, in which a text names an input's column.

    `columns` has the inputs whose data are given by input, if any.
    """
    given = {key: value for key, value in inputs_and_options.items() if value is not None}
    loss, given = settled(loss, given)
    about = known(loss)
    name, inputs = about.name, about.inputs
    for each in (*columns, *given):
        if each not in inputs and each not in about.options:
            names = ", ".join((*inputs, *about.options))
            raise TypeError(f'input or option "{each}" is not known; known: {names}')
    if columns:
        named = {each: each for each in columns}
    else:
        named = {k: v for k, v in given.items() if k in inputs and isinstance(v, str)}
    required = [each for each, fact in inputs.items() if not fact["optional"]]
    for each in required:
        if each not in named and each not in given:
            raise TypeError(f"{each}: missing; {name} needs {', '.join(required)}")
    if not named:
        raise TypeError(f"{name}: no input has rows, expected a column for {', '.join(required)}")
    reduction = reduction or about.reduction
    if reduction == "none":
        raise ValueError("reduction: none has no totals, expected mean, sum or batchmean")
    differentiable = tuple(each for each in named if inputs[each]["differentiable"])
    return Job(
        loss=loss if isinstance(loss, _native.Custom) else name,
        columns=named,
        axes={each: about.axis(each) for each in named},
        constants={key: value for key, value in given.items() if key not in named},
        differentiable=differentiable,
        gradients=_wanted(gradients, differentiable),
        gradient_type=gradient_type,
        reduction=reduction,
        backend=backend,
        run=uuid.uuid4().hex[:12],
    )


def _wanted(
    gradients: Sequence[str] | str | bool | None, differentiable: Sequence[str]
) -> tuple[str, ...] | None:
    if gradients is True:
        return None
    names = (gradients,) if isinstance(gradients, str) else tuple(gradients or ())
    for name in names:
        if name not in differentiable:
            told = ", ".join(differentiable)
            raise ValueError(f"gradients: {name} is not an input with rows that has one: {told}")
    return names


@dataclass(frozen=True)
class Call:
    """What a worker is to do with a part."""

    part: Part
    of: int | None
    """The rows of the whole, where they are known."""
    totals: bool
    denominator: bytes | None
    """The totals of the whole, for gradients of its mean."""
    outputs: Mapping[str, str] | None
    """The files of the gradients, by their inputs, if any are wanted."""


# An evaluation uses all cores of its process, and warnings are kept for the whole process.
_ONE_AT_A_TIME = threading.Lock()


def work(job: Job, call: Call, source: Any, cut: Range | None = None) -> Done | Failed:
    """Evaluates a part on a worker: a shard, or a table, of which there may be a cut."""
    try:
        return _Work(job, call).run(source, cut)
    except Exception as error:
        return Failed(call.part, plain(error))


class _Work:
    """The evaluation of one part, piece by piece."""

    def __init__(self, job: Job, call: Call) -> None:
        self.job, self.call = job, call
        self.more: dict[str, Any] = {"totals": call.totals}
        if call.denominator is not None:
            self.more["denominator"] = _native.Totals.from_bytes(call.denominator)
        self.totals: _native.Totals | None = None
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.warning: str | None = None
        self.rows = 0

    def run(self, source: Any, cut: Range | None) -> Done:
        begun, part = time.perf_counter(), self.call.part
        files = _shards.Gradients(self.call.outputs or {}, part.rows, self.job.run)
        for arrays in self._pieces(source, cut):
            rows = self._rows(arrays)
            evaluate = self._evaluate if rows else self._empty
            files.append(evaluate(arrays))
            self.rows += rows
        if self.rows != part.rows:
            raise ValueError(f"there are {self.rows} rows, and {part.rows} were counted before")
        return Done(
            part=part,
            seconds=time.perf_counter() - begun,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            gradients=files.finish(),
            totals=b"" if self.totals is None else self.totals.to_bytes(),
            finite=self.totals is None or bool(np.isfinite(self.totals.sum)),
            shapes=self.shapes,
            warning=self.warning,
        )

    def _pieces(self, source: Any, cut: Range | None) -> Iterator[Mapping[str, Any]]:
        if isinstance(source, _shards.Shard):
            yield from source.pieces()
            return
        if cut is not None:
            source = _columns.cut(source, *cut)
        yield {name: _columns.array(source, each) for name, each in self.job.columns.items()}

    def _rows(self, arrays: Mapping[str, Any]) -> int:
        rows = {name: len(array) for name, array in arrays.items()}
        if len(set(rows.values())) > 1:
            told = ", ".join(f"{name}: {count}" for name, count in rows.items())
            raise ValueError(f"the inputs have different numbers of rows: {told}")
        return next(iter(rows.values()))

    def _check_shapes(self, arrays: Mapping[str, Any]) -> None:
        shapes = {name: tuple(array.shape[1:]) for name, array in arrays.items()}
        if self.shapes and shapes != self.shapes:
            raise ValueError(other_shapes(shapes, self.shapes))
        if not self.shapes:
            self.job.check_rows(arrays)
        self.shapes = shapes

    def _wanted(self, arrays: Mapping[str, Any]) -> list[str]:
        return [] if self.call.outputs is None else self.job.gradients_of(arrays)

    def _evaluate(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Adds the totals of a piece; the gradients come back."""
        self._check_shapes(arrays)
        given = {name: self.job.turned(name, array) for name, array in arrays.items()}
        place = (self.call.part.first + self.rows, self.call.of)
        wanted, kind = self._wanted(arrays), self.job.gradient_type
        more = {**self.more, "gradients": wanted, "gradient_type": kind}
        with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            evaluation = self.job.evaluate(given, place, **more)
        # That a part's own mean is no number tells nothing of the whole.
        told = [str(each.message) for each in caught if each.category is not RuntimeWarning]
        self.warning = self.warning or next(iter(told), None)
        one = evaluation.totals
        if one is not None:
            self.totals = one if self.totals is None else self.totals + one
        return self.job.written(evaluation)

    def _empty(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """The gradients of no rows."""
        own = self.job.gradient_type == "input"
        return {
            name: np.empty(arrays[name].shape, arrays[name].dtype if own else np.float32)
            for name in self._wanted(arrays)
        }


def counts(sources: Sequence[Any]) -> list[int | BaseException]:
    """The rows of shards or tables, on a worker, or why they cannot be told."""

    def count(source: Any) -> int | BaseException:
        try:
            return source.rows() if isinstance(source, _shards.Shard) else _columns.count(source)
        except Exception as error:
            return plain(error)

    return [count(source) for source in sources]


def brief(error: BaseException) -> str:
    """An error in one line, without the traces that engines put into theirs."""
    while cause := getattr(error, "cause", None) or error.__cause__:
        error = cause
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


def plain(error: Exception) -> Exception:
    """An error of Python's own types, which every driver can read."""
    for one in (IndexError, TypeError, ValueError, OSError, MemoryError):
        if isinstance(error, one):
            return one(str(error))
    return RuntimeError(f"{type(error).__name__}: {error}")


def spans(ranges: Sequence[Range]) -> str:
    """Ranges of rows as messages have them."""
    told = ", ".join(f"{first}..{end}" for first, end in ranges[:8])
    return f"rows {told}" + (f" and {len(ranges) - 8} more ranges" if len(ranges) > 8 else "")


def other_shapes(got: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """That rows have other shapes than those of other parts."""
    told = ", ".join(f"{name} {list(got[name])}" for name in got)
    wanted = ", ".join(f"{name} {list(expected[name])}" for name in expected)
    return f"rows of the shapes {told}, expected {wanted} as in other parts"
