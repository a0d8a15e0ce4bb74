"""`wgloss.dask` on a cluster of Dask's own (two workers on the loopback interface), and without one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sharded
from sharded import CUTS, LABELS, LOGITS, OPTIONS, PARTS, ROWS, bits, joined, same, whole

import wgloss

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")
import wgloss.dask  # noqa: E402
from wgloss.dask import IncompleteError, evaluate  # noqa: E402

COLUMNS: dict[str, Any] = {"input": "logits", "target": "label"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture(params=["cluster", "threads"])
def scheduler(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test with a client that is current, and with the local scheduler."""
    if request.param == "threads":
        yield request.param
        return
    with distributed.Client(request.getfixturevalue("cluster")):
        yield request.param


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    with distributed.Client(cluster) as client:
        yield client


def test_shards_and_their_gradients(scheduler: str, tmp_path: Path) -> None:
    sharded.write(tmp_path, "parquet")
    for reduction in ("mean", "sum"):
        more = {"gradients": "input", "reduction": reduction}
        expected = whole(**more)
        result = evaluate(tmp_path, "cross_entropy", **more, **COLUMNS, **OPTIONS)
        same(result, expected)
        assert bits(joined(result)) == bits(expected.gradients["input"])
    names = [f"{number:02}.parquet.grad_input.npy" for number in range(len(PARTS))]
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".npy") == names
    here = str(os.getpid())
    assert {part.worker.endswith(f":{here}") for part in result.parts} == {scheduler == "threads"}


def test_arrays(scheduler: str, tmp_path: Path) -> None:
    chunks = tuple(np.diff(CUTS).tolist())
    logits = da.from_array(LOGITS.astype(np.float16), chunks=(chunks, (2, 3)))
    labels = da.from_array(LABELS, chunks=1000)
    more = {"gradients": "input", "gradient_type": "input"}
    expected = whole(LOGITS.astype(np.float16), **more)
    arrays = {"input": logits, "target": labels}
    result = evaluate(arrays, "cross_entropy", gradients_to=tmp_path, **more, **OPTIONS)
    same(result, expected)
    assert np.array_equal(joined(result), expected.gradients["input"])
    unknown = {"input": logits[labels != -100], "target": labels[labels != -100]}
    with pytest.raises(ValueError, match="input: the chunks have unknown sizes"):
        evaluate(unknown, "cross_entropy")
    with pytest.raises(ValueError, match="target: 9 rows, expected 13065 as input"):
        evaluate({"input": logits, "target": labels[:9]}, "cross_entropy")
    with pytest.raises(TypeError, match="target: ndarray, expected an array of Dask's"):
        evaluate({"input": logits, "target": LABELS}, "cross_entropy")


def test_frames(scheduler: str, tmp_path: Path) -> None:
    sharded.write(tmp_path, "parquet")
    frame = dd.read_parquet(tmp_path)
    same(evaluate(frame, "cross_entropy", **COLUMNS, **OPTIONS), whole())
    flat = pd.DataFrame({"x": LOGITS[:, 0], "y": LOGITS[:, 1], "z": "text"})
    parts = dd.from_pandas(flat, npartitions=5)
    expected = wgloss.evaluate(
        "mse_loss", input=LOGITS[:, 0], target=LOGITS[:, 1], totals=True, backend="cpu"
    )
    same(evaluate(parts, "mse_loss", input="x", target="y", backend="cpu"), expected)
    with pytest.raises(ValueError, match='"w" is not there; there are: x, y, z'):
        evaluate(parts, "mse_loss", input="x", target="w")


def test_delayed_tables(scheduler: str) -> None:
    @dask.delayed
    def load(rows: slice) -> Any:
        match rows.start % 3:
            case 0:
                return {"logits": LOGITS[rows], "label": LABELS[rows]}
            case 1:
                return sharded.table(rows)
        return pd.DataFrame({"logits": list(LOGITS[rows]), "label": LABELS[rows]})

    tables = [load(rows) for rows in PARTS]
    same(evaluate(tables, "cross_entropy", **COLUMNS, **OPTIONS), whole())


def test_a_bad_label_and_a_table_that_cannot_be_made(scheduler: str) -> None:
    labels = LABELS.copy()
    labels[4000] = 99
    arrays = {
        "input": da.from_array(LOGITS, chunks=(1000, 5)),
        "target": da.from_array(labels, chunks=1000),
    }
    with pytest.raises(IncompleteError, match=r"rows 4000\.\.5000 \(block 4\): .*99") as caught:
        evaluate(arrays, "cross_entropy", **OPTIONS)
    assert isinstance(caught.value.__cause__, IndexError)
    assert caught.value.missing == [(4000, 5000)]
    arrays["target"] = da.from_array(LABELS, chunks=1000)
    repaired = evaluate(arrays, "cross_entropy", resume=caught.value.totals, **OPTIONS)
    same(repaired, whole())
    assert len(repaired.parts) == 1

    def broken(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info and block_info[0]["chunk-location"][0] == 3:
            raise RuntimeError("this one")
        return block

    arrays["input"] = arrays["input"].map_blocks(broken, dtype=np.float32)
    with pytest.raises(IncompleteError, match=r"rows 3000\.\.4000 .*: this one") as caught:
        evaluate(arrays, "cross_entropy", retries=0, **OPTIONS)
    assert caught.value.missing == [(3000, 4000)]


def test_missing_and_truncated_shards(scheduler: str, tmp_path: Path) -> None:
    paths = sharded.write(tmp_path, "parquet")
    Path(paths[6]).write_bytes(Path(paths[6]).read_bytes()[:-9])
    os.remove(paths[3])
    with pytest.raises(IncompleteError, match=rf"(?s){paths[3]}.*{paths[6]}"):
        evaluate(paths, "cross_entropy", **COLUMNS, **OPTIONS)


def test_a_table_that_cannot_be_counted_is_named(scheduler: str) -> None:
    @dask.delayed
    def load(number: int) -> Any:
        if number == 1:
            raise OSError("no such disk")
        return {"x": np.ones(3), "y": np.ones(3)}

    with pytest.raises(IncompleteError, match="1 of 3 parts .*\n.*block 1: .*no such disk"):
        evaluate([load(n) for n in range(3)], "mse_loss", input="x", target="y", retries=0)


def once(path: str) -> bool:
    """Whether a file was not there before."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def test_a_worker_that_is_killed_changes_nothing(client: Any, tmp_path: Path) -> None:
    """Two processes kill themselves in the middle, as the kernel does to those that need much memory."""
    marks = [str(tmp_path / f"killed-{number}") for number in range(2)]

    def deadly(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        place = block_info[0]["chunk-location"][0] if block_info else None
        if place in (2, 9) and once(marks[place // 9]):
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    logits = da.from_array(LOGITS, chunks=(1000, 5)).map_blocks(deadly, dtype=np.float32)
    arrays = {"input": logits, "target": da.from_array(LABELS, chunks=1000)}
    to = tmp_path / "gradients"
    result = evaluate(arrays, "cross_entropy", gradients="input", gradients_to=to, **OPTIONS)
    assert all(map(os.path.exists, marks))
    expected = whole(gradients="input")
    same(result, expected)
    assert bits(joined(result)) == bits(expected.gradients["input"])
    assert len(os.listdir(to)) == len(result.parts) == 14


def test_a_part_that_kills_every_worker_is_named(client: Any) -> None:
    def deadly(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info and block_info[0]["chunk-location"][0] == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    logits = da.from_array(LOGITS, chunks=(5000, 5)).map_blocks(deadly, dtype=np.float32)
    arrays = {"input": logits, "target": da.from_array(LABELS, chunks=5000)}
    client.run_on_scheduler(allow_failures, 0)
    with pytest.raises(IncompleteError, match=r"rows 10000\.\.13065 .*KilledWorker") as caught:
        evaluate(arrays, "cross_entropy", **OPTIONS)
    client.run_on_scheduler(allow_failures, 3)
    assert caught.value.missing[-1][1] == ROWS


def allow_failures(number: int, dask_scheduler: Any = None) -> None:
    dask_scheduler.allowed_failures = number


def test_what_is_no_collection() -> None:
    with pytest.raises(TypeError, match="data: int, expected a DataFrame of Dask's"):
        evaluate(7, "cross_entropy", **COLUMNS)
