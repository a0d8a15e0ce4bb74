"""Losses as PyTorch's operators, functions and modules."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import forward_ad

from . import _native
from ._catalogue import without_gradient
from ._custom import custom, ordered
from ._shapes import shape

Outputs = list[Tensor]
"""The loss, and with a reduced one the gradients that were asked for."""


class Forward(Protocol):
    """The native function: the loss and gradients, or with an upstream gradient only these."""

    def __call__(
        self,
        inputs: tuple[Tensor | None, ...],
        options: tuple[Any, ...],
        reduction: str,
        backend: str | None,
        gradients: list[int],
        upstream: Tensor | None = None,
        wide: bool = False,
    ) -> list[Any]:
        """See `_native.Loss.forward`."""


_PLAIN = frozenset({Tensor, torch.nn.Parameter, type(None)})
"""Tensors of numbers in memory, and not what stands for others."""

_is_compiling = torch.compiler.is_compiling
_is_grad_enabled = torch.is_grad_enabled
_is_autocast_enabled = torch.is_autocast_enabled
_dispatch_modes = torch._C._len_torch_dispatch_stack
_jit_trace = torch._C._get_tracing_state
_is_transformed = torch._C._are_functorch_transforms_active


class Operator:
    """A loss as PyTorch has it: an operator for graphs, and a shorter way for eager calls.

    The operators `wgloss::NAME` and `wgloss::NAME_backward` are what torch.compile, fake tensors and
    whatever else records operators see. Eager calls go through an `autograd.Function` instead, since
    each call of an operator that is written in Python costs some 50 microseconds.
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[dict[str, Any]],
        options: Sequence[dict[str, Any]],
        forward: Forward,
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.forward = forward
        self.count = len(inputs)
        self.option_names = [fact["name"] for fact in options]
        self.broadcasts = len(inputs) > 1 and inputs[1]["role"] == "elements"
        self.places = _Places(self)
        tensors = [f"Tensor{'?' * fact['optional']} {fact['name']}" for fact in inputs]
        rest = [
            f"{fact['type']}{'?' * (fact.get('default', 0) is None)} {fact['name']}"
            for fact in options
        ]
        rest += ["str reduction", "str? backend", "int[] gradients", "bool wide"]
        self.operator = self._define(name, [*tensors, *rest], self._run, self._fake)
        self.backward = self._define(
            f"{name}_backward",
            ["Tensor upstream", *tensors, *rest, "Tensor[] computed"],
            self._run_backward,
            self._fake_backward,
        )
        self.operator.register_autograd(self._backward, setup_context=self._setup)
        self.backward.register_autograd(_no_second, setup_context=_nothing)

    def __call__(
        self,
        inputs: tuple[Tensor | None, ...],
        options: tuple[Any, ...],
        reduction: str,
        backend: str | None,
    ) -> Tensor:
        """The loss."""
        if (
            not _PLAIN.issuperset(map(type, inputs))
            or _is_compiling()
            or _dispatch_modes()
            or _jit_trace()
        ):
            for tensor, fact in zip(inputs, self.inputs, strict=True):
                if not isinstance(tensor, Tensor | None):
                    kind = f"{type(tensor).__module__}.{type(tensor).__qualname__}"
                    kind = kind.removeprefix("builtins.")
                    raise TypeError(f"{fact['name']}: got {kind}, expected a torch.Tensor")
            needed = [tensor is not None and tensor.requires_grad for tensor in inputs]
            gradients = self.wanted(needed) if _is_grad_enabled() else []
            # Autocast is told here, since the graph may run under another.
            rest = (*options, reduction, backend, gradients, _is_autocast_enabled("cpu"))
            outputs: Outputs = self.operator(*inputs, *rest)
            return outputs[0]
        if _is_transformed():
            raise RuntimeError(
                f"wgloss.torch: {self.name} cannot be transformed by torch.func (grad, vmap, ...); "
                "take autograd, or torch.nn.functional's"
            )
        if self.broadcasts:
            first, second = inputs[0], inputs[1]
            if first is not None and second is not None and first.shape != second.shape:
                self._warn(first.shape, second.shape)
        # Forward-mode derivatives, which autograd's function refuses, are not switched off with gradients.
        if not _is_grad_enabled() and forward_ad._current_level < 0:
            wide = _is_autocast_enabled("cpu")
            value: Tensor = self.forward(inputs, options, reduction, backend, [], None, wide)[0]
            return value
        loss: Tensor = _apply((self, options, reduction, backend), *inputs)
        return loss

    def wanted(self, needed: Sequence[bool]) -> list[int]:
        """The places of the gradients that are needed, by a flag for each input."""
        name = without_gradient(self.inputs, needed)
        if name is not None:
            raise RuntimeError(f"wgloss.torch: {self.name} has no gradient by {name}; detach it")
        return [i for i, flag in enumerate(needed) if flag and self.inputs[i]["differentiable"]]

    def _warn(self, *shapes: torch.Size) -> None:
        """Warns of inputs that broadcast to more terms than any of them has elements: seldom meant."""
        try:
            terms = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
        except RuntimeError:
            # That is an error, which the loss tells.
            return
        if terms.numel() > max(shape.numel() for shape in shapes):
            pairs = zip(self.inputs, shapes, strict=False)
            told = " and ".join(f"{fact['name']} {list(shape)}" for fact, shape in pairs)
            # For the caller of the loss's function.
            warnings.warn(f"{self.name}: {told} broadcast to {list(terms)}", stacklevel=4)

    def _define(
        self,
        name: str,
        arguments: list[str],
        run: Callable[..., Outputs],
        fake: Callable[..., Outputs],
    ) -> Any:
        schema = f"({', '.join(arguments)}) -> Tensor[]"
        operator = torch.library.custom_op(
            f"wgloss::{name}", run, mutates_args=(), schema=schema, device_types="cpu"
        )
        operator.register_fake(fake)
        return operator

    def _split(
        self, arguments: tuple[Any, ...]
    ) -> tuple[tuple[Tensor | None, ...], tuple[Any, ...], str, str | None, list[int], bool]:
        count = self.count
        inputs: tuple[Tensor | None, ...] = arguments[:count]
        *options, reduction, backend, gradients, wide = arguments[count:]
        return inputs, tuple(options), reduction, backend, gradients, wide

    def _run(self, *arguments: Any) -> Outputs:
        inputs, options, reduction, backend, gradients, wide = self._split(arguments)
        # The gradients of unreduced losses wait for what they are multiplied by.
        wanted = [] if reduction == "none" else gradients
        return self.forward(inputs, options, reduction, backend, wanted, None, wide)

    def _run_backward(self, upstream: Tensor, *arguments: Any) -> Outputs:
        *arguments, computed = arguments  # type: ignore[assignment]
        inputs, options, reduction, backend, gradients, _ = self._split(tuple(arguments))
        if computed:
            kinds = (inputs[place] for place in gradients)
            pairs = zip(computed, kinds, strict=True)
            return [(each * upstream).to(kind.dtype) for each, kind in pairs if kind is not None]
        return self.forward(inputs, options, reduction, backend, gradients, upstream)

    def _dtype(self, inputs: tuple[Tensor | None, ...]) -> torch.dtype:
        """The element type of the loss: that of the inputs, as PyTorch has it."""
        dtype = None
        for tensor, fact in zip(inputs, self.inputs, strict=True):
            if tensor is None or fact["optional"] or not tensor.dtype.is_floating_point:
                continue
            dtype = tensor.dtype if dtype is None else torch.promote_types(dtype, tensor.dtype)
        return dtype or torch.float32

    def _fake(self, *arguments: Any) -> Outputs:
        inputs, options, reduction, _, gradients, wide = self._split(arguments)
        named = dict(zip(self.option_names, options, strict=True))
        sizes = shape(self.name, self.inputs, inputs, named) if reduction == "none" else ()
        given = next(tensor for tensor in inputs if tensor is not None)
        value = given.new_empty(sizes, dtype=torch.float32 if wide else self._dtype(inputs))
        computed = [] if reduction == "none" else gradients
        return [value, *self._alike(inputs, computed, torch.float32)]

    def _fake_backward(self, upstream: Tensor, *arguments: Any) -> Outputs:
        inputs, *_, gradients, _ = self._split(arguments[:-1])
        return self._alike(inputs, gradients)

    def _alike(
        self,
        inputs: tuple[Tensor | None, ...],
        gradients: Sequence[int],
        dtype: torch.dtype | None = None,
    ) -> Outputs:
        kinds = (inputs[place] for place in gradients)
        # Dense, whatever the strides of the inputs are.
        return [kind.new_empty(kind.shape, dtype=dtype) for kind in kinds if kind is not None]

    def _setup(self, ctx: Any, inputs: tuple[Any, ...], output: Outputs) -> None:
        tensors, *ctx.rest = self._split(inputs)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *output[1:])

    def _backward(self, ctx: Any, upstream: list[Tensor | None]) -> tuple[Any, ...]:
        options, reduction, backend, gradients, wide = ctx.rest
        factor, *others = upstream
        if any(each is not None for each in others):
            raise RuntimeError(f"wgloss.torch: {self.name} {_SECOND}")
        for place in self.wanted(ctx.needs_input_grad[: self.count]):
            if place not in gradients:
                name = self.inputs[place]["name"]
                raise RuntimeError(
                    f"wgloss.torch: {self.name} was called without a gradient by {name}: "
                    f"gradients is {gradients}, expected one with {place}"
                )
        inputs, computed = ctx.saved_tensors[: self.count], ctx.saved_tensors[self.count :]
        result: list[Any] = [None] * len(ctx.needs_input_grad)
        if factor is not None:
            # It takes the inputs whether it reads them or not, so that its own derivative is asked for.
            rest = (*options, reduction, backend, gradients, wide, list(computed))
            given = (factor, *inputs, *rest)
            for place, gradient in zip(gradients, self.backward(*given), strict=True):
                result[place] = gradient
        return tuple(result)


class _Pass(torch.autograd.Function):
    """The way of eager calls: value and gradients of a reduced loss in one pass."""

    @staticmethod
    def forward(ctx: Any, call: tuple[Any, ...], *inputs: Tensor | None) -> Tensor:
        operator, options, reduction, backend = call
        gradients = operator.places[ctx.needs_input_grad]
        wide = _is_autocast_enabled("cpu")
        # The gradients of unreduced losses wait for what they are multiplied by.
        now = gradients if reduction != "none" else []
        value, *outputs = operator.forward(inputs, options, reduction, backend, now, None, wide)
        ctx.call = call
        ctx.save_for_backward(*inputs, *outputs)
        return value  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        operator, options, reduction, backend = ctx.call
        gradients = operator.places[ctx.needs_input_grad]
        saved = ctx.saved_tensors
        inputs = saved[: operator.count]
        outputs = saved[operator.count :]
        if reduction == "none":
            outputs = operator.forward(inputs, options, reduction, backend, gradients, upstream)
        else:
            # Where the loss is the whole that is differentiated, there is no pass over the gradients.
            if upstream.item() != 1.0:
                factor = upstream.detach()
                outputs = [each * factor for each in outputs]
            # What a loss scale lifts is rounded only now.
            pairs = zip(outputs, gradients, strict=True)
            outputs = [each.to(inputs[place].dtype) for each, place in pairs]
        if _is_grad_enabled():
            outputs = _Once.apply(operator.name, len(outputs), *outputs, *inputs)
        result: list[Any] = [None] * (1 + operator.count)
        for place, gradient in zip(gradients, outputs, strict=True):
            result[1 + place] = gradient
        return tuple(result)

    @staticmethod
    def jvp(ctx: Any, *_: Any) -> Any:
        raise RuntimeError(f"wgloss.torch: {ctx.call[0].name} has no forward-mode derivative")


class _Places(dict[tuple[bool, ...], list[int]]):
    """What `Operator.wanted` says of autograd's flags: of the call, and of the inputs."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self.operator = operator

    def __missing__(self, needed: tuple[bool, ...]) -> list[int]:
        self[needed] = self.operator.wanted(needed[1:])
        return self[needed]


# Without what `Function.apply` does for torch.func's transforms, which have been refused before.
_apply = super(torch.autograd.Function, _Pass).apply

_SECOND = (
    "has no second derivative: a gradient that was made with create_graph cannot be differentiated"
)


class _Once(torch.autograd.Function):
    """Gradients that depend on the inputs in a way that cannot be differentiated."""

    @staticmethod
    def forward(ctx: Any, name: str, count: int, *tensors: Tensor) -> Any:
        ctx.name = name
        return tuple(each.clone() for each in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> Any:
        raise RuntimeError(f"wgloss.torch: {ctx.name} {_SECOND}")


def _nothing(ctx: Any, inputs: tuple[Any, ...], output: Outputs) -> None:
    """Nothing of a backward operator is kept."""


def _no_second(ctx: Any, _: list[Tensor | None]) -> tuple[Any, ...]:
    raise RuntimeError(f"wgloss.torch: the loss {_SECOND}")


_custom: dict[str, Operator] = {}
"""The operators of custom losses, by what tells these."""

_custom_lock = threading.Lock()
"""An operator that is registered again takes the place of the first, whose users it breaks."""


def _custom_operator(loss: _native.Custom) -> Operator:
    """The operator of a custom loss, which its text and name tell; its parameters are the options."""
    kinds = [type(value).__name__ for value in loss.parameters.values()]
    told = f"{loss.name} {loss.derived} {kinds}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    with _custom_lock:
        if digest not in _custom:
            # Their own names may be those of the operator's other arguments.
            options = [{"name": f"parameter{i}", "type": kind} for i, kind in enumerate(kinds)]
            _custom[digest] = Operator(f"custom_{digest}", loss._facts(), options, loss._forward)
        return _custom[digest]


class Custom(torch.nn.Module):
    """A loss of one's own as a module: a WGSL function `value`, from which its gradient is derived.

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
        super().__init__()
        self.loss = custom(text_or_path, parameters)
        self.reduction = reduction
        self.backend = backend
        self._prepare()

    def _prepare(self) -> None:
        """What torch.compile cannot ask the loss for."""
        self._name, self._names = self.loss.name, tuple(self.loss.inputs)
        self._parameter_values = tuple(self.loss.parameters.values())
        self._operator = _custom_operator(self.loss)

    def __getstate__(self) -> dict[str, Any]:
        return {name: each for name, each in self.__dict__.items() if name != "_operator"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._prepare()

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        """The loss of some tensors, by position or name."""
        if named or len(inputs) != len(self._names):
            inputs = ordered(self._name, self._names, inputs, named)
        return self._operator(inputs, self._parameter_values, self.reduction, self.backend)

    def extra_repr(self) -> str:
        """What `repr` shows."""
        return f"{self.loss!r}, reduction={self.reduction!r}"


class Patch:
    """What `patch` puts in place of PyTorch's functions, by their names."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[..., Tensor]] = {}
        self._lock = threading.Lock()
        self._depth = 0
        self._before: dict[str, Callable[..., Tensor]] = {}
        self._backends: list[tuple[object, str]] = []
        self._default = ""

    @contextlib.contextmanager
    def __call__(self, backend: str | None = None) -> Iterator[None]:
        """While the context lasts, torch.nn.functional's losses, and so torch.nn's, are wgloss's.

        In every thread. `backend` sets where those are evaluated that do not say it. Where contexts of
        several threads overlap, PyTorch's come back when the last one ends, and the backend is that of the
        latest that is still there.
        """
        me = object()
        with self._lock:
            if backend is not None:
                self._set_backend(me, backend)
            self._depth += 1
            if self._depth == 1:
                self._put()
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    self._put_back()
                if backend is not None:
                    self._unset_backend(me)

    def _put(self) -> None:
        functional = torch.nn.functional
        for name, function in self.functions.items():
            if hasattr(functional, name):
                self._before[name] = getattr(functional, name)
                setattr(functional, name, function)

    def _put_back(self) -> None:
        for name, function in self._before.items():
            setattr(torch.nn.functional, name, function)
        self._before.clear()

    def _set_backend(self, context: object, backend: str) -> None:
        default = _native.get_default_backend()
        _native.set_default_backend(backend)
        if not self._backends:
            self._default = default
        self._backends.append((context, backend))

    def _unset_backend(self, context: object) -> None:
        self._backends = [each for each in self._backends if each[0] is not context]
        backend = self._backends[-1][1] if self._backends else self._default
        if backend != _native.get_default_backend():
            # There may be no such backend, as the environment's is looked for only when it is used.
            with contextlib.suppress(RuntimeError):
                _native.set_default_backend(backend)


patch = Patch()
