"""Loss functions on every GPU and the CPU: values, gradients and reductions with PyTorch's semantics.

A function for each loss has the name, the order of arguments and the defaults of
torch.nn.functional's, and takes NumPy arrays, PyTorch tensors, JAX arrays, and whatever NumPy reads:

>>> import wgloss
>>> float(wgloss.mse_loss([1.0, 2.0], [0.0, 0.0]))
2.5

`evaluate` brings the loss, its gradients and totals in one pass; a `Custom` loss is one WGSL function,
whose gradient is derived; a `Plan` keeps its data on a GPU. `wgloss.torch` has the losses for autograd and
torch.compile, `wgloss.jax` for jit and grad.

Losses are evaluated on the fastest GPU, or on the CPU where there is none that is hardware: see
`set_default_backend`. Arithmetic is float32.
"""

import os as _os

from . import _losses, _native
from ._catalogue import catalogue
from ._losses import *  # noqa: F403
from ._native import (
    Custom,
    Evaluation,
    Plan,
    Totals,
    adapters,
    evaluate,
    get_default_backend,
    set_default_backend,
)

__version__: str = _native.VERSION

__all__ = [
    "Custom",
    "Evaluation",
    "Plan",
    "Totals",
    "__version__",
    "adapters",
    "catalogue",
    "evaluate",
    "get_default_backend",
    "set_default_backend",
]
__all__ += _losses.__all__

if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_native.forked)
