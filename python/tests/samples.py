"""Inputs for every loss of the catalogue, and its answer in float64 by PyTorch."""

from typing import Any

import numpy as np

import wgloss

CATALOGUE: dict[str, dict[str, Any]] = {loss["name"]: loss for loss in wgloss.catalogue()}
LOSSES = list(CATALOGUE)


def inputs(name: str, rows: int = 3, classes: int = 4, optional: bool = True) -> dict[str, Any]:
    """Inputs on a lattice that keeps away from kinks: from 0, from margins, and from each other."""
    if name == "ctc_loss":
        return ctc(rows, classes)
    if name == "rnnt_loss":
        return rnnt(rows, classes)
    if name == "multilabel_margin_loss":
        target = np.tile(np.r_[1, 0, -np.ones(classes - 2)].astype(np.int64), (rows, 1))
        return {"input": lattice("real", (rows, classes), 0), "target": target}
    given = [one for one in CATALOGUE[name]["inputs"] if optional or not one["optional"]]
    if any(option["name"] == "average_log_prob" for option in CATALOGUE[name]["options"]):
        return answers(given, rows, classes)
    if given[0]["role"] == "regions":
        return regions(given, rows, classes)
    return {one["name"]: array(one, rows, classes, rank) for rank, one in enumerate(given)}


def array(described: dict[str, Any], rows: int, classes: int, rank: int) -> np.ndarray:
    match described["name"], described["role"]:
        case "linear_weight", _:
            shape: tuple[int, ...] = (classes, classes)
        case "linear_bias", _:
            shape = (classes,)
        case _, "index" | "index_or_rows":
            return (np.arange(rows, dtype=np.int64) * 3 + 1) % classes
        case _, "labels":
            shape = (rows,)
        case _, "listed":
            return lattice("non_positive", (rows, min(2, classes)), rank) - np.float32(1)
        case _, "listed_classes":
            return (np.arange(rows)[:, None] * 3 + np.arange(min(2, classes))) % classes
        case "advantages", _:
            shape = (rows,)
        case "logit_scale" | "logit_bias", _:
            shape = ()
        case _, "marks":
            return np.where(np.arange(rows) % 4 == 3, -100, np.arange(rows))
        case "labels", "own_integers":
            return np.arange(rows, dtype=np.int64) // 2
        case _, "own_integers":
            return (np.arange(rows, dtype=np.int64) * 3 + 1) % max(min(rows, classes), 1)
        case _, "vectors(4)":
            shape = (rows, 4)
        case _, "classes" | "factors":
            shape = (classes,)
        case _:
            shape = (rows, classes)
    return lattice(described["domain"], shape, rank)


def lattice(domain: str, shape: tuple[int, ...], rank: int) -> np.ndarray:
    """Multiples of a quarter, moved by 0.07 for each input and by 0.02 for each class."""
    step = np.arange(np.prod(shape)).reshape(shape) * (3 + 2 * rank)
    moved = 0.06 + 0.07 * rank + 0.02 * np.arange(shape[-1] if shape else 1)
    if not shape:
        return np.float32(0.5 + moved[0]).reshape(())
    match domain:
        case "binary":
            own = np.arange(np.prod(shape)).reshape(shape)
            return np.where(own % 4 != 1, 1, 0).astype(np.float32)
        case "corners":
            low = 0.25 * (step[..., :2] % 5) + 0.13 * rank
            return np.concatenate([low, low + 1 + 0.25 * (step[..., 2:] % 3)], -1, dtype=np.float32)
        case "non_positive":
            return -(0.5 + 0.25 * (step % 5) + moved).astype(np.float32)
        case "sign":
            return np.where(step % 4 < 2, 1, -1).astype(np.float32)
        case "unit":
            return (0.25 + 0.125 * (step % 4) + 0.5 * moved).clip(0, 0.9).astype(np.float32)
        case "non_negative":
            return (0.5 + 0.25 * (step % 5) + moved).astype(np.float32)
    return (0.25 * (step % 11 - 5) + moved).astype(np.float32)


def ctc(items: int, classes: int) -> dict[str, np.ndarray]:
    times, longest = 6, 2
    logits = lattice("real", (times, items, classes), 0).astype(np.float64)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return {
        "log_probs": log_probs.astype(np.float32),
        "targets": 1 + np.arange(items * longest).reshape(items, longest) % (classes - 1),
        "input_lengths": np.full(items, times),
        "target_lengths": 1 + np.arange(items) % longest,
    }


def rnnt(items: int, classes: int) -> dict[str, np.ndarray]:
    steps, longest = 4, 2
    return {
        "logits": lattice("real", (items, steps, longest + 1, classes), 0),
        "targets": np.arange(items * longest).reshape(items, longest) % (classes - 1),
        "logit_lengths": steps - np.arange(items) % 2,
        "target_lengths": 1 + np.arange(items) % longest,
    }


def regions(given: list[dict[str, Any]], items: int, classes: int) -> dict[str, np.ndarray]:
    """Probabilities, and class indices or the same."""
    voxels = (items, classes, 2, 3)
    arrays = {
        "input": lattice("unit", voxels, 0),
        "target": np.arange(items * 6).reshape(items, 2, 3) * 3 % classes,
        "weight": lattice("non_negative", (classes,), 2),
    }
    return {one["name"]: arrays[one["name"]] for one in given}


def answers(given: list[dict[str, Any]], pairs: int, classes: int) -> dict[str, np.ndarray]:
    """Answers of two tokens, of which the reference says about what the policy does."""
    arrays = {
        "input": lattice("real", (2 * pairs, 2, classes), 0),
        "target": np.arange(4 * pairs).reshape(2 * pairs, 2) * 3 % classes,
        "reference_chosen": lattice("non_positive", (pairs,), 2) - np.float32(1),
        "reference_rejected": lattice("non_positive", (pairs,), 3) - np.float32(1),
    }
    own = arrays | {
        one["name"]: array(one, pairs, classes, rank)
        for rank, one in enumerate(given)
        if one["name"].startswith("linear_")
    }
    return {one["name"]: own[one["name"]] for one in given}


def differentiable(name: str, given: dict[str, Any]) -> list[str]:
    """The inputs with a gradient; a class index has none."""
    described = CATALOGUE[name]["inputs"]
    return [
        one["name"]
        for one in described
        if one["differentiable"] and one["name"] in given and is_float(given[one["name"]])
    ]


def is_float(array: Any) -> bool:
    return "float" in str(array.dtype)


def exact(name: str, given: dict[str, Any], reduction: str, **options: Any) -> Any:
    """The loss of float64 tensors as PyTorch has it, or as its authors write it."""
    import beyond
    import torch

    if reduction is None:
        reduction = CATALOGUE[name]["reductions"][0]
    own = beyond.TERMS.keys() | beyond.WITH_COUNTS.keys() | {"grpo_loss"}
    if name in own or (name.startswith("linear_") and name != "linear_cross_entropy"):
        return beyond.exact(name, given, reduction, **options)
    options.pop("z_loss", None), options.pop("softcap", None)
    if name == "triplet_margin_with_distance_loss":
        options.pop("distance", None), options.pop("eps", None)
    return getattr(torch.nn.functional, name)(**given, reduction=reduction, **options)
