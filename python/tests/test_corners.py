"""What a second look found: each was wrong once."""

import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import wgloss

SINES = "fn value(a: f32, b: f32, c: f32) -> f32 { return exp(sin(a * b) * cos(c)); }"


def run(text: str, *arguments: str) -> str:
    """Runs a program of its own, which does not hang."""
    ran = subprocess.run(
        [sys.executable, "-c", text, *arguments], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


FORKED = """
import os, sys, warnings
import numpy as np, wgloss
warnings.simplefilter("error")
big = np.zeros((2000, 2000), np.float32)
wgloss.mse_loss(big, big, backend="cpu")
plan = wgloss.Plan("mse_loss", input=big[:2], target=big[:2]) if wgloss.adapters() else None
if os.fork() == 0:
    big[5, 7] = np.nan
    try:
        wgloss.mse_loss(big, 0 * big, backend="cpu")
        os._exit(2)
    except RuntimeWarning as warning:
        assert "the first is [5, 0], nan" not in str(warning)
        assert "the first is [5, 7], NaN" in str(warning), warning
    for call in (plan.run, plan.download, lambda: plan.upload(input=big[:2])) if plan else ():
        try:
            call()
            os._exit(3)
        except RuntimeError as error:
            assert "forked" in str(error), error
    os._exit(0)
_, status = os.wait()
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
def test_a_forked_process_warns_and_refuses() -> None:
    run(FORKED)


# Where a shell has signals ignored, as for jobs in the background, Python does not answer them.
INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np, wgloss
signal.signal(signal.SIGINT, signal.default_int_handler)
count = 400
shapes = (count, 1, 1), (1, count, 1), (1, 1, count)
a, b, c = (np.ones(shape, np.float32) for shape in shapes)
loss = wgloss.Custom(sys.argv[1])
threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
start = time.perf_counter()
try:
    while True:
        loss(a, b, c, backend="cpu")
except KeyboardInterrupt:
    print(time.perf_counter() - start)
"""


def test_small_inputs_that_broadcast_are_long_work() -> None:
    assert float(run(INTERRUPTED, SINES)) < 2.5


def test_the_lock_is_released_for_small_inputs_that_broadcast() -> None:
    shapes = (300, 1, 1), (1, 300, 1), (1, 1, 300)
    arrays = [np.ones(shape, np.float32) for shape in shapes]
    loss, ticks, done = wgloss.Custom(SINES), 0, threading.Event()

    def work() -> None:
        for _ in range(3):
            loss(*arrays, backend="cpu")
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        ticks += 1
        time.sleep(0.001)
    thread.join()
    assert ticks > 10


def test_a_download_that_is_not_finite_is_told() -> None:
    if not wgloss.adapters():
        pytest.skip("there is no GPU and no software adapter")
    plan = wgloss.Plan("mse_loss", input=np.array([np.nan]), target=np.array([0.0]))
    plan.run()
    with pytest.warns(RuntimeWarning, match="mse_loss: the loss is NaN"):
        plan.download()


def test_a_plan_takes_what_evaluate_takes() -> None:
    if not wgloss.adapters():
        pytest.skip("there is no GPU and no software adapter")
    x = np.arange(6, dtype=np.float64).reshape(2, 3)
    inputs = {"input": x, "target": x[::-1] / 2}
    settings = {"gradients": True, "loss_weight": 0.5, "loss_scale": 4.0}
    plan = wgloss.Plan(
        "smooth_l1_loss", upstream=np.float64(3.0), totals=True, **inputs, **settings
    )
    plan.run(3)
    got = plan.download()
    expected = wgloss.evaluate(
        "smooth_l1_loss", upstream=3.0, totals=True, backend="gpu", **inputs, **settings
    )
    assert got.value == expected.value
    # A plan does not know where its rows lie.
    assert got.totals.at(0, 2) == expected.totals
    for name in ("input", "target"):
        np.testing.assert_array_equal(got.gradients[name], expected.gradients[name])
    plan.upload(upstream=6.0)
    plan.run()
    np.testing.assert_array_equal(
        plan.download().gradients["input"], 2 * expected.gradients["input"]
    )
    assert "smooth_l1_loss" in repr(plan)
    with pytest.raises(ValueError, match="times: 0"):
        plan.run(0)


@pytest.mark.parametrize("element", [np.float32, np.dtype("float32"), "float32"])
def test_element_types_are_what_numpy_takes(element: object) -> None:
    if not wgloss.adapters():
        pytest.skip("there is no GPU and no software adapter")
    plan = wgloss.Plan("mse_loss", input=((2,), element), target=((2,), element))
    plan.upload(input=np.ones(2, np.float32), target=np.zeros(2, np.float32))
    plan.run()
    assert plan.download().value == 1
    with pytest.raises(TypeError, match="input: element type complex64"):
        wgloss.Plan("mse_loss", input=((2,), np.complex64), target=((2,), element))


def test_uploads_without_a_run_are_freed() -> None:
    if not wgloss.adapters() or not Path("/proc/self/statm").exists():
        pytest.skip("there is no GPU and no software adapter, or no /proc")
    x = np.ones((1 << 20,), np.float32)
    plan = wgloss.Plan("mse_loss", input=x, target=x)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    for _ in range(10):
        plan.upload(input=x)
    before = resident()
    for _ in range(100):
        plan.upload(input=x)
    time.sleep(0.2)
    assert resident() - before < 100 << 20


def test_a_tensor_that_requires_grad_is_told() -> None:
    torch = pytest.importorskip("torch")
    x, y = torch.ones(3, requires_grad=True), torch.zeros(3)
    said = r": {} requires grad, and the result will have none: take the loss from wgloss\.torch"
    with pytest.warns(UserWarning, match="^mse_loss" + said.format("input")):
        assert not wgloss.mse_loss(x, y).requires_grad
    custom = wgloss.Custom("fn value(p: f32, t: f32) -> f32 { return p * t; }")
    with pytest.warns(UserWarning, match="^custom" + said.format("p")):
        assert not custom(x, y).requires_grad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wgloss.mse_loss(x.detach(), y)
        wgloss.evaluate("mse_loss", input=x, target=y, gradients=True)
        with torch.no_grad():
            wgloss.mse_loss(x, y)


def test_messages() -> None:
    x = np.ones((2, 3), np.float32)
    with pytest.warns(RuntimeWarning, match="all of them are ignored"):
        wgloss.cross_entropy(x, [-100, -100])
    with pytest.warns(RuntimeWarning, match="all 6 losses are finite, but not their mean"):
        wgloss.mse_loss(1.5e19 * x, 0 * x)
    with pytest.raises(ValueError, match='reduction "avg" is not known; known: mean, sum, none$'):
        wgloss.mse_loss(x, x, reduction="avg")
    with pytest.raises(FileNotFoundError, match="no_such_file.wgsl"):
        wgloss.Custom("no_such_file.wgsl")
    with pytest.raises(TypeError, match="loss: function, expected the name of a loss"):
        wgloss.evaluate(test_messages, input=x)
    with pytest.raises(ValueError, match="backend"):
        wgloss.mse_loss(x, x, backend="")
    assert wgloss.mse_loss(x, x, backend="CPU") == 0
    unset = wgloss.Custom(
        "struct Parameters { a: f32 } fn value(p: f32, c: Parameters) -> f32 { return c.a * p; }"
    )
    assert repr(unset) == "<wgloss.Custom custom(p)>"


def test_gradients_of_the_inputs_types() -> None:
    x = np.ones((2, 3))
    for dtype in (np.float64, np.float32, np.float16):
        result = wgloss.evaluate(
            "mse_loss",
            input=x.astype(dtype),
            target=0 * x,
            gradients={"input"},
            gradient_type="input",
        )
        assert result.gradients["input"].dtype == dtype
