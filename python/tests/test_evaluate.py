"""`evaluate`, its totals, custom losses, plans, and the program."""

import json
import math
import pickle
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import CATALOGUE, LOSSES, differentiable, inputs

import wgloss

RANDOM = np.random.default_rng(0)
ROWS, CLASSES = 3 * 4096 + 777, 5
LOGITS = RANDOM.normal(size=(ROWS, CLASSES)).astype(np.float32)
TARGET = RANDOM.integers(0, CLASSES, ROWS)
TARGET[::7] = -100
WEIGHT = np.float32([0.5, 1, 2, 0.25, 3])
CUTS = [slice(0, 5000), slice(5000, 3 * 4096), slice(3 * 4096, None)]


def part(rows: slice, **more: Any) -> wgloss.Evaluation:
    more.setdefault("part", (rows.start or 0, ROWS))
    return wgloss.evaluate(
        "cross_entropy", input=LOGITS[rows], target=TARGET[rows], weight=WEIGHT, **more
    )


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(name: str, backend: str) -> None:
    given = inputs(name)
    function = getattr(wgloss, name)
    for reduction in CATALOGUE[name]["reductions"]:
        result = wgloss.evaluate(name, **given, gradients=True, reduction=reduction)
        assert list(result.gradients) == differentiable(name, given)
        for one, gradient in result.gradients.items():
            assert gradient.shape == given[one].shape and gradient.dtype == np.float32
        assert np.array_equal(result.value, function(**given, reduction=reduction))
        assert result.totals is None
    # The default is the loss's own.
    first = CATALOGUE[name]["reductions"][0]
    assert np.array_equal(function(**given), function(**given, reduction=first))


@pytest.mark.parametrize("name", [name for loss in CATALOGUE.values() for name in loss["aliases"]])
def test_aliases(name: str) -> None:
    proper = next(one for one, loss in CATALOGUE.items() if name in loss["aliases"])
    given = inputs(proper)
    value = wgloss.evaluate(name, **given).value
    assert np.array_equal(value, wgloss.evaluate(proper, **given).value)


def test_what_an_evaluation_has(backend: str) -> None:
    result = part(slice(None), gradients=("input",), totals=True)
    assert type(result.value) is np.float32
    assert list(result.gradients) == ["input"]
    assert result.totals is not None and result.totals.value == result.value
    assert set(result.timings) == {"plan", "upload", "kernels", "read_back", "clock"}
    assert isinstance(result.timings["clock"], str)
    seconds = [time for what, time in result.timings.items() if what != "clock"]
    assert all(isinstance(time, float) and 0 <= time < 60 for time in seconds)
    assert "cross_entropy" in repr(result) or "Evaluation" in repr(result)


def test_upstream_scale_and_type_of_gradients(backend: str) -> None:
    x, target = np.float32([[1, 2], [3, 5]]), np.zeros((2, 2), np.float32)
    upstream = np.float32([[1, -1], [2, 0.5]])

    def gradient(**more: Any) -> Any:
        return wgloss.evaluate(
            "mse_loss", input=x, target=target, gradients=True, **more
        ).gradients["input"]

    np.testing.assert_array_equal(gradient(reduction="none", upstream=upstream), 2 * x * upstream)
    np.testing.assert_allclose(gradient(upstream=np.float32(3)), 3 * x / 2, rtol=1e-6)
    np.testing.assert_allclose(gradient(loss_scale=1024.0), 1024 * x / 2, rtol=1e-6)
    np.testing.assert_allclose(gradient(loss_weight=0.25), x / 8, rtol=1e-6)
    weighted = wgloss.evaluate("mse_loss", input=x, target=target, loss_weight=0.25).value
    assert weighted == pytest.approx(0.25 * (x**2).mean(), rel=1e-6)
    half = wgloss.evaluate(
        "mse_loss",
        input=x.astype(np.float16),
        target=target,
        gradients=("input",),
        gradient_type="input",
    ).gradients["input"]
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, (x / 2).astype(np.float16))


def test_parts_add_up_to_the_bits_of_the_whole(backend: str) -> None:
    whole = part(slice(None), totals=True).totals
    parts = [part(cut, totals=True).totals for cut in CUTS]
    merged = parts[1] + parts[2] + parts[0]
    assert merged == whole == wgloss.Totals.join(reversed(parts)) == sum(parts)
    assert (merged.value, merged.sum, merged.count) == (whole.value, whole.sum, whole.count)
    assert merged.count == ROWS
    assert merged.kept == int((TARGET != -100).sum())
    assert merged.weight == pytest.approx(WEIGHT[TARGET[TARGET != -100]].sum(), rel=1e-6)
    assert merged.value == pytest.approx(merged.sum / merged.weight, rel=1e-6)
    assert (merged.loss, merged.reduction) == ("cross_entropy", "mean")
    assert whole.is_whole and not any(one.is_whole for one in parts)
    assert (parts[1].covered, parts[1].missing) == (
        [(5000, 12288)],
        [(0, 5000), (12288, ROWS)],
    )
    assert (parts[1].of, repr(parts[1])[-5:]) == (ROWS, "part>")
    assert parts[0] != parts[1]
    with pytest.raises(ValueError, match="items 5000..12288 come twice: in 5000..12288 and in 0.."):
        merged + parts[1]
    with pytest.raises(ValueError, match="parts: none"):
        wgloss.Totals.join([])
    with pytest.raises(ValueError, match="5000 items from 9000 on is not valid, expected at most"):
        part(CUTS[0], part=(9000, ROWS))
    # `+` leaves both as they were.
    assert parts[0] == part(CUTS[0], totals=True).totals


def test_totals_travel() -> None:
    totals = part(CUTS[0], totals=True).totals
    following = part(CUTS[1], totals=True).totals
    for copied in (
        pickle.loads(pickle.dumps(totals)),
        wgloss.Totals.from_json(totals.to_json()),
        wgloss.Totals.from_bytes(bytes(totals)),
    ):
        assert copied == totals
        assert copied + following == totals + following
    assert json.loads(totals.to_json())["loss"] == "cross_entropy"
    assert totals.to_bytes() == bytes(totals) and len(bytes(totals)) < 8 * 8190 + 1000
    script = "import pickle, sys; t = pickle.load(sys.stdin.buffer); print(repr(t.value))"
    ran = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(totals), capture_output=True, check=True
    )
    assert ran.stdout.decode().strip() == repr(totals.value)


def test_totals_that_do_not_fit_are_refused() -> None:
    totals = part(CUTS[0], totals=True).totals
    others = [
        wgloss.evaluate("mse_loss", input=[1.0], target=[0.0], totals=True).totals,
        part(CUTS[0], totals=True, label_smoothing=0.1).totals,
        part(CUTS[0], totals=True, reduction="sum").totals,
    ]
    for other in others:
        with pytest.raises(ValueError):
            totals + other
    with pytest.raises(TypeError):
        totals + 1
    for text in ("", "{}", "[1]", '{"loss": "cross_entropy"}', totals.to_json()[:-9]):
        with pytest.raises(ValueError):
            wgloss.Totals.from_json(text)
    for data in (b"", b"wgloss", bytes(totals)[:-1], bytes(totals) + b"x"):
        with pytest.raises(ValueError, match="totals: "):
            wgloss.Totals.from_bytes(data)


def test_the_gradients_of_parts_are_those_of_the_whole(backend: str) -> None:
    whole = part(slice(None), totals=True, gradients=True)
    assert list(whole.gradients) == ["input"]
    parts = [part(cut, denominator=whole.totals, gradients=True) for cut in CUTS]
    joined = np.concatenate([one.gradients["input"] for one in parts])
    np.testing.assert_array_equal(joined, whole.gradients["input"])


CHARBONNIER = """\
struct Parameters { epsilon: f32 }

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let d = p - t;
    return sqrt(d * d + c.epsilon * c.epsilon);
}
"""
P = RANDOM.normal(size=(6, 4)).astype(np.float32)
T = RANDOM.normal(size=(6, 4)).astype(np.float32)
SMOOTH = np.sqrt((P - T).astype(np.float64) ** 2 + 0.25)


def test_custom(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "charbonnier.wgsl"
    path.write_text(CHARBONNIER)
    for source in (CHARBONNIER, path, str(path)):
        custom = wgloss.Custom(source, epsilon=0.5)
        assert list(custom.inputs) == ["p", "t"]
        assert custom.parameters == {"epsilon": 0.5}
        assert custom(P, T) == pytest.approx(SMOOTH.mean(), rel=1e-6)
        np.testing.assert_allclose(custom(p=P, t=T, reduction="none"), SMOOTH, rtol=1e-6)
        assert custom(P, T, backend="cpu", reduction="sum") == pytest.approx(SMOOTH.sum(), rel=1e-6)
    assert wgloss.Custom(path, epsilon=1).name == "charbonnier"
    assert wgloss.Custom(CHARBONNIER, name="smooth", epsilon=1).name == "smooth"


def test_the_gradient_of_a_custom_loss(backend: str) -> None:
    custom = wgloss.Custom(CHARBONNIER, epsilon=0.5)
    slope = (P - T) / SMOOTH
    result = wgloss.evaluate(custom, p=P, t=T, gradients=True, totals=True)
    np.testing.assert_allclose(result.gradients["p"], slope / P.size, rtol=1e-5)
    np.testing.assert_allclose(result.gradients["t"], -slope / P.size, rtol=1e-5)
    assert result.totals.count == P.size

    assert "fn " in custom.derived and "epsilon" in custom.derived
    derivative = custom.derivative("p")
    assert isinstance(derivative, wgloss.Custom)
    np.testing.assert_allclose(derivative(P, T, reduction="none"), slope, rtol=1e-5, atol=1e-6)
    second = derivative.derivative("p")(P, T, reduction="none")
    np.testing.assert_allclose(second, 0.25 / SMOOTH**3, rtol=1e-5)
    result = wgloss.evaluate(derivative, p=P, t=T, gradients=["t"], reduction="none")
    np.testing.assert_allclose(result.gradients["t"], -0.25 / SMOOTH**3, rtol=1e-5)


def test_products_of_the_hessian_of_a_custom_loss(backend: str) -> None:
    custom = wgloss.Custom(CHARBONNIER, epsilon=0.5)
    product = pickle.loads(pickle.dumps(custom.along("p", "t")))
    assert product.inputs == ["p", "t", "p_direction", "t_direction"]
    v, w = np.cos(P), np.sin(T)
    both = {"p": P, "t": T, "p_direction": v, "t_direction": w}
    result = wgloss.evaluate(product, **both, gradients=["p", "t"], reduction="none")
    np.testing.assert_allclose(result.value, (P - T) / SMOOTH * (v - w), rtol=1e-5, atol=1e-6)
    want = 0.25 / SMOOTH**3 * (v - w)
    np.testing.assert_allclose(result.gradients["p"], want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result.gradients["t"], -want, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="q"):
        custom.along("q")


@pytest.mark.parametrize("text", ["", "// nothing", "def value(p, t):\n    return p - t"])
def test_texts_without_a_function_are_no_paths(text: str) -> None:
    with pytest.raises(ValueError, match="custom loss, line 1"):
        wgloss.Custom(text)


def test_errors_of_a_custom_loss() -> None:
    wrong = CHARBONNIER.replace("sqrt(d", "root(d")
    with pytest.raises(ValueError, match=r"(?s)5.*12.*root|root.*5.*12"):
        wgloss.Custom(wrong, epsilon=0.5)
    with pytest.raises((TypeError, ValueError), match="epsilon"):
        wgloss.Custom(CHARBONNIER)(P, T)
    with pytest.raises((TypeError, ValueError), match="delta"):
        wgloss.Custom(CHARBONNIER, epsilon=0.5, delta=1.0)
    with pytest.raises((TypeError, ValueError), match="q"):
        wgloss.Custom(CHARBONNIER, epsilon=0.5).derivative("q")
    with pytest.raises((OSError, ValueError), match="missing"):
        wgloss.Custom(Path("missing.wgsl"))
    with pytest.raises(ValueError, match="value"):
        wgloss.Custom("fn loss(p: f32) -> f32 { return p; }")
    with pytest.raises(TypeError):
        wgloss.Custom(7)


CENTRES = """
struct Parameters { weights: array<f32, 3>, bits: array<u32, 2>, shift: f32 }

fn value(p: vec2<f32>, label: i32, counts: bool, c: Parameters) -> f32 {
    return select(0.0, c.weights[label] * p.x * p.y + c.shift + f32(c.bits[1] & 1u), counts);
}
"""


def test_arguments_of_all_types_and_arrays_of_parameters(backend: str) -> None:
    weights = np.array([0.5, 2.0, -1.0])
    p, label = P.reshape(12, 2), np.arange(12) % 3
    counts = np.arange(12) % 4 != 0
    want = np.where(counts, weights[label] * p[:, 0] * p[:, 1] + 1.5, 0)
    for given in (weights, weights.astype(np.float32), list(weights), tuple(weights)):
        custom = wgloss.Custom(CENTRES, weights=given, bits=[7, 2**32 - 1], shift=0.5)
        assert custom.parameters["weights"] == [0.5, 2.0, -1.0]
        assert custom.parameters["bits"] == [7, 2**32 - 1]
        got = custom(p, label, counts, reduction="none")
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    again = pickle.loads(pickle.dumps(custom))
    assert again.parameters == custom.parameters
    result = wgloss.evaluate(custom, p=p, label=label, counts=counts, gradients=["p"])
    slope = np.where(counts, weights[label], 0)[:, None] * p[:, ::-1] / 12
    np.testing.assert_allclose(result.gradients["p"], slope, rtol=1e-5, atol=1e-6)

    with pytest.raises(ValueError, match="weights.*2 numbers.*3 numbers"):
        wgloss.Custom(CENTRES, weights=[1, 2])
    with pytest.raises(ValueError, match="bits.*-1"):
        wgloss.Custom(CENTRES, bits=[1, -1])
    with pytest.raises(TypeError, match="shift.*x"):
        wgloss.Custom(CENTRES, shift="x")
    with pytest.raises((TypeError, ValueError), match="label.*float32.*integer"):
        custom(p, label.astype(np.float32), counts)
    with pytest.raises((TypeError, ValueError), match="label is i32"):
        wgloss.evaluate(custom, p=p, label=label, counts=counts, gradients=["label"])


@pytest.mark.parametrize("name", LOSSES)
def test_a_plan_gives_what_evaluate_gives(name: str) -> None:
    if not wgloss.adapters():
        pytest.skip("wgloss.adapters() is empty: there is no GPU and no software adapter")
    given = inputs(name)
    plan = wgloss.Plan(name, **given, gradients=True)
    plan.run(times=2)
    got = plan.download()
    assert 0 < got.timings["kernels"] < 10
    wanted = wgloss.evaluate(name, **given, gradients=True, backend="gpu")
    assert np.array_equal(got.value, wanted.value)
    assert list(got.gradients) == list(wanted.gradients)
    for one, gradient in wanted.gradients.items():
        assert np.array_equal(got.gradients[one], gradient), one


@pytest.fixture
def plan() -> wgloss.Plan:
    if not wgloss.adapters():
        pytest.skip("wgloss.adapters() is empty: there is no GPU and no software adapter")
    return wgloss.Plan(
        "mse_loss", input=((4, 6), "float32"), target=((4, 6), "float16"), gradients=("input",)
    )


def test_a_plan_is_run_on_one_upload_after_another(plan: wgloss.Plan) -> None:
    target = np.zeros((4, 6), np.float16)
    plan.upload(input=np.full((4, 6), 2, np.float32), target=target)
    plan.run()
    assert plan.download().value == 4
    plan.upload(input=np.full((4, 6), 3, np.float32))
    plan.run(times=3)
    result = plan.download()
    assert result.value == 9
    np.testing.assert_allclose(result.gradients["input"], np.full((4, 6), 6 / 24), rtol=1e-6)


def test_a_plan_refuses_what_it_was_not_made_for(plan: wgloss.Plan) -> None:
    x = np.zeros((4, 6), np.float32)
    with pytest.raises(ValueError, match="input"):
        plan.upload(input=x[:3])
    with pytest.raises((TypeError, ValueError), match="target"):
        plan.upload(target=x)
    with pytest.raises((TypeError, ValueError), match="weights"):
        plan.upload(weights=x)
    with pytest.raises((TypeError, ValueError), match="target"):
        wgloss.Plan("mse_loss", input=x)
    with pytest.raises((TypeError, ValueError), match="float33"):
        wgloss.Plan("mse_loss", input=((4,), "float33"), target=((4,), "float32"))
    with pytest.raises(ValueError):
        plan.run(times=0)


def test_a_plan_of_a_custom_loss() -> None:
    if not wgloss.adapters():
        pytest.skip("wgloss.adapters() is empty: there is no GPU and no software adapter")
    custom = wgloss.Custom(CHARBONNIER, epsilon=0.5)
    plan = wgloss.Plan(custom, p=P, t=T, gradients=True)
    plan.run()
    assert plan.download().value == pytest.approx(SMOOTH.mean(), rel=1e-6)


def test_backends() -> None:
    before = wgloss.get_default_backend()
    try:
        for name in ("cpu", "auto", *(["gpu", *wgloss.adapters()] if wgloss.adapters() else [])):
            wgloss.set_default_backend(name)
            assert wgloss.get_default_backend() == name
            assert wgloss.mse_loss([1.0], [3.0]) == 4
        with pytest.raises((RuntimeError, ValueError), match="nothing of this name"):
            wgloss.set_default_backend("nothing of this name")
            wgloss.mse_loss([1.0], [3.0])
    finally:
        wgloss.set_default_backend(before)
    script = "import wgloss; print(wgloss.get_default_backend())"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={"WGLOSS_BACKEND": "cpu"},
        capture_output=True,
        check=True,
    )
    assert ran.stdout.decode().strip() == "cpu"


def program(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wgloss", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_program(tmp_path: Path) -> None:
    np.save(tmp_path / "logits.npy", LOGITS)
    np.save(tmp_path / "labels.npy", TARGET)
    ran = program(
        "eval",
        "cross_entropy",
        f"input={tmp_path / 'logits.npy'}",
        f"target={tmp_path / 'labels.npy'}",
        *("--grad", f"input={tmp_path / 'gradient.npy'}"),
        *("--totals", tmp_path / "totals.json", "--backend", "cpu", "--json"),
    )
    assert ran.returncode == 0, ran.stderr
    ours = wgloss.evaluate(
        "cross_entropy", input=LOGITS, target=TARGET, gradients=True, totals=True, backend="cpu"
    )
    assert np.float32(json.loads(ran.stdout)["value"]) == ours.value
    assert np.array_equal(np.load(tmp_path / "gradient.npy"), ours.gradients["input"])
    assert wgloss.Totals.from_json((tmp_path / "totals.json").read_text()) == ours.totals


def test_the_program_lists_and_fails() -> None:
    listed = json.loads(program("list", "--json").stdout)
    assert [loss["name"] for loss in listed] == LOSSES
    failed = program("eval", "no_such_loss")
    assert failed.returncode == 2
    assert "no_such_loss" in failed.stderr
    assert version("wgloss") in program("--version").stdout


def test_the_catalogue() -> None:
    assert len(LOSSES) == 62
    assert wgloss.__version__ == version("wgloss")
    listed = json.loads(program("list", "--json").stdout)
    for loss, other in zip(wgloss.catalogue(), listed, strict=True):
        for fact in ("name", "aliases", "summary", "formula", "reductions"):
            assert loss[fact] == other[fact]
        for own, each in zip(loss["inputs"], other["inputs"], strict=True):
            assert {fact: own[fact] for fact in each} == each
        documentation = getattr(wgloss, loss["name"]).__doc__
        for part in ("Source: ", "Parameters", "Returns", "Raises"):
            assert part in documentation
        for described in (*loss["inputs"], *loss["options"]):
            assert described["name"] in documentation
            assert described["documentation"]
    assert not math.isnan(wgloss.mse_loss([1.0], [2.0]))
