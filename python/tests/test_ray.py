"""`wgloss.ray` on a cluster of Ray's own: two workers on this machine, on the loopback interface."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import sharded
from sharded import CLASSES, LABELS, LOGITS, OPTIONS, PARTS, ROWS, bits, joined, same, whole

import wgloss

os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
ray = pytest.importorskip("ray")
pa = pytest.importorskip("pyarrow")
import wgloss.ray  # noqa: E402
from wgloss.ray import IncompleteError, evaluate  # noqa: E402

COLUMNS: dict[str, Any] = {"input": "logits", "target": "label", "workers": 2}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        logging_level="ERROR",
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def tables(**data: Any) -> list[Any]:
    return [sharded.table(rows, **data) for rows in PARTS]


def test_blocks_of_all_sizes() -> None:
    result = evaluate(ray.data.from_arrow(tables()), "cross_entropy", **COLUMNS, **OPTIONS)
    same(result, whole())
    rows = [one.stop - one.start for one in PARTS if one.stop > one.start]
    assert [part.part.rows for part in result.parts] == rows
    assert {type(part.worker) for part in result.parts} == {str}


def test_lists_of_half_precision() -> None:
    logits = LOGITS.astype(np.float16)
    blocks = [
        pa.table(
            {"logits": pa.array(list(logits[rows]), pa.list_(pa.float16())), "label": LABELS[rows]}
        )
        for rows in PARTS
    ]
    for reduction in ("mean", "sum"):
        more = {**COLUMNS, **OPTIONS, "reduction": reduction}
        result = evaluate(ray.data.from_arrow(blocks), "cross_entropy", **more)
        same(result, whole(logits, reduction=reduction))


def test_tensors_pandas_and_a_streamed_pipeline(tmp_path: Path) -> None:
    import pandas as pd

    frames = [pd.DataFrame({"logits": list(LOGITS[rows]), "label": LABELS[rows]}) for rows in PARTS]
    same(evaluate(ray.data.from_pandas(frames), "cross_entropy", **COLUMNS, **OPTIONS), whole())
    sharded.write(tmp_path, "parquet")
    read = ray.data.read_parquet(str(tmp_path), override_num_blocks=4)
    before = read.context.execution_options.preserve_order
    # Batches of Parquet's lists have an object for each row, and blocks of them are Ray's tensors.
    mapped = read.map_batches(
        lambda batch: {**batch, "logits": np.stack(batch["logits"])}, batch_size=1000
    )
    limited = evaluate(mapped.limit(12000), "cross_entropy", **COLUMNS, **OPTIONS)
    same(limited, whole(LOGITS[:12000], LABELS[:12000]))
    assert read.context.execution_options.preserve_order == before


def test_blocks_of_which_a_cut_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = ray.data.from_arrow(tables())
    bundles = dataset.iter_internal_ref_bundles

    def cut() -> Iterator[Any]:
        for bundle in bundles():
            yield from bundle.slice(7) if bundle.num_rows() > 7 else [bundle]

    monkeypatch.setattr(dataset, "iter_internal_ref_bundles", cut)
    result = evaluate(dataset, "cross_entropy", **COLUMNS, **OPTIONS)
    same(result, whole())
    assert [part.part.rows for part in result.parts][:3] == [1, 7, 769]


def test_gradients_of_blocks(tmp_path: Path) -> None:
    dataset = ray.data.from_arrow(tables())
    with pytest.raises(ValueError, match="gradients_to: missing"):
        evaluate(dataset, "cross_entropy", gradients=True, **COLUMNS, **OPTIONS)
    for reduction in ("mean", "sum"):
        more = {"gradients": "input", "reduction": reduction}
        expected = whole(**more)
        to = tmp_path / reduction
        result = evaluate(dataset, "cross_entropy", gradients_to=to, **more, **COLUMNS, **OPTIONS)
        same(result, expected)
        assert bits(joined(result)) == bits(expected.gradients["input"])
        names = [f"block-{number:06}.grad_input.npy" for number in range(len(result.parts))]
        assert sorted(os.listdir(to)) == names


def test_shards_with_gradients_beside_them(tmp_path: Path) -> None:
    sharded.write(tmp_path, "npy")
    shards = {"input": f"{tmp_path}/*.logits.npy", "target": f"{tmp_path}/*.label.npy"}
    expected = whole(gradients="input")
    result = evaluate(shards, "cross_entropy", gradients="input", workers=2, **OPTIONS)
    same(result, expected)
    assert bits(joined(result)) == bits(expected.gradients["input"])
    assert len(list(tmp_path.glob("*.logits.npy.grad_input.npy"))) == len(PARTS)


def test_class_probabilities_as_the_target() -> None:
    target = np.random.default_rng(1).dirichlet(np.ones(CLASSES), ROWS).astype(np.float32)
    blocks = [{"x": LOGITS[rows], "y": target[rows]} for rows in PARTS if rows.stop > rows.start]
    dataset = ray.data.range(len(blocks), override_num_blocks=len(blocks)).map_batches(
        lambda batch: blocks[int(batch["id"][0])]
    )
    result = evaluate(dataset, "cross_entropy", input="x", target="y", workers=2, backend="cpu")
    expected = wgloss.evaluate(
        "cross_entropy", input=LOGITS, target=target, totals=True, backend="cpu"
    )
    same(result, expected)


class Killer(threading.Thread):
    """Kills a worker's process with SIGKILL while it evaluates, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__(daemon=True)
        self.times = times
        self.killed: list[int] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        while len(self.killed) < self.times and not self.stopped.is_set():
            for process in psutil.Process().children(recursive=True):
                try:
                    busy = process.cmdline()[:1] == ["ray::_Worker.work"]
                    if busy and process.pid not in self.killed:
                        process.kill()
                        self.killed.append(process.pid)
                        break
                except psutil.Error:
                    pass  # It has ended by itself.
            time.sleep(0.002)

    def __enter__(self) -> "Killer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()


RANDOM = np.random.default_rng(2)
WIDE = {
    "input": RANDOM.normal(size=(6000, 64)).astype(np.float32),
    "target": RANDOM.integers(0, 3000, 6000),
}
SLOW = {"linear_weight": RANDOM.normal(size=(3000, 64)).astype(np.float32), "backend": "cpu"}
"""A product that takes a worker long enough to be killed in it."""


def slow_shards(folder: Path) -> dict[str, str]:
    for number, first in enumerate(range(0, 6000, 500)):
        np.savez(
            folder / f"{number:02}.npz",
            **{name: array[first : first + 500] for name, array in WIDE.items()},
        )
    return {name: f"{folder}/*.npz:{name}" for name in WIDE}


def test_a_worker_that_is_killed_changes_nothing(tmp_path: Path) -> None:
    shards = slow_shards(tmp_path)
    before = set(os.listdir(tmp_path))
    with Killer(2) as killer:
        result = evaluate(shards, "linear_cross_entropy", gradients="input", workers=2, **SLOW)
    assert len(killer.killed) == 2
    expected = wgloss.evaluate(
        "linear_cross_entropy", **WIDE, **SLOW, gradients="input", totals=True
    )
    same(result, expected)
    assert bits(joined(result)) == bits(expected.gradients["input"])
    made = set(os.listdir(tmp_path)) - before
    assert made == {f"{number:02}.npz.grad_input.npy" for number in range(12)}


def test_a_worker_that_stays_dead(tmp_path: Path) -> None:
    shards = slow_shards(tmp_path)
    with Killer(1) as killer:
        with pytest.raises(IncompleteError, match=r"rows .*npz.*ActorDiedError") as caught:
            evaluate(shards, "linear_cross_entropy", workers=2, retries=0, **SLOW)
    assert len(killer.killed) == 1
    error = caught.value
    # It had no more than two parts, and got no others.
    assert error.missing and 1 <= len(error.failures) <= 2
    for failed in error.failures:
        assert any(
            first <= failed.part.first and failed.part.end <= end for first, end in error.missing
        )
    result = evaluate(shards, "linear_cross_entropy", workers=2, resume=error.totals, **SLOW)
    assert len(result.parts) == len(error.failures)
    same(result, wgloss.evaluate("linear_cross_entropy", **WIDE, **SLOW, totals=True))


def test_a_bad_block_is_named_and_nothing_is_lost() -> None:
    labels = LABELS.copy()
    labels[4000] = 99
    bad = ray.data.from_arrow(tables(labels=labels))
    with pytest.raises(IncompleteError, match=r"rows 777\.\.4109 \(block 2\): .*99") as caught:
        evaluate(bad, "cross_entropy", **COLUMNS, **OPTIONS)
    assert isinstance(caught.value.__cause__, IndexError)
    assert caught.value.missing == [(777, 4109)]
    result = evaluate(
        ray.data.from_arrow(tables()),
        "cross_entropy",
        resume=caught.value.totals,
        **COLUMNS,
        **OPTIONS,
    )
    same(result, whole())
    assert [part.part.first for part in result.parts] == [777]


def test_columns_that_are_no_arrays_are_named() -> None:
    rows = pa.table({"logits": pa.array([[1.0, 2.0], [3.0]]), "label": [0, 1]})
    with pytest.raises(IncompleteError) as caught:
        evaluate(ray.data.from_arrow([rows]), "cross_entropy", **COLUMNS)
    assert type(caught.value.__cause__) is ValueError
    assert 'column "logits": row 1' in str(caught.value.__cause__)


def test_a_pipeline_that_breaks_keeps_what_was_done() -> None:
    def broken(batch: dict[str, Any]) -> dict[str, Any]:
        if int(batch["id"][0]) == 3:
            raise KeyError("this one")
        return {"x": batch["id"].astype(np.float32), "y": 0.0 * batch["id"]}

    dataset = ray.data.range(5, override_num_blocks=5).map_batches(broken)
    with pytest.raises(IncompleteError, match="rows from . on .the rest of the data") as caught:
        evaluate(dataset, "mse_loss", input="x", target="y", workers=1)
    assert "this one" in str(caught.value.__cause__)
    totals = caught.value.totals
    assert totals is None or (totals.of is None and totals.covered[0][0] == 0)
    with pytest.raises(ValueError, match="no rows"):
        evaluate(ray.data.from_arrow(tables()[:0]), "mse_loss", input="x", target="y", workers=1)


def test_missing_and_truncated_shards(tmp_path: Path) -> None:
    paths = sharded.write(tmp_path, "parquet")
    Path(paths[6]).write_bytes(Path(paths[6]).read_bytes()[:-9])
    os.remove(paths[3])
    with pytest.raises(IncompleteError, match=rf"(?s){paths[3]}.*{paths[6]}"):
        evaluate(paths, "cross_entropy", **COLUMNS, **OPTIONS)


def test_what_is_no_dataset() -> None:
    with pytest.raises(TypeError, match="data: int, expected a ray.data.Dataset or shards"):
        evaluate(7, "cross_entropy", **COLUMNS)
