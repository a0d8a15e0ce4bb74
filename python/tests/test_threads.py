"""Calls from several threads, processes and interruptions."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from samples import LOSSES, inputs

import wgloss

LARGE = np.random.default_rng(0).normal(size=(1 << 13, 1 << 11)).astype(np.float32)


def bits(name: str) -> list[bytes]:
    result = wgloss.evaluate(name, **inputs(name, rows=50, classes=7), gradients=True)
    return [np.asarray(one).tobytes() for one in (result.value, *result.gradients.values())]


def test_threads_give_the_bits_of_one_after_the_other(backend: str) -> None:
    names = LOSSES * 4
    alone = [bits(name) for name in names]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(bits, names)) == alone


def test_threads_share_a_custom_loss_and_totals(backend: str) -> None:
    custom = wgloss.Custom("fn value(p: f32, t: f32) -> f32 { let d = p - t; return d * d; }")
    x = np.arange(5000, dtype=np.float32)
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: float(custom(x, x + 2)), range(64)))
    assert values == {4.0}


def long_evaluation() -> None:
    wgloss.evaluate("log_cosh_loss", input=LARGE, target=LARGE[::-1], gradients=True)


def test_other_threads_run_meanwhile(backend: str) -> None:
    long_evaluation()
    count, done = 0, threading.Event()

    def work() -> None:
        for _ in range(5):
            long_evaluation()
        done.set()

    worker = threading.Thread(target=work)
    start = time.perf_counter()
    worker.start()
    longest, last = 0.0, start
    while not done.is_set():
        count += 1
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    worker.join()
    seconds = last - start
    assert count > 100
    # If the interpreter's lock were held, this thread would stand still for whole evaluations.
    assert longest < max(0.1, seconds / 4), (longest, seconds, count)


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np, wgloss
wgloss.set_default_backend(sys.argv[1])
if sys.argv[1] == "cpu":
    name, rows = "linear_cross_entropy", 1 << 16
    given = {"input": np.ones((rows, 64), "f4"), "linear_weight": np.ones((1 << 15, 64), "f4")}
else:
    name, rows = "cross_entropy", 1 << 14
    given = {"input": np.ones((rows, 1 << 15), "f4")}
given["target"] = np.zeros(rows, np.int64)
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
start = time.perf_counter()
try:
    wgloss.evaluate(name, **given, gradients=("input",))
except KeyboardInterrupt:
    print("interrupted", time.perf_counter() - start)
else:
    print("finished", time.perf_counter() - start)
print(float(wgloss.mse_loss([1.0], [3.0])))
"""


def test_an_interruption_is_answered(backend: str) -> None:
    """Some seconds of work: on a GPU in pieces, as what was submitted to it cannot be stopped."""
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, backend], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()
    what, seconds = first.split()
    assert what == "interrupted", first
    assert float(seconds) < 1.5
    assert second == "4.0"


def test_a_handler_of_signals_runs_meanwhile() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: seen.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        deadline = time.monotonic() + 30
        while not seen and time.monotonic() < deadline:
            long_evaluation()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen == [signal.SIGALRM]


FORKED = """
import os, sys
import numpy as np, wgloss
x = np.ones((2000, 300), np.float32)
assert wgloss.mse_loss(x, 0 * x, backend="cpu") == 1
child = os.fork()
if not child:
    value = wgloss.cross_entropy(x, np.zeros(2000, np.int64), backend="cpu")
    os._exit(0 if abs(float(value) - np.log(300)) < 1e-5 else 3)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_computes_on_the_cpu() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == "0", ran.stderr


SPAWNED = """
import multiprocessing, sys
import wgloss


def value(x):
    return float(wgloss.mse_loss([x], [0.0], backend="cpu"))


if __name__ == "__main__":
    assert value(1.0) == 1
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        assert pool.map(value, [1.0, 2.0, 3.0]) == [1.0, 4.0, 9.0]
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_pools_of_processes(method: str, tmp_path: "os.PathLike[str]") -> None:
    script = os.path.join(tmp_path, "script.py")
    with open(script, "w") as file:
        file.write(SPAWNED)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", script, method],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
