"""Losses that torch.nn.functional lacks, in PyTorch's float64 as their authors write them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    logsigmoid,
    softplus,
)

Tensor = torch.Tensor


def log_cosh(input: Tensor, target: Tensor) -> Tensor:
    d = input - target
    return torch.logaddexp(d, -d) - np.log(2)


def quantile(input: Tensor, target: Tensor, quantile: float = 0.5) -> Tensor:
    d = target - input
    return torch.maximum(quantile * d, (quantile - 1) * d)


def soft_margin(input: Tensor, target: Tensor) -> Tensor:
    return softplus(-target * input)


def focal(input: Tensor, target: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    p = torch.sigmoid(input)
    entropy = binary_cross_entropy_with_logits(input, target, reduction="none")
    terms = entropy * (1 - (p * target + (1 - p) * (1 - target))) ** gamma
    return (alpha * target + (1 - alpha) * (1 - target)) * terms if alpha >= 0 else terms


def preferred(z: Tensor, label_smoothing: float, loss_type: str = "sigmoid") -> Tensor:
    """The terms of a margin, of the usual kind or of a hinge."""
    if loss_type == "hinge" and label_smoothing == 0:
        return torch.relu(1 - z)
    if loss_type != "sigmoid" or not 0 <= label_smoothing <= 1:
        raise ValueError(loss_type)
    return -(1 - label_smoothing) * logsigmoid(z) - label_smoothing * logsigmoid(-z)


def alike(*tensors: Tensor) -> None:
    if any(tensor.shape != tensors[0].shape for tensor in tensors):
        raise ValueError("shapes differ")


def above_zero(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise ValueError("temperature")


def cpo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    loss_type: str = "sigmoid",
) -> Tensor:
    alike(policy_chosen, policy_rejected)
    return preferred(beta * (policy_chosen - policy_rejected), label_smoothing, loss_type)


def dpo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    loss_type: str = "sigmoid",
    discopop_tau: float = 0.05,
) -> Tensor:
    alike(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    chosen, rejected = policy_chosen - reference_chosen, policy_rejected - reference_rejected
    return preferred(beta * (chosen - rejected), label_smoothing, loss_type)


def simpo(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    beta: float = 0.1,
    gamma: float = 0.5,
    label_smoothing: float = 0.0,
) -> Tensor:
    alike(policy_chosen, policy_rejected)
    return preferred(beta * (policy_chosen - policy_rejected) - gamma, label_smoothing)


def orpo(policy_chosen: Tensor, policy_rejected: Tensor, beta: float = 0.1) -> Tensor:
    alike(policy_chosen, policy_rejected)
    odds = [p - torch.log(-torch.expm1(p)) for p in (policy_chosen, policy_rejected)]
    return -beta * logsigmoid(odds[0] - odds[1])


def kto(
    policy: Tensor,
    reference: Tensor,
    labels: Tensor,
    kl: Tensor | None = None,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    alike(policy, reference, labels)
    z = beta * (policy - reference - (0 if kl is None else kl.detach()))
    desirable, undesirable = torch.sigmoid(-z), torch.sigmoid(z)
    return torch.where(labels == 1, desirable_weight * desirable, undesirable_weight * undesirable)


def grpo(
    log_probs: Tensor,
    advantages: Tensor,
    old_log_probs: Tensor | None = None,
    reference_log_probs: Tensor | None = None,
    mask: Tensor | None = None,
    epsilon_low: float = 0.2,
    epsilon_high: float = 0.2,
    beta: float = 0.0,
    delta: float | None = None,
    loss_type: str = "dapo",
    importance_sampling_level: str = "token",
    num_items: int | None = None,
    max_completion_length: int | None = None,
    *,
    reduction: str,
) -> Tensor:
    if (loss_type, importance_sampling_level) != ("dapo", "token"):
        raise ValueError(loss_type)
    old = log_probs.detach() if old_log_probs is None else old_log_probs.detach()
    kept = torch.ones_like(log_probs) if mask is None else mask.detach()
    alike(log_probs, old, kept)
    ratio = torch.exp(log_probs - old)
    own = ratio if delta is None else ratio.clamp(max=delta)
    advantage = advantages.detach()[:, None]
    clipped = ratio.clamp(1 - epsilon_low, 1 + epsilon_high)
    terms = -torch.minimum(own * advantage, clipped * advantage)
    if beta > 0:
        if reference_log_probs is None:
            raise ValueError("no reference")
        k = reference_log_probs.detach() - log_probs
        terms = terms + beta * (torch.expm1(k) - k)
    terms = terms * kept
    if reduction == "none":
        return terms
    count = kept.sum() if num_items is None else torch.tensor(float(num_items))
    return terms.sum() / (count.clamp(min=1) if reduction == "mean" else 1)


def areas(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlap(input: Tensor, target: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """The intersection over the union, the union, and the extents of the enclosing box."""
    alike(input, target)
    low = torch.maximum(input[..., :2], target[..., :2])
    high = torch.minimum(input[..., 2:], target[..., 2:])
    common = torch.relu(high - low).prod(-1)
    union = areas(input) + areas(target) - common
    low = torch.minimum(input[..., :2], target[..., :2])
    high = torch.maximum(input[..., 2:], target[..., 2:])
    return common / (union + eps), union, high - low


def generalized_box_iou(input: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    iou, union, hull = overlap(input, target, eps)
    return 1 - iou + (hull.prod(-1) - union) / (hull.prod(-1) + eps)


def distance_box_iou(input: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    iou, _, hull = overlap(input, target, eps)
    d = (input[..., :2] + input[..., 2:] - target[..., :2] - target[..., 2:]) / 2
    return 1 - iou + (d * d).sum(-1) / ((hull * hull).sum(-1) + eps)


def complete_box_iou(input: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    iou, _, _ = overlap(input, target, eps)
    angles = [
        torch.atan((boxes[..., 2] - boxes[..., 0]) / (boxes[..., 3] - boxes[..., 1]))
        for boxes in (input, target)
    ]
    v = 4 / math.pi**2 * (angles[1] - angles[0]) ** 2
    factor = (v / (1 - iou + v + eps)).detach()
    return distance_box_iou(input, target, eps) + factor * v


def rnnt(
    logits: Tensor,
    targets: Tensor,
    logit_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = -1,
    clamp: float = -1.0,
) -> Tensor:
    if clamp > 0:
        raise ValueError("the gradient is clamped")
    log_p, classes = logits.log_softmax(-1), logits.shape[-1]
    blank = blank % classes
    costs = []
    for item, (steps, labels) in enumerate(zip(logit_lengths, target_lengths, strict=True)):
        alpha: dict[tuple[int, int], Tensor] = {(0, 0): log_p.new_zeros(())}
        for t in range(int(steps)):
            for u in range(int(labels) + 1):
                ways = []
                if t > 0:
                    ways.append(alpha[t - 1, u] + log_p[item, t - 1, u, blank])
                if u > 0:
                    label = targets[item, u - 1]
                    ways.append(alpha[t, u - 1] + log_p[item, t, u - 1, label])
                if ways:
                    alpha[t, u] = torch.logsumexp(torch.stack(ways), 0)
        end = int(steps) - 1, int(labels)
        costs.append(-(alpha[end] + log_p[item, *end, blank]))
    return torch.stack(costs) if costs else logits.new_zeros(0)


def direction(vectors: Tensor) -> Tensor:
    """Vectors divided by their lengths; those of zeros stay."""
    length = vectors.norm(dim=-1, keepdim=True)
    return vectors / torch.where(length == 0, torch.ones_like(length), length)


def one(number: Tensor | None, other: float) -> Tensor | float:
    """A number of no shape."""
    if number is None:
        return other
    if number.shape not in ((), (1,)):
        raise ValueError("not one number")
    return number.reshape(())


def info_nce(
    query: Tensor,
    key: Tensor,
    logit_scale: Tensor | None = None,
    target: Tensor | None = None,
    temperature: float = 0.07,
    symmetric: bool = False,
    normalize: bool = False,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    if query.dim() != 2 or key.dim() != 2 or not query.numel() or len(key) < len(query):
        raise ValueError("shapes")
    if symmetric and (target is not None or len(query) != len(key)):
        raise ValueError("symmetric")
    if logit_scale is not None and temperature != 0.07:
        raise ValueError("temperature")
    if normalize:
        query, key = direction(query), direction(key)
    s = one(logit_scale, 1 / temperature) * (query @ key.T)
    if target is None:
        own, ignore_index = torch.arange(len(query)), -100
    else:
        own = target
    kept = own != ignore_index
    rows = cross_entropy(s, own, reduction="none", ignore_index=ignore_index)
    if symmetric:
        rows = (rows + cross_entropy(s.T, own, reduction="none")) / 2
    return rows, kept.sum()


def sigmoid_contrastive(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor,
    logit_bias: Tensor | None = None,
    normalize: bool = False,
) -> tuple[Tensor, Tensor]:
    alike(image, text)
    if image.dim() != 2 or not image.numel():
        raise ValueError("shapes")
    if normalize:
        image, text = direction(image), direction(text)
    s = one(logit_scale, 1.0) * (image @ text.T) + one(logit_bias, 0.0)
    sign = 2 * torch.eye(len(image), dtype=s.dtype) - 1
    return -logsigmoid(sign * s).sum(1), torch.tensor(len(image))


def similarities(
    input: Tensor, labels: Tensor, temperature: float, normalize: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The similarities of rows, which are others, and which of these are partners."""
    if input.dim() != 2 or not input.shape[1] or labels.shape != input.shape[:1]:
        raise ValueError("shapes")
    vectors = direction(input) if normalize else input
    others = ~torch.eye(len(input), dtype=torch.bool)
    return vectors @ vectors.T / temperature, others, others & (labels[:, None] == labels)


def nt_xent(
    input: Tensor, labels: Tensor, temperature: float = 0.07, normalize: bool = True
) -> tuple[Tensor, Tensor]:
    s, others, partners = similarities(input, labels, temperature, normalize)
    above = torch.where(others & ~partners, s, -math.inf).logsumexp(1)
    costs = softplus(torch.where(above.isinf(), -1e9, above)[:, None] - s)
    return torch.where(partners, costs, 0).sum(1), partners.sum()


def sup_con(
    input: Tensor, labels: Tensor, temperature: float = 0.1, normalize: bool = True
) -> tuple[Tensor, Tensor]:
    s, others, partners = similarities(input, labels, temperature, normalize)
    log_p = s - torch.where(others, s, -math.inf).logsumexp(1, keepdim=True)
    count = partners.sum(1)
    costs = -torch.where(partners, log_p, 0).sum(1) / count.clamp(min=1)
    return torch.where(count > 0, costs, 0), (count > 0).sum()


def cosines(input: Tensor, linear_weight: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The cosines to the centres of all classes, and which of them is the target's."""
    if input.dim() != 2 or linear_weight.dim() != 2 or target.shape != input.shape[:1]:
        raise ValueError("shapes")
    c = direction(input) @ direction(linear_weight).T
    return c, torch.arange(len(linear_weight)) == target[:, None]


def of_cosines(logits: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor]:
    rows = cross_entropy(logits, target, reduction="none", ignore_index=ignore_index)
    return rows, (target != ignore_index).sum()


def arc_face(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    margin: float = 0.5,
    scale: float = 64.0,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    c, own = cosines(input, linear_weight, target)
    if not 0 <= margin < math.pi or not 0 < scale < math.inf:
        raise ValueError("options")
    angle = torch.acos(c.clamp(-1, 1))
    widened = torch.where(
        angle <= math.pi - margin, torch.cos(angle + margin), c - margin * math.sin(margin)
    )
    return of_cosines(scale * torch.where(own, widened, c), target, ignore_index)


def cos_face(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    margin: float = 0.35,
    scale: float = 64.0,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    c, own = cosines(input, linear_weight, target)
    if not 0 < scale < math.inf:
        raise ValueError("options")
    return of_cosines(scale * torch.where(own, c - margin, c), target, ignore_index)


def region_sums(
    input: Tensor,
    target: Tensor,
    activation: str,
    include_background: bool,
    batch: bool,
    ignore_index: int,
) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """Probabilities and targets of the classes that count, and sums over the voxels that are kept."""
    if input.dim() < 3 or (
        input.shape[1] == 1 and (activation == "softmax" or not include_background)
    ):
        raise ValueError("shapes")
    p = input
    if activation != "none":
        p = torch.sigmoid(input) if activation == "sigmoid" else input.softmax(1)
    kept = torch.ones_like(input[:, :1])
    if target.is_floating_point():
        alike(input, target)
        y = target
    else:
        if target.shape != input.shape[:1] + input.shape[2:]:
            raise ValueError("shapes")
        kept = (target != ignore_index)[:, None].to(input.dtype)
        one_hot = torch.nn.functional.one_hot(target.where(kept[:, 0] == 1, 0), input.shape[1])
        y = one_hot.movedim(-1, 1).to(input.dtype)
    first = 0 if include_background else 1
    over = ([0] if batch else []) + list(range(2, input.dim()))
    return p[:, first:], y[:, first:], lambda numbers: (kept * numbers).sum(over)


def dice(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    squared: bool = False,
    jaccard: bool = False,
    activation: str = "none",
    include_background: bool = True,
    batch: bool = False,
    ignore_index: int = -100,
    smooth_numerator: float = 1e-5,
    smooth_denominator: float = 1e-5,
) -> Tensor:
    rest = activation, include_background, batch, ignore_index
    p, y, total = region_sums(input, target, *rest)
    both = total(p * y)
    sizes = total(p * p + y * y if squared else p + y)
    divisor = 2 * (sizes - both) if jaccard else sizes
    terms = 1 - (2 * both + smooth_numerator) / (divisor + smooth_denominator)
    if weight is not None and weight.shape != p.shape[1:2]:
        raise ValueError("weight")
    return terms if weight is None else terms * weight.detach()


def generalized_dice(
    input: Tensor,
    target: Tensor,
    weight_type: str = "square",
    activation: str = "none",
    include_background: bool = True,
    batch: bool = False,
    ignore_index: int = -100,
    smooth_numerator: float = 1e-5,
    smooth_denominator: float = 1e-5,
) -> Tensor:
    rest = activation, include_background, batch, ignore_index
    p, y, total = region_sums(input, target.detach(), *rest)
    sizes = total(y)
    importance = {"square": 1 / sizes**2, "simple": 1 / sizes}.get(weight_type, sizes**0)
    finite = torch.where(sizes == 0, 0, importance)
    v = torch.where(sizes == 0, finite.amax(-1, keepdim=True), importance).detach()
    both, all = (v * total(p * y)).sum(-1), (v * total(p + y)).sum(-1)
    return 1 - (2 * both + smooth_numerator) / (all + smooth_denominator)


def tversky(
    input: Tensor,
    target: Tensor,
    alpha: float = 0.5,
    beta: float = 0.5,
    activation: str = "none",
    include_background: bool = True,
    batch: bool = False,
    ignore_index: int = -100,
    smooth_numerator: float = 1e-5,
    smooth_denominator: float = 1e-5,
) -> Tensor:
    rest = activation, include_background, batch, ignore_index
    p, y, total = region_sums(input, target, *rest)
    both, wrong, missed = total(p * y), total(p * (1 - y)), total((1 - p) * y)
    divisor = both + alpha * wrong + beta * missed + smooth_denominator
    return 1 - (both + smooth_numerator) / divisor


def focal_tversky(
    input: Tensor,
    target: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 0.75,
    **rest: Any,
) -> Tensor:
    return torch.relu(tversky(input, target, alpha, beta, **rest)) ** gamma


def of_shares(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    label_smoothing: float,
    cost: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """The costs of classes by their log-probabilities, times their shares of the target."""
    axis = 1 if input.dim() > 1 else 0
    classes = input.shape[axis]
    factors = torch.ones(classes, dtype=input.dtype) if weight is None else weight.detach()
    if factors.shape != (classes,) or not classes:
        raise ValueError("weight")
    factors = factors.reshape([-1] + [1] * (input.dim() - axis - 1))
    if target.is_floating_point():
        alike(input, target)
        share, kept = target, torch.ones_like(input.select(axis, 0))
    else:
        if target.shape != input.shape[:axis] + input.shape[axis + 1 :]:
            raise ValueError("shapes")
        kept = (target != ignore_index).to(input.dtype)
        place = target.where(kept == 1, 0)
        share = torch.nn.functional.one_hot(place, classes).movedim(-1, axis).to(input.dtype)
    if not 0 <= label_smoothing <= 1:
        raise ValueError("label_smoothing")
    counted = (share * factors).sum(axis) * kept if not target.is_floating_point() else kept
    share = (1 - label_smoothing) * share + label_smoothing / classes
    return kept * (factors * share * cost(input.log_softmax(axis))).sum(axis), counted.sum()


def softmax_focal(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    gamma: float = 2.0,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    if not 0 <= gamma < math.inf:
        raise ValueError("gamma")

    def cost(log_p: Tensor) -> Tensor:
        miss = -torch.expm1(log_p)
        # Nothing is missing from 1, and the slope of a root there is none.
        return torch.where(miss > 0, -(miss.where(miss > 0, 1) ** gamma) * log_p, 0)

    return of_shares(input, target, weight, ignore_index, 0.0, cost)


def poly1(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    epsilon: float = 1.0,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    cost = lambda log_p: -log_p - epsilon * torch.expm1(log_p)  # noqa: E731
    return of_shares(input, target, weight, ignore_index, label_smoothing, cost)


def token_log_probs(
    input: Tensor, target: Tensor, temperature: float = 1.0, ignore_index: int = -100
) -> tuple[Tensor, Tensor]:
    above_zero(temperature)
    scaled = input / temperature
    terms = -cross_entropy(scaled, target, reduction="none", ignore_index=ignore_index)
    return terms, (target != ignore_index).sum()


def marked(terms: Tensor, labels: Tensor | None, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Rows that labels do not leave out."""
    if labels is None:
        return terms, torch.tensor(terms.numel())
    if labels.shape != terms.shape:
        raise ValueError("labels")
    kept = labels != ignore_index
    return terms.where(kept, 0), kept.sum()


def softmax_entropy(
    input: Tensor,
    labels: Tensor | None = None,
    temperature: float = 1.0,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    above_zero(temperature)
    axis = 1 if input.dim() > 1 else 0
    log_p = (input / temperature).log_softmax(axis)
    return marked(-(log_p.exp() * log_p).sum(axis), labels, ignore_index)


def generalized_jsd(
    input: Tensor,
    teacher: Tensor,
    labels: Tensor | None = None,
    beta: float = 0.5,
    temperature: float = 1.0,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    alike(input, teacher)
    above_zero(temperature)
    if not 0 <= beta <= 1:
        raise ValueError("beta")
    axis = 1 if input.dim() > 1 else 0
    log_p, log_q = (each.div(temperature).log_softmax(axis) for each in (input, teacher))
    p, q = log_p.exp(), log_q.exp()
    if beta == 0:
        terms = q * (log_q - log_p)
    elif beta == 1:
        terms = p * (log_p - log_q)
    else:
        log_m = (beta * q + (1 - beta) * p).log()
        terms = beta * q * (log_q - log_m) + (1 - beta) * p * (log_p - log_m)
    return marked(terms.sum(axis), labels, ignore_index)


def total_variation(
    input: Tensor,
    teacher: Tensor,
    labels: Tensor | None = None,
    temperature: float = 1.0,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    alike(input, teacher)
    above_zero(temperature)
    axis = 1 if input.dim() > 1 else 0
    p, q = (each.div(temperature).softmax(axis) for each in (input, teacher))
    return marked((p - q).abs().sum(axis) / 2, labels, ignore_index)


def ranking_softmax(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    alike(input, target, *(each for each in (weight, mask) if each is not None))
    kept = torch.ones_like(input) if mask is None else mask.detach()
    if not ((kept == 0) | (kept == 1)).all():
        raise ValueError("mask")
    share = target * kept * (1 if weight is None else weight.detach())
    log_p = input.masked_fill(kept == 0, -math.inf).log_softmax(-1)
    terms = -(share * log_p.masked_fill(kept == 0, 0)).sum(-1)
    some = kept.any(-1)
    return terms.where(some, 0), some.sum()


def top_k_distillation(
    input: Tensor,
    teacher_log_probs: Tensor,
    teacher_classes: Tensor,
    labels: Tensor | None = None,
    temperature: float = 1.0,
    ignore_index: int = -100,
) -> tuple[Tensor, Tensor]:
    above_zero(temperature)
    alike(teacher_log_probs, teacher_classes)
    classes, length = input.shape[-1], teacher_classes.shape[-1]
    kept = torch.ones(input.shape[:-1], dtype=torch.bool)
    if labels is not None:
        alike(labels, kept)
        kept = labels != ignore_index
    listed = teacher_classes[kept].sort(-1).values
    if ((listed < 0) | (listed >= classes)).any() or (listed.diff(dim=-1) == 0).any():
        raise ValueError("teacher_classes")
    if not 1 <= length <= classes or not (teacher_log_probs[kept] <= 0).all():
        raise ValueError("teacher_log_probs")
    own = teacher_classes.where(kept.unsqueeze(-1), torch.arange(length))
    log_q = (input / temperature).log_softmax(-1)
    log_p = teacher_log_probs.detach()
    p = log_p.exp()
    terms = (p * (log_p - log_q.gather(-1, own)).where(p > 0, 0)).sum(-1)
    rest = (1 - p.sum(-1)).clamp(min=0)
    if length == classes:
        return marked(terms + rest, labels, ignore_index)
    log_rest = log_q.scatter(-1, own, -math.inf).logsumexp(-1)
    terms = terms + rest * (rest.log() - log_rest).where(rest > 0, 0)
    return marked(terms, labels, ignore_index)


WITH_COUNTS: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {
    "arc_face_loss": arc_face,
    "generalized_jsd_loss": generalized_jsd,
    "poly1_cross_entropy": poly1,
    "ranking_softmax_loss": ranking_softmax,
    "softmax_entropy": softmax_entropy,
    "softmax_focal_loss": softmax_focal,
    "token_log_probs": token_log_probs,
    "top_k_distillation_loss": top_k_distillation,
    "total_variation_loss": total_variation,
    "cos_face_loss": cos_face,
    "info_nce_loss": info_nce,
    "nt_xent_loss": nt_xent,
    "sigmoid_contrastive_loss": sigmoid_contrastive,
    "sup_con_loss": sup_con,
}
"""The terms of each, and what its mean divides by."""


TERMS: dict[str, Callable[..., Tensor]] = {
    "complete_box_iou_loss": complete_box_iou,
    "cpo_loss": cpo,
    "dice_loss": dice,
    "distance_box_iou_loss": distance_box_iou,
    "dpo_loss": dpo,
    "focal_tversky_loss": focal_tversky,
    "generalized_box_iou_loss": generalized_box_iou,
    "generalized_dice_loss": generalized_dice,
    "kto_loss": kto,
    "log_cosh_loss": log_cosh,
    "orpo_loss": orpo,
    "quantile_loss": quantile,
    "rnnt_loss": rnnt,
    "sigmoid_focal_loss": focal,
    "simpo_loss": simpo,
    # PyTorch's is not differentiable by its target.
    "soft_margin_loss": soft_margin,
    "tversky_loss": tversky,
}
"""The terms of each."""


def linear(name: str, given: dict[str, Any], reduction: str, **options: Any) -> Tensor:
    """A loss of the logits of a linear layer."""
    input, weight = given.pop("input"), given.pop("linear_weight")
    bias = given.pop("linear_bias", None)
    logits = torch.nn.functional.linear(input, weight, bias)
    of = name.removeprefix("linear_")
    if of.endswith("po_loss"):
        return answers(of, logits, given, reduction, **options)
    if of in WITH_COUNTS:
        return exact(of, {"input": logits, **given}, reduction, **options)
    own = getattr(torch.nn.functional, of)
    return own(logits, **given, reduction=reduction, **options)


def answers(
    name: str,
    logits: Tensor,
    given: dict[str, Any],
    reduction: str,
    average_log_prob: bool | None = None,
    ignore_index: int = -100,
    **options: Any,
) -> Tensor:
    """A preference of the chosen answers, which come first, to the rejected ones."""
    target = given.pop("target")
    if logits.dim() != 3 or len(logits) % 2 or target.shape != logits.shape[:2]:
        raise ValueError("shapes differ")
    kept = target != ignore_index
    classes = torch.where(kept, target, 0)
    if ((classes < 0) | (classes >= logits.shape[-1])).any():
        raise ValueError("target")
    log_p = torch.log_softmax(logits, -1).gather(-1, classes[..., None])[..., 0]
    worth = torch.where(kept, log_p, 0).sum(-1)
    if name in ("orpo_loss", "simpo_loss") if average_log_prob is None else average_log_prob:
        worth = worth / kept.sum(-1)
    chosen, rejected = worth.chunk(2)
    given = {"policy_chosen": chosen, "policy_rejected": rejected, **given}
    return exact(name, given, reduction, **options)


def exact(name: str, given: dict[str, Any], reduction: str, **options: Any) -> Tensor:
    """The loss of float64 tensors."""
    if name.startswith("linear_"):
        return linear(name, dict(given), reduction, **options)
    if name == "grpo_loss":
        return grpo(**given, **options, reduction=reduction)
    if name in WITH_COUNTS:
        terms, count = WITH_COUNTS[name](**given, **options)
        if reduction == "none":
            return terms
        return terms.sum() / count if reduction == "mean" else terms.sum()
    terms = TERMS[name](**given, **options)
    if name.endswith("box_iou_loss") and reduction == "mean" and not terms.numel():
        return terms.sum()
    return terms if reduction == "none" else getattr(terms, reduction)()
