"""What a user may write and what not: read by mypy only."""

import numpy as np
import numpy.typing as npt
import torch

import wgloss
import wgloss.torch

logits: npt.NDArray[np.float32] = np.zeros((4, 3), np.float32)
classes: npt.NDArray[np.int64] = np.arange(4) % 3

value = float(wgloss.cross_entropy(logits, classes, label_smoothing=0.1))
listed = float(wgloss.mse_loss([1.0, 2.0], [0.0, 0.0], reduction="sum", backend="cpu"))

result = wgloss.evaluate("cross_entropy", input=logits, target=classes, gradients=True, totals=True)
gradient = np.asarray(result.gradients["input"])
names: list[str] = list(result.gradients)
if result.totals is not None:
    merged: wgloss.Totals = wgloss.Totals.join([result.totals])
    count: int = merged.count
    text: str = merged.to_json()
    data: bytes = bytes(merged)
    first, end = merged.covered[0]

custom = wgloss.Custom("fn value(p: f32, t: f32) -> f32 { return p - t; }")
name: str = custom.name
slope: wgloss.Custom = custom.derivative("p")
difference = float(custom(logits, logits))

plan = wgloss.Plan("mse_loss", input=((4, 3), "float32"), target=logits, gradients=("input",))
plan.upload(input=logits)
plan.run(times=2)
downloaded: wgloss.Evaluation = plan.download()

wgloss.set_default_backend("cpu")
adapters: list[str] = wgloss.adapters()

x = torch.zeros(4, 3, requires_grad=True)
loss: torch.Tensor = wgloss.torch.cross_entropy(x, torch.zeros(4, dtype=torch.int64))
module: torch.nn.Module = wgloss.torch.CrossEntropyLoss(label_smoothing=0.1)
with wgloss.torch.patch(backend="cpu"):
    torch.autograd.grad(loss, x)

wgloss.mse_loss(logits)  # wrong: call-arg
wgloss.mse_loss(logits, logits, reduction=3)  # wrong: arg-type
wgloss.mse_loss(logits, logits, margin=1.0)  # wrong: call-arg
wgloss.cross_entropy(logits, classes, label_smoothing="much")  # wrong: arg-type
wgloss.no_such_loss(logits, logits)  # wrong: attr-defined
wgloss.evaluate(7, input=logits)  # wrong: arg-type
wgloss.torch.mse_loss(x, x, reduction=3)  # wrong: arg-type
wgloss.torch.patch(backend=3)  # wrong: arg-type
plan.run(times="often")  # wrong: arg-type
total: str = merged.count  # wrong: assignment
