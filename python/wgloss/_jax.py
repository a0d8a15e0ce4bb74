"""Losses as JAX's functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import _native
from ._catalogue import Entry, defaults, define, signature, tuple_of, without_gradient
from ._custom import custom, ordered

_RESULT = """\
jax.Array
    The loss: a number, or with reduction "none" one for each term."""


class Loss:
    """A loss whose derivative JAX knows."""

    def __init__(
        self,
        name: str,
        inputs: Sequence[dict[str, Any]],
        options: Sequence[str],
        check: Callable[..., list[int]],
        forward: Callable[..., list[Any]],
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.options = options
        self.check = check
        self.forward = forward
        # The first argument holds what is no array: options, reduction, backend, which inputs there are.
        self.function = jax.custom_vjp(self._value, nondiff_argnums=(0,))
        self.function.defvjp(self._with_gradients, self._backward, symbolic_zeros=True)

    def __call__(
        self,
        inputs: tuple[Any, ...],
        options: tuple[Any, ...],
        reduction: str,
        backend: str | None,
    ) -> jax.Array:
        """The loss."""
        for name, option in zip(self.options, options, strict=True):
            if isinstance(option, jax.core.Tracer):
                raise TypeError(
                    f"{name}: a traced value, expected a number: options are constants of a compiled "
                    "function; name it in static_argnames"
                )
        present = tuple(place for place, each in enumerate(inputs) if each is not None)
        arrays = [jnp.asarray(inputs[place]) for place in present]
        static = (options, reduction, backend, present)
        value: jax.Array = self.function(static, *arrays)
        return value

    def _call(
        self,
        static: tuple[Any, ...],
        gradients: list[int],
        arrays: Sequence[Any],
        upstream: Any = None,
    ) -> list[Any]:
        """What the native function gives, called by the compiled one."""
        options, reduction, backend, present = static
        kinds = [(array.shape, str(array.dtype)) for array in arrays]
        # An error of the callback would be JAX's, and come later.
        shape = self.check(self._placed(present, kinds), options, reduction, gradients)
        results = []
        if upstream is None:
            results.append(_kind(shape, jnp.float32))
        for place in gradients:
            own = arrays[present.index(place)]
            # Without an upstream gradient they are still to be multiplied, and rounded after that.
            results.append(_kind(own.shape, jnp.float32 if upstream is None else own.dtype))

        def host(*given: Any) -> list[Any]:
            # As NumPy's: nothing of JAX's may be called from here.
            numbers = [np.asarray(each) for each in given]
            factor = numbers.pop() if upstream is not None else None
            placed = tuple(self._placed(present, numbers))
            found = self.forward(placed, options, reduction, backend, gradients, factor, True)
            return [
                np.asarray(each, dtype=kind.dtype).reshape(kind.shape)
                for each, kind in zip(found, results, strict=True)
            ]

        @jax.custom_jvp
        def evaluate(*given: Any) -> Any:
            return jax.pure_callback(host, results, *given, vmap_method="sequential")

        @evaluate.defjvp
        def refuse(*_: Any) -> Any:
            raise RuntimeError(
                f"wgloss.jax: {self.name} has no second derivative: its gradient cannot be differentiated"
            )

        given = arrays if upstream is None else [*arrays, upstream]
        return list(evaluate(*given))

    def _placed(self, present: tuple[int, ...], arrays: Sequence[Any]) -> list[Any]:
        placed: list[Any] = [None] * len(self.inputs)
        for place, array in zip(present, arrays, strict=True):
            placed[place] = array
        return placed

    def _value(self, static: tuple[Any, ...], *arrays: Any) -> Any:
        return self._call(static, [], arrays)[0]

    def _with_gradients(self, static: tuple[Any, ...], *primals: Any) -> tuple[Any, Any]:
        present = static[3]
        arrays = [primal.value for primal in primals]
        wanted = self._wanted(present, primals)
        if static[1] == "none":
            # The gradients wait for what they are multiplied by.
            return self._call(static, [], arrays)[0], (tuple(wanted), arrays)
        value, *gradients = self._call(static, wanted, arrays)
        # Nothing but arrays can be kept: an empty one tells the type of each gradient.
        types = [jnp.empty(0, arrays[present.index(place)].dtype) for place in wanted]
        return value, (tuple(wanted), list(zip(gradients, types, strict=True)))

    def _wanted(self, present: tuple[int, ...], primals: Sequence[Any]) -> list[int]:
        """The places of the gradients that are needed."""
        needed = [False] * len(self.inputs)
        for place, primal in zip(present, primals, strict=True):
            needed[place] = primal.perturbed and jnp.issubdtype(primal.value.dtype, jnp.floating)
        name = without_gradient(self.inputs, needed)
        if name is not None:
            raise RuntimeError(
                f"wgloss.jax: {self.name} has no gradient by {name}; take jax.lax.stop_gradient of it"
            )
        return [i for i, flag in enumerate(needed) if flag and self.inputs[i]["differentiable"]]

    def _backward(self, static: tuple[Any, ...], kept: Any, upstream: Any) -> tuple[Any, ...]:
        wanted, arrays = kept
        present = static[3]
        result: list[Any] = [None] * len(present)
        if isinstance(upstream, jax.custom_derivatives.SymbolicZero):
            return tuple(result)
        if static[1] == "none":
            gradients = self._call(static, list(wanted), arrays, upstream)
        else:
            gradients = [(each * upstream).astype(kind.dtype) for each, kind in arrays]
        for place, gradient in zip(wanted, gradients, strict=True):
            result[present.index(place)] = gradient
        return tuple(result)


def _kind(shape: Any, dtype: Any) -> Any:
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]


def function(entry: Entry) -> Callable[..., jax.Array]:
    """The function of a loss."""
    inputs, options = tuple_of(entry.input_names), tuple_of(entry.option_names)
    return define(
        entry.name,
        signature(entry.arguments, ("backend=None",)),
        f"return _loss({inputs}, {options}, reduction, backend)",
        {
            "_loss": Loss(
                entry.name,
                entry.inputs,
                entry.option_names,
                entry.native.check,
                entry.native.forward,
            ),
            **defaults(entry.arguments),
        },
        module="wgloss.jax",
        documentation=entry.documentation(entry.arguments, "array", _RESULT),
    )


class Custom:
    """A loss of one's own, differentiable: a WGSL function `value`, from which its gradient is derived.

    Parameters
    ----------
    text_or_path : str, path or wgloss.Custom
        The WGSL, the file that has it, or the loss.
    reduction : str
        How the losses are combined: mean, sum or none.
    backend : str
        Where it is evaluated: see `wgloss.set_default_backend`.
    **parameters
        The numbers of its `Parameters`.
    """

    def __init__(
        self,
        text_or_path: str | PathLike[str] | _native.Custom,
        *,
        reduction: str = "mean",
        backend: str | None = None,
        **parameters: Any,
    ) -> None:
        self.loss = custom(text_or_path, parameters)
        self.reduction = reduction
        self.backend = backend
        native = self.loss
        self._function = Loss(native.name, native._facts(), [], native._check, native._forward)

    def __call__(self, *inputs: Any, **named: Any) -> jax.Array:
        """The loss of some arrays, by position or name."""
        given = ordered(self.loss.name, self.loss.inputs, inputs, named)
        return self._function(given, (), self.reduction, self.backend)
