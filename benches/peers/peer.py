"""Times one peer on one workload and prints a JSON object: a row in a process of its own.

The workload is a folder that `wgloss bench --write-inputs` wrote.
"""

import argparse
import ctypes
import json
import math
import statistics
import time
from pathlib import Path

import numpy

WARM_UPS, RUNS, SPAN = 2, 7, 0.3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=["eager", "compile", "liger", "jax"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    asked = json.loads((arguments.folder / "workload.json").read_text())
    arrays = {name: numpy.load(arguments.folder / f"{name}.npy") for name in asked["inputs"]}
    if arguments.peer == "jax":
        run, value = with_jax(asked, arrays)
        # It keeps what its first run took.
        taken = memory(run)
        times = by_wall(run)
    else:
        run, value, times = with_torch(arguments, asked, arrays)
        taken = memory(run)
    print(json.dumps({
        "median_ms": statistics.median(times),
        "min_ms": min(times),
        "runs": len(times),
        "memory_bytes": taken if arguments.device == "cpu" else None,
        "value": value(),
    }))


def by_wall(run):
    """Milliseconds of runs by the host's clock. What a run returns is freed outside of its time, as
    `wgloss bench` does it."""
    def once():
        start = time.perf_counter()
        kept = run()
        end = time.perf_counter()
        del kept
        return 1e3 * (end - start)

    return repeated(once)


def memory(run):
    """The bytes that the process has resident at most in a run beyond those before it, on Linux, as `wgloss bench`
    counts them."""
    try:
        # What was freed and is kept for later would not be seen again.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        return None
    before = resident("VmRSS")
    kept = run()
    most = resident("VmHWM")
    del kept
    return max(most - before, 0)


def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def repeated(once):
    for _ in range(WARM_UPS):
        once()
    times, start = [], time.perf_counter()
    while len(times) < RUNS or time.perf_counter() - start < SPAN:
        times.append(once())
    return times


def with_torch(arguments, asked, arrays):
    import torch

    torch.set_num_threads(arguments.threads)
    tensors = {name: torch.from_numpy(array).to(arguments.device) for name, array in arrays.items()}
    wanted = [tensors[name].requires_grad_() for name in asked["gradients"]]
    losses = liger_losses() if arguments.peer == "liger" else torch_losses()
    loss = losses[asked["loss"]]
    if arguments.peer == "compile":
        loss = torch.compile(loss)

    def run():
        if not wanted:
            with torch.no_grad():
                return loss(**tensors)
        value = loss(**tensors)
        return value, torch.autograd.grad(value, wanted)

    def value():
        result = run()
        return (result[0].detach() if wanted else result).item()

    if arguments.device == "cpu":
        return run, value, by_wall(run)

    def once():
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        kept = run()
        end.record()
        torch.cuda.synchronize()
        del kept
        return start.elapsed_time(end)

    return run, value, repeated(once)


def torch_losses():
    import torch
    from torch.nn import functional

    def linear_cross_entropy(input, linear_weight, target):
        return functional.cross_entropy(functional.linear(input, linear_weight), target)

    def generalized_box_iou_loss(input, target, eps=1e-7):
        # torchvision's, without its masks, which take longer.
        def area(low, high):
            width, height = (high - low).clamp(min=0).unbind(-1)
            return width * height

        low, high, low_t, high_t = *input.split(2, -1), *target.split(2, -1)
        common = area(low.maximum(low_t), high.minimum(high_t))
        union = area(low, high) + area(low_t, high_t) - common
        hull = area(low.minimum(low_t), high.maximum(high_t))
        return (1 - common / (union + eps) + (hull - union) / (hull + eps)).mean()

    def dice_loss(input, target, smooth=1e-5):
        p = input.softmax(1)
        y = functional.one_hot(target, input.shape[1]).movedim(-1, 1).to(p.dtype)
        space = tuple(range(2, p.dim()))
        both, size = (p * y).sum(space), p.sum(space) + y.sum(space)
        return (1 - (2 * both + smooth) / (size + smooth)).mean()

    def info_nce_loss(query, key, temperature=0.07):
        own = torch.arange(len(query), device=query.device)
        return functional.cross_entropy(query @ key.T / temperature, own)

    def generalized_jsd_loss(input, teacher):
        log_q, log_p = input.log_softmax(-1), teacher.log_softmax(-1)
        log_m = torch.stack([log_q, log_p]).logsumexp(0) - math.log(2)
        halves = [functional.kl_div(log_m, x, reduction="sum", log_target=True) for x in (log_p, log_q)]
        return (halves[0] + halves[1]) / 2 / len(input)

    def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta=0.1):
        ratios = policy_chosen - policy_rejected - (reference_chosen - reference_rejected)
        return -functional.logsigmoid(beta * ratios).mean()

    return {
        "info_nce_loss": info_nce_loss,
        "generalized_jsd_loss": generalized_jsd_loss,
        "dpo_loss": dpo_loss,
        "mse_loss": functional.mse_loss,
        "smooth_l1_loss": functional.smooth_l1_loss,
        "binary_cross_entropy_with_logits": functional.binary_cross_entropy_with_logits,
        "kl_div": lambda input, target: functional.kl_div(input, target, reduction="batchmean"),
        "cross_entropy": functional.cross_entropy,
        # PyTorch 2.15's own linear_cross_entropy saves memory and takes longer.
        "linear_cross_entropy": linear_cross_entropy,
        "triplet_margin_loss": functional.triplet_margin_loss,
        "cosine_embedding_loss": functional.cosine_embedding_loss,
        "ctc_loss": functional.ctc_loss,
        "dice_loss": dice_loss,
        "generalized_box_iou_loss": generalized_box_iou_loss,
    }


def liger_losses():
    from liger_kernel.transformers import functional

    def linear_cross_entropy(input, linear_weight, target):
        return functional.liger_fused_linear_cross_entropy(input, linear_weight, target)

    return {
        "kl_div": lambda input, target: functional.liger_kl_div(
            input, target, reduction="batchmean"
        ),
        "cross_entropy": functional.liger_cross_entropy,
        "linear_cross_entropy": linear_cross_entropy,
    }


def with_jax(asked, arrays):
    import jax

    names = asked["inputs"]
    loss = jax_losses()[asked["loss"]]

    def of(*values):
        return loss(**dict(zip(names, values)))

    places = tuple(names.index(name) for name in asked["gradients"])
    values = [jax.device_put(arrays[name]) for name in names]
    jax.block_until_ready(values)
    jitted = jax.jit(jax.value_and_grad(of, argnums=places) if places else of)
    compiled = jitted.lower(*values).compile()

    def run():
        return jax.block_until_ready(compiled(*values))

    return run, lambda: float(run()[0] if places else run())


def jax_losses():
    import jax
    import jax.numpy as jnp
    import optax

    def cross_entropy(input, target):
        return optax.softmax_cross_entropy_with_integer_labels(input, target).mean()

    def cosine_embedding(input1, input2, target):
        cosine = optax.cosine_similarity(input1, input2)
        return jnp.where(target == 1, 1 - cosine, jnp.maximum(0, cosine)).mean()

    def ctc(log_probs, targets, input_lengths, target_lengths):
        steps, batch, _ = log_probs.shape
        late = jnp.arange(steps)[None] >= input_lengths[:, None]
        padded = jnp.arange(targets.shape[1])[None] >= target_lengths[:, None]
        # It takes the log-softmax of what already is one.
        losses = optax.ctc_loss(
            log_probs.swapaxes(0, 1), late.astype(jnp.float32), targets, padded.astype(jnp.float32)
        )
        return (losses / target_lengths).mean()

    def generalized_box_iou_loss(input, target, eps=1e-7):
        def area(low, high):
            width, height = jnp.moveaxis(jnp.maximum(high - low, 0), -1, 0)
            return width * height

        (low, high), (low_t, high_t) = jnp.split(input, 2, -1), jnp.split(target, 2, -1)
        common = area(jnp.maximum(low, low_t), jnp.minimum(high, high_t))
        union = area(low, high) + area(low_t, high_t) - common
        hull = area(jnp.minimum(low, low_t), jnp.maximum(high, high_t))
        return (1 - common / (union + eps) + (hull - union) / (hull + eps)).mean()

    def dice_loss(input, target, smooth=1e-5):
        p = jax.nn.softmax(input, 1)
        y = jax.nn.one_hot(target, input.shape[1], axis=1, dtype=p.dtype)
        space = tuple(range(2, p.ndim))
        both, size = (p * y).sum(space), p.sum(space) + y.sum(space)
        return (1 - (2 * both + smooth) / (size + smooth)).mean()

    def info_nce_loss(query, key, temperature=0.07):
        return cross_entropy(query @ key.T / temperature, jnp.arange(len(query)))

    def generalized_jsd_loss(input, teacher):
        log_q, log_p = jax.nn.log_softmax(input), jax.nn.log_softmax(teacher)
        log_m = jnp.logaddexp(log_q, log_p) - math.log(2)
        halves = [(jnp.exp(x) * (x - log_m)).sum(-1) for x in (log_p, log_q)]
        return ((halves[0] + halves[1]) / 2).mean()

    def dpo_loss(policy_chosen, policy_rejected, reference_chosen, reference_rejected, beta=0.1):
        ratios = policy_chosen - policy_rejected - (reference_chosen - reference_rejected)
        return -jax.nn.log_sigmoid(beta * ratios).mean()

    return {
        "info_nce_loss": info_nce_loss,
        "generalized_jsd_loss": generalized_jsd_loss,
        "dpo_loss": dpo_loss,
        "mse_loss": lambda input, target: optax.squared_error(input, target).mean(),
        "smooth_l1_loss": lambda input, target: optax.huber_loss(input, target).mean(),
        "binary_cross_entropy_with_logits": lambda input, target: (
            optax.sigmoid_binary_cross_entropy(input, target).mean()
        ),
        "kl_div": lambda input, target: optax.kl_divergence(input, target).mean(),
        "cross_entropy": cross_entropy,
        "linear_cross_entropy": lambda input, linear_weight, target: cross_entropy(
            input @ linear_weight.T, target
        ),
        "triplet_margin_loss": lambda anchor, positive, negative: (
            optax.losses.triplet_margin_loss(anchor, positive, negative).mean()
        ),
        "cosine_embedding_loss": cosine_embedding,
        "ctc_loss": ctc,
        "dice_loss": dice_loss,
        "generalized_box_iou_loss": generalized_box_iou_loss,
    }


if __name__ == "__main__":
    main()
