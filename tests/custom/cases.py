"""Writes a JSON file for each loss of examples/losses and examples/losses_over_rows, with PyTorch's float64 answers.

    pip install torch
    python tests/custom/cases.py

A file is a list of cases, each a set of parameters and inputs of one size: the tolerance of a test
goes by the largest number of a case, so tiny and large ones are cases of their own.
"""

import json
import math
import struct
from pathlib import Path

import torch

import losses


def float32(x):
    """Of a list each number; whole numbers and booleans stay what they are."""
    if isinstance(x, list):
        return [float32(number) for number in x]
    if isinstance(x, int):
        return x
    return struct.unpack("f", struct.pack("f", x))[0]


def tensor(x):
    """What has a slope."""
    return x if isinstance(x, int) else torch.tensor(x, dtype=torch.float64, requires_grad=True)


class Shared(list):
    """A row that all rows have."""


class Numbers:
    """A small deterministic generator (SplitMix64)."""

    def __init__(self, seed):
        self.state = seed

    def unit(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) >> 11) / (1 << 53)

    def between(self, low, high, count=12):
        return [low + (high - low) * self.unit() for _ in range(count)]

    def sizes(self, low, high, count=12):
        """Positive numbers, as many of each order of magnitude."""
        logs = self.between(math.log(low), math.log(high), count)
        return [math.exp(x) for x in logs]

    def signed(self, low, high, count=12):
        return [x if self.unit() < 0.5 else -x for x in self.sizes(low, high, count)]


def evaluated(name, parameters, columns, gradients, second):
    """A case: value, gradients and second derivative of each element by itself."""
    whole = {key: float(x) for key, x in parameters.items() if isinstance(x, int)}
    parameters = {key: float32(x) for key, x in (parameters | whole).items()}
    shared = {key for key, column in columns.items() if isinstance(column, Shared)}
    columns = {key: [float32(x) for x in column] for key, column in columns.items()}
    first = next(iter(columns))
    case = {"parameters": parameters, "inputs": columns, "value": []}
    count = len(columns[first])
    columns = {key: [x] * count if key in shared else x for key, x in columns.items()}
    case["gradients"] = {key: [] for key in gradients}
    if second:
        case["second"] = {first: []}
    for row in zip(*columns.values(), strict=True):
        inputs = dict(zip(columns, map(tensor, row)))
        value = getattr(losses, name.removeprefix("rows/"))(**inputs, **parameters)
        wanted = [inputs[key] for key in gradients]
        # The loss of some elements does not depend on all inputs: theirs is 0.
        slopes = torch.autograd.grad(
            value, wanted, create_graph=True, allow_unused=True, materialize_grads=True
        )
        case["value"].append(written(value))
        for key, slope in zip(gradients, slopes):
            case["gradients"][key].append(written(slope))
        if second:
            slope = slopes[gradients.index(first)]
            case["second"][first].append(written(second_of(slope, inputs[first])))
    return case


def second_of(slope, x):
    if not slope.requires_grad:
        return torch.zeros(())
    return torch.autograd.grad(slope, x, allow_unused=True, materialize_grads=True)[0]


def written(x):
    """JSON has no infinities and no NaN: they are strings."""
    if x.ndim:
        return [written(number) for number in x]
    x = float(x.detach())
    return x if math.isfinite(x) else str(x)


def residuals(ds, centre=0.0):
    """Predictions and targets with these differences."""
    return {"p": [centre + d for d in ds], "t": [centre] * len(ds)}


def robust(number, *kinks):
    """Residuals for a loss of p - t: ordinary with its kinks, and tiny."""
    ds = [0.0, *number.signed(0.05, 30.0, 20)]
    for kink in kinks:
        ds += [kink, -kink, 0.999 * kink, 1.001 * kink, -1.01 * kink]
    ordinary = {"p": [d + 0.5 for d in ds], "t": [0.5] * len(ds)}
    return [ordinary, residuals([0.0, *number.signed(1e-4, 3e-3, 14)])]


def labelled(xs):
    """Each logit with both labels."""
    return {"x": xs + xs, "t": [1.0] * len(xs) + [0.0] * len(xs)}


def all_cases():
    number = Numbers(7)
    pt = ["p", "t"]

    def add(name, parameters, columns, gradients=pt, second=True):
        found.setdefault(name, []).append((parameters, columns, gradients, second))

    found = {}
    for columns in robust(number, 1e-3):
        for epsilon in [1e-3, 1.0]:
            add("charbonnier", {"epsilon": epsilon}, columns)
    add("charbonnier", {"epsilon": 1e-3}, residuals(number.signed(1e3, 1e9)), second=False)

    for alpha in [2.0, 1.0, 0.5, 0.0, -2.0, -30.0, -1e9, -3e38]:
        for columns in robust(number):
            add("barron_general_robust", {"alpha": alpha, "scale": 1.5}, columns)
    large = residuals(number.signed(1e2, 1e6))
    for alpha in [1.5, 0.0, -2.0]:
        add("barron_general_robust", {"alpha": alpha, "scale": 0.1}, large, second=False)

    for exponent in [1.1, 1.5, 1.9]:
        means = number.sizes(0.05, 20.0, 16)
        counts = number.sizes(0.05, 20.0, 12) + means[12:]
        add("tweedie_deviance", {"exponent": exponent}, {"p": means, "t": counts})
        add("tweedie_deviance", {"exponent": exponent}, {"p": means, "t": [0.0] * 16}, ["p"])
        large = {"p": number.sizes(1e2, 1e5), "t": number.sizes(1e2, 1e5)}
        add("tweedie_deviance", {"exponent": exponent}, large)

    for columns in [*robust(number, 10.0), residuals(number.signed(1e3, 1e9))]:
        add("wing", {"width": 10.0, "curvature": 2.0}, columns)
    add("wing", {"width": 0.5, "curvature": 0.01}, robust(number, 0.5)[0])

    logits = [0.0, *number.between(-9.0, 9.0, 18), -2.94, -2.95, -20.0, 20.0, -60.0, 60.0, 200.0]
    for pos, neg, clip in [(0.0, 4.0, 0.05), (1.0, 2.0, 0.2), (2.0, 1.0, 0.05), (0.0, 0.0, 0.05)]:
        parameters = {"gamma_pos": pos, "gamma_neg": neg, "clip": clip}
        add("asymmetric_focal", parameters, labelled(logits), ["x"])
    parameters = {"gamma_pos": 0.0, "gamma_neg": 3.0, "clip": 0.0}
    add("asymmetric_focal", parameters, labelled(logits[:-1]), ["x"])

    for name, scale in [("cauchy", 2.3849), ("geman_mcclure", 1.0), ("welsch", 2.9846)]:
        for columns in robust(number, scale):
            add(name, {"scale": scale}, columns)
        add(name, {"scale": scale}, residuals(number.signed(1e2, 1e6)), second=False)

    for columns in [*robust(number, 4.685, 4.0), residuals(number.signed(1e3, 1e9))]:
        add("tukey_biweight", {"cut": 4.685}, columns)
    add("tukey_biweight", {"cut": 4.0}, robust(number, 4.0)[0])

    for tau in [0.1, 0.5, 0.9]:
        for columns in [*robust(number), residuals(number.signed(1e3, 1e9))]:
            add("expectile", {"tau": tau}, columns)

    for q in [0.7, 0.25, 1.0]:
        ps = [1.0, 0.999, 0.99999, *number.between(0.02, 1.0, 20)]
        add("generalized_cross_entropy", {"q": q}, {"p": ps}, ["p"])
        add("generalized_cross_entropy", {"q": q}, {"p": number.sizes(1e-5, 1e-3)}, ["p"])
        add("generalized_cross_entropy", {"q": q}, {"p": [0.0, 0.5]}, ["p"], False)

    ps = [0.0, 0.0, 2.0, -2.0, 2.0, 3.0, *number.signed(0.1, 9.0, 20)]
    ts = [0.0, 1.5, 0.0, 2.0, 2.0, -3.0, *number.signed(0.1, 9.0, 20)]
    for factor in [1.0, 1e-4, 1e9]:
        columns = {"p": [factor * p for p in ps], "t": [factor * t for t in ts]}
        add("symmetric_mean_absolute_percentage", {}, columns)

    counts = [0.0, 1.0, -0.5, -0.99, *number.sizes(0.05, 50.0, 16)]
    add("mean_squared_log_error", {}, {"p": counts, "t": counts[::-1]})
    add("mean_squared_log_error", {}, {"p": counts, "t": counts})
    add("mean_squared_log_error", {}, {"p": number.signed(1e-6, 1e-4), "t": [0.0] * 12})
    large = {"p": number.sizes(1e3, 1e9), "t": number.sizes(1e3, 1e9)}
    add("mean_squared_log_error", {}, large)

    for low, high in [(0.05, 30.0), (1e-6, 1e-4), (1e3, 1e9)]:
        columns = residuals([0.0, *number.signed(low, high, 15)])
        columns["scale"] = number.sizes(low, high, 16)
        add("laplace_nll", {}, columns, ["p", "t", "scale"])

    xs = [0.0, *number.between(-8.0, 8.0, 19)]
    for beta in [2.0, 1.5, 1.0]:
        soft = {"x": xs, "t": [0.0, 1.0, *number.between(0.0, 1.0, 18)]}
        add("quality_focal", {"beta": beta}, soft, ["x", "t"])
        far = labelled([-80.0, -40.0, -15.0, 15.0, 40.0, 80.0])
        add("quality_focal", {"beta": beta}, far, ["x"])

    logits = [0.0, *number.between(-8.0, 8.0, 12), -30.0, 30.0, -80.0, 80.0]
    for terms in range(4):
        parameters = {"terms": terms, "epsilon_1": 2.0, "epsilon_2": -0.4, "epsilon_3": 1.5}
        add("poly_loss", parameters, labelled(logits), ["x"])

    for beta in [-1, 0, 1, 2, 3]:
        ps = number.sizes(0.1, 9.0, 16)
        ts = number.sizes(0.1, 9.0, 14) + ps[14:]
        add("beta_divergence", {"beta": beta}, {"p": ps, "t": ts})
        if beta > 0:
            add("beta_divergence", {"beta": beta}, {"p": ps, "t": [0.0] * 16}, ["p"])

    ps = number.sizes(0.1, 9.0, 24)
    ts = number.sizes(0.1, 9.0, 12) + [p * x for p, x in zip(ps, [0.5, 2.0, 1.0, 0.99, 1.01])]
    ts += [0.501 * p for p in ps[17:20]] + [2.01 * p for p in ps[20:]]
    add("gamma_deviance", {}, {"p": ps, "t": ts})
    near = number.sizes(0.5, 2.0)
    add("gamma_deviance", {}, {"p": near, "t": [p * 1.003 for p in near]})
    for sizes in [(1e-6, 1e-3), (1e3, 1e6)]:
        add("gamma_deviance", {}, {"p": number.sizes(*sizes), "t": number.sizes(0.1, 10.0)})

    for low, high in [(0.01, 3.0), (3.0, 19.9), (20.1, 200.0)]:
        columns = {"p": number.between(-3.1, 3.1, 16), "t": number.between(-3.1, 3.1, 16)}
        columns["concentration"] = number.sizes(low, high, 16)
        columns["p"][0] = columns["t"][0]
        add("von_mises_nll", {}, columns, ["p", "t", "concentration"])

    for low, high in [(0.3, 30.0), (1e-3, 0.1), (1e2, 1e4)]:
        columns = residuals([0.0, *number.signed(low, high, 19)])
        columns["scale"] = number.sizes(low, high, 20)
        columns["freedom"] = number.sizes(0.5, 100.0, 20)
        add("student_t_nll", {}, columns, ["p", "t", "scale", "freedom"])

    logits = [0.0, *number.between(-6.0, 6.0, 11), -40.0, 40.0]
    for one, two in [(0.8, 1.2), (0.5, 2.0), (0.0, 1.0)]:
        parameters = {"temperature_1": one, "temperature_2": two, "iterations": 20}
        add("bi_tempered_logistic", parameters, labelled(logits), ["x"])
        soft = {"x": logits, "t": number.between(0.05, 0.95, len(logits))}
        add("bi_tempered_logistic", parameters, soft, ["x", "t"])

    counts = [0, 1, 2, 3, 5, 8, 12, 20, 0, 1, 4, 30]
    for low, high in [(0.1, 20.0), (20.0, 500.0)]:
        for r_low, r_high in [(0.2, 3.0), (3.0, 200.0)]:
            columns = {"p": number.sizes(low, high), "r": number.sizes(r_low, r_high), "t": counts}
            add("negative_binomial", {}, columns, ["p", "r"])

    columns = {"p": number.sizes(0.1, 8.0), "x": number.between(-5.0, 5.0), "t": counts}
    add("zero_inflated_poisson", {}, columns, ["p", "x"])
    zeros = {"p": number.sizes(0.1, 30.0), "x": number.between(-9.0, 9.0), "t": [0] * 12}
    add("zero_inflated_poisson", {}, zeros, ["p", "x"])

    for low, high in [(0.2, 2.0), (1.0, 30.0)]:
        columns = {"a": number.sizes(low, high), "b": number.sizes(low, high)}
        columns["t"] = number.between(0.05, 0.95)
        add("beta_nll", {}, columns, ["a", "b", "t"])

    for penalty in [0.0, 0.01]:
        for low, high in [(0.1, 3.0), (3.0, 30.0)]:
            columns = {"p": [0.5, *number.between(-3.0, 3.0, 11)], "nu": number.sizes(0.2, 5.0)}
            columns["alpha"] = number.sizes(1.1, 20.0)
            columns["beta"] = number.sizes(0.2, 5.0)
            away = [0.0, *number.signed(low, high, 11)]
            columns["t"] = [p + d for p, d in zip(columns["p"], away)]
            wanted = ["p", "nu", "alpha", "beta", "t"]
            add("evidential_regression", {"penalty": penalty}, columns, wanted)

    for low, high in [(0.1, 3.0), (3.0, 30.0)]:
        columns = residuals([0.0, *number.signed(low, high, 11)], 0.25)
        columns = {"p": columns["p"], "scale": number.sizes(0.3, 3.0), "t": columns["t"]}
        add("normal_crps", {}, columns, ["p", "scale", "t"])

    events = [False, True, True, False, True, False, True, True, False, False, True, True]
    for low, high in [(0.3, 3.0), (0.01, 100.0)]:
        columns = {"p": number.between(-1.0, 1.0), "scale": number.sizes(0.5, 2.0)}
        columns |= {"t": number.sizes(low, high), "event": events}
        add("log_normal_survival", {}, columns, ["p", "scale", "t"])
        columns = {"scale": number.sizes(0.5, 2.0), "shape": number.sizes(0.5, 2.0)}
        columns |= {"t": number.sizes(low, min(high, 6.0)), "event": events}
        add("weibull_survival", {}, columns, ["scale", "shape", "t"])

    classes = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 2, 0, 4, 1]
    for thresholds in [[-1.5, -0.5, 0.5, 1.5], [-4.0, 0.0, 0.125, 3.0]]:
        for reach in [2.0, 12.0]:
            columns = {"x": number.between(-reach, reach, 14), "t": classes}
            add("ordinal", {"thresholds": thresholds}, columns, ["x"])

    def vectors(low, high, size, count=12):
        return [number.between(low, high, size) for _ in range(count)]

    for reach in [1.5, 6.0]:
        columns = {"x": vectors(-reach, reach, 3), "mean": vectors(-reach, reach, 3)}
        columns |= {"log_scale": vectors(-1.0, 1.0, 3), "t": number.between(-reach, reach)}
        add("mixture_density", {}, columns, ["x", "mean", "log_scale", "t"], False)

    def boxes(reach):
        corners = [(number.between(0.0, reach, 2), number.sizes(0.5, 4.0, 2)) for _ in range(16)]
        return [[x, y, x + width, y + height] for (x, y), (width, height) in corners]

    for reach in [2.0, 12.0]:
        columns = {"p": boxes(reach), "t": boxes(reach)}
        add("generalized_iou", {"epsilon": 1e-7}, columns, ["p", "t"], False)
    apart = {"p": [[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 4.0, 3.0]], "t": [[2.0, 0.0, 3.0, 1.0], [2.0, 1.5, 3.0, 2.0]]}
    add("generalized_iou", {"epsilon": 1e-7}, apart, ["p", "t"], False)

    answers = ["chosen", "rejected", "chosen_before", "rejected_before"]
    for beta, reach in [(0.1, 40.0), (0.5, 200.0)]:
        columns = {key: number.between(-reach, 0.0) for key in answers}
        add("dpo", {"beta": beta}, columns, answers)

    now = [0.0, 0.1, -0.1, 0.5, -0.5, 0.19, -0.25, *number.between(-1.0, 1.0, 13)]
    for advantage in [1.0, -1.0]:
        columns = {"p": now, "before": [0.0] * 7 + number.between(-1.0, 1.0, 13)}
        columns["advantage"] = [advantage * x for x in number.sizes(0.1, 5.0, 20)]
        add("ppo_clip", {"width": 0.2}, columns, ["p", "before", "advantage"])
    def rows_of(classes):
        return 6 if classes < 100 else 1

    def row_of(low, high, classes):
        return [number.between(low, high, classes) for _ in range(rows_of(classes))]

    def indices(classes):
        return [int(number.unit() * classes) for _ in range(rows_of(classes))]

    # Rows by name, "rows/NAME", each with one value.
    def add_rows(name, parameters, columns, gradients):
        add(f"rows/{name}", parameters, columns, gradients, False)

    for gamma, classes, reach in [(2.0, 5, 3.0), (0.5, 40, 8.0), (0.0, 3, 30.0), (2.0, 300, 1.0)]:
        columns = {"input": row_of(-reach, reach, classes), "target": indices(classes)}
        add_rows("focal_softmax", {"gamma": gamma}, columns, ["input"])
    for smoothing, classes, reach in [(0.1, 7, 4.0), (0.0, 4, 20.0), (0.3, 270, 3.0)]:
        columns = {"input": row_of(-reach, reach, classes), "target": indices(classes)}
        columns["weight"] = number.between(0.0, 2.0, rows_of(classes))
        add_rows("smoothed_cross_entropy", {"smoothing": smoothing}, columns, ["input"])
    for classes in [3, 17, 258]:
        columns = {"p": row_of(0.0, 1.0, classes), "t": row_of(0.0, 1.0, classes)}
        add_rows("soft_dice", {"smoothing": 1.0}, columns, ["p", "t"])
        columns = {key: row_of(-2.0, 2.0, classes) for key in ["p", "t", "direction"]}
        add_rows("sliced_distance", {}, columns, ["p", "t", "direction"])
        shares = [[x / sum(row) for x in row] for row in row_of(0.05, 1.0, classes)]
        columns = {"alpha": row_of(0.1, 5.0, classes), "t": shares}
        add_rows("dirichlet_nll", {}, columns, ["alpha", "t"])
        now = ["p", "before", "reward"]
        columns = {key: row_of(-0.5, 0.5, classes) for key in now}
        parameters = {"width": 0.2, "epsilon": 1e-4}
        add_rows("group_relative_policy", parameters, columns, now)
        for name in ["carlini_wagner", "multi_margin"]:
            columns = {"input": row_of(-2.0, 2.0, classes), "target": indices(classes)}
            add_rows(name, {"margin": 1.0}, columns, ["input"])
    ties = [[1.0, 2.0, 2.0, 0.0], [3.0, 3.0, 3.0, 3.0], [1.0, 0.5, 1.0, 1.0]]
    columns = {"input": ties, "target": [0, 2, 1]}
    add_rows("carlini_wagner", {"margin": 1.0}, columns, ["input"])
    for tau, classes, reach in [(1.0, 5, 4.0), (0.5, 300, 2.0), (2.0, 4, 20.0), (0.0, 17, 1.0)]:
        columns = {"input": row_of(-reach, reach, classes)}
        sizes = number.sizes(1e-3, 1.0, classes)
        columns["prior"] = Shared(x / sum(sizes) for x in sizes)
        columns["target"] = indices(classes)
        add_rows("logit_adjusted", {"tau": tau}, columns, ["input"])
    for classes, reach in [(5, 4.0), (17, 30.0), (60, 3.0), (258, 2.0)]:
        columns = {"input": row_of(-reach, reach, classes)}
        add_rows("list_mle", {}, columns, ["input"])
        targets = columns | {"target": indices(classes)}
        add_rows("ranked_probability_score", {}, targets, ["input"])
        shares = [[x / sum(row) for x in row] for row in row_of(0.05, 1.0, classes)]
        # What the sum of all exponentials is rounded by is in each cumulative sum: PyTorch's float32
        # is off by 2e-6 of the largest slope at 258 classes too.
        if classes < 100:
            distributions = columns | {"expected": shares}
            add_rows("earth_movers_distance", {}, distributions, ["input", "expected"])
        chances = row_of(0.0, 1.0, classes)
        events = [[1.0, 1.0] + [float(x < 0.4) for x in row[2:]] for row in chances]
        columns = columns | {"event": events}
        add_rows("cox_partial_likelihood", {}, columns, ["input", "event"])
    keypoints = ["x", "y", "to_x", "to_y"]
    for classes, reach in [(3, 2.0), (17, 50.0), (258, 5.0)]:
        columns = {key: row_of(0.0, reach, classes) for key in keypoints}
        columns["labelled"] = [[int(x > 0.3) for x in row] for row in row_of(0.0, 1.0, classes)]
        if classes < 10:
            columns["labelled"][0] = [0] * classes
        columns["sigma"] = Shared(number.between(0.1, 1.0, classes))
        columns["area"] = number.between(0.1 * reach**2, reach**2, rows_of(classes))
        add_rows("object_keypoint_similarity", {}, columns, [*keypoints, "area"])
    return found


def main():
    folder = Path(__file__).parent
    for name, cases in all_cases().items():
        text = ",\n".join(json.dumps(evaluated(name, *case)) for case in cases)
        (folder / f"{name}.json").write_text(f"[\n{text}\n]\n")


main()
