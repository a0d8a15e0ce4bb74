"""What all engines share: columns, shards, and the driver, without an engine."""

import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sharded
from sharded import CLASSES, LABELS, LOGITS, OPTIONS, PARTS, ROWS, bits, joined, same, whole

import wgloss
from wgloss import _cluster, _columns, _work
from wgloss._cluster import IncompleteError

pa = pytest.importorskip("pyarrow")

KINDS = ["parquet", "arrow", "feather", "npz", "npy", "safetensors"]
Calls = Iterable[tuple[_work.Call, Any]]
Results = Iterator[_work.Done | _work.Failed]


def here(job: _work.Job, calls: Calls) -> Results:
    """The plainest engine: in this process, in order."""
    yield from (_work.work(job, *call) for call in calls)


def shuffled(job: _work.Job, calls: Calls) -> Results:
    """All parts in another order, and each twice."""
    results = list(here(job, calls)) * 2
    random.Random(0).shuffle(results)
    yield from results


def evaluate(
    data: Any,
    loss: Any = "cross_entropy",
    *,
    run: Callable[[_work.Job, Calls], Results] = here,
    gradients: Any = None,
    gradients_to: Path | None = None,
    gradient_type: str = "float32",
    reduction: str | None = None,
    backend: str | None = "cpu",
    resume: Any = None,
    **inputs_and_options: Any,
) -> _cluster.Evaluated:
    """What an engine does with shards."""
    job = _work.job(
        loss,
        data if isinstance(data, dict) else {},
        inputs_and_options,
        gradients=gradients,
        gradient_type=gradient_type,
        reduction=reduction,
        backend=backend,
    )
    shards = _cluster.shards(data, job)
    assert shards is not None
    outputs = _cluster.shard_outputs(shards, job, _cluster.folder(gradients_to))
    parts = _cluster.placed([shard.name for shard in shards], _work.counts(shards))
    placed = list(zip(parts, shards, strict=True))
    driver = _cluster.Driver(
        job, lambda: placed, partial(run, job), of=parts[-1].end, outputs=outputs, resume=resume
    )
    return driver.evaluate()


def shards(folder: Path, kind: str, **data: Any) -> tuple[Any, dict[str, Any]]:
    """Shards of a kind, and how their inputs are named."""
    sharded.write(folder, kind, **data)
    if kind == "npy":
        names = {"input": "logits", "target": "label"}
        return {name: str(folder / f"*.{each}.npy") for name, each in names.items()}, {}
    return str(folder / f"*.{kind}"), {"input": "logits", "target": "label"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_shard(kind: str, tmp_path: Path) -> None:
    if kind == "safetensors":
        pytest.importorskip("safetensors")
    data, columns = shards(tmp_path, kind)
    expected = whole(gradients="input")
    result = evaluate(data, run=shuffled, gradients="input", **columns, **OPTIONS)
    same(result, expected)
    assert [part.part.rows for part in result.parts] == [rows.stop - rows.start for rows in PARTS]
    assert bits(joined(result)) == bits(expected.gradients["input"])
    for number, part in enumerate(result.parts):
        path = Path(part.gradients["input"])
        assert path.parent == tmp_path
        assert path.name.startswith(f"{number:02}.") and path.name.endswith(".grad_input.npy")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_shards_of_half_precision_and_their_gradients(reduction: str, tmp_path: Path) -> None:
    logits = LOGITS.astype(np.float16)
    data, columns = shards(tmp_path, "parquet", logits=logits)
    more = {"reduction": reduction, "gradients": True, "gradient_type": "input"}
    expected = whole(logits, **more)
    result = evaluate(data, gradients_to=tmp_path / "there", **columns, **OPTIONS, **more)
    same(result, expected)
    assert joined(result).dtype == np.float16
    assert np.array_equal(joined(result), expected.gradients["input"])
    assert {Path(part.gradients["input"]).parent for part in result.parts} == {tmp_path / "there"}


def test_a_folder_a_list_and_inputs_from_two_kinds(tmp_path: Path) -> None:
    paths = sharded.write(tmp_path, "parquet")
    columns = {"input": "logits", "target": "label"}
    same(evaluate(tmp_path, gradients="input", **columns, **OPTIONS), whole())
    # The gradients are in the folder now.
    same(evaluate(tmp_path, **columns, **OPTIONS), whole())
    same(evaluate([Path(path) for path in paths], **columns, **OPTIONS), whole())
    sharded.write(tmp_path, "npz")
    mixed = {"input": f"{tmp_path}/*.npz:logits", "target": [f"{path}:label" for path in paths]}
    same(evaluate(mixed, **OPTIONS), whole())


ABSOLUTE = wgloss.Custom("fn value(p: f32, t: f32) -> f32 { return abs(p - t); }")


def other_losses() -> Iterator[tuple[Any, dict[str, Any], dict[str, Any]]]:
    """A loss, its inputs by rows, and what else it is given."""
    random, rows = np.random.default_rng(1), 5000
    x, y = random.normal(size=(2, rows, 4)).astype(np.float32)
    labels = random.integers(1, 4, (rows, 2))
    yield "mse", {"input": x, "target": y}, {}
    yield "mse_loss", {"input": x}, {"target": y[0]}
    yield "kl_div", {"input": x, "target": abs(y)}, {"reduction": "batchmean"}
    yield (
        "sigmoid_focal_loss",
        {"input": x, "target": labels[:, :1] / 4 + 0 * x},
        {"reduction": "sum"},
    )
    weight = random.normal(size=(7, 4)).astype(np.float32)
    yield "linear_cross_entropy", {"input": x, "target": labels[:, 0]}, {"linear_weight": weight}
    yield ABSOLUTE, {"p": x, "t": y}, {}
    log_probs = np.log(random.dirichlet(np.ones(4), (rows, 6))).astype(np.float32)
    lengths = {"input_lengths": np.full(rows, 6), "target_lengths": 1 + np.arange(rows) % 2}
    yield "ctc_loss", {"log_probs": log_probs, "targets": labels, **lengths}, {}


@pytest.mark.parametrize("loss, given, more", list(other_losses()))
@pytest.mark.filterwarnings("ignore:.*broadcast")
def test_other_losses(loss: Any, given: Any, more: Any, tmp_path: Path) -> None:
    for number, rows in enumerate([slice(1), slice(1, 4000), slice(4000, None)]):
        np.savez(tmp_path / f"{number}.npz", **{name: array[rows] for name, array in given.items()})
    one = next(iter(given))
    # The items of CTC's log-probabilities lie along the second axis.
    own = {
        name: array.swapaxes(0, 1) if name == "log_probs" else array
        for name, array in given.items()
    }
    expected = wgloss.evaluate(loss, **own, **more, gradients=[one], totals=True, backend="cpu")
    data = {name: f"{tmp_path}/*.npz:{name}" for name in given}
    result = evaluate(data, loss, run=shuffled, gradients=one, gradients_to=tmp_path, **more)
    same(result, expected)
    gradient = expected.gradients[one]
    gradient = gradient.swapaxes(0, 1) if one == "log_probs" else gradient
    assert bits(joined(result, one)) == bits(gradient)


def bad_label(folder: Path) -> Path:
    """A label out of range in the shard before the last."""
    labels = LABELS.copy()
    labels[-3] = 99
    path = folder / "07.parquet"
    sharded.save(path, sharded.table(PARTS[7], labels=labels))
    return path


COLUMNS = {"input": "logits", "target": "label"}


def test_a_bad_label_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    sharded.write(tmp_path, "parquet")
    path = bad_label(tmp_path)
    with pytest.raises(IncompleteError, match=r"rows 9002\.\.13065 .*07\.parquet.*99") as caught:
        evaluate(tmp_path, run=shuffled, **COLUMNS, **OPTIONS)
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(caught.value.__cause__, IndexError)
    assert error.missing == [(9002, ROWS)] and not error.totals.is_whole
    assert [Path(failed.part.name) for failed in error.failures] == [path] * 2
    assert error.totals.covered == [(0, 9002)]
    sharded.save(path, sharded.table(PARTS[7]))
    repaired = evaluate(tmp_path, resume=error.totals, **COLUMNS, **OPTIONS)
    same(repaired, whole())
    assert [part.part.name for part in repaired.parts if part.part.rows] == [str(path)]


def test_gradients_that_fail_are_named(tmp_path: Path) -> None:
    sharded.write(tmp_path, "parquet")
    expected = whole()

    def breaking(job: _work.Job, calls: Calls) -> Results:
        for call, shard in calls:
            if call.denominator is not None and call.part.first == 9002:
                bad_label(tmp_path)
            yield _work.work(job, call, shard)

    with pytest.raises(IncompleteError, match="have no gradients.*\n.*99") as caught:
        evaluate(tmp_path, run=breaking, gradients="input", **COLUMNS, **OPTIONS)
    assert caught.value.totals == expected.totals
    assert caught.value.missing == [(9002, ROWS)]
    assert len(list(tmp_path.glob("*.npy"))) == len(PARTS) - 1
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_read_is_named_before_anything_is_evaluated(tmp_path: Path) -> None:
    paths = sharded.write(tmp_path, "parquet")
    whole_file = Path(paths[6]).read_bytes()
    Path(paths[6]).write_bytes(whole_file[: len(whole_file) // 2])
    os.remove(paths[3])
    with pytest.raises(IncompleteError, match="2 of 9 parts") as caught:
        evaluate(paths, **COLUMNS, **OPTIONS)
    assert paths[3] in str(caught.value) and paths[6] in str(caught.value)
    assert [failed.part.name for failed in caught.value.failures] == [paths[3], paths[6]]
    with pytest.raises(FileNotFoundError, match="no such shards"):
        evaluate(str(tmp_path / "*.npy"), **COLUMNS)


def test_a_shard_that_has_changed_since_it_was_counted(tmp_path: Path) -> None:
    paths = sharded.write(tmp_path, "parquet")

    def shrinking(job: _work.Job, calls: Calls) -> Results:
        sharded.save(Path(paths[5]), sharded.table(PARTS[6]))
        return here(job, calls)

    with pytest.raises(IncompleteError, match="1 rows, and 4892 were counted before"):
        evaluate(paths, run=shrinking, **COLUMNS, **OPTIONS)


def test_no_more_is_begun_after_many_failures(tmp_path: Path) -> None:
    parts = [slice(first, first + 10) for first in range(0, 1000, 10)]
    sharded.write(tmp_path, "parquet", parts, labels=np.full(ROWS, 99))
    with pytest.raises(IncompleteError) as caught:
        evaluate(tmp_path, **COLUMNS)
    assert len(caught.value.failures) == _cluster.MOST_FAILURES
    assert caught.value.totals is None and caught.value.missing == [(0, 1000)]


def test_a_shard_of_another_width_is_named(tmp_path: Path) -> None:
    labels = abs(LABELS) % 4
    paths = sharded.write(tmp_path, "parquet", labels=labels)
    sharded.save(Path(paths[6]), sharded.table(PARTS[6], LOGITS[:, :4], labels))
    with pytest.raises(IncompleteError, match=r"06\.parquet.*input \[4\].*expected input \[5\]"):
        evaluate(tmp_path, **COLUMNS)


def test_a_value_that_is_not_finite_is_told_with_its_place(tmp_path: Path) -> None:
    logits = LOGITS.copy()
    logits[9001] = np.nan
    labels = abs(LABELS) % CLASSES
    sharded.write(tmp_path, "parquet", logits=logits, labels=labels)
    with pytest.warns(
        RuntimeWarning, match=r"is nan; the first .* rows 9001\.\.9002 .*06\.parquet"
    ):
        assert np.isnan(evaluate(tmp_path, **COLUMNS).value)


def test_a_warning_of_a_worker_reaches_the_user_once(tmp_path: Path) -> None:
    for name in ("1", "2"):
        np.savez(tmp_path / f"{name}.npz", x=np.ones((2, 3, 1)), y=np.ones((2, 1, 3)))
    with pytest.warns(UserWarning, match=r"rows 0\.\.2 .*broadcast") as caught:
        evaluate(tmp_path, "mse_loss", input="x", target="y", run=shuffled)
    assert len(caught) == 1


@pytest.mark.parametrize("shape", [(2, 1), (2, 1, 2), (2, 4, 1)])
def test_inputs_that_broadcast_along_their_rows_are_refused(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    """The whole would have a loss for each two rows: parts cannot add up to it."""
    np.savez(tmp_path / "1.npz", x=np.ones(shape), y=np.ones(shape[:1]))
    with pytest.raises(IncompleteError, match=r"target \[2\] broadcast to .* expected"):
        evaluate(tmp_path, "mse_loss", input="x", target="y")


@pytest.mark.parametrize("name", ["nn.CrossEntropyLoss", "F.cross_entropy", "cross-entropy"])
def test_other_names(name: str) -> None:
    job = {"gradients": None, "gradient_type": "float32", "reduction": None, "backend": None}
    assert _work.job(name, {}, COLUMNS, **job).loss == "cross_entropy"
    wgloss.evaluate(name, input=LOGITS[:1], target=[0])


def test_arguments_are_checked_before_anything_is_read() -> None:
    for more, error, message in (
        ({"loss": "nothing"}, ValueError, "nothing"),
        ({"weights": "w"}, TypeError, '"weights" is not known; known: input, target, weight'),
        ({"target": None}, TypeError, "target: missing"),
        ({"input": LOGITS, "target": LABELS}, TypeError, "no input has rows"),
        ({"reduction": "none"}, ValueError, "reduction: none"),
        ({"gradients": "weight"}, ValueError, "gradients: weight"),
    ):
        with pytest.raises(error, match=message):
            evaluate("nowhere/*.parquet", **{**COLUMNS, **more})
    with pytest.raises(ValueError, match="data: an empty list"):
        evaluate([], **COLUMNS)
    with pytest.raises(ValueError, match="text.txt: not a kind of shard"):
        evaluate("text.txt", **COLUMNS)
    with pytest.raises(ValueError, match="different numbers of shards: input: 1, target: 2"):
        evaluate({"input": ["a.npy"], "target": ["a.npy", "b.npy"]})
    with pytest.raises(ValueError, match="a/x.npz.*b/x.npz.*have both"):
        evaluate(["a/x.npz", "b/x.npz"], gradients=True, gradients_to=Path("."), **COLUMNS)


@pytest.mark.parametrize(
    "module, package, extra",
    [("ray", "ray", "ray"), ("dask", "dask", "dask"), ("distributed", "torch", "torch")],
)
def test_an_engine_that_is_not_installed(module: str, package: str, extra: str) -> None:
    script = f"import sys; sys.modules['{package}'] = None; import wgloss.{module}"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 1
    assert f"pip install wgloss[{extra}]" in ran.stderr


def totals(first: int, end: int, of: int | None = ROWS, logits: np.ndarray = LOGITS) -> Any:
    rows = slice(first, end)
    evaluated = whole(logits[rows], LABELS[rows], part=(first, of))
    return _work.Part("part", first, end - first), evaluated.totals.to_bytes()


def test_collected_in_any_order() -> None:
    random.seed(0)
    for _ in range(5):
        cuts = sorted({0, ROWS, *random.sample(range(ROWS), 12)})
        parts = [totals(*cut) for cut in zip(cuts, cuts[1:], strict=False)]
        random.shuffle(parts)
        collected = _cluster.Collected()
        for part, data in parts:
            collected.add(part, data)
            collected.add(part, data)
        assert collected.totals() == whole().totals


def test_collected_refuses_what_differs_and_overlaps() -> None:
    collected = _cluster.Collected(wgloss.Totals.from_bytes(totals(0, 100)[1]))
    collected.add(*totals(4000, 5000))
    part = totals(4000, 5000)[0]
    with pytest.raises(ValueError, match="twice, and the results differ"):
        collected.add(part, totals(4000, 5000, logits=LOGITS + 1)[1])
    for first, end in ((99, 200), (3000, 4001), (4999, 6000), (4100, 4200), (3999, 5001)):
        with pytest.raises(ValueError, match="rows .* were evaluated before"):
            collected.add(*totals(first, end))
    assert collected.has(_work.Part("", 10, 90)) and not collected.has(_work.Part("", 10, 91))
    found = collected.totals()
    assert found is not None and found.covered == [(0, 100), (4000, 5000)]


X = np.arange(24, dtype=np.float32).reshape(6, 4)


def fixed(array: np.ndarray) -> Any:
    return pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])


@pytest.mark.parametrize(
    "column",
    [
        fixed(X),
        fixed(X.astype(np.float16)),
        pa.array(list(X)),
        pa.array(list(X.astype(np.float16)), pa.list_(pa.float16())),
        pa.array(list(X), pa.large_list(pa.float32())),
        pa.FixedShapeTensorArray.from_numpy_ndarray(X.reshape(6, 2, 2)),
        pa.array(X.reshape(6, 2, 2).tolist()),
        pa.array(X[:, 0]),
        pa.array(X[:, 0] % 2 == 0),
    ],
    ids=lambda column: str(column.type)[:30],
)
def test_columns(column: Any) -> None:
    table = pa.table({"x": column, "y": column})
    array = _columns.array(table, "x")
    expected = X[:, 0] % 2 == 0 if array.dtype == bool else X.reshape(6, *array.shape[1:-1], -1)
    expected = X[:, 0] if array.ndim == 1 and array.dtype != bool else expected
    assert len(array) == 6 and np.array_equal(array, expected.reshape(array.shape))
    assert "float16" not in str(column.type) or array.dtype == np.float16
    assert np.array_equal(_columns.array(table.slice(2, 3), "x"), array[2:5])
    assert np.array_equal(
        _columns.array(pa.concat_tables([table.slice(5, 1), table]), "x"), array[[5, *range(6)]]
    )
    assert len(_columns.array(table.slice(0, 0), "x")) == 0


@pytest.mark.parametrize(
    "column, message",
    [
        (pa.array([1, None]), "row 1 is null"),
        (pa.array([[1.0, 2.0], None]), "row 1 is null"),
        (pa.array([[1.0, 2.0], [1.0, None]]), "row 1 has a null"),
        (pa.array([[1.0, 2.0], [1.0, None]], pa.list_(pa.float64(), 2)), "row 1 has a null"),
        (pa.array([[1.0, 2.0], [1.0]]), r"row 1 has the shape \[1\], expected \[2\]"),
        (pa.array([[[1.0, 2.0], [3.0]], [[1.0], [1.0]]]), r"row 0 has the shape \[1\]"),
        (
            pa.chunked_array([pa.array([[1.0]]), pa.array([[1.0, 2.0]])]),
            r"row 1 has the shape \[2\]",
        ),
        (pa.array(["a", "b"]), "is of string, expected numbers"),
    ],
)
def test_columns_that_are_no_arrays(column: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f'column "x".* {message}|column "x" {message}'):
        _columns.array(pa.table({"x": column}), "x")
    with pytest.raises(ValueError, match='column "y" is not there; there are: x'):
        _columns.array(pa.table({"x": column}), "y")


def test_columns_of_pandas() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": list(X), "y": [1.0, np.nan] * 3, "z": range(6)})
    frame["nullable"] = frame.z.astype("Int64")
    frame["arrow"] = pd.Series(X.tolist(), dtype=pd.ArrowDtype(pa.list_(pa.float32())))
    for name, expected in (("x", X), ("z", np.arange(6)), ("nullable", np.arange(6)), ("arrow", X)):
        assert np.array_equal(_columns.array(frame, name), expected)
    # pandas has NaN where there may be no number; wgloss takes it as what it is.
    assert np.isnan(_columns.array(frame, "y")[1])
    frame.loc[2, "nullable"] = pd.NA
    frame.at[3, "x"] = None
    for name, row in (("nullable", 2), ("x", 3)):
        with pytest.raises(ValueError, match=f'column "{name}": row {row} is null'):
            _columns.array(frame, name)
