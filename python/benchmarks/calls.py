"""What a call costs: value and gradient of losses, in milliseconds, as a Markdown table.

PyTorch and wgloss.torch run forward and backward, `evaluate` takes NumPy arrays, and the program's
time (`wgloss bench`) is that of the backend alone. The contenders take turns, and each number is
the median of all runs; what a run returns is freed outside of its time. Let the machine be quiet.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import wgloss
import wgloss.torch

Inputs = dict[str, np.ndarray]


class Case:
    """A loss of inputs of some size, and the program's workload that is the same, if any."""

    def __init__(
        self, name: str, loss: str, make: Callable[[], Inputs], workload: str = ""
    ) -> None:
        self.name, self.loss, self.make, self.workload = name, loss, make, workload


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def regression(count: int) -> Callable[[], Inputs]:
    return lambda: {"input": normal(count), "target": normal(count)[::-1].copy()}


def binary(count: int) -> Callable[[], Inputs]:
    return lambda: {"input": normal(count), "target": (normal(count) > 0).astype(np.float32)}


def counts(count: int) -> Callable[[], Inputs]:
    return lambda: {"input": normal(count), "target": abs(normal(count))}


def classification(rows: int, classes: int) -> Callable[[], Inputs]:
    def make() -> Inputs:
        target = np.random.default_rng(1).integers(0, classes, rows)
        return {"input": normal(rows, classes), "target": target}

    return make


SMALL = [
    Case("mse, 1024", "mse_loss", regression(1024), "small_mse_fwdbwd"),
    Case("smooth l1, 1024", "smooth_l1_loss", regression(1024)),
    Case("bce with logits, 1024", "binary_cross_entropy_with_logits", binary(1024)),
    Case("poisson nll, 1024", "poisson_nll_loss", counts(1024)),
    Case("cross entropy, 32 x 32", "cross_entropy", classification(32, 32)),
    Case("cross entropy, 1 x 1024", "cross_entropy", classification(1, 1024)),
]
LARGE = [
    Case("mse, 2^24", "mse_loss", regression(1 << 24), "mse_fwdbwd"),
    Case(
        "bce with logits, 2^24",
        "binary_cross_entropy_with_logits",
        binary(1 << 24),
        "bce_logits_fwdbwd",
    ),
    Case("cross entropy, 8192 x 1000", "cross_entropy", classification(8192, 1000)),
    Case(
        "cross entropy, 16384 x 1000",
        "cross_entropy",
        classification(16384, 1000),
        "ce_16384x1000_fwdbwd",
    ),
    Case(
        "cross entropy, 512 x 32000",
        "cross_entropy",
        classification(512, 32000),
        "ce_512x32000_fwdbwd",
    ),
]
COLUMNS = ["PyTorch", "wgloss.torch", "wgloss.evaluate", "program"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long a turn takes at least")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch")
    parser.add_argument("--backend", default="cpu", help="wgloss's backend")
    parser.add_argument("--only", choices=["small", "large"])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    wgloss.set_default_backend(arguments.backend)
    print("| value and gradient | " + " | ".join(COLUMNS) + " |")
    print("| --- |" + " ---: |" * len(COLUMNS))
    small = SMALL if arguments.only != "large" else []
    large = LARGE if arguments.only != "small" else []
    for case in small + large:
        times = measured(case, arguments)
        cells = [f"{times[column]:.4g}" if column in times else "-" for column in COLUMNS]
        print(f"| {case.name} | " + " | ".join(cells) + " |", flush=True)
    load = " ".join(f"{one:.2f}" for one in os.getloadavg())
    print(f"\nPyTorch {torch.__version__} with {arguments.threads} threads; load averages {load}.")


def measured(case: Case, arguments: argparse.Namespace) -> dict[str, float]:
    runs = contenders(case)
    check(case, runs)
    times: dict[str, list[float]] = {column: [] for column in runs}
    program: list[float] = []
    for _ in range(arguments.rounds):
        for column, run in runs.items():
            times[column] += turn(run, arguments.seconds)
        if case.workload and arguments.backend in ("cpu", "gpu"):
            program.append(of_program(case.workload, arguments.backend))
    medians = {column: statistics.median(each) for column, each in times.items()}
    return medians | ({"program": statistics.median(program)} if program else {})


def contenders(case: Case) -> dict[str, Callable[[], Any]]:
    arrays = case.make()
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    leaf = tensors["input"].requires_grad_()
    theirs, ours = (getattr(one, case.loss) for one in (torch.nn.functional, wgloss.torch))

    def of_torch(loss: Callable[..., torch.Tensor]) -> Callable[[], Any]:
        def run() -> Any:
            value = loss(**tensors)
            value.backward()
            gradient, leaf.grad = leaf.grad, None
            return value, gradient

        return run

    def of_numpy() -> Any:
        result = wgloss.evaluate(case.loss, **arrays, gradients=("input",))
        return result.value, result.gradients["input"]

    return {
        "PyTorch": of_torch(theirs),
        "wgloss.torch": of_torch(ours),
        "wgloss.evaluate": of_numpy,
    }


def check(case: Case, runs: dict[str, Callable[[], Any]]) -> None:
    values = [float(torch.as_tensor(run()[0]).detach()) for run in runs.values()]
    if not np.allclose(values, values[0], rtol=1e-4):
        raise SystemExit(f"{case.name}: the losses differ: {values}")


def turn(run: Callable[[], Any], seconds: float) -> list[float]:
    """Milliseconds of each run."""
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        kept = run()
        times.append(1e3 * (time.perf_counter() - start))
        del kept
    return times


def of_program(workload: str, backend: str) -> float:
    command = [sys.executable, "-m", "wgloss", "bench", "--json", "--backend", backend, workload]
    ran = subprocess.run(command, capture_output=True, check=True, text=True)
    return float(json.loads(ran.stdout)["rows"][0]["median_ms"])


if __name__ == "__main__":
    main()
