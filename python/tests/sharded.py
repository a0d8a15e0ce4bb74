"""A batch in shards of uneven sizes, for the tests of clusters, and one evaluation of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import wgloss

RANDOM = np.random.default_rng(0)
ROWS, CLASSES = 3 * 4096 + 777, 5
LOGITS = RANDOM.normal(size=(ROWS, CLASSES)).astype(np.float32)
LABELS = RANDOM.integers(0, CLASSES, ROWS)
LABELS[::7] = -100
LABELS[:1] = -100
"""The only label of the first shard: it has no kept row."""

CUTS = [0, 1, 1, 777, 4096 + 13, 4096 + 13, 9001, 9002, ROWS, ROWS]
"""No shard but the last begins or ends with a block of 4096, and three are empty."""

PARTS = [slice(first, end) for first, end in zip(CUTS, CUTS[1:], strict=False)]
OPTIONS: dict[str, Any] = {
    "weight": np.float32([0.5, 1, 2, 0.25, 3]),
    "label_smoothing": 0.1,
    "backend": "cpu",
}


def whole(logits: np.ndarray = LOGITS, labels: np.ndarray = LABELS, **more: Any) -> Any:
    """One evaluation on one machine."""
    return wgloss.evaluate(
        "cross_entropy", input=logits, target=labels, **{**OPTIONS, "totals": True, **more}
    )


def bits(numbers: Any) -> list[int]:
    return np.atleast_1d(np.asarray(numbers, np.float32)).ravel().view(np.uint32).tolist()


def same(result: Any, expected: Any) -> None:
    """All that a result tells of the whole is that of one evaluation, bit for bit."""
    assert bits(result.value) == bits(expected.value)
    assert result.totals == expected.totals
    assert result.totals.is_whole


def table(rows: slice, logits: np.ndarray = LOGITS, labels: np.ndarray = LABELS) -> Any:
    """The rows as a table of Arrow, with a column of lists of one length."""
    import pyarrow as pa

    numbers = pa.array(logits[rows].reshape(-1))
    lists = pa.FixedSizeListArray.from_arrays(numbers, logits.shape[1])
    return pa.table({"logits": lists, "label": labels[rows]})


def write(folder: Path, kind: str, parts: Sequence[slice] = tuple(PARTS), **data: Any) -> list[str]:
    """A file for each part, of rows with the names "logits" and "label"."""
    paths = []
    for number, rows in enumerate(parts):
        path = folder / f"{number:02}.{kind}"
        save(path, table(rows, **data))
        paths.append(str(path))
    return paths


def save(path: Path, rows: Any) -> None:
    import pyarrow.feather
    import pyarrow.parquet

    match path.suffix:
        case ".parquet":
            pyarrow.parquet.write_table(rows, path, row_group_size=1000)
        case ".arrow":
            with pyarrow.OSFile(str(path), "wb") as file:
                with pyarrow.ipc.new_file(file, rows.schema) as writer:
                    writer.write_table(rows, max_chunksize=1000)
        case ".feather":
            pyarrow.feather.write_feather(rows, path, compression="lz4")
        case ".npz":
            np.savez(path, **arrays(rows))
        case ".safetensors":
            from safetensors.numpy import save_file

            save_file(arrays(rows), path)
        case ".npy":
            for name, array in arrays(rows).items():
                np.save(path.with_suffix(f".{name}.npy"), array)


def arrays(rows: Any) -> dict[str, np.ndarray]:
    flat = rows.column("logits").combine_chunks().flatten().to_numpy()
    return {
        "logits": flat.reshape(rows.num_rows, -1) if rows.num_rows else flat.reshape(0, CLASSES),
        "label": rows.column("label").to_numpy(),
    }


def joined(result: Any, name: str = "input") -> np.ndarray:
    """The gradients of all parts, in their order."""
    return np.concatenate([np.load(part.gradients[name]) for part in result.parts])
