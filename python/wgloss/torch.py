"""Losses for PyTorch: torch.nn.functional's functions and torch.nn's modules, on every GPU and the CPU.

>>> import torch, wgloss.torch
>>> logits = torch.zeros(2, 3, requires_grad=True)
>>> loss = wgloss.torch.cross_entropy(logits, torch.tensor([0, 2]))
>>> loss.backward()

Values have the element type of their inputs, as PyTorch's have; arithmetic is float32. The value and the
gradients of a reduced loss come from one pass over the data. `patch` puts the functions in place of
torch.nn.functional's.
"""

from __future__ import annotations

from ._catalogue import ENTRIES
from ._torch import Custom, patch
from ._torch_functions import function
from ._torch_modules import module

for _entry in ENTRIES:
    globals()[_entry.name] = patch.functions[_entry.name] = function(_entry)

_MODULES = [module(_entry, patch.functions) for _entry in ENTRIES]
for _module in _MODULES:
    globals()[_module.__name__] = _module

__all__ = ["Custom", "patch"]
__all__ += [entry.name for entry in ENTRIES]
__all__ += [each.__name__ for each in _MODULES]
