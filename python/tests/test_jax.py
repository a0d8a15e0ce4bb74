"""wgloss.jax beside optax: values and gradients, under jit and grad."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

import jax.numpy as jnp
from samples import LOSSES, differentiable, exact, inputs

import wgloss
import wgloss.jax

REFUSED = (NotImplementedError, RuntimeError, TypeError, ValueError)
RANDOM = np.random.default_rng(0)
LOGITS = jnp.asarray(RANDOM.normal(size=(6, 5)) * 3, jnp.float32)
OTHERS = jnp.asarray(RANDOM.normal(size=(6, 5)), jnp.float32)
CLASSES = jnp.asarray(RANDOM.integers(0, 5, 6))
UNIT = jnp.asarray(RANDOM.uniform(0.1, 0.9, (6, 5)), jnp.float32)
SIGNS = jnp.asarray(RANDOM.choice([-1.0, 1.0], (6, 5)), jnp.float32)
SEQUENCES = jnp.asarray(RANDOM.normal(size=(3, 8, 5)), jnp.float32)
LABELS = jnp.asarray(RANDOM.integers(1, 5, (3, 4)))
FRAMES = jnp.asarray([8, 7, 6])
LENGTHS = jnp.asarray([4, 2, 3])

Terms = Callable[..., Any]


def ctc(logits: Any) -> Any:
    log_probs = jax.nn.log_softmax(logits).transpose(1, 0, 2)
    return wgloss.jax.ctc_loss(log_probs, LABELS, FRAMES, LENGTHS, reduction="none")


def padding(lengths: Any, longest: int) -> Any:
    return (jnp.arange(longest)[None] >= lengths[:, None]).astype(jnp.float32)


# Ours without a reduction, optax's, and what is differentiated.
PAIRS: dict[str, tuple[Terms, Terms, tuple[Any, ...]]] = {
    "mse_loss": (
        lambda x, t: wgloss.jax.mse_loss(x, t, reduction="none"),
        optax.losses.squared_error,
        (LOGITS, OTHERS),
    ),
    "huber_loss": (
        lambda x, t: wgloss.jax.huber_loss(x, t, delta=0.7, reduction="none"),
        lambda x, t: optax.losses.huber_loss(x, t, delta=0.7),
        (LOGITS, OTHERS),
    ),
    "log_cosh_loss": (
        lambda x, t: wgloss.jax.log_cosh_loss(x, t, reduction="none"),
        optax.losses.log_cosh,
        (LOGITS, OTHERS),
    ),
    "cross_entropy": (
        lambda x: wgloss.jax.cross_entropy(x, CLASSES, reduction="none"),
        lambda x: optax.losses.softmax_cross_entropy_with_integer_labels(x, CLASSES),
        (LOGITS,),
    ),
    "cross_entropy, probabilities": (
        lambda x, t: wgloss.jax.cross_entropy(x, jax.nn.softmax(t), reduction="none"),
        lambda x, t: optax.losses.softmax_cross_entropy(x, jax.nn.softmax(t)),
        (LOGITS, OTHERS),
    ),
    "cross_entropy, smoothed": (
        lambda x: wgloss.jax.cross_entropy(x, CLASSES, label_smoothing=0.2, reduction="none"),
        lambda x: optax.losses.softmax_cross_entropy(
            x, optax.losses.smooth_labels(jax.nn.one_hot(CLASSES, 5), 0.2)
        ),
        (LOGITS,),
    ),
    "linear_cross_entropy": (
        lambda x, w: wgloss.jax.linear_cross_entropy(x, w, CLASSES, reduction="none"),
        lambda x, w: optax.losses.softmax_cross_entropy_with_integer_labels(x @ w.T, CLASSES),
        (LOGITS, OTHERS),
    ),
    "binary_cross_entropy_with_logits": (
        lambda x, t: wgloss.jax.binary_cross_entropy_with_logits(x, t, reduction="none"),
        optax.losses.sigmoid_binary_cross_entropy,
        (LOGITS, UNIT),
    ),
    "sigmoid_focal_loss": (
        lambda x: wgloss.jax.sigmoid_focal_loss(x, UNIT, alpha=0.4, gamma=1.5),
        lambda x: optax.losses.sigmoid_focal_loss(x, UNIT, alpha=0.4, gamma=1.5),
        (LOGITS,),
    ),
    "kl_div": (
        lambda x, t: wgloss.jax.kl_div(jax.nn.log_softmax(x), t, reduction="none").sum(-1),
        lambda x, t: optax.losses.kl_divergence(jax.nn.log_softmax(x), t),
        (LOGITS, UNIT),
    ),
    "kl_div, log_target": (
        lambda x, t: wgloss.jax.kl_div(x, t, reduction="none", log_target=True).sum(-1),
        optax.losses.kl_divergence_with_log_targets,
        (LOGITS, OTHERS),
    ),
    "margin_ranking_loss": (
        lambda x: wgloss.jax.margin_ranking_loss(
            x, jnp.zeros_like(x), SIGNS, margin=1.0, reduction="none"
        ),
        lambda x: optax.losses.hinge_loss(x, SIGNS),
        (LOGITS,),
    ),
    "cosine_embedding_loss": (
        lambda x, t: wgloss.jax.cosine_embedding_loss(x, t, jnp.ones(6), reduction="none"),
        optax.losses.cosine_distance,
        (LOGITS, OTHERS),
    ),
    "ctc_loss": (
        ctc,
        lambda x: optax.losses.ctc_loss(x, padding(FRAMES, 8), LABELS, padding(LENGTHS, 4)),
        (SEQUENCES,),
    ),
}


def assert_close(got: Any, wanted: Any, relative: float = 2e-5, absolute: float = 2e-6) -> None:
    one, other = (np.asarray(array, np.float64) for array in (got, wanted))
    np.testing.assert_allclose(one, other, rtol=relative, atol=absolute)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize("name", PAIRS)
def test_values_and_gradients_are_those_of_optax(name: str, compiled: bool, backend: str) -> None:
    ours, theirs, given = PAIRS[name]
    shape = theirs(*given).shape
    upstream = jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)

    def loss(terms: Terms) -> Terms:
        return lambda *moved: (upstream * terms(*moved)).sum()

    got, wanted = (
        jax.value_and_grad(loss(terms), argnums=tuple(range(len(given))))
        for terms in (ours, theirs)
    )
    got = jax.jit(got) if compiled else got
    assert_close(ours(*given), theirs(*given))
    for one, other in zip(
        jax.tree.leaves(got(*given)), jax.tree.leaves(wanted(*given)), strict=True
    ):
        assert one.dtype == other.dtype
        assert_close(one, other)


@pytest.mark.parametrize("name", LOSSES)
def test_all_gradients(name: str, backend: str) -> None:
    torch = pytest.importorskip("torch")
    given = {one: jnp.asarray(array) for one, array in inputs(name).items()}
    names = differentiable(name, given)
    function = getattr(wgloss.jax, name)

    def loss(moved: dict[str, Any]) -> Any:
        return function(**{**given, **moved}, reduction="sum")

    value, got = jax.jit(jax.value_and_grad(loss))({one: given[one] for one in names})
    wide = {one: torch.tensor(array) for one, array in inputs(name).items()}
    wide = {
        one: tensor.double().requires_grad_(one in names) if tensor.is_floating_point() else tensor
        for one, tensor in wide.items()
    }
    wanted = exact(name, wide, "sum")
    wanted.backward()
    assert_close(value, wanted.detach(), 1e-5)
    for one in names:
        assert_close(got[one], wide[one].grad, 1e-5)


# These are only compared and have no gradient.
COMPARED = {
    ("cosine_embedding_loss", "target"),
    ("grpo_loss", "mask"),
    ("hinge_embedding_loss", "target"),
    ("kto_loss", "labels"),
    ("ranking_softmax_loss", "mask"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_has_no_gradient_is_refused(name: str) -> None:
    given = {one: jnp.asarray(array) for one, array in inputs(name).items()}
    for one, array in given.items():
        if one in differentiable(name, given) or not jnp.issubdtype(array.dtype, jnp.floating):
            continue

        def loss(moved: Any, one: str = one) -> Any:
            return getattr(wgloss.jax, name)(**{**given, one: moved}, reduction="sum")

        for gradient in (jax.grad(loss), jax.jit(jax.grad(loss)), jax.grad(jax.jit(loss))):
            if (name, one) in COMPARED:
                assert not gradient(array).any()
            else:
                with pytest.raises(RuntimeError, match=f"no gradient by {one}"):
                    gradient(array)
        jax.grad(lambda moved: loss(jax.lax.stop_gradient(moved)) + moved.sum())(array)


@pytest.mark.parametrize("name", LOSSES)
def test_signatures(name: str) -> None:
    own = inspect.signature(getattr(wgloss.jax, name)).parameters
    assert list(own) == list(inspect.signature(getattr(wgloss, name)).parameters)


def test_half_precision(backend: str) -> None:
    x = LOGITS.astype(jnp.bfloat16)
    value, gradient = jax.jit(
        jax.value_and_grad(lambda moved: wgloss.jax.cross_entropy(moved, CLASSES))
    )(x)
    wide = x.astype(jnp.float32)
    wanted, slope = jax.value_and_grad(
        lambda moved: optax.losses.softmax_cross_entropy_with_integer_labels(moved, CLASSES).mean()
    )(wide)
    assert gradient.dtype == jnp.bfloat16
    assert_close(value, wanted, 2**-8)
    assert_close(gradient, slope, 2**-8, 1e-6)


def test_float64(backend: str) -> None:
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(2).normal(size=(4, 3)), jnp.float64)
        value, gradient = jax.jit(
            jax.value_and_grad(lambda moved: wgloss.jax.mse_loss(moved, jnp.zeros_like(x)))
        )(x)
        assert gradient.dtype == jnp.float64
        assert_close(value, (x**2).mean(), 1e-6)
        assert_close(gradient, 2 * x / 12, 1e-6)


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint8"])
def test_integer_targets_need_no_gradient(dtype: str, backend: str) -> None:
    def loss(x: Any, target: Any) -> Any:
        return wgloss.jax.cross_entropy(x, target)

    gradient = jax.jit(jax.grad(loss))(LOGITS, CLASSES.astype(dtype))
    wanted = jax.grad(loss)(LOGITS, CLASSES)
    assert_close(gradient, wanted)


def test_a_class_out_of_range_is_an_error() -> None:
    with pytest.raises(Exception, match="target"):
        jax.block_until_ready(
            jax.jit(lambda x: wgloss.jax.cross_entropy(x, jnp.full(6, 9)))(LOGITS)
        )


# What is wrong with a call, its error, and a part of the message.
WRONG: dict[str, tuple[Callable[..., Any], type[Exception], str]] = {
    "shape": (lambda x: wgloss.jax.cross_entropy(x, CLASSES[:4]), ValueError, "target: shape"),
    "broadcast": (lambda x: wgloss.jax.mse_loss(x, OTHERS[:, :3]), ValueError, "target"),
    "type": (
        lambda x: wgloss.jax.mse_loss(x, OTHERS.astype(jnp.complex64)),
        TypeError,
        "target: element type complex64",
    ),
    "reduction": (
        lambda x: wgloss.jax.mse_loss(x, OTHERS, reduction="all"),
        ValueError,
        'reduction "all"',
    ),
    "missing": (lambda x: wgloss.jax.mse_loss(x, None), TypeError, "target: missing"),
    "option": (
        lambda x: wgloss.jax.huber_loss(x, OTHERS, delta=-1.0),
        ValueError,
        "delta: -1",
    ),
    "custom": (
        lambda x: wgloss.jax.Custom("fn value(p: f32, t: f32) -> f32 { return p * t; }")(
            x, OTHERS[:, :3]
        ),
        ValueError,
        "t: shape",
    ),
}


@pytest.mark.parametrize("transform", ["eager", "jit", "grad", "vmap", "abstract"])
@pytest.mark.parametrize("wrong", WRONG)
def test_errors_are_those_of_the_library_when_a_call_is_traced(wrong: str, transform: str) -> None:
    function, error, said = WRONG[wrong]
    transformed = {
        "eager": function,
        "jit": jax.jit(function),
        "grad": jax.grad(function),
        "vmap": lambda x: jax.vmap(function)(x[None]),
        "abstract": lambda x: jax.eval_shape(function, x),
    }
    with pytest.raises(error, match=said):
        transformed[transform](LOGITS)


def test_a_traced_option_is_refused() -> None:
    def loss(delta: Any) -> Any:
        return wgloss.jax.huber_loss(LOGITS, OTHERS, delta=delta)

    for function in (jax.jit(loss), jax.grad(loss)):
        with pytest.raises(TypeError, match="delta: a traced value"):
            function(0.5)
    static = jax.jit(loss, static_argnames="delta")
    assert_close(static(delta=0.5), loss(0.5))


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_are_known_before(name: str) -> None:
    given = {one: jnp.asarray(array) for one, array in inputs(name).items()}
    for reduction in ("none", "sum"):

        def loss(given: Any, reduction: str = reduction) -> Any:
            return getattr(wgloss.jax, name)(**given, reduction=reduction)

        known, found = jax.eval_shape(loss, given), loss(given)
        assert (known.shape, known.dtype) == (found.shape, found.dtype)
        wanted = getattr(wgloss, name)(**given, reduction=reduction)
        assert found.shape == wanted.shape


def test_vmap_is_right_or_refused() -> None:
    try:
        got = jax.vmap(lambda x, t: wgloss.jax.mse_loss(x, t))(LOGITS, OTHERS)
    except REFUSED as error:
        assert "vmap" in str(error)
    else:
        assert_close(got, ((LOGITS - OTHERS) ** 2).mean(-1))


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_second_derivative_is_refused(reduction: str) -> None:
    def loss(x: Any) -> Any:
        return wgloss.jax.mse_loss(x, OTHERS, reduction=reduction).sum()

    def penalty(x: Any) -> Any:
        return loss(x) + (jax.grad(loss)(x) ** 2).sum()

    for function in (lambda: jax.grad(penalty)(LOGITS), lambda: jax.hessian(loss)(LOGITS)):
        for one in (function, jax.jit(function)):
            with pytest.raises(RuntimeError, match="mse_loss has no second derivative"):
                one()


def test_inside_a_loop_of_training() -> None:
    weights = jnp.zeros((5, 5))
    optimizer = optax.sgd(0.5)

    @jax.jit
    def step(weights: Any, state: Any) -> Any:
        value, gradient = jax.value_and_grad(
            lambda w: wgloss.jax.cross_entropy(LOGITS @ w, CLASSES)
        )(weights)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(weights, updates), state, value

    state = optimizer.init(weights)
    values = []
    for _ in range(20):
        weights, state, value = step(weights, state)
        values.append(float(value))
    assert values[0] == pytest.approx(np.log(5), rel=1e-6)
    assert values[-1] < 0.5 * values[0]


def test_large_arrays_under_jit() -> None:
    x = jnp.arange(2**21, dtype=jnp.float32) / 2**21
    for _ in range(3):
        value, gradient = jax.jit(
            jax.value_and_grad(lambda moved: wgloss.jax.mse_loss(moved, jnp.zeros_like(moved)))
        )(x)
    assert_close(value, 1 / 3, 1e-5)
    assert_close(gradient, 2 * np.asarray(x) / x.size, 1e-5, 0)


def test_custom(backend: str) -> None:
    text = """
    struct Parameters { epsilon: f32 }
    fn value(p: f32, t: f32, c: Parameters) -> f32 {
        let d = p - t;
        return sqrt(d * d + c.epsilon * c.epsilon);
    }
    """
    custom = wgloss.jax.Custom(text, epsilon=0.5)

    def wanted(p: Any, t: Any) -> Any:
        return jnp.sqrt((p - t) ** 2 + 0.25).mean()

    for compiled in (lambda f: f, jax.jit):
        got = compiled(jax.value_and_grad(custom, argnums=(0, 1)))(LOGITS, OTHERS)
        reference = jax.value_and_grad(wanted, argnums=(0, 1))(LOGITS, OTHERS)
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(reference), strict=True):
            assert_close(one, other)
