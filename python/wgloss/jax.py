"""Losses for JAX, under jit, grad and vmap: the functions of `wgloss`, differentiable.

>>> import jax, jax.numpy as jnp, wgloss.jax
>>> jax.grad(wgloss.jax.mse_loss)(jnp.ones(2), jnp.zeros(2))
Array([1., 1.], dtype=float32)

They are called back on the host: what is on a GPU is copied there. Options, reduction and backend are
constants of a compiled function. There are no second derivatives.

Shapes and element types are checked when a call is traced. A class index outside its range, and a backend
that is not there, are seen only when it runs: JAX then raises an error of its own, with our message in it.
"""

from __future__ import annotations

from ._catalogue import ENTRIES
from ._jax import Custom, function

for _entry in ENTRIES:
    globals()[_entry.name] = function(_entry)

__all__ = ["Custom"]
__all__ += [entry.name for entry in ENTRIES]
