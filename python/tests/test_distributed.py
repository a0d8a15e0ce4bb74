"""`wgloss.distributed` in processes of torch.distributed, with gloo on the loopback interface."""

import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sharded import LABELS, LOGITS, OPTIONS, ROWS, bits, same, whole

import wgloss

torch = pytest.importorskip("torch")
dist = pytest.importorskip("torch.distributed")
multiprocessing = pytest.importorskip("torch.multiprocessing")
from wgloss.distributed import evaluate  # noqa: E402

RANKS = 3
CUTS = [0, 4096 + 13, 4096 + 13, ROWS]
"""The second rank has no rows."""


def test_ranks(tmp_path: Path) -> None:
    """Everything in one group of processes, as each of them takes seconds to start."""
    multiprocessing.spawn(ranks, args=(tmp_path,), nprocs=RANKS, join=True)
    done = {path.name for path in tmp_path.glob("*.done")}
    assert done == {f"{check.__name__}.{rank}.done" for check in CHECKS for rank in range(RANKS)}


def ranks(rank: int, folder: Path) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=RANKS,
        timeout=timedelta(seconds=30),
    )
    for check in CHECKS:
        check(rank)
        (folder / f"{check.__name__}.{rank}.done").touch()
    dist.destroy_process_group()


def own(rank: int) -> dict[str, np.ndarray]:
    rows = slice(CUTS[rank], CUTS[rank + 1])
    return {"input": LOGITS[rows], "target": LABELS[rows]}


def values_and_gradients(rank: int) -> None:
    for reduction in ("mean", "sum"):
        more = {"gradients": "input", "reduction": reduction}
        expected = whole(**more)
        result = evaluate("cross_entropy", **own(rank), **more, **OPTIONS)
        same(result, expected)
        assert result.part == (CUTS[rank], ROWS)
        gradient = expected.gradients["input"][CUTS[rank] : CUTS[rank + 1]]
        assert result.gradients["input"].shape == gradient.shape
        assert bits(result.gradients["input"]) == bits(gradient)


def tensors(rank: int) -> None:
    given = {name: torch.from_numpy(array) for name, array in own(rank).items()}
    given["input"] = given["input"].half()
    expected = whole(LOGITS.astype(np.float16))
    result = evaluate("cross_entropy", **given, gradients=True, **OPTIONS)
    same(result, expected)
    assert isinstance(result.gradients["input"], torch.Tensor)


def rows_in_another_order(rank: int) -> None:
    """The first rank has the last rows, as `part` says."""
    other = RANKS - 1 - rank
    result = evaluate("cross_entropy", **own(other), part=(CUTS[other], ROWS), **OPTIONS)
    same(result, whole())


def a_group_of_some(rank: int) -> None:
    group = dist.new_group([0, 2])
    if rank != 1:
        same(evaluate("cross_entropy", **own(rank), group=group, **OPTIONS), whole())


def a_custom_loss(rank: int) -> None:
    loss = wgloss.Custom(
        "struct Parameters { k: f32 } fn value(p: f32, t: f32, c: Parameters) -> f32 { return c.k * p * t; }"
    )
    rows = slice(CUTS[rank], CUTS[rank + 1])
    result = evaluate(loss, p=LOGITS[rows], t=LOGITS[rows], k=0.5, backend="cpu")
    same(result, wgloss.evaluate(loss, p=LOGITS, t=LOGITS, k=0.5, totals=True, backend="cpu"))


def errors_are_raised_on_all_ranks(rank: int) -> None:
    given = own(rank)
    if rank == 2:
        given["target"] = given["target"].copy()
        given["target"][5] = 99
    with pytest.raises(RuntimeError, match=r"rank 2: IndexError: target\[5\] is 99") as caught:
        evaluate("cross_entropy", **given, **OPTIONS)
    assert isinstance(caught.value.__cause__, IndexError)
    if rank == 0:
        del given["input"]
    with pytest.raises(RuntimeError, match="rank 0: .*input"):
        evaluate("cross_entropy", **given, **OPTIONS)
    with pytest.raises(RuntimeError, match="rank 0: .*no_such_loss"):
        evaluate("no_such_loss", input=LOGITS, target=LABELS)
    more = {"weight": None} if rank == 0 else {}
    with pytest.raises(ValueError, match="weights|cross_entropy"):
        evaluate("cross_entropy", **own(rank), **{**OPTIONS, **more})
    gradients = "input" if rank == 0 else None
    with pytest.raises(ValueError, match="gradients: given on some ranks only"):
        evaluate("cross_entropy", **own(rank), gradients=gradients, **OPTIONS)
    with pytest.raises(ValueError, match="."):
        evaluate("cross_entropy", **own(rank), part=(0, ROWS), **OPTIONS)
    with pytest.raises(ValueError, match="no rank has rows 13065..13066"):
        evaluate("cross_entropy", **own(rank), part=(CUTS[rank], ROWS + 1), **OPTIONS)
    with pytest.raises(ValueError, match="no rank has any rows"):
        evaluate("cross_entropy", **own(1), **OPTIONS)
    # After all of that the ranks still agree.
    same(evaluate("cross_entropy", **own(rank), **OPTIONS), whole())


CHECKS = [
    values_and_gradients,
    tensors,
    rows_in_another_order,
    a_group_of_some,
    a_custom_loss,
    errors_are_raised_on_all_ranks,
]
