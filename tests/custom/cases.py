"""Writes a JSON file for each loss of examples/losses, with PyTorch's float64 answers.

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
    return struct.unpack("f", struct.pack("f", x))[0]


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
    parameters = {key: float32(x) for key, x in parameters.items()}
    columns = {key: [float32(x) for x in column] for key, column in columns.items()}
    first = next(iter(columns))
    case = {"parameters": parameters, "inputs": columns, "value": []}
    case["gradients"] = {key: [] for key in gradients}
    if second:
        case["second"] = {first: []}
    for row in zip(*columns.values(), strict=True):
        tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in row]
        inputs = dict(zip(columns, tensors))
        value = getattr(losses, name)(**inputs, **parameters)
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
    return found


def main():
    folder = Path(__file__).parent
    for name, cases in all_cases().items():
        text = ",\n".join(json.dumps(evaluated(name, *case)) for case in cases)
        (folder / f"{name}.json").write_text(f"[\n{text}\n]\n")


main()
