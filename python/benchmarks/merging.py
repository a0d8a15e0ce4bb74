"""What totals of many shards take to merge: time, memory, and bytes that travel, as a Markdown table.

Each shard is an evaluation (of mean squared error, one loss for each row) at its place in a batch of all
rows; its data are a window of the same random numbers, so that nothing is read. Shards come in random
order and are added up as `wgloss.ray` and `wgloss.dask` do it. Time and memory are those of the driver's
part: evaluations take place in another process, a thousand at a time.
"""

import argparse
import multiprocessing
import os
import random
import resource
import time
from collections.abc import Iterator

import numpy as np

import wgloss
from wgloss._cluster import Collected
from wgloss._work import Part

BASE = np.random.default_rng(0).standard_normal((2, 1 << 17), np.float32)
CHUNK = 1000


def evaluated(parts: list[Part], of: int) -> list[bytes]:
    """The bytes of the totals of some shards."""
    answers = []
    for part in parts:
        window = part.first % (BASE.shape[1] - part.rows)
        prediction, target = BASE[:, window : window + part.rows]
        evaluation = wgloss.evaluate(
            "mse_loss",
            input=prediction,
            target=target,
            totals=True,
            part=(part.first, of),
            backend="cpu",
        )
        answers.append(evaluation.totals.to_bytes())
    return answers


def shards(count: int, rows: int, spread: int) -> list[Part]:
    """Shards of some rows each, more or less."""
    sizes = [rows + random.randint(-spread, spread) for _ in range(count)]
    first, parts = 0, []
    for size in sizes:
        parts.append(Part("", first, size))
        first += size
    return parts


def arriving(
    pool: "multiprocessing.pool.Pool", parts: list[Part], of: int
) -> Iterator[list[bytes]]:
    for first in range(0, len(parts), CHUNK):
        yield pool.apply(evaluated, (parts[first : first + CHUNK], of))


def merge(name: str, count: int, rows: int, spread: int, in_order: bool) -> None:
    """Prints a row of the table."""
    random.seed(0)
    parts = shards(count, rows, spread)
    of = parts[-1].end
    if not in_order:
        random.shuffle(parts)
    collected, seconds, sizes = Collected(), 0.0, []
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for first, answers in zip(range(0, count, CHUNK), arriving(pool, parts, of), strict=True):
            begun = time.perf_counter()
            for part, answer in zip(parts[first : first + CHUNK], answers, strict=True):
                collected.add(part, answer)
            seconds += time.perf_counter() - begun
            sizes += map(len, answers)
        begun = time.perf_counter()
        totals = collected.totals()
        seconds += time.perf_counter() - begun
    assert totals is not None and totals.is_whole and totals.count == of
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"| {name} | {of:,} | {np.mean(sizes):,.0f} | {max(sizes):,} | {seconds:.1f} s "
        f"| {seconds / count * 1e6:.0f} µs | {peak:,.0f} MB | {len(totals.to_bytes()):,} "
        f"| {np.float32(totals.value).view(np.uint32):08x} |",
        flush=True,
    )


CASES = {
    "whole blocks, random order": (8192, 0, False),
    "cut anywhere, in order": (10_000, 3000, True),
    "cut anywhere, random order": (10_000, 3000, False),
}


def main() -> None:
    """Runs each case in a process of its own, whose peak memory is its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=100_000)
    shards = parser.parse_args().shards
    print(f"{shards:,} shards, {os.cpu_count()} cores, wgloss {wgloss.__version__}\n")
    print(
        "| shards | rows | bytes of a part, mean | most | merging | each | memory | bytes of all | bits |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for name, (rows, spread, in_order) in CASES.items():
        process = multiprocessing.get_context("fork").Process(
            target=merge, args=(name, shards, rows, spread, in_order)
        )
        process.start()
        process.join()
        assert process.exitcode == 0


if __name__ == "__main__":
    main()
